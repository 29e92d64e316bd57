"""Opening and closing incidents. An incident is live or drill from birth; nothing here can change that."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.models import Broadcast, Incident, Unit, utcnow
from crisis.playbooks.playbook import Playbook
from crisis.states import BroadcastState, Mode, NotAllowed, Purpose, Role

LONGEST_TITLE = 120


def open_incident(session: Session, actor: Actor, unit: Unit, mode: Mode, title: str, playbook: Playbook) -> Incident:
    """A new incident in the unit. Raises `NotAllowed` in words a person can act on."""
    actor.demand(Role.OFFICER, unit.id)
    title = " ".join(title.split())
    if not title:
        raise NotAllowed("give the incident a title, so that colleagues recognise it")
    if len(title) > LONGEST_TITLE:
        raise NotAllowed(f"the title is {len(title) - LONGEST_TITLE} characters too long")
    incident = Incident(unit_id=unit.id, mode=mode, title=title, playbook=playbook.id, opened_by=actor.user_id)
    session.add(incident)
    session.flush()
    audit.record(
        session,
        actor,
        "incident.opened",
        f"incident:{incident.id}",
        unit_id=unit.id,
        details={"mode": mode, "title": title, "playbook": playbook.id},
    )
    return incident


def close_incident(session: Session, actor: Actor, incident: Incident) -> None:
    """The event is over for us. Refused while something of it is still leaving."""
    actor.demand(Role.OFFICER, incident.unit_id)
    if incident.closed_at is not None:
        raise NotAllowed("the incident is closed already")
    running = session.scalars(
        select(Broadcast.id).where(Broadcast.incident_id == incident.id, Broadcast.state == BroadcastState.RELEASED)
    ).first()
    if running is not None:
        raise NotAllowed("a broadcast is still being sent; stop it or wait until it is done")
    incident.closed_at = utcnow()
    audit.record(session, actor, "incident.closed", f"incident:{incident.id}", unit_id=incident.unit_id)
