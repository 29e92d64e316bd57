"""What people write back, in bokmål, nynorsk and English: yes, no, later, or left to a person."""

from __future__ import annotations

import pytest

from crisis.oncall.reply_words import meaning

SAID: list[tuple[str, str, int | None]] = [
    # as the question offers
    ("1", "yes", None),
    ("2", "no", None),
    ("3", "later", None),
    ("3 45", "later", 45),
    # yes
    ("ja", "yes", None),
    ("JA!", "yes", None),
    ("Ja, jeg kommer", "yes", None),
    ("Ja eg kjem", "yes", None),
    ("yes", "yes", None),
    ("👍", "yes", None),
    ("Ja\n> Kan du komme?", "yes", None),
    ("Ja\n--\nKari, nei takk", "yes", None),
    # no
    ("nei", "no", None),
    ("Nei, kan ikke", "no", None),
    ("Eg kan ikkje kome", "no", None),
    ("kan dessverre ikke komme", "no", None),
    ("no", "no", None),
    ("can't come", "no", None),
    ("👎", "no", None),
    # later
    ("kommer om 20 min", "later", 20),
    ("kjem om ein halvtime", "later", 30),
    ("ja om 2 timer", "later", 120),
    ("coming in 30 minutes", "later", 30),
    # nobody may guess
    ("maybe 20 min", "unclear", None),
    ("kanskje om 20 min", "unclear", None),
    ("ja hvis jeg får barnevakt", "unclear", None),
    ("ja men senere", "unclear", None),
    ("yes, but only until 6", "unclear", None),
    ("nei men om 2 timer", "unclear", None),
    ("ja nei", "unclear", None),
    ("1 2", "unclear", None),
    ("3 0", "unclear", None),
    ("3 99999", "unclear", None),
    ("20", "unclear", None),
    ("ja?", "unclear", None),
    ("ok", "unclear", None),
    ("klokka 7", "unclear", None),
    ("", "unclear", None),
    ("STOP", "unclear", None),
    ("ja " * 100, "unclear", None),
]


@pytest.mark.parametrize(("text", "word", "minutes"), SAID)
def test_what_a_text_means(text: str, word: str, minutes: int | None) -> None:
    found = meaning(text)
    assert (found.word, found.minutes) == (word, minutes)
