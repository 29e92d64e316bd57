"""A unit's pictures and films, which of them a broadcast carries, and what was frozen of them for each text.

The files stand in data_dir/media under the SHA-256 of their content, never in the database; a row is written only when
its file is safe on disk.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crisis.models.base import Base, new_id, utcnow
from crisis.models.incident import Broadcast, BroadcastText


class MediaItem(Base):
    """A picture or film in a unit's library. Its file never changes; words, rights and consent may be mended."""

    __tablename__ = "media_item"
    __table_args__ = (
        UniqueConstraint("unit_id", "key"),
        UniqueConstraint("unit_id", "sha256"),
        CheckConstraint("kind IN ('picture', 'film')", name="kind_known"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    key: Mapped[str] = mapped_column(String(40))  # what playbooks call it; never given to another file
    title: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(10))  # picture | film
    content_type: Mapped[str] = mapped_column(String(40))  # found by reading the file
    sha256: Mapped[str] = mapped_column(String(64))  # of the file as kept: stripped and made anew
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    width: Mapped[int]
    height: Mapped[int]
    seconds: Mapped[float] = mapped_column(Float, default=0.0)
    alt: Mapped[dict[str, Any]] = mapped_column(default=dict)  # {"nb": "..."}: what somebody who can't see it is told

    owner: Mapped[str] = mapped_column(String(200), default="")  # whose it is
    source: Mapped[str] = mapped_column(String(300), default="")  # where we have it from
    licence: Mapped[str] = mapped_column(String(200), default="")  # by what right we publish it
    rights_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    rights_at: Mapped[datetime | None]
    consent: Mapped[str] = mapped_column(String(10), default="")  # yes | nobody | no; empty: not recorded
    consent_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    consent_at: Mapped[datetime | None]

    added_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    added_at: Mapped[datetime] = mapped_column(default=utcnow)
    changed_at: Mapped[datetime] = mapped_column(default=utcnow)  # a sign-off from before does not cover it
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str] = mapped_column(String(500), default="")


class BroadcastMedia(Base):
    """A broadcast carries this item, at this place."""

    __tablename__ = "broadcast_media"
    broadcast_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("broadcast.id", ondelete="CASCADE"), primary_key=True)
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("media_item.id"), primary_key=True)
    position: Mapped[int]
    item: Mapped[MediaItem] = relationship()
    broadcast: Mapped[Broadcast] = relationship(back_populates="media")


class FrozenMedia(Base):
    """One file that leaves with one frozen text, fitted to its channel. `item_id` is empty for a card we drew."""

    __tablename__ = "frozen_media"
    __table_args__ = (UniqueConstraint("text_id", "position"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    text_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("broadcast_text.id", ondelete="CASCADE"))
    position: Mapped[int]
    item_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("media_item.id"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    content_type: Mapped[str] = mapped_column(String(40))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int]
    height: Mapped[int]
    seconds: Mapped[float] = mapped_column(Float, default=0.0)
    alt: Mapped[str] = mapped_column(Text)
    token: Mapped[str] = mapped_column(String(43), unique=True)  # its public address can't be guessed
    text: Mapped[BroadcastText] = relationship(back_populates="media")
