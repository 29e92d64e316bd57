"""Hiding abuse from the public where the network lets us, with the evidence of what it was.

A person asks, the listener does it. The evidence is a copy with a digest, made at the moment of asking, so that it stands
when the author or the network takes the words away. Hiding twice is harmless, so what is unknown is done again.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.channels.registry import KINDS
from crisis.models import Hiding, InboundRow
from crisis.states import Lane, NotAllowed, Role

LEASE = timedelta(minutes=2)  # longer than any call
TRIES = 8
_FIRST_PAUSE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Due:
    """One to be hidden now, by the account it was said to."""

    inbound_id: uuid.UUID
    account_id: uuid.UUID
    provider_id: str
    attempts: int


def can_hide(channel: str) -> bool:
    """Does the network let us hide what others write under our posts?"""
    kind = KINDS.get(channel)
    return kind is not None and hasattr(kind.open, "hide")


def ask(session: Session, actor: Actor, inbound_id: uuid.UUID, now: datetime) -> Hiding:
    """Have it hidden, and keep what it was. A second press changes nothing. Raises `NotAllowed`, which says the way round."""
    row = session.get(InboundRow, inbound_id, with_for_update=True)
    if row is None:
        raise NotAllowed("It is not here any more.")
    actor.demand(Role.TRIAGER, row.unit_id)
    known = session.get(Hiding, row.id)
    if known is not None and known.state != "failed":
        return known
    if row.lane is Lane.DANGER:
        raise NotAllowed("A cry for help is never hidden.")
    if row.private or not can_hide(row.channel):
        raise NotAllowed("This network does not let us hide it. Open it there and report it to the network.")
    if known is None:
        known = Hiding(
            inbound_id=row.id,
            account_id=row.account_id,
            provider_id=row.provider_id,
            author=row.author,
            text=row.text,
            sha256=hashlib.sha256(row.text.encode()).hexdigest(),
            url=row.url,
            said_at=row.at,
        )
        session.add(known)
    known.state, known.say, known.attempts, known.due_at = "asked", "", 0, now
    known.asked_by, known.asked_at = actor.user_id, now
    session.flush()
    audit.record(
        session, actor, "inbound.hiding_asked", f"inbound:{row.id}", unit_id=row.unit_id,
        details={"sha256": known.sha256, "mode": str(row.mode)},
    )  # fmt: skip
    return known


def take(session: Session, accounts: Collection[uuid.UUID], now: datetime) -> Sequence[Due]:
    """What these accounts should hide now; nobody else takes it before the lease runs out."""
    found = session.scalars(
        select(Hiding)
        .where(Hiding.state == "asked", Hiding.due_at <= now, Hiding.account_id.in_(accounts))
        .order_by(Hiding.due_at)
        .limit(20)
        .with_for_update(skip_locked=True)
    ).all()
    for one in found:
        one.attempts, one.due_at = one.attempts + 1, now + LEASE
    return [Due(one.inbound_id, one.account_id, one.provider_id, one.attempts) for one in found]


def done(session: Session, inbound_id: uuid.UUID, now: datetime) -> None:
    """The public no longer sees it."""
    hidden = {"state": "hidden", "say": "", "done_at": now}
    session.execute(update(Hiding).where(Hiding.inbound_id == inbound_id).values(**hidden))
    session.execute(update(InboundRow).where(InboundRow.id == inbound_id).values(hidden_at=now))


def could_not(session: Session, due: Due, say: str, *, final: bool, now: datetime) -> None:
    """Tried again after a growing pause, unless the network said never or it was tried often enough."""
    over = final or due.attempts >= TRIES
    values = {"state": "failed" if over else "asked", "say": say[:500], "due_at": now + _FIRST_PAUSE * 2**due.attempts}
    session.execute(update(Hiding).where(Hiding.inbound_id == due.inbound_id, Hiding.state == "asked").values(**values))


def of(session: Session, inbound_id: uuid.UUID) -> Hiding | None:
    """What became of it, when somebody asked."""
    return session.get(Hiding, inbound_id)
