"""The counters that the board reads: how many deliveries of a broadcast stand in each state on each account.

They move in the same transaction as the deliveries, so they are never behind and never guessed.
"""

from __future__ import annotations

import uuid
from collections import Counter
from functools import cache
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.orm import Session

from crisis import bulk
from crisis.models import Tally
from crisis.states import DeliveryState

Key = tuple[uuid.UUID, uuid.UUID, DeliveryState]


class Moves:
    """Gathers moves of deliveries and writes their sum once."""

    def __init__(self) -> None:
        self._sum: Counter[Key] = Counter()

    def add(self, broadcast_id: uuid.UUID, account_id: uuid.UUID, state: DeliveryState, count: int = 1) -> None:
        """`count` new deliveries in `state`."""
        self._sum[broadcast_id, account_id, state] += count

    def move(
        self,
        broadcast_id: uuid.UUID,
        account_id: uuid.UUID,
        old: DeliveryState,
        new: DeliveryState,
        count: int = 1,
    ) -> None:
        self._sum[broadcast_id, account_id, old] -= count
        self._sum[broadcast_id, account_id, new] += count

    def write(self, session: Session) -> None:
        """Add the sums to the table. Rows are taken in one order, so that two writers cannot wait for each other."""
        rows: list[dict[str, Any]] = [
            {"broadcast_id": key[0], "account_id": key[1], "state": key[2], "count": count}
            for key, count in sorted(self._sum.items(), key=lambda item: (item[0][0].int, item[0][1].int, item[0][2]))
            if count
        ]
        self._sum.clear()
        if not rows:
            return
        connection = session.connection()
        connection.execute(_upsert(sqlite=bulk.is_sqlite(connection.dialect)), rows)


@cache
def _upsert(*, sqlite: bool) -> Executable:
    """Built once: two of these belong to every batch that is sent."""
    insert = (sqlite_dialect if sqlite else postgresql).insert(Tally.__table__)
    upsert: Executable = insert.on_conflict_do_update(
        index_elements=[Tally.broadcast_id, Tally.account_id, Tally.state],
        set_={"count": Tally.count + insert.excluded.count},
    )
    return upsert
