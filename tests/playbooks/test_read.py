"""Reading: every mistake is named with its line and a remedy, and one broken file hides no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crisis.playbooks.read import BrokenPlaybook, PlaybookFolder, read_all, read_file, read_text
from tests.playbooks.sample import SOURCE, playbook, spoiled


def _line(part: str) -> int:
    return SOURCE[: SOURCE.index(part)].count("\n") + 1


def test_reads_the_sample() -> None:
    book = playbook()
    assert book.kind == "hospital"
    assert list(book.messages) == ["initial", "update", "correction", "all_clear"]
    assert book.slots["ward"].longest == len("The maternity ward")
    assert list(book.slots_of("initial")) == ["place", "phone", "ward"]


@pytest.mark.parametrize(
    ("old", "new", "where", "say"),
    [
        ('for = "hospital"', 'for = "shop"', "for", "'hospital' or 'public_body'"),
        ('owner = "Kommunikasjonsdirektøren"\n', "", "owner", "is missing; add it"),
        (
            'nn = "Brann", en = "Fire" }',
            'nn = "Brann" }',
            "title.en",
            "is missing; write the text in this language too",
        ),
        ('owner = "', 'ovner = "x"\nowner = "', "ovner", "did you mean owner?"),
        ('type = "place"\nmax = 20', 'type = "place"', "slots.place", "add max = 40"),
        ('type = "phone"', 'type = "fax"', "slots.phone.type", "write 'text'"),
        ('key = "er"', 'key = "maternity"', "slots.ward", "'maternity' is there twice"),
        ("[slots.place]", "[slots.link]", "slots.link", "always there by itself"),
        ('nb = "Det brenner ved {place}."', 'nb = "Det brenner ved {plase}."', "messages.initial.voice.nb", "{place}?"),
        ('nb = "Det brenner ved {place}."', 'nb = "Se {link}."', "messages.initial.voice.nb", "nobody can hear"),
        ('nb = "Det brenner ved {place}."', 'nb = "Brann {place"', "messages.initial.voice.nb", "belongs to no slot"),
        ('nb = "Det brenner ved {place}."', 'nb = "Brann } der"', "messages.initial.voice.nb", "belongs to no slot"),
        (
            'nb = "Det brenner ved {place}."',
            'nb = "Brann { place }"',
            "messages.initial.voice.nb",
            "belongs to no slot",
        ),
        ('nb = "Det brenner ved {place}."', 'nb = " "', "messages.initial.voice.nb", "is empty"),
        ('nb = "Det brenner ved {place}."', 'nb = "Brann\\u202e"', "messages.initial.voice.nb", "U+202E"),
        ("next_update_minutes = 60", "next_update_minutes = 0", "messages.initial.short.nb", "above 0"),
        ('nb = "Brann", nn', 'nb = "Brann {place}", nn', "title.nb", "can't stand here"),
        ('nb = "Brann ved {place}", nn', 'nb = "Brann\\nved {place}", nn', "messages.initial.title.nb", "one line"),
        ('lane = "question"', 'lane = "sport"', "answers.safe.lane", "'press'"),
        ("minute = 0", "minute = -1", "checklist.0.minute", "greater than or equal to 0"),
        ('id = "fire"', 'id = "flood"', "id", "rename the file to flood.toml"),
        ("reviewed = 2026-10-01", 'reviewed = "soon"', "reviewed", "date"),
    ],
)
def test_mistakes(old: str, new: str, where: str, say: str) -> None:
    with pytest.raises(BrokenPlaybook) as caught:
        read_text(spoiled(old, new, 1), "fire")
    mistakes = {mistake.where: mistake for mistake in caught.value.mistakes}
    assert where in mistakes, [f"{m.where}: {m.say}" for m in caught.value.mistakes]
    assert say in mistakes[where].say


def test_the_line_is_named() -> None:
    with pytest.raises(BrokenPlaybook) as caught:
        read_text(spoiled('lane = "question"', 'lane = "sport"'), "fire")
    assert [mistake.line for mistake in caught.value.mistakes] == [_line('lane = "question"')]


def test_every_mistake_at_once() -> None:
    source = spoiled('for = "hospital"', 'for = "shop"').replace('lane = "question"', 'lane = "sport"')
    with pytest.raises(BrokenPlaybook) as caught:
        read_text(source, "fire")
    assert {mistake.where for mistake in caught.value.mistakes} == {"for", "answers.safe.lane"}


def test_not_toml_names_the_line() -> None:
    with pytest.raises(BrokenPlaybook) as caught:
        read_text('id = "fire"\nfor = hospital\n', "fire")
    assert caught.value.mistakes[0].line == 2
    assert "not TOML" in caught.value.mistakes[0].say


def test_one_broken_file_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "fire.toml").write_text(SOURCE)
    (tmp_path / "flood.toml").write_text(SOURCE)
    (tmp_path / "latin.toml").write_bytes('id = "æ"'.encode("latin-1"))
    (tmp_path / "README.md").write_text("not a playbook")
    shelf = read_all(tmp_path)
    assert set(shelf.playbooks) == {"fire"}
    assert set(shelf.broken) == {"flood.toml", "latin.toml"}
    assert "UTF-8" in shelf.broken["latin.toml"][0].say
    assert shelf.sources["fire"] == SOURCE


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BrokenPlaybook, match="can't be read"):
        read_file(tmp_path / "none.toml")


def test_folder_reads_again_only_what_changed(tmp_path: Path) -> None:
    fire, other = tmp_path / "fire.toml", tmp_path / "flood.toml"
    fire.write_text(SOURCE)
    other.write_text(SOURCE.replace('id = "fire"', 'id = "flood"'))
    folder = PlaybookFolder(tmp_path)
    first = folder.shelf()
    assert folder.shelf() is first

    fire.write_text(SOURCE.replace('owner = "Kommunikasjonsdirektøren"', 'owner = "Direktøren"'))
    second = folder.shelf()
    assert second.playbooks["fire"].owner == "Direktøren"
    assert second.playbooks["flood"] is first.playbooks["flood"]

    stamp = fire.stat()
    fire.write_text(fire.read_text().replace("Direktøren", "Sjefskokken"[:10]))
    os.utime(fire, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    assert folder.shelf().playbooks["fire"].owner == "Sjefskokke"

    fire.unlink()
    assert set(folder.shelf().playbooks) == {"flood"}
