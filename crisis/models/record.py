"""The append-only record of what people did, and the pulse of the processes."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from crisis.models.base import Base, utcnow


class AuditRow(Base):
    """One act of a person. `hash` covers this row and the hash before it; see crisis/audit.py."""

    __tablename__ = "audit"
    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime]
    unit_id: Mapped[uuid.UUID | None]
    user_id: Mapped[uuid.UUID | None]
    who: Mapped[str] = mapped_column(String(120))  # the name then: users may be renamed
    act: Mapped[str] = mapped_column(String(60), index=True)
    subject: Mapped[str] = mapped_column(String(120), index=True)  # "broadcast:<id>"
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The end of the chain: one row, locked while a link is added, so that the chain never forks."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), default=0)
    hash: Mapped[str] = mapped_column(String(64), default="")


class Heartbeat(Base):
    """When a process was last seen alive."""

    __tablename__ = "heartbeat"
    process: Mapped[str] = mapped_column(String(80), primary_key=True)  # "sender-live@host:pid"
    kind: Mapped[str] = mapped_column(String(20))  # sender-live, sender-drill, listener, clock
    at: Mapped[datetime] = mapped_column(default=utcnow)
    note: Mapped[str] = mapped_column(String(200), default="")
