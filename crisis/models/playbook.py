"""Sign-offs: who approved exactly which content of a playbook message, and until when."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crisis.models.base import Base, new_id, utcnow
from crisis.models.unit import User


class SignOff(Base):
    """One signature. `content` is what was signed, kept so that a later edit can be shown as a difference."""

    __tablename__ = "sign_off"
    __table_args__ = (Index("ix_sign_off_message", "unit_id", "playbook", "message", "signed_at"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    playbook: Mapped[str] = mapped_column(String(60))
    message: Mapped[str] = mapped_column(String(60))
    digest: Mapped[str] = mapped_column(String(64))
    content: Mapped[dict[str, Any]]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id"))
    signed_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    user: Mapped[User] = relationship()
