"""Learn the classifier's weights from labelled messages: `python -m benchmarks.learn_urgency` writes crisis/triage/weights.bin.

Logistic regression with graded labels, AdaGrad, the same order every time, so the same data gives the same file. The
written sentences of `SPOKEN` stand beside the real ones, because no labelled Norwegian ones are at hand; nobody said them.
"""

from __future__ import annotations

import random
import sys
from array import array
from collections.abc import Sequence
from math import exp, sqrt

from benchmarks.labelled import Message, messages
from crisis.triage import language
from crisis.triage.classifier import SIZE, WEIGHTS, Weights, features, place
from crisis.triage.normalise import clean
from crisis.triage.rules import OTHER, OWN_LANGUAGES, UNKNOWN, Finder, finder

PASSES = 6
STEP = 0.3
SHRINK = 2e-5
_finders: dict[str, Finder] = {}


def seen_in(text: str) -> list[str]:
    """The features of a text as the reader makes them."""
    taken = clean(text)
    told = language.detect(taken)
    name = told if told in (*OWN_LANGUAGES, UNKNOWN) else OTHER
    looks = _finders.get(name) or _finders.setdefault(name, finder(name))
    return features(taken, [find.group.name for find in looks.find(taken.words) if not find.denied])


def learn(examples: Sequence[tuple[Sequence[str], float]], passes: int = PASSES) -> Weights:
    """Weights for (features, grade 0 to 1)."""
    weights, slopes = [0.0] * SIZE, [1.0] * SIZE
    bias = -1.5
    order = [([place(feature) for feature in seen], grade) for seen, grade in examples if seen]
    chance = random.Random(1)
    for _ in range(passes):
        chance.shuffle(order)
        for places, grade in order:
            scale = 1 / sqrt(len(places))
            odds = bias + scale * sum([weights[at] for at in places])
            error = 1 / (1 + exp(-max(-30.0, min(30.0, odds)))) - grade
            bias -= 0.002 * error
            for at in places:
                slope = error * scale + SHRINK * weights[at]
                slopes[at] += slope * slope
                weights[at] -= STEP * slope / sqrt(slopes[at])
    most = max(map(abs, weights)) or 1.0
    unit = most / 127
    return Weights(array("b", [round(weight / unit) for weight in weights]), unit, bias)


def examples_of(some: Sequence[Message]) -> list[tuple[list[str], float]]:
    return [(seen_in(message.text), message.grade) for message in some]


def main() -> None:
    known = messages()
    if not known:
        sys.exit("CRISIS_LABELLED names no file of labelled messages; see benchmarks/labelled.py")
    learned = learn(examples_of(known))
    WEIGHTS.write_bytes(learned.to_bytes())
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size} bytes from {len(known)} messages")


if __name__ == "__main__":
    main()
