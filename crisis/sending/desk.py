"""What the parts of a drain share: where truth is kept, how this sender is called, what time it is, and patient writing.

Patient writing is for what only this process knows: calls that were made. It is tried until the database takes it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from crisis.db import Database
from crisis.media.leaving import Luggage
from crisis.sending.personal import Personal

log = structlog.get_logger()

_OURS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)  # what was written is wrong, not the database
LONGEST_REST = 2.0  # seconds between two tries


@dataclass(frozen=True, slots=True)
class Desk:
    """What a drain needs besides the account."""

    database: Database
    owner: str
    unsubscribe_url: Callable[[uuid.UUID], str] | None = None
    luggage: Luggage | None = None  # what texts carry: pictures and films
    personal: Personal | None = None  # what only one receiver may read
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def trouble(error: Exception) -> bool:
    """Is it the database that can't write now (locked, restarted, disk full)? Then the same may work later."""
    return isinstance(error, NoConnectionFree | OSError) or (
        isinstance(error, DBAPIError) and not isinstance(error, _OURS)
    )


async def until_written(write: Callable[[], None], what: str, on_trouble: Callable[[], None] = lambda: None) -> None:
    """Run `write` in a thread until the database takes it. Raises only what no waiting would mend.

    `on_trouble` is called at each failure, so that nobody makes more to write meanwhile. `write` must be safe to run
    again after a commit whose answer was lost.
    """
    tries = 0
    while True:
        try:
            return await asyncio.to_thread(write)
        except Exception as error:  # `trouble` tells a database away from a defect
            if not trouble(error):
                raise
            on_trouble()
            tries += 1
            log.warning("write.failed", what=what, tries=tries, error=type(error).__name__, say=str(error)[:200])
            await asyncio.sleep(min(LONGEST_REST, 0.05 * 2 ** min(tries, 10)))  # or an hour's tries are no number
