"""Short texts in the right language; Norwegian never taken for Danish."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from crisis.triage.language import detect
from crisis.triage.normalise import clean

ALL = tomllib.loads((Path(__file__).parent / "sentences.toml").read_text())
SETS = {"chosen with": {name: texts for name, texts in ALL.items() if isinstance(texts, list)}, "fresh": ALL["fresh"]}


@pytest.mark.parametrize(
    ("which", "language"), [(which, name) for which, texts in SETS.items() for name in texts if name != "other"]
)
def test_four_of_five_short_texts_are_told(which: str, language: str) -> None:
    told = {text: detect(clean(text)) for text in SETS[which][language]}
    right = sum(one == language for one in told.values())
    assert right >= 0.8 * len(told), {text: one for text, one in told.items() if one != language}


@pytest.mark.parametrize("which", SETS)
def test_norwegian_is_not_taken_for_danish_or_swedish(which: str) -> None:
    texts = SETS[which]["nb"] + SETS[which]["nn"]
    assert {text for text in texts if detect(clean(text)) in ("da", "sv")} == set()


def test_other_languages_are_not_taken_for_ours() -> None:
    assert {detect(clean(text)) for text in ALL["other"]}.isdisjoint({"nb", "nn", "da", "sv", "en"})


@pytest.mark.parametrize("text", ["", "🙏🙏", "12345", "http://a.example", "@name"])
def test_without_words_the_hint_decides(text: str) -> None:
    assert detect(clean(text)) == "und"
    assert detect(clean(text), "nn") == "nn"


def test_links_names_and_tags_do_not_decide() -> None:
    assert (
        detect(clean("Me sit fast i heisen, kva gjer vi http://the.example/this-is-the-one @the_people #ThisIsEnglish"))
        == "nn"
    )
