"""Writing down what happened: attempts, the deliveries' next states, the counters and the account's condition.

Everything a batch learned goes into one transaction. A delivery that a receipt has moved on meanwhile is not moved back.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis.models import Account, Attempt, Broadcast, Delivery, new_id
from crisis.sending.claim import Claimed, overtaken
from crisis.sending.consent import opt_out
from crisis.sending.outcomes import Next
from crisis.sending.tally import Moves
from crisis.states import DELIVERY_MOVES, BroadcastState, DeliveryState, Outcome


@dataclass(frozen=True, slots=True)
class Ended:
    """One call that ended: what was claimed, what becomes of it, and when the call ran."""

    claimed: Claimed
    next: Next
    started_at: datetime
    ended_at: datetime
    kind: str = "send"  # or "look1", "look2" ...


def record(session: Session, account: Account, ended: Sequence[Ended]) -> None:
    """Write a batch of ended calls of one account. Safe to run again after a commit whose answer was lost."""
    ids = [item.claimed.delivery_id for item in ended]
    now_there = {
        row.id: row
        for row in session.execute(
            select(Delivery.id, Delivery.state, Delivery.attempts)
            .where(Delivery.id.in_(ids))
            .order_by(Delivery.id)  # every writer takes rows in one order, so that none waits for each other
            .with_for_update()
        )
    }
    moves, changes, attempts = Moves(), [], []
    barred = _barred(session, [item for item in ended if item.next.state is DeliveryState.QUEUED])
    for item in ended:
        there = now_there.get(item.claimed.delivery_id)
        if there is None:  # erased meanwhile
            continue
        attempts.append(_attempt(item))
        if not _news(there, item):
            continue
        change = _change(item) | barred.get(there.id, {})
        moves.move(item.claimed.broadcast_id, item.claimed.account_id, there.state, change["new_state"])
        changes.append(change)
        if item.next.opted_out:
            opt_out(session, account.id, item.claimed.out.address, "provider", item.ended_at)
    keep_attempts(session, attempts)
    if changes:
        session.connection().execute(_UPDATE, changes)
    moves.write(session)


def _news(there: Row[*tuple[Any, ...]], item: Ended) -> bool:
    """Does this ended call say something new about the delivery as it stands now?

    That a call got through stays true whatever was believed meanwhile, as with a receipt. Everything else counts only
    while this very attempt is waited for; a process that was thought dead may still come back with the truth about it.
    """
    if item.next.state is DeliveryState.ACCEPTED:
        return DeliveryState.ACCEPTED in DELIVERY_MOVES[there.state]
    if there.attempts != item.claimed.attempt or there.state not in _AWAITING:
        return False
    return item.next.state is there.state or item.next.state in DELIVERY_MOVES[there.state]


def _barred(session: Session, again: Sequence[Ended]) -> dict[uuid.UUID, dict[str, Any]]:
    """Of those that would be queued again, what becomes of those that must not leave any more.

    Their broadcast was stopped, or what follows them has left. One that may have left all the same stays uncertain when
    its broadcast was stopped, so that a later correction still goes to it.
    """
    if not again:
        return {}
    may_have_left = {item.claimed.delivery_id: item.next.may_have_left for item in again}
    stopped = case((Broadcast.state == BroadcastState.STOPPED, 1), else_=0)
    rows = session.execute(
        select(Delivery.id, stopped.label("stopped"), case((overtaken(), 1), else_=0).label("overtaken"))
        .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
        .where(Delivery.id.in_(may_have_left))
    )
    found: dict[uuid.UUID, dict[str, Any]] = {}
    for row in rows:
        if row.stopped and may_have_left[row.id] and not row.overtaken:
            say = "not repeated, because the broadcast was stopped; it may have left"
            found[row.id] = {"new_state": DeliveryState.UNCERTAIN, "new_due_at": None, "new_say": say}
        elif row.stopped or row.overtaken:
            why = "what follows it has left" if row.overtaken else "the broadcast was stopped"
            found[row.id] = {"new_state": DeliveryState.CANCELLED, "new_say": f"not sent again, because {why}"}
    return found


def give_back(session: Session, unspoken: Sequence[Claimed], now: datetime) -> None:
    """Queue again what was claimed and never said, as if it had not been claimed.

    Only this very attempt: after a long stop of this process somebody else may have claimed it again and be speaking.
    """
    moves = Moves()
    for item in sorted(unspoken, key=lambda one: one.delivery_id):
        for state, attempts in ((DeliveryState.SENDING, item.attempt - 1), (DeliveryState.UNCERTAIN, item.attempt)):
            # Uncertain: the sweep took us for dead and wrote the attempt down, so its number is used.
            moved = session.execute(
                update(Delivery)
                .where(Delivery.id == item.delivery_id, Delivery.state == state, Delivery.attempts == item.attempt)
                .values(state=DeliveryState.QUEUED, lease_until=None, due_at=now, attempts=attempts, changed_at=now)
                .returning(Delivery.id)
                .execution_options(synchronize_session=False)
            ).all()
            if moved:
                moves.move(item.broadcast_id, item.account_id, state, DeliveryState.QUEUED)
                break
    moves.write(session)


def keep_attempts(session: Session, attempts: Sequence[dict[str, Any]]) -> None:
    """Add attempt rows; one that is there already (written, but nobody told us) is left as it is."""
    if attempts:
        insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert
        session.connection().execute(insert(Attempt.__table__).on_conflict_do_nothing(), attempts)


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


def _words(text: str, most: int) -> str:
    """A provider's words as both databases take them: no NUL, no half characters, cut to the column."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:most]


def _change(item: Ended) -> dict[str, Any]:
    return {
        "row_id": item.claimed.delivery_id,
        "new_state": item.next.state,
        "new_due_at": item.next.due_at,
        "new_provider_id": item.next.provider_id and _words(item.next.provider_id, 200),
        "new_url": item.next.url and _words(item.next.url, 500),
        "new_code": _words(item.next.code, 60),
        "new_say": _words(item.next.say, 500),
        "new_changed_at": item.ended_at,
    }


def _attempt(item: Ended) -> dict[str, Any]:
    return {
        "id": new_id(),
        "delivery_id": item.claimed.delivery_id,
        "number": item.claimed.attempt,
        "kind": item.kind,
        "started_at": item.started_at,
        "ended_at": item.ended_at,
        "outcome": item.next.outcome,
        "provider_id": item.next.provider_id and _words(item.next.provider_id, 200),
        "code": _words(item.next.code, 60),
        "say": _words(item.next.say, 500),
    }


def attempt_lost(delivery_id: uuid.UUID, number: int, started_at: datetime, now: datetime) -> dict[str, Any]:
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
