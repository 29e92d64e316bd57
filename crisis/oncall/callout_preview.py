"""What releasing a call-out would do, before it is done: whom it asks first, how many it can reach, how long it takes,
and whether there are enough people at all. Reads only.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crisis.broadcasts.draft import chosen_accounts
from crisis.broadcasts.preview import Preview, pace_of, preview
from crisis.channels.registry import FACTS
from crisis.models import Account, Ask, Broadcast, CallOut, Destination, Group, Person, membership
from crisis.oncall.candidates import Somebody, candidates, wants_of
from crisis.oncall.waves import Candidate, next_wave, seconds_for, way_of
from crisis.playbooks.playbook import Playbook
from crisis.settings import Settings

MOST_SHOWN = 200  # names in a list on the screen


@dataclass(frozen=True, slots=True)
class Supply:
    """One need, and how many of those who may be asked could fill it."""

    skill: str
    number: int
    by: datetime | None
    able: int

    @property
    def short(self) -> int:
        return max(0, self.number - self.able)


@dataclass(frozen=True, slots=True)
class WayOut:
    """One way of asking: how many have it and have proven it, how many are asked by it first, and how long that takes."""

    account: Account
    have: int
    verified: int  # of those, by how many a code came back from there
    first: int
    pace: float
    seconds_first_wave: float
    seconds_all: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """Everything an officer should see before it leaves. `words` holds the texts, and what is needed to release them."""

    words: Preview
    needs: Sequence[Supply]
    able: Sequence[Somebody]  # in the order in which they are asked
    unable: Mapping[str, Sequence[Somebody]]  # by why
    first_wave: int
    ways: Sequence[WayOut]
    unproven: Sequence[Somebody]  # of `able`, those who have proven none of their ways

    @property
    def needed(self) -> int:
        return sum(one.number for one in self.needs)

    @property
    def too_few(self) -> int:
        """How many are missing even if everybody comes; somebody with two skills comes once."""
        return max(sum(one.short for one in self.needs), self.needed - len(self.able))

    @property
    def ready(self) -> bool:
        return self.words.composed.ready and bool(self.able)

    @property
    def seconds_all(self) -> float:
        return max((way.seconds_all for way in self.ways), default=0.0)

    @property
    def seconds_first_wave(self) -> float:
        return max((way.seconds_first_wave for way in self.ways), default=0.0)


def look(
    session: Session,
    call_out: CallOut,
    broadcast: Broadcast,
    settings: Settings,
    playbook: Playbook | None,
    now: datetime,
) -> Outlook:
    """As it would go if it were released now."""
    accounts = chosen_accounts(session, broadcast)
    unit = settings.unit(broadcast.unit.key)
    people = candidates(session, call_out, broadcast.audiences, accounts, unit.tz, now)
    able = [one for one in people if not one.why_not]
    unable: dict[str, list[Somebody]] = {}
    for one in people:
        if one.why_not:
            unable.setdefault(one.why_not, []).append(one)
    wants = wants_of(call_out)
    chosen = next_wave(wants, {}, [Candidate(one.id, one.skills) for one in able], call_out.surplus)
    first = {person for person, _ in chosen}
    proven = _proven(session, [one.id for one in able])
    return Outlook(
        words=preview(session, broadcast, settings, playbook, now),
        needs=[Supply(want.skill, want.number, want.by, sum(want.takes(one.skills) for one in able)) for want in wants],
        able=able,
        unable=unable,
        first_wave=len(chosen),
        ways=_ways(call_out, settings, accounts, able, first, proven),
        unproven=[one for one in able if one.id not in proven["phone"] | proven["mailbox"]],
    )


def _proven(session: Session, ids: Sequence[uuid.UUID]) -> dict[str, set[uuid.UUID]]:
    """Who has a verified phone, and who a verified mailbox."""
    found: dict[str, set[uuid.UUID]] = {"phone": set(), "mailbox": set()}
    rows = session.execute(
        select(Destination.medium, Destination.person_id).where(
            Destination.person_id.in_(ids), Destination.consent, Destination.verified_at.is_not(None)
        )
    )
    for medium, person_id in rows:
        found[medium].add(person_id)
    return found


def _ways(
    call_out: CallOut,
    settings: Settings,
    accounts: Sequence[Account],
    able: Sequence[Somebody],
    first: set[uuid.UUID],
    proven: Mapping[str, set[uuid.UUID]],
) -> list[WayOut]:
    channels = [channel for channel in call_out.ways if channel in {account.channel for account in accounts}]
    begins: Counter[str] = Counter()
    in_first: Counter[str] = Counter()
    for one in able:
        if (found := way_of(1, channels, one.addresses, call_out.tries)) is not None:
            begins[found[0].channel] += 1
            in_first[found[0].channel] += one.id in first
    by_channel = {account.channel: account for account in reversed(accounts)}
    ways = []
    for channel in channels:
        pace = pace_of(settings, by_channel[channel])
        have = {one.id for one in able if one.addresses.get(channel)}
        ways.append(
            WayOut(
                account=by_channel[channel],
                have=len(have),
                verified=len(have & proven[FACTS[channel].medium]),
                first=begins[channel],
                pace=pace,
                seconds_first_wave=seconds_for(in_first[channel], pace),
                seconds_all=seconds_for(begins[channel], pace),
            )
        )
    return ways


def addable(session: Session, call_out: CallOut, wanted: str) -> list[Person]:
    """Who may be added by hand: not asked yet, with `wanted` in the name or a skill. Those with a needed skill come
    first, then those with any: without one somebody may be no staff at all.
    """
    asked = select(Ask.person_id).where(Ask.call_out_id == call_out.id, Ask.tries > 0)
    rows = session.scalars(select(Person).where(Person.unit_id == call_out.unit_id, Person.id.not_in(asked)))
    needed = [want for want in wants_of(call_out) if want.skill]
    fitting = [
        one
        for one in rows
        if wanted in one.name.casefold() or any(wanted in skill.casefold() for skill in one.skills or ())
    ]

    def turn(one: Person) -> tuple[bool, bool, str]:
        return not any(want.takes(one.skills or ()) for want in needed), not one.skills, one.name

    return sorted(fitting, key=turn)


def groups_by_person(session: Session, ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Sequence[str]]:
    """The names of each person's groups."""
    found: dict[uuid.UUID, list[str]] = {one: [] for one in ids}
    rows = session.execute(
        select(membership.c.person_id, Group.name)
        .join(Group, Group.id == membership.c.group_id)
        .where(membership.c.person_id.in_(ids))
        .order_by(Group.name)
    )
    for person_id, name in rows:
        found[person_id].append(name)
    return found


def skills_of(session: Session, unit_id: uuid.UUID) -> Sequence[tuple[str, int]]:
    """The skills of the unit's people and how many have each, the most frequent first; written as most write it."""
    written: dict[str, Counter[str]] = {}
    for skills in session.scalars(select(Person.skills).where(Person.unit_id == unit_id)):
        for skill in {one.casefold(): one for one in skills or ()}.values():
            written.setdefault(skill.casefold(), Counter())[skill] += 1
    found = [(spellings.most_common(1)[0][0], spellings.total()) for spellings in written.values()]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def groups_of(session: Session, unit_id: uuid.UUID) -> Sequence[tuple[str, str, int]]:
    """Key, name and size of each group of the unit."""
    rows = session.execute(
        select(Group.key, Group.name, func.count(membership.c.person_id))
        .outerjoin(membership, membership.c.group_id == Group.id)
        .where(Group.unit_id == unit_id)
        .group_by(Group.id)
        .order_by(Group.name)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def sites_of(session: Session, unit_id: uuid.UUID) -> Sequence[str]:
    """The places the unit's people work at."""
    told = session.scalars(select(Person.sites).where(Person.unit_id == unit_id))
    return sorted({site for sites in told for site in sites or ()})
