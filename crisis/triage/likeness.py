"""Which of a playbook's ready answers is likest to fit what somebody wrote. Pure; suggests an order and never decides.

What counts: the lane, rare words shared with the answer itself, and rare words shared with what was answered by it
before. Words are the same when one begins with the other, or both begin alike, as compounds and endings do here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log, sqrt

from crisis.states import Lane
from crisis.triage.normalise import clean

ALIKE = 5  # so many first letters in common make two words one
SHORTEST = 4  # letters of a word that counts
SAME_LANE, EARLIER = 0.5, 0.8  # what the lane is worth beside a perfect likeness; what an earlier question is worth
MOST_EARLIER = 200  # earlier questions looked at for each answer
ENOUGH = 0.08  # a likeness that is worth showing
_NAMES = {Lane.DANGER: "danger_to_life"}  # what playbooks call the lane

# Words of every answer and every question; they say nothing about which belongs to which.
_COMMON = frozenset(
    [
        "dette",
        "dere",
        "ikke",
        "ikkje",
        "have",
        "with",
        "that",
        "this",
        "from",
        "your",
        "here",
        "what",
        "when",
        "there",
        "they",
        "them",
        "dykk",
        "våre",
        "vårt",
        "kommer",
        "kjem",
        "står",
        "skal",
        "kunne",
        "vere",
        "være",
        "blir",
        "will",
        "please",
        "would",
        "could",
        "about",
        "their",
        "our",
        "more",
        "information",
        "informasjon",
    ]
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ready answer: what it says in the language of the writer, and what it was given to before."""

    key: str
    lane: str  # as in playbooks
    text: str
    given_to: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """How well it fits, 0 to about 2, and the words that say so."""

    key: str
    worth: float
    same_lane: bool
    words: Sequence[str] = ()


def suggest(text: str, lane: Lane, candidates: Iterable[Candidate]) -> list[Suggestion]:
    """The candidates, likest first; equal ones in the order given. Danger to life has none: nobody answers it from here."""
    if lane is Lane.DANGER:
        return []
    known = list(candidates)
    own = {one.key: _words(one.text) for one in known}
    rare = _rarity(own.values())
    asked = _words(text)
    found = [_suggestion(one, asked, own[one.key], lane, rare) for one in known if one.lane != _NAMES[Lane.DANGER]]
    return sorted(found, key=lambda one: -one.worth)


def _suggestion(
    one: Candidate, asked: frozenset[str], own: frozenset[str], lane: Lane, rare: Mapping[str, float]
) -> Suggestion:
    worth, words = _alike(asked, own, rare)
    for earlier in one.given_to[:MOST_EARLIER]:
        again, shared = _alike(asked, _words(earlier), {})
        if again * EARLIER > worth:
            worth, words = again * EARLIER, shared
    same = one.lane == _NAMES.get(lane, str(lane))
    return Suggestion(one.key, worth + SAME_LANE * same, same, words if worth >= ENOUGH else ())


@cache
def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in clean(text).words if len(word) >= SHORTEST and word not in _COMMON)


def _rarity(texts: Iterable[frozenset[str]]) -> Mapping[str, float]:
    """What a word that stands in few of the answers is worth; one that stands in all is worth nothing."""
    all_texts = list(texts)
    words = frozenset().union(*all_texts) if all_texts else frozenset()
    return {
        word: log((1 + len(all_texts)) / (1 + sum(any(_same(word, other) for other in text) for text in all_texts)))
        for word in words
    }


def _alike(asked: frozenset[str], other: frozenset[str], rare: Mapping[str, float]) -> tuple[float, list[str]]:
    """How much of the question is shared, each word by its rarity, and the words that are. Long questions share by chance."""
    if not asked or not other:
        return 0.0, []
    most = max(rare.values(), default=1.0) or 1.0
    shared = {
        word: max((rare.get(one, most) / most for one in other if _same(word, one)), default=0.0) for word in asked
    }
    telling = sorted((word for word, worth in shared.items() if worth), key=lambda word: (-shared[word], word))
    return min(1.0, sum(shared.values()) / sqrt(len(asked))), telling[:3]


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    short = min(len(one), len(other), ALIKE)
    return short >= SHORTEST and one[:short] == other[:short]
