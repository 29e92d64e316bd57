"""A unit that listens: accounts of both modes, people with rights, and what was said to it."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from crisis.actor import Actor
from crisis.channels.base import Inbound
from crisis.db import Database
from crisis.models import Account, InboundRow, Unit, User
from crisis.settings import Settings, UnitSettings
from crisis.states import Lane, Mode, Role
from crisis.triage import inbox
from crisis.triage.reading import Reading

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
CRY = "Hjelp, vi er fanget i kjelleren på Oslo S, tre personer er skadet og det ryker her nede"
THANKS = "Takk for innsatsen alle sammen"


@dataclass
class Hall:
    database: Database
    units: dict[str, uuid.UUID] = field(default_factory=dict)
    users: dict[str, Actor] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    now: datetime = NOW

    def __post_init__(self) -> None:
        with self.database.writing() as session:
            for key in ("ous", "dep"):
                unit = Unit(key=key, name=key.upper())
                session.add(unit)
                session.flush()
                self.units[key] = unit.id
                for channel in ("x", "sms"):
                    for mode in Mode:
                        session.add(Account(key=f"{channel}-{key}-{mode}", unit_id=unit.id, channel=channel, mode=mode))
            for name, key in (("kari", "ous"), ("ola", "ous"), ("per", "dep")):
                user = User(name=name.title(), login=name, password_hash="-")
                session.add(user)
                session.flush()
                self.users[name] = Actor(user.id, user.name, frozenset({(self.units[key], Role.TRIAGER)}))
        self.reading = Reading(self.database, self.settings)

    @property
    def settings(self) -> Settings:
        units = [UnitSettings(key=key, name=key.upper(), kind="hospital") for key in ("ous", "dep")]
        return Settings(units=tuple(units))

    def said(self, text: str, author: str = "", **more: Any) -> Inbound:
        number = next(self.numbers)
        return Inbound(f"p{number}", author or f"@writer{number}", text, self.now + timedelta(seconds=number), **more)

    def hear(self, *inbounds: Inbound, account: str = "x-ous-live", read: bool = True) -> int:
        with self.database.writing() as session:
            row = session.scalars(select(Account).where(Account.key == account)).one()
            new = inbox.receive(session, row, inbounds, self.now + timedelta(hours=1))
        if read:
            self.read()
        return new

    def read(self) -> None:
        while self.reading.read_some():
            pass

    def rows(self) -> Sequence[InboundRow]:
        """In the order they were said."""
        with self.database.reading() as session:
            return session.scalars(select(InboundRow).order_by(InboundRow.at)).all()

    def row(self, inbound: Inbound) -> InboundRow:
        return next(row for row in self.rows() if row.provider_id == inbound.provider_id)

    def put(self, count: int, lane: Lane = Lane.QUESTION, urgency: int = 50) -> list[uuid.UUID]:
        """Rows as if they had been read, all different; their ids in the order of the queue."""
        told = [self.said(f"Noe helt for seg selv, nummer {next(self.numbers)}") for _ in range(count)]
        self.hear(*told, read=False)
        ids = []
        with self.database.writing() as session:
            for one in told:
                row = session.scalars(select(InboundRow).where(InboundRow.provider_id == one.provider_id)).one()
                row.understood_at, row.lane, row.urgency, row.rank = self.now, lane, urgency, 100 - urgency
                row.language = "nb"
                ids.append(row.id)
        return ids
