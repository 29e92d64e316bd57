"""Looks at what public accounts show: on a schedule, and at once when somebody asked. Part of the listener."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog

from crisis.broadcasts import live_now
from crisis.channels.base import Channel, SendError, Shown, Shows
from crisis.models import Account, utcnow
from crisis.runtime import Runtime

log = structlog.get_logger()

LOOK_FOR_WISHES = 2.0  # seconds


class Looking:
    """The looks of one listener at all accounts that can tell what they show."""

    def __init__(self, runtime: Runtime, channels: Mapping[uuid.UUID, Channel]) -> None:
        self._runtime = runtime
        self._channels = {key: channel for key, channel in channels.items() if isinstance(channel, Shows)}

    async def run(self, stopping: asyncio.Event) -> None:
        """Until asked to stop. Trouble with one account is not the others', nor the listening's."""
        while not stopping.is_set():
            try:
                due = await asyncio.to_thread(self._take)
                await asyncio.gather(*(self._look(account_id) for account_id in due))
            except Exception:  # the database is away: the next round looks
                log.exception("looking.failed")
            try:
                await asyncio.wait_for(stopping.wait(), LOOK_FOR_WISHES)
            except TimeoutError:
                continue

    def _take(self) -> list[uuid.UUID]:
        with self._runtime.database.writing() as session:
            return live_now.take(session, self._channels, utcnow())

    async def _look(self, account_id: uuid.UUID) -> None:
        channel, now = self._channels[account_id], utcnow()
        try:
            since = await asyncio.to_thread(self._since, account_id)
            async with asyncio.timeout(120):
                shown = await channel.shown(since)
            await asyncio.to_thread(self._store, account_id, shown, since, now)
        except (SendError, TimeoutError) as error:
            say = error.say if isinstance(error, SendError) else "no answer in time"
            await asyncio.to_thread(self._could_not, account_id, say)
        except Exception as error:  # a defect of the adapter: said on the page, and in the log
            log.exception("look.failed", account=str(account_id))
            await asyncio.to_thread(self._could_not, account_id, f"the look failed: {type(error).__name__}")

    def _since(self, account_id: uuid.UUID) -> datetime:
        with self._runtime.database.reading() as session:
            return live_now.since(session.get_one(Account, account_id), utcnow())

    def _store(self, account_id: uuid.UUID, shown: Sequence[Shown], since: datetime, now: datetime) -> None:
        with self._runtime.database.writing() as session:
            live_now.store(session, session.get_one(Account, account_id), shown, since, now)

    def _could_not(self, account_id: uuid.UUID, say: str) -> None:
        with self._runtime.database.writing() as session:
            live_now.could_not(session, account_id, say)
