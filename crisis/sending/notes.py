"""What adapters must remember between calls and processes, sealed in the database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from crisis.db import Database
from crisis.models import AccountNote, utcnow
from crisis.seal import Seal


class DatabaseNotes:
    """The notes of one account (`crisis.channels.base.Notes`). Each call is a transaction of its own."""

    def __init__(self, database: Database, seal: Seal, account: str) -> None:
        self._database, self._seal, self._account = database, seal, account

    def read(self, name: str) -> str | None:
        """What was written last, unless it has run out. Raises `BrokenSeal` when the secret key was changed."""
        with self._database.reading() as session:
            row = session.get(AccountNote, (self._account, name))
            if row is None or (row.until is not None and row.until <= utcnow()):
                return None
            return self._seal.open(row.sealed)

    def write(self, name: str, value: str, until: datetime | None = None) -> None:
        row = {"sealed": self._seal.close(value), "until": until, "written_at": utcnow()}
        insert = (sqlite if self._database.is_sqlite else postgresql).insert(AccountNote)
        with self._database.writing() as session:  # a sender and a listener may renew the same token at once
            session.execute(
                insert.values(account=self._account, name=name, **row).on_conflict_do_update(
                    index_elements=[AccountNote.account, AccountNote.name], set_=row
                )
            )

    def forget(self, name: str) -> None:
        with self._database.writing() as session:
            session.execute(delete(AccountNote).where(AccountNote.account == self._account, AccountNote.name == name))
