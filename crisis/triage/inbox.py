"""Receiving what people say: stored once, consent obeyed at once, linked to what it answers.

This is where triage grows from; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis.channels.base import Inbound
from crisis.db import rows_changed
from crisis.models import Account, Delivery, InboundRow, new_id
from crisis.sending.consent import opt_in, opt_out

LONGEST = 20_000  # characters kept of one inbound


def receive(session: Session, account: Account, inbounds: Sequence[Inbound], now: datetime) -> int:
    """Store what is new and obey STOP and START. Returns how many were new."""
    new = 0
    insert = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    for inbound in inbounds:
        answers = session.scalar(
            select(Delivery.id)
            .where(Delivery.account_id == account.id, Delivery.address == inbound.author)
            .order_by(Delivery.id.desc())
            .limit(1)
        )
        stored = rows_changed(
            session,
            insert.insert(InboundRow)
            .values(
                id=new_id(),
                account_id=account.id,
                provider_id=inbound.provider_id[:200],
                author=inbound.author[:254],
                text=inbound.text[:LONGEST],
                at=inbound.at,
                consent=inbound.consent,
                delivery_id=answers,
                raw={},
            )
            .on_conflict_do_nothing(),
        )
        new += bool(stored)
        if inbound.consent == "stop":
            opt_out(session, account.id, inbound.author, "stop", now)
        elif inbound.consent == "start":
            opt_in(session, account.id, inbound.author, now)
    return new
