"""Who works for an account, or for a shard of it, now: one process at a time, by a lease.

The lease of an account that is not split stands in its own row; those of its shards in theirs. What concerns the
account as a whole (pauses, a provider that asks for quiet) stands in the account's row and is asked at every claim.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, String, and_, bindparam, case, or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis.models import Account, ShardRow
from crisis.models.base import UtcTime
from crisis.sending.shards import WHOLE, Shard

ACCOUNT_LEASE = timedelta(seconds=15)  # renewed while its drain lives
CLOCK_DOUBT = timedelta(minutes=1)  # between machines; what lies further ahead than it can was set by a wrong clock


def ran_out(lease_until: ColumnElement[datetime | None], length: timedelta, now: datetime) -> ColumnElement[bool]:
    """Is this lease over? Also when it ends later than any lease can: then the clock was set back since."""
    return or_(lease_until < now, lease_until > now + length + CLOCK_DOUBT)


def take_account(
    session: Session, account_id: uuid.UUID, owner: str, now: datetime, shard: Shard = WHOLE
) -> Account | None:
    """Lease the account, or this shard of it, to `owner`, or renew the lease.

    None when the account is paused, not free yet, or somebody else's.
    """
    if not shard.whole:
        return _take_shard(session, account_id, owner, now, shard)
    held = hold_account(session, account_id, owner, now)
    return session.get(Account, account_id, populate_existing=True) if held else None


def hold_account(session: Session, account_id: uuid.UUID, owner: str, now: datetime) -> bool:
    """Lease the whole account to `owner`, or renew the lease, without reading it. False as `take_account` says None."""
    until = now + ACCOUNT_LEASE
    asked = {"account_id": account_id, "owner": owner, "now": now, "until": until, "never": until + CLOCK_DOUBT}
    return session.connection().execute(_holding(), asked).rowcount == 1


@cache
def _holding() -> Executable:
    """Built once: this is asked at every claim, and building it cost more than running it."""
    account = Account.__table__.c
    owner = bindparam("owner", type_=String())
    free = or_(
        account.lease_owner.is_(None),
        account.lease_owner == owner,
        account.lease_until < bindparam("now", type_=UtcTime()),
        account.lease_until > bindparam("never", type_=UtcTime()),  # as in `ran_out`
    )
    return (
        update(Account.__table__)  # type: ignore[arg-type]
        .where(account.id == bindparam("account_id"), account.active, account.paused_reason.is_(None), free)
        .values(lease_owner=owner, lease_until=bindparam("until", type_=UtcTime()))
    )


def _take_shard(session: Session, account_id: uuid.UUID, owner: str, now: datetime, shard: Shard) -> Account | None:
    account = session.get(Account, account_id, populate_existing=True)
    if account is None or not account.active or account.paused_reason is not None:
        return None
    if account.lease_owner is not None and account.lease_until is not None and account.lease_until > now:
        return None  # a process that was started before the account was split
    free = or_(
        ShardRow.lease_owner.is_(None),
        ShardRow.lease_owner == owner,
        ran_out(ShardRow.lease_until, ACCOUNT_LEASE, now),  # type: ignore[arg-type]
    )
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert
    mine = {"lease_owner": owner, "lease_until": now + ACCOUNT_LEASE}
    taken = session.execute(  # what is told back, not the count of rows: PostgreSQL's driver counts no inserts
        insert(ShardRow)
        .values(account_id=account_id, number=shard.number, **mine)
        .on_conflict_do_update(index_elements=[ShardRow.account_id, ShardRow.number], set_=mine, where=free)
        .returning(ShardRow.number)
    ).all()
    return account if taken else None


def pace_memory(session: Session, account: Account, shard: Shard = WHOLE) -> datetime | None:
    """When the account or this shard may speak next, as the one before us left it."""
    if shard.whole:
        return account.free_at
    row = session.get_one(ShardRow, (account.id, shard.number), populate_existing=True)
    return max(filter(None, (row.free_at, account.free_at if account.busy_streak else None)), default=None)


def must_be_quiet(account: Account, now: datetime) -> bool:
    """Has the provider asked for quiet, or not answered, until later than now? For one that is split: any shard of it."""
    return account.busy_streak > 0 and account.free_at is not None and account.free_at > now


def quieten(session: Session, account_id: uuid.UUID, until: datetime | None, streak: int) -> None:
    """One shard was told to be quiet: all of them are. The longest wait asked for counts."""
    later = or_(Account.free_at.is_(None), Account.free_at < until, Account.busy_streak == 0)
    session.execute(
        update(Account)
        .where(Account.id == account_id)
        .values(
            free_at=case((later, until), else_=Account.free_at),
            busy_streak=case((Account.busy_streak < streak, streak), else_=Account.busy_streak),
        )
        .execution_options(synchronize_session=False)
    )


def leave_account(
    session: Session,
    account_id: uuid.UUID,
    owner: str,
    free_at: datetime | None,
    busy_streak: int,
    troubled: dict[str, Any] | None = None,
) -> None:
    """Give the lease back and note when the account may speak next, and whether its calls come to something."""
    session.execute(
        update(Account)
        .where(Account.id == account_id, Account.lease_owner == owner)
        .values(lease_owner=None, lease_until=None, free_at=free_at, busy_streak=busy_streak, **(troubled or {}))
    )


def leave_shard(
    session: Session,
    account: Account,
    shard: Shard,
    owner: str,
    free_at: datetime | None,
    *,
    held: bool,
    streak: int,
    troubled: dict[str, Any] | None = None,
) -> None:
    """The same for a shard. `account` is as it was when the shard was taken.

    `held`: it was told to be quiet, so all are. One that was answered ends the quiet it began in, never a newer one.
    """
    if troubled:
        session.execute(update(Account).where(Account.id == account.id).values(**troubled))
    if held:
        quieten(session, account.id, free_at, streak)
    elif streak < account.busy_streak:
        as_it_was = and_(Account.id == account.id, Account.busy_streak == account.busy_streak)
        session.execute(update(Account).where(as_it_was).values(busy_streak=streak, free_at=None))
    session.execute(
        update(ShardRow)
        .where(ShardRow.account_id == account.id, ShardRow.number == shard.number, ShardRow.lease_owner == owner)
        .values(lease_owner=None, lease_until=None, free_at=free_at)
    )
