"""Who is asked next, by which way, and who fills which need. Pure rules: no clock, no database.

A need is a number of people with a skill; a person with several skills may fill any of several needs. Whoever has said
yes first keeps a place as long as there is one.
"""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from crisis.sending.pace import usual_burst


@dataclass(frozen=True, slots=True)
class Want:
    """So many with a skill (empty: anybody), in time for `by`."""

    id: uuid.UUID
    number: int
    skill: str = ""
    by: datetime | None = None

    def takes(self, skills: Sequence[str], arrives_at: datetime | None = None) -> bool:
        """Could somebody with these skills, there at that time (None: at once), fill it?"""
        in_time = self.by is None or arrives_at is None or arrives_at <= self.by
        return in_time and (not self.skill or self.skill.casefold() in {one.casefold() for one in skills})


@dataclass(frozen=True, slots=True)
class Comer:
    """Somebody who has said yes, in the order of their answers."""

    id: uuid.UUID
    skills: Sequence[str]
    arrives_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody not asked yet, in the order of their turn."""

    id: uuid.UUID
    skills: Sequence[str]


def allot(wants: Sequence[Want], comers: Sequence[Comer]) -> dict[uuid.UUID, uuid.UUID | None]:
    """Which need each comer fills; None: in reserve. As many places are filled as can be.

    Each comer in turn takes the need that lacks most; when all of theirs are full, others are moved to another need of
    their own to make room (augmenting paths), so nobody who has a place loses it to a later one.
    """
    places: dict[uuid.UUID, list[Comer]] = {want.id: [] for want in wants}
    for comer in comers:
        _seat(comer, wants, places, set())
    seated = {one.id: need for need, there in places.items() for one in there}
    return {comer.id: seated.get(comer.id) for comer in comers}


def _seat(comer: Comer, wants: Sequence[Want], places: dict[uuid.UUID, list[Comer]], tried: set[uuid.UUID]) -> bool:
    able = [want for want in wants if want.id not in tried and want.takes(comer.skills, comer.arrives_at)]
    for want in sorted(able, key=lambda one: len(places[one.id]) - one.number):
        if len(places[want.id]) < want.number:
            places[want.id].append(comer)
            return True
    for want in able:
        tried.add(want.id)
        for other in list(places[want.id]):
            if _seat(other, wants, places, tried):
                places[want.id].remove(other)
                places[want.id].append(comer)
                return True
    return False


def missing(wants: Sequence[Want], coming: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int]:
    """How many each need still lacks; needs that lack nobody are left out."""
    lacks = {want.id: want.number - coming.get(want.id, 0) for want in wants}
    return {need: count for need, count in lacks.items() if count > 0}


def next_wave(
    wants: Sequence[Want], coming: Mapping[uuid.UUID, int], candidates: Sequence[Candidate], surplus: int
) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Whom to ask now, each for the need that is shortest: (candidate, need).

    `surplus` per cent of what each need lacks is asked, rounded up; candidates in the order of their turn.
    """
    lacks = missing(wants, coming)
    quota = {need: math.ceil(count * surplus / 100) for need, count in lacks.items()}
    asked: Counter[uuid.UUID] = Counter()
    chosen: list[tuple[uuid.UUID, uuid.UUID]] = []
    left = sum(quota.values())
    for candidate in candidates:
        if not left:
            break
        able = [want.id for want in wants if asked[want.id] < quota.get(want.id, 0) and want.takes(candidate.skills)]
        if not able:
            continue
        need = max(able, key=lambda one: (quota[one] - asked[one]) / quota[one])
        chosen.append((candidate.id, need))
        asked[need] += 1
        left -= 1
    return chosen


@dataclass(frozen=True, slots=True)
class Way:
    """One try of one person: over which channel, to which address."""

    channel: str
    address: str


def way_of(
    number: int, channels: Sequence[str], addresses: Mapping[str, Sequence[str]], most: int
) -> tuple[Way, bool] | None:
    """The try with this number (from 1), and whether it begins a new round; None when there is none.

    Channels in their order, round after round; in each round the next address of the person. `addresses` by channel:
    those without any are passed over. `most` tries in all.
    """
    able = [channel for channel in channels if addresses.get(channel)]
    if not able or number > most:
        return None
    turn, at = divmod(number - 1, len(able))
    own = addresses[able[at]]
    return Way(able[at], own[turn % len(own)]), at == 0 and number > 1


@dataclass(frozen=True, slots=True)
class Standing:
    """How likely somebody is to come, from what is known. Sorted, the first is asked first."""

    near: bool  # works at the place where people are needed
    asked: int  # earlier call-outs in which they were tried
    answered: int  # ... and said anything
    came: int  # ... and said yes
    reference: str

    @property
    def rank(self) -> tuple[float, float, str]:
        """Nobody is judged by a single time: a success and a failure are added to each history."""
        likely = (self.came + 1) / (self.asked + 2) + 0.25 * (self.answered + 1) / (self.asked + 2)
        return (-float(self.near), -likely, self.reference)


def seconds_for(count: int, pace: float) -> float:
    """How long an account needs for so many at its pace, once it has used up what it had saved."""
    return max(0.0, (count - usual_burst(pace)) / pace)
