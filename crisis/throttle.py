"""Slowing down guessing: how long somebody must wait after failed tries, by login and by address.

The same counts hold at sign-in and at `crisis send`.

Counts failures in a window and lets the wait grow; it never locks anybody out for good, because an attacker could then
keep the duty officer out. Takes a session and never commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from crisis.models import SignInFailure

WINDOW = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Limit:
    """After `free` failures each further one doubles the wait, up to `longest` seconds."""

    free: int
    longest: int


# A login waits a minute at most: long enough against guessing (with a second step behind it), short enough for its owner.
# An address is shared by a whole hospital behind one router, hence its many free tries.
LIMITS = {"login": Limit(5, 60), "code": Limit(5, 60), "address": Limit(30, 300)}


def wait_seconds(session: Session, keys: list[str], now: datetime) -> int:
    """How long until the next try is looked at; 0 means now. `keys` are "login:...", "code:...", "address:..."."""
    rows = session.execute(
        select(SignInFailure.key, func.count(), func.max(SignInFailure.at))
        .where(SignInFailure.key.in_(keys), SignInFailure.at > now - WINDOW)
        .group_by(SignInFailure.key)
    )
    return max((_wait(key, count, last, now) for key, count, last in rows), default=0)


def _wait(key: str, count: int, last: datetime, now: datetime) -> int:
    limit = LIMITS[key.partition(":")[0]]
    if count < limit.free:
        return 0
    pause = min(2 ** min(count - limit.free + 1, 20), limit.longest)
    left = (last + timedelta(seconds=pause) - now).total_seconds()
    return max(0, int(left) + (left > int(left)))


def failed(session: Session, keys: list[str], now: datetime) -> None:
    """Note one failed try under each key, and forget what no longer counts."""
    session.execute(delete(SignInFailure).where(SignInFailure.at < now - WINDOW))
    session.add_all(SignInFailure(key=key[:160], at=now) for key in keys)


def succeeded(session: Session, keys: list[str]) -> None:
    session.execute(delete(SignInFailure).where(SignInFailure.key.in_(keys)))
