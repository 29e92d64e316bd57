"""Persons, the groups they are in, and the destinations where they can be reached."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String, Table, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crisis.models.base import Base, new_id, utcnow

membership = Table(
    "membership",
    Base.metadata,
    Column("group_id", ForeignKey("group.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", ForeignKey("person.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Person(Base):
    """Somebody a unit may reach. `reference` is the organisation's own number for them, used by import."""

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("unit_id", "reference"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    reference: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(80))
    language: Mapped[str] = mapped_column(String(2), default="nb")
    skills: Mapped[list[str]] = mapped_column(default=list)
    sites: Mapped[list[str]] = mapped_column(default=list)
    quiet_from: Mapped[str | None] = mapped_column(String(5))  # "22:00", the unit's local time; may pass midnight
    quiet_to: Mapped[str | None] = mapped_column(String(5))
    pin: Mapped[str | None] = mapped_column(String(200))  # argon2; for answers that need more than a phone in the hand
    pin_by: Mapped[uuid.UUID | None]  # the user who set it; no foreign key, because users point at persons already
    destinations: Mapped[list[Destination]] = relationship(
        back_populates="person", cascade="all, delete-orphan", order_by="Destination.position"
    )
    groups: Mapped[list[Group]] = relationship(secondary=membership, back_populates="persons")


class Group(Base):
    """A named set of persons in a unit; a playbook's audience names one by its key."""

    __tablename__ = "group"
    __table_args__ = (UniqueConstraint("unit_id", "key"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    key: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80))
    persons: Mapped[list[Person]] = relationship(secondary=membership, back_populates="groups")


class Destination(Base):
    """A phone (E.164) or a mailbox of a person, in the order they want to be tried."""

    __tablename__ = "destination"
    __table_args__ = (
        UniqueConstraint("person_id", "medium", "address"),
        CheckConstraint("medium IN ('phone', 'mailbox')", name="medium"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    medium: Mapped[str] = mapped_column(String(10))
    address: Mapped[str] = mapped_column(String(254), index=True)
    position: Mapped[int] = mapped_column(default=0)
    consent: Mapped[bool] = mapped_column(default=True)
    verified_at: Mapped[datetime | None]  # a code sent there came back
    person: Mapped[Person] = relationship(back_populates="destinations")


class AddressCode(Base):
    """A code that was sent to an address, to prove that its owner reads it. The code itself is kept nowhere: it follows
    from the delivery that carries it.
    """

    __tablename__ = "address_code"
    __table_args__ = (Index("ix_address_code", "address", "sent_at"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    destination_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("destination.id", ondelete="CASCADE"), index=True)
    delivery_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delivery.id"))
    address: Mapped[str] = mapped_column(String(254))  # as it was then: the limit counts what it got from anybody here
    sent_at: Mapped[datetime] = mapped_column(default=utcnow)
    tries: Mapped[int] = mapped_column(default=0)  # wrong ones
    ended_at: Mapped[datetime | None]  # used, or replaced by a newer one


class OptOut(Base):
    """An address that has said stop to one account. Kept for ever; START ends it and a later STOP is a new row."""

    __tablename__ = "opt_out"
    # At most one that is in force.
    __table_args__ = (
        Index(
            "uq_opt_out_in_force",
            "account_id",
            "address",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    address: Mapped[str] = mapped_column(String(254))
    source: Mapped[str] = mapped_column(String(40))  # "stop" (their word), "provider" (21610), "link" (e-mail)
    since: Mapped[datetime] = mapped_column(default=utcnow)
    ended_at: Mapped[datetime | None]
