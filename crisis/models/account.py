"""Accounts: the state of each configured use of a channel. How it is configured stands in crisis.toml."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crisis.models.base import Base, new_id, utcnow, words
from crisis.models.unit import Unit
from crisis.states import Mode


class Account(Base):
    """One account. `lease_*` is who drains it now; `free_at` is when its pace or a provider's limit lets it speak."""

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("id", "mode"),  # mode is part of the key deliveries point at
        ForeignKeyConstraint(["fallback_id", "mode"], ["account.id", "account.mode"]),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    channel: Mapped[str] = mapped_column(String(20))
    mode: Mapped[Mode] = mapped_column(words(Mode))
    languages: Mapped[list[str]] = mapped_column(default=list)
    active: Mapped[bool] = mapped_column(default=True)  # False: gone from crisis.toml; history keeps the row

    paused_reason: Mapped[str | None] = mapped_column(String(500))  # set: nothing leaves until a person resumes
    paused_at: Mapped[datetime | None]
    pause_told_at: Mapped[datetime | None]  # administrators know of this pause
    free_at: Mapped[datetime | None]
    busy_streak: Mapped[int] = mapped_column(default=0)  # Busy answers in a row; the pause grows with it
    # Another account whose turn it is when this one cannot speak. See crisis/sending/fallback.py.
    fallback_id: Mapped[uuid.UUID | None]
    troubled_at: Mapped[datetime | None]  # since when its calls have come to nothing
    well_at: Mapped[datetime | None]  # since when it could be used again, while the fallback speaks for it
    over_at: Mapped[datetime | None]  # when the fallback last took over ...
    back_at: Mapped[datetime | None]  # ... and until when; None: it still speaks
    over_reason: Mapped[str] = mapped_column(String(500), default="")
    over_by: Mapped[str] = mapped_column(String(80), default="")  # a person's name; empty: by itself
    lease_owner: Mapped[str | None] = mapped_column(String(80))
    lease_until: Mapped[datetime | None]

    cursor: Mapped[str | None] = mapped_column(Text)  # how far the listener has read
    polled_at: Mapped[datetime | None]

    looked_at: Mapped[datetime | None]  # at what it shows the public
    look_asked_at: Mapped[datetime | None]  # somebody wants it looked at now
    look_say: Mapped[str] = mapped_column(String(500), default="")  # why the last look came to nothing

    checked_at: Mapped[datetime | None]
    healthy: Mapped[bool | None]
    health: Mapped[str] = mapped_column(String(500), default="")
    expires_at: Mapped[datetime | None]  # when its credentials run out, where the provider tells
    expiry_told: Mapped[datetime | None]  # administrators know of this end
    budget_used: Mapped[int | None]
    budget_limit: Mapped[int | None]
    budget_what: Mapped[str] = mapped_column(String(40), default="")
    budget_until: Mapped[datetime | None]

    unit: Mapped[Unit] = relationship()
    fallback: Mapped[Account | None] = relationship(
        primaryjoin="foreign(Account.fallback_id) == remote(Account.id)", viewonly=True
    )


class ShardRow(Base):
    """A part of an account that is too fast for one process: who works for it now, and when its pace lets it speak."""

    __tablename__ = "shard"
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    lease_owner: Mapped[str | None] = mapped_column(String(80))
    lease_until: Mapped[datetime | None]
    free_at: Mapped[datetime | None]


class AccountNote(Base):
    """What an account's adapter must remember: refreshed tokens, the steps of a publication under way. Sealed."""

    __tablename__ = "account_note"
    account: Mapped[str] = mapped_column(ForeignKey("account.key"), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime | None] = mapped_column(index=True)
    written_at: Mapped[datetime] = mapped_column(default=utcnow)
