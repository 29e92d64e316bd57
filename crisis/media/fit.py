"""Fitting pictures and films to what one channel takes. A picture is scaled and, where its shape is wrong, given a
margin: nobody is ever cut away. A film is taken as it is or not at all.
"""

from __future__ import annotations

import math

from PIL import Image

from crisis.channels.base import MediaFacts
from crisis.media.pictures import LONGEST_SIDE, as_jpeg, as_png
from crisis.media.store import Kept, Store
from crisis.sentence import Sentence

QUALITIES = (90, 82, 74, 65, 55)
SHRINK = 0.8
LEAST_SIDE = 48  # a smaller picture says nothing
MEGABYTE = 1024 * 1024


class DoesNotFit(Exception):
    """The channel can't take this; `say` is the reason, for people."""

    def __init__(self, say: Sentence) -> None:
        super().__init__(say)
        self.say = say


def picture(store: Store, kept: Kept, facts: MediaFacts) -> Kept:
    """The picture as the channel takes it. Raises `DoesNotFit`, and `OSError` when its file is gone."""
    types = facts.picture_types
    if _taken(kept, facts):
        return kept
    recipe = "|".join(
        map(str, ("fit-1", kept.sha256, *sorted(types), facts.picture_bytes, facts.picture_side, facts.shapes))
    )

    def make() -> Kept:
        with Image.open(store.path(kept.sha256, kept.content_type)) as source:
            raw, content_type, width, height = fitted(source.convert("RGB"), kept.content_type, facts)
        return store.keep_bytes(raw, content_type, width, height)

    return store.made(recipe, make)


def _taken(kept: Kept, facts: MediaFacts) -> bool:
    right_type = not facts.picture_types or kept.content_type in facts.picture_types
    small = not facts.picture_bytes or kept.size <= facts.picture_bytes
    right_size = canvas(kept.width, kept.height, facts) == (kept.width, kept.height)
    return right_type and small and right_size


def fitted(source: Image.Image, content_type: str, facts: MediaFacts) -> tuple[bytes, str, int, int]:
    """An RGB picture within the limits of `facts`: bytes, content type, width, height. Raises `DoesNotFit`."""
    types = facts.picture_types or frozenset({"image/jpeg", "image/png"})
    if not types & {"image/jpeg", "image/png"}:
        raise DoesNotFit(Sentence("takes neither JPEG nor PNG pictures"))
    most = facts.picture_bytes or math.inf
    drawn = _margined(source, facts)
    if "image/png" in types and (content_type == "image/png" or "image/jpeg" not in types):
        raw = as_png(drawn)
        if len(raw) <= most:
            return raw, "image/png", *drawn.size
    while True:
        if "image/jpeg" in types:
            for quality in QUALITIES:
                raw = as_jpeg(drawn, quality)
                if len(raw) <= most:
                    return raw, "image/jpeg", *drawn.size
        elif len(raw := as_png(drawn)) <= most:
            return raw, "image/png", *drawn.size
        if min(drawn.size) * SHRINK < LEAST_SIDE:
            raise DoesNotFit(Sentence("the picture can't be made small enough"))
        smaller = source.resize(
            (max(1, round(source.width * SHRINK)), max(1, round(source.height * SHRINK))), Image.Resampling.LANCZOS
        )
        source, drawn = smaller, _margined(smaller, facts)


def canvas(width: int, height: int, facts: MediaFacts) -> tuple[int, int]:
    """How large the whole is, margins and all: within the longest side and the shapes, never larger than need be."""
    side = facts.picture_side or LONGEST_SIDE
    scale = min(1.0, side / max(width, height))
    width, height = max(1, round(width * scale)), max(1, round(height * scale))
    if facts.shapes is None:
        return width, height
    narrow, wide = facts.shapes
    if width / height < narrow:
        width = math.ceil(height * narrow)
        if width > side:
            width, height = side, max(1, math.floor(side / narrow))
        if width / height < narrow:  # what floating point left over
            width += 1
    elif width / height > wide:
        height = math.ceil(width / wide)
        if height > side:
            width, height = max(1, math.floor(side * wide)), side
        if width / height > wide:
            height += 1
    return width, height


def _margined(source: Image.Image, facts: MediaFacts) -> Image.Image:
    width, height = canvas(source.width, source.height, facts)
    if (width, height) == source.size:
        return source
    scale = min(width / source.width, height / source.height, 1.0)
    inner = (max(1, min(width, round(source.width * scale))), max(1, min(height, round(source.height * scale))))
    scaled = source if inner == source.size else source.resize(inner, Image.Resampling.LANCZOS)
    if inner == (width, height):
        return scaled
    whole = Image.new("RGB", (width, height), "white")
    whole.paste(scaled, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return whole


def demand_film(kept: Kept, facts: MediaFacts) -> None:
    """Raise `DoesNotFit` when the channel won't take this film."""
    if facts.film_types and kept.content_type not in facts.film_types:
        raise DoesNotFit(Sentence("takes no films of the type %(type)s", type=kept.content_type))
    if facts.film_bytes and kept.size > facts.film_bytes:
        raise DoesNotFit(
            Sentence(
                "the film has %(size)d MB, and it takes at most %(most)d MB",
                size=-(-kept.size // MEGABYTE),
                most=facts.film_bytes // MEGABYTE,
            )
        )
    if facts.film_seconds and kept.seconds > facts.film_seconds:
        raise DoesNotFit(
            Sentence(
                "the film lasts %(length)d seconds, and it takes at most %(most)d",
                length=math.ceil(kept.seconds),
                most=int(facts.film_seconds),
            )
        )
