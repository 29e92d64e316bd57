"""How long we keep what private people said: by lane, by the unit's own rule, and at once when somebody asks.

What is erased loses its author and words; that something was said, when, in which lane and what became of it stays for
the numbers. Our own statements, answers and the audit are archive matter and are never touched.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.models import AbuseReport, Hiding, InboundRow, Incident, Unit
from crisis.settings import Settings
from crisis.states import Lane, NotAllowed, Role

BATCH = 1_000  # rows a tick: a long overdue rule must not hold the database
EVIDENCE = (Hiding, AbuseReport)  # copies of what was hidden or reported
_NO_COPY: dict[str, Any] = {"text": "", "author": "", "url": None}
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


@dataclass(frozen=True, slots=True)
class Erased:
    """Messages that lost author and words, and copies of abuse that are kept all the same."""

    messages: int
    copies: int


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of one lane is kept and since when, how much was erased and when last."""

    count: int
    oldest: datetime | None
    erased: int
    erased_last: datetime | None


def kept(session: Session, unit_id: uuid.UUID) -> dict[Lane, Kept]:
    """Of every lane of a unit, each of the two from an index of its own."""
    here = InboundRow.unit_id == unit_id
    there = _by_lane(session, InboundRow.at, func.min(InboundRow.at), here, InboundRow.erased_at.is_(None))
    gone = _by_lane(
        session, InboundRow.erased_at, func.max(InboundRow.erased_at), here, InboundRow.erased_at.is_not(None)
    )
    return {lane: Kept(*there.get(lane, (0, None)), *gone.get(lane, (0, None))) for lane in Lane}


def _by_lane(
    session: Session, counted: Any, moment: Any, *where: ColumnElement[bool]
) -> dict[Lane, tuple[int, datetime | None]]:
    asked = select(InboundRow.lane, func.count(counted), moment).where(*where).group_by(InboundRow.lane)
    return {lane: (count, at) for lane, count, at in session.execute(asked)}


def erase_old(session: Session, settings: Settings, now: datetime) -> int:
    """Erase what is older than its unit's rule allows. Nothing of an incident that is still open. Returns how many."""
    count = 0
    for told in settings.units:
        unit_id = session.scalar(select(Unit.id).where(Unit.key == told.key))
        for table in EVIDENCE:
            old_copies = table.asked_at < now - timedelta(days=told.keep_evidence_days)
            session.execute(update(table).where(old_copies, _copied(table, unit_id)).values(**_NO_COPY))
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


def erase_author(
    session: Session, actor: Actor, unit_id: uuid.UUID, author: str, now: datetime, *, evidence: bool = False
) -> Erased:
    """Erase everything one person has said to a unit, because they asked.

    Copies of abuse stay as evidence until the unit's rule ends them (GDPR, article 17, 3 e: legal claims), unless
    `evidence` says that nobody needs them. The record keeps a fingerprint of the author, so that a later question can
    be answered without keeping the name.
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
    count, copies = _erase(session, rows, now), 0
    for table in EVIDENCE:
        theirs = _copied(table, unit_id) & table.author.in_((author, handle))
        if evidence:
            session.execute(update(table).where(theirs).values(**_NO_COPY))
        else:
            copies += session.scalar(select(func.count()).select_from(table).where(theirs)) or 0
    audit.record(
        session,
        actor,
        "inbound.author_erased",
        f"author:{hashlib.sha256(handle.encode()).hexdigest()[:16]}",
        unit_id=unit_id,
        details={"erased": count, "evidence_kept": copies},
    )
    return Erased(count, copies)


def evidence(session: Session, unit_id: uuid.UUID) -> tuple[int, datetime | None]:
    """How many copies of abuse the unit keeps, and since when the oldest."""
    found = [
        session.execute(select(func.count(), func.min(table.asked_at)).where(_copied(table, unit_id))).one()
        for table in EVIDENCE
    ]
    return sum(count for count, _ in found), min((oldest for _, oldest in found if oldest), default=None)


def _copied(table: type[Hiding | AbuseReport], unit_id: uuid.UUID | None) -> ColumnElement[bool]:
    of_unit = exists().where(InboundRow.id == table.inbound_id, InboundRow.unit_id == unit_id)
    return and_(table.text != "", of_unit)


def _erase(session: Session, ids: Sequence[uuid.UUID], now: datetime) -> int:
    if ids:
        session.execute(
            update(InboundRow)
            .where(InboundRow.id.in_(ids))
            .values(**_ERASED, erased_at=now)
            .execution_options(synchronize_session=False)
        )
    return len(ids)
