"""Trouble ahead in rotas: times with nobody, with somebody who is absent, or with somebody who can't be reached.

Asks and remembers who was told; sends nothing itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis.db import rows_changed
from crisis.models import Absence, Destination, Rota, RotaWarning, new_id
from crisis.oncall.roster import by_person, names_of, plan_of, rotas_of
from crisis.oncall.rota import shifts

FAR, NEAR = timedelta(days=14), timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Trouble:
    """`kind`: hole, absent or unreachable. `who` is empty for a hole. `near`: within a day."""

    rota_id: uuid.UUID
    unit_id: uuid.UUID
    rota: str
    kind: str
    who: str
    starts: datetime
    ends: datetime
    near: bool


def troubles(session: Session, units: Collection[uuid.UUID], now: datetime) -> list[Trouble]:
    """What goes wrong within fourteen days unless somebody mends it, the nearest first."""
    found = [one for rota in rotas_of(session, units) for one in _of(session, rota, now)]
    return sorted(found, key=lambda one: (one.starts, one.rota))


def _of(session: Session, rota: Rota, now: datetime) -> list[Trouble]:
    ahead = by_person(shifts(plan_of(rota), now, now + FAR))
    persons = {one.person for one in ahead if one.person is not None}
    names = names_of(session, persons)
    reached = set(
        session.scalars(
            select(Destination.person_id).where(Destination.person_id.in_(persons), Destination.consent).distinct()
        )
    )
    away = session.scalars(select(Absence).where(Absence.person_id.in_(persons), Absence.ends > now)).all()
    found = []

    def note(kind: str, person: uuid.UUID | None, starts: datetime, ends: datetime) -> None:
        who = names.get(person, "") if person else ""
        near = starts <= now + NEAR
        found.append(Trouble(rota.id, rota.unit_id, rota.name, kind, who, starts, ends, near))

    for one in ahead:
        if one.person is None:
            note("hole", None, one.starts, one.ends)
            continue
        if one.person not in reached:
            note("unreachable", one.person, one.starts, one.ends)
        for absence in away:
            starts, ends = max(one.starts, absence.starts), min(one.ends, absence.ends)
            if absence.person_id == one.person and starts < ends:
                note("absent", one.person, starts, ends)
    return found


@dataclass(frozen=True, slots=True)
class Overlap:
    """One person has the duty of two rotas at once. It may be meant; nobody can be in two places."""

    who: str
    rotas: tuple[str, str]
    starts: datetime
    ends: datetime


def overlaps(session: Session, units: Collection[uuid.UUID], now: datetime) -> list[Overlap]:
    """Within fourteen days, the nearest first."""
    planned = [(rota, by_person(shifts(plan_of(rota), now, now + FAR))) for rota in rotas_of(session, units)]
    found = []
    for (first, own), (second, other) in combinations(planned, 2):
        for one in own:
            for two in other:
                starts, ends = max(one.starts, two.starts), min(one.ends, two.ends)
                if one.person is not None and one.person == two.person and starts < ends:
                    found.append((one.person, (first.name, second.name), starts, ends))
    names = names_of(session, {person for person, *_ in found})
    shown = [Overlap(names.get(person, ""), rotas, starts, ends) for person, rotas, starts, ends in found]
    return sorted(shown, key=lambda one: (one.starts, one.rotas))


def untold(session: Session, found: Sequence[Trouble], now: datetime) -> list[Trouble]:
    """Those of them nobody was told about yet at this distance; from now on they are told."""
    insert = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert(RotaWarning)
    new = []
    for one in found:
        # What goes on already began at a moment that moves with the clock: it is known by its end.
        known_by = one.ends if one.starts <= now else one.starts
        row = insert.values(
            id=new_id(), rota_id=one.rota_id, kind=one.kind, starts=known_by, near=one.near, told_at=now
        ).on_conflict_do_nothing()
        if rows_changed(session, row):
            new.append(one)
    return new
