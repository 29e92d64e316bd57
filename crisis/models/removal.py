"""Posts that are taken down again: one row for each, worked off by the sender of the account they stand on."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from crisis.models.base import Base, new_id, utcnow, words
from crisis.states import Mode, RemovalState


class Removal(Base):
    """One post that is to come down. Its attempts stand beside those of its delivery, under kind "delete".

    `after_id` is the delivery whose words must stand first; without it the reason was given in place of words.
    """

    __tablename__ = "removal"
    __table_args__ = (
        ForeignKeyConstraint(["through_id", "mode"], ["account.id", "account.mode"]),
        # What a sender claims and the sweep looks at.
        Index(
            "ix_removal_queue",
            "through_id",
            "due_at",
            sqlite_where=text("state IN ('queued', 'deleting', 'uncertain')"),
            postgresql_where=text("state IN ('queued', 'deleting', 'uncertain')"),
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    delivery_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delivery.id"), unique=True)
    after_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("delivery.id"), index=True)
    mode: Mapped[Mode] = mapped_column(words(Mode))
    through_id: Mapped[uuid.UUID]  # the account the post stands on

    state: Mapped[RemovalState] = mapped_column(words(RemovalState), default=RemovalState.QUEUED)
    due_at: Mapped[datetime] = mapped_column(default=utcnow)
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(String(500))
    asked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    asked_at: Mapped[datetime] = mapped_column(default=utcnow)
    code: Mapped[str] = mapped_column(String(60), default="")
    say: Mapped[str] = mapped_column(String(500), default="")
    changed_at: Mapped[datetime] = mapped_column(default=utcnow)
