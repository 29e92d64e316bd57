"""What became of our answers: one that never arrived puts its inbound back into the queue, at its old place.

Run by the clock each second, over the answers that may still change. Takes a session and never commits.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import SYSTEM
from crisis.models import Answer, Broadcast, Delivery, InboundRow
from crisis.states import BroadcastState, DeliveryState, InboundState
from crisis.triage import answering, queue

RECEIPTS_WITHIN = timedelta(days=1)  # no later word from the provider changes anything
CHUNK = 200
_OVER = (DeliveryState.DELIVERED, DeliveryState.CANCELLED)
_LOST = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.SUPPRESSED)


def come_back(session: Session, now: datetime) -> int:
    """What was answered and never arrived waits again; what arrived is looked at no more. Returns how many came back.

    Safe to run twice and on several machines at once.
    """
    count = 0
    rows = session.execute(
        select(Answer, Broadcast, Delivery)
        .join(Broadcast, Broadcast.id == Answer.broadcast_id)
        .outerjoin(Delivery, Delivery.broadcast_id == Broadcast.id)
        .where(
            Answer.ended_at.is_(None),
            or_(
                Delivery.state.in_([*_LOST, *_OVER]),
                and_(Delivery.state == DeliveryState.ACCEPTED, Delivery.changed_at < now - RECEIPTS_WITHIN),
                and_(Delivery.id.is_(None), Broadcast.expires_at <= now),
            ),
        )
        .order_by(Answer.broadcast_id)
        .limit(CHUNK)
        .with_for_update(skip_locked=True, of=Answer)
    ).all()
    for answer, broadcast, delivery in rows:
        if delivery is None:  # nobody said yes in time
            broadcast.state = BroadcastState.REJECTED
            answering.end(session, broadcast, now)
            continue
        answer.ended_at = now
        if delivery.state in _LOST:
            answer.came_back = True
            count += _wait_again(session, answer.inbound_id, delivery.say)
    return count


def lost(session: Session, inbound_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Of these, what was answered in vain and not answered again."""
    rows = session.execute(
        select(Answer.inbound_id, Answer.came_back)
        .where(Answer.inbound_id.in_(inbound_ids))
        .order_by(Answer.broadcast_id)
    )
    newest = {one.inbound_id: one.came_back for one in rows}
    return {inbound_id for inbound_id, back in newest.items() if back}


def _wait_again(session: Session, inbound_id: uuid.UUID, why: str) -> int:
    row = session.get_one(InboundRow, inbound_id, with_for_update=True, populate_existing=True)
    if row.state is not InboundState.ANSWERED:
        return 0
    queue.put_back(row)
    session.flush()
    audit.record(
        session, SYSTEM, "inbound.reopened", f"inbound:{row.id}", unit_id=row.unit_id, details={"why": why[:200]}
    )
    return 1
