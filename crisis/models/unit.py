"""Units, the users who sign in, what they may do, and their sign-ins."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crisis.models.base import Base, new_id, utcnow, words
from crisis.states import Role


class Unit(Base):
    """A part of the organisation. Its settings stand in crisis.toml; this row is what others point at."""

    __tablename__ = "unit"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(40))


class User(Base):
    """Somebody who can sign in. `person_id` ties them to their own phone and mailbox."""

    __tablename__ = "user"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(80))
    login: Mapped[str] = mapped_column(String(120), unique=True)  # lower case
    password_hash: Mapped[str] = mapped_column(String(200))
    password_until: Mapped[datetime | None]  # a one-time password is good until then; None: it is the user's own
    totp_secret: Mapped[str | None] = mapped_column(String(400))  # sealed; see crisis/seal.py
    totp_last_step: Mapped[int | None]  # a code is good once
    language: Mapped[str] = mapped_column(String(2), default="nb")
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    disabled_at: Mapped[datetime | None]
    grants: Mapped[list[Grant]] = relationship(back_populates="user", cascade="all, delete-orphan")


class Grant(Base):
    """A role of a user in a unit."""

    __tablename__ = "grant"
    __table_args__ = (UniqueConstraint("user_id", "unit_id", "role"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    role: Mapped[Role] = mapped_column(words(Role))
    user: Mapped[User] = relationship(back_populates="grants")
    unit: Mapped[Unit] = relationship()


class SignIn(Base):
    """One signed-in browser. The cookie holds a random token; only its SHA-256 is kept, so a copy of the database
    signs nobody in, and deleting the row signs out at once.
    """

    __tablename__ = "sign_in"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    password_at: Mapped[datetime]
    totp_at: Mapped[datetime | None]  # None: the second step is still to come
    seen_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(45))
    user: Mapped[User] = relationship()


class SignInFailure(Base):
    """A failed try, kept to slow down guessing by login and by address."""

    __tablename__ = "sign_in_failure"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(String(160), index=True)  # "login:..." or "address:..."
    at: Mapped[datetime] = mapped_column(default=utcnow)
