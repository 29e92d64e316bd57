"""Taking posts down, one after another beside the sending of the same account, in its pace and while it may speak."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from crisis.channels.base import Accepted, Channel, Deletes, Rejected, SendError, Uncertain
from crisis.models import Account
from crisis.sending import removals
from crisis.sending.claim import LONGEST_CALL
from crisis.sending.desk import Desk, until_written
from crisis.sending.pace import Pace

log = structlog.get_logger()

REST = 0.2  # seconds
MOST_RESTS = 300


class Removing:
    """The posts of one account that come down in one slice. `heed` is told each answer, as with what is sent."""

    def __init__(
        self, desk: Desk, channel: Channel, account: Account, pace: Pace, heed: Callable[[Accepted | SendError], None]
    ) -> None:
        self._desk, self._channel, self._account = desk, channel, account
        self._pace, self._heed = pace, heed
        self.calls = 0

    async def run(self, go_on: Callable[[], bool]) -> None:
        """Take down what is due, until nothing is or `go_on` says no. Never raises: sending must not suffer from it."""
        try:
            while go_on() and (claimed := await asyncio.to_thread(self._claim)):
                for one in claimed:
                    await self._one(one, go_on)
        except Exception:  # the database is away: the leases bring back what was claimed
            log.exception("removing.failed", account=self._account.key)

    async def _one(self, one: removals.Claimed, go_on: Callable[[], bool]) -> None:
        for _ in range(MOST_RESTS):
            if not go_on() or (wait := self._pace.wait(time.monotonic())) <= 0:
                break
            await asyncio.sleep(min(wait, REST))  # and listen in between whether to stop
        if not go_on():
            await asyncio.to_thread(self._give_back, one)
            return
        self._pace.take(time.monotonic())
        started_at = self._desk.now()
        result = await self._call(one)
        self.calls += 1
        self._heed(result)
        ended_at = self._desk.now()

        def write() -> None:
            with self._desk.database.writing() as session:
                removals.settle(session, one, result, started_at, ended_at)

        await until_written(write, f"removal {one.id}")

    async def _call(self, one: removals.Claimed) -> Accepted | SendError:
        channel = self._channel
        if not isinstance(channel, Deletes):
            return Rejected("this channel cannot take anything down", code="no_delete")
        try:
            async with asyncio.timeout(LONGEST_CALL):
                await channel.delete(one.provider_id)
        except SendError as error:
            return error
        except TimeoutError:
            return Uncertain("the call was cut off before an answer came", code="cut_off")
        except Exception as error:  # a defect of the adapter: it may be gone, and asking again is harmless
            log.exception("delete.defect", channel=channel.facts.name, delivery=str(one.delivery_id))
            return Uncertain(f"defect in the {channel.facts.name} adapter: {type(error).__name__}", code="defect")
        return Accepted(one.provider_id)

    def _claim(self) -> list[removals.Claimed]:
        with self._desk.database.reading() as session:  # nearly always nothing
            if not removals.waiting(session, self._account.id):
                return []
        with self._desk.database.writing() as session:
            return removals.claim(session, self._account.id, self._channel.facts.deletes_per, self._desk.now())

    def _give_back(self, one: removals.Claimed) -> None:
        with self._desk.database.writing() as session:
            removals.give_back(session, one, self._desk.now())
