"""What texts are understood as: lanes, order of urgency, reasons, denials, and hostile strings."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisis.triage.rules import BadRules
from crisis.triage.understanding import Reader, Understood, understand
from crisis.triage.urgency import Reason

HERE = Path(__file__).parent
MESSAGES: dict[str, dict[str, list[str]]] = tomllib.loads((HERE / "messages.toml").read_text())
LANES = [
    pytest.param(language, lane, text, id=f"{language}-{lane}-{number}")
    for language, lanes in MESSAGES.items()
    for lane, texts in lanes.items()
    for number, text in enumerate(texts)
]
TEXTS = [text for lanes in MESSAGES.values() for texts in lanes.values() for text in texts]


@pytest.mark.parametrize(("language", "lane", "text"), LANES)
def test_lane(language: str, lane: str, text: str) -> None:
    made = understand(text, language_hint=language)
    assert made.lane == lane, made


@pytest.mark.parametrize("language", MESSAGES)
def test_every_cry_stands_before_everything_else(language: str) -> None:
    urgent = {
        lane: [understand(text, language_hint=language).urgency for text in texts]
        for lane, texts in MESSAGES[language].items()
    }
    kin = urgent.get("kin", [])
    rest = [number for lane, numbers in urgent.items() if lane not in ("danger", "kin") for number in numbers]
    assert min(urgent["danger"]) > max(rest), urgent
    assert max(rest) < 60, urgent
    assert min(kin) > max(rest), urgent
    assert min(urgent["danger"]) >= 60, urgent


@pytest.mark.parametrize(
    ("cry", "denial"),
    [
        ("Mange er skadd etter brannen", "Ingen er skadd etter brannen"),
        ("Mange er skadde etter brannen", "Ingen er skadde etter brannen"),
        ("Several injured in the fire", "No one was injured in the fire"),
        ("They are trapped", "They are not trapped"),
        ("Många är skadade", "Ingen är skadad"),
        ("Viele sind verletzt", "Niemand ist verletzt"),
        ("Jest wielu rannych", "Nie ma rannych"),
    ],
)
def test_denial_takes_it_away(cry: str, denial: str) -> None:
    said, denied = understand(cry), understand(denial)
    assert said.urgency > denied.urgency
    assert any("denies" in reason.say for reason in denied.reasons)
    assert denied.lane != "danger"


def test_denial_ends_with_its_sentence() -> None:
    made = understand("Ingen svarer. Mange er skadd og sitter fast")
    assert made.lane == "danger"
    assert not any("denies" in reason.say for reason in made.reasons)


@pytest.mark.parametrize(
    ("higher", "lower"),
    [
        (
            "We are trapped in the car, please help",
            "BREAKING: 200 trapped after quake, officials say http://a.example/b",
        ),
        ("I am trapped on the roof", "If you are trapped, wait on the roof"),
        ("My house is on fire", "This song is on fire lol"),
        ("Please send food and water, 20 people here", "Please donate to send food and water, relief fund"),
        ("Vi sitter fast i tunnelen", "Sitter fast i kø 😂"),
        ("Send hjelp, sønnen min er under snøen", "Husk å lese sjekkliste i tilfelle skred"),
        ("We are hurt and need help", "Remembering the victims, ten years ago today"),
    ],
)
def test_order(higher: str, lower: str) -> None:
    assert understand(higher).urgency > understand(lower).urgency + 10


def test_reasons_say_why() -> None:
    made = understand(
        "We are trapped at 12 Main Street, 4 people, call 0812 345 6789", incident_words=["Main Street fire"]
    )
    said = [str(reason.say) for reason in made.reasons]
    assert "says “trapped”" in said
    assert "gives a phone number" in said
    assert "names a place" in said
    assert "speaks of 4 people" in said
    assert "names “main, street”" in said
    assert [abs(reason.points) for reason in made.reasons] == sorted(
        (abs(reason.points) for reason in made.reasons), reverse=True
    )


FRESH = Reader(HERE)  # no rules lie there: ours, but nothing is shared with the reader that has met words before


@given(st.text(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_string_is_understood_twice_the_same(text: str) -> None:
    made = understand(text)
    assert 0 <= made.urgency <= 100
    for finder in FRESH._finders.values():
        finder._met.clear()
    assert made == understand(text) == FRESH.understand(text)


@given(
    st.lists(
        st.sampled_from([*TEXTS, "🙏", "#", "@", "\u202e", "\ud800", "http://", "&amp;", "RT @", "\n"]), max_size=8
    )
)
@settings(max_examples=150, deadline=None)
def test_mixtures_are_understood(parts: list[str]) -> None:
    made = understand(" ".join(parts))
    assert 0 <= made.urgency <= 100


HOSTILE = {
    "emoji": "🔥" * 100_000,
    "letters": "a" * 1_000_000,
    "marks": "e" + "\u0301" * 100_000,
    "names": "@a " * 100_000,
    "tags": "#a" * 100_000,
    "links": "http://" * 50_000,
    "digits": "1 " * 200_000,
    "surrogate": "\ud800\udfff hjelp",
    "zeros": "\x00" * 1000,
    "nested": "RT @a: “" * 5_000,
    "entities": "&lt;script&gt;" * 10_000,
    "ligatures": "\ufdfa" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_read_in_bounded_work(name: str) -> None:
    made = understand(HOSTILE[name])
    assert isinstance(made, Understood)
    assert len(made.fold.words) <= 400


@pytest.mark.parametrize(
    "hidden",
    [
        "We are tra\u200bpped on the ro\u00adof, help us",
        "\u202eWe are trapped on the roof, help us\u202c",
        "We are \U0001d42d\U0001d42b\U0001d41a\U0001d429\U0001d429\U0001d41e\U0001d41d on the roof, help us",
        "We are traaaaapped on the roof, help us",
        "We are #trapped on the #roof, help us http://a.example/b?c=d",
    ],
)
def test_what_hides_is_read_as_it_looks(hidden: str) -> None:
    made = understand(hidden)
    assert made.lane == "danger"
    assert any("trapped" in reason.say for reason in made.reasons)


def test_a_units_own_words(tmp_path: Path) -> None:
    text = "Det er kode lilla på posten"
    assert understand(text).urgency < 40
    (tmp_path / "nb.toml").write_text(
        '[[groups]]\nname = "code"\nlane = "danger"\npoints = 50\nwords = ["kode lilla"]\n'
    )
    made = understand(text, own_rules=tmp_path)
    assert made.lane == "danger"
    assert any("kode lilla" in reason.say for reason in made.reasons)


def test_a_units_broken_file_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "nb.toml").write_text('[[groups]]\nname = "code"\npoints = "many"\nwords = ["x"]\n')
    with pytest.raises(BadRules, match=r"nb\.toml:3"):
        Reader(tmp_path)


def test_reasons_survive_a_json_column() -> None:
    made = understand("We are trapped at 12 Main Street, 4 people")
    again = [Reason.read(json.loads(json.dumps(reason.kept()))) for reason in made.reasons]
    assert again == list(made.reasons)
    assert [reason.say.facts for reason in again] == [reason.say.facts for reason in made.reasons]


@pytest.mark.parametrize(
    ("text", "called"),
    [("12 Hill Road #TownRescue", True), ("#rescueXY Hill Road", True), ("#DogRescue Hill Road", False)],
)
def test_a_tag_agreed_on_for_calls_is_a_call(text: str, called: bool) -> None:
    assert (understand(text).lane == "danger") is called
