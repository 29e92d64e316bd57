"""The local copy: what a machine must know to send a signed-off message while the database is away.

Units, accounts, officers with their password hashes, the newest sign-offs, open incidents, groups and their destinations
with consent, and who has said stop. No name of a person who is only reached, no one-time-code secret, no history.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select
from sqlalchemy.orm import DeclarativeBase

from crisis import migrations
from crisis.breakglass.folder import Folder, demand_private, duplicate, make_private, open_file, settle, sync
from crisis.db import Database
from crisis.models import (
    Account,
    Destination,
    Grant,
    Group,
    Heartbeat,
    Incident,
    MediaItem,
    OptOut,
    Person,
    SignOff,
    Unit,
    User,
    membership,
)
from crisis.states import Role

MANY = 1000
MARK = "main database"  # the copy's one heartbeat: when the main database was last seen alive
NO_PASSWORD = "-"  # noqa: S105 - no hash, so nothing fits it

Row = dict[str, Any]


class NothingToCopy(Exception):
    """The database has no officers: it is new, or not the right one. An older copy is worth more."""


def refresh(main: Database, folder: Folder, now: datetime) -> Counter[str]:
    """Make the copy anew, whole or not at all. Returns how many rows of what.

    Raises `NothingToCopy`, `Busy` and `NotTrusted`, and what the database raises when it can't be read.
    """
    with folder.copying():
        new = folder.copy.with_suffix(".new")
        make_private(new)
        target = open_file(new)
        try:
            migrations.create(target)
            with _one_view(main) as source, target.engine.execution_options(crisis_write=True).begin() as connection:
                counts = _copy(source, connection)
                connection.execute(insert(Heartbeat), [{"process": MARK, "kind": "copy", "at": now, "note": ""}])
        finally:
            target.close()
        settle(new)
        new.replace(folder.copy)
        sync(folder.root)
        return counts


def seen_at(folder: Folder) -> datetime | None:
    """When the copy was made; None when there is none. Raises `NotTrusted`."""
    if not folder.copy.exists():
        return None
    demand_private(folder.copy)
    with closing(sqlite3.connect(f"file:{folder.copy}?mode=ro&immutable=1", uri=True)) as connection:
        row = connection.execute("SELECT at FROM heartbeat WHERE process = ?", (MARK,)).fetchone()
    return datetime.fromisoformat(row[0]).replace(tzinfo=UTC) if row else None


def take(folder: Folder, name: str) -> None:
    """A duplicate of the copy under another name in the folder, to be written to."""
    duplicate(folder.copy, folder.root / name)


def _one_view(main: Database) -> Connection:
    """Everything as it was at one moment, so that nothing copied points at something that is not."""
    connection = main.engine.connect()
    return connection if main.is_sqlite else connection.execution_options(isolation_level="REPEATABLE READ")


def _copy(source: Connection, target: Connection) -> Counter[str]:
    officers = select(Grant.user_id).where(Grant.role == Role.OFFICER)
    holders = set(source.scalars(officers.join(User, User.id == Grant.user_id).where(User.disabled_at.is_(None))))
    if not holders:
        raise NothingToCopy("no officer is in the database; the local copy stays as it was")
    ranked = select(
        SignOff.id,
        func.row_number()
        .over(
            partition_by=(SignOff.unit_id, SignOff.playbook, SignOff.message),
            order_by=(SignOff.signed_at.desc(), SignOff.id.desc()),
        )
        .label("rank"),
    ).subquery()
    # The newest of each, also when it was taken back: an older one must not come into force by that.
    newest = select(ranked.c.id).where(ranked.c.rank == 1)
    signers = set(source.scalars(select(SignOff.user_id).where(SignOff.id.in_(newest))))

    def as_user(row: Row) -> Row:
        password_hash = row["password_hash"] if row["id"] in holders else NO_PASSWORD
        return row | {"password_hash": password_hash, "totp_secret": None, "totp_last_step": None, "person_id": None}

    counts: Counter[str] = Counter()

    def bring(table: Any, wanted: Select[Any], change: Callable[[Row], Row] = dict) -> None:
        rows = source.execution_options(stream_results=True).execute(wanted).mappings()
        for batch in rows.partitions(MANY):
            target.execute(insert(table), [change(dict(row)) for row in batch])
            counts[table.name] += len(batch)

    bring(_of(Unit), select(_of(Unit)))
    bring(_of(Account), select(_of(Account)), _idle)
    users = _of(User)
    bring(users, select(users).where(users.c.id.in_(holders | signers)), as_user)
    grants = _of(Grant)
    bring(grants, select(grants).where(grants.c.role == Role.OFFICER, grants.c.user_id.in_(holders)))
    bring(_of(SignOff), select(_of(SignOff)).where(_of(SignOff).c.id.in_(newest)))
    bring(_of(MediaItem), select(_of(MediaItem)), _unsigned)
    bring(_of(Group), select(_of(Group)))
    bring(_of(Person), select(_of(Person)), _nameless)
    bring(membership, select(membership))
    bring(_of(Destination), select(_of(Destination)))
    bring(_of(OptOut), select(_of(OptOut)).where(_of(OptOut).c.ended_at.is_(None)))
    incidents = _of(Incident)
    bring(incidents, select(incidents).where(incidents.c.closed_at.is_(None)), lambda row: row | {"opened_by": None})
    return counts


def _of(model: type[DeclarativeBase]) -> Any:
    return model.__table__


def _idle(row: Row) -> Row:
    """The account as nobody drains it; a pause stays, because somebody meant it."""
    gone: Row = dict.fromkeys(
        ("lease_owner", "lease_until", "free_at", "cursor", "polled_at", "fallback_id", "over_at", "back_at")
    )
    return row | gone | {"busy_streak": 0}


def _unsigned(row: Row) -> Row:
    """The item as it may be used; who recorded that, and whose it is, is of no use here."""
    who: Row = dict.fromkeys(("rights_by", "consent_by", "added_by"))
    return row | who | {"owner": "-", "source": "-"}


def _nameless(row: Row) -> Row:
    return row | {"name": "-", "reference": row["id"].hex, "skills": [], "sites": [], "pin": None}
