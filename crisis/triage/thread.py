"""What stands around one inbound: what it answers, what hangs under it, what its author said before, what we answered.

Reads only, and a bounded number of rows of each kind.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from crisis.models import Answer, Broadcast, BroadcastText, Delivery, HandOver, InboundRow, User
from crisis.triage import handover

MOST = 10


@dataclass(frozen=True, slots=True)
class Ours:
    """A post or message of ours that it answers."""

    text: str
    language: str
    at: datetime
    url: str | None
    broadcast_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Given:
    """An answer of ours, on its way or out, waiting for a yes, or taken back."""

    broadcast: Broadcast
    key: str
    text: str
    title: str
    language: str
    who: str
    came_back: bool
    delivery: Delivery | None

    def leaves_in(self, now: datetime) -> float:
        """Seconds in which it can still be taken back; 0: it has left, or never will."""
        if self.delivery is None or self.delivery.state != "queued" or self.broadcast.leaves_at is None:
            return 0.0
        return max(0.0, (self.broadcast.leaves_at - now).total_seconds())


@dataclass(frozen=True, slots=True)
class Handed:
    row: HandOver
    who: str


@dataclass(frozen=True, slots=True)
class Around:
    ours: Ours | None
    above: InboundRow | None  # somebody else's words that it answers
    below: Sequence[InboundRow]
    same_author: Sequence[InboundRow]
    same_words: Sequence[InboundRow]  # folded into it
    answers: Sequence[Given]
    handed: Sequence[Handed]


def around(session: Session, row: InboundRow) -> Around:
    return Around(
        ours=_ours(session, row),
        above=_above(session, row),
        below=_listed(session, InboundRow.account_id == row.account_id, InboundRow.in_reply_to == row.provider_id),
        same_author=_listed(
            session,
            InboundRow.account_id == row.account_id,
            InboundRow.author == row.author,
            InboundRow.id != row.id,
            InboundRow.erased_at.is_(None),
        )
        if row.author
        else (),
        same_words=_listed(session, InboundRow.folded_into_id == row.id),
        answers=given(session, row.id),
        handed=_handed(session, row.id),
    )


def given(session: Session, inbound_id: uuid.UUID) -> list[Given]:
    """Our answers to one inbound, oldest first."""
    rows = session.execute(
        select(Broadcast, Answer, BroadcastText, Delivery, User.name)
        .join(Answer, Answer.broadcast_id == Broadcast.id)
        .join(BroadcastText, BroadcastText.broadcast_id == Broadcast.id)
        .outerjoin(Delivery, Delivery.broadcast_id == Broadcast.id)
        .outerjoin(User, User.id == Broadcast.created_by)
        .where(Answer.inbound_id == inbound_id)
        .order_by(Broadcast.created_at, Broadcast.id)
    )
    return [
        Given(broadcast, answer.key, text.text, text.title, text.language, who or "", answer.came_back, delivery)
        for broadcast, answer, text, delivery, who in rows
    ]


def _ours(session: Session, row: InboundRow) -> Ours | None:
    if row.delivery_id is None:
        return None
    found = session.execute(
        select(BroadcastText.text, BroadcastText.language, Delivery.changed_at, Delivery.url, Delivery.broadcast_id)
        .join(BroadcastText, BroadcastText.id == Delivery.text_id)
        .where(Delivery.id == row.delivery_id)
    ).first()
    return Ours(*found) if found else None


def _above(session: Session, row: InboundRow) -> InboundRow | None:
    if not row.in_reply_to:
        return None
    return session.scalars(
        select(InboundRow).where(InboundRow.account_id == row.account_id, InboundRow.provider_id == row.in_reply_to)
    ).first()


def _listed(session: Session, *where: object) -> Sequence[InboundRow]:
    """The newest of them, oldest first."""
    newest = select(InboundRow).where(*where).order_by(InboundRow.at.desc()).limit(MOST)  # type: ignore[arg-type]
    return session.scalars(newest).all()[::-1]


def _handed(session: Session, inbound_id: uuid.UUID) -> list[Handed]:
    by = aliased(User)
    rows = handover.history(session, inbound_id)
    names = {
        one.id: one.name for one in session.scalars(select(by).where(by.id.in_([row.by for row in rows if row.by])))
    }
    return [Handed(row, names.get(row.by, "") if row.by else "") for row in rows]
