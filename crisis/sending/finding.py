"""Finding out about an account's uncertain deliveries, beside the sending and in its time.

What a look means is decided in `outcomes`; this file only looks, a few side by side, and hands the result to the notebook.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from crisis.channels.base import Accepted, Channel, LooksUp, SendError, Unreachable
from crisis.models import Account
from crisis.sending import amend, outcomes
from crisis.sending.claim import LONGEST_CALL, claim_uncertain, doubts_due
from crisis.sending.desk import Desk
from crisis.sending.notebook import Notebook
from crisis.sending.outgoing import Claimed
from crisis.sending.record import Ended

log = structlog.get_logger()


class Finding:
    """The looks of one account in one slice."""

    def __init__(self, desk: Desk, channel: Channel, account: Account, repeat_after: timedelta | None) -> None:
        self._desk, self._channel, self._account = desk, channel, account
        self._repeat_after = repeat_after
        self.looked = 0

    async def run(self, notebook: Notebook, go_on: Callable[[], bool]) -> None:
        """Look at what is due, until nothing is or `go_on` says no. Never raises: sending must not suffer from it."""
        try:
            while go_on():
                items = await asyncio.to_thread(self._claim)
                if not items:
                    return
                await notebook.write(await asyncio.gather(*(self._look(item) for item in items)))
                self.looked += len(items)
        except Exception:  # the database is away: the next slice looks
            log.exception("find.failed", account=self._account.key)

    async def _look(self, item: Claimed) -> Ended:
        channel, started_at = self._channel, self._desk.now()
        result: Accepted | SendError | None = None
        if isinstance(channel, LooksUp) and item.changes is None:
            began = time.monotonic()
            try:
                async with asyncio.timeout(LONGEST_CALL):
                    result = await channel.find(item.out)
            except SendError as error:
                result = error
            except Exception as error:  # a defect here must not stop the sending of everything else
                if time.monotonic() - began < LONGEST_CALL:
                    log.exception("find.defect", channel=channel.facts.name, delivery=item.out.delivery_id)
                result = Unreachable(f"the look failed: {type(error).__name__}", code="defect")
        what = outcomes.after_look(
            result,
            facts=amend.facts_of(channel, item),
            can_look=isinstance(channel, LooksUp),
            now=self._desk.now(),
            looks=item.looks,
            repeat_after=self._repeat_after,
        )
        return Ended(item, what, started_at, self._desk.now(), kind=f"look{item.looks}")

    def _claim(self) -> list[Claimed]:
        most, now = self._channel.facts.concurrency, self._desk.now()
        with (
            self._desk.database.reading() as session
        ):  # nearly always nothing: no reason to stand in a queue of writers
            if not doubts_due(session, self._account.id, now):
                return []
        with self._desk.database.writing() as session:
            return claim_uncertain(session, self._account.id, most, now, self._desk.luggage, self._desk.personal)
