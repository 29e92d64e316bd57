"""How long we keep what private people said: by lane, by the unit's own rule, and at once when somebody asks.

What is erased loses its author and words; that something was said, when, in which lane and what became of it stays for
the numbers. Our own statements, answers and the audit are archive matter and are never touched.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.models import Hiding, InboundRow, Incident, Unit
from crisis.settings import Settings
from crisis.states import Lane, NotAllowed, Role

EVIDENCE = timedelta(
    days=365
)  # copies of abuse that was hidden: for whoever reports it, also when its author is erased
BATCH = 1_000  # rows a tick: a long overdue rule must not hold the database
_ERASED: dict[str, Any] = {
    "author": "",
    "author_name": "",
    "text": "",
    "earlier_texts": [],
    "raw": {},
    "url": None,
    "reasons": [],
    "fold": None,
}


def erase_old(session: Session, settings: Settings, now: datetime) -> int:
    """Erase what is older than its unit's rule allows. Nothing of an incident that is still open. Returns how many."""
    old_evidence = (Hiding.asked_at < now - EVIDENCE) & (Hiding.text != "")
    session.execute(update(Hiding).where(old_evidence).values(text="", author="", url=None))
    count = 0
    for told in settings.units:
        unit_id = session.scalar(select(Unit.id).where(Unit.key == told.key))
        for lane in Lane:
            before = now - timedelta(days=told.keeps(lane))
            old = (
                select(InboundRow.id)
                .where(
                    InboundRow.unit_id == unit_id,
                    InboundRow.lane == lane,
                    InboundRow.at < before,
                    InboundRow.erased_at.is_(None),
                    ~exists().where(Incident.id == InboundRow.incident_id, Incident.closed_at.is_(None)),
                )
                .limit(BATCH - count)
            )
            count += _erase(session, session.scalars(old).all(), now)
            if count >= BATCH:
                return count
    return count


def erase_author(session: Session, actor: Actor, unit_id: uuid.UUID, author: str, now: datetime) -> int:
    """Erase everything one person has said to a unit, because they asked. Returns how many.

    The record keeps a fingerprint of the author, so that a later question can be answered without keeping the name.
    """
    actor.demand(Role.ADMINISTRATOR, unit_id)
    author = author.strip()
    if not author:
        raise NotAllowed("write whose words to erase: the phone number, mailbox or name as it stands in the queue")
    said = InboundRow.author == author
    handle = author.removeprefix("@")
    rows = session.scalars(
        select(InboundRow.id).where(
            InboundRow.unit_id == unit_id,
            or_(said, InboundRow.author == handle),
            InboundRow.erased_at.is_(None),
        )
    ).all()
    count = _erase(session, rows, now)
    audit.record(
        session,
        actor,
        "inbound.author_erased",
        f"author:{hashlib.sha256(handle.encode()).hexdigest()[:16]}",
        unit_id=unit_id,
        details={"erased": count},
    )
    return count


def _erase(session: Session, ids: Sequence[uuid.UUID], now: datetime) -> int:
    if ids:
        session.execute(
            update(InboundRow)
            .where(InboundRow.id.in_(ids))
            .values(**_ERASED, erased_at=now)
            .execution_options(synchronize_session=False)
        )
    return len(ids)
