"""What is tried in quiet times: whether every way out is alive, and whether staff answer."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crisis.models.account import Account
from crisis.models.base import Base, new_id, utcnow


class LinkTest(Base):
    """One silent test of a unit's ways out, on one day. `planned_for` is that day by the unit's clock."""

    __tablename__ = "link_test"
    __table_args__ = (UniqueConstraint("unit_id", "planned_for", "number"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    planned_for: Mapped[date]
    number: Mapped[int] = mapped_column(default=0)  # 0: the planned one; others were asked for by hand that day
    wished_at: Mapped[datetime] = mapped_column(default=utcnow)
    began_at: Mapped[datetime | None]  # None: no listener has taken it yet
    ended_at: Mapped[datetime | None]  # None: it runs, or the listener that ran it died
    ways: Mapped[list[TestedWay]] = relationship(back_populates="test", cascade="all, delete-orphan")


class TestedWay(Base):
    """What the test found about one account."""

    __tablename__ = "tested_way"
    __table_args__ = (UniqueConstraint("test_id", "account_id"), Index("ix_tested_way", "account_id"))
    __test__ = False  # no test of pytest's, whatever its name says
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    test_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("link_test.id", ondelete="CASCADE"))
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    ok: Mapped[bool | None]  # None: the channel has no way to ask
    say: Mapped[str] = mapped_column(String(500), default="")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)  # balance, number, rights: as the provider says
    at: Mapped[datetime] = mapped_column(default=utcnow)
    test: Mapped[LinkTest] = relationship(back_populates="ways")
    account: Mapped[Account] = relationship()


class PracticePlan(Base):
    """A unit's monthly practice call-out: which words, whom, and when. One a unit."""

    __tablename__ = "practice_plan"
    __table_args__ = (CheckConstraint("day BETWEEN 1 AND 28", name="day"),)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    playbook: Mapped[str] = mapped_column(String(40))
    message: Mapped[str] = mapped_column(String(40))
    groups: Mapped[list[str]] = mapped_column(default=list)  # keys; empty: everybody of the unit
    day: Mapped[int]  # of the month; no later than the 28th, so that every month has it
    at: Mapped[str] = mapped_column(String(5))  # "10:00", the unit's local time
    planned_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id"))  # releases it, with the rights they have then
    planned_at: Mapped[datetime] = mapped_column(default=utcnow)
    paused: Mapped[bool] = mapped_column(default=False)


class Practice(Base):
    """One practice call-out that was due: the call-out it became, or why it did not happen."""

    __tablename__ = "practice"
    __table_args__ = (UniqueConstraint("unit_id", "planned_for"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    planned_for: Mapped[date]
    call_out_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("call_out.id", ondelete="SET NULL"))
    why_not: Mapped[str] = mapped_column(String(300), default="")
    at: Mapped[datetime] = mapped_column(default=utcnow)
    ended_at: Mapped[datetime | None]  # from then on its figures stand still
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)
