"""Storing what webhooks told, before any of them is answered.

Those that come while another one is stored go together into the next transaction: a crowd costs few transactions, and
waits for the disk once and not one after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from crisis.channels.base import HookEvents
from crisis.db import Database
from crisis.models import Account, utcnow
from crisis.oncall import answering
from crisis.sending import receipts
from crisis.triage import inbox

_ACCOUNT = select(Account).where(Account.key == bindparam("key"))  # built once


class NotStored(Exception):
    """The thread that was to store it ended before it could."""


@dataclass(slots=True, eq=False)
class Told:
    """What one webhook said to an account, and what became of it."""

    account: str
    events: HookEvents
    stored: bool = False
    error: Exception | None = None


class Keeping:
    """Of one application; shared by its threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._arriving = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[Told] = []

    def keep(self, account: str, events: HookEvents) -> None:
        """Returns when it is stored; raises what kept it from that. One that can't be stored takes no other with it."""
        told = Told(account, events)
        with self._arriving:
            self._waiting.append(told)
        with self._writing:
            if not told.stored and told.error is None:  # nobody has written it while this thread waited
                with self._arriving:
                    gathered, self._waiting = self._waiting, []
                self._store(gathered)
        if told.error is not None:
            raise told.error
        if not told.stored:
            raise NotStored

    def _store(self, gathered: Sequence[Told]) -> None:
        try:
            with self._database.writing() as session:
                _write(session, gathered)
        except Exception as error:  # noqa: BLE001 - each of them raises it in its own thread
            if len(gathered) == 1 or _is_away(error):
                for told in gathered:
                    told.error = error
            else:
                for told in gathered:
                    self._store([told])
        else:
            for told in gathered:
                told.stored = True


def _is_away(error: Exception) -> bool:
    """No word from the database itself: for each of them alone it would be the same, after the same wait."""
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) is None


def account_of(session: Session, key: str) -> Account:
    return session.scalars(_ACCOUNT, {"key": key}).one()


def _write(session: Session, gathered: Sequence[Told]) -> None:
    now = utcnow()
    for key in sorted({told.account for told in gathered}):  # in one order, so that two never wait for each other
        mine = [told.events for told in gathered if told.account == key]
        account = account_of(session, key)
        inbounds = [one for events in mine for one in events.inbounds]
        said = [one for events in mine for one in events.receipts]
        receipts.apply(session, account, said, now, patient=len(gathered) == 1)  # alone it may wait
        inbox.receive(session, account, inbounds, now)
        answering.written(session, account, inbounds, now)
