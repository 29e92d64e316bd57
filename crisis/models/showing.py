"""What public accounts show, as it was last seen, post by post."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crisis.models.base import Base, new_id, utcnow, words
from crisis.states import Standing


class ShownPost(Base):
    """One post of an account, and how it stands against what was approved; `since` when it has stood so.

    `accepted_by` is who said that it is all right as it stands; another change asks anew.
    """

    __tablename__ = "shown_post"
    __table_args__ = (UniqueConstraint("account_id", "provider_id"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    provider_id: Mapped[str] = mapped_column(String(200))
    delivery_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("delivery.id"))
    word: Mapped[Standing] = mapped_column(words(Standing))
    text: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(String(500))
    at: Mapped[datetime]
    since: Mapped[datetime] = mapped_column(default=utcnow)
    was_shown: Mapped[bool] = mapped_column(default=False)
    accepted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    accepted_at: Mapped[datetime | None]
