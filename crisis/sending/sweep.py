"""Finding what everybody else forgot: lost claims, messages too old to send, accounts with work that nobody is doing.

Run by the clock each second. Everything here is safe to run twice and on several machines at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, or_, select, true, update
from sqlalchemy.orm import Session

from crisis.db import rows_changed
from crisis.models import Account, Broadcast, Delivery, Removal, ShardRow, Tally
from crisis.sending import removals
from crisis.sending.claim import DELIVERY_LEASE, UNFINISHED, due
from crisis.sending.doubt import NOT_REPEATED, may_have_left
from crisis.sending.lease import ACCOUNT_LEASE, CLOCK_DOUBT, must_be_quiet, ran_out
from crisis.sending.record import attempt_lost, keep_attempts
from crisis.sending.shards import Shard, in_shard
from crisis.sending.tally import Moves
from crisis.states import OPEN, BroadcastState, DeliveryState, Mode

CHUNK = 2000


def lost_claims(session: Session, now: datetime) -> int:
    """Deliveries whose sender went away in the call become uncertain: it may have spoken. Returns how many."""
    rows = session.execute(
        select(Delivery)
        .where(
            literal_column("delivery.state") == literal_column("'sending'"),
            UNFINISHED,
            ran_out(Delivery.lease_until, DELIVERY_LEASE, now),  # type: ignore[arg-type]
        )
        .limit(CHUNK)
        .with_for_update(skip_locked=True)
    ).scalars()
    moves, attempts, accounts = Moves(), [], set()
    for row in rows:
        moves.move(row.broadcast_id, row.account_id, row.state, DeliveryState.UNCERTAIN)
        attempts.append(attempt_lost(row.id, row.attempts, row.changed_at, now))
        row.state, row.lease_until, row.due_at, row.looks = DeliveryState.UNCERTAIN, None, now, 0
        row.code, row.say, row.changed_at = "lost", "the sender went away during the call", now
        accounts.add(row.account_id)
    if attempts:
        session.flush()
        keep_attempts(session, attempts)
        moves.write(session)
    return len(attempts)


def too_old(session: Session, now: datetime) -> int:
    """Queued deliveries of broadcasts past their time expire: too old is not sent. Returns how many."""
    expired = session.scalars(
        select(Broadcast.id).where(Broadcast.state == BroadcastState.RELEASED, Broadcast.expires_at <= now, _waiting())
    ).all()
    return end_queued(session, expired, DeliveryState.EXPIRED, "too old when its turn came", now)


def left_behind(session: Session, now: datetime) -> int:
    """What came back to the queue after its broadcast was stopped is cancelled like the rest. Returns how many."""
    stopped = session.execute(
        select(Broadcast.id, Broadcast.stop_reason).where(Broadcast.state == BroadcastState.STOPPED, _waiting())
    ).all()
    return sum(
        end_queued(session, [row.id], DeliveryState.CANCELLED, row.stop_reason or "stopped", now) for row in stopped
    )


def _waiting() -> ColumnElement[bool]:
    """Does anything of the broadcast stand in the queue?"""
    return exists().where(Tally.broadcast_id == Broadcast.id, Tally.state == DeliveryState.QUEUED, Tally.count > 0)


def end_queued(
    session: Session, broadcast_ids: Iterable[uuid.UUID], state: DeliveryState, say: str, now: datetime
) -> int:
    """Everything still queued of these broadcasts ends in `state`, at once. Returns how many.

    What was to be repeated because nobody knows whether it left is not called unsaid: it is uncertain, so that a
    correction still goes to it, and it can be taken down.
    """
    moves, count = Moves(), 0
    ends = (
        (may_have_left(), DeliveryState.UNCERTAIN, {"say": NOT_REPEATED, "due_at": None, "lease_until": None}),
        (true(), state, {"say": say}),
    )
    for broadcast_id in broadcast_ids:
        for which, to, values in ends:
            ended = session.execute(
                update(Delivery)
                .where(Delivery.broadcast_id == broadcast_id, Delivery.state == DeliveryState.QUEUED, which)
                .values(state=to, changed_at=now, **values)
                .returning(Delivery.account_id)
                .execution_options(synchronize_session=False)
            ).scalars()
            for account_id in ended:
                moves.move(broadcast_id, account_id, DeliveryState.QUEUED, to)
                count += to is state
    moves.write(session)
    return count


def finished(session: Session, now: datetime) -> int:
    """Released broadcasts with nothing left to do are closed. Returns how many."""
    open_left = exists().where(Tally.broadcast_id == Broadcast.id, Tally.state.in_(OPEN), Tally.count > 0)
    done = (Broadcast.state == BroadcastState.RELEASED, Broadcast.leaves_at < now, ~open_left)
    # Held first and asked anew: whoever queues more of it holds it, too, and what they queued is seen by then.
    held = session.scalars(select(Broadcast.id).where(*done).limit(CHUNK).with_for_update(skip_locked=True)).all()
    return rows_changed(
        session,
        update(Broadcast)
        .where(Broadcast.id.in_(held), *done)
        .values(state=BroadcastState.CLOSED, ended_at=now)
        .execution_options(synchronize_session=False),
    )


def idle_with_work(
    session: Session, mode: Mode, now: datetime, *, overdue: timedelta = timedelta(0)
) -> list[uuid.UUID]:
    """Accounts of `mode` that have something due since `overdue`, may speak, and that nobody is draining."""
    # Two questions, each over its own index and in its order; asked as one, all deliveries would be walked through.
    mine, asked = Delivery.through_id == Account.id, due(now - overdue)
    queued = _any(mine, literal_column("delivery.state") == literal_column("'queued'"), asked, first=_QUEUE)
    doubted = literal_column("delivery.state") == literal_column("'uncertain'")
    uncertain = _any(mine, doubted, UNFINISHED, asked, first=[Delivery.lease_until])
    taken_down = _any(Removal.through_id == Account.id, removals.due(now - overdue))
    # Without trouble an account waits for its own pace only, which is seconds: more was set by a wrong clock.
    disbelieved = and_(Account.busy_streak == 0, Account.free_at > now + CLOCK_DOUBT)
    return list(
        session.scalars(
            select(Account.id).where(
                Account.mode == mode,
                Account.active,
                Account.paused_reason.is_(None),
                or_(Account.free_at.is_(None), Account.free_at <= now, disbelieved),
                or_(Account.lease_until.is_(None), ran_out(Account.lease_until, ACCOUNT_LEASE, now)),  # type: ignore[arg-type]
                ~_shard_held(now),
                or_(queued, uncertain, taken_down),
            )
        )
    )


_QUEUE = (Delivery.priority, Delivery.due_at, Delivery.id)  # the order of the queue's index


def _any(*where: ColumnElement[bool], first: Sequence[Any] = ()) -> ColumnElement[bool]:
    """Is there such a row? Asked for the first one, of each account by itself.

    PostgreSQL answers EXISTS beside an OR by reading the whole queue once, in every look: while 20,000 texts left, that was
    half of all it did.
    """
    return select(literal_column("1")).where(*where).order_by(*first).limit(1).scalar_subquery().is_not(None)


def _shard_held(now: datetime) -> ColumnElement[bool]:
    """Does somebody work for a shard of this account?"""
    return exists().where(ShardRow.account_id == Account.id, ShardRow.lease_until >= now)


def idle_shards(session: Session, split: Mapping[uuid.UUID, int], now: datetime) -> list[tuple[uuid.UUID, Shard]]:
    """Of the accounts in `split` (into how many shards each) those shards that have something due and nobody drains."""
    accounts = session.scalars(
        select(Account).where(Account.id.in_(split), Account.active, Account.paused_reason.is_(None))
    ).all()
    rows = session.scalars(select(ShardRow).where(ShardRow.account_id.in_(split), ShardRow.lease_until >= now)).all()
    held = {(row.account_id, row.number) for row in rows}
    waiting = literal_column("delivery.state") == literal_column("'queued'")
    doubted = and_(literal_column("delivery.state") == literal_column("'uncertain'"), UNFINISHED)
    found = []
    for account in accounts:
        if must_be_quiet(account, now):
            continue
        here, of = and_(Delivery.through_id == account.id, due(now)), split[account.id]
        look = bool(session.scalar(select(exists().where(here, doubted))))  # any shard may look
        for number in range(of):
            mine = exists().where(here, waiting, in_shard(Delivery.address, number, of))  # type: ignore[arg-type]
            if (account.id, number) not in held and (look or session.scalar(select(mine))):
                found.append((account.id, Shard(number, of)))
    return found


def next_moment(session: Session, mode: Mode, now: datetime) -> datetime | None:
    """When something will come due that is not yet: a countdown ending, an account's pace or pause running out.

    Single deliveries waiting for another try are found by the looks in between, so only few rows are read here.
    """
    countdown = session.scalar(
        select(func.min(Broadcast.leaves_at)).where(
            Broadcast.mode == mode, Broadcast.state == BroadcastState.RELEASED, Broadcast.leaves_at > now
        )
    )
    free = session.scalar(
        select(func.min(Account.free_at)).where(
            Account.mode == mode, Account.active, Account.paused_reason.is_(None), Account.free_at > now
        )
    )
    return min((moment for moment in (countdown, free) if moment is not None), default=None)
