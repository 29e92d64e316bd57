"""Who has said stop, to which account. An opt-out belongs to an account, because that is whom the receiver knows."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis.db import rows_changed
from crisis.models import OptOut, new_id


def opt_out(session: Session, account_id: uuid.UUID, address: str, source: str, now: datetime) -> bool:
    """`address` wants nothing more from this account. False when that was known already, also from this very moment."""
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(OptOut)
    row = insert.values(id=new_id(), account_id=account_id, address=address, source=source, since=now)
    return bool(rows_changed(session, row.on_conflict_do_nothing()))


def opt_in(session: Session, account_id: uuid.UUID, address: str, now: datetime) -> bool:
    """`address` wants to hear from this account again. False when it had not said stop."""
    ended = rows_changed(
        session,
        update(OptOut)
        .where(OptOut.account_id == account_id, OptOut.address == address, OptOut.ended_at.is_(None))
        .values(ended_at=now),
    )
    return bool(ended)
