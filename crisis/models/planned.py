"""Posts planned for calm times.

A planned post is a wish with a time. What leaves is a broadcast of purpose `planned`, frozen when the post was handed in
for approval; a post that was held back half-way gets another broadcast for the rest.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crisis.models.base import Base, new_id, utcnow, words
from crisis.models.incident import Incident
from crisis.models.unit import Unit, User
from crisis.states import PlannedState


class PlannedPost(Base):
    """One post for calm times. Its words can be changed until it has left; changing them takes an approval away."""

    __tablename__ = "planned_post"
    __table_args__ = (
        CheckConstraint("at IS NOT NULL OR state IN ('draft', 'cancelled')", name="planned_has_time"),
        CheckConstraint("state != 'paused' OR pause_reason != ''", name="paused_has_reason"),
        Index("ix_planned_post_due", "state", "at"),
        Index("ix_planned_post_unit", "unit_id", "at"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    title: Mapped[str] = mapped_column(String(120))
    texts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # {"nb": "..."}: fitted to each channel
    own: Mapped[dict[str, Any]] = mapped_column(default=dict)  # {"x": {"nb": "..."}}: this channel's own words
    link: Mapped[str] = mapped_column(String(500), default="")
    tags: Mapped[list[str]] = mapped_column(default=list)  # the campaign's, without #
    accounts: Mapped[list[str]] = mapped_column(default=list)  # account keys
    media: Mapped[list[str]] = mapped_column(default=list)  # ids of the library's items, in their order
    at: Mapped[datetime | None]
    state: Mapped[PlannedState] = mapped_column(words(PlannedState), default=PlannedState.DRAFT)
    pause_reason: Mapped[str] = mapped_column(String(500), default="")
    paused_at: Mapped[datetime | None]
    paused_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incident.id"))  # None: no incident, its time passed
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    changed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))  # who wrote what it says now
    changed_at: Mapped[datetime] = mapped_column(default=utcnow)

    unit: Mapped[Unit] = relationship()
    author: Mapped[User | None] = relationship(foreign_keys=[changed_by])
    incident: Mapped[Incident | None] = relationship()
