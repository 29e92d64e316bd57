"""Receiving what people say: stored once, consent obeyed at once, linked to what it answers.

This is where triage grows from; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis.channels.base import Inbound
from crisis.db import rows_changed
from crisis.models import Account, Broadcast, Delivery, InboundRow, Incident, new_id
from crisis.sending.consent import opt_in, opt_out

LONGEST = 20_000  # characters kept of one inbound


@dataclass(frozen=True, slots=True)
class Heard:
    """What people said during an incident: how much in all, and the newest rows with their accounts."""

    count: int
    rows: Sequence[tuple[InboundRow, Account]]


def heard(session: Session, incident: Incident, limit: int = 50) -> Heard:
    """What answers the incident's broadcasts, and what came unasked to its accounts while it was open; newest first."""
    answers = Delivery.broadcast_id.in_(select(Broadcast.id).where(Broadcast.incident_id == incident.id))
    unasked = [InboundRow.delivery_id.is_(None), InboundRow.at >= incident.opened_at]
    if incident.closed_at is not None:
        unasked.append(InboundRow.at <= incident.closed_at)
    found = (
        select(InboundRow, Account)
        .join(Account, Account.id == InboundRow.account_id)
        .outerjoin(Delivery, Delivery.id == InboundRow.delivery_id)
        .where(Account.unit_id == incident.unit_id, Account.mode == incident.mode, or_(answers, and_(*unasked)))
    )
    count = session.scalar(select(func.count()).select_from(found.with_only_columns(InboundRow.id).subquery())) or 0
    newest = session.execute(found.order_by(InboundRow.at.desc(), InboundRow.id.desc()).limit(limit))
    return Heard(count, [(row, account) for row, account in newest])


def receive(session: Session, account: Account, inbounds: Sequence[Inbound], now: datetime) -> int:
    """Store what is new and obey STOP and START. Returns how many were new."""
    new = 0
    insert = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    for inbound in inbounds:
        answers = session.execute(
            select(Delivery.id, Delivery.account_id)
            .where(Delivery.through_id == account.id, Delivery.address == inbound.author)
            .order_by(Delivery.id.desc())
            .limit(1)
        ).first()
        stored = rows_changed(
            session,
            insert.insert(InboundRow)
            .values(
                id=new_id(),
                account_id=account.id,
                unit_id=account.unit_id,
                mode=account.mode,
                channel=account.channel,
                received_at=now,
                provider_id=inbound.provider_id[:200],
                author=inbound.author[:254],
                text=inbound.text[:LONGEST],
                at=inbound.at,
                consent=inbound.consent,
                delivery_id=answers.id if answers else None,
                raw={},
            )
            .on_conflict_do_nothing(),
        )
        if not stored:
            continue  # said again by the provider: an old STOP must not undo a later START
        new += 1
        if inbound.consent == "stop":
            # They answer whoever spoke; what they want no more is the account it spoke for, too.
            for whom in {account.id, answers.account_id if answers else account.id}:
                opt_out(session, whom, inbound.author, "stop", now)
        elif inbound.consent == "start":
            opt_in(session, account.id, inbound.author, now)
    return new
