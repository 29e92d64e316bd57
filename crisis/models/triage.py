"""What people say to us, who is on it, and what became of it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, ForeignKeyConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from crisis.models.base import CARRIED_OVER, Base, new_id, utcnow, words
from crisis.states import InboundState, Lane, Mode

_HERE = text("state IN ('waiting', 'claimed') AND folded_into_id IS NULL")
_ACCOUNTS, _OF_IT = "SELECT account", " FROM account WHERE account.id = inbound.account_id"
_KEPT, _ERASED = text("erased_at IS NULL"), text("erased_at IS NOT NULL")
_OF_INCIDENT, _FOLDED = text("incident_id IS NOT NULL"), text("folded_into_id IS NOT NULL")
_SETTLED = text("settled_at IS NOT NULL")
_RAW = text("understood_at IS NULL")
_CLAIMED = text("state = 'claimed'")
_SNOOZED = text("state = 'snoozed'")
_NOT_ENDED = text("ended_at IS NULL")
_HEARD_UNDER = text("in_reply_to IS NOT NULL")
_LEADS = text("folded_into_id IS NULL AND fold IS NOT NULL")
_OF_RUMOUR = text("rumour_id IS NOT NULL")
_UNLINKED = text("delivery_id IS NULL AND in_reply_to IS NOT NULL")


class InboundRow(Base):
    """Something somebody said to us. Stored first as it came; `understood_at` is set when it has been read by machine.

    One that says the same as an earlier one points at it (`folded_into_id`) and is not in the queue by itself; the
    earlier one counts them in `folded`.
    """

    __tablename__ = "inbound"
    __table_args__ = (
        UniqueConstraint("account_id", "provider_id"),
        ForeignKeyConstraint(["account_id", "mode"], ["account.id", "account.mode"]),
        Index("ix_inbound_at", "unit_id", "mode", "at"),
        # The queue, in the order it is worked off: worst first, then longest waiting; whole, and lane by lane.
        Index("ix_inbound_queue", "unit_id", "mode", "rank", "at", "id", sqlite_where=_HERE, postgresql_where=_HERE),
        Index(
            "ix_inbound_lane",
            "unit_id",
            "mode",
            "lane",
            "rank",
            "at",
            "id",
            sqlite_where=_HERE,
            postgresql_where=_HERE,
        ),
        # The waiting clock of each lane.
        Index("ix_inbound_clock", "unit_id", "mode", "lane", "at", sqlite_where=_HERE, postgresql_where=_HERE),
        Index("ix_inbound_raw", "received_at", "id", sqlite_where=_RAW, postgresql_where=_RAW),
        Index(
            "ix_inbound_snoozed", "unit_id", "mode", "snoozed_until", sqlite_where=_SNOOZED, postgresql_where=_SNOOZED
        ),
        Index("ix_inbound_claimed", "claimed_by", sqlite_where=_CLAIMED, postgresql_where=_CLAIMED),
        Index("ix_inbound_unlinked", "received_at", sqlite_where=_UNLINKED, postgresql_where=_UNLINKED),
        Index("ix_inbound_fold", "unit_id", "mode", "fold", sqlite_where=_LEADS, postgresql_where=_LEADS),
        Index("ix_inbound_author", "account_id", "author"),
        Index(
            "ix_inbound_thread",
            "account_id",
            "in_reply_to",
            sqlite_where=_HEARD_UNDER,
            postgresql_where=_HEARD_UNDER,
        ),
        # Of what has them: in most rows they are empty, and SQLite takes "is empty" for rare.
        Index("ix_inbound_of_incident", "incident_id", "at", sqlite_where=_OF_INCIDENT, postgresql_where=_OF_INCIDENT),
        Index("ix_inbound_repeats", "folded_into_id", sqlite_where=_FOLDED, postgresql_where=_FOLDED),
        # For erasing, and for counting what is kept and what was erased without touching a row.
        Index("ix_inbound_kept", "unit_id", "lane", "at", sqlite_where=_KEPT, postgresql_where=_KEPT),
        Index("ix_inbound_erased", "unit_id", "lane", "erased_at", sqlite_where=_ERASED, postgresql_where=_ERASED),
        Index("ix_inbound_rumour", "rumour_id", sqlite_where=_OF_RUMOUR, postgresql_where=_OF_RUMOUR),
        Index(
            "ix_inbound_done",
            "unit_id",
            "mode",
            "state",
            "settled_at",
            sqlite_where=_SETTLED,
            postgresql_where=_SETTLED,
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    unit_id: Mapped[uuid.UUID] = mapped_column(  # whose queue; another unit's after a hand-over
        ForeignKey("unit.id"), info={CARRIED_OVER: f"{_ACCOUNTS}.unit_id{_OF_IT}"}
    )
    mode: Mapped[Mode] = mapped_column(words(Mode), info={CARRIED_OVER: f"{_ACCOUNTS}.mode{_OF_IT}"})
    channel: Mapped[str] = mapped_column(String(20), info={CARRIED_OVER: f"{_ACCOUNTS}.channel{_OF_IT}"})

    # As it came.
    provider_id: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(10), default="mention")  # reply, comment, mention, hashtag, message, mail
    author: Mapped[str] = mapped_column(String(254))
    author_name: Mapped[str] = mapped_column(String(120), default="")
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(default=utcnow)
    url: Mapped[str | None] = mapped_column(String(500))
    in_reply_to: Mapped[str | None] = mapped_column(String(200))
    root: Mapped[str | None] = mapped_column(String(200))
    private: Mapped[bool] = mapped_column(default=False)
    repost: Mapped[bool] = mapped_column(default=False)
    consent: Mapped[str | None] = mapped_column(String(10))
    earlier_texts: Mapped[list[str]] = mapped_column(default=list)  # before its author changed it, oldest first
    deleted_at: Mapped[datetime | None]  # taken away by its author or the network
    hidden_at: Mapped[datetime | None]  # by us
    erased_at: Mapped[datetime | None]  # author and text removed by the unit's rule; numbers stay
    raw: Mapped[dict[str, Any]] = mapped_column(default=dict)

    # What it belongs to.
    delivery_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("delivery.id"))  # what it answers
    broadcast_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("broadcast.id"))
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incident.id"))
    rumour_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("rumour.id"))

    # What a machine made of it.
    understood_at: Mapped[datetime | None]
    language: Mapped[str] = mapped_column(String(8), default="")
    lane: Mapped[Lane] = mapped_column(words(Lane), default=Lane.QUESTION)
    urgency: Mapped[int] = mapped_column(default=50)  # 0-100
    rank: Mapped[int] = mapped_column(default=50)  # 100 - urgency: an index sorts only one way, and age the other
    # `Reason.kept()` of crisis/triage/urgency.py, what weighed most first.
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    fold: Mapped[int | None] = mapped_column(BigInteger)  # equal in texts that say the same words
    folded_into_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("inbound.id"))
    folded: Mapped[int] = mapped_column(default=0)

    # Who is on it, and what became of it.
    state: Mapped[InboundState] = mapped_column(words(InboundState), default=InboundState.WAITING)
    claimed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    claimed_until: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    settled_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    settled_at: Mapped[datetime | None]
    settled_why: Mapped[str] = mapped_column(String(200), default="")


class InboundBand(Base):
    """A number that near-duplicates are likely to share; of rows that stand in the queue by themselves.

    Unit and mode are mixed into it (crisis/triage/folding.py), so a drill and a live queue share no number.
    """

    __tablename__ = "inbound_band"
    band: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    inbound_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("inbound.id"), primary_key=True, index=True)


class Answer(Base):
    """A broadcast that goes back to one inbound, from when it is written. `ended_at`: nothing more will become of it."""

    __tablename__ = "inbound_answer"
    __table_args__ = (
        Index("ix_inbound_answer_open", "broadcast_id", sqlite_where=_NOT_ENDED, postgresql_where=_NOT_ENDED),
    )
    broadcast_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("broadcast.id"), primary_key=True)
    inbound_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("inbound.id"), index=True)
    key: Mapped[str] = mapped_column(String(60), default="")  # of the ready answer; "" when it was written by hand
    ended_at: Mapped[datetime | None]
    came_back: Mapped[bool] = mapped_column(default=False)  # it never arrived, and its inbound waits again


class HandOver(Base):
    """Somebody outside the queue got an inbound from us: an emergency number or another unit. Append-only."""

    __tablename__ = "hand_over"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    inbound_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("inbound.id"), index=True)
    to: Mapped[str] = mapped_column(String(60))  # "110", "112", "113" or "unit:<key>"
    taken_by: Mapped[str] = mapped_column(String(120), default="")  # who took it there, as they said
    note: Mapped[str] = mapped_column(String(500), default="")
    by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    at: Mapped[datetime] = mapped_column(default=utcnow)


class Rumour(Base):
    """A claim going round, and what we know about it."""

    __tablename__ = "rumour"
    __table_args__ = (
        UniqueConstraint("id", "mode"),  # a broadcast about it is of its mode
        ForeignKeyConstraint(["incident_id", "mode"], ["incident.id", "incident.mode"]),
        Index("ix_rumour_incident", "incident_id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    incident_id: Mapped[uuid.UUID]
    mode: Mapped[Mode] = mapped_column(words(Mode))
    claim: Mapped[str] = mapped_column(String(300))
    verdict: Mapped[str] = mapped_column(String(10), default="unknown")  # true | false | unknown
    source: Mapped[str] = mapped_column(String(300), default="")
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime | None]
    made_at: Mapped[datetime] = mapped_column(default=utcnow)


class SavedView(Base):
    """Filters of the queue that somebody gave a name."""

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("user_id", "unit_id", "name"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    name: Mapped[str] = mapped_column(String(60))
    filters: Mapped[dict[str, Any]] = mapped_column(default=dict)


class InboundCount(Base):
    """How much was said a minute, and how much of it in which lane: what the spike alarm compares, kept for ever."""

    __tablename__ = "inbound_count"
    __table_args__ = (Index("ix_inbound_count_minute", "minute"),)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    mode: Mapped[Mode] = mapped_column(words(Mode), primary_key=True)
    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    lane: Mapped[Lane] = mapped_column(words(Lane), primary_key=True)
    minute: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(default=0)


class Spike(Base):
    """More was said than in the hour before, or a word rises: what the listener saw last in a unit."""

    __tablename__ = "spike"
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    mode: Mapped[Mode] = mapped_column(words(Mode), primary_key=True)
    at: Mapped[datetime]
    count: Mapped[int] = mapped_column(default=0)  # in the last five minutes
    usual: Mapped[float] = mapped_column(default=0.0)  # in five minutes of the hour before
    loud: Mapped[bool] = mapped_column(default=False)
    rising: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)  # {"word", "count", "usual"}


class ListeningCount(Base):
    """What came to an account and was not kept: refused webhooks, what machines said, what came twice."""

    __tablename__ = "listening_count"
    account: Mapped[str] = mapped_column(String(40), primary_key=True)
    what: Mapped[str] = mapped_column(String(20), primary_key=True)  # forged, oversized, machine, again
    count: Mapped[int] = mapped_column(default=0)
