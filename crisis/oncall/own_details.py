"""What a member of staff changes about themselves: where they are reached and in which order, quiet hours, absences.

Groups, skills and names stay the administrators'. Takes a session and never commits; every change is recorded.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.models import Absence, Destination, Person, User
from crisis.oncall import people, rota_plan
from crisis.states import NotAllowed

MOST_REACHES = 8


def mine(session: Session, actor: Actor) -> Person | None:
    """The person this user is; None: nobody has tied them to one."""
    user = session.get(User, actor.user_id) if actor.user_id else None
    return session.get(Person, user.person_id) if user is not None and user.person_id else None


def demand(session: Session, actor: Actor) -> Person:
    """Raises `NotAllowed`."""
    person = mine(session, actor)
    if person is None:
        raise NotAllowed("you are not tied to a person yet; an administrator does that under Users")
    return person


def add_reach(session: Session, actor: Actor, medium: str, written: str) -> Destination:
    """One more phone or mailbox, tried last and not verified yet. Raises `NotAllowed`."""
    person = demand(session, actor)
    kind = medium if medium in people.MEDIA else "phone"
    address = people.address(kind, written)
    if any((one.medium, one.address) == (kind, address) for one in person.destinations):
        raise NotAllowed("This is there twice.")
    if len(person.destinations) >= MOST_REACHES:
        raise NotAllowed("at most %(most)d phones and mailboxes; take one away first", most=MOST_REACHES)
    row = Destination(medium=kind, address=address, position=len(person.destinations))
    person.destinations.append(row)
    session.flush()
    _record(session, actor, person, "reaches")
    return row


def remove_reach(session: Session, actor: Actor, destination_id: uuid.UUID) -> None:
    """Raises `NotAllowed` for somebody else's, and for the last one: nobody could be reached at all."""
    person = demand(session, actor)
    row = reach(person, destination_id)
    if len(person.destinations) == 1:
        raise NotAllowed("this is the last way to reach you; add another one first")
    person.destinations.remove(row)
    _number(person.destinations)
    session.flush()
    _record(session, actor, person, "reaches")


def move_up(session: Session, actor: Actor, destination_id: uuid.UUID) -> None:
    """Try this one earlier by one place."""
    person = demand(session, actor)
    rows = list(person.destinations)
    at = rows.index(reach(person, destination_id))
    if at:
        rows[at - 1], rows[at] = rows[at], rows[at - 1]
        _number(rows)
        session.flush()
        session.expire(person, ["destinations"])
        _record(session, actor, person, "reaches")


def reach(person: Person, destination_id: uuid.UUID) -> Destination:
    """Raises `NotAllowed` when it is not this person's."""
    row = next((one for one in person.destinations if one.id == destination_id), None)
    if row is None:
        raise NotAllowed("this phone or mailbox is not in the list any more; look again")
    return row


def set_quiet(session: Session, actor: Actor, since: str, until: str) -> None:
    """Raises `NotAllowed`."""
    person = demand(session, actor)
    person.quiet_from, person.quiet_to = people.quiet_hours(since, until) or (None, None)
    session.flush()
    _record(session, actor, person, "quiet")


def be_absent(session: Session, actor: Actor, starts: datetime, ends: datetime, reason: str) -> Absence:
    """Raises `NotAllowed`."""
    return rota_plan.note_absence(session, actor, demand(session, actor), starts, ends, reason)


def end_absence(session: Session, actor: Actor, absence_id: uuid.UUID) -> None:
    """Take an absence away. Raises `NotAllowed` when it is not the actor's own."""
    row = session.get(Absence, absence_id)
    if row is None or row.person_id != demand(session, actor).id:
        raise NotAllowed("this absence is not there any more; look again")
    rota_plan.remove_absence(session, actor, row)


def absences(session: Session, person: Person, now: datetime) -> Sequence[Absence]:
    """Those that are not over, the next one first."""
    wanted = select(Absence).where(Absence.person_id == person.id, Absence.ends > now)
    return session.scalars(wanted.order_by(Absence.starts)).all()


def _number(rows: Sequence[Destination]) -> None:
    for position, row in enumerate(rows):
        row.position = position


def _record(session: Session, actor: Actor, person: Person, changed: str) -> None:
    facts = {"reference": person.reference, "changed": [changed]}
    audit.record(session, actor, "person.changed", f"person:{person.id}", unit_id=person.unit_id, details=facts)
