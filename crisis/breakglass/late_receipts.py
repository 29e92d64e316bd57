"""Receipts that came before the delivery they speak of was in this database: applied once it is there.

While a journal waits to be merged, providers already tell the console what became of its messages; those words are stored
without a delivery. Safe to run again and again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.channels.base import Receipt
from crisis.models import Account, Delivery, ReceiptRow
from crisis.sending import receipts

MANY = 2000
KEPT_FOR = timedelta(days=7)  # older words without a delivery belong to nothing of ours


def apply(session: Session, now: datetime) -> int:
    """Give waiting receipts to their deliveries, in the order they came. Returns how many found theirs."""
    waiting = session.scalars(
        select(ReceiptRow)
        .join(
            Delivery,
            (Delivery.through_id == ReceiptRow.account_id) & (Delivery.provider_id == ReceiptRow.provider_id),
        )
        .where(ReceiptRow.delivery_id.is_(None), ReceiptRow.at > now - KEPT_FOR)
        .order_by(ReceiptRow.at, ReceiptRow.id)
        .limit(MANY)
    ).all()
    for row in waiting:
        account = session.get_one(Account, row.account_id)
        receipt = Receipt(
            provider_id=row.provider_id,
            word=row.word,
            means=row.means,  # type: ignore[arg-type]  # stored from one of the four words
            code=row.code,
            say=row.say,
        )
        came_at = row.at
        session.delete(row)  # kept again by `apply`, with its delivery
        session.flush()
        receipts.apply(session, account, [receipt], came_at)
    return len(waiting)
