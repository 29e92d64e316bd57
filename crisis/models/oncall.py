"""Who is on call, who is tried next, and who was asked to come and what they said."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crisis.models.base import Base, new_id, utcnow, words
from crisis.models.people import Person
from crisis.states import AlertState, AskState, CallOutState, EscalationPurpose, Mode


class Absence(Base):
    """A time when a person is not to be asked."""

    __tablename__ = "absence"
    __table_args__ = (Index("ix_absence_person", "person_id", "ends"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    starts: Mapped[datetime]
    ends: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(120), default="")


class Rota(Base):
    """Who is on call in turn. The turn passes on at `handover` local time every `length` days or weeks from `begins`."""

    __tablename__ = "rota"
    __table_args__ = (
        UniqueConstraint("unit_id", "key"),
        CheckConstraint("every IN ('day', 'week')", name="every"),
        CheckConstraint("length > 0", name="length"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    key: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80))
    zone: Mapped[str] = mapped_column(String(40))  # IANA: handover is by the clock on the wall
    every: Mapped[str] = mapped_column(String(4))
    length: Mapped[int] = mapped_column(default=1)
    handover: Mapped[str] = mapped_column(String(5))  # "08:00"
    begins: Mapped[date]
    country: Mapped[str] = mapped_column(String(2), default="NO")  # whose public holidays; empty: none
    feed_token: Mapped[str | None] = mapped_column(String(64))  # SHA-256 of what the calendar address holds
    turns: Mapped[list[RotaTurn]] = relationship(
        back_populates="rota", cascade="all, delete-orphan", order_by="RotaTurn.position"
    )
    changes: Mapped[list[RotaChange]] = relationship(
        back_populates="rota", cascade="all, delete-orphan", order_by="RotaChange.made_at"
    )


class RotaTurn(Base):
    """One place in the rotation; the same person may hold several."""

    __tablename__ = "rota_turn"
    __table_args__ = (UniqueConstraint("rota_id", "holiday", "position"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    rota_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("rota.id", ondelete="CASCADE"))
    holiday: Mapped[bool] = mapped_column(default=False)  # takes public holidays, in a rotation of their own
    position: Mapped[int]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    rota: Mapped[Rota] = relationship(back_populates="turns")
    person: Mapped[Person] = relationship()


class RotaChange(Base):
    """A time when somebody else stands in; the latest made wins. No person: knowingly nobody."""

    __tablename__ = "rota_change"
    __table_args__ = (Index("ix_rota_change", "rota_id", "ends"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    rota_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("rota.id", ondelete="CASCADE"))
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    starts: Mapped[datetime]
    ends: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(10), default="override")  # override | swap | import
    reference: Mapped[str] = mapped_column(String(200), default="")  # the calendar's UID, for import again
    reason: Mapped[str] = mapped_column(String(200), default="")
    made_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    made_at: Mapped[datetime] = mapped_column(default=utcnow)
    rota: Mapped[Rota] = relationship(back_populates="changes")
    person: Mapped[Person | None] = relationship()


class RotaSwap(Base):
    """One person offers a time of theirs to another, with or without a time in return; it counts when the other accepts."""

    __tablename__ = "rota_swap"
    __table_args__ = (
        Index("ix_rota_swap", "rota_id", "state"),
        CheckConstraint("state IN ('offered', 'accepted', 'declined', 'withdrawn')", name="state"),
        CheckConstraint("(back_starts IS NULL) = (back_ends IS NULL)", name="back"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    rota_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("rota.id", ondelete="CASCADE"))
    giver_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    taker_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    starts: Mapped[datetime]
    ends: Mapped[datetime]
    back_starts: Mapped[datetime | None]  # a time of the taker's that the giver has in return
    back_ends: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(String(200), default="")
    state: Mapped[str] = mapped_column(String(10), default="offered")
    offered_at: Mapped[datetime] = mapped_column(default=utcnow)
    settled_at: Mapped[datetime | None]
    rota: Mapped[Rota] = relationship()
    giver: Mapped[Person] = relationship(foreign_keys=[giver_id])
    taker: Mapped[Person] = relationship(foreign_keys=[taker_id])


class RotaWarning(Base):
    """Somebody was told about trouble ahead in a rota; each once when it is far and once when it is near."""

    __tablename__ = "rota_warning"
    __table_args__ = (UniqueConstraint("rota_id", "kind", "starts", "near"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    rota_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("rota.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))  # hole | absent | unreachable
    starts: Mapped[datetime]
    near: Mapped[bool]  # within a day; else within fourteen
    told_at: Mapped[datetime] = mapped_column(default=utcnow)


class Escalation(Base):
    """Who is tried, in which order, for a purpose; after the last step it begins again `repeats` times."""

    __tablename__ = "escalation"
    __table_args__ = (UniqueConstraint("unit_id", "key"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    key: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80))
    purpose: Mapped[EscalationPurpose] = mapped_column(words(EscalationPurpose))
    repeats: Mapped[int] = mapped_column(default=2)
    override_quiet: Mapped[bool] = mapped_column(default=True)  # people are asked in their quiet hours, too
    steps: Mapped[list[EscalationStep]] = relationship(
        back_populates="escalation", cascade="all, delete-orphan", order_by="EscalationStep.position"
    )


class EscalationStep(Base):
    """Exactly one of person, rota and group; the next step comes `wait_seconds` later unless somebody took it."""

    __tablename__ = "escalation_step"
    __table_args__ = (
        UniqueConstraint("escalation_id", "position"),
        CheckConstraint(
            "(CASE WHEN person_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN rota_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN group_id IS NULL THEN 0 ELSE 1 END) = 1",
            name="one_target",
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    escalation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("escalation.id", ondelete="CASCADE"))
    position: Mapped[int]
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    rota_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("rota.id", ondelete="CASCADE"))
    group_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("group.id", ondelete="CASCADE"))
    ways: Mapped[list[str]] = mapped_column(default=list)  # channel names in order; empty: all the person has
    wait_seconds: Mapped[int] = mapped_column(default=300)
    escalation: Mapped[Escalation] = relationship(back_populates="steps")


class Alert(Base):
    """Something that somebody must take. Of the same key only one is open; a second opening is counted on it."""

    __tablename__ = "alert"
    __table_args__ = (
        UniqueConstraint("id", "mode"),
        ForeignKeyConstraint(["incident_id", "mode"], ["incident.id", "incident.mode"]),
        Index("ix_alert_unit", "unit_id", "state", "opened_at"),
        Index(
            "ix_alert_broadcast",
            "broadcast_id",
            sqlite_where=text("broadcast_id IS NOT NULL"),
            postgresql_where=text("broadcast_id IS NOT NULL"),
        ),
        Index(
            "uq_alert_open",
            "unit_id",
            "mode",
            "key",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    mode: Mapped[Mode] = mapped_column(words(Mode))
    incident_id: Mapped[uuid.UUID | None]
    broadcast_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("broadcast.id"))  # the approval it asks for
    key: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text, default="")
    source: Mapped[str] = mapped_column(String(60))  # user | api | mail | alertmanager | approval | break-glass | rota
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[AlertState] = mapped_column(words(AlertState), default=AlertState.OPEN)
    opened_at: Mapped[datetime] = mapped_column(default=utcnow)
    opened_again: Mapped[int] = mapped_column(default=0)
    taken_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    taken_name: Mapped[str] = mapped_column(String(80), default="")  # the name then, also of a user without a person
    taken_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str] = mapped_column(String(200), default="")

    # The climb through the escalation: what is due next, and when. None: nothing more comes by itself.
    escalation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("escalation.id", ondelete="SET NULL"))
    step: Mapped[int] = mapped_column(default=0)
    round: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    climbed: Mapped[int] = mapped_column(default=0)  # steps made so far; moved by compare-and-set, so each is made once
    # In a flood one alert speaks for many: nobody is asked about this one alone, but with that one.
    bundled_with: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("alert.id", ondelete="SET NULL"), index=True)
    bundled_at: Mapped[datetime | None]


class SeenCall(Base):
    """A signed call to the alert API that was obeyed: the same one again, within its time, does nothing."""

    __tablename__ = "seen_call"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(default=utcnow, index=True)


class CallOut(Base):
    """Asking staff to come until enough have said yes."""

    __tablename__ = "call_out"
    __table_args__ = (
        UniqueConstraint("id", "mode"),
        ForeignKeyConstraint(["incident_id", "mode"], ["incident.id", "incident.mode"]),
        Index("ix_call_out_incident", "incident_id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    incident_id: Mapped[uuid.UUID]
    mode: Mapped[Mode] = mapped_column(words(Mode))
    broadcast_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("broadcast.id"))  # the frozen words people get
    title: Mapped[str] = mapped_column(String(120))
    site: Mapped[str] = mapped_column(String(80), default="")
    state: Mapped[CallOutState] = mapped_column(words(CallOutState), default=CallOutState.PLANNED)
    ways: Mapped[list[str]] = mapped_column(default=list)  # channel names in order
    tries: Mapped[int] = mapped_column(default=4)  # how often one person is tried, calls and messages together
    again_seconds: Mapped[int] = mapped_column(default=180)  # how long a message may go unanswered, and between rounds
    surplus: Mapped[int] = mapped_column(default=150)  # per cent of what is missing that is asked at first
    widen_seconds: Mapped[int] = mapped_column(default=120)  # then the next wave
    override_quiet: Mapped[bool] = mapped_column(default=True)
    needs_pin: Mapped[bool] = mapped_column(default=False)
    wave: Mapped[int] = mapped_column(default=0)  # how many waves have been asked
    due_at: Mapped[datetime | None] = mapped_column(index=True)  # when the next wave is to be looked at
    opened_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    opened_at: Mapped[datetime] = mapped_column(default=utcnow)
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str] = mapped_column(String(200), default="")
    needs: Mapped[list[Need]] = relationship(
        back_populates="call_out", cascade="all, delete-orphan", order_by="Need.position"
    )


class Need(Base):
    """So many with a skill, by a time. `skill` empty: anybody."""

    __tablename__ = "need"
    __table_args__ = (UniqueConstraint("call_out_id", "position"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    call_out_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("call_out.id", ondelete="CASCADE"))
    position: Mapped[int]
    skill: Mapped[str] = mapped_column(String(60), default="")
    number: Mapped[int]
    by: Mapped[datetime | None]
    call_out: Mapped[CallOut] = relationship(back_populates="needs")


class Ask(Base):
    """One person asked, for one alert or one call-out. What they said last stands here; all of it in `Reply`."""

    __tablename__ = "ask"
    __table_args__ = (
        UniqueConstraint("call_out_id", "person_id"),
        Index("ix_ask_call_out", "call_out_id", "state", "position"),
        Index("ix_ask_alert", "alert_id", "person_id"),
        Index("ix_ask_due", "due_at"),
        Index("ix_ask_token", "token_hash", unique=True),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    call_out_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("call_out.id", ondelete="CASCADE"))
    alert_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("alert.id", ondelete="CASCADE"))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    need_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("need.id", ondelete="CASCADE"))  # what they fill
    position: Mapped[int] = mapped_column(default=0)  # whose turn comes first
    wave: Mapped[int] = mapped_column(default=0)
    state: Mapped[AskState] = mapped_column(words(AskState), default=AskState.WAITING)
    why: Mapped[str] = mapped_column(String(200), default="")  # not reached: in words
    reserve: Mapped[bool] = mapped_column(default=False)  # said yes when enough had
    unclear: Mapped[bool] = mapped_column(default=False)  # a person must read what they wrote
    arrives_at: Mapped[datetime | None]
    way: Mapped[str] = mapped_column(String(20), default="")  # the channel of the answer
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]  # when they are tried next; None: nothing more comes by itself
    token_hash: Mapped[str | None] = mapped_column(String(64))  # SHA-256 of the personal one-time link
    asked_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]


class Reply(Base):
    """One thing an asked person said, on whichever way; append-only, the latest counts."""

    __tablename__ = "reply"
    __table_args__ = (UniqueConstraint("ask_id", "reference"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    ask_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ask.id", ondelete="CASCADE"))
    way: Mapped[str] = mapped_column(String(20))
    reference: Mapped[str] = mapped_column(String(200))  # the provider's id of what carried it: counted once
    # yes | no | later | unclear | unproven (before the PIN) | wrong_pin | begun (3 on the telephone, and no minutes yet)
    word: Mapped[str] = mapped_column(String(10))
    minutes: Mapped[int | None]
    raw: Mapped[str] = mapped_column(String(500), default="")
    at: Mapped[datetime] = mapped_column(default=utcnow)
