"""One account's work: claim, send, record, side by side, for a bounded slice of seconds.

Claiming, sending and recording run as three loops over two buffers, so the provider is never waited for with a
transaction open and one slow receiver holds up nobody. No session is open while a provider is called.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from crisis.channels.base import (
    Accepted,
    Busy,
    Channel,
    LooksUp,
    Misconfigured,
    SendError,
    Uncertain,
    Unreachable,
)
from crisis.db import Database
from crisis.models import Account
from crisis.sending import outcomes
from crisis.sending.claim import Claimed, claim, claim_uncertain, leave_account, take_account
from crisis.sending.pace import Pace, usual_burst
from crisis.sending.pause import pause_misconfigured
from crisis.sending.record import Ended, give_back, record

log = structlog.get_logger()

BATCH = 500
SLICE_SECONDS = 10.0
FLUSH_SECONDS = 0.1  # how long an ended call may wait to be written down
SPEAK_WITHIN = 30.0  # seconds after claiming; later it is given back, well before its lease runs out
AWAY_SECONDS = 0.2  # a wait for the pace longer than this ends the slice: the account's row remembers
MEMORY_SECONDS = 600.0  # an account that was quiet for so long has its whole burst again


@dataclass(frozen=True, slots=True)
class Desk:
    """What a drain needs besides the account: where truth is kept and how this sender is called."""

    database: Database
    owner: str
    unsubscribe_url: Callable[[uuid.UUID], str] | None = None
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


class Drain:
    """The work of one account in one slice. Made, run once, thrown away."""

    def __init__(
        self, desk: Desk, channel: Channel, account_id: uuid.UUID, *, pace: float, repeat_after: timedelta | None
    ) -> None:
        self._desk, self._channel, self._account_id = desk, channel, account_id
        self._repeat_after = repeat_after
        self._pace = Pace(pace, usual_burst(pace))
        self._ready: asyncio.Queue[tuple[float, Claimed] | None] = asyncio.Queue()
        self._ended: list[Ended] = []
        self._unspoken: list[Claimed] = []
        self._stop = False  # claim no more, say no more; finish what is in the air
        self._streak = 0
        self._misconfigured: Misconfigured | None = None
        self._spoken = 0
        self._deadline = 0.0
        self._speaking_over = False

    def stop(self) -> None:
        """Finish what is in the air and give the rest back. Returns at once."""
        self._stop = True

    async def run(self, seconds: float = SLICE_SECONDS) -> int:
        """Work until nothing is due, the slice is over, or the account must pause. Returns how many calls were made."""
        account = await asyncio.to_thread(self._take)
        if account is None:
            return 0
        self._streak = account.busy_streak
        now = self._desk.now()
        if account.free_at is not None:
            # Also when it lies in the past: then it says how much of the burst is left.
            self._pace.free_at = time.monotonic() + (account.free_at - now).total_seconds()
        self._deadline = time.monotonic() + seconds
        try:
            if self._pace.wait(time.monotonic()) <= AWAY_SECONDS:
                await self._find_out(account)
                await self._send_all(account)
        finally:
            await asyncio.shield(asyncio.to_thread(self._leave, account))
        return self._spoken

    # -- claiming ----------------------------------------------------------------------------------------------

    def _take(self) -> Account | None:
        with self._desk.database.writing() as session:
            return take_account(session, self._account_id, self._desk.owner, self._desk.now())

    def _claim(self, limit: int) -> list[Claimed]:
        with self._desk.database.writing() as session:
            now = self._desk.now()
            if take_account(session, self._account_id, self._desk.owner, now) is None:
                return []
            return claim(session, self._account_id, limit, now, self._desk.unsubscribe_url)

    async def _send_all(self, account: Account) -> None:
        width = self._channel.facts.concurrency
        speakers = [asyncio.create_task(self._speak()) for _ in range(width)]
        writing = asyncio.create_task(self._write_down(account))
        try:
            # Little is held in memory: a second of the account's pace, so that a stop leaves little to say.
            hold = max(width, min(BATCH, round(self._pace.rate)))
            while not self._stop and time.monotonic() < self._deadline:
                if self._ready.qsize() * 2 <= hold:
                    batch = await asyncio.to_thread(self._claim, hold - self._ready.qsize())
                    for item in batch:
                        self._ready.put_nowait((time.monotonic(), item))
                    if not batch and self._ready.empty():
                        break
                await asyncio.sleep(0.005)
        finally:
            for _ in range(width):
                self._ready.put_nowait(None)  # behind what is claimed: each is said, or given back by its turn
            await asyncio.gather(*speakers)
            self._speaking_over = True
            await writing


    # -- sending -----------------------------------------------------------------------------------------------

    async def _speak(self) -> None:
        while (item := await self._ready.get()) is not None:
            claimed_at, claimed = item
            if not await self._turn(claimed_at):
                self._unspoken.append(claimed)
                continue
            started_at = self._desk.now()
            result = await self._call(claimed)
            self._spoken += 1
            self._heed(result)
            ended_at = self._desk.now()
            what = outcomes.after_send(
                result,
                facts=self._channel.facts,
                now=ended_at,
                attempt=claimed.attempt,
                first_attempt_at=claimed.first_attempt_at,
            )
            self._ended.append(Ended(claimed, what, started_at, ended_at))

    async def _turn(self, claimed_at: float) -> bool:
        """Wait for the account's pace. False when this one should not be said now after all."""
        while not self._stop:
            now = time.monotonic()
            if now - claimed_at > SPEAK_WITHIN:
                return False
            wait = self._pace.wait(now)
            if wait <= 0:
                self._pace.take(now)
                return True
            if now + wait > self._deadline:  # the slice is over before its turn: the account's row remembers
                return False
            await asyncio.sleep(wait)
        return False

    async def _call(self, claimed: Claimed) -> Accepted | SendError:
        try:
            return await self._channel.send(claimed.out)
        except SendError as error:
            return error
        except Exception as error:  # a defect of the adapter must not lose a delivery: it may have left
            log.exception("channel.defect", channel=self._channel.facts.name, delivery=claimed.out.delivery_id)
            return Uncertain(f"defect in the {self._channel.facts.name} adapter: {type(error).__name__}", code="defect")

    def _heed(self, result: Accepted | SendError) -> None:
        """What an answer says about the account, not only about this delivery."""
        now = time.monotonic()
        match result:
            case Busy():
                self._streak += 1
                asked = result.retry_after
                self._pace.hold(now + (asked if asked is not None else outcomes.growing_pause(self._streak)))
                self._stop = True
            case Unreachable():
                self._streak += 1
                if self._streak >= outcomes.QUIET_STREAK:
                    self._pace.hold(now + outcomes.growing_pause(self._streak - outcomes.QUIET_STREAK + 1))
                    self._stop = True
            case Misconfigured():
                self._misconfigured = result
                self._stop = True
            case _:
                self._streak = 0

    # -- recording ---------------------------------------------------------------------------------------------

    async def _write_down(self, account: Account) -> None:
        while not (self._speaking_over and not self._ended):
            if self._ended:
                batch, self._ended = self._ended[:BATCH], self._ended[BATCH:]
                await self._persist(account, batch)
            elif not self._speaking_over:
                await asyncio.sleep(FLUSH_SECONDS if self._spoken > BATCH else 0.01)

    async def _persist(self, account: Account, batch: Sequence[Ended]) -> None:
        """Write until it is written: these calls were made, and nothing else remembers it."""
        tries = 0
        while True:
            try:
                await asyncio.to_thread(self._record, account, batch)
            except Exception:  # any database trouble: locked, restarted, disk full; the lease bounds how long we try
                tries += 1
                log.exception("record.failed", account=account.key, deliveries=len(batch), tries=tries)
                if tries >= 30:
                    raise
                await asyncio.sleep(min(2.0, 0.1 * 2**tries))
            else:
                return

    def _record(self, account: Account, batch: Sequence[Ended]) -> None:
        with self._desk.database.writing() as session:
            record(session, account, batch)

    def _leave(self, account: Account) -> None:
        with self._desk.database.writing() as session:
            now = self._desk.now()
            give_back(session, account, self._unspoken, now)
            if self._misconfigured is not None:
                pause_misconfigured(session, account, self._misconfigured.say, now)
            ahead = self._pace.free_at - time.monotonic()
            free_at = now + timedelta(seconds=ahead) if ahead > -MEMORY_SECONDS else None
            leave_account(session, account.id, self._desk.owner, free_at, self._streak)

    # -- finding out -------------------------------------------------------------------------------------------

    async def _find_out(self, account: Account) -> None:
        """Look up what is uncertain, before anything new is said."""
        channel = self._channel
        items = await asyncio.to_thread(self._claim_uncertain)
        ended = []
        for item in items:
            started_at = self._desk.now()
            result: Accepted | SendError | None = None
            if isinstance(channel, LooksUp):
                try:
                    result = await channel.find(item.out)
                except SendError as error:
                    result = error
                except Exception as error:  # a defect here must not stop the sending of everything else
                    log.exception("find.defect", channel=channel.facts.name, delivery=item.out.delivery_id)
                    result = Unreachable(f"defect in look-up: {type(error).__name__}", code="defect")
            what = outcomes.after_look(
                result,
                facts=channel.facts,
                can_look=isinstance(channel, LooksUp),
                now=self._desk.now(),
                looks=item.looks,
                repeat_after=self._repeat_after,
            )
            ended.append(Ended(item, what, started_at, self._desk.now(), kind=f"look{item.looks}"))
        if ended:
            await self._persist(account, ended)

    def _claim_uncertain(self) -> list[Claimed]:
        with self._desk.database.writing() as session:
            return claim_uncertain(session, self._account_id, 50, self._desk.now())
