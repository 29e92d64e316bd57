"""Rules files: ours are whole, a unit's are laid over them, and mistakes are shown with their line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from crisis.triage.rules import FOLDER, OTHER, OWN_LANGUAGES, BadRules, Finder, finder, our_rules, read_rules


def test_every_language_has_its_file_and_every_file_its_language() -> None:
    assert {path.stem for path in FOLDER.glob("*.toml")} == {*OWN_LANGUAGES, OTHER}


@pytest.mark.parametrize("language", [*OWN_LANGUAGES, OTHER])
def test_our_rules_are_whole(language: str) -> None:
    rules = our_rules(language)
    assert [name for name, count in Counter(group.name for group in rules.groups).items() if count > 1] == []
    assert {"trapped", "rescue", "help", "injured", "missing", "thanks"} <= {group.name for group in rules.groups}
    assert rules.negations
    assert rules.own


@pytest.mark.parametrize("language", [*OWN_LANGUAGES, OTHER])
def test_every_word_of_every_group_is_found(language: str) -> None:
    for group in our_rules(language).groups:
        alone = Finder([our_rules(language).model_copy(update={"groups": (group,), "negations": ()})])
        for word in group.words:
            text = tuple(word.replace("*", "").lower().split())
            if all(part.isalpha() for part in text):
                assert [find.group.name for find in alone.find(text)] == [group.name], word


def test_stems_match_beginnings_and_words_match_whole() -> None:
    looks = finder("en")
    assert {find.group.name for find in looks.find(("casualties",))} >= {"casualties"}
    assert looks.find(("helpful",)) == []


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ('[[groups]]\nname = "a"\npoints = 5\nwords = ["x"\n', r"nb\.toml:\d"),
        ('negations = ["ikke"]\n\n[[groups]]\nname = "a"\npoints = 500\nwords = ["x"]\n', r"nb\.toml:5"),
        ('[[groups]]\nname = "a"\npoints = 5\nlane = "panic"\nwords = ["x"]\n', r"nb\.toml:4"),
        ('[[groups]]\nname = "a"\npoints = 5\nwords = ["b*"]\n', r"nb\.toml:4: .*nearly everything"),
        ('[[groups]]\nname = "a"\npoints = 5\nwords = ["!!"]\n', r"nb\.toml:4: .*no word"),
        ('[extend]\nnosuch = ["x"]\n', r"nb\.toml:1: .*no such group"),
    ],
)
def test_mistakes_are_shown_with_their_line(tmp_path: Path, source: str, where: str) -> None:
    (tmp_path / "nb.toml").write_text(source)
    with pytest.raises(BadRules, match=where):
        finder("nb", tmp_path)


def test_a_file_that_cannot_be_read_is_a_bad_one(tmp_path: Path) -> None:
    """Saved by another editor: our own words are used instead, and the listener reads on."""
    (tmp_path / "nb.toml").write_bytes('negations = ["ikke", "ikkje på"]'.encode("latin-1"))
    with pytest.raises(BadRules, match="UTF-8"):
        finder("nb", tmp_path)
    (tmp_path / "nb.toml").unlink()
    (tmp_path / "nb.toml").mkdir()
    with pytest.raises(BadRules, match="can't be read"):
        finder("nb", tmp_path)


def test_a_unit_adds_words_and_replaces_groups(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text(
        'negations = ["nowise"]\n[extend]\ntrapped = ["wedged in"]\n[[groups]]\nname = "thanks"\npoints = -5\nwords = ["cheers"]\n'
    )
    looks = finder("en", tmp_path)
    assert [find.group.name for find in looks.find(("wedged", "in"))] == ["trapped"]
    assert [find.group.points for find in looks.find(("cheers",))] == [-5]
    assert looks.find(("thanks",)) == []
    assert looks.find(("nowise", "injured"))[0].denied


def test_reading_leaves_the_file_that_has_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "nb.toml"
    path.write_text("")
    assert read_rules(path).groups == ()
