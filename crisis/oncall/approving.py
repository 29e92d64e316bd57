"""The second person, asked by an escalation: an alert for each broadcast that waits for one, or that left without one.

Only those are asked who may judge it: approvers of the unit, and never whoever wrote or submitted it. What a yes means
stands in broadcasts/submit.py. Takes a session and never commits; the clock runs it, so every way of submitting is seen.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from crisis.actor import SYSTEM, Actor
from crisis.broadcasts import notice, submit
from crisis.models import Alert, Broadcast, BroadcastText, Escalation, Grant, Unit, User
from crisis.oncall import alerts, pins
from crisis.settings import Language, Settings
from crisis.states import BroadcastState, EscalationPurpose, NotAllowed, Purpose, Role

APPROVAL, GLASS = "approval", "break-glass"  # sources of alerts
ASKED = (Purpose.STATEMENT, Purpose.CALL_OUT)
LATELY = timedelta(hours=1)  # a glass broken longer ago has been told of, or nobody planned that it should be
LONGEST_HEARD = 4_000  # characters read out in one call: some four minutes, more nobody keeps in mind

TITLES: Mapping[str, Mapping[Language, str]] = {
    APPROVAL: {
        "nb": "Godkjenning venter: {about}",
        "nn": "Godkjenning ventar: {about}",
        "en": "Approval waits: {about}",
    },
    GLASS: {
        "nb": "Sendt uten andre person: {about}",
        "nn": "Sendt utan andre person: {about}",
        "en": "Released without a second person: {about}",
    },
}


@dataclass(frozen=True, slots=True)
class Heard:
    """One text as it is read out: which channels carry it, in which language."""

    channels: Sequence[str]
    language: str
    title: str
    text: str


def ask(session: Session, settings: Settings, now: datetime) -> int:
    """Open an alert for what waits for somebody, and close those whose broadcast was judged. Returns how many opened.

    Only in units that have planned an escalation for it; elsewhere the notice to all approvers must do.
    """
    for alert in _open_ones(session):
        if _settled(session.get_one(Broadcast, alert.broadcast_id), alert):
            alerts.close(session, SYSTEM, alert, "it has been judged", now)
    planned = select(Escalation.unit_id).where(Escalation.purpose == EscalationPurpose.APPROVAL)
    # A unit that crisis.toml names no more has rows all the same, and nobody to speak for it.
    units = set(session.scalars(planned.join(Unit).where(Unit.key.in_([one.key for one in settings.units]))))
    opened = 0
    if units:
        for broadcast, source in _wanted(session, units, now):
            opened += _open(session, broadcast, source, settings, now)
    return opened


def _wanted(session: Session, units: set[uuid.UUID], now: datetime) -> list[tuple[Broadcast, str]]:
    def without(source: str) -> Sequence[Broadcast]:
        there = exists().where(Alert.broadcast_id == Broadcast.id, Alert.source == source)
        if source == APPROVAL:  # taken back and submitted again, even with the same words, it is asked for again
            there = there.where(Alert.opened_at >= Broadcast.submitted_at)
        found = select(Broadcast).where(Broadcast.unit_id.in_(units), Broadcast.purpose.in_(ASKED), ~there)
        if source == APPROVAL:
            found = found.where(Broadcast.state == BroadcastState.SUBMITTED)
        else:
            found = found.where(Broadcast.break_glass_reason.is_not(None), Broadcast.released_at > now - LATELY)
        return session.scalars(found).all()

    return [(one, source) for source in (APPROVAL, GLASS) for one in without(source)]


def _open(session: Session, broadcast: Broadcast, source: str, settings: Settings, now: datetime) -> int:
    about = broadcast.incident.title if broadcast.incident else broadcast.message
    language = settings.unit(broadcast.unit.key).language
    author = session.get(User, broadcast.submitted_by or broadcast.released_by)
    told = alerts.Opening(
        key=broadcast.digest or str(broadcast.id),
        title=TITLES[source][language].format(about=about),
        text=broadcast.break_glass_reason or "",
        source=source,
        details={"digest": broadcast.digest, "who": author.name if author else "", "about": about},
        incident_id=broadcast.incident_id,
        broadcast_id=broadcast.id,
        purpose=EscalationPurpose.APPROVAL,
    )
    return alerts.open_alert(session, SYSTEM, broadcast.unit_id, broadcast.mode, told, now)[1]


def _open_ones(session: Session) -> Sequence[Alert]:
    return session.scalars(
        select(Alert).where(Alert.broadcast_id.is_not(None), Alert.ended_at.is_(None), Alert.source == APPROVAL)
    ).all()


def _settled(broadcast: Broadcast, alert: Alert) -> bool:
    return broadcast.state is not BroadcastState.SUBMITTED or broadcast.digest != alert.details.get("digest")


def readers(session: Session, alert: Alert) -> set[uuid.UUID] | None:
    """The persons who may be asked about this alert; None: it is about no broadcast, and anybody may."""
    if alert.source not in (APPROVAL, GLASS) or alert.broadcast_id is None:
        return None
    broadcast = session.get_one(Broadcast, alert.broadcast_id)
    never = {broadcast.submitted_by, broadcast.created_by, broadcast.released_by}
    approvers = notice.users_with(session, alert.unit_id, Role.APPROVER, but=None)
    return {user.person_id for user in approvers if user.person_id is not None and user.id not in never}


def heard(broadcast: Broadcast) -> list[Heard] | None:
    """Every text that would leave, once each; None when hearing would not be knowing: pictures, too much, a change of
    what is out there.
    """
    if broadcast.manners or any(text.media for text in broadcast.texts):
        return None
    found: dict[tuple[str, str, str], list[str]] = {}
    for text in sorted(broadcast.texts, key=_order):
        found.setdefault((text.language, text.title, text.text), []).append(text.channel)
    if sum(len(title) + len(text) for _, title, text in found) > LONGEST_HEARD:
        return None
    return [Heard(channels, language, title, text) for (language, title, text), channels in found.items()]


def _order(text: BroadcastText) -> tuple[str, str]:
    return text.language, text.channel


def judge(session: Session, alert: Alert, person_id: uuid.UUID, digest: str, now: datetime) -> None:
    """The yes of somebody who has heard exactly what `digest` names and has keyed their own PIN.

    Raises `NotAllowed` when the PIN stands for no approver, the broadcast has changed, or somebody has decided already.
    """
    user = pins.set_by(session, person_id)
    if user is None:
        raise NotAllowed("this PIN stands for nobody who may approve")
    broadcast = session.get_one(Broadcast, alert.broadcast_id, with_for_update=True, populate_existing=True)
    submit.approve(session, acting(session, user), broadcast, digest, now, way="telephone")
    alerts.close(session, SYSTEM, alert, "approved by telephone", now)


def acting(session: Session, user: User) -> Actor:
    """The user with the rights they have at this moment."""
    held = session.execute(select(Grant.unit_id, Grant.role).where(Grant.user_id == user.id)).all()
    return Actor(user.id, user.name, frozenset((row.unit_id, row.role) for row in held))
