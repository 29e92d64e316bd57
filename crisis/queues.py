"""Wake-ups: telling a sender that accounts have work. The only place in this package that knows RQ and Redis.

A wake-up carries account ids and nothing else. Losing one costs a second (senders also look by themselves); doubling one
costs nothing. They leave after the commit, never before, so a sender never looks too early.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import redis
import structlog
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy.orm import Session

from crisis.states import Mode

log = structlog.get_logger()

_NOTED = "wake"
_STALE_SECONDS = 60  # a wake-up older than this is worthless: the sender has looked by itself long since
_DOWN_SECONDS = 2.0  # after a failed call, Redis is not asked again for so long


class Wake(Job):
    """A job that can only ever be a wake-up.

    A plain RQ worker imports and runs whatever function a job names, so anybody who can write to Redis could run code
    in a sender. Here names are looked up in a table of our own, and a job's other hooks are ignored.
    """

    handlers: Mapping[str, Callable[..., None]] = {}

    @property
    def func(self) -> Callable[..., None]:
        try:
            return self.handlers[self.func_name or ""]
        except KeyError:
            raise PermissionError(f"refused a job that names {self.func_name!r}") from None

    @property
    def success_callback(self) -> None:
        return None

    @property
    def failure_callback(self) -> None:
        return None

    @property
    def stopped_callback(self) -> None:
        return None


def queue_name(mode: Mode) -> str:
    return f"crisis-{mode}"


def connect(url: str) -> redis.Redis:
    """A connection that fails fast: nobody waits for Redis, everybody can do without it."""
    return redis.Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=1.0, health_check_interval=15)


class Wakeups:
    """The sending end. Safe to share between threads."""

    def __init__(self, redis_url: str) -> None:
        self._redis = connect(redis_url) if redis_url else None
        self._down_until = 0.0
        self._queues = {
            mode: Queue(queue_name(mode), connection=self._redis, job_class=Wake, serializer=JSONSerializer)
            for mode in Mode
            if self._redis is not None
        }

    def send(self, wanted: Mapping[Mode, Iterable[uuid.UUID]]) -> bool:
        """Wake a sender for these accounts. False when Redis could not be told; never raises for that."""
        if self._redis is None or time.monotonic() < self._down_until:
            return False
        try:
            for mode, accounts in wanted.items():
                self._queues[mode].enqueue(
                    "wake",
                    args=[[str(account) for account in accounts]],
                    ttl=_STALE_SECONDS,
                    result_ttl=0,
                    failure_ttl=_STALE_SECONDS,
                )
        except Exception as error:  # noqa: BLE001 - what is committed is released; no wake-up may make it look otherwise
            self._down_until = time.monotonic() + _DOWN_SECONDS
            log.warning("redis.away", error=type(error).__name__)
            return False
        return True

    def alive(self) -> bool:
        """Does Redis answer now?"""
        try:
            return self._redis is not None and bool(self._redis.ping())
        except redis.RedisError:
            return False

    def close(self) -> None:
        if self._redis is not None:
            self._redis.close()


def wake(session: Session, mode: Mode, account_ids: Iterable[uuid.UUID]) -> None:
    """Note that these accounts have work; `Database.writing` sends it on once the transaction is committed."""
    noted: dict[Mode, set[uuid.UUID]] = session.info.setdefault(_NOTED, {})
    noted.setdefault(mode, set()).update(account_ids)


def noted(session: Session) -> dict[Mode, set[uuid.UUID]]:
    """What `wake` has gathered in this session, taken out of it."""
    taken: Any = session.info.pop(_NOTED, {})
    return dict(taken)
