"""Writing down what happened: attempts, the deliveries' next states, the counters and the account's condition.

Everything a batch learned goes into one transaction. A delivery that a receipt has moved on meanwhile is not moved back.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from crisis.models import Account, Attempt, Delivery, new_id
from crisis.sending.claim import Claimed
from crisis.sending.consent import opt_out
from crisis.sending.outcomes import Next
from crisis.sending.tally import Moves
from crisis.states import DELIVERY_MOVES, DeliveryState, Outcome


@dataclass(frozen=True, slots=True)
class Ended:
    """One call that ended: what was claimed, what becomes of it, and when the call ran."""

    claimed: Claimed
    next: Next
    started_at: datetime
    ended_at: datetime
    kind: str = "send"  # or "look1", "look2" ...


def record(session: Session, account: Account, ended: Sequence[Ended]) -> None:
    """Write a batch of ended calls of one account. Only rows still waiting for this very attempt are moved."""
    ids = [item.claimed.delivery_id for item in ended]
    now_there = {
        row.id: row
        for row in session.execute(
            select(Delivery.id, Delivery.state, Delivery.attempts).where(Delivery.id.in_(ids)).with_for_update()
        )
    }
    moves, changes, attempts = Moves(), [], []
    for item in ended:
        there = now_there[item.claimed.delivery_id]
        attempts.append(_attempt(item))
        if there.attempts != item.claimed.attempt or there.state not in _AWAITING:
            continue
        if item.next.state is not there.state and item.next.state not in DELIVERY_MOVES[there.state]:
            continue
        moves.move(item.claimed.broadcast_id, account.id, there.state, item.next.state)
        changes.append(_change(item))
        if item.next.opted_out:
            opt_out(session, account.id, item.claimed.out.address, "provider", item.ended_at)
    session.connection().execute(insert(Attempt.__table__), attempts)
    if changes:
        session.connection().execute(_UPDATE, changes)
    moves.write(session)


def give_back(session: Session, account: Account, unspoken: Sequence[Claimed], now: datetime) -> None:
    """Queue again what was claimed and never sent, as if it had not been claimed."""
    if not unspoken:
        return
    rows = session.execute(
        update(Delivery)
        .where(
            Delivery.id.in_([item.delivery_id for item in unspoken]),
            Delivery.state == DeliveryState.SENDING,
        )
        .values(state=DeliveryState.QUEUED, lease_until=None, attempts=Delivery.attempts - 1, changed_at=now)
        .returning(Delivery.broadcast_id)
        .execution_options(synchronize_session=False)
    ).scalars()
    moves = Moves()
    for broadcast_id in rows:
        moves.move(broadcast_id, account.id, DeliveryState.SENDING, DeliveryState.QUEUED)
    moves.write(session)


# A process that was thought dead may still come back with the truth about its attempt.
_AWAITING = frozenset({DeliveryState.SENDING, DeliveryState.UNCERTAIN})

_UPDATE = (
    update(Delivery)
    .where(Delivery.id == bindparam("row_id"))
    .values(
        state=bindparam("new_state"),
        due_at=bindparam("new_due_at"),
        lease_until=None,
        provider_id=bindparam("new_provider_id"),
        url=bindparam("new_url"),
        code=bindparam("new_code"),
        say=bindparam("new_say"),
        changed_at=bindparam("new_changed_at"),
    )
)


def _change(item: Ended) -> dict[str, object]:
    return {
        "row_id": item.claimed.delivery_id,
        "new_state": item.next.state,
        "new_due_at": item.next.due_at,
        "new_provider_id": item.next.provider_id,
        "new_url": item.next.url,
        "new_code": item.next.code[:60],
        "new_say": item.next.say[:500],
        "new_changed_at": item.ended_at,
    }


def _attempt(item: Ended) -> dict[str, object]:
    return {
        "id": new_id(),
        "delivery_id": item.claimed.delivery_id,
        "number": item.claimed.attempt,
        "kind": item.kind,
        "started_at": item.started_at,
        "ended_at": item.ended_at,
        "outcome": item.next.outcome,
        "provider_id": item.next.provider_id,
        "code": item.next.code[:60],
        "say": item.next.say[:500],
    }


def attempt_lost(delivery_id: uuid.UUID, number: int, started_at: datetime, now: datetime) -> dict[str, object]:
    """The row for an attempt whose process never came back."""
    return {
        "id": new_id(),
        "delivery_id": delivery_id,
        "number": number,
        "kind": "lost",  # of its own kind: should the process come back, its row stands beside this one
        "started_at": started_at,
        "ended_at": now,
        "outcome": Outcome.UNCERTAIN,
        "provider_id": None,
        "code": "lost",
        "say": "the sender went away during the call",
    }
