"""Which of our sentences a kept text is made of. Whoever asks brings the words of a language; what is not ours stays."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache

from crisis.kept import adapters, domain

KEPT: tuple[str, ...] = domain.SENTENCES + adapters.SENTENCES
JOINTS = (": ", "; ")  # between a sentence of ours and a provider's words, and between two of ours
_PLACE = re.compile(r"%\((\w+)\)([sdr])")
_PLAIN = frozenset(words for words in KEPT if not _PLACE.search(words))

Translate = Callable[[str], str]


def retold(text: str, translate: Translate) -> str:
    """`text` with each sentence of ours in it as `translate` says it, and its facts in place."""
    if not text:
        return ""
    if (known := translate(text)) != text:
        return known
    if (whole := _sentence(text, translate)) is not None:
        return whole
    for joint in JOINTS:
        head, between, rest = text.partition(joint)
        while between:
            if (said := _sentence(head, translate)) is not None:
                return said + joint + retold(rest, translate)
            more, between, rest = rest.partition(joint)
            head += joint + more
    return text


def _sentence(text: str, translate: Translate) -> str | None:
    """What one whole sentence of ours is in the other language; None for anything else."""
    if text in _PLAIN:
        return translate(text)
    if (found := _found(text)) is None:
        return None
    words, held = found
    facts = {
        place[1]: int(held[place[1]]) if place[2] == "d" else retold(held[place[1]], translate)
        for place in _PLACE.finditer(words)
    }
    return translate(words) % facts


@lru_cache(maxsize=2_000)  # a page of the queue asks for a hundred short ones, and each is held against all shapes
def _found(text: str) -> tuple[str, dict[str, str]] | None:
    """Which sentence it is, and what stands in its places."""
    found = ((words, shape.fullmatch(text)) for words, shape in _shapes())
    return next(((words, match.groupdict()) for words, match in found if match), None)


@cache
def _shapes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """What each sentence with places looks like. The one that leaves least to its places is tried first."""
    placed = [words for words in KEPT if _PLACE.search(words)]
    placed.sort(key=lambda words: len(_PLACE.sub("", words)), reverse=True)
    return tuple((words, _shape(words)) for words in placed)


def _shape(words: str) -> re.Pattern[str]:
    parts, end = [], 0
    for place in _PLACE.finditer(words):
        parts += [re.escape(words[end : place.start()]), f"(?P<{place[1]}>{r'-?[0-9]+' if place[2] == 'd' else '.+'})"]
        end = place.end()
    return re.compile("".join(parts) + re.escape(words[end:]), re.DOTALL)
