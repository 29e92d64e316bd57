"""What somebody asked to be done about abuse, what became of it, and the evidence of what was said."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from crisis.models.base import Base, utcnow

_DUE = text("state = 'asked'")


class _Evidence:
    """One act asked for, worked off by the listener, and what was said as it stood at the moment of asking.

    The evidence is a copy, so that it outlives what the author or the network takes away.
    """

    __tablename__: str
    inbound_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("inbound.id"), primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    provider_id: Mapped[str] = mapped_column(String(200))
    author: Mapped[str] = mapped_column(String(254))
    text: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))  # of the text as it stood
    url: Mapped[str | None] = mapped_column(String(500))
    said_at: Mapped[datetime]

    say: Mapped[str] = mapped_column(String(500), default="")  # the network's words
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(default=utcnow)
    asked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    asked_at: Mapped[datetime] = mapped_column(default=utcnow)
    done_at: Mapped[datetime | None]

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Index, ...]:
        return (Index(f"ix_{cls.__tablename__}_due", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),)


class Hiding(_Evidence, Base):
    """Somebody's words under a post of ours that are to be hidden from the public."""

    __tablename__ = "hiding"
    state: Mapped[str] = mapped_column(String(10), default="asked")  # asked | hidden | failed


class AbuseReport(_Evidence, Base):
    """Somebody's words that are to be reported to those who moderate the network."""

    __tablename__ = "abuse_report"
    kind: Mapped[str] = mapped_column(String(20))  # `AbuseKind` of crisis/channels/base
    state: Mapped[str] = mapped_column(String(10), default="asked")  # asked | reported | failed
