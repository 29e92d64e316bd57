"""The sender: drains the accounts of one mode, woken by RQ and by its own look once a second.

RQ owns the main thread and its signals; the work runs in an event loop beside it, all accounts side by side. When Redis
is gone, the looks alone carry on. A drill sender never opens a live account, and the other way round.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import redis
import structlog
import uvloop
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from crisis import heap, queues
from crisis.channels.base import Channel, Checks, Health, SendError
from crisis.models import Account, utcnow
from crisis.runtime import Runtime
from crisis.sending import pulse, sweep
from crisis.sending.desk import Desk
from crisis.sending.drain import Drain
from crisis.sending.pause import pause_misconfigured
from crisis.sending.shards import WHOLE, Shard
from crisis.settings import AccountSettings, SettingsError
from crisis.states import Mode
from workers.process import Flag, configured, run

log = structlog.get_logger()

LOOK_SECONDS = 1.0
LEFT_LYING_SECONDS = (
    1.2  # every other sender has looked by then; whoever has a shard already leaves the next one so long
)
LAST_WORDS_SECONDS = 6.0  # how long calls in the air may still end by themselves when the sender must stop ...
WRITE_SECONDS = 3.0  # ... and then how long writing it all down may take; whatever starts us waits 10 seconds or more
# How long the event loop keeps the interpreter's lock while another thread wants it. It lets go at every read anyway; with
# Python's own 5 ms a text cost a twelfth more.
SWITCH_SECONDS = 0.02
GOODBYE_SECONDS = 1.0  # for taking leave of Redis and the database
CHECK_SECONDS = 60.0  # for one provider's answer whether our credentials are alive


Part = tuple[uuid.UUID, Shard]  # what one drain works for: an account, or a shard of it


class Sender:
    """All accounts of one mode, in one event loop."""

    def __init__(self, runtime: Runtime, mode: Mode) -> None:
        self._runtime, self._mode = runtime, mode
        self.kind = f"sender-{mode}"
        self.name = pulse.process_name(self.kind)
        self._settings: dict[uuid.UUID, AccountSettings] = {}
        self._channels: dict[uuid.UUID, Channel] = {}
        self._desk = Desk(
            runtime.database,
            self.name,
            unsubscribe_url=runtime.unsubscribe.url,
            luggage=runtime.luggage,
            personal=runtime.personal,
        )
        self._split: dict[uuid.UUID, int] = {}  # into how many shards, of accounts that are
        self._lying: dict[Part, float] = {}  # shards that nobody works for, and since when we know
        self._drains: dict[Part, Drain] = {}
        self._tasks: dict[Part, asyncio.Task[None]] = {}
        self._woken: set[uuid.UUID] = set()
        self._news = asyncio.Event()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None

    # -- called from other threads -----------------------------------------------------------------------------

    def wake(self, accounts: Iterable[str]) -> None:
        """These accounts have work. Safe from any thread; unknown ids are somebody else's."""
        ids = {uuid.UUID(account) for account in accounts}
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: this process is going
                self._loop.call_soon_threadsafe(self._note, ids)

    def stop(self) -> None:
        """Finish what is in the air and end. Safe from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._end)

    def leave(self) -> None:
        """Take the heartbeat away, so that nobody misses us. Safe from any thread."""
        with contextlib.suppress(Exception), self._runtime.database.writing() as session:  # going anyway
            pulse.leave(session, self.name)

    def _note(self, ids: set[uuid.UUID]) -> None:
        self._woken |= ids
        for (account_id, _), drain in self._drains.items():
            if account_id in ids:
                drain.nudge()
        self._news.set()

    def _end(self) -> None:
        self._stopping = True
        for drain in self._drains.values():
            drain.stop(within=LAST_WORDS_SECONDS)
        self._news.set()

    # -- the loop ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._open_all()
        heap.settled()  # accounts bring their client libraries with them
        background = [asyncio.create_task(self._beat()), asyncio.create_task(self._check())]
        try:
            while not self._stopping:
                wait = await self._look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), wait)
                self._news.clear()
        finally:
            for task in background:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=LAST_WORDS_SECONDS + WRITE_SECONDS)
            for channel in self._channels.values():
                await channel.close()

    async def _open_all(self) -> None:
        while not self._stopping:
            try:
                return await asyncio.to_thread(self._open)
            except Exception:  # the database is away: nothing can be sent without it
                log.exception("open.failed")
                await asyncio.sleep(LOOK_SECONDS)
        return None

    def _open(self) -> None:
        """Open every account of this mode. One whose secret is missing pauses alone; the others send."""
        told = {account.key: account for account in self._runtime.settings.accounts}
        with self._runtime.database.reading() as session:
            rows = session.query(Account).where(Account.mode == self._mode, Account.active).all()
        for row in rows:
            if row.key not in told:
                continue
            try:
                self._channels[row.id] = self._runtime.open_channel(told[row.key])
                self._settings[row.id] = told[row.key]
                if told[row.key].shards > 1:
                    self._split[row.id] = told[row.key].shards
            except SettingsError as error:
                self._cannot_open(row, str(error))
            except Exception as error:  # a defect of one adapter: the others send
                log.exception("account.defect", account=row.key)
                self._cannot_open(row, f"it cannot be opened ({type(error).__name__})")

    def _cannot_open(self, row: Account, say: str) -> None:
        log.error("account.cannot_open", account=row.key, say=say)
        with self._runtime.database.writing() as session:
            pause_misconfigured(session, session.get_one(Account, row.id), say, utcnow())

    async def _look(self) -> float:
        """Start a drain for every account that has work and no drain here. Returns seconds until the next look."""
        woken, self._woken = self._woken, set()
        self._start_whole(woken)  # who else has work takes long to ask while thousands of texts leave
        wait, shards = LOOK_SECONDS, list[Part]()
        try:
            due, shards, moment = await asyncio.to_thread(self._read_due)
            self._start_whole(set(due) - woken)
            if moment is not None:
                wait = max(0.0, min(wait, (moment - utcnow()).total_seconds()))
        except Exception:  # the database is away: look again, for as long as it takes
            log.exception("look.failed")
        for part in self._our_share(shards):
            self._start(part)
        return wait

    def _start_whole(self, accounts: set[uuid.UUID]) -> None:
        for account_id in (accounts & set(self._channels)) - set(self._split):
            if (account_id, WHOLE) in self._tasks:
                self._woken.add(account_id)  # its drain may be past claiming: look again when it has ended
            else:
                self._start((account_id, WHOLE))

    def _our_share(self, free: Sequence[Part]) -> Iterator[Part]:
        """One free shard of an account at once; a further one only when no other sender took it."""
        now = time.monotonic()
        self._lying = {part: self._lying.get(part, now) for part in free if part not in self._tasks}
        busy = {account_id for account_id, _ in self._tasks}
        for part in random.sample(list(self._lying), len(self._lying)):  # else all reach for the same one
            if part[0] not in busy or now - self._lying[part] > LEFT_LYING_SECONDS:
                busy.add(part[0])
                yield part

    def _start(self, part: Part) -> None:
        self._tasks[part] = asyncio.create_task(self._drain(*part))

    def _read_due(self) -> tuple[list[uuid.UUID], list[Part], Any]:
        with self._runtime.database.reading() as session:
            now = utcnow()
            due, moment = sweep.idle_with_work(session, self._mode, now), sweep.next_moment(session, self._mode, now)
            return due, sweep.idle_shards(session, self._split, now) if self._split else [], moment

    async def _drain(self, account_id: uuid.UUID, shard: Shard) -> None:
        settings, channel = self._settings[account_id], self._channels[account_id]
        drain = Drain(
            self._desk,
            channel,
            account_id,
            pace=settings.pace or channel.facts.pace,
            repeat_after=timedelta(minutes=settings.retry_uncertain_minutes)
            if settings.retry_uncertain_minutes
            else None,
            shard=shard,
        )
        self._drains[account_id, shard] = drain
        calls = 0
        try:
            calls = await drain.run()
        except Exception:  # one account's trouble is not the others'; the leases bring back what it held
            log.exception("drain.failed", account=settings.key)
            await asyncio.sleep(LOOK_SECONDS)
        finally:
            del self._drains[account_id, shard], self._tasks[account_id, shard]
            # There may be more. After a drain that found nothing to do the next look is early enough: what is due may
            # be waiting for something else, and we would turn in circles.
            # Where another sender was quicker to take a shard, the next one may be free.
            if calls or account_id in self._woken or (drain.refused and not shard.whole):
                self._news.set()

    async def _beat(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._write_beat)
            except Exception:  # as in _look
                log.exception("beat.failed")
            await asyncio.sleep(pulse.BEAT_SECONDS)

    def _write_beat(self) -> None:
        with self._runtime.database.writing() as session:
            pulse.beat(session, self.name, self.kind, utcnow(), f"{len(self._channels)} accounts")

    async def _check(self) -> None:
        """Ask each provider now and then whether our credentials are alive."""
        while True:
            try:
                for account_id in await asyncio.to_thread(self._take_checks):
                    channel = self._channels[account_id]
                    health = await self._health(channel) if isinstance(channel, Checks) else Health(ok=True)
                    await asyncio.to_thread(self._note_health, account_id, health)
            except Exception:  # as in _look
                log.exception("check.failed")
            await asyncio.sleep(30)

    async def _health(self, channel: Checks) -> Health:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await channel.check()
        except SendError as error:
            return Health(ok=False, say=error.say)
        except TimeoutError:
            return Health(ok=False, say="no answer in time")
        except Exception as error:  # a defect of one adapter: the other accounts are asked
            log.exception("check.defect")
            return Health(ok=False, say=f"the look failed: {type(error).__name__}")

    def _take_checks(self) -> list[uuid.UUID]:
        with self._runtime.database.writing() as session:
            return pulse.due_for_check(session, list(self._channels), utcnow())

    def _note_health(self, account_id: uuid.UUID, health: Health) -> None:
        with self._runtime.database.writing() as session:
            pulse.note_health(session, account_id, health, utcnow())


class WakeListener(SimpleWorker):
    """RQ's worker, doing nothing but passing wake-ups on; it tells when it was asked to stop."""

    stopping = Flag()

    def request_stop(self, signum: Any, frame: Any) -> None:
        self.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def listen(redis_url: str, mode: Mode) -> None:
    """Pass wake-ups on until asked to stop; Redis may come and go."""
    stopping = WakeListener.stopping
    while not stopping.is_set():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        if redis_url:
            try:
                connection = redis.Redis.from_url(redis_url, socket_connect_timeout=1)
                connection.ping()
                WakeListener(
                    [queues.queue_name(mode)],
                    connection=connection,
                    job_class=queues.Wake,
                    serializer=JSONSerializer,
                    log_job_description=False,
                ).work(logging_level="WARNING")
            except redis.RedisError as error:
                log.warning("redis.away", error=type(error).__name__)
        stopping.wait(1.0)


