"""LinkedIn's little text: what is told reads back the same, and what has a meaning is escaped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.linkedin.words import as_written, little_text, measure


@given(st.text(max_size=300))
def test_what_is_told_reads_back_the_same(text: str) -> None:
    assert as_written(little_text(text)) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Ring 113 (nå)", r"Ring 113 \(nå\)"),
        ("a|b {c} @d [e] <f> *g* ~h~ \\", r"a\|b \{c\} \@d \[e\] \<f\> \*g\* \~h\~ \\"),
        ("Les mer #nødvarsel.", r"Les mer {hashtag|\#|nødvarsel}."),
        ("#to_ord", r"\#to\_ord"),
        ("sak #12", r"sak \#12"),
    ],
)
def test_little_text(text: str, told: str) -> None:
    assert little_text(text) == told


def test_mentions_and_hashtags_of_others_read_as_people_see_them() -> None:
    assert as_written(r"Takk @[Oslo \(OUS\)](urn:li:organization:1) {hashtag|\#|blod}") == "Takk Oslo (OUS) #blod"


def test_what_is_escaped_takes_room() -> None:
    assert measure("(" * 1500).over == 0
    assert measure("(" * 1501).over == 2
