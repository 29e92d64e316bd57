"""The listener: asks each account that can be polled what is new, and stores it with its cursor in one transaction; then
reads whatever was stored, by it or by a webhook.

Webhooks are faster; polling is the truth. Killed at any moment it loses nothing and stores nothing twice.
"""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from crisis.channels.base import Channel, Polled, Polls, SendError
from crisis.db import rows_changed
from crisis.models import Account, utcnow
from crisis.oncall import answering, mailed
from crisis.runtime import Runtime
from crisis.sending import pulse, receipts
from crisis.settings import SettingsError
from crisis.triage import counts, inbox, links, queue, reading, spikes
from workers.abuse import Moderator
from workers.feeding import Feeding
from workers.looking import Looking
from workers.process import configured, run
from workers.testing import Testing

log = structlog.get_logger()

LONGEST_PAUSE = LONGEST_POLL = 300.0
READ_EVERY = 0.2  # seconds between looks for what a webhook stored, when the last look found little
TIDY_EVERY = 10.0
Look = Callable[[Session, datetime], Sequence[Any]]
Do = Callable[[Session, Sequence[Any], datetime], object]
TIDYING: tuple[tuple[Look, Do], ...] = (
    (queue.to_wake, queue.wake),
    (links.late, links.link_late),
    (spikes.look, spikes.write),
    (reading.old_bands, reading.forget_bands),
)


class Listener:
    """Polls every account that can be polled, each at its own pace, in one event loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._name = pulse.process_name("listener")
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        channels = await asyncio.to_thread(self._open)
        rounds = [
            asyncio.create_task(self._listen(account_id, channel))
            for account_id, channel in channels.items()
            if isinstance(channel, Polls)
        ]
        polled = len(rounds)
        rounds += [asyncio.create_task(self._read()), asyncio.create_task(self._tidy())]
        looking = asyncio.create_task(Looking(self._runtime, channels).run(self._stopping))
        moderating = asyncio.create_task(Moderator(self._runtime, channels).run(self._stopping))
        feeding = asyncio.create_task(Feeding(self._runtime).run(self._stopping))
        testing = asyncio.create_task(Testing(self._runtime, channels).run(self._stopping))
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(self._beat, polled)
            except Exception:  # the database is away: say so again when it is back
                log.exception("beat.failed")
            await self._rest(pulse.BEAT_SECONDS)
        await asyncio.gather(*rounds, looking, moderating, feeding, testing)
        for channel in channels.values():
            await channel.close()

    def _open(self) -> dict[uuid.UUID, Channel]:
        told = {account.key: account for account in self._runtime.settings.accounts}
        channels: dict[uuid.UUID, Channel] = {}
        with self._runtime.database.reading() as session:
            rows = session.query(Account).where(Account.active).all()
        for row in rows:
            if row.key not in told:
                continue
            try:
                channels[row.id] = self._runtime.open_channel(told[row.key])
            except SettingsError as error:
                log.error("account.cannot_open", account=row.key, say=str(error))
            except Exception:  # a defect of one adapter: the others listen
                log.exception("account.cannot_open", account=row.key)
        return channels

    def _beat(self, accounts: int) -> None:
        with self._runtime.database.writing() as session:
            pulse.beat(session, self._name, "listener", utcnow(), f"{accounts} accounts")

    async def _listen(self, account_id: uuid.UUID, channel: Polls) -> None:
        troubles = 0
        while not self._stopping.is_set():
            try:
                cursor, mine = await asyncio.to_thread(self._take, account_id, channel.poll_seconds)
                if mine:
                    async with asyncio.timeout(LONGEST_POLL):  # an answer in drops has no end
                        found = await channel.poll(cursor)
                    await asyncio.to_thread(self._store, account_id, found)
                    if found.dropped:
                        log.info("poll.dropped", account=str(account_id), count=found.dropped)
                troubles = 0
            except SendError as error:
                troubles += 1
                log.warning("poll.refused", account=str(account_id), say=error.say)
            except Exception:  # a defect or the database: the cursor has not moved, so nothing is lost
                troubles += 1
                log.exception("poll.failed", account=str(account_id))
            await self._rest(pause(channel.poll_seconds, troubles))

    async def _read(self) -> None:
        """Understand what was stored, as soon as it was."""
        reader = None
        while not self._stopping.is_set():
            count = 0
            try:
                if reader is None:
                    reader = await asyncio.to_thread(reading.Reading, self._runtime.database, self._runtime.settings)
                count = await asyncio.to_thread(reader.read_some)
            except Exception:  # the database is away, or another reader stood in the way: nothing was half written
                log.exception("reading.failed")
                await self._rest(1.0)
            if count < reading.BATCH:
                await self._rest(READ_EVERY)

    async def _tidy(self) -> None:
        """What must happen without anybody's doing: late links, snoozed ones that wait again, spikes, old bands."""
        while not self._stopping.is_set():
            for look, do in TIDYING:
                try:
                    await asyncio.to_thread(self._step, look, do)
                except Exception:  # tried again in ten seconds
                    log.exception("tidy.failed", step=look.__name__)
            await self._rest(TIDY_EVERY)

    def _step(self, look: Look, do: Do) -> None:
        """Looked for without the right to write, for which everybody else would wait."""
        now = utcnow()
        with self._runtime.database.reading() as session:
            found = look(session, now)
        if found:
            with self._runtime.database.writing() as session:
                do(session, found, now)

    def _take(self, account_id: uuid.UUID, every: float) -> tuple[str | None, bool]:
        """The cursor, and whether this listener is the one to ask now."""
        with self._runtime.database.writing() as session:
            now: datetime = utcnow()
            taken = rows_changed(
                session,
                update(Account)
                .where(
                    Account.id == account_id,
                    or_(
                        Account.polled_at.is_(None),
                        Account.polled_at <= now - timedelta(seconds=every * 0.9),
                        Account.polled_at > now,  # the clock was set back since
                    ),
                )
                .values(polled_at=now),
            )
            return session.get_one(Account, account_id).cursor, taken == 1

    def _store(self, account_id: uuid.UUID, found: Polled) -> None:
        with self._runtime.database.writing() as session:
            account = session.get_one(Account, account_id)
            inbox.receive(session, account, found.inbounds, utcnow())
            answering.written(session, account, found.inbounds, utcnow())
            mailed.obey(session, account, found.reports, utcnow())
            receipts.apply(session, account, found.receipts, utcnow())
            account.cursor = found.cursor
            if found.dropped:
                counts.add(session, account.key, "machine", found.dropped)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def pause(every: float, troubles: int) -> float:
    """Seconds until the next poll after so many failed ones in a row, which may be weeks of them."""
    return min(LONGEST_PAUSE, every * 2.0 ** min(troubles, 10))


def main() -> None:
    with configured("listener") as runtime:
        run(Listener(runtime).run())


if __name__ == "__main__":
    main()
