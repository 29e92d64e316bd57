"""How soon somebody must read a message, 0 to 100, and why, in words; and the lane it belongs to.

Rules come first and say what they saw; the classifier moves the sum by what it learned. How old a message is stands
outside: it is added when somebody looks (`age`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from typing import Any

from crisis.sentence import Sentence
from crisis.triage.normalise import Clean
from crisis.triage.rules import Find, Lane

_CALLS = frozenset({"danger", "kin"})
_BODILY = frozenset({"injured", "breath", "dying", "trapped", "danger"})
_ADMITS_DANGER = 20  # points of finds in the danger lane from which a message belongs there
_NUMBERED = frozenset(["people", "persons", "person", "pax", "kids", "children", "families", "adults", "of", "us", "personer", "barn", "stykker", "stykk", "stykke", "vaksne", "voksne", "elever", "pasienter", "passasjerer", "personar", "menneske", "mennesker", "unger", "ungar", "passasjerar", "elevar", "pasientar", "folk", "personen", "kinder", "leute", "människor", "mennesker", "osób", "osoby", "dzieci", "людей", "осіб", "дітей", "أشخاص", "personas", "niños", "personnes", "persone", "bata"])  # fmt: skip
_SAID = {
    "prayer": Sentence("prays or sympathises"),
    "thanks": Sentence("says thanks"),
    "offer": Sentence("offers or collects help"),
    "safe": Sentence("says that somebody is safe, or that it is over"),
    "news": Sentence("sounds like news"),
    "hypothetical": Sentence("supposes or gives advice"),
    "metaphor": Sentence("sounds like a figure of speech or a joke"),
    "advert": Sentence("sounds like entertainment or advertising"),
    "past": Sentence("speaks of the past"),
    "help": Sentence("asks for help"),
    "rescue": Sentence("asks for rescue"),
    "place": Sentence("names a place"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the urgency is what it is: a sentence for people, and what it added or took."""

    say: Sentence
    points: int

    def kept(self) -> dict[str, object]:
        """As a JSON column holds it, still translatable when it is read."""
        return {"words": self.say.words, "facts": dict(self.say.facts), "points": self.points}

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Reason:
        return cls(Sentence(str(kept["words"]), **kept["facts"]), int(kept["points"]))


@dataclass(frozen=True, slots=True)
class Score:
    lane: Lane
    urgency: int  # 0 to 100
    reasons: tuple[Reason, ...]  # what weighed most first


def points(clean: Clean, finds: Sequence[Find], own: frozenset[str], incident: frozenset[str]) -> list[Reason]:
    """What the rules saw, each with its worth."""
    standing = [find for find in finds if not find.denied]
    calls = sum(find.group.points for find in standing if find.group.lane in _CALLS)
    reasons: list[Reason] = []
    lowered = calls >= 60
    for find in finds:
        group = find.group
        if find.denied:
            reasons.append(Reason(Sentence("denies “%(words)s”", words=find.words), -15))
        elif group.points and (calls or not group.with_danger):
            worth = group.points // 2 if group.points < 0 and lowered else group.points
            reasons.append(Reason(_said(find), worth))
    words = frozenset(clean.words)
    speaks = not own.isdisjoint(words)
    if calls and not speaks and any(find.group.name == "rumour" for find in standing):
        reasons.append(Reason(Sentence("passes on what others say"), -30))
    if calls:
        names = {find.group.name for find in standing}
        if speaks and "kin" in names and names & _BODILY:
            reasons.append(Reason(Sentence("somebody close to the writer is in danger"), 14))
        if speaks:
            reasons.append(Reason(Sentence("speaks of themselves"), 10))
        if clean.phone:
            reasons.append(Reason(Sentence("gives a phone number"), 14))
        if count := _people(clean.words):
            reasons.append(Reason(Sentence("speaks of %(count)s people", count=count), 8))
        if clean.asks and not speaks:
            reasons.append(Reason(Sentence("asks a question"), -2))
        if clean.links:
            reasons.append(Reason(Sentence("gives a link"), -10))
    if named := sorted(words & incident):
        reasons.append(Reason(Sentence("names “%(words)s”", words=", ".join(named[:3])), 5))
    return reasons


def lane(clean: Clean, finds: Sequence[Find]) -> Lane:
    """Where it belongs. Danger wins; thanks and noise only when nothing asks for anybody."""
    worth: dict[Lane, int] = {}
    words = 0
    for find in finds:
        if find.group.lane and not find.denied:
            worth[find.group.lane] = worth.get(find.group.lane, 0) + abs(find.group.points)
            words += 1
    names = {find.group.name for find in finds if not find.denied}
    danger, lowers = worth.get("danger", 0), worth.get("offer", 0) + worth.get("noise", 0)
    if "rumour" in names and danger < 40 and not names & {"help", "rescue"}:
        return "rumour"
    if (
        danger >= _ADMITS_DANGER
        and danger > lowers
        and not ("metaphor" in names and danger < 60)
        and not (names & {"hypothetical", "safe", "past"} and danger < 40)
    ):
        kin = worth.get("kin", 0)
        if not (kin > danger and kin >= 30):
            return "danger" if not (worth.get("press") and danger < 40) else "press"
    order: tuple[Lane, ...] = ("press", "kin", "rumour", "offer", "complaint", "thanks", "question", "noise")
    if worth.get("offer", 0) and worth.get("kin", 0) < 30 and not worth.get("press"):
        return "offer"
    if worth.get("noise", 0) >= 40 and danger < 60:
        return "noise"
    for one in order:
        if one == "kin" and worth.get("kin", 0) < 30 and ("thanks" in worth or "noise" in worth):
            continue
        if one == "thanks" and clean.asks and "question" in worth:
            continue
        if one in worth:
            return one
    return "question" if clean.asks else "danger" if danger >= _ADMITS_DANGER and not lowers else "noise"


def level(rule_points: float, odds: float, lane: Lane) -> int:
    """Rules' points and the classifier's log-odds as one number from 0 to 100, never quite flat at either end.

    What rules alone call a cry counts beyond what the classifier says: it learned from news of the dead more than from
    cries, so its loudest voice is held down. Only danger cries: forty families who look for somebody say as much about
    themselves as three who are trapped, and would stand in front of them.
    """
    cry = max(0.0, rule_points - CRY) if lane == "danger" else 0.0
    x = min(odds, odds * SQUEEZE) + RULES * rule_points + CRIES * cry
    return round(100 / (1 + exp(-max(-9.0, min(9.0, STEEP * x + BASE)))))


# How a point of the rules weighs against the classifier's log-odds, and from how many points on it is a cry; chosen with
# each crisis left out in turn (`benchmarks/urgency.py`): average precision over all hardly moves, cries come first. STEEP and BASE only spread the result over 0 to 100.
RULES, CRIES, CRY, SQUEEZE = 0.02, 0.06, 50, 0.3
STEEP, BASE = 1.4, 0.7


def age(seconds: float) -> Sentence:
    """How long it has waited, for the list of reasons; added when somebody looks."""
    minutes = max(0, int(seconds // 60))
    if minutes < 120:
        return Sentence("%(count)d minutes old", count=minutes)
    return Sentence("%(count)d hours old", count=minutes // 60)


def _said(find: Find) -> Sentence:
    general = _SAID.get(find.group.name)
    return general if general is not None else Sentence("says “%(words)s”", words=find.words)


def _people(words: Sequence[str]) -> str:
    for number, after in pairwise(words):
        if number.isdigit() and len(number) < 5 and after in _NUMBERED:
            return number
    return ""
