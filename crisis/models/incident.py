"""Incidents and the broadcasts made in them, with the text that was frozen and the yes of a second person.

`mode` stands in every key from incident to delivery, so the database itself refuses a drill that would go live.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crisis.models.base import CARRIED_OVER, Base, new_id, utcnow, words
from crisis.models.unit import Unit, User
from crisis.states import BroadcastState, Mode, Purpose

if TYPE_CHECKING:
    from crisis.models.media import BroadcastMedia, FrozenMedia


class Incident(Base):
    """One event being handled. Its mode never changes: there is no code that could, and the keys below would break."""

    __tablename__ = "incident"
    __table_args__ = (UniqueConstraint("id", "mode"), Index("ix_incident_unit", "unit_id", "closed_at"))
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    mode: Mapped[Mode] = mapped_column(words(Mode))
    title: Mapped[str] = mapped_column(String(120))
    playbook: Mapped[str] = mapped_column(String(60))
    opened_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    opened_at: Mapped[datetime] = mapped_column(default=utcnow)
    closed_at: Mapped[datetime | None]
    unit: Mapped[Unit] = relationship()


class Broadcast(Base):
    """One statement. Before submission it is a draft of choices; after it, `texts` are frozen and only state moves."""

    __tablename__ = "broadcast"
    __table_args__ = (
        UniqueConstraint("id", "mode"),
        ForeignKeyConstraint(["incident_id", "mode"], ["incident.id", "incident.mode"]),
        ForeignKeyConstraint(["rumour_id", "mode"], ["rumour.id", "rumour.mode"]),
        CheckConstraint("released_at IS NULL OR digest IS NOT NULL", name="released_is_frozen"),
        # A statement belongs to an incident; answers, alerts and notices may stand outside one.
        CheckConstraint(
            "incident_id IS NOT NULL OR purpose IN ('notice', 'answer', 'call_out', 'planned')",
            name="statement_has_incident",
        ),
        # What was planned for calm times is no part of any incident, and there are no exercises of it.
        CheckConstraint(
            "(purpose = 'planned') = (planned_post_id IS NOT NULL)"
            " AND (purpose != 'planned' OR (incident_id IS NULL AND mode = 'live'))",
            name="planned_stands_alone",
        ),
        Index("ix_broadcast_incident", "incident_id", "created_at"),
        Index("ix_broadcast_state", "state"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    incident_id: Mapped[uuid.UUID | None]
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    mode: Mapped[Mode] = mapped_column(words(Mode))
    purpose: Mapped[Purpose] = mapped_column(words(Purpose), default=Purpose.STATEMENT)
    state: Mapped[BroadcastState] = mapped_column(words(BroadcastState), default=BroadcastState.DRAFT)

    playbook: Mapped[str] = mapped_column(String(60))
    message: Mapped[str] = mapped_column(String(60))
    phase: Mapped[str] = mapped_column(String(20))
    slots: Mapped[dict[str, Any]] = mapped_column(default=dict)
    audiences: Mapped[list[str]] = mapped_column(default=list)  # group keys
    accounts: Mapped[list[str]] = mapped_column(default=list)  # account keys
    edits: Mapped[dict[str, Any]] = mapped_column(default=dict)  # {"x": {"nb": "..."}}: text changed by hand
    follows_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("broadcast.id"))
    planned_post_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("planned_post.id"), index=True)
    rumour_id: Mapped[uuid.UUID | None] = mapped_column(index=True)  # it says what is true about this rumour
    # {"x-ous": "in_place"}: what becomes of the post it follows, where that is more than standing under it
    manners: Mapped[dict[str, Any]] = mapped_column(default=dict, info={CARRIED_OVER: "'{}'"})

    authority: Mapped[str] = mapped_column(String(10))  # single | dual, as decided when frozen
    authority_reason: Mapped[str] = mapped_column(String(200), default="")
    digest: Mapped[str | None] = mapped_column(String(64))  # of the frozen texts and who gets them
    expires_at: Mapped[datetime | None]  # not sent after this
    next_update_at: Mapped[datetime | None]  # promised in the text
    priority: Mapped[int] = mapped_column(default=5)  # lower leaves first
    break_glass_reason: Mapped[str | None] = mapped_column(String(500))
    return_reason: Mapped[str | None] = mapped_column(String(500))
    stop_reason: Mapped[str | None] = mapped_column(String(500))

    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    submitted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    submitted_at: Mapped[datetime | None]
    released_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    released_at: Mapped[datetime | None]
    leaves_at: Mapped[datetime | None]  # released_at and the countdown: nothing leaves before
    ended_at: Mapped[datetime | None]  # closed or stopped

    incident: Mapped[Incident | None] = relationship()
    unit: Mapped[Unit] = relationship()
    texts: Mapped[list[BroadcastText]] = relationship(back_populates="broadcast", cascade="all, delete-orphan")
    approvals: Mapped[list[Approval]] = relationship(back_populates="broadcast", order_by="Approval.at")
    creator: Mapped[User | None] = relationship(foreign_keys=[created_by])
    media: Mapped[list[BroadcastMedia]] = relationship(
        back_populates="broadcast", cascade="all, delete-orphan", order_by="BroadcastMedia.position"
    )


class BroadcastText(Base):
    """The exact text of a broadcast on one channel in one language, frozen at submission."""

    __tablename__ = "broadcast_text"
    __table_args__ = (UniqueConstraint("broadcast_id", "channel", "language"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    broadcast_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("broadcast.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(20))
    language: Mapped[str] = mapped_column(String(2))
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    broadcast: Mapped[Broadcast] = relationship(back_populates="texts")
    media: Mapped[list[FrozenMedia]] = relationship(
        back_populates="text", cascade="all, delete-orphan", order_by="FrozenMedia.position"
    )


class Approval(Base):
    """What a second person said to one broadcast, and the digest of what they read when they said it."""

    __tablename__ = "approval"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    broadcast_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("broadcast.id"), index=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id"))
    decision: Mapped[str] = mapped_column(String(10))  # yes | returned | rejected
    reason: Mapped[str] = mapped_column(String(500), default="")
    digest: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(default=utcnow)
    broadcast: Mapped[Broadcast] = relationship(back_populates="approvals")
    user: Mapped[User] = relationship()
