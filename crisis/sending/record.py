"""Writing down what happened: attempts, the deliveries' next states, the counters and the account's condition.

Everything a batch learned goes into one transaction. A delivery that a receipt has moved on meanwhile is not moved back.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Executable, Integer, Row, String, bindparam, case, literal, select, true, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from crisis import bulk
from crisis.models import Account, Attempt, Broadcast, Delivery, new_id
from crisis.models.base import UtcTime
from crisis.sending.claim import overtaken
from crisis.sending.consent import opt_out
from crisis.sending.doubt import NOT_REPEATED, may_have_left
from crisis.sending.outcomes import Next
from crisis.sending.outgoing import Claimed
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
    moves = Moves()
    plain: list[Ended] = []
    others: list[Ended] = []
    for item in ended:
        (plain if _plain(item) else others).append(item)
    if plain and not _straight(session, plain, moves):
        others = list(ended)
    if others:
        _by_row(session, account, others, moves)
    moves.write(session)


def _plain(item: Ended) -> bool:
    """Is there nothing to ask of other rows before this is written? What is queued again may be barred."""
    return item.kind == "send" and item.next.state in _PLAIN and not item.next.opted_out and not _given_up(item)


def _given_up(item: Ended) -> bool:
    """Did its last try never leave us, while an earlier one may have?"""
    unreached = item.next.state is DeliveryState.FAILED and item.next.outcome is Outcome.UNREACHABLE
    return unreached and item.claimed.attempt > 1


def _straight(session: Session, ended: Sequence[Ended], moves: Moves) -> bool:
    """Write all of them by compare-and-set, when each stands exactly as it was claimed. False: nothing was written."""
    connection = session.connection()
    sqlite = bulk.is_sqlite(connection.dialect)
    given = {"given": bulk.pack([_cells(item, sqlite=sqlite) for item in ended])}
    with connection.begin_nested() as all_or_none:
        if connection.execute(_settle(sqlite=sqlite), given).rowcount != len(ended):
            all_or_none.rollback()  # a receipt, a sweep or another process was here: one by one, with all the rules
            return False
    connection.execute(_keep(sqlite=sqlite), given)
    seen = Counter((one.claimed.broadcast_id, one.claimed.account_id, one.next.state) for one in ended)
    for (broadcast_id, whose, state), count in seen.items():
        moves.move(broadcast_id, whose, DeliveryState.SENDING, state, count)
    return True


def _by_row(session: Session, account: Account, ended: Sequence[Ended], moves: Moves) -> None:
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
    changes, attempts = [], []
    barred = _barred(session, [item for item in ended if item.next.state is DeliveryState.QUEUED])
    barred |= _in_doubt(session, [item for item in ended if _given_up(item)])
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


def _in_doubt(session: Session, given_up: Sequence[Ended]) -> dict[uuid.UUID, dict[str, Any]]:
    """Of those given up because nobody could be reached, the ones that an earlier try may have brought there."""
    if not given_up:
        return {}
    ids = [item.claimed.delivery_id for item in given_up]
    doubtful = session.scalars(select(Delivery.id).where(Delivery.id.in_(ids), may_have_left()))
    return {
        one: {"new_state": DeliveryState.UNCERTAIN, "new_due_at": None, "new_say": NOT_REPEATED} for one in doubtful
    }


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
        insert = (sqlite_dialect if session.get_bind().dialect.name == "sqlite" else postgresql).insert
        session.connection().execute(insert(Attempt.__table__).on_conflict_do_nothing(), attempts)


_AWAITING = frozenset({DeliveryState.SENDING, DeliveryState.UNCERTAIN})

_PLAIN = frozenset({DeliveryState.ACCEPTED, DeliveryState.FAILED, DeliveryState.UNCERTAIN})
_ENDED: dict[str, TypeEngine[Any]] = {
    "delivery_id": bulk.ID,
    "number": Integer(),
    "id": bulk.ID,
    "state": String(),
    "outcome": String(),
    "due_at": UtcTime(),
    "started_at": UtcTime(),
    "ended_at": UtcTime(),
    "provider_id": String(),
    "url": String(),
    "code": String(),
    "say": String(),
}


@cache
def _settle(*, sqlite: bool) -> Executable:
    """Each delivery of the parameter that is still waited for gets its next state."""
    given, row = bulk.table(_ENDED, sqlite=sqlite).c, Delivery.__table__.c
    return (
        update(Delivery.__table__)  # type: ignore[arg-type]
        .where(row.id == given.delivery_id, row.state == DeliveryState.SENDING, row.attempts == given.number)
        .values(
            state=given.state,
            due_at=given.due_at,
            lease_until=None,
            provider_id=given.provider_id,
            url=given.url,
            code=given.code,
            say=given.say,
            changed_at=given.ended_at,
        )
    )


@cache
def _keep(*, sqlite: bool) -> Executable:
    """An attempt row for each of the same parameter; one that is there already is left as it is."""
    given = bulk.table(_ENDED, sqlite=sqlite).c
    names = ["id", "delivery_id", "number", "started_at", "ended_at", "outcome", "provider_id", "code", "say"]
    # SQLite reads the ON of "on conflict" as that of a join unless a condition stands before it.
    rows = select(*(given[name] for name in names), literal("send")).where(true())
    insert = (sqlite_dialect if sqlite else postgresql).insert
    kept: Executable = insert(Attempt).from_select([*names, "kind"], rows).on_conflict_do_nothing()
    return kept


def _cells(item: Ended, *, sqlite: bool) -> tuple[Any, ...]:
    """One row of the parameter, in the order of `_ENDED`."""
    claimed, what = item.claimed, item.next
    ended_at = bulk.of_time(item.ended_at, sqlite=sqlite)
    return (
        claimed.out.delivery_id,
        claimed.attempt,
        new_id().hex,
        what.state.value,
        what.outcome.value,
        what.due_at and bulk.of_time(what.due_at, sqlite=sqlite),
        bulk.of_time(item.started_at, sqlite=sqlite),
        ended_at,
        what.provider_id and _words(what.provider_id, 200),
        what.url and _words(what.url, 500),
        _words(what.code, 60),
        _words(what.say, 500),
    )


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
    if text.isascii():
        return text.replace("\x00", "")[:most]
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
