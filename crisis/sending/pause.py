"""Pausing an account: by a person, or by itself when its keys or rights are wrong. Others never wait for it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import SYSTEM, Actor
from crisis.db import rows_changed
from crisis.models import Account
from crisis.queues import wake
from crisis.states import NotAllowed


def stopped_itself(account: Account) -> bool:
    """Is it paused because the provider refused it, and not by a person?"""
    return (account.paused_reason or "").startswith("stopped by itself: ")


def pause(session: Session, actor: Actor, account: Account, reason: str) -> None:
    """Nothing more leaves from this account until it is resumed; what is queued stays queued."""
    if not reason.strip():
        raise NotAllowed("say why, so that whoever comes next knows")
    account.paused_reason = reason.strip()[:500]
    account.paused_at = account.pause_told_at = datetime.now(UTC)  # a person did it: nobody needs telling
    audit.record(
        session,
        actor,
        "account.paused",
        f"account:{account.key}",
        unit_id=account.unit_id,
        details={"reason": account.paused_reason},
    )


def resume(session: Session, actor: Actor, account: Account) -> None:
    """Let it speak again, at once."""
    account.paused_reason = account.paused_at = account.pause_told_at = account.free_at = None
    account.busy_streak = 0
    account.troubled_at, account.well_at = None, datetime.now(UTC)
    wake(session, account.mode, [account.id])
    audit.record(session, actor, "account.resumed", f"account:{account.key}", unit_id=account.unit_id)


def pause_misconfigured(session: Session, account: Account, say: str, now: datetime) -> None:
    """The provider refuses our keys or rights: pause once, with its words. The clock tells administrators."""
    reason = f"stopped by itself: {say}"[:500]
    paused = rows_changed(
        session,
        update(Account)
        .where(Account.id == account.id, Account.paused_reason.is_(None))
        .values(paused_reason=reason, paused_at=now, pause_told_at=None, healthy=False, health=say[:500]),
    )
    if paused:
        audit.record(
            session,
            SYSTEM,
            "account.paused",
            f"account:{account.key}",
            unit_id=account.unit_id,
            details={"reason": reason},
        )
