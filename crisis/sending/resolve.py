"""What a person decides about deliveries: an uncertain one is there or is sent again; failed ones are tried again."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.db import rows_changed
from crisis.models import Account, Broadcast, Delivery, Incident, Unit, utcnow
from crisis.queues import wake
from crisis.sending.claim import overtaken
from crisis.sending.outcomes import SEEN_NOT_THERE
from crisis.sending.tally import Moves
from crisis.states import BroadcastState, DeliveryState, Mode, NotAllowed, Purpose, Role

REPLACES = frozenset({"correction", "all_clear"})  # phases after which the words before them are no longer true


def it_is_there(session: Session, actor: Actor, delivery: Delivery) -> None:
    """A person saw it at the provider: accepted."""
    _decide(session, actor, delivery, DeliveryState.ACCEPTED, "delivery.seen", "a person saw it there")


def send_again(session: Session, actor: Actor, delivery: Delivery) -> None:
    """A person looked and it is not there: queued again."""
    _decide(session, actor, delivery, DeliveryState.QUEUED, "delivery.repeated", SEEN_NOT_THERE)


def _decide(session: Session, actor: Actor, delivery: Delivery, new: DeliveryState, act: str, say: str) -> None:
    broadcast = _broadcast(session, delivery.broadcast_id)
    actor.demand(Role.OFFICER, broadcast.unit_id)
    now = utcnow()
    if new is DeliveryState.QUEUED:
        _may_be_said_again(session, broadcast, delivery, now)
    # A receipt or a look may settle it in the same moment: only one of us may move it.
    mine = rows_changed(
        session,
        update(Delivery)
        .where(Delivery.id == delivery.id, Delivery.state == DeliveryState.UNCERTAIN)
        .values(state=new, say=say, due_at=now, looks=0, changed_at=now)
        .execution_options(synchronize_session="fetch"),
    )
    if not mine:
        raise NotAllowed("it is no longer uncertain; look again")
    moves = Moves()
    moves.move(delivery.broadcast_id, delivery.account_id, DeliveryState.UNCERTAIN, new)
    moves.write(session)
    if new is DeliveryState.QUEUED:
        wake(session, broadcast.mode, [delivery.through_id])
    audit.record(session, actor, act, f"delivery:{delivery.id}", unit_id=broadcast.unit_id)


def _may_be_said_again(session: Session, broadcast: Broadcast, delivery: Delivery, now: datetime) -> None:
    """Refuse what would wait in the queue for ever, or come after what replaced it."""
    if broadcast.state is not BroadcastState.RELEASED:
        raise NotAllowed("the broadcast was stopped; release a new one")
    _demand_calm(session, broadcast)
    if broadcast.expires_at is not None and broadcast.expires_at <= now:
        raise NotAllowed("the broadcast is too old to be sent; release a new one")
    if replaced(session, broadcast) or session.scalar(
        select(Delivery.id).where(Delivery.id == delivery.id, overtaken())
    ):
        raise NotAllowed("what follows it has left already; release a correction instead")


def _demand_calm(session: Session, broadcast: Broadcast) -> None:
    """What was planned for a quiet day is not said again in the middle of an incident."""
    if broadcast.purpose is not Purpose.PLANNED:
        return
    # The unit's row first, as opening an incident does: of the two one waits for the other.
    session.execute(select(Unit.id).where(Unit.id == broadcast.unit_id).with_for_update(key_share=True))
    going_on = select(Incident.id).where(
        Incident.unit_id == broadcast.unit_id, Incident.mode == Mode.LIVE, Incident.closed_at.is_(None)
    )
    if session.scalar(going_on.limit(1)) is not None:
        raise NotAllowed("a live incident is open; nothing planned leaves before it is closed")


def retry_failed(session: Session, actor: Actor, broadcast: Broadcast, account: Account) -> int:
    """Queue again what failed on one account, and only that. Returns how many."""
    actor.demand(Role.OFFICER, broadcast.unit_id)
    session.refresh(broadcast, ["state"], with_for_update=True)  # so that nobody closes or stops it meanwhile
    if broadcast.state not in (BroadcastState.RELEASED, BroadcastState.CLOSED):
        raise NotAllowed("the broadcast was stopped; release a new one")
    _demand_calm(session, broadcast)
    now = utcnow()
    if broadcast.expires_at is not None and broadcast.expires_at <= now:
        raise NotAllowed("the broadcast is too old to be sent; release a new one")
    if replaced(session, broadcast):
        # Whom it failed to reach gets no correction of it either: old words would be the last they hear.
        raise NotAllowed("what follows it has left already; release a correction instead")
    count = rows_changed(
        session,
        update(Delivery)
        .where(
            Delivery.broadcast_id == broadcast.id,
            Delivery.account_id == account.id,
            Delivery.state == DeliveryState.FAILED,
        )
        .values(state=DeliveryState.QUEUED, due_at=now, first_attempt_at=None, changed_at=now)
        .execution_options(synchronize_session=False),
    )
    if count:
        moves = Moves()
        moves.move(broadcast.id, account.id, DeliveryState.FAILED, DeliveryState.QUEUED, count)
        moves.write(session)
        # A closed broadcast has something to do again.
        broadcast.state, broadcast.ended_at = BroadcastState.RELEASED, None
        wake(session, broadcast.mode, [account.id])
        audit.record(
            session,
            actor,
            "broadcast.retried",
            f"broadcast:{broadcast.id}",
            unit_id=broadcast.unit_id,
            details={"account": account.key, "deliveries": count},
        )
    return count


def replaced(session: Session, broadcast: Broadcast) -> bool:
    """Has a correction or an all-clear been released after it, directly or after an update of it?"""
    above = {broadcast.id}
    while above:
        followed = session.execute(
            select(Broadcast.id, Broadcast.phase).where(
                Broadcast.follows_id.in_(above), Broadcast.released_at.is_not(None)
            )
        ).all()
        if any(row.phase in REPLACES for row in followed):
            return True
        above = {row.id for row in followed}
    return False


def _broadcast(session: Session, broadcast_id: uuid.UUID) -> Broadcast:
    return session.scalars(select(Broadcast).where(Broadcast.id == broadcast_id)).one()
