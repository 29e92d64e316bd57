"""The latest that was said to somebody of our own people, for whoever calls in to hear it. Reads only."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.channels.registry import FACTS
from crisis.models import Account, Broadcast, BroadcastText, Delivery, Destination, Person
from crisis.sending.answer_links import MARK
from crisis.states import REACHED, BroadcastState, DeliveryState, Purpose

RECENT = timedelta(hours=12)  # what was said longer ago is history, not news
SAID = (Purpose.STATEMENT, Purpose.CALL_OUT)
OUT = (BroadcastState.RELEASED, BroadcastState.CLOSED)
LEAVES = (*REACHED, DeliveryState.QUEUED)


def person_at(session: Session, account: Account, address: str) -> Person | None:
    """Who of the account's unit has this phone or mailbox; None for nobody, and for several who share it."""
    theirs = select(Destination.person_id).where(Destination.address == address)
    found = session.scalars(
        select(Person).where(Person.unit_id == account.unit_id, Person.id.in_(theirs)).limit(2)
    ).all()
    return found[0] if len(found) == 1 else None


def spoken(
    session: Session,
    account: Account,
    person_id: uuid.UUID,
    language: str,
    now: datetime,
    *,
    incident_id: uuid.UUID | None = None,
    but: uuid.UUID | None = None,
) -> str:
    """The newest released text that goes to this person, in their language; of one incident, where one is named.

    Nothing that was stopped, and not the broadcast `but`. Empty when there is none, or none newer than `but`.
    """
    addresses = select(Destination.address).where(Destination.person_id == person_id)
    asked = (
        select(Broadcast)
        .where(
            Broadcast.unit_id == account.unit_id,
            Broadcast.mode == account.mode,
            Broadcast.purpose.in_(SAID),
            Broadcast.playbook != "",  # the system's own words, such as a thank-you, are no news
            Broadcast.state.in_(OUT),
            Broadcast.released_at > now - RECENT,
            Broadcast.leaves_at <= now,
        )
        .where(
            select(Delivery.id)
            .where(Delivery.broadcast_id == Broadcast.id, Delivery.address.in_(addresses))
            .where(Delivery.person_id == person_id, Delivery.state.in_(LEAVES))
            .exists()
        )
        .order_by(Broadcast.released_at.desc(), Broadcast.id.desc())
        .limit(1)
    )
    if incident_id is not None:
        asked = asked.where(Broadcast.incident_id == incident_id)
    found = session.scalars(asked).first()
    if found is None or found.id == but:
        return ""
    texts = session.scalars(
        select(BroadcastText).where(BroadcastText.broadcast_id == found.id, BroadcastText.language == language)
    ).all()
    return _words(texts)


def _words(texts: Sequence[BroadcastText]) -> str:
    """What is made to be heard, else the shortest there is; a personal address can't be heard and is left out."""
    order = {"voice": 0, "short": 1, "full": 2}
    chosen = min(texts, key=lambda one: (order[FACTS[one.channel].form], one.channel), default=None)
    if chosen is None:
        return ""
    return "\n".join(line for line in chosen.text.splitlines() if MARK not in line).strip()
