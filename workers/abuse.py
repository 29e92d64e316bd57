"""Hides abuse and reports it to the network when a person has asked for it. Part of the listener, which has the accounts open."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import cast

import structlog

from crisis.channels.base import AbuseKind, Channel, Hides, Misconfigured, Rejected, ReportsAbuse, SendError
from crisis.models import utcnow
from crisis.runtime import Runtime
from crisis.triage import abuse

log = structlog.get_logger()

LOOK_EVERY = 2.0  # seconds


class Moderator:
    """What one listener does about abuse, on all accounts whose network lets us."""

    def __init__(self, runtime: Runtime, channels: Mapping[uuid.UUID, Channel]) -> None:
        self._runtime = runtime
        self._hide = {key: channel for key, channel in channels.items() if isinstance(channel, Hides)}
        self._report = {key: channel for key, channel in channels.items() if isinstance(channel, ReportsAbuse)}

    async def run(self, stopping: asyncio.Event) -> None:
        """Until asked to stop. Trouble with one is not the others'."""
        while not stopping.is_set():
            try:
                for due in await asyncio.to_thread(self.take):
                    await self.act(due)
            except Exception:  # the database is away: the next round looks
                log.exception("abuse.failed")
            try:
                await asyncio.wait_for(stopping.wait(), LOOK_EVERY)
            except TimeoutError:
                continue

    def take(self) -> list[abuse.Due]:
        """What is to be done now, of both acts."""
        with self._runtime.database.writing() as session:
            hiding = abuse.take(session, "hide", self._hide.keys(), utcnow())
            return [*hiding, *abuse.take(session, "report", self._report.keys(), utcnow())]

    async def act(self, due: abuse.Due) -> None:
        """Do one, and write down what came of it."""
        say, final = "", False
        try:
            async with asyncio.timeout(60):
                if due.act == "hide":
                    await self._hide[due.account_id].hide(due.provider_id)
                else:
                    await self._report[due.account_id].report_abuse(due.provider_id, cast("AbuseKind", due.kind))
        except SendError as error:
            say, final = error.say or "refused", isinstance(error, Rejected | Misconfigured)
        except TimeoutError:
            say = "no answer in time"
        except Exception as error:  # a defect of the adapter: said on the page, and in the log
            log.exception("abuse.act_failed", act=due.act, inbound=str(due.inbound_id))
            say, final = f"the look failed: {type(error).__name__}", True
        await asyncio.to_thread(self._write, due, say, final=final)

    def _write(self, due: abuse.Due, say: str, *, final: bool) -> None:
        with self._runtime.database.writing() as session:
            if say:
                abuse.could_not(session, due, say, final=final, now=utcnow())
            else:
                abuse.done(session, due, utcnow())
