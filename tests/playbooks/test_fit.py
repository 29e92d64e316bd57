"""The fit: texts filled to the brim against every network named, in earnest and as a drill."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.text.counting import sms_size, x_size
from crisis.playbooks.check import FOUR_CHANNELS, check
from crisis.playbooks.fill import drill_marked, render
from crisis.playbooks.fit import Finding, inspect, measured
from crisis.playbooks.playbook import BUILT_IN
from crisis.playbooks.read import Mistake, Shelf, read_text
from crisis.playbooks.readability import lix
from crisis.playbooks.slots import BadSlot, check_all
from crisis.settings import LANGUAGES
from tests.playbooks.sample import SOURCE, TODAY, VALUES, playbook, spoiled

INITIAL_NB = 'nb = "{organisation}: Brann ved {place}. {ward} er stengt. Ring {phone}. Nytt kl. {next_update}. {link}"'


def _findings(old: str = "", new: str = "", count: int = 1, today: date = TODAY) -> list[Finding]:
    source = spoiled(old, new, count)
    return inspect(read_text(source, "fire"), source, FOUR_CHANNELS, today)


def _errors(old: str, new: str) -> list[Finding]:
    return [finding for finding in _findings(old, new) if finding.severity == "error"]


def test_the_sample_fits() -> None:
    assert _findings() == []


def _room_left() -> int:
    """Weighted characters the widest update has left on X as a drill; the first message has words of its own there."""
    rows = {(row.message, row.language, row.channel): row.size for row in measured(playbook(), FOUR_CHANNELS)}
    size = rows["update", "nb", "x"]
    return size.limit - size.used


def _longer_update(by: int) -> tuple[str, str]:
    start = SOURCE.index("[messages.update.short]")
    end = SOURCE.index("[messages.update.full]")
    part = SOURCE[start:end]
    return part, part.replace("Brann ved", "Brann " + "å" * (by - 1) + " ved" if by else "Brann ved", 1)


def test_exactly_full_fits_and_one_more_does_not() -> None:
    assert _errors(*_longer_update(_room_left())) == []
    (finding,) = _errors(*_longer_update(_room_left() + 1))
    assert finding.severity == "error"
    assert (finding.message, finding.language, finding.channel) == ("update", "nb", "x")
    assert finding.file == "fire.toml"
    assert "1 weighted characters too many for X as a drill, with every slot full: 281 of 280" in finding.say


def test_too_long_in_earnest_says_so() -> None:
    (finding,) = [f for f in _findings(*_longer_update(_room_left() + 30)) if f.channel == "x"]
    assert "for X with every slot full" in finding.say


def test_the_line_is_the_texts_own() -> None:
    part, longer = _longer_update(_room_left() + 1)
    (finding,) = _errors(part, longer)
    assert SOURCE.splitlines()[finding.line - 1].startswith('nb = "{organisation}: Brann')
    assert finding.line > SOURCE[: SOURCE.index("[messages.update.short]")].count("\n")


def test_sms_alphabet_is_a_warning_with_its_cost() -> None:
    found = [f for f in _findings(INITIAL_NB, INITIAL_NB.replace("Brann ved", "Brann – ved")) if f.channel == "sms"]
    (finding,) = found
    assert finding.severity == "warning"
    assert "– (U+2013) not in the SMS alphabet: 3 parts instead of 2" in finding.say


def test_a_sami_name_never_stops_an_sms() -> None:
    values = VALUES | {"place": "Kárášjohka", "organisation": "Å" * BUILT_IN["organisation"]}
    size = sms_size(drill_marked(render(playbook(), "update", "short", "nb", values).text, "nb", "short"))
    assert size.alphabet == "UCS-2"
    assert size.over == 0


@pytest.mark.parametrize(
    ("old", "new", "severity", "where", "say"),
    [
        ('phase = "all_clear"', 'phase = "update"', "error", "messages", "no message has phase all_clear"),
        (
            'corrected_by = "correction"',
            'corrected_by = "none"',
            "error",
            "messages.initial.corrected_by",
            "no message",
        ),
        (
            'corrected_by = "correction"',
            'corrected_by = "update"',
            "error",
            "messages.initial.corrected_by",
            "phase corr",
        ),
        ('corrected_by = "correction"\n', "", "error", "messages.initial", "has no corrected_by"),
        ('ended_by = "all_clear"\n', "", "error", "messages.initial", "has no ended_by"),
        ('ended_by = "all_clear"', 'ended_by = "update"', "error", "messages.initial.ended_by", "phase all_clear"),
        ('["page", "x"', '["page", "fax", "x"', "error", "messages.initial.channels", "known are email, page, sms, x"),
        ('"x", "sms", "email"]', '"sms", "email"]', "error", "messages.initial.override.x", "does not go to 'x'"),
        ("reviewed = 2026-10-01", "reviewed = 2026-11-02", "error", "reviewed", "has not come yet"),
        ("valid_until = 2027-10-01", "valid_until = 2026-10-31", "error", "valid_until", "passed"),
        ("valid_until = 2027-10-01", "valid_until = 2026-11-30", "warning", "valid_until", "plan the next review"),
        (
            "[slots.phone]",
            '[slots.old]\ntype = "time"\nlabel = {nb="a",nn="b",en="c"}\n[slots.phone]',
            "warning",
            "slots.old",
            "no message uses it",
        ),
        (" Nytt kl. {next_update}.", "", "warning", "messages.initial.short.nb", "say so with {next_update}"),
        (
            'nb = "Det brenner ved {place}."',
            f'nb = "{"å" * 1_500}"',
            "error",
            "messages.initial.voice.nb",
            "40 characters",
        ),
        (
            'nb = "Brann ved {place}", nn',
            f'nb = "{"å" * 143}", nn',
            "error",
            "messages.initial.title.nb",
            "1 characters",
        ),
        (
            "Det brenner ved {place}.\n\nGå ut. Se {link}.",
            "Kommunikasjonsavdelingen informerer fortløpende om situasjonsutviklingen og anbefaler publikum forsiktighet inntil videre.",
            "warning",
            "messages.initial.full.nb",
            "hard to read",
        ),
        ("Alle er trygge. Ring", "å" * 280, "error", "answers.safe.nb", "for X"),
    ],
)
def test_findings(old: str, new: str, severity: str, where: str, say: str) -> None:
    found = [(f.severity, f.where) for f in _findings(old, new) if say in f.say]
    assert (severity, where) in found, [str(f) for f in _findings(old, new)]


def test_no_voice_text_is_a_warning_until_a_voice_channel_is_named() -> None:
    start, end = SOURCE.index("[messages.update.voice]"), SOURCE.index("[messages.correction]")
    source = SOURCE[:start] + SOURCE[end:]
    (finding,) = inspect(read_text(source, "fire"), source, FOUR_CHANNELS, TODAY)
    assert finding.severity == "warning"
    voice = replace(FOUR_CHANNELS["sms"], name="voice", form="voice")
    source = source.replace('channels = ["page",', 'channels = ["page", "voice",')
    found = inspect(read_text(source, "fire"), source, {**FOUR_CHANNELS, "voice": voice}, TODAY)
    assert ("error", "update", "voice") in {(f.severity, f.message, f.channel) for f in found}


def test_broken_files_are_errors_beside_the_others() -> None:
    shelf = Shelf({"fire": playbook()}, {"bad.toml": [Mistake(3, "for", "is missing")]}, {"fire": SOURCE})
    (finding,) = check(shelf, FOUR_CHANNELS, TODAY)
    assert str(finding) == "bad.toml:3: error: for: is missing"


def test_last_good_day() -> None:
    book = playbook()
    assert not [f for f in _findings(today=book.valid_until) if f.severity == "error"]
    assert [f for f in _findings(today=book.valid_until + timedelta(days=1)) if f.severity == "error"]


free_text = st.text(alphabet=st.sampled_from("abåÅæøxyz .-€[火😜č"), min_size=1, max_size=20)


@given(free_text, st.sampled_from(["er", "maternity"]), st.sampled_from(LANGUAGES))
def test_whatever_passes_the_slots_fits_as_measured(place: str, ward: str, language: str) -> None:
    """The promise of the whole engine: no value a duty officer can enter makes a checked text too long for X."""
    book = playbook()
    tongue = next(each for each in LANGUAGES if each == language)
    clean, errors = check_all(book, "update", {"place": place, "phone": "23000050", "ward": ward}, tongue)
    if errors:
        assert all(isinstance(bad, BadSlot) for bad in errors.values())
        return
    built_in = {"organisation": "Å" * BUILT_IN["organisation"], "link": VALUES["link"], "next_update": "23:59"}
    text = render(book, "update", FOUR_CHANNELS["x"], tongue, clean | built_in).text
    most = {(r.message, r.language, r.channel): r.size for r in measured(book, FOUR_CHANNELS)}
    assert x_size(drill_marked(text, tongue, "short")).used <= most["update", tongue, "x"].used
    sms = sms_size(drill_marked(text, tongue, "short"))
    if sms.alphabet == "GSM-7":
        assert sms.used <= most["update", tongue, "sms"].used


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("For kort.", 0),
        ("en to tre fire fem seks sju åtte ni ti.", 10),
        ("en to tre fire fem. seks sju åtte ni ti.", 5),
        ("en to tre fire fem. seks sju åtte ni kommunikasjon.", 15),
        ("en to tre fire {place}. seks sju åtte ni {next_update}.", 5),
        ("- en to tre fire fem\n- seks sju åtte ni ti", 5),
    ],
)
def test_lix(text: str, grade: int) -> None:
    assert lix(text) == grade


def test_a_headline_that_a_network_cuts_is_a_warning_in_peacetime() -> None:
    source = SOURCE
    channels = {**FOUR_CHANNELS, "page": replace(FOUR_CHANNELS["page"], headline=30)}
    found = [
        one for one in inspect(read_text(source, "fire"), source, channels, TODAY) if one.where.endswith("title.nb")
    ]
    assert {(one.severity, one.channel) for one in found} == {("warning", "page")}
    assert "shows 30 characters of a headline" in found[0].say
