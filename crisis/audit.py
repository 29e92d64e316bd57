"""The append-only record of who did what, when, to what, chained by hash.

Each row's hash covers its content and the hash before it, so a changed, missing or inserted row shows. Rows are added in
the transaction of the act itself: an act without its record cannot be committed.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.actor import Actor
from crisis.models import AuditHead, AuditRow
from crisis.sentence import Sentence

BEGINNING = "0" * 64


def record(
    session: Session,
    actor: Actor,
    act: str,
    subject: str,
    *,
    unit_id: uuid.UUID | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Add one act, such as `record(session, actor, "broadcast.released", f"broadcast:{id}")`.

    `details` must be JSON and hold no secrets. Takes the lock on the end of the chain until the caller commits, so call
    it late in a transaction.
    """
    head = session.execute(select(AuditHead).where(AuditHead.id == 1).with_for_update()).scalar_one_or_none()
    if head is None:
        head = AuditHead(id=1, number=0, hash=BEGINNING)
        session.add(head)
    row = AuditRow(
        number=head.number + 1,
        at=datetime.now(UTC),
        unit_id=unit_id,
        user_id=actor.user_id,
        who=actor.name,
        act=act,
        subject=subject,
        details=details or {},
        previous=head.hash,
    )
    row.hash = digest(row)
    head.number, head.hash = row.number, row.hash
    session.add(row)
    session.flush()


def digest(row: AuditRow) -> str:
    """The SHA-256 of everything in the row but its own hash, as canonical JSON."""
    content = [
        row.number,
        row.at.astimezone(UTC).isoformat(timespec="microseconds"),
        str(row.unit_id or ""),
        str(row.user_id or ""),
        row.who,
        row.act,
        row.subject,
        row.details,
        row.previous,
    ]
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def verify(session: Session) -> Iterator[str]:
    """What is wrong with the chain, in words, one finding at a time; nothing when it is whole."""
    previous, expected = BEGINNING, 1
    for row in session.execute(select(AuditRow).order_by(AuditRow.number)).yield_per(1000).scalars():
        if row.number != expected:
            yield Sentence("rows %(first)d to %(last)d are missing", first=expected, last=row.number - 1)
        if row.previous != previous and row.number == expected:
            yield Sentence("row %(number)d does not follow the row before it", number=row.number)
        if row.hash != digest(row):
            facts = {"number": row.number, "act": row.act, "subject": row.subject}
            yield Sentence("row %(number)d (%(act)s, %(subject)s) was changed", **facts)
        previous, expected = row.hash, row.number + 1
    head = session.get(AuditHead, 1)
    if head is None:
        if expected > 1:
            yield Sentence("the end of the chain is missing")
    elif head.number != expected - 1:
        yield Sentence("rows %(first)d to %(last)d are missing at the end", first=expected, last=head.number)
    elif head.hash != previous:
        yield Sentence("the end of the chain does not match its last row")
