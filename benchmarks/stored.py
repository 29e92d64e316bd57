"""Very many inbound rows as months of listening leave them: most repeats and settled long ago, some erased, the newest waiting.

Made of rows that were really read, so that words, lanes, reasons and lengths are those of people.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, literal_column, select, text

from crisis import bulk
from crisis.db import Database
from crisis.models import Account, Broadcast, InboundRow, User, new_id, utcnow
from crisis.states import InboundState, Lane, Mode

CHUNK = 2_000
OVER = timedelta(days=120)  # when the first of them was said
FOLDED, ERASED = 0.7, 0.2
# What became of those that stand by themselves, in thousandths.
STATES = {
    InboundState.CLOSED: 850, InboundState.ANSWERED: 80, InboundState.HANDED_OVER: 6, InboundState.SNOOZED: 2,
    InboundState.CLAIMED: 1, InboundState.WAITING: 61,
}  # fmt: skip
SETTLED = (InboundState.CLOSED, InboundState.ANSWERED, InboundState.HANDED_OVER)
_TABLE = InboundRow.__table__
_NAMES = [column.name for column in _TABLE.columns]


def fill(database: Database, stored: int, seed: int = 1) -> None:
    """Add rows until so many are stored. Needs some that were read, and users."""
    with database.reading() as session:
        told = select(_TABLE).where(_TABLE.c.understood_at.is_not(None), _TABLE.c.erased_at.is_(None)).limit(5_000)
        patterns = [dict(row) for row in session.execute(told).mappings()]
        accounts = [
            (one.id, one.unit_id, one.mode, one.channel)
            for one in session.scalars(select(Account))
            for _ in range(9 if one.mode is Mode.LIVE else 1)
        ]
        users = list(session.scalars(select(User.id)))
        broadcasts = {
            (one.unit_id, one.mode): (one.id, one.incident_id)
            for one in session.scalars(select(Broadcast).where(Broadcast.incident_id.is_not(None)))
        }
        there = len(session.scalars(select(InboundRow.id)).all())
    rows = _rows(random.Random(seed), patterns, accounts, users, broadcasts, stored - there)
    adding = _adding(sqlite=database.is_sqlite)
    with database.engine.connect() as connection:
        if database.is_sqlite:  # it is thrown away afterwards, so it need not reach the disk
            for setting in ("synchronous=OFF", "cache_size=-600000", "foreign_keys=OFF"):
                connection.connection.dbapi_connection.execute(f"PRAGMA {setting}")  # type: ignore[union-attr]
        while some := [row for _, row in zip(range(CHUNK), rows, strict=False)]:
            cells = [[_cell(row[name], sqlite=database.is_sqlite) for name in _NAMES] for row in some]
            connection.execute(adding, {"given": bulk.pack(cells)})
            connection.commit()
        connection.execute(text("ANALYZE"))
        connection.commit()
        connection.invalidate()  # with its settings
    if not database.is_sqlite:  # in months the server would have tidied up long ago, not while pages are asked for
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE inbound"))
            connection.execute(text("CHECKPOINT"))


def _rows(
    chance: random.Random,
    patterns: Sequence[dict[str, Any]],
    accounts: Sequence[tuple[uuid.UUID, uuid.UUID, Mode, str]],
    users: Sequence[uuid.UUID],
    broadcasts: dict[tuple[uuid.UUID, Mode], tuple[uuid.UUID, uuid.UUID | None]],
    count: int,
) -> Iterator[dict[str, Any]]:
    now, leads = utcnow(), dict[tuple[uuid.UUID, Mode], uuid.UUID]()
    states, weights = list(STATES), list(STATES.values())
    for number in range(count):
        account, unit, mode, channel = chance.choice(accounts)
        at = now - OVER + OVER * (number / count) * 0.999
        row = dict(chance.choice(patterns))
        row |= {"id": new_id(), "account_id": account, "unit_id": unit, "mode": mode, "channel": channel}
        row |= {"provider_id": f"kept-{number}", "author": f"@person{chance.randrange(count)}", "at": at}
        row |= {"received_at": at, "understood_at": at, "delivery_id": None, "folded_into_id": None, "folded": 0}
        row["broadcast_id"], row["incident_id"] = broadcasts.get((unit, mode), (None, None))
        row |= {
            "fold": chance.getrandbits(62),
            "state": InboundState.WAITING,
            "claimed_by": None,
            "claimed_until": None,
        }
        if (unit, mode) in leads and chance.random() < FOLDED:
            row["folded_into_id"] = leads[unit, mode]
        else:
            leads[unit, mode] = row["id"]
            row |= _state(chance, chance.choices(states, weights)[0], users, at, now)
        if now - at > OVER / 2 and row["state"] in SETTLED and chance.random() < ERASED * 2:
            row |= {"author": "", "author_name": "", "text": "", "raw": {}, "reasons": [], "fold": None}
            row["erased_at"] = at + OVER / 4
        yield row


def _state(
    chance: random.Random, state: InboundState, users: Sequence[uuid.UUID], at: datetime, now: datetime
) -> dict[str, Any]:
    if state in SETTLED:
        after = timedelta(minutes=chance.randrange(1, 240))
        return {
            "state": state,
            "settled_by": chance.choice(users),
            "settled_at": at + after,
            "settled_why": "known already",
        }
    if state is InboundState.CLAIMED:
        return {"state": state, "claimed_by": chance.choice(users), "claimed_until": now - timedelta(hours=1)}
    if state is InboundState.SNOOZED:
        return {"state": state, "snoozed_until": now + timedelta(hours=5)}
    return {"state": state}


def _adding(*, sqlite: bool) -> Any:
    given = bulk.table({name: _TABLE.c[name].type for name in _NAMES}, sqlite=sqlite)
    return insert(_TABLE).from_select(_NAMES, select(*given.c).where(literal_column("1") == 1), include_defaults=False)


def _cell(value: Any, *, sqlite: bool) -> Any:
    if isinstance(value, uuid.UUID):
        return bulk.of_id(value)
    if isinstance(value, datetime):
        return bulk.of_time(value, sqlite=sqlite)
    return value.value if isinstance(value, (Lane, Mode, InboundState)) else value
