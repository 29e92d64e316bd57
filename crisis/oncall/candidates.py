"""Who may be asked in a call-out, in which order, and who may not and why. Reads only.

Nobody is asked who is absent, who has no phone or mailbox we can use, or, unless the call-out overrides it, whose quiet
hours it is.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, tzinfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crisis.channels.registry import FACTS
from crisis.models import Absence, Account, Ask, CallOut, Destination, Group, Person, membership
from crisis.oncall.waves import Standing, Want
from crisis.sentence import Sentence
from crisis.settings import LANGUAGES
from crisis.states import AskState

ANSWERED = (AskState.YES, AskState.NO)


@dataclass(frozen=True, slots=True)
class Somebody:
    """One person with their ways by channel; `why_not` empty: they may be asked."""

    id: uuid.UUID
    name: str
    language: str
    skills: Sequence[str]
    addresses: Mapping[str, Sequence[str]]
    why_not: str
    standing: Standing


def wants_of(call_out: CallOut) -> list[Want]:
    return [Want(need.id, need.number, need.skill, need.by) for need in call_out.needs]


def candidates(
    session: Session, call_out: CallOut, groups: Sequence[str], accounts: Sequence[Account], zone: tzinfo, now: datetime
) -> list[Somebody]:
    """Everybody of the groups (none named: of the unit) with a skill that is needed, those to be asked first in front."""
    asked = select(Person).where(Person.unit_id == call_out.unit_id)
    if groups:
        asked = asked.where(
            Person.id.in_(
                select(membership.c.person_id)
                .join(Group, Group.id == membership.c.group_id)
                .where(Group.unit_id == call_out.unit_id, Group.key.in_(groups))
            )
        )
    wants = wants_of(call_out)
    persons = [one for one in session.scalars(asked) if any(want.takes(one.skills) for want in wants)]
    found = describe(session, call_out, persons, accounts, zone, now)
    return sorted(found, key=lambda one: (bool(one.why_not), one.standing.rank))


def describe(
    session: Session,
    call_out: CallOut,
    persons: Sequence[Person],
    accounts: Sequence[Account],
    zone: tzinfo,
    now: datetime,
) -> list[Somebody]:
    """What matters about these persons for this call-out."""
    ids = [one.id for one in persons]
    ways = addresses_of(session, ids, [account.channel for account in accounts])
    absent = set(
        session.scalars(
            select(Absence.person_id).where(Absence.starts <= now, Absence.ends > now, Absence.person_id.in_(list(ids)))
        )
        if ids
        else ()
    )
    tried, answered, came = _history(session, call_out, ids)
    local = now.astimezone(zone).time()
    found = []
    for person in persons:
        own = ways.get(person.id, {})
        why = ""
        if person.id in absent:
            why = Sentence("absent")
        elif not own:
            why = Sentence("no phone or mailbox we can use")
        elif not call_out.override_quiet and is_quiet(person.quiet_from, person.quiet_to, local):
            why = Sentence("in their quiet hours")
        standing = Standing(
            bool(call_out.site) and call_out.site.casefold() in {site.casefold() for site in person.sites},
            *(tried[person.id], answered[person.id], came[person.id], person.reference),
        )
        language = person.language if person.language in LANGUAGES else LANGUAGES[0]
        found.append(Somebody(person.id, person.name, language, person.skills, own, why, standing))
    return found


def addresses_of(
    session: Session, ids: Collection[uuid.UUID], channels: Sequence[str]
) -> dict[uuid.UUID, dict[str, list[str]]]:
    """Each person's addresses by channel, verified ones first, then in their own order; what they closed to us is left out."""
    found: dict[uuid.UUID, dict[str, list[str]]] = {}
    rows = session.execute(
        select(Destination.person_id, Destination.medium, Destination.address)
        .where(Destination.person_id.in_(list(ids)), Destination.consent)
        .order_by(Destination.person_id, Destination.verified_at.is_(None), Destination.position, Destination.id)
    )
    for person_id, medium, address in rows if ids else ():
        own = found.setdefault(person_id, {})
        for channel in channels:
            if FACTS[channel].medium == medium:
                own.setdefault(channel, []).append(address)
    return found


def is_quiet(since: str | None, until: str | None, local: time) -> bool:
    """Is it between the two times on the wall? The stretch may pass midnight."""
    if not since or not until or since == until:
        return False
    begins, ends = time.fromisoformat(since), time.fromisoformat(until)
    return begins <= local < ends if begins < ends else local >= begins or local < ends


def _history(
    session: Session, call_out: CallOut, ids: Sequence[uuid.UUID]
) -> tuple[Counter[uuid.UUID], Counter[uuid.UUID], Counter[uuid.UUID]]:
    """How often each was tried in other call-outs of the unit, said anything, and said yes."""
    tried: Counter[uuid.UUID] = Counter()
    answered: Counter[uuid.UUID] = Counter()
    came: Counter[uuid.UUID] = Counter()
    rows = session.execute(
        select(Ask.person_id, Ask.state, func.count())
        .join(CallOut, CallOut.id == Ask.call_out_id)
        .where(CallOut.unit_id == call_out.unit_id, CallOut.id != call_out.id, Ask.tries > 0)
        .group_by(Ask.person_id, Ask.state)
    )
    wanted = set(ids)
    for person_id, state, count in rows:
        if person_id not in wanted:
            continue
        tried[person_id] += count
        answered[person_id] += count if state in ANSWERED else 0
        came[person_id] += count if state is AskState.YES else 0
    return tried, answered, came
