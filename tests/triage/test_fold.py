"""Which texts fold into one row, and which never do."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.triage.fold import BANDS, Fold, Folder, fold, same, words_of
from crisis.triage.normalise import clean

LONG = "The bridge at the old mill is closed after the flood, please use the northern road until tomorrow morning"


def folded(*texts: str) -> bool:
    folder = Folder()
    return len({folder.add(fold(clean(text))) for text in texts}) == 1


@pytest.mark.parametrize(
    "repeat",
    [
        f"RT @somebody: {LONG}",
        f"“@somebody: {LONG}”",
        f"{LONG} http://a.example/b @mayor",
        LONG.upper(),
        LONG.replace(",", " …") + " 😢",
        LONG[:-9] + "…",
        LONG.replace("please", "pls"),
        LONG.replace("flood", "#flood"),
    ],
)
def test_repeats_fold(repeat: str) -> None:
    assert folded(LONG, repeat)
    assert folded(repeat, LONG)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("We are trapped on floor 3", "We are trapped on floor 5"),
        (LONG, LONG.replace("is closed", "is not closed")),
        (LONG, LONG + " 12"),
        (LONG.replace("old mill", "mill 2"), LONG.replace("old mill", "mill 3")),
        ("Hjelp, mamma sitter fast", "Hjelp, pappa sitter fast"),
        (
            "Jeg er på taket med barna mine og vannet stiger fort nå",
            "Jeg er på taket med barna mine og vannet synker fort nå, takk for hjelpen",
        ),
        ("🙏", "🔥"),
    ],
)
def test_what_is_another_message_stays_apart(one: str, other: str) -> None:
    assert not folded(one, other)


def test_a_flood_of_reposts_is_one_row() -> None:
    folder = Folder()
    numbers = [folder.add(fold(clean(f"RT @user{number}: {LONG} http://t.example/{number}"))) for number in range(500)]
    assert set(numbers) == {0}


def test_key_and_bands_are_the_same_in_another_process() -> None:
    here = fold(clean(LONG))
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from crisis.triage.fold import fold; from crisis.triage.normalise import clean; f = fold(clean({LONG!r})); print(f.key, *f.bands)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [str(here.key), *map(str, here.bands)]


@given(st.text(max_size=300))
def test_numbers_fit_a_signed_column(text: str) -> None:
    made = fold(clean(text))
    assert all(-(2**63) <= number < 2**63 for number in (made.key, *made.bands))
    assert len(made.bands) in (0, BANDS)


@given(st.text(max_size=300))
def test_a_text_is_the_same_as_itself_when_read_again(text: str) -> None:
    made = fold(clean(text))
    assert same(made.words, words_of(text))
    assert isinstance(made, Fold)
