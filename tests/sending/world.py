"""A small world for the sending tests: a unit with accounts, a released broadcast, and a channel that tells a story."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crisis.broadcasts.reach import Receiver
from crisis.broadcasts.release import queue
from crisis.channels.base import Accepted, Facts, Outgoing, SendError, Size
from crisis.db import Database
from crisis.models import Account, Broadcast, BroadcastText, Delivery, Incident, Tally, Unit
from crisis.sending.drain import Desk, Drain
from crisis.states import BroadcastState, DeliveryState, Mode, Purpose

NOW = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)

PRIVATE = Facts(
    name="sms",
    label="SMS",
    form="short",
    medium="phone",
    public=False,
    repeat_safe=False,
    threads=False,
    receipts=True,
    pace=1000.0,
    concurrency=10,
    measure=lambda text: Size(len(text), 160, "characters"),
)
PUBLIC = replace(PRIVATE, name="x", label="X", medium="wall", public=True, threads=True, receipts=False)

Answer = Accepted | SendError | BaseException


@dataclass
class Provider:
    """A channel whose answers are told beforehand, per address in turn; afterwards it accepts."""

    facts: Facts = PRIVATE
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    said: list[Outgoing] = field(default_factory=list)
    during: Callable[[Outgoing], None] | None = None
    takes: float = 0.0

    async def send(self, out: Outgoing) -> Accepted:
        self.said.append(out)
        if self.during is not None:
            self.during(out)
        if self.takes:
            await asyncio.sleep(self.takes)
        told = self.answers.get(out.address, self.answers.get("*", []))
        answer = told.pop(0) if told else Accepted(f"id-{out.reference}", f"https://provider.example/{out.delivery_id}")
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def close(self) -> None:
        pass

    def heard(self) -> Counter[str]:
        return Counter(out.address for out in self.said)


@dataclass
class Finder(Provider):
    """One that can also be asked whether something is there."""

    found: list[Accepted | SendError | None] = field(default_factory=list)
    looked: int = 0

    async def find(self, out: Outgoing) -> Accepted | None:
        self.looked += 1
        answer = self.found.pop(0) if self.found else None
        if isinstance(answer, SendError):
            raise answer
        return answer


@dataclass
class Clock:
    """A clock that only we move."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class World:
    database: Database
    unit_id: uuid.UUID
    account_id: uuid.UUID
    incident_id: uuid.UUID
    clock: Clock

    def release(
        self,
        addresses: Sequence[str],
        *,
        follows: uuid.UUID | None = None,
        expires: timedelta | None = timedelta(hours=3),
        priority: int = 5,
        delay: timedelta = timedelta(0),
    ) -> uuid.UUID:
        """A released broadcast to these addresses. Returns its id."""
        with self.database.writing() as session:
            broadcast = Broadcast(
                incident_id=self.incident_id,
                unit_id=self.unit_id,
                mode=Mode.DRILL,
                purpose=Purpose.STATEMENT,
                state=BroadcastState.RELEASED,
                playbook="p",
                message="initial",
                phase="initial",
                authority="single",
                digest="d",
                follows_id=follows,
                expires_at=self.clock() + expires if expires else None,
                priority=priority,
                released_at=self.clock(),
                leaves_at=self.clock() + delay,
            )
            broadcast.texts = [BroadcastText(channel="sms", language="nb", title="Tittel", text="ØVELSE hei ØVELSE")]
            session.add(broadcast)
            session.flush()
            earlier = {}
            if follows is not None:
                earlier = {
                    row.address: row.id
                    for row in session.scalars(select(Delivery).where(Delivery.broadcast_id == follows))
                }
            queue(
                session,
                broadcast,
                [Receiver(self.account_id, "sms", one, "nb", follows_id=earlier.get(one)) for one in addresses],
            )
            return broadcast.id

    def drain(self, provider: Provider, *, owner: str = "me", seconds: float = 5.0, pace: float = 1000.0) -> int:
        """One slice of a sender's work. Returns how many calls it made."""
        drain = Drain(
            Desk(self.database, owner, now=self.clock),
            provider,
            self.account_id,
            pace=pace,
            repeat_after=timedelta(minutes=10),
        )
        return asyncio.run(drain.run(seconds))

    def states(self, broadcast_id: uuid.UUID | None = None) -> Counter[DeliveryState]:
        with self.database.reading() as session:
            asked = select(Delivery.state, func.count()).group_by(Delivery.state)
            if broadcast_id is not None:
                asked = asked.where(Delivery.broadcast_id == broadcast_id)
            return Counter(dict(session.execute(asked).all()))

    def counted(self, broadcast_id: uuid.UUID | None = None) -> Counter[DeliveryState]:
        """What the counters say; must always be what the rows say."""
        with self.database.reading() as session:
            asked = select(Tally.state, func.sum(Tally.count)).group_by(Tally.state)
            if broadcast_id is not None:
                asked = asked.where(Tally.broadcast_id == broadcast_id)
            return Counter({state: int(count) for state, count in session.execute(asked) if count})

    def account(self) -> Account:
        with self.database.reading() as session:
            return session.get_one(Account, self.account_id)

    def deliveries(self) -> list[Delivery]:
        with self.database.reading() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))

    def write(self, change: Callable[[Session], object]) -> object:
        with self.database.writing() as session:
            return change(session)


def world(database: Database, *, mode: Mode = Mode.DRILL) -> World:
    """A unit with one drill SMS account and one open drill."""
    with database.writing() as session:
        unit = Unit(key="ous", name="Oslo universitetssykehus")
        session.add(unit)
        session.flush()
        account = Account(key="sms-drill", unit_id=unit.id, channel="sms", mode=mode, languages=["nb"])
        incident = Incident(unit_id=unit.id, mode=Mode.DRILL, title="Øvelse Oslo S", playbook="p")
        session.add_all([account, incident])
        session.flush()
        return World(database, unit.id, account.id, incident.id, Clock())
