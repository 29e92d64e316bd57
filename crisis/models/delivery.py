"""Deliveries, their attempts and receipts, and the counters that the board reads instead of counting rows."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

from crisis.models.base import CARRIED_OVER, Base, new_id, utcnow, words
from crisis.states import DeliveryState, Manner, Mode, Outcome


def _own_account(context: DefaultExecutionContext) -> Any:
    return context.get_current_parameters()["account_id"]  # type: ignore[no-untyped-call]


def _of_filled(column: str, *first: str) -> Index:
    """An index over the rows where `column` says something."""
    filled = text(f"{column} IS NOT NULL")
    return Index(f"ix_delivery_filled_{column}", *first, column, sqlite_where=filled, postgresql_where=filled)


class Delivery(Base):
    """One broadcast to one destination. Its id and attempt number are our reference everywhere.

    `account_id` is whose it is, for ever; `through_id` is the account it leaves through: the same one, or that one's
    fallback. The composite keys make a drill delivery on or through a live account impossible to store.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        ForeignKeyConstraint(["broadcast_id", "mode"], ["broadcast.id", "broadcast.mode"]),
        ForeignKeyConstraint(["account_id", "mode"], ["account.id", "account.mode"]),
        ForeignKeyConstraint(["through_id", "mode"], ["account.id", "account.mode"]),
        UniqueConstraint("broadcast_id", "account_id", "address", "language", "round"),
        # What a drainer claims, in the order it claims it.
        Index(
            "ix_delivery_queue",
            "through_id",
            "priority",
            "due_at",
            "id",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        # What the sweep looks at.
        Index(
            "ix_delivery_unfinished",
            "state",
            "lease_until",
            sqlite_where=text("state IN ('sending', 'uncertain')"),
            postgresql_where=text("state IN ('sending', 'uncertain')"),
        ),
        # What the board shows by name; without it every look would walk through all 20,000.
        Index(
            "ix_delivery_trouble",
            "broadcast_id",
            "account_id",
            "id",
            sqlite_where=text("state IN ('failed', 'uncertain')"),
            postgresql_where=text("state IN ('failed', 'uncertain')"),
        ),
        # Each of the four changes of a row writes new entries on PostgreSQL: those of empty columns are not kept.
        _of_filled("provider_id", "through_id"),
        _of_filled("follows_id"),
        _of_filled("ask_id"),
        Index("ix_delivery_address", "through_id", "address"),  # which message does this reply answer?
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    broadcast_id: Mapped[uuid.UUID]
    mode: Mapped[Mode] = mapped_column(words(Mode))
    account_id: Mapped[uuid.UUID]
    through_id: Mapped[uuid.UUID] = mapped_column(default=_own_account, info={CARRIED_OVER: "account_id"})
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    address: Mapped[str] = mapped_column(String(254))  # "wall" for a wall
    language: Mapped[str] = mapped_column(String(2))
    text_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("broadcast_text.id"))
    follows_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("delivery.id"))
    manner: Mapped[Manner] = mapped_column(words(Manner), default=Manner.UNDER, info={CARRIED_OVER: "'under'"})
    # The same words to the same phone again, on purpose: a call that nobody took is rung once more.
    round: Mapped[int] = mapped_column(default=0)
    ask_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("ask.id", ondelete="SET NULL"))

    state: Mapped[DeliveryState] = mapped_column(words(DeliveryState), default=DeliveryState.QUEUED)
    priority: Mapped[int] = mapped_column(default=5)
    # Not before; for an uncertain one, when to look next; None: nobody looks by itself, a person decides.
    due_at: Mapped[datetime | None] = mapped_column(default=utcnow)
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    looks: Mapped[int] = mapped_column(default=0)  # how often we looked whether the last attempt got through
    first_attempt_at: Mapped[datetime | None]
    provider_id: Mapped[str | None] = mapped_column(String(200))
    url: Mapped[str | None] = mapped_column(String(500))
    code: Mapped[str] = mapped_column(String(60), default="")
    say: Mapped[str] = mapped_column(String(500), default="")  # the provider's words, or ours about it
    changed_at: Mapped[datetime] = mapped_column(default=utcnow)


class Attempt(Base):
    """One call to a provider for a delivery; written once, when it ended, and never changed.

    That it began stands in the delivery (state sending, attempt number, lease) before the call: if the process dies,
    the sweep writes the row.
    """

    __tablename__ = "attempt"
    __table_args__ = (UniqueConstraint("delivery_id", "number", "kind"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    delivery_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delivery.id"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10), default="send")  # send | look1, look2 ...: is it there? | delete
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime] = mapped_column(default=utcnow)
    outcome: Mapped[Outcome] = mapped_column(words(Outcome))
    provider_id: Mapped[str | None] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(60), default="")
    say: Mapped[str] = mapped_column(String(500), default="")


class ReceiptRow(Base):
    """What a provider said later, kept as it came. A repeated one is the same row; an unknown one is kept too."""

    __tablename__ = "receipt"
    __table_args__ = (UniqueConstraint("account_id", "provider_id", "word"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    delivery_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("delivery.id"), index=True)
    provider_id: Mapped[str] = mapped_column(String(200))
    word: Mapped[str] = mapped_column(String(40))
    means: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(60), default="")
    say: Mapped[str] = mapped_column(String(500), default="")
    at: Mapped[datetime] = mapped_column(default=utcnow)


class Tally(Base):
    """How many deliveries of a broadcast stand in a state on an account; moved in the transaction that moves them."""

    __tablename__ = "tally"
    broadcast_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("broadcast.id"), primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    state: Mapped[DeliveryState] = mapped_column(words(DeliveryState), primary_key=True)
    count: Mapped[int] = mapped_column(Integer, default=0)
