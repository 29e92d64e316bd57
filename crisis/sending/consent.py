"""Who has said stop, to which account. An opt-out belongs to an account, because that is whom the receiver knows."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crisis.db import rows_changed
from crisis.models import OptOut


def opt_out(session: Session, account_id: uuid.UUID, address: str, source: str, now: datetime) -> bool:
    """`address` wants nothing more from this account. False when that was known already."""
    if _in_force(session, account_id, address) is not None:
        return False
    session.add(OptOut(account_id=account_id, address=address, source=source, since=now))
    session.flush()
    return True


def opt_in(session: Session, account_id: uuid.UUID, address: str, now: datetime) -> bool:
    """`address` wants to hear from this account again. False when it had not said stop."""
    ended = rows_changed(
        session,
        update(OptOut)
        .where(OptOut.account_id == account_id, OptOut.address == address, OptOut.ended_at.is_(None))
        .values(ended_at=now),
    )
    return bool(ended)


def _in_force(session: Session, account_id: uuid.UUID, address: str) -> OptOut | None:
    return session.scalar(
        select(OptOut).where(OptOut.account_id == account_id, OptOut.address == address, OptOut.ended_at.is_(None))
    )
