"""What is seen of the machine: the pulses of its processes, its accounts, and the oldest delivery that waits. Judges nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.models import Account, Heartbeat
from crisis.sending import measures
from crisis.states import Mode

LATE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Pulse:
    """One kind of process, by the freshest of its heartbeats."""

    kind: str
    at: datetime | None
    late: bool
    note: str
    alive: int


@dataclass(frozen=True, slots=True)
class AccountHealth:
    key: str
    channel: str
    mode: Mode
    paused_reason: str | None
    paused_at: datetime | None
    healthy: bool | None
    health: str
    checked_at: datetime | None
    expires_at: datetime | None = None
    ended: bool = False  # its credentials have run out
    used_up: bool = False  # of what its network counts, such as posts we may read a day

    @property
    def can_send(self) -> bool:
        """Asked lately and found well; neither paused nor run out."""
        return self.paused_reason is None and bool(self.healthy) and not self.ended


def _used_up(row: Account, now: datetime) -> bool:
    if (
        row.budget_limit is None
        or row.budget_used is None
        or (row.budget_until is not None and row.budget_until <= now)
    ):
        return False
    return row.budget_used >= row.budget_limit


def accounts(session: Session, unit_ids: Sequence[uuid.UUID], now: datetime) -> Iterator[AccountHealth]:
    rows = session.scalars(
        select(Account).where(Account.unit_id.in_(unit_ids), Account.active).order_by(Account.mode.desc(), Account.key)
    )
    for row in rows:
        yield AccountHealth(
            row.key,
            row.channel,
            row.mode,
            row.paused_reason,
            row.paused_at,
            row.healthy,
            row.health,
            row.checked_at,
            row.expires_at,
            row.expires_at is not None and row.expires_at <= now,
            _used_up(row, now),
        )


def pulses(session: Session, modes: set[Mode], now: datetime) -> Iterator[Pulse]:
    beats: dict[str, list[Heartbeat]] = {}
    for row in session.scalars(select(Heartbeat).order_by(Heartbeat.at.desc())):
        beats.setdefault(row.kind, []).append(row)
    for kind in (*(f"sender-{mode}" for mode in sorted(modes, reverse=True)), "listener", "clock"):
        own = beats.get(kind, [])
        alive = sum(now - row.at <= LATE for row in own)
        yield Pulse(kind, own[0].at if own else None, alive == 0, own[0].note if own else "", alive)


def oldest_waiting(session: Session, now: datetime) -> timedelta | None:
    """Deliveries of paused accounts are not counted: they wait because somebody said so, which is its own concern."""
    oldest = measures.oldest_due(session, now)
    speaking = session.scalars(select(Account.id).where(Account.paused_reason.is_(None), Account.active))
    due = min((oldest[account_id] for account_id in speaking if account_id in oldest), default=None)
    return max(now - due, timedelta()) if due else None
