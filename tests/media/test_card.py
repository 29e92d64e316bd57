"""The card drawn of the words: the same words, the same file; readable, and with every letter people here write."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from crisis.channels.base import MediaFacts
from crisis.media import card
from crisis.media.card import Words
from crisis.media.store import Store

SHORT = Words("", "Vannet er trygt.", "Bergen kommune", "22. november 2026 kl. 03.12")
LONG = Words("Mange skadde", "Ring 23 00 00 50. " * 400, "Oslo sykehus", "22. november 2026 kl. 03.12")


def ink(picture: Image.Image) -> tuple[int, int, int, int]:
    found = picture.convert("L").point(lambda value: 255 if value < 100 else 0).getbbox()
    assert found
    return found


@pytest.mark.parametrize("words", [SHORT, LONG, Words("Å" * 90, "x" * 3000, "Ø" * 200, "")])
def test_nothing_runs_over_the_edge(words: Words) -> None:
    picture = card.draw(words)
    below_the_line = picture.crop((0, 20, *picture.size))
    left, _, right, bottom = ink(below_the_line)
    assert left >= card.SIDE - 8
    assert right <= card.WIDTH - card.SIDE + 8
    assert bottom < card.HEIGHT - 60


def test_few_words_are_larger_than_many() -> None:
    def height_of_first_line(words: Words) -> int:
        picture = card.draw(words).crop((0, 150, card.WIDTH, card.HEIGHT))
        rows = [
            row for row in range(600) if picture.crop((0, row, card.WIDTH, row + 1)).convert("L").getextrema()[0] < 99
        ]
        end = next(row for row in range(rows[0], 600) if row not in rows)
        return end - rows[0]

    assert height_of_first_line(SHORT) > 1.5 * height_of_first_line(Words("", LONG.text, "Oslo sykehus", ""))


def test_a_drill_has_the_word_first_and_last_on_yellow() -> None:
    picture = card.draw(Words("", "Dette skjer.", "Oslo sykehus", "nå", "ØVELSE"))
    yellow = (255, 212, 0)
    assert picture.getpixel((5, 5)) == yellow
    assert picture.getpixel((5, card.HEIGHT - 5)) == yellow
    for band in ((0, 0, card.WIDTH, 110), (0, card.HEIGHT - 110, card.WIDTH, card.HEIGHT)):
        assert ink(picture.crop(band))
    assert card.draw(SHORT).getpixel((5, card.HEIGHT - 5)) == (255, 255, 255)


def test_every_letter_of_bokmal_nynorsk_english_and_northern_sami_is_drawn() -> None:
    font = card._font("Regular", 40)
    missing = bytes(font.getmask("\uffff"))
    letters = "æøåÆØÅáčđŋšŧžÁČĐŊŠŦŽéèêóòôüöäÉ–—“”«»…’·"
    assert [letter for letter in letters if bytes(font.getmask(letter)) == missing] == []


def test_the_same_words_are_the_same_file_fitted_to_the_channel(tmp_path: Path) -> None:
    instagram = MediaFacts(
        pictures=1,
        picture_types=frozenset({"image/jpeg"}),
        picture_bytes=8_000_000,
        picture_side=1440,
        shapes=(0.8, 1.91),
        needed="picture",
    )
    first = card.card(Store(tmp_path / "a"), LONG, instagram)
    assert first == card.card(Store(tmp_path / "b"), LONG, instagram)
    assert (first.content_type, first.width, first.height) == ("image/jpeg", 1080, 1350)
    assert first != card.card(Store(tmp_path / "a"), SHORT, instagram)
