"""Opening and closing incidents. An incident is live or drill from birth; nothing here can change that."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts.compose import incident_link
from crisis.broadcasts.planned_release import hold_back
from crisis.models import Broadcast, CallOut, Incident, Unit, utcnow
from crisis.playbooks.playbook import Playbook
from crisis.playbooks.slots import check_all
from crisis.settings import Language, Settings
from crisis.states import BroadcastState, CallOutState, Mode, NotAllowed, Purpose, Role

LONGEST_TITLE = 120


def open_incident(session: Session, actor: Actor, unit: Unit, mode: Mode, title: str, playbook: Playbook) -> Incident:
    """A new incident in the unit; a live one holds back everything the unit has planned for calm times.

    Raises `NotAllowed` in words a person can act on.
    """
    actor.demand(Role.OFFICER, unit.id)
    title = " ".join(title.split())
    if not title:
        raise NotAllowed("give the incident a title, so that colleagues recognise it")
    if len(title) > LONGEST_TITLE:
        raise NotAllowed("the title is %(over)d characters too long", over=len(title) - LONGEST_TITLE)
    incident = Incident(unit_id=unit.id, mode=mode, title=title, playbook=playbook.id, opened_by=actor.user_id)
    session.add(incident)
    session.flush()
    hold_back(session, actor, incident, incident.opened_at)
    audit.record(
        session,
        actor,
        "incident.opened",
        f"incident:{incident.id}",
        unit_id=unit.id,
        details={"mode": mode, "title": title, "playbook": playbook.id},
    )
    return incident


def known_words(
    session: Session, settings: Settings, incident: Incident, playbook: Playbook, language: Language
) -> dict[str, str]:
    """What the placeholders of checklists and notes stand for by now: the unit's own words, and what was last released."""
    unit = settings.unit(incident.unit.key)
    values = {"organisation": unit.name}
    if link := incident_link(settings, unit.key, incident.mode, incident.id.hex):
        values["link"] = link
    newest = session.scalars(
        select(Broadcast)
        .where(Broadcast.incident_id == incident.id, Broadcast.purpose == Purpose.STATEMENT)
        .where(Broadcast.released_at.is_not(None))
        .order_by(Broadcast.released_at.desc())
    ).first()
    if newest is not None and newest.message in playbook.messages:
        values |= check_all(playbook, newest.message, newest.slots, language, unit.link_domains)[0]
        if newest.next_update_at is not None:
            values["next_update"] = newest.next_update_at.astimezone(unit.tz).strftime("%H:%M")
    return values


def close_incident(session: Session, actor: Actor, incident: Incident) -> None:
    """The event is over for us. Refused while something of it is still leaving."""
    actor.demand(Role.OFFICER, incident.unit_id)
    if incident.closed_at is not None:
        raise NotAllowed("the incident is closed already")
    running = session.scalars(
        select(Broadcast.id).where(
            Broadcast.incident_id == incident.id,
            Broadcast.state == BroadcastState.RELEASED,
            # A notice that cannot reach a colleague must not keep the incident open.
            Broadcast.purpose == Purpose.STATEMENT,
        )
    ).first()
    if running is not None:
        raise NotAllowed("a broadcast is still being sent; stop it or wait until it is done")
    asking = session.scalars(
        select(CallOut.id).where(CallOut.incident_id == incident.id, CallOut.state == CallOutState.OPEN)
    ).first()
    if asking is not None:
        raise NotAllowed("a call-out is still asking people; cancel it or wait until it is done")
    incident.closed_at = utcnow()
    audit.record(session, actor, "incident.closed", f"incident:{incident.id}", unit_id=incident.unit_id)
