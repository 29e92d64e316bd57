"""Posts that are to come down, as work in the database: claimed by lease, settled with an attempt row, never lost.

A post is not taken down before what replaces it stands, nor faster than its network allows. Taking down twice is
harmless, so what is unknown is done again.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from crisis.channels.base import Accepted, Busy, Misconfigured, Rejected, SendError, Unreachable
from crisis.db import rows_changed
from crisis.models import Attempt, Delivery, Removal, new_id
from crisis.sending.claim import DELIVERY_LEASE
from crisis.sending.lease import CLOCK_DOUBT
from crisis.sending.outcomes import LONGEST_PAUSE, TRIES, growing_pause
from crisis.sending.record import attempt_lost, keep_attempts
from crisis.states import OPEN, STANDS, DeliveryState, Outcome, RemovalState

KIND = "delete"  # of its rows among the attempts ...
LOST = "deletelost"  # ... and of one whose process went away: should it come back, its row stands beside this one
Limit = tuple[int, timedelta]  # so many in that time
AT_ONCE = 10
LIMIT_REACHED = "the network takes down only so many in a while; the rest follows"
NEVER_LEFT = "it never left"
LEFT_STANDING = "left standing, because the words that were to replace it were not sent"
NEVER = (DeliveryState.CANCELLED, DeliveryState.EXPIRED, DeliveryState.SUPPRESSED)
UNFINISHED = (RemovalState.QUEUED, RemovalState.DELETING, RemovalState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One post that is ours to take down until the lease runs out."""

    id: uuid.UUID
    delivery_id: uuid.UUID
    provider_id: str
    attempt: int


def due(now: datetime) -> ColumnElement[bool]:
    """May it be taken down now? Also what a sender claimed that went away in the call."""
    post, words = aliased(Delivery), aliased(Delivery)
    lost = or_(Removal.lease_until < now, Removal.lease_until > now + DELIVERY_LEASE + CLOCK_DOUBT)
    return and_(
        or_(
            and_(Removal.state.in_([RemovalState.QUEUED, RemovalState.UNCERTAIN]), Removal.due_at <= now),
            and_(Removal.state == RemovalState.DELETING, lost),
        ),
        exists().where(post.id == Removal.delivery_id, post.state.in_(STANDS), post.provider_id.is_not(None)),
        or_(Removal.after_id.is_(None), exists().where(words.id == Removal.after_id, words.state.in_(STANDS))),
    )


def waiting(session: Session, account_id: uuid.UUID) -> bool:
    """Is anything to come down on this account, now or later?"""
    there = select(Removal.id).where(Removal.through_id == account_id, Removal.state.in_(UNFINISHED))
    return session.scalar(there.limit(1)) is not None


def claim(session: Session, account_id: uuid.UUID, limit: Limit | None, now: datetime) -> list[Claimed]:
    """Take what may be taken down on this account now, oldest first; the rest waits until the network allows more."""
    room = AT_ONCE if limit is None else min(AT_ONCE, limit[0] - used(session, account_id, limit, now))
    if room <= 0:
        _wait(session, account_id, limit, now)
        return []
    rows = session.execute(
        select(Removal, Delivery.provider_id)
        .join(Delivery, Delivery.id == Removal.delivery_id)
        .where(Removal.through_id == account_id, due(now))
        .order_by(Removal.asked_at, Removal.id)
        .limit(room)
        .with_for_update(skip_locked=True, of=Removal)
    ).all()
    claimed = []
    for row, provider_id in rows:
        if row.state is RemovalState.DELETING:
            keep_attempts(session, [attempt_lost(row.delivery_id, row.attempts, row.changed_at, now) | {"kind": LOST}])
        row.state, row.attempts = RemovalState.DELETING, row.attempts + 1
        row.lease_until, row.changed_at = now + DELIVERY_LEASE, now
        claimed.append(Claimed(row.id, row.delivery_id, str(provider_id), row.attempts))
    return claimed


def settle(
    session: Session, one: Claimed, result: Accepted | SendError, started_at: datetime, ended_at: datetime
) -> None:
    """Write down how one call ended. Safe to run again after a commit whose answer was lost."""
    state, outcome, due_at = _next(result, one.attempt, ended_at)
    code, say = ("", "") if isinstance(result, Accepted) else (result.code[:60], clean(result.say))
    keep_attempts(
        session,
        [
            {
                "id": new_id(),
                "delivery_id": one.delivery_id,
                "number": one.attempt,
                "kind": KIND,
                "started_at": started_at,
                "ended_at": ended_at,
                "outcome": outcome,
                "provider_id": one.provider_id[:200],
                "code": code,
                "say": say,
            }
        ],
    )
    # That it is gone stays true whatever was believed meanwhile; all else counts for this very attempt only.
    mine = Removal.id == one.id if state is RemovalState.GONE else _awaited(one)
    session.execute(
        update(Removal)
        .where(mine, Removal.state != RemovalState.GONE)
        .values(state=state, due_at=due_at, lease_until=None, code=code, say=say, changed_at=ended_at)
        .execution_options(synchronize_session=False)
    )


