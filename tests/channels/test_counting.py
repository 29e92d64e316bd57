"""Counting against our own table, against the networks' published vectors where they are at hand, and by properties."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.text import counting
from crisis.channels.text.counting import holds_link, plain, sms_size, x_size, x_weighted

SPECS = Path(os.environ.get("CRISIS_SPECS") or Path(__file__).parents[3] / "shared" / "specs")


def _spec(name: str) -> str:
    path = SPECS / name
    if not path.exists():
        pytest.skip(f"{name} is not here; set CRISIS_SPECS to a folder that has it", allow_module_level=False)
    return path.read_text(encoding="utf-8")


FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("Ring 113.", 9),
        ("æøå ÆØÅ", 7),
        ("Kárášjohka", 10),
        ("e\u0301", 1),
        ("火", 2),
        ("€", 2),
        ("\u2013\u2019\u2026", 4),  # dash and curly quote weigh 1, the ellipsis 2
        (FAMILY, 2),
        (f"a{FAMILY}b", 4),
        ("1\ufe0f\u20e3", 2),
        ("https://example.no/", 23),
        ("https://example.no/" + "x" * 200, 23),
        ("Les https://example.no/a.", 28),
        ("Les (https://example.no/a)", 29),
        ("https://example.no/a_(b) c", 25),
        ("example.no", 23),
        ("www.helse-sorost.no/x og ny", 29),
        ("post@example.no", 15),
        ("@example.no", 11),
        ("kl. 14.30", 9),
        ("hendelsen.Kom", 13),
        ("fil.pdf", 7),
        ("https://intern", 14),
        ("https://sak.ukjentending/", 25),  # in doubt: the longer count
        ("https://sak.ukjentending/" + "x" * 40, 65),
        ("https://" + "a" * 64 + ".no", 75),
        ("http://æøå.no/æ", 23),
    ],
)
def test_x(text: str, length: int) -> None:
    assert x_weighted(text) == length


def test_x_size_says_how_much_too_many() -> None:
    assert x_size("x" * 280).over == 0
    assert x_size("x" * 283).over == 3


def _x_cases(*names: str) -> list[Any]:
    path = SPECS / "x/twitter-text/conformance/validate.yml"
    if not path.exists():
        return [
            pytest.param(None, None, marks=pytest.mark.skip(reason="set CRISIS_SPECS to a folder with x/twitter-text"))
        ]
    tests = yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
    return [
        pytest.param(case["text"], case["expected"]["weightedLength"], id=f"{name[:14]}-{case['description']}"[:90])
        for name in names
        for case in tests[name]
    ]


# The first group counts emoji the old way, character by character; its other cases hold for today's rules too.
_OLD_EMOJI = {"\U0001f468", "\U0001f64b"}


@pytest.mark.parametrize(
    ("text", "length"), _x_cases("WeightedTweetsCounterTest", "WeightedTweetsWithDiscountedEmojiCounterTest")
)
def test_x_conformance(text: str, length: int, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.id.startswith("WeightedTweets-") and _OLD_EMOJI & set(text):
        pytest.skip("counts emoji by the rules before twitter-text 3")
    assert x_weighted(text) == length


@pytest.mark.parametrize("text", ["se example.no", "https://a.b", "x.com/hei", "WWW.EXAMPLE.COM", "a.no"])
def test_link_found(text: str) -> None:
    assert holds_link(text)


@pytest.mark.parametrize("text", ["Oslo S", "kl. 14.30", "St. Olavs plass 5.", "E6 ved Åsen.Nord", "ola@post.no"])
def test_no_link(text: str) -> None:
    assert not holds_link(text)


@pytest.mark.parametrize(
    ("text", "parts", "alphabet"),
    [
        ("", 1, "GSM-7"),
        ("å" * 160, 1, "GSM-7"),
        ("å" * 161, 2, "GSM-7"),
        ("å" * 306, 2, "GSM-7"),
        ("å" * 307, 3, "GSM-7"),
        ("€" * 80, 1, "GSM-7"),
        ("€" + "a" * 159, 2, "GSM-7"),
        ("a" * 152 + "€" + "a" * 151, 2, "GSM-7"),
        ("a" * 152 + "€" + "a" * 152, 3, "GSM-7"),  # 306 septets, but the escape moves whole to part two
        ("č" * 70, 1, "UCS-2"),
        ("č" * 71, 2, "UCS-2"),
        ("č" * 134, 2, "UCS-2"),
        ("č" * 135, 3, "UCS-2"),
        ("😜" * 35, 1, "UCS-2"),
        ("😜" * 36, 2, "UCS-2"),
        ("😜" * 67, 3, "UCS-2"),  # 33 whole ones a part, not 33 and a half
    ],
)
def test_sms(text: str, parts: int, alphabet: str) -> None:
    size = sms_size(text)
    assert (size.used, size.parts, size.alphabet, size.unit) == (parts, parts, alphabet, "parts")


def test_sms_note_names_the_character_and_its_cost() -> None:
    size = sms_size("Kom til Kárášjohka nå" + "a" * 80)
    assert size.note == "á (U+00E1), š (U+0161) not in the SMS alphabet: 2 parts instead of 1"
    assert "U+00A0" in sms_size("Gate\xa04").note
    assert sms_size("Kom til Ås").note == ""


def test_sms_limit() -> None:
    assert sms_size("a" * 612).over == 0
    assert sms_size("a" * 613).over == 1
    assert sms_size("a" * 613, limit=5).over == 0
    assert sms_size("č" + "a" * 611).over == 0  # a dear letter costs, and does not stop a text of the right length
    assert sms_size("č" + "a" * 612).over > 0
    assert sms_size("č" + "a" * 670, limit=5).over > 0  # ten parts are the end
    assert sms_size("a" * 1_601, limit=99).over > 0  # Twilio takes 1,600 characters at most


def _sms_cases() -> list[Any]:
    path = SPECS / "sms/segment-vectors.json"
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="set CRISIS_SPECS to a folder with sms"))]
    return [
        pytest.param(case, id=case["description"]) for case in json.loads(path.read_text(encoding="utf-8"))["vectors"]
    ]


@pytest.mark.parametrize("case", _sms_cases())
def test_sms_vectors(case: dict[str, Any]) -> None:
    size = sms_size(case["body"])
    assert (size.parts, size.alphabet) == (case["segments"], case["encoding"])


def test_sms_alphabet_is_the_published_one() -> None:
    published = json.loads(_spec("sms/gsm7-alphabet.json"))
    assert {chr(int(code.removeprefix("U+"), 16)) for code in published["basic"]} == counting.GSM_BASIC
    assert {chr(int(code.removeprefix("U+"), 16)) for code in published["extension"]} == counting.GSM_DOUBLE


def test_plain() -> None:
    assert plain(5)("abcdef").over == 1
    assert plain(5)("æøåäö").over == 0


letters = st.text(alphabet=st.sampled_from("abåø €|č火😜.\n"), max_size=400)


@given(letters, letters)
def test_more_text_never_takes_fewer_parts(text: str, more: str) -> None:
    assert sms_size(text + more).parts >= sms_size(text).parts


@given(letters)
def test_parts_hold_the_text(text: str) -> None:
    size = sms_size(text)
    if size.alphabet == "GSM-7":
        room = counting.septets(text)
        assert room <= (160 if size.parts == 1 else 153 * size.parts)
    else:
        room = len(text.encode("utf-16-le")) // 2
        assert room <= (70 if size.parts == 1 else 67 * size.parts)


@given(st.text(max_size=100), st.text(max_size=100))
def test_x_counts_lines_apart(one: str, other: str) -> None:
    assert x_weighted(f"{one}\n{other}") <= x_weighted(one) + 1 + x_weighted(other)
    assert x_weighted(one) >= 0
