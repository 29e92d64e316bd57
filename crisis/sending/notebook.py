"""Writing down ended calls while others are still in the air: in batches, until it is written.

Nothing else remembers these calls, so database trouble makes the drain stop speaking, never forget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from crisis.models import Account
from crisis.sending import journal
from crisis.sending.desk import Desk, until_written
from crisis.sending.record import Ended, record

log = structlog.get_logger()

BATCH = 500
FLUSH_SECONDS = 0.1  # how long an ended call may wait to be written down


class Notebook:
    """The ended calls of one account in one slice. `hush` tells the drain to say no more for now."""

    def __init__(self, desk: Desk, account: Account, hush: Callable[[], None]) -> None:
        self._desk, self._account, self._hush = desk, account, hush
        self._ended: list[Ended] = []
        self._added = 0
        self._closed = False

    def add(self, item: Ended) -> None:
        self._ended.append(item)
        self._added += 1

    def close(self) -> None:
        """Nothing more will be added: `keep` ends when all is written."""
        self._closed = True

    async def keep(self) -> None:
        while not (self._closed and not self._ended):
            if self._ended:
                batch, self._ended = self._ended[:BATCH], self._ended[BATCH:]
                await self.write(batch)
            elif not self._closed:
                await asyncio.sleep(FLUSH_SECONDS if self._added > BATCH else 0.01)

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
