"""What one inbound says, from its text alone: language, lane, urgency with reasons, and what it is a repeat of.

Pure: no database, no network, no clock; the same text gives the same answer in every process. Understands any string
and never raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from crisis.sentence import Sentence
from crisis.triage import classifier, fold, language, urgency
from crisis.triage.normalise import clean
from crisis.triage.rules import OTHER, OWN_LANGUAGES, UNKNOWN, Finder, Lane, finder
from crisis.triage.urgency import Reason


@dataclass(frozen=True, slots=True)
class Understood:
    language: str  # BCP 47; "und" when nobody can say
    lane: Lane
    urgency: int  # 0 to 100, without the age
    reasons: tuple[Reason, ...]  # what weighed most first
    fold: fold.Fold


class Reader:
    """Understands texts with one unit's rules. Open one per unit and keep it; it may be shared by threads.

    `own_rules` is the folder of the unit's own rules files; `incident_words` are the words of the incident at hand (title,
    place). Raises `BadRules` when a file can't be used, at once and not with the first text.
    """

    def __init__(self, own_rules: Path | None = None, incident_words: Iterable[str] = ()) -> None:
        self._finders = {name: finder(name, own_rules) for name in (*OWN_LANGUAGES, OTHER, UNKNOWN)}
        self._incident = frozenset(word for phrase in incident_words for word in clean(phrase).words if len(word) > 2)
        self._weights = classifier.shipped()

    def understand(self, text: str, language_hint: str | None = None) -> Understood:
        """`language_hint` is what the network says; it counts where the text can't tell."""
        taken = clean(text)
        told = language.detect(taken, language_hint)
        looks: Finder = self._finders.get(told) or self._finders[OTHER]
        finds = looks.find(taken.words)
        reasons = urgency.points(taken, finds, looks.own, self._incident)
        seen = classifier.features(taken, [find.group.name for find in finds if not find.denied])
        odds = classifier.judge(seen, self._weights, told)
        if odds > 0 and told in classifier.LEARNED_FROM and (words := classifier.telling(seen, self._weights)):
            reasons.append(
                Reason(Sentence("known from urgent messages: %(words)s", words=", ".join(words)), round(odds * 10))
            )
        total = sum(reason.points for reason in reasons if not reason.say.words.startswith("known from"))
        reasons.sort(key=lambda reason: -abs(reason.points))
        lane = urgency.lane(taken, finds)
        return Understood(told, lane, urgency.level(total, odds, lane), tuple(reasons), fold.fold(taken))


def understand(
    text: str, *, language_hint: str | None = None, incident_words: Iterable[str] = (), own_rules: Path | None = None
) -> Understood:
    """One text, with the reader for these rules and words kept for the next call."""
    return _reader(own_rules, tuple(incident_words)).understand(text, language_hint)


@lru_cache(maxsize=16)
def _reader(own_rules: Path | None, incident_words: tuple[str, ...]) -> Reader:
    return Reader(own_rules, incident_words)
