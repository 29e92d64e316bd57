"""Making and changing rotas: their turns, and who stands in for whom. Takes a session, never commits, records every act."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.models import Absence, Person, Rota, RotaChange, RotaTurn
from crisis.oncall import people
from crisis.states import NotAllowed, Role

LONGEST_CHANGE = timedelta(days=366)
MOST_TURNS = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rota as somebody fills it in. `turns` and `holiday_turns` are persons in order; one may stand there twice."""

    name: str
    every: str
    length: int
    handover: str
    begins: date
    turns: Sequence[uuid.UUID]
    holiday_turns: Sequence[uuid.UUID] = ()
    country: str = "NO"
    zone: str = "Europe/Oslo"


def save(session: Session, actor: Actor, unit_id: uuid.UUID, rota: Rota | None, key: str, wanted: Wanted) -> Rota:
    """Make a rota, or make this one be as wanted; its key never changes. Raises `NotAllowed`."""
    people.demand(actor, unit_id)
    name = people.line(wanted.name, 80)
    if wanted.every not in ("day", "week") or not 1 <= wanted.length <= 52:
        raise NotAllowed("a turn lasts 1 to 52 days or weeks")
    try:
        time.fromisoformat(wanted.handover)
    except ValueError:
        raise NotAllowed("write the hand-over as a time, such as 08:00") from None
    if max(len(wanted.turns), len(wanted.holiday_turns)) > MOST_TURNS:
        raise NotAllowed("a rota has at most %(most)d turns", most=MOST_TURNS)
    _ours(session, unit_id, [*wanted.turns, *wanted.holiday_turns])
    if rota is None:
        checked = people.key(key)
        if session.scalar(select(Rota.id).where(Rota.unit_id == unit_id, Rota.key == checked)):
            raise NotAllowed("there is a rota with that key already")
        rota = Rota(unit_id=unit_id, key=checked)
        session.add(rota)
    rota.name, rota.every, rota.length = name, wanted.every, wanted.length
    rota.handover, rota.begins = wanted.handover[:5], wanted.begins
    rota.country, rota.zone = wanted.country, wanted.zone
    rota.turns = []
    session.flush()  # a place in the order is unique, and rows are inserted before others are deleted
    rota.turns = [RotaTurn(position=n, person_id=one) for n, one in enumerate(wanted.turns)]
    rota.turns += [RotaTurn(position=n, person_id=one, holiday=True) for n, one in enumerate(wanted.holiday_turns)]
    session.flush()
    audit.record(session, actor, "rota.saved", f"rota:{rota.id}", unit_id=unit_id, details={"key": rota.key})
    return rota


def stand_in(
    session: Session,
    actor: Actor,
    rota: Rota,
    person_id: uuid.UUID | None,
    starts: datetime,
    ends: datetime,
    reason: str,
    now: datetime,
) -> RotaChange:
    """Somebody takes this time; None: knowingly nobody. The latest made wins. Raises `NotAllowed`."""
    _demand(actor, rota.unit_id)
    _stretch(starts, ends)
    if person_id is not None:
        _ours(session, rota.unit_id, [person_id])
    made = RotaChange(
        rota=rota,
        person_id=person_id,
        starts=starts,
        ends=ends,
        reason=" ".join(reason.split())[:200],
        made_by=actor.user_id,
        made_at=now,
    )
    session.add(made)
    session.flush()
    details = {"key": rota.key, "until": ends.isoformat(timespec="minutes"), "why": made.reason}
    audit.record(session, actor, "rota.changed", f"rota:{rota.id}", unit_id=rota.unit_id, details=details)
    return made


def undo(session: Session, actor: Actor, change: RotaChange) -> None:
    """Take a change away again; the record keeps that it was."""
    _demand(actor, change.rota.unit_id)
    details = {"key": change.rota.key, "why": change.reason}
    audit.record(
        session, actor, "rota.change_removed", f"rota:{change.rota_id}", unit_id=change.rota.unit_id, details=details
    )
    session.delete(change)


def new_feed(session: Session, actor: Actor, rota: Rota) -> str:
    """A new secret for the calendar's address, shown once; the old address stops. Only its SHA-256 is kept."""
    _demand(actor, rota.unit_id)
    token = secrets.token_urlsafe(32)
    rota.feed_token = hashlib.sha256(token.encode()).hexdigest()
    audit.record(
        session, actor, "rota.feed_renewed", f"rota:{rota.id}", unit_id=rota.unit_id, details={"key": rota.key}
    )
    return token


def be_absent(session: Session, actor: Actor, person: Person, starts: datetime, ends: datetime, reason: str) -> Absence:
    """A time when this person is not to be asked. Raises `NotAllowed`."""
    _demand(actor, person.unit_id)
    return note_absence(session, actor, person, starts, ends, reason)


def note_absence(
    session: Session, actor: Actor, person: Person, starts: datetime, ends: datetime, reason: str
) -> Absence:
    """The same, once it is clear that the actor may. Raises `NotAllowed`."""
    _stretch(starts, ends)
    row = Absence(person_id=person.id, starts=starts, ends=ends, reason=" ".join(reason.split())[:120])
    session.add(row)
    session.flush()
    details = {"reference": person.reference, "until": ends.isoformat(timespec="minutes")}
    audit.record(session, actor, "person.absent", f"person:{person.id}", unit_id=person.unit_id, details=details)
    return row


def remove_absence(session: Session, actor: Actor, row: Absence) -> None:
    """They are there after all. The caller has asked whether the actor may."""
    person = session.get_one(Person, row.person_id)
    details = {"reference": person.reference, "until": row.ends.isoformat(timespec="minutes")}
    audit.record(
        session, actor, "person.absence_removed", f"person:{person.id}", unit_id=person.unit_id, details=details
    )
    session.delete(row)


def _stretch(starts: datetime, ends: datetime) -> None:
    if not timedelta() < ends - starts <= LONGEST_CHANGE:
        raise NotAllowed("the end must come after the start, within a year")


def _demand(actor: Actor, unit_id: uuid.UUID) -> None:
    if actor.user_id is not None and not actor.has(Role.ADMINISTRATOR, unit_id):
        actor.demand(Role.OFFICER, unit_id)


def _ours(session: Session, unit_id: uuid.UUID, persons: Sequence[uuid.UUID]) -> None:
    known = set(session.scalars(select(Person.id).where(Person.id.in_(persons), Person.unit_id == unit_id)))
    if set(persons) - known:
        raise NotAllowed("somebody in the rota is not in this unit; choose again")
