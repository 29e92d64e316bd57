"""How a written text is heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.twilio.speaking import spoken


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("nb", "Møt kl. 14.00.", "Møt klokken 14 0 0."),
        ("nn", "Møt kl. 06.30", "Møt klokka 6 30"),
        ("en", "Meet at 14:05.", "Meet at 14:05."),
        ("nb", "den 22.11.2026", "den 22.11.2026"),
        ("nb", "Ring 23 00 00 50.", "Ring 2 3, 0 0, 0 0, 5 0."),
        ("nb", "Ring 113, ikke 116 117.", "Ring 1 1 3, ikke 116 117."),
        ("nb", "113 pasienter", "113 pasienter"),
        ("nb", "120 000 mennesker", "120 000 mennesker"),
        ("nb", "ca. 12 % bl.a. barn", "cirka 12 prosent blant annet barn"),
        ("en", "A & B", "A and B"),
        ("nb", "ØVELSE\n\nGå ut", "Øvelse Gå ut"),
        ("xx", "kl. 14", "kl. 14"),
        ("nb", "\x00\x07a", "a"),
    ],
)
def test_spoken(language: str, text: str, expected: str) -> None:
    assert spoken(text, language) == expected


@given(st.text(max_size=200), st.sampled_from(["nb", "nn", "en"]))
def test_once_is_enough_and_no_figure_is_lost(text: str, language: str) -> None:
    once = spoken(text, language)
    plain = [one for one in text if one in "123456789"]
    assert [one for one in once if one in "123456789"] == plain
