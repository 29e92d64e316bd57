"""Reads the units' own news feeds, each at its own pace, and keeps what is new as suggestions. Part of the listener."""

from __future__ import annotations

import asyncio
import uuid

import structlog

from crisis.broadcasts import suggestions
from crisis.broadcasts.suggestions import Due
from crisis.feeds import reading
from crisis.feeds.fetching import Fetched, NotFetched, fetch
from crisis.feeds.reading import Entry, NotReadable
from crisis.models import utcnow
from crisis.runtime import Runtime

log = structlog.get_logger()

LOOK_EVERY = 10.0  # seconds


class Feeding:
    """The feeds of all units. Trouble with one is said on the pages, and is not the others' nor the listening's."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def run(self, stopping: asyncio.Event) -> None:
        """Until asked to stop; at once done where no unit has a feed."""
        while any(unit.feeds for unit in self._runtime.settings.units) and not stopping.is_set():
            try:
                await self.look()
            except Exception:  # the database is away: the next round looks
                log.exception("feeding.failed")
            try:
                await asyncio.wait_for(stopping.wait(), LOOK_EVERY)
            except TimeoutError:
                continue

    async def look(self) -> None:
        """One round: every feed whose turn it is."""
        await asyncio.gather(*(self._read(due) for due in await asyncio.to_thread(self._take)))

    async def _read(self, due: Due) -> None:
        try:
            fetched = await fetch(due.source)
            entries = await asyncio.to_thread(reading.read, fetched.body) if fetched.body is not None else []
            count = await asyncio.to_thread(self._keep, due.feed_id, fetched, entries)
            log.info("feed.read", url=due.source.url, new=count)
        except (NotFetched, NotReadable) as error:
            log.warning("feed.refused", url=due.source.url, say=str(error))
            await asyncio.to_thread(self._could_not, due.feed_id, str(error))
        except Exception as error:  # a defect of ours: said on the page, and in the log
            log.exception("feed.failed", url=due.source.url)
            await asyncio.to_thread(self._could_not, due.feed_id, f"the look failed: {type(error).__name__}")

    def _take(self) -> list[Due]:
        with self._runtime.database.writing() as session:
            return suggestions.take(session, self._runtime.settings, utcnow())

    def _keep(self, feed_id: uuid.UUID, fetched: Fetched, entries: list[Entry]) -> int:
        with self._runtime.database.writing() as session:
            return suggestions.keep(session, feed_id, fetched, entries, utcnow())

    def _could_not(self, feed_id: uuid.UUID, say: str) -> None:
        with self._runtime.database.writing() as session:
            suggestions.could_not(session, feed_id, say)
