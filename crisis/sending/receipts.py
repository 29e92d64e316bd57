"""What providers say later: stored as it came, applied by rank, never a step back.

A receipt may come before our own record, twice, out of order, or for something we do not know. Each is kept once; only
one that moves a delivery forward changes anything.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis.channels.base import Receipt
from crisis.db import rows_changed
from crisis.models import Account, Delivery, ReceiptRow, new_id
from crisis.sending.consent import opt_out
from crisis.sending.tally import Moves
from crisis.states import DELIVERY_MOVES, DeliveryState

_MEANS = {
    "accepted": DeliveryState.ACCEPTED,
    "delivered": DeliveryState.DELIVERED,
    "failed": DeliveryState.FAILED,
}


def apply(
    session: Session, account: Account, receipts: Sequence[Receipt], now: datetime, *, patient: bool = True
) -> int:
    """Store and apply receipts of one account. Returns how many moved a delivery.

    Who is not `patient` gets an `OperationalError` where somebody else holds one of the deliveries: that way many can go
    together, and never wait in a circle with others who hold many.
    """
    moves, moved = Moves(), 0
    for receipt in receipts:
        delivery = _delivery(session, account, receipt, nowait=not patient)
        if not _store(session, account, receipt, delivery, now) or delivery is None:
            continue
        if _move(session, delivery, receipt, moves, now):
            moved += 1
    moves.write(session)
    return moved


def _delivery(session: Session, account: Account, receipt: Receipt, *, nowait: bool) -> Delivery | None:
    """The delivery it speaks of: by our own reference when it came back, else by the provider's id."""
    found = None
    if receipt.reference:
        try:
            delivery_id = uuid.UUID(receipt.reference.partition(".")[0])
        except ValueError:
            return None
        found = session.scalar(
            select(Delivery)
            .where(Delivery.id == delivery_id, Delivery.through_id == account.id)
            .with_for_update(nowait=nowait)
        )
    if found is None:
        found = session.scalar(
            select(Delivery)
            .where(Delivery.through_id == account.id, Delivery.provider_id == receipt.provider_id)
            .with_for_update(nowait=nowait)
        )
    return found


def _store(session: Session, account: Account, receipt: Receipt, delivery: Delivery | None, now: datetime) -> bool:
    """Keep it. False when the very same receipt is here already."""
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(ReceiptRow)
    stored = rows_changed(
        session,
        insert.values(
            id=new_id(),
            account_id=account.id,
            delivery_id=delivery.id if delivery else None,
            provider_id=receipt.provider_id[:200],
            word=receipt.word[:40],
            means=receipt.means,
            code=receipt.code[:60],
            say=receipt.say[:500],
            at=now,
        ).on_conflict_do_nothing(),
    )
    return bool(stored)


def _move(session: Session, delivery: Delivery, receipt: Receipt, moves: Moves, now: datetime) -> bool:
    if receipt.opted_out:
        opt_out(session, delivery.through_id, delivery.address, "provider", now)
    new = _MEANS.get(receipt.means)
    if new is None:
        return False
    # A failure of an attempt that was since repeated says nothing about the repeat.
    stale = receipt.reference is not None and receipt.reference != f"{delivery.id.hex}.{delivery.attempts}"
    if new is DeliveryState.FAILED and (stale or delivery.state is DeliveryState.QUEUED):
        return False
    if new not in DELIVERY_MOVES[delivery.state]:
        return False
    moves.move(delivery.broadcast_id, delivery.account_id, delivery.state, new)
    delivery.state = new
    delivery.provider_id = receipt.provider_id
    delivery.lease_until = None
    delivery.changed_at = now
    if new is DeliveryState.FAILED:
        delivery.code, delivery.say = receipt.code[:60], receipt.say[:500]
    else:
        delivery.code = delivery.say = ""
    return True
