"""Writing down ended calls while others are still in the air: in batches, until it is written.

Nothing else remembers these calls, so database trouble makes the drain stop speaking, never forget.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from crisis.models import Account
from crisis.sending import journal
from crisis.sending.desk import Desk, until_written
from crisis.sending.record import Ended, record

log = structlog.get_logger()

BATCH = 500
FLUSH_SECONDS = 0.15  # how long an ended call may wait for others to be written down with


class Notebook:
    """The ended calls of one account in one slice. `hush` tells the drain to say no more for now."""

    def __init__(self, desk: Desk, account: Account, hush: Callable[[], None]) -> None:
        self._desk, self._account, self._hush = desk, account, hush
        self._ended: list[Ended] = []
        self._written_at = -math.inf
        self._closed = False

    def add(self, item: Ended) -> None:
        self._ended.append(item)

    def close(self) -> None:
        """Nothing more will be added: `keep` ends when all is written."""
        self._closed = True

    async def keep(self) -> None:
        """Write until closed: the first ended call at once, then what gathers meanwhile."""
        while not (self._closed and not self._ended):
            if self._ended and self._worth_writing():
                self._written_at = time.monotonic()
                batch, self._ended = self._ended[:BATCH], self._ended[BATCH:]
                await self.write(batch)
            else:
                await asyncio.sleep(0.01)

    def _worth_writing(self) -> bool:
        """A transaction costs the same for one call as for a hundred."""
        full = len(self._ended) >= BATCH
        return full or self._closed or time.monotonic() - self._written_at >= FLUSH_SECONDS

    async def write(self, batch: Sequence[Ended]) -> None:
        """Write until it is written. One that can't be written does not take the others with it."""
        try:
            await until_written(lambda: self._record(batch), f"{len(batch)} ended calls", self._hush)
        except Exception:  # one row the database refuses must not lose the outcomes of the others
            log.exception("record.refused", account=self._account.key, deliveries=len(batch))
            if len(batch) > 1:
                for item in batch:
                    await self.write([item])
            elif not _bare(batch[0]):
                await self.write([_without_words(batch[0])])
            # else: its lease runs out, and it is shown as uncertain

    def _record(self, batch: Sequence[Ended]) -> None:
        with self._desk.database.writing() as session:
            record(session, self._account, batch)
        journal.written(self._account.key, batch)


def _without_words(item: Ended) -> Ended:
    """What happened, without whatever the provider said that the database would not take."""
    bare = replace(item.next, provider_id=None, url=None, code="unwritten", say="its words could not be stored")
    return replace(item, next=bare)


def _bare(item: Ended) -> bool:
    return item.next.code == "unwritten"
