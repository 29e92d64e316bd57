"""Heartbeats of the processes, and the health of each account's credentials: what the first page needs to say."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis.channels.base import Health
from crisis.models import Account, Heartbeat
from crisis.sending.fallback import IS_OVER

BEAT_SECONDS = 2.0
STUCK_JOURNAL = "journal"  # the kind of a break-glass journal that can't be merged
FORGOTTEN = timedelta(days=1)
CHECK_EVERY = timedelta(minutes=5)
ENDS_SOON = timedelta(days=14)  # before credentials run out: time to find who may renew them
CHECK_TROUBLED = timedelta(seconds=20)  # an account that its fallback speaks for: is it well again?


def process_name(kind: str) -> str:
    """What this process is called in heartbeats and leases."""
    return f"{kind}@{socket.gethostname()}:{os.getpid()}"[:80]


def beat(session: Session, process: str, kind: str, now: datetime, note: str = "") -> None:
    """Say that this process is alive."""
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(Heartbeat)
    session.execute(
        insert.values(process=process, kind=kind, at=now, note=note[:200]).on_conflict_do_update(
            index_elements=[Heartbeat.process], set_={"at": now, "note": note[:200]}
        )
    )


def leave(session: Session, process: str) -> None:
    """The process ends by itself: nobody should miss it."""
    session.execute(delete(Heartbeat).where(Heartbeat.process == process))


def forget_old(session: Session, now: datetime) -> None:
    session.execute(delete(Heartbeat).where(Heartbeat.at < now - FORGOTTEN))


def due_for_check(session: Session, account_ids: list[uuid.UUID], now: datetime) -> list[uuid.UUID]:
    """Accounts nobody has checked lately, taken so that only one sender asks each provider."""
    due = session.scalars(
        select(Account.id).where(
            Account.id.in_(account_ids),
            # In the future: the clock was set back since.
            or_(
                Account.checked_at.is_(None),
                Account.checked_at < now - CHECK_EVERY,
                and_(IS_OVER, Account.checked_at < now - CHECK_TROUBLED),
                Account.checked_at > now,
            ),
        )
    ).all()
    session.execute(update(Account).where(Account.id.in_(due)).values(checked_at=now))
    return list(due)


def note_health(session: Session, account_id: uuid.UUID, health: Health, now: datetime) -> None:
    """Write down what a look at the keys found. A look that failed knows nothing of their end, so the old one stays."""
    values: dict[str, object] = {"healthy": health.ok, "health": health.say[:500], "checked_at": now}
    values["well_at"] = func.coalesce(Account.well_at, now) if health.ok else None
    if health.ok or health.expires_at is not None:
        values["expires_at"] = health.expires_at
    if budget := health.budget:
        values |= {
            "budget_used": budget.used,
            "budget_limit": budget.limit,
            "budget_what": budget.what[:40],
            "budget_until": budget.until,
        }
    session.execute(update(Account).where(Account.id == account_id).values(**values))


def ending(session: Session, now: datetime) -> Sequence[Account]:
    """Accounts whose credentials run out soon, or have, and whose administrators have not been told of this end.

    Locked, so that of two clocks only one tells.
    """
    return session.scalars(
        select(Account)
        .where(
            Account.active,
            Account.expires_at <= now + ENDS_SOON,
            or_(Account.expiry_told.is_(None), Account.expiry_told != Account.expires_at),
        )
        .with_for_update(skip_locked=True)
    ).all()
