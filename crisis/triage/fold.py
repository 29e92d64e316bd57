"""Near-duplicates and reposts: a key that is equal when two texts say the same words, and bands that find likely ones.

Everything here is a number that a table can hold. Store `key` and, one row each, `bands`; look first for the key, then for
any row that shares a band, newest first, and ask `same` with the words of the two. That works across processes and restarts.

Folding never hides a person: texts with different numbers, negations or telephone numbers are not the same, and neither
are two short cries that differ in a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from struct import Struct

from crisis.triage.normalise import STOP, Clean, clean

BANDS = 6
ALIKE = 0.8  # of all words of the two, so many stand in both
_LEAST_WORDS = 7  # shorter texts fold only when they are equal
_ROWS = 2
_HASHES = Struct(f"<{BANDS * _ROWS}I")
_MOST_REMEMBERED = 40_000
_CUT_OFF = 4  # a repost loses words at its end
_EMPTY = frozenset({STOP, ","})

_met: dict[str, tuple[int, ...]] = {}


@dataclass(frozen=True, slots=True)
class Fold:
    """`key` and `bands` fit a signed 64-bit column. No bands: only an equal key folds this text."""

    key: int
    bands: tuple[int, ...]
    words: tuple[str, ...] = ()  # what is compared; not for storing, `words_of` makes them again from the text


def fold(taken: Clean) -> Fold:
    """The key and bands of a text taken apart. Names, links, reposts' marks, case, emoji and punctuation do not count."""
    words = _words(taken)
    joined = " ".join(words).encode("utf-8", "replace")
    if not words:  # nothing but emoji, links or names: equal form is equal meaning
        joined = f"\0{taken.links > 0}{taken.names > 0}{taken.prose.strip()[:80]}".encode("utf-8", "replace")
    key = int.from_bytes(blake2b(joined, digest_size=8).digest(), "little", signed=True)
    several = set(words)
    if len(several) < _LEAST_WORDS:
        return Fold(key, (), words)
    least = list(map(min, zip(*map(_hashes, several), strict=True)))
    return Fold(
        key,
        tuple(
            (band << 56) | ((least[band * _ROWS] << 24) ^ least[band * _ROWS + 1]) & 0xFFFFFFFFFFFFFF
            for band in range(BANDS)
        ),
        words,
    )


def words_of(text: str) -> tuple[str, ...]:
    """The words that are compared, made from a stored text."""
    return _words(clean(text))


def same(one: Sequence[str], other: Sequence[str]) -> bool:
    """Do two texts, given as their words, say the same? Asked of candidates that share a band."""
    if one == other:
        return True
    if _whole_beginning(one, other) or _whole_beginning(other, one):
        return True
    a, b = frozenset(one), frozenset(other)
    if min(len(a), len(b)) < _LEAST_WORDS or len(a & b) < ALIKE * len(a | b):
        return False
    return not any(_matters(word) for word in a ^ b)


class Folder:
    """Folds within one process: a burst, a benchmark, a test. The queue does the same with its tables."""

    def __init__(self) -> None:
        self._by_key: dict[int, int] = {}
        self._by_band: dict[int, list[int]] = {}
        self._texts: list[tuple[str, ...]] = []

    def add(self, folded: Fold) -> int:
        """The number of the first text that says the same, or of this one when it is new. Counts from 0."""
        first = self._by_key.get(folded.key)
        number = len(self._texts)
        if first is not None:
            self._texts.append(())
            return first
        words = folded.words
        self._texts.append(words)
        first = next((old for old in self._near(folded.bands) if same(words, self._texts[old])), number)
        self._by_key[folded.key] = first
        if first == number:
            for band in folded.bands:
                self._by_band.setdefault(band, []).append(number)
        return first

    def _near(self, bands: Iterable[int]) -> list[int]:
        """Candidates, newest first; at most twenty of a band, so that a flood of one wording stays cheap."""
        return sorted({old for band in bands for old in self._by_band.get(band, [])[-20:]}, reverse=True)


def _words(taken: Clean) -> tuple[str, ...]:
    return tuple(word for word in taken.words if word not in _EMPTY)


def _whole_beginning(short: Sequence[str], whole: Sequence[str]) -> bool:
    """A repost cut off at its end, the last word perhaps in half."""
    size = len(short) - 1
    return (
        _LEAST_WORDS <= size < len(whole) <= size + 1 + _CUT_OFF
        and short[:size] == whole[:size]
        and whole[size].startswith(short[size])
        and not any(_matters(word) for word in whole[size:])
    )


_DENIALS = frozenset(["not", "no", "none", "nobody", "never", "without", "ikke", "ingen", "aldri", "uten", "ikkje", "inga", "utan", "inte", "inga", "aldrig", "uden", "nicht", "kein", "keine", "ohne", "nie", "bez", "не", "без", "لا"])  # fmt: skip


def _matters(word: str) -> bool:
    """A word that makes another message of it."""
    return word in _DENIALS or any(letter.isdigit() for letter in word)


def _hashes(word: str) -> tuple[int, ...]:
    known = _met.get(word)
    if known is None:
        if len(_met) >= _MOST_REMEMBERED:
            _met.clear()
        known = _HASHES.unpack(blake2b(word.encode("utf-8", "replace"), digest_size=_HASHES.size).digest())
        _met[word] = known
    return known