def see_off(sender: Sender, thread: threading.Thread) -> None:
    """End the process when the sender has ended, whatever RQ is waiting for: a Redis that hangs answers no goodbye."""
    stopping = WakeListener.stopping
    while thread.is_alive():
        if stopping.is_set():
            sender.stop()  # again and again: it may still be starting
        thread.join(0.1)
    if not stopping.is_set():
        log.error("sender.ended", say="it ended without being asked to; whoever started this process starts it again")
        os._exit(1)
    time.sleep(GOODBYE_SECONDS)  # a daemon thread: gone with the process when that ends in time
    sender.leave()
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Send what is released, for one mode.")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), required=True)
    mode: Mode = parser.parse_args().mode
    with configured(f"sender-{mode}") as runtime:
        sender = Sender(runtime, mode)
        queues.Wake.handlers = {"wake": sender.wake}
        sys.setswitchinterval(SWITCH_SECONDS)
        thread = threading.Thread(target=lambda: run(sender.run()), name="sender", daemon=True)
        thread.start()
        threading.Thread(target=see_off, args=(sender, thread), name="see-off", daemon=True).start()
        try:
            listen(runtime.settings.redis_url, mode)
        finally:
            WakeListener.stopping.set()
            thread.join(LAST_WORDS_SECONDS + WRITE_SECONDS + GOODBYE_SECONDS)


if __name__ == "__main__":
    uvloop.install()
    main()
