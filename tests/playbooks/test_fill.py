"""Filling: the right words, each value exactly once, and a drill that says so first and last."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.base import Form
from crisis.playbooks.check import FOUR_CHANNELS
from crisis.playbooks.fill import (
    EXERCISE,
    EXERCISE_SPOKEN,
    Rendered,
    Unfilled,
    Unwritten,
    as_drill,
    drill_marked,
    drill_titled,
    fill,
    render,
)
from crisis.playbooks.read import read_text
from crisis.settings import LANGUAGES, Language
from tests.playbooks.sample import SOURCE, VALUES, playbook


def test_form() -> None:
    assert render(playbook(), "initial", "short", "nb", VALUES) == Rendered(
        "Brann ved Oslo S",
        "Helse Nord: Brann ved Oslo S. Føden er stengt. Ring 23 00 00 50. Nytt kl. 14:30. https://helse.no/i/1",
    )


def test_outer_blank_lines_go_and_inner_ones_stay() -> None:
    text = render(playbook(), "initial", "full", "nb", VALUES).text
    assert text == "Det brenner ved Oslo S.\n\nGå ut. Se https://helse.no/i/1."


def test_own_words_of_a_channel_win() -> None:
    assert (
        render(playbook(), "initial", FOUR_CHANNELS["x"], "en", VALUES).text == "Fire at Oslo S. https://helse.no/i/1"
    )
    assert "Helse Nord" in render(playbook(), "initial", FOUR_CHANNELS["sms"], "en", VALUES).text
    assert "Helse Nord" in render(playbook(), "update", FOUR_CHANNELS["x"], "en", VALUES).text


def test_missing_value_is_named() -> None:
    values = {name: value for name, value in VALUES.items() if name not in {"place", "link"}}
    with pytest.raises(Unfilled) as caught:
        render(playbook(), "initial", "full", "nb", values)
    assert caught.value.names == ["place"]  # the headline comes first


def test_no_voice_text() -> None:
    start = SOURCE.index("[messages.update.voice]")
    source = SOURCE[:start] + SOURCE[SOURCE.index("[messages.correction]") :]
    with pytest.raises(Unwritten, match="fire/update has no voice text"):
        render(read_text(source, "fire"), "update", "voice", "nb", VALUES)


@pytest.mark.parametrize(
    ("language", "form", "marked"),
    [
        ("nb", "short", "ØVELSE - Gå ut. - ØVELSE"),
        ("nn", "short", "ØVING - Gå ut. - ØVING"),
        ("en", "short", "EXERCISE - Gå ut. - EXERCISE"),
        ("nb", "full", "ØVELSE\n\nGå ut.\n\nØVELSE"),
        ("nb", "voice", "Dette er en øvelse. Gå ut. Dette er en øvelse."),
        ("nn", "voice", "Dette er ei øving. Gå ut. Dette er ei øving."),
        ("en", "voice", "This is an exercise. Gå ut. This is an exercise."),
    ],
)
def test_drill(language: Language, form: Form, marked: str) -> None:
    assert drill_marked("Gå ut.", language, form) == marked


@given(st.text(max_size=80), st.sampled_from(LANGUAGES), st.sampled_from(["short", "full", "voice"]))
def test_drill_says_so_first_and_last(text: str, language: Language, form: Form) -> None:
    word = EXERCISE_SPOKEN[language] if form == "voice" else EXERCISE[language]
    marked = as_drill(Rendered(text, text), language, form)
    assert marked.text.startswith(word)
    assert marked.text.endswith(word)
    assert len(marked.text) > 2 * len(word) + len(text)
    assert marked.title == drill_titled(text, language)
    assert marked.title.startswith(EXERCISE[language])
    assert marked.title.endswith(EXERCISE[language])


@given(st.lists(st.sampled_from(["{a}", "{b}", "{", "}", "a", "b", "\\1", "\\g<1>"]), max_size=6).map("".join))
def test_values_never_become_placeholders(value: str) -> None:
    assert fill("<{a}|{b}>", {"a": value, "b": "B"}) == f"<{value}|B>"
    assert fill("<{b}|{a}>", {"a": value, "b": "{a}"}) == f"<{{a}}|{value}>"
