"""Does triage put the worst first, and how fast? `python -m benchmarks.urgency`.

Speed: texts understood and folded a second on one core, without a database. Worth: average precision on labelled messages
of real crises (benchmarks/labelled.py), each crisis judged by weights that were learned without it, against a plain keyword
search and newest-first. The labels carry no time, so newest-first is a fixed shuffle.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.labelled import Message, average_precision, messages
from benchmarks.learn_urgency import examples_of, learn, seen_in
from crisis.triage import classifier, language, urgency
from crisis.triage.fold import Folder
from crisis.triage.normalise import clean
from crisis.triage.rules import OTHER, OWN_LANGUAGES, UNKNOWN, Lane, finder
from crisis.triage.understanding import Reader

KEYWORDS = re.compile(
    r"help|trapped|stranded|rescue|injur|wounded|hurt|missing|dead|died|killed|emergency|urgent|need|evacuat|victim|"
    r"ayuda|herid|muert|atrapad|desaparecid|aiuto|ferit|mort[io]|dispers",
    re.IGNORECASE,
)
MEANINGS: dict[str, Callable[[Message], bool]] = {
    "people affected": lambda message: message.affected,
    "affected, first hand": lambda message: message.first_hand,
    "affected or told from there": lambda message: message.actionable,
}
Scores = dict[str, list[float]]


def scores(known: Sequence[Message]) -> Scores:
    """Every message's place by each way of sorting."""
    texts = [message.text for message in known]
    points, told, lanes = zip(*map(by_rules, texts), strict=True)
    seen = [seen_in(text) for text in texts]
    odds = [0.0] * len(known)
    for event in sorted({message.event for message in known}):
        weights = learn(examples_of([message for message in known if message.event != event]))
        for at, message in enumerate(known):
            if message.event == event:
                odds[at] = classifier.judge(seen[at], weights, told[at])
    shuffled = list(range(len(known)))
    random.Random(5).shuffle(shuffled)
    return {
        "newest first": [float(place) for place in shuffled],
        "keywords": [float(len(set(KEYWORDS.findall(text.lower())))) for text in texts],
        "rules only": list(points),
        "with classifier": [float(urgency.level(*one)) for one in zip(points, odds, lanes, strict=True)],
    }


def by_rules(text: str) -> tuple[float, str, Lane]:
    """What the rules alone say: points, language, lane."""
    taken = clean(text)
    told = language.detect(taken)
    looks = _finders[told if told in (*OWN_LANGUAGES, UNKNOWN) else OTHER]
    finds = looks.find(taken.words)
    reasons = urgency.points(taken, finds, looks.own, frozenset())
    return float(sum(reason.points for reason in reasons)), told, urgency.lane(taken, finds)


_finders = {name: finder(name) for name in (*OWN_LANGUAGES, OTHER, UNKNOWN)}


def report(known: Sequence[Message], made: Scores) -> None:
    events = sorted({message.event for message in known})
    for meaning, holds in MEANINGS.items():
        wanted = [holds(message) for message in known]
        print(f"\n{meaning}: {sum(wanted)} of {len(known)}; average precision")
        print(f"{'crisis':<30}{'wanted':>7}" + "".join(f"{way:>17}" for way in made))
        means = dict.fromkeys(made, 0.0)
        counted = 0
        for event in events:
            at = [place for place, message in enumerate(known) if message.event == event]
            right = [wanted[place] for place in at]
            if not any(right):
                continue
            counted += 1
            line = {way: average_precision([all_of[place] for place in at], right) for way, all_of in made.items()}
            means = {way: means[way] + line[way] for way in made}
            print(f"{event:<30}{sum(right):>7}" + "".join(f"{value:>17.3f}" for value in line.values()))
        print(f"{'mean of crises':<37}" + "".join(f"{value / counted:>17.3f}" for value in means.values()))
        together = [average_precision(all_of, wanted) for all_of in made.values()]
        print(f"{'all in one queue':<37}" + "".join(f"{value:>17.3f}" for value in together))


def speed(texts: Sequence[str]) -> None:
    """CPU time, so that neighbours on the machine don't count."""
    reader = Reader()
    for rounds in range(3):
        folder, began = Folder(), time.process_time()
        for text in texts:
            folder.add(reader.understand(text).fold)
        took = time.process_time() - began
        print(
            f"{'cold' if rounds == 0 else 'warm'}: {len(texts) / took:,.0f} texts a second understood and folded, one core"
        )


def main() -> None:
    known = messages()
    written = (Path(__file__).parent.parent / "tests" / "triage" / "sentences.toml").read_text(encoding="utf-8")
    speed([message.text for message in known] or re.findall(r'^  "(.*)",$', written, re.MULTILINE) * 30)
    if known:
        report(known, scores(known))
    else:
        print("CRISIS_LABELLED names no labelled messages: average precision is not measured.")


if __name__ == "__main__":
    main()
