"""A small classifier beside the rules: which words stood in messages of earlier crises that needed somebody.

A linear model over hashed words, pairs of words and a few signs of form, with one byte a weight. Its weights were
learned by `benchmarks/learn_urgency.py` and ship in `weights.bin`; no text it learned from is in them. Every judgement
is a sum, so the words that weighed most can be named.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt
from pathlib import Path
from zlib import crc32

from crisis.triage.normalise import STOP, Clean

BITS = 18
SIZE = 1 << BITS
WEIGHTS = Path(__file__).parent / "weights.bin"
_HEAD = struct.Struct("<4sBff")  # mark, bits, worth of one step of a weight, bias
_MARK = b"URG1"
_MOST_WORDS = 60  # words looked at
LEARNED_FROM = frozenset(
    {"en", "es", "it", "fr", "pt", "tl", "und"}
)  # elsewhere its words mean nothing, and only rules and form speak


@dataclass(frozen=True, slots=True)
class Weights:
    """`steps` are signed bytes; a weight is a step times `unit`. An empty model judges everything alike."""

    steps: array[int]
    unit: float
    bias: float

    def to_bytes(self) -> bytes:
        return _HEAD.pack(_MARK, BITS, self.unit, self.bias) + self.steps.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Weights:
        """Raises `ValueError` when it is not a file of weights for this code."""
        if len(data) != _HEAD.size + SIZE:
            raise ValueError("weights of another size")
        mark, bits, unit, bias = _HEAD.unpack_from(data)
        if (mark, bits) != (_MARK, BITS):
            raise ValueError("not a file of weights")
        steps = array("b")
        steps.frombytes(data[_HEAD.size :])
        return cls(steps, unit, bias)


def features(clean: Clean, groups: Iterable[str]) -> list[str]:
    """What the model sees: words, pairs within a sentence, the rules' groups, and form. Numbers are all one number."""
    seen: list[str] = []
    before = ""
    for word in clean.words[:_MOST_WORDS]:
        if word in (STOP, ","):
            before = ""
            continue
        now = "0" if word.isdigit() else word
        seen.append(now)
        if before:
            seen.append(f"{before} {now}")
        before = now
    seen += [f"={group}" for group in groups]
    seen += [
        sign
        for sign, holds in (
            ("/repost", clean.repost),
            ("/link", clean.links > 0),
            ("/two links", clean.links > 1),
            ("/name", clean.names > 0),
            ("/names", clean.names > 2),
            ("/tag", clean.tags > 0),
            ("/tags", clean.tags > 2),
            ("/phone", clean.phone),
            ("/asks", clean.asks),
            ("/loud", clean.loud),
            ("/short", len(clean.words) < 8),
            ("/no link", clean.links == 0),
        )
        if holds
    ]
    return list(dict.fromkeys(seen))


def place(feature: str) -> int:
    """Where a feature's weight stands; the same in every process and on every machine."""
    return crc32(feature.encode("utf-8", "replace")) & (SIZE - 1)


def judge(seen: Sequence[str], weights: Weights, language: str) -> float:
    """Log-odds that the message needs somebody; long messages weigh no more than short ones."""
    if not seen:
        return weights.bias
    steps, known = weights.steps, language in LEARNED_FROM
    worth = sum([steps[place(feature)] for feature in seen if known or feature[0] in "=/"])
    return weights.bias + weights.unit * worth / sqrt(len(seen))


def telling(seen: Sequence[str], weights: Weights, most: int = 3) -> list[str]:
    """The words that raised the judgement most, strongest first."""
    worth = [
        (weights.steps[place(feature)], feature) for feature in seen if feature[0] not in "=/" and len(feature) > 2
    ]
    worth.sort(key=lambda pair: -pair[0])
    return [feature for step, feature in worth[:most] if step >= _TELLING]


_TELLING = 40  # steps of 127


@cache
def shipped() -> Weights:
    """The weights in the package."""
    return Weights.from_bytes(WEIGHTS.read_bytes())
