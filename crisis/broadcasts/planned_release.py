"""Planned posts leaving at their time, and being held back: by a live incident, or because their time passed.

Letting go and holding back take the unit's row first, so that of a post due in the very second an incident opens, either
nothing leaves or what was queued is cancelled. Nothing here resumes anything.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import SYSTEM, Actor
from crisis.broadcasts.draft import chosen_accounts
from crisis.broadcasts.freeze import digest
from crisis.broadcasts.planned import live_incident, unsent
from crisis.broadcasts.reach import walls
from crisis.broadcasts.release import queue, stop_rest
from crisis.models import Broadcast, Delivery, Incident, PlannedPost, Unit
from crisis.states import OPEN, REACHED, BroadcastState, Mode, PlannedState, Purpose

INCIDENT_OPENED = "a live incident was opened"
TOO_LATE = "its time passed before it could leave"
NOT_APPROVED = "the text is not what was approved"
AT_ONCE = 50  # posts looked at in one round


def due(session: Session, now: datetime) -> Sequence[uuid.UUID]:
    """The approved posts whose time has come, the oldest first."""
    return session.scalars(
        select(PlannedPost.id)
        .where(PlannedPost.state == PlannedState.APPROVED, PlannedPost.at <= now)
        .order_by(PlannedPost.at)
        .limit(AT_ONCE)
    ).all()


def let_go(session: Session, post_id: uuid.UUID, now: datetime) -> int:
    """Release one post if that is still right, else hold it back. Returns how many deliveries were queued."""
    _lock_unit(session, session.get_one(PlannedPost, post_id).unit_id)
    post = session.get_one(PlannedPost, post_id, with_for_update=True, populate_existing=True)
    if post.state is not PlannedState.APPROVED or post.at is None or post.at > now:
        return 0
    broadcast = unsent(session, post)
    incident = live_incident(session, post.unit_id)
    if incident is not None:
        return _hold(session, post, INCIDENT_OPENED, incident, now)
    if broadcast is None or not _stands(broadcast):
        return _hold(session, post, NOT_APPROVED, None, now)
    if broadcast.expires_at is None or broadcast.expires_at <= now:
        return _hold(session, post, TOO_LATE, None, now)
    return _release(session, post, broadcast, now)


def _release(session: Session, post: PlannedPost, broadcast: Broadcast, now: datetime) -> int:
    said = _said_before(session, post)
    texts = {(text.channel, text.language) for text in broadcast.texts}
    receivers = [
        one
        for one in walls(chosen_accounts(session, broadcast), None)
        if (one.channel, one.language) in texts and (one.account_id, one.language) not in said
    ]
    post.state, broadcast.state = PlannedState.RELEASED, BroadcastState.RELEASED
    broadcast.released_at = broadcast.leaves_at = now
    session.flush()
    count = queue(session, broadcast, receivers)
    audit.record(
        session,
        SYSTEM,
        "planned.released",
        f"planned_post:{post.id}",
        unit_id=post.unit_id,
        details={"title": post.title, "deliveries": count, "digest": broadcast.digest},
    )
    return count


def hold_back(session: Session, actor: Actor, incident: Incident, now: datetime) -> int:
    """A live incident was opened: every planned post of its unit is paused, and what of them is queued is cancelled.

    Called in the transaction that opens the incident. A drill holds nothing back. Returns how many posts it was.
    """
    if incident.mode is not Mode.LIVE:
        return 0
    _lock_unit(session, incident.unit_id)
    paused = set(
        session.scalars(
            update(PlannedPost)
            .where(
                PlannedPost.unit_id == incident.unit_id,
                PlannedPost.state.in_([PlannedState.PLANNED, PlannedState.APPROVED]),
            )
            .values(state=PlannedState.PAUSED, pause_reason=INCIDENT_OPENED, paused_at=now, paused_by=incident.id)
            .returning(PlannedPost.id)
            .execution_options(synchronize_session=False)
        )
    )
    cancelled = 0
    for broadcast in _on_their_way(session, incident.unit_id):
        cancelled += stop_rest(session, broadcast, INCIDENT_OPENED, now)
        post = session.get_one(PlannedPost, broadcast.planned_post_id, with_for_update=True, populate_existing=True)
        if post.state is PlannedState.RELEASED:
            post.state, post.pause_reason, post.paused_at = PlannedState.PAUSED, INCIDENT_OPENED, now
            post.paused_by = incident.id
            paused.add(post.id)
    if paused:
        audit.record(
            session,
            actor,
            "planned.paused",
            f"incident:{incident.id}",
            unit_id=incident.unit_id,
            details={"posts": len(paused), "cancelled": cancelled, "reason": INCIDENT_OPENED},
        )
    return len(paused)


def _on_their_way(session: Session, unit_id: uuid.UUID) -> Sequence[Broadcast]:
    """Broadcasts of planned posts of which something may still leave."""
    open_left = exists().where(Delivery.broadcast_id == Broadcast.id, Delivery.state.in_(OPEN))
    return session.scalars(
        select(Broadcast)
        .where(
            Broadcast.unit_id == unit_id,
            Broadcast.purpose == Purpose.PLANNED,
            Broadcast.state == BroadcastState.RELEASED,
            open_left,
        )
        .order_by(Broadcast.id)
        .with_for_update(of=Broadcast)
        .execution_options(populate_existing=True)
    ).all()


def _stands(broadcast: Broadcast) -> bool:
    """Has somebody with the right said yes to exactly this, somebody else where that was asked for?"""
    if broadcast.state is not BroadcastState.APPROVED or digest(broadcast) != broadcast.digest:
        return False
    authors = (broadcast.submitted_by, broadcast.created_by) if broadcast.authority == "dual" else ()
    return any(
        one.decision == "yes" and one.digest == broadcast.digest and one.user_id not in authors
        for one in broadcast.approvals
    )


def _said_before(session: Session, post: PlannedPost) -> set[tuple[uuid.UUID, str]]:
    """Where an earlier go of this post got, or may have got: nothing is said twice."""
    rows = session.execute(
        select(Delivery.account_id, Delivery.language)
        .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
        .where(Broadcast.planned_post_id == post.id, Delivery.state.in_(REACHED))
    )
    return {(account_id, language) for account_id, language in rows}


def _hold(session: Session, post: PlannedPost, why: str, incident: Incident | None, now: datetime) -> int:
    post.state, post.pause_reason, post.paused_at = PlannedState.PAUSED, why, now
    post.paused_by = incident.id if incident else None
    session.flush()
    audit.record(
        session,
        SYSTEM,
        "planned.paused",
        f"planned_post:{post.id}",
        unit_id=post.unit_id,
        details={"title": post.title, "reason": why},
    )
    return 0


def _lock_unit(session: Session, unit_id: uuid.UUID) -> None:
    """One at a time in a unit. Rows that merely point at the unit are not kept waiting."""
    session.execute(select(Unit.id).where(Unit.id == unit_id).with_for_update(key_share=True))
