"""Rotas as they stand in the database, made into the values of rota.py: who is on call, and who is absent or reachable.

Asks and changes nothing. What a rota means stands in rota.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from crisis.models import Absence, Person, Rota
from crisis.oncall.candidates import is_quiet
from crisis.oncall.rota import Change, Plan, Shift, on_call, shifts

AHEAD = timedelta(days=60)  # how far the next hand-over is looked for


@dataclass(frozen=True, slots=True)
class Duty:
    """Who has a rota's duty now, until when, and who comes next. No name: nobody."""

    rota_id: uuid.UUID
    rota: str
    unit_id: uuid.UUID
    now: str | None
    until: datetime | None
    next: str | None


def plan_of(rota: Rota) -> Plan:
    """The rota's rows as values."""
    days = rota.length * (7 if rota.every == "week" else 1)
    return Plan(
        zone=ZoneInfo(rota.zone),
        length=days,
        handover=time.fromisoformat(rota.handover),
        begins=rota.begins,
        turns=tuple(turn.person_id for turn in rota.turns if not turn.holiday),
        changes=tuple(Change(one.person_id, one.starts, one.ends, one.made_at) for one in rota.changes),
        country=rota.country,
        holiday_turns=tuple(turn.person_id for turn in rota.turns if turn.holiday),
    )


def person_on_call(rota: Rota, at: datetime) -> uuid.UUID | None:
    return on_call(plan_of(rota), at)


def rotas_of(session: Session, units: Collection[uuid.UUID]) -> Sequence[Rota]:
    """The rotas of these units by name, with their turns and changes."""
    return session.scalars(
        select(Rota)
        .where(Rota.unit_id.in_(units))
        .options(selectinload(Rota.turns), selectinload(Rota.changes))
        .order_by(Rota.name)
    ).all()


def duties(session: Session, units: Collection[uuid.UUID], at: datetime) -> list[Duty]:
    """Who is on call now and next, rota by rota."""
    found = []
    for rota in rotas_of(session, units):
        ahead = by_person(shifts(plan_of(rota), at, at + AHEAD))
        names = names_of(session, [one.person for one in ahead[:2]])
        now, after = ahead[0], ahead[1] if len(ahead) > 1 else None
        found.append(
            Duty(
                rota.id,
                rota.name,
                rota.unit_id,
                names.get(now.person) if now.person else None,
                now.ends if after else None,
                names.get(after.person) if after and after.person else None,
            )
        )
    return found


def by_person(planned: Iterable[Shift]) -> list[Shift]:
    """Neighbours with the same person as one, whatever else tells them apart."""
    joined: list[Shift] = []
    for one in planned:
        if joined and joined[-1].person == one.person:
            joined[-1] = Shift(joined[-1].starts, one.ends, one.person)
        else:
            joined.append(Shift(one.starts, one.ends, one.person))
    return joined


def names_of(session: Session, persons: Iterable[uuid.UUID | None]) -> dict[uuid.UUID, str]:
    wanted = {one for one in persons if one is not None}
    if not wanted:
        return {}
    return {row.id: row.name for row in session.execute(select(Person.id, Person.name).where(Person.id.in_(wanted)))}


def absent(session: Session, persons: Collection[uuid.UUID], at: datetime) -> set[uuid.UUID]:
    """Which of these persons are not to be asked at this moment."""
    return set(
        session.scalars(
            select(Absence.person_id).where(Absence.person_id.in_(persons), Absence.starts <= at, Absence.ends > at)
        )
    )


def in_quiet_hours(session: Session, persons: Collection[uuid.UUID], zone: tzinfo, at: datetime) -> set[uuid.UUID]:
    """Which of these persons want to be left alone at this moment."""
    rows = session.execute(select(Person.id, Person.quiet_from, Person.quiet_to).where(Person.id.in_(persons)))
    local = at.astimezone(zone).time()
    return {row.id for row in rows if is_quiet(row.quiet_from, row.quiet_to, local)}