def give_back(session: Session, one: Claimed, now: datetime) -> None:
    """Queue again what was claimed and never asked for, as if it had not been claimed."""
    session.execute(
        update(Removal)
        .where(_awaited(one))
        .values(state=RemovalState.QUEUED, attempts=one.attempt - 1, lease_until=None, due_at=now, changed_at=now)
        .execution_options(synchronize_session=False)
    )


def _awaited(one: Claimed) -> ColumnElement[bool]:
    return and_(Removal.id == one.id, Removal.state == RemovalState.DELETING, Removal.attempts == one.attempt)


def _next(result: Accepted | SendError, attempt: int, now: datetime) -> tuple[RemovalState, Outcome, datetime]:
    """What becomes of it: the six outcomes, where taking down again is always harmless."""
    pause = now + timedelta(seconds=growing_pause(attempt))
    match result:
        case Accepted():
            return RemovalState.GONE, Outcome.ACCEPTED, now
        case Rejected():
            return RemovalState.FAILED, Outcome.REJECTED, now
        case Busy():
            asked = result.retry_after
            return (
                RemovalState.QUEUED,
                Outcome.BUSY,
                now + timedelta(seconds=min(asked, LONGEST_PAUSE)) if asked else pause,
            )
        case Misconfigured():
            return RemovalState.QUEUED, Outcome.MISCONFIGURED, now
        case Unreachable() if attempt < TRIES:
            return RemovalState.QUEUED, Outcome.UNREACHABLE, pause
        case Unreachable():
            return RemovalState.FAILED, Outcome.UNREACHABLE, now
        case _ if attempt < TRIES:
            return RemovalState.UNCERTAIN, Outcome.UNCERTAIN, pause
        case _:
            return RemovalState.FAILED, Outcome.UNCERTAIN, now


def clean(text: str) -> str:
    """A provider's words as both databases take them."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:500]


# -- the network's own pace ------------------------------------------------------------------------------------------


def _calls(account_id: uuid.UUID, limit: Limit, now: datetime) -> list[ColumnElement[bool]]:
    return [
        Attempt.kind == KIND,
        Attempt.outcome != Outcome.UNREACHABLE,
        Attempt.started_at > now - limit[1],
        Attempt.delivery_id.in_(select(Removal.delivery_id).where(Removal.through_id == account_id)),
    ]


def used(session: Session, account_id: uuid.UUID, limit: Limit, now: datetime) -> int:
    """How many of what the network allows are used, those in the air among them."""
    ended = session.scalar(select(func.count(Attempt.id)).where(*_calls(account_id, limit, now))) or 0
    flying = session.scalar(
        select(func.count(Removal.id)).where(
            Removal.through_id == account_id, Removal.state == RemovalState.DELETING, Removal.lease_until >= now
        )
    )
    return ended + (flying or 0)


def _wait(session: Session, account_id: uuid.UUID, limit: Limit | None, now: datetime) -> None:
    """Nothing more until the oldest of the counted calls counts no more; the page shows when that is."""
    assert limit is not None  # noqa: S101 - without a limit there is room
    oldest = session.scalar(select(func.min(Attempt.started_at)).where(*_calls(account_id, limit, now)))
    until = (oldest or now) + limit[1]
    session.execute(
        update(Removal)
        .where(
            Removal.through_id == account_id,
            Removal.state.in_([RemovalState.QUEUED, RemovalState.UNCERTAIN]),
            Removal.due_at <= now,
        )
        .values(due_at=max(until, now + timedelta(seconds=1)), say=LIMIT_REACHED, changed_at=now)
        .execution_options(synchronize_session=False)
    )


# -- for the clock ---------------------------------------------------------------------------------------------------


def pointless(session: Session, now: datetime) -> int:
    """What never left is not taken down, nor what would then have no words in its place. Returns how many were ended."""
    words = aliased(Delivery)
    never = ~exists().where(Delivery.id == Removal.delivery_id, Delivery.state.in_(OPEN | STANDS))
    alone = exists().where(words.id == Removal.after_id, words.state.in_(NEVER))
    return sum(
        rows_changed(
            session,
            update(Removal)
            .where(Removal.state.in_([RemovalState.QUEUED, RemovalState.UNCERTAIN]), why)
            .values(state=RemovalState.CANCELLED, say=say, changed_at=now)
            .execution_options(synchronize_session=False),
        )
        for why, say in ((never, NEVER_LEFT), (alone, LEFT_STANDING))
    )
