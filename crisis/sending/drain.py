"""One account's work: claim, send, record, side by side, for a bounded slice of seconds.

The provider is never waited for with a transaction open, and one slow receiver holds up nobody. Claiming, speaking,
writing down and finding out run beside each other; what may be said is asked again just before it is said.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from crisis.channels.base import Accepted, Channel, Misconfigured, SendError, Uncertain
from crisis.models import Account
from crisis.sending import amend, journal, outcomes
from crisis.sending.claim import LONGEST_CALL, SPEAK_WITHIN, claim, doubts_due
from crisis.sending.desk import Desk, until_written
from crisis.sending.fallback import condition
from crisis.sending.finding import Finding
from crisis.sending.lease import (
    ACCOUNT_LEASE,
    hold_account,
    leave_account,
    leave_shard,
    must_be_quiet,
    pace_memory,
    quieten,
    take_account,
)
from crisis.sending.notebook import Notebook
from crisis.sending.outgoing import Claimed, Known
from crisis.sending.pace import Pace, usual_burst
from crisis.sending.patience import Patience
from crisis.sending.pause import pause_misconfigured
from crisis.sending.record import Ended, give_back
from crisis.sending.removing import Removing
from crisis.sending.shards import WHOLE, Shard

__all__ = ["Desk", "Drain"]

log = structlog.get_logger()

SLICE_SECONDS = 10.0
AWAY_SECONDS = 0.2  # a wait for the pace longer than this ends the slice: the account's row remembers
MEMORY_SECONDS = 600.0  # an account that was quiet for so long has its whole burst again
RENEW_SECONDS = 4.0  # several times within the account's lease
LISTEN_SECONDS = 0.5  # a shard asks so often whether another one was told to be quiet
SLOW_RATE = 100.0  # messages a second; up to here a claim for every few of them costs next to nothing
AHEAD_SECONDS = 0.25  # what a faster account claims beforehand ...
MOST_AHEAD = 1000  # ... and no more; a claim is made when half of it is said, and costs some milliseconds by itself
NUDGED = 100  # what is claimed besides when there is news; the first band of a broadcast is as long
LOOK_FIRST_SECONDS = 1.0  # what a quick look finds is what a follow-up hangs under; a slow look holds up nobody


# A claimed delivery waiting to be said: urgency, number (so that equals stay in order), when it was claimed by both
# clocks. The most urgent is at the top; one without a delivery, behind all others, says that nothing more comes.
_Ready = tuple[float, int, float, datetime, Claimed | None]


class Drain:
    """The work of one account, or of one shard of it, in one slice. Made, run once, thrown away.

    `pace` is the account's; a shard takes its part of it, and of the calls side by side.
    """

    def __init__(
        self,
        desk: Desk,
        channel: Channel,
        account_id: uuid.UUID,
        *,
        pace: float,
        repeat_after: timedelta | None,
        shard: Shard = WHOLE,
    ) -> None:
        self._desk, self._channel, self._account_id = desk, channel, account_id
        self._repeat_after, self._shard = repeat_after, shard
        # Worked out for each delivery, so only where there is a mail to stand in.
        self._unsubscribe_url = desk.unsubscribe_url if channel.facts.medium == "mailbox" else None
        self._key = ""
        self._pace, self._patience = Pace(pace / shard.of, usual_burst(pace / shard.of)), Patience()
        self._width = math.ceil(channel.facts.concurrency / shard.of)
        self._slow = self._pace.rate <= SLOW_RATE
        self._renew_after = RENEW_SECONDS if shard.whole else LISTEN_SECONDS
        self.refused = False  # the account was somebody else's, or paused
        self._ready: asyncio.PriorityQueue[_Ready] = asyncio.PriorityQueue()
        self._turnstile = asyncio.Lock()  # one speaker at a time waits for the pace, with empty hands
        self._well = asyncio.Event()  # the provider answers: all speakers may speak
        self._first: Sequence[Claimed] = ()  # taken together with the account
        self._unspoken: list[Claimed] = []
        self._air: dict[asyncio.Task[None], float] = {}  # who is in a call, and since when
        self._cut: set[asyncio.Task[None]] = set()
        self._nudged = False
        self._stop = False  # claim no more, say no more; finish what is in the air
        self._misconfigured: Misconfigured | None = None
        self._known = Known()
        self._count = self._spoken = 0
        self._deadline, self._cut_at = 0.0, math.inf
        self._renewed_at = self._leased_at = 0.0
        self._renewing: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None

    def stop(self, within: float = math.inf) -> None:
        """Give back what is not said; calls still in the air after `within` seconds are cut off. Returns at once."""
        self._stop = True
        self._cut_at = min(self._cut_at, time.monotonic() + within)

    def nudge(self) -> None:
        """There is new work, which may be more urgent than what is claimed: look now. Called in the event loop."""
        self._nudged = True

    async def run(self, seconds: float = SLICE_SECONDS) -> int:
        """Work until nothing is due, the slice is over, or the account must pause. Returns how many calls were made."""
        self._leased_at, began = time.monotonic(), self._desk.now()
        account = await asyncio.to_thread(self._begin)
        if account is None:
            self.refused = True
            return 0
        self._renewed_at = time.monotonic()
        self._deadline = self._renewed_at + seconds
        removing = Removing(self._desk, self._channel, account, self._pace, self._heed)
        finding = Finding(self._desk, self._channel, account, self._repeat_after)
        try:
            if self._first or self._pace.wait(time.monotonic()) <= AWAY_SECONDS:
                await self._work(account, finding, removing, began)
        finally:
            await asyncio.shield(until_written(lambda: self._leave(account), f"leaving {account.key}"))
        return self._spoken + finding.looked + removing.calls

    async def _work(self, account: Account, finding: Finding, removing: Removing, began: datetime) -> None:
        notebook = Notebook(self._desk, account, self.stop)
        self._hold_ready(self._first, self._leased_at, began)
        look = asyncio.create_task(finding.run(notebook, self._going))
        if not self._first:
            await asyncio.wait({look}, timeout=LOOK_FIRST_SECONDS)
        if not self._patience.recovering:
            self._well.set()
        writing = asyncio.create_task(notebook.keep())
        speakers = [asyncio.create_task(self._speak(notebook, first=number == 0)) for number in range(self._width)]
        taking = asyncio.create_task(removing.run(self._going))
        try:
            await self._claim_on()
        finally:
            self._well.set()
            for _ in speakers:  # behind what is claimed: each is said, or given back
                self._put(math.inf, 0.0, self._desk.now(), None)
            await self._all_silent([*speakers, taking])
            notebook.close()
            await writing
            if self._stop:
                look.cancel()  # it only asks; somebody else asks again
            await asyncio.wait({look})
            if self._renewing is not None:
                await self._renewing  # else it might take the account again after we have left it
            if self._telling is not None:
                await self._telling

    # -- claiming ----------------------------------------------------------------------------------------------

    def _going(self) -> bool:
        return not self._stop and time.monotonic() < self._deadline

    def _put(self, urgency: float, at: float, wall: datetime, claimed: Claimed | None) -> None:
        self._count += 1
        self._ready.put_nowait((urgency, self._count, at, wall, claimed))

    def _hold_ready(self, batch: Sequence[Claimed], at: float, wall: datetime) -> None:
        """What was asked for then, by both clocks, waits to be said."""
        for claimed in batch:
            self._put(claimed.priority, at, wall, claimed)

    async def _claim_on(self) -> None:
        while self._going():
            now = time.monotonic()
            if self._slow and self._pace.wait(now) > AWAY_SECONDS:
                return  # the account's row remembers
            room, held = self._room(now), self._ready.qsize()
            if room > 0 and (held * 2 <= room or self._nudged):
                self._nudged = False
                wall = self._desk.now()
                batch = await asyncio.to_thread(self._claim, max(room - held, min(room, NUDGED)))
                self._hold_ready(batch, now, wall)
                if not batch and self._ready.empty():
                    return
            self._tend()
            await asyncio.sleep(0.005)

    def _room(self, now: float) -> int:
        """How many may be claimed and not said yet.

        Little: something urgent may come at any time, and should this process die, nobody knows of them whether they
        have left. An account that is not in a hurry claims only what is said at once.
        """
        if not self._slow:
            return min(MOST_AHEAD, self._pace.room(now, AHEAD_SECONDS))
        listening = (1 if self._patience.recovering else self._width) - len(self._air)
        return 0 if self._pace.wait(now) > 0 else min(listening, self._pace.room(now, 0.0))

    def _begin(self) -> Account | None:
        """Take the account and, unless something is to be looked up before, what may be said at once.

        In one transaction: while thousands of texts leave, each waits its turn, and something urgent with it.
        """
        with self._desk.database.writing() as session:
            began = self._desk.now()
            account = take_account(session, self._account_id, self._desk.owner, began, self._shard)
            if account is None:
                return None
            self._remember(account, pace_memory(session, account, self._shard))
            now = time.monotonic()
            if self._pace.wait(now) <= AWAY_SECONDS and not doubts_due(session, account.id, began):
                self._first = self._take(session, self._room(now), began)
        journal.claimed(self._key, self._first, began, self._desk.now())
        return account

    def _remember(self, account: Account, free_at: datetime | None) -> None:
        """Go on in the pace and the patience of whoever worked for the account before."""
        self._key = account.key
        self._patience = Patience(account.busy_streak)
        if free_at is not None:
            # Also when it lies in the past: then it says how much of the burst is left.
            ahead = (free_at - self._desk.now()).total_seconds()
            if not self._patience.recovering:  # nothing but the pace: further ahead only when the clock was set back
                ahead = min(ahead, 1.0 / self._pace.rate)
            self._pace.free_at = time.monotonic() + ahead

    def _take(self, session: Session, limit: int, now: datetime) -> Sequence[Claimed]:
        desk, whose = self._desk, self._account_id
        url = self._unsubscribe_url
        return claim(session, whose, limit, now, url, self._known, desk.luggage, self._shard, desk.personal)

    def _renewed(self) -> bool:
        with self._desk.database.writing() as session:
            return self._mine(session, self._desk.now())

    def _mine(self, session: Session, now: datetime) -> bool:
        """Is the account still ours, and may it speak? Not when a person paused it, or another shard was told to be quiet."""
        if self._shard.whole:
            return hold_account(session, self._account_id, self._desk.owner, now)
        account = take_account(session, self._account_id, self._desk.owner, now, self._shard)
        return account is not None and (self._patience.held or not must_be_quiet(account, now))

    def _claim(self, limit: int) -> Sequence[Claimed]:
        with self._desk.database.writing() as session:
            now, at = self._desk.now(), time.monotonic()
            if not self._mine(session, now):
                self._stop = True
                return ()
            self._renewed_at = self._leased_at = at
            batch = self._take(session, limit, now)
        journal.claimed(self._key, batch, now, self._desk.now())
        return batch

    # -- while calls are in the air ------------------------------------------------------------------------------

    def _tend(self) -> None:
        """Keep the account's lease while we speak for it, and cut off what takes too long."""
        now = time.monotonic()
        if now - self._renewed_at > self._renew_after:
            self._renewed_at = now
            self._renewing = asyncio.create_task(self._renew())
        for task, since in list(self._air.items()):
            if now - since > LONGEST_CALL or now > self._cut_at:
                del self._air[task]
                self._cut.add(task)
                task.cancel()

    async def _renew(self) -> None:
        at = time.monotonic()
        try:
            mine = await asyncio.to_thread(self._renewed)
        except Exception as error:  # noqa: BLE001 - the database is away, so nobody else can take the account either
            log.warning("lease.not_renewed", error=type(error).__name__)
        else:
            if not mine:
                self._stop = True
            self._leased_at = at

    async def _all_silent(self, speakers: Sequence[asyncio.Task[None]]) -> None:
        pending = set(speakers)
        while pending:
            _, pending = await asyncio.wait(pending, timeout=0.1)
            self._tend()

    # -- sending -----------------------------------------------------------------------------------------------

    async def _speak(self, notebook: Notebook, *, first: bool) -> None:
        if not first:
            await self._well.wait()
        me = asyncio.current_task()
        assert me is not None  # noqa: S101 - we are in one
        while (claimed := await self._next()) is not None:
            started_at = self._desk.now()
            self._air[me] = time.monotonic()
            result = await self._call(claimed, me)
            self._air.pop(me, None)
            self._spoken += 1
            self._heed(result)
            ended_at = self._desk.now()
            what = outcomes.after_send(
                result,
                facts=amend.facts_of(self._channel, claimed),
                now=ended_at,
                attempt=claimed.attempt,
                first_attempt_at=claimed.first_attempt_at,
            )
            notebook.add(Ended(claimed, what, started_at, ended_at))

    async def _next(self) -> Claimed | None:
        """The most urgent one there is when the account's next turn has come; None when nothing more comes."""
        while (claimed := (item := await self._ready.get())[4]) is not None:
            now = time.monotonic()
            if self._stop or self._too_late(item, now):
                self._unspoken.append(claimed)
                continue
            if self._pace.wait(now) <= 0:
                self._pace.take(now)
                return claimed
            self._ready.put_nowait(item)  # not with it in hand: something more urgent may come before the turn does
            async with self._turnstile:
                wait = self._pace.wait(time.monotonic())
                if time.monotonic() + wait > self._deadline:  # the account's row remembers
                    self._stop = True
                elif wait > 0:
                    await asyncio.sleep(min(wait, AWAY_SECONDS))  # and listen in between whether to stop
        return None

    def _too_late(self, item: _Ready, now: float) -> bool:
        """May others think by now that it was lost, or that the account is theirs? By both clocks: machines sleep."""
        _, _, at, wall, _ = item
        if now - at > SPEAK_WITHIN or now - self._leased_at > ACCOUNT_LEASE.total_seconds():
            return True
        return (self._desk.now() - wall).total_seconds() > SPEAK_WITHIN

    async def _call(self, claimed: Claimed, me: asyncio.Task[None]) -> Accepted | SendError:
        try:
            return await amend.say(self._desk, self._channel, claimed)
        except SendError as error:
            return error
        except asyncio.CancelledError:
            if me not in self._cut:
                raise
            self._cut.remove(me)
            me.uncancel()
            return Uncertain("the call was cut off before an answer came", code="cut_off")
        except Exception as error:  # a defect of the adapter must not lose a delivery: it may have left
            log.exception("channel.defect", channel=self._channel.facts.name, delivery=claimed.out.delivery_id)
            return Uncertain(f"defect in the {self._channel.facts.name} adapter: {type(error).__name__}", code="defect")

    def _heed(self, result: Accepted | SendError) -> None:
        """What an answer says about the account, not only about this delivery."""
        if isinstance(result, Misconfigured):
            self._misconfigured, self._stop = result, True
        if isinstance(result, Accepted):
            self._pace.charge(result.calls - 1)
        quiet = self._patience.heed(result)
        if quiet is not None:
            self._pace.hold(time.monotonic() + quiet)
            self._stop = True
            if not self._shard.whole and self._telling is None:  # leaving tells, too; but calls may be in the air long
                self._telling = asyncio.create_task(self._tell_others(quiet))
        if not self._patience.recovering:
            self._well.set()

    async def _tell_others(self, quiet: float) -> None:
        until, streak = self._desk.now() + timedelta(seconds=quiet), self._patience.streak

        def write() -> None:
            with self._desk.database.writing() as session:
                quieten(session, self._account_id, until, streak)

        await until_written(write, "a provider's wish for quiet")

    def _leave(self, account: Account) -> None:
        with self._desk.database.writing() as session:
            now = self._desk.now()
            give_back(session, self._unspoken, now)
            if self._misconfigured is not None:
                pause_misconfigured(session, account, self._misconfigured.say, now)
            ahead = self._pace.free_at - time.monotonic()
            free_at = now + timedelta(seconds=ahead) if ahead > -MEMORY_SECONDS else None
            troubled = condition(troubled=self._patience.troubled, now=now)
            owner, streak = self._desk.owner, self._patience.streak
            if self._shard.whole:
                leave_account(session, account.id, owner, free_at, streak, troubled)
            else:
                held = self._patience.held
                leave_shard(session, account, self._shard, owner, free_at, held=held, streak=streak, troubled=troubled)
