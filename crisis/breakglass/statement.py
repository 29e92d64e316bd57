"""The act itself, through the same domain functions as the console: incident, draft, look, release, or take it back.

Takes sessions and never commits. What was read before the phrase was typed is exactly what is released, or nothing.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.breakglass import journal
from crisis.breakglass.machine import Machine
from crisis.breakglass.proof import Proof
from crisis.breakglass.request import Checked, Refused
from crisis.broadcasts import draft, incidents
from crisis.broadcasts.freeze import Read
from crisis.broadcasts.preview import Preview, preview
from crisis.broadcasts.release import release
from crisis.models import Broadcast, Incident, Unit, User
from crisis.settings import Settings
from crisis.states import BroadcastState, Role

LATELY = timedelta(hours=6)  # the same message within it is said again only by somebody who says so


@dataclass(frozen=True, slots=True)
class Earlier:
    """The same message, said a while ago."""

    at: datetime
    incident: str
    who: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A draft that waits for the phrase, and everything an operator should see before typing it."""

    broadcast_id: uuid.UUID
    incident_id: uuid.UUID
    incident: str
    opened_now: bool
    preview: Preview
    earlier: Earlier | None


def prepare(session: Session, actor: Actor, settings: Settings, checked: Checked, now: datetime) -> Prepared:
    """Open the incident unless it is there, and write the draft. Raises `NotAllowed` or `Refused`."""
    request, playbook = checked.request, checked.playbook
    if checked.incident_id is None:
        unit = session.get_one(Unit, checked.unit_id)
        incident = incidents.open_incident(session, actor, unit, request.mode, request.incident, playbook)
    else:
        incident = session.get_one(Incident, checked.incident_id)
    earlier = said_lately(session, checked, now)
    broadcast = draft.start(session, actor, incident, playbook, request.message)
    draft.change(
        session, actor, broadcast, incident, playbook,
        slots=request.slots, accounts=checked.accounts, audiences=checked.audiences,
    )  # fmt: skip
    session.flush()
    shown = preview(session, broadcast, settings, playbook, now)
    if not shown.ready or shown.needs.needs != "single":
        raise Refused(["; ".join(map(str, shown.composed.problems)) or shown.needs.why])
    return Prepared(broadcast.id, incident.id, incident.title, checked.incident_id is None, shown, earlier)


def said_lately(session: Session, checked: Checked, now: datetime) -> Earlier | None:
    """Was this very message released in the unit a while ago, and not stopped?"""
    row = session.execute(
        select(Broadcast.released_at, Incident.title, User.name)
        .join(Incident, Incident.id == Broadcast.incident_id)
        .outerjoin(User, User.id == Broadcast.released_by)
        .where(
            Broadcast.unit_id == checked.unit_id,
            Broadcast.mode == checked.request.mode,
            Broadcast.playbook == checked.playbook.id,
            Broadcast.message == checked.request.message,
            Broadcast.released_at > now - LATELY,
            Broadcast.state != BroadcastState.STOPPED,
        )
        .order_by(Broadcast.released_at.desc())
    ).first()
    return Earlier(row[0], row[1], row[2] or "somebody") if row and row[0] else None


def let_go(
    session: Session,
    actor: Actor,
    settings: Settings,
    checked: Checked,
    prepared: Prepared,
    machine: Machine,
    proof: Proof,
    now: datetime,
    *,
    in_journal: bool,
) -> int:
    """Release what was shown, and record which machine it came from. Returns how many deliveries were queued."""
    if prepared.earlier is None and said_lately(session, checked, now):
        raise Refused(["somebody has released this message meanwhile; look at what they sent"])
    broadcast = session.get_one(Broadcast, prepared.broadcast_id)
    read: Read = prepared.preview.read
    count = release(session, actor, broadcast, _at_once(settings), checked.playbook, now, read=read)
    if broadcast.authority != "single":  # `release` holds it too; this door has no other lock
        raise Refused([broadcast.authority_reason])
    session.flush()
    details = {"host": machine.host, "os_user": machine.os_user, "login": checked.request.login}
    if in_journal:
        journal_id = journal.beginning(session, proof).journal_id
        details["proof"] = proof.of_release(session, broadcast, journal_id)
    audit.record(
        session, actor, journal.RELEASED, f"broadcast:{broadcast.id}", unit_id=broadcast.unit_id, details=details
    )
    return count


def _at_once(settings: Settings) -> Settings:
    """The typed phrase is the countdown."""
    none = {"countdown_live_seconds": 0, "countdown_drill_seconds": 0}
    return settings.model_copy(update={"units": tuple(unit.model_copy(update=none) for unit in settings.units)})


def take_back(session: Session, actor: Actor, prepared: Prepared) -> None:
    """The operator did not type the phrase: the draft goes, and so does the incident if it was opened for it."""
    broadcast = session.get(Broadcast, prepared.broadcast_id)
    if broadcast is None or broadcast.state is not BroadcastState.DRAFT:
        return
    draft.discard(session, actor, broadcast)
    session.flush()
    if prepared.opened_now:
        incidents.close_incident(session, actor, session.get_one(Incident, prepared.incident_id))


def wrong_password(session: Session, machine: Machine, checked: Checked, user: User) -> None:
    """Somebody at this machine tried to act for an officer."""
    audit.record(
        session,
        machine.itself,
        "terminal.password_wrong",
        f"user:{user.id}",
        unit_id=checked.unit_id,
        details={"login": checked.request.login, "role": Role.OFFICER, "host": machine.host},
    )
