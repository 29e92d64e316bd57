"""Finding what an address names, for somebody who may see it; 404 for everything else.

Changing something asks for the row with its lock, so that of two presses at once the second sees what the first did.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import abort
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.console import language
from crisis.console.guard import enter
from crisis.console.here import runtime
from crisis.models import Broadcast, CallOut, Delivery, Incident, PlannedPost
from crisis.playbooks.playbook import Playbook
from crisis.settings import Language
from crisis.states import Purpose


@dataclass(frozen=True, slots=True)
class Found:
    """A broadcast with the incident it belongs to and the playbook it was made from, when that can be read."""

    broadcast: Broadcast
    incident: Incident
    playbook: Playbook | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A released broadcast, whatever it belongs to: an incident, with its playbook, or a post planned for calm times."""

    broadcast: Broadcast
    incident: Incident | None
    post: PlannedPost | None
    playbook: Playbook | None


def incident(session: Session, incident_id: uuid.UUID, *, lock: bool = False) -> Incident:
    """The incident, and work in its unit from here on."""
    row = session.get(Incident, incident_id, with_for_update=lock or None) or abort(404)
    enter(row.unit_id)
    return row


def broadcast(session: Session, broadcast_id: uuid.UUID, *, lock: bool = False) -> Found:
    """A statement or a test of one. What the system tells its own users is nobody's page; an answer's is its inbound's."""
    row = session.get(Broadcast, broadcast_id, with_for_update=lock or None)
    if row is None or row.purpose in (Purpose.NOTICE, Purpose.ANSWER) or row.incident_id is None:
        abort(404)
    enter(row.unit_id)
    of = session.get_one(Incident, row.incident_id)
    return Found(row, of, playbook(row.playbook))


def call_out_of(session: Session, row: Broadcast) -> CallOut | None:
    """The call-out these are the words of, or words about."""
    if row.purpose is not Purpose.CALL_OUT:
        return None
    of = [one for one in (row.id, row.follows_id) if one]
    return session.scalars(select(CallOut).where(CallOut.broadcast_id.in_(of))).first()


def sent(session: Session, broadcast_id: uuid.UUID, *, lock: bool = False) -> Sent:
    """The same, or what went out of a planned post."""
    row = session.get(Broadcast, broadcast_id, with_for_update=lock or None)
    if row is None or row.purpose is not Purpose.PLANNED or row.planned_post_id is None:
        this = broadcast(session, broadcast_id, lock=lock)
        return Sent(this.broadcast, this.incident, None, this.playbook)
    enter(row.unit_id)
    return Sent(row, None, session.get_one(PlannedPost, row.planned_post_id), None)


def delivery(session: Session, delivery_id: uuid.UUID, *, lock: bool = False) -> tuple[Delivery, Sent]:
    row = session.get(Delivery, delivery_id, with_for_update=lock or None) or abort(404)
    return row, sent(session, row.broadcast_id)


def playbook(key: str) -> Playbook | None:
    return runtime().playbooks.shelf().playbooks.get(key)


def spoken() -> Language:
    """The language of this page, as the playbooks know it."""
    return cast("Language", language.current())


def moment(told: str) -> datetime:
    """A moment that a page of ours has written into a form, to the microsecond and with its zone."""
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        abort(400)
    return at if at.tzinfo is not None else abort(400)
