"""A picture of the words, for networks that show nothing without one: the frozen text itself, readable on a phone.

Black on white, the size by the length of the text, who says it above, when below; a drill has the exercise word first and
last, on yellow. The same words give the same file, byte for byte.
"""

from __future__ import annotations

import bisect
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import font_source_sans_pro
from PIL import Image, ImageDraw, ImageFont

from crisis.channels.base import MediaFacts
from crisis.media import fit
from crisis.media.pictures import as_png
from crisis.media.store import Kept, Store

WIDTH, HEIGHT = 1080, 1350  # 4:5, the tallest shape that picture networks show whole
SIDE = 72  # margin
LARGEST, SMALLEST = 84, 30  # size of the words; below 30 of 1080 nobody reads them on a phone
INK, PAPER, SOFT, RED, YELLOW = "#14181d", "#ffffff", "#4a5561", "#9c1c13", "#ffd400"
_WIDEST = 400  # letters on a line, and more than fit in the smallest size
FOLDER = Path(font_source_sans_pro.font_directory)


@dataclass(frozen=True, slots=True)
class Words:
    """What stands on a card. `exercise` is empty in earnest."""

    title: str
    text: str
    organisation: str
    time: str
    exercise: str = ""


def card(store: Store, words: Words, facts: MediaFacts) -> Kept:
    """The card as the channel takes it."""
    recipe = "card-1" + json.dumps(asdict(words), ensure_ascii=False, sort_keys=True)

    def make() -> Kept:
        picture = draw(words)
        return store.keep_bytes(as_png(picture), "image/png", *picture.size)

    return fit.picture(store, store.made(recipe, make), facts)


def draw(words: Words) -> Image.Image:
    """The card itself. A text too long for the smallest size ends in dots; it stands whole in the post below."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(picture)
    top, bottom = 0, HEIGHT
    if words.exercise:
        top, bottom = _band(pen, 0, words.exercise), HEIGHT - 110
        _band(pen, bottom, words.exercise)
    pen.rectangle((0, top, WIDTH, top + 14), fill="#000000" if words.exercise else RED)
    top += 14 + 48
    who = _font("Semibold", 40)
    for line in _wrapped(words.organisation, who, 2):
        pen.text((SIDE, top), line, font=who, fill=INK)
        top += 50
    pen.text((SIDE, bottom - 48 - 40), words.time, font=_font("Regular", 36), fill=SOFT)
    _write(pen, words, top + 30, bottom - 48 - 40 - 30)
    return picture


def _band(pen: ImageDraw.ImageDraw, top: int, word: str) -> int:
    """One yellow stripe with the exercise word; returns where it ends."""
    pen.rectangle((0, top, WIDTH, top + 110), fill=YELLOW)
    pen.text((WIDTH / 2, top + 55), word, font=_font("Bold", 64), fill="#000000", anchor="mm")
    return top + 110


def _write(pen: ImageDraw.ImageDraw, words: Words, top: int, bottom: int) -> None:
    """Headline and text in the largest letters that fit between `top` and `bottom`."""
    paragraphs = [part.strip() for part in words.text.splitlines()]
    title = words.title.strip()
    for size in range(LARGEST, SMALLEST - 1, -2):
        lines = _laid_out(title, paragraphs, size)
        if sum(height for _, _, height in lines) <= bottom - top:
            break
    else:
        lines = _cut(lines, bottom - top)
    for line, font, height in lines:
        pen.text((SIDE, top), line, font=font, fill=INK)
        top += height


Line = tuple[str, ImageFont.FreeTypeFont, int]


def _laid_out(title: str, paragraphs: list[str], size: int) -> list[Line]:
    head, body = _font("Bold", round(size * 1.15)), _font("Regular", size)
    lines = [(line, head, round(size * 1.38)) for line in _wrapped(title, head)] if title else []
    if lines:
        lines.append(("", body, round(size * 0.45)))
    for paragraph in paragraphs:
        if paragraph:
            lines += [(line, body, round(size * 1.28)) for line in _wrapped(paragraph, body)]
        else:
            lines.append(("", body, round(size * 0.5)))
    return lines


def _cut(lines: list[Line], room: int) -> list[Line]:
    kept: list[Line] = []
    for line in lines:
        if sum(height for _, _, height in kept) + line[2] > room:
            break
        kept.append(line)
    if kept:
        text, font, height = kept[-1]
        while text and font.getlength(text + " …") > WIDTH - 2 * SIDE:
            text = text.rpartition(" ")[0]
        kept[-1] = (f"{text} …", font, height)
    return kept


def _wrapped(text: str, font: ImageFont.FreeTypeFont, most: int = 10_000) -> list[str]:
    """The text in lines no wider than the card; a word that is wider is broken, as a web address may be."""
    room, lines, line = WIDTH - 2 * SIDE, list[str](), ""
    for word in text.split():
        rest = word
        if line and font.getlength(f"{line} {rest}") <= room:
            line = f"{line} {rest}"
            continue
        if line:
            lines.append(line)
        while font.getlength(rest) > room:
            end = max(1, bisect.bisect_right(range(min(len(rest), _WIDEST) + 1), room, key=_length(font, rest)) - 1)
            lines.append(rest[:end])
            rest = rest[end:]
        line = rest
    if line:
        lines.append(line)
    return lines[:most]


def _length(font: ImageFont.FreeTypeFont, text: str) -> Callable[[int], int]:
    return lambda end: math.ceil(font.getlength(text[:end]))


@cache
def _font(weight: str, size: int) -> ImageFont.FreeTypeFont:
    # The plain layout: the same words give the same picture with and without a shaping library on the machine.
    return ImageFont.truetype(FOLDER / f"SourceSansPro-{weight}.ttf", size, layout_engine=ImageFont.Layout.BASIC)
