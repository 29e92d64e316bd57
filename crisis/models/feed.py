"""The unit's own news feeds, and what of them is suggested for calm times. Which feeds there are stands in crisis.toml."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crisis.models.base import Base, new_id, utcnow, words
from crisis.models.unit import Unit
from crisis.states import SuggestionState


class Feed(Base):
    """How far one feed has been read. `etag` and `modified` are the site's own marks of what we saw last."""

    __tablename__ = "feed"
    __table_args__ = (UniqueConstraint("unit_id", "url"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    url: Mapped[str] = mapped_column(String(500))
    etag: Mapped[str] = mapped_column(String(200), default="")
    modified: Mapped[str] = mapped_column(String(200), default="")
    asked_at: Mapped[datetime | None]  # when a listener last took it on
    read_at: Mapped[datetime | None]  # when that last came to something
    say: Mapped[str] = mapped_column(String(500), default="")  # why the last reading came to nothing

    unit: Mapped[Unit] = relationship()


class Suggestion(Base):
    """One entry of a feed, once. Text only: nothing of its markup is kept."""

    __tablename__ = "suggestion"
    __table_args__ = (
        UniqueConstraint("feed_id", "entry"),
        CheckConstraint("state != 'used' OR post_id IS NOT NULL", name="used_has_post"),
        Index("ix_suggestion_waiting", "state", "found_at"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    feed_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("feed.id"))
    entry: Mapped[str] = mapped_column(String(64))  # a fingerprint of the name the site gives it
    title: Mapped[str] = mapped_column(String(120))
    text: Mapped[str] = mapped_column(String(600), default="")
    link: Mapped[str] = mapped_column(String(500), default="")
    at: Mapped[datetime | None]  # when the site says it was published
    found_at: Mapped[datetime] = mapped_column(default=utcnow)
    state: Mapped[SuggestionState] = mapped_column(words(SuggestionState), default=SuggestionState.WAITING)
    post_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("planned_post.id"))
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime | None]

    feed: Mapped[Feed] = relationship()
