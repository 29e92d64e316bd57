"""Sending in this very process: the senders' own drains, for the accounts of one broadcast, until it is settled.

Safe beside running senders: an account's lease says who drains it, and a delivery is claimed once. What is not settled when
time is up stays in the record for whoever sends next.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog
from sqlalchemy import and_, or_, select
from sqlalchemy.exc import DBAPIError

from crisis.channels.base import Channel
from crisis.models import Account, Delivery, Tally, utcnow
from crisis.runtime import Runtime
from crisis.sending import pulse, sweep
from crisis.sending.desk import Desk
from crisis.sending.drain import Drain
from crisis.settings import AccountSettings, SettingsError
from crisis.states import DeliveryState

log = structlog.get_logger()

LOOK_SECONDS = 0.5
SLICE_SECONDS = 5.0
LAST_WORDS_SECONDS = 15.0  # how long calls in the air may still end by themselves when time is up ...
WRITE_SECONDS = 10.0  # ... and then how long writing it all down may take
OUT = frozenset({DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.SUPPRESSED})

Standing = Mapping[str, tuple[Counter[DeliveryState], str]]  # by account key: counts, and why nothing more comes


def open_channels(parts: Runtime, accounts: Sequence[AccountSettings]) -> tuple[dict[str, Channel], dict[str, str]]:
    """The accounts that can be used from here, and why the others can't. A missing secret silences one account only."""
    opened, closed = {}, {}
    for told in accounts:
        try:
            opened[told.key] = parts.open_channel(told)
        except SettingsError as error:
            closed[told.key] = str(error)
        except Exception as error:  # a defect of one adapter: the others speak
            log.exception("account.defect", account=told.key)
            closed[told.key] = f"it cannot be opened ({type(error).__name__})"
    return opened, closed


class Speaking:
    """One broadcast being sent from here. `run` once; `stop` at any time from the same loop."""

    def __init__(self, parts: Runtime, broadcast_ids: Sequence[uuid.UUID], channels: Mapping[str, Channel]) -> None:
        self._parts, self._broadcast_ids, self._channels = parts, broadcast_ids, channels
        self._desk = Desk(
            parts.database,
            pulse.process_name("terminal"),
            unsubscribe_url=parts.unsubscribe.url,
            luggage=parts.luggage,
            personal=parts.personal,
        )
        self._told = {account.key: account for account in parts.settings.accounts}
        self._drains: dict[str, Drain] = {}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Say no more; finish what is in the air. Returns at once."""
        self._stopping.set()
        for drain in self._drains.values():
            drain.stop(within=LAST_WORDS_SECONDS)

    async def run(self, seconds: float, tell: Callable[[Standing], None]) -> Standing:
        """Send until nothing more will happen by itself or `seconds` are over. `tell` hears of it now and then."""
        deadline = time.monotonic() + seconds
        await asyncio.to_thread(self._sweep)
        tasks = [asyncio.create_task(self._drain_on(key, channel)) for key, channel in self._channels.items()]
        try:
            while not self._stopping.is_set() and time.monotonic() < deadline:
                if await self._settled(tell):
                    break
                await self._rest(LOOK_SECONDS)
        finally:
            self.stop()
            if tasks:
                _, late = await asyncio.wait(tasks, timeout=LAST_WORDS_SECONDS + WRITE_SECONDS)
                for task in late:  # it can't be written down; the leases run out, and it is found out
                    task.cancel()
            for channel in self._channels.values():
                await channel.close()
        return await asyncio.to_thread(self.standing)

    async def _settled(self, tell: Callable[[Standing], None]) -> bool:
        try:
            standing = await asyncio.to_thread(self.standing)
        except DBAPIError as error:  # it went away in the middle: the drains wait for it, and so do we
            log.warning("standing.failed", error=type(error.orig).__name__)
            return False
        tell(standing)
        return all(ended for _, ended in standing.values())

    def standing(self) -> Standing:
        """How far each account is."""
        mine = Delivery.broadcast_id.in_(self._broadcast_ids)
        moving = or_(
            Delivery.state.in_([DeliveryState.QUEUED, DeliveryState.SENDING]),
            and_(Delivery.state == DeliveryState.UNCERTAIN, Delivery.due_at.is_not(None)),
        )
        counts: dict[str, Counter[DeliveryState]] = {}
        with self._parts.database.reading() as session:
            rows = session.execute(
                select(Account.key, Tally.state, Tally.count)
                .join(Account, Account.id == Tally.account_id)
                .where(Tally.broadcast_id.in_(self._broadcast_ids))
                .order_by(Account.key)
            )
            for key, state, count in rows:
                counts.setdefault(key, Counter())[state] += count
            waiting = select(Account.key).join(Delivery, Delivery.account_id == Account.id).where(mine, moving)
            unfinished = set(session.scalars(waiting.distinct()))
            told = session.execute(select(Account.key, Account.paused_reason))
            paused = {key: reason for key, reason in told if reason is not None}
        return {key: (count, self._ended(key, key in unfinished, paused.get(key))) for key, count in counts.items()}

    def _ended(self, key: str, unfinished: bool, paused: str | None) -> str:
        if not unfinished:
            return "done"
        if paused:
            return f"paused: {paused}"
        return "" if key in self._channels else "waits for the senders"

    def _sweep(self) -> None:
        """Whoever sent from here before may have been killed: what they held is found out like anything else."""
        with self._parts.database.writing() as session:
            sweep.lost_claims(session, utcnow())

    async def _drain_on(self, key: str, channel: Channel) -> None:
        told = self._told[key]
        account_id = await asyncio.to_thread(self._account_id, key)
        while not self._stopping.is_set():
            minutes = told.retry_uncertain_minutes
            self._drains[key] = drain = Drain(
                self._desk,
                channel,
                account_id,
                pace=told.pace or channel.facts.pace,
                repeat_after=timedelta(minutes=minutes) if minutes else None,
            )
            calls = 0
            try:
                calls = await drain.run(SLICE_SECONDS)
            except Exception:  # one account's trouble is not the others'
                log.exception("drain.failed", account=key)
            if not calls:
                await self._rest(LOOK_SECONDS)

    def _account_id(self, key: str) -> uuid.UUID:
        with self._parts.database.reading() as session:
            return session.scalars(select(Account.id).where(Account.key == key)).one()

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def all_out(standing: Standing) -> bool:
    """Has everybody got it, as far as anybody can know now?"""
    return bool(standing) and all(count[state] == 0 for count, _ in standing.values() for state in set(count) - OUT)
