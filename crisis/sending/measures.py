"""How the sending goes, in numbers for machines that watch: what waits, how long, what was tried and how fast it went.

Questions to the database only, and each reads an index and few rows, so that a million deliveries cost no more than a
thousand. What would have to read all rows is asked of a recent window instead, and the window is told with the answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.orm import Session

from crisis.models import Account, Attempt, Broadcast, Delivery, Heartbeat, Tally, Unit
from crisis.sending import order
from crisis.sending.moments import earliest_id, made_at, seconds_between
from crisis.sending.pulse import STUCK_JOURNAL
from crisis.states import OPEN, BroadcastState, DeliveryState, Mode, Outcome

DAY = timedelta(days=1)
RECENT = timedelta(minutes=5)
MOST_ATTEMPTS = 10_000  # of the recent ones; at a thousand a second that is the last ten seconds
ALIVE_WITHIN = timedelta(seconds=10)  # five missed heartbeats
BUCKETS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)  # seconds

# Written out instead of bound: a partial index is used only for a constant.
_QUEUED = literal_column("delivery.state") == literal_column("'queued'")
# SQLite proves a partial index only from its very own words, so both are said.
_UNCERTAIN = and_(
    literal_column("delivery.state IN ('sending', 'uncertain')"),
    literal_column("delivery.state") == literal_column("'uncertain'"),
)


@dataclass(frozen=True, slots=True)
class AccountNow:
    """One active account as it stands."""

    id: uuid.UUID
    key: str
    unit: str
    channel: str
    mode: Mode
    paused: bool
    healthy: bool | None
    checked_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Process:
    """One kind of process: its freshest heartbeat, and how many are alive."""

    kind: str
    at: datetime | None
    alive: int


@dataclass(slots=True)
class Durations:
    """How many took how long: `counts` per bucket (the last one: longer than all), and their sum in seconds."""

    counts: list[int]
    total: float = 0.0

    @classmethod
    def none(cls) -> Durations:
        return cls([0] * (len(BUCKETS) + 1))


@dataclass(frozen=True, slots=True)
class Recent:
    """The newest attempts: how long a time they cover, their outcomes, and the time since the broadcast might leave."""

    seconds: float
    outcomes: Mapping[tuple[uuid.UUID, str, Outcome], int]  # account, send | look | lost, outcome
    to_call: Mapping[uuid.UUID, Durations]  # until the first call began
    to_accepted: Mapping[uuid.UUID, Durations]


def accounts(session: Session) -> Sequence[AccountNow]:
    rows = session.execute(
        select(Account, Unit.key).join(Unit, Unit.id == Account.unit_id).where(Account.active).order_by(Account.key)
    )
    return [
        AccountNow(
            a.id, a.key, unit, a.channel, a.mode, a.paused_reason is not None, a.healthy, a.checked_at, a.expires_at
        )
        for a, unit in rows
    ]


def unfinished(session: Session) -> Mapping[tuple[uuid.UUID, DeliveryState], int]:
    """How many deliveries still have something to come, by account and state. Only broadcasts that are out have any."""
    return _counted(
        session,
        Broadcast.state.in_([BroadcastState.RELEASED, BroadcastState.STOPPED]),
        Tally.state.in_(OPEN),
    )


def of_last_day(session: Session, now: datetime) -> Mapping[tuple[uuid.UUID, DeliveryState], int]:
    """How the deliveries of broadcasts made in the last 24 hours stand, by account and state."""
    return _counted(session, Tally.broadcast_id >= earliest_id(now - DAY), Broadcast.id >= earliest_id(now - DAY))


def _counted(session: Session, *which: ColumnElement[bool]) -> Mapping[tuple[uuid.UUID, DeliveryState], int]:
    rows = session.execute(
        select(Tally.account_id, Tally.state, func.sum(Tally.count))
        .join(Broadcast, Broadcast.id == Tally.broadcast_id)
        .where(*which)
        .group_by(Tally.account_id, Tally.state)
    )
    return {(account_id, state): int(count) for account_id, state, count in rows if count}


def oldest_due(session: Session, now: datetime) -> Mapping[uuid.UUID, datetime]:
    """When the oldest queued delivery that should have left by now came due, by account; accounts without are absent."""
    # The queue's index is ordered by account, priority and time: one step into it for each pair gives its oldest.
    own = (
        select(Tally.account_id, Broadcast.priority)
        .join(Broadcast, Broadcast.id == Tally.broadcast_id)
        .where(
            Broadcast.state.in_([BroadcastState.RELEASED, BroadcastState.STOPPED]),
            Tally.state == DeliveryState.QUEUED,
            Tally.count > 0,
        )
    )
    # The same may wait at its account's fallback.
    lent = own.join(Account, Account.id == Tally.account_id).where(Account.fallback_id.is_not(None))
    pairs = union(own, lent.with_only_columns(Account.fallback_id, Broadcast.priority)).subquery()
    steps = union_all(*(select(literal(step).label("step")) for step in order.STEPS)).subquery()
    oldest = (
        select(Delivery.due_at)
        .where(Delivery.through_id == pairs.c.account_id, Delivery.priority == pairs.c.priority + steps.c.step, _QUEUED)
        .order_by(Delivery.due_at)
        .limit(1)
        .correlate(pairs, steps)
        .scalar_subquery()
    )
    found: dict[uuid.UUID, datetime] = {}
    for account_id, due_at in session.execute(
        select(pairs.c.account_id, oldest).select_from(pairs.join(steps, true()))
    ):
        if due_at is not None and due_at <= now:
            found[account_id] = min(due_at, found.get(account_id, due_at))
    return found


def waiting_for_a_person(session: Session) -> Mapping[uuid.UUID, int]:
    """Uncertain deliveries that nothing but a person will settle, by account."""
    rows = session.execute(
        select(Delivery.account_id, func.count())
        .where(_UNCERTAIN, Delivery.due_at.is_(None))
        .group_by(Delivery.account_id)
    )
    return dict(rows.all())


def broadcasts(session: Session) -> Mapping[tuple[Mode, BroadcastState], int]:
    """How many broadcasts wait for somebody or are on their way, by mode and state."""
    states = (BroadcastState.SUBMITTED, BroadcastState.APPROVED, BroadcastState.RELEASED)
    rows = session.execute(
        select(Broadcast.mode, Broadcast.state, func.count())
        .where(Broadcast.state.in_(states))
        .group_by(Broadcast.mode, Broadcast.state)
    )
    found = {(mode, state): count for mode, state, count in rows}
    return {(mode, state): found.get((mode, state), 0) for mode in Mode for state in states}


def processes(session: Session, now: datetime) -> Sequence[Process]:
    """Every kind of process that should run, also when none does."""
    modes = session.scalars(select(Account.mode).where(Account.active).distinct())
    beats: dict[str, list[datetime]] = {kind: [] for kind in (*(f"sender-{m}" for m in modes), "listener", "clock")}
    for kind, at in session.execute(select(Heartbeat.kind, Heartbeat.at).where(Heartbeat.kind != STUCK_JOURNAL)):
        beats.setdefault(kind, []).append(at)
    return [
        Process(kind, max(seen, default=None), sum(now - at <= ALIVE_WITHIN for at in seen))
        for kind, seen in sorted(beats.items())
    ]


def recent(session: Session, now: datetime) -> Recent:
    """The attempts written down in the last five minutes, the newest ten thousand of them at most."""
    since, covered = earliest_id(now - RECENT), RECENT.total_seconds()
    beyond = session.scalar(
        select(Attempt.id).where(Attempt.id >= since).order_by(Attempt.id.desc()).offset(MOST_ATTEMPTS).limit(1)
    )
    if beyond is not None:
        since, covered = beyond, max(0.001, (now - made_at(beyond)).total_seconds())
    kind = case((Attempt.kind.like("look%"), "look"), else_=Attempt.kind).label("kind")
    first = and_(Attempt.kind == "send", Attempt.number == 1)
    accepted = and_(Attempt.outcome == Outcome.ACCEPTED, or_(Attempt.kind == "send", Attempt.kind.like("look%")))
    to_call = case((first, seconds_between(Broadcast.leaves_at, Attempt.started_at)), else_=null())
    to_accepted = case((accepted, seconds_between(Broadcast.leaves_at, Attempt.ended_at)), else_=null())
    keys = (
        Delivery.through_id,
        kind,
        Attempt.outcome,
        _bucket(to_call).label("call_bucket"),
        _bucket(to_accepted).label("accepted_bucket"),
    )
    rows = session.execute(
        select(*keys, func.count(), func.sum(to_call), func.sum(to_accepted))
        .select_from(Attempt)
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
        .where(Attempt.id > since)
        .group_by(*(literal_column(str(number)) for number in range(1, len(keys) + 1)))
    )
    found = Recent(covered, {}, {}, {})
    outcomes: Any = found.outcomes
    for account_id, what, outcome, call_bucket, accepted_bucket, count, call_sum, accepted_sum in rows:
        outcomes[account_id, what, outcome] = outcomes.get((account_id, what, outcome), 0) + count
        _add(found.to_call, account_id, call_bucket, count, call_sum)
        _add(found.to_accepted, account_id, accepted_bucket, count, accepted_sum)
    return found


def _add(into: Any, account_id: uuid.UUID, bucket: int | None, count: int, total: float | None) -> None:
    if bucket is not None:
        durations = into.setdefault(account_id, Durations.none())
        durations.counts[bucket] += count
        durations.total += max(0.0, float(total or 0))


def _bucket(seconds: ColumnElement[Any]) -> ColumnElement[Any]:
    return case(
        (seconds.is_(None), null()),
        *((seconds <= edge, index) for index, edge in enumerate(BUCKETS)),
        else_=len(BUCKETS),
    )
