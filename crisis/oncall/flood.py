"""A flood of alerts: beyond a handful for one escalation they are bundled, and one speaks for all of them.

So nobody's phone rings five hundred times. Nothing is lost by it: each stays an alert of its own, with its own key and
end, and nobody takes what was not said to them. Takes a session and never commits.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from crisis.models import Alert, Escalation
from crisis.states import AlertState

SINGLY = 5  # so many alerts of one escalation are asked about one by one at a time


def bundle(session: Session, now: datetime) -> int:
    """Lay alerts that nobody was asked about yet onto one that speaks for them, where there are too many. Returns how many."""
    fresh = (
        Alert.state == AlertState.OPEN,
        Alert.due_at <= now,
        Alert.climbed == 0,
        Alert.bundled_with.is_(None),
        Alert.broadcast_id.is_(None),
    )
    groups = session.execute(
        select(Alert.unit_id, Alert.mode, Alert.escalation_id, func.count().label("count"))
        .where(*fresh, Alert.escalation_id.is_not(None))
        .group_by(Alert.unit_id, Alert.mode, Alert.escalation_id)
    ).all()
    laid = 0
    for unit_id, mode, escalation_id, count in groups:
        same = (Alert.unit_id == unit_id, Alert.mode == mode, Alert.escalation_id == escalation_id)
        # One clock at a time: two of them could lay two alerts onto each other, and nobody would be asked about either.
        session.execute(select(Escalation.id).where(Escalation.id == escalation_id).with_for_update())
        lead = session.scalars(select(Alert.id).where(*same, *_asked_about(), _carries()).limit(1)).first()
        if lead is None:
            asked = session.scalar(select(func.count()).select_from(Alert).where(*same, *_asked_about())) or 0
            if asked + count <= SINGLY:
                continue
            lead = session.scalars(select(Alert.id).where(*same, *fresh).order_by(Alert.opened_at, Alert.id)).first()
        laid += len(
            session.execute(
                update(Alert)
                .where(*same, *fresh, Alert.id != lead)
                .values(bundled_with=lead, bundled_at=now, due_at=None)
                .returning(Alert.id)
                .execution_options(synchronize_session="fetch")
            ).all()
        )
    return laid


def _asked_about() -> tuple[ColumnElement[bool], ...]:
    """Open, and somebody is being asked about it for itself."""
    return (
        Alert.state == AlertState.OPEN,
        Alert.climbed > 0,
        Alert.due_at.is_not(None),
        Alert.bundled_with.is_(None),
        Alert.broadcast_id.is_(None),
    )


def _carries() -> ColumnElement[bool]:
    other = aliased(Alert)
    return exists().where(other.bundled_with == Alert.id, other.state == AlertState.OPEN)


def _waiting(lead: uuid.UUID) -> tuple[ColumnElement[bool], ...]:
    return (Alert.bundled_with == lead, Alert.state == AlertState.OPEN, Alert.ended_at.is_(None))


def size(session: Session, lead: uuid.UUID) -> int:
    """For how many others this alert speaks now."""
    return session.scalar(select(func.count()).select_from(Alert).where(*_waiting(lead))) or 0


def taken(session: Session, lead: Alert, told_at: datetime, now: datetime) -> int:
    """Whoever took `lead` takes with it what had been said to them by `told_at`; the rest is asked about anew.

    Returns how many were taken.
    """
    mine = session.execute(
        update(Alert)
        .where(*_waiting(lead.id), Alert.bundled_at <= told_at)
        .values(
            state=AlertState.TAKEN,
            taken_by=lead.taken_by,
            taken_name=lead.taken_name,
            taken_at=now,
            due_at=None,
        )
        .returning(Alert.id)
        .execution_options(synchronize_session="fetch")
    ).all()
    go_on(session, lead, now)
    return len(mine)


def go_on(session: Session, lead: Alert, now: datetime) -> None:
    """`lead` speaks for nobody any more: the oldest of those it spoke for does, and somebody is asked at once."""
    heir = session.scalars(select(Alert.id).where(*_waiting(lead.id)).order_by(Alert.opened_at, Alert.id)).first()
    if heir is None:
        return
    session.execute(
        update(Alert)
        .where(*_waiting(lead.id), Alert.id != heir)
        .values(bundled_with=heir)
        .execution_options(synchronize_session="fetch")
    )
    session.execute(
        update(Alert)
        .where(Alert.id == heir)
        .values(bundled_with=None, bundled_at=None, due_at=now)
        .execution_options(synchronize_session="fetch")
    )


def exhausted(session: Session, lead: uuid.UUID) -> None:
    """Everybody was tried for all of them."""
    session.execute(
        update(Alert)
        .where(*_waiting(lead))
        .values(state=AlertState.EXHAUSTED, bundled_with=None)
        .execution_options(synchronize_session="fetch")
    )
