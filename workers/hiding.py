"""Hides abuse under our posts when a person has asked for it. Part of the listener, which has the accounts open."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping

import structlog

from crisis.channels.base import Channel, Hides, Misconfigured, Rejected, SendError
from crisis.models import utcnow
from crisis.runtime import Runtime
from crisis.triage import hiding

log = structlog.get_logger()

LOOK_EVERY = 2.0  # seconds


class Hider:
    """What one listener hides, on all accounts whose network lets us."""

    def __init__(self, runtime: Runtime, channels: Mapping[uuid.UUID, Channel]) -> None:
        self._runtime = runtime
        self._channels = {key: channel for key, channel in channels.items() if isinstance(channel, Hides)}

    async def run(self, stopping: asyncio.Event) -> None:
        """Until asked to stop. Trouble with one is not the others'."""
        while not stopping.is_set():
            try:
                for due in await asyncio.to_thread(self._take):
                    await self._hide(due)
            except Exception:  # the database is away: the next round looks
                log.exception("hiding.failed")
            try:
                await asyncio.wait_for(stopping.wait(), LOOK_EVERY)
            except TimeoutError:
                continue

    def _take(self) -> list[hiding.Due]:
        with self._runtime.database.writing() as session:
            return list(hiding.take(session, self._channels.keys(), utcnow()))

    async def _hide(self, due: hiding.Due) -> None:
        say, final = "", False
        try:
            async with asyncio.timeout(60):
                await self._channels[due.account_id].hide(due.provider_id)
        except SendError as error:
            say, final = error.say or "refused", isinstance(error, Rejected | Misconfigured)
        except TimeoutError:
            say = "no answer in time"
        except Exception as error:  # a defect of the adapter: said on the page, and in the log
            log.exception("hide.failed", inbound=str(due.inbound_id))
            say, final = f"the look failed: {type(error).__name__}", True
        await asyncio.to_thread(self._write, due, say, final=final)

    def _write(self, due: hiding.Due, say: str, *, final: bool) -> None:
        with self._runtime.database.writing() as session:
            if say:
                hiding.could_not(session, due, say, final=final, now=utcnow())
            else:
                hiding.done(session, due.inbound_id, utcnow())
