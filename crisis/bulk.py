"""Many rows in one statement: handed to the database as one JSON parameter, handed back as one JSON value.

A statement for each row costs the driver, the mapper and the interpreter's lock a visit for each row, and the thread that
speaks to providers waits each time. Here the database does the loop itself, on SQLite and on PostgreSQL alike.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Dialect,
    Subquery,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

ID = Uuid()


def is_sqlite(dialect: Dialect) -> bool:
    return dialect.name == "sqlite"


def table(columns: Mapping[str, TypeEngine[Any]], *, sqlite: bool, name: str = "given") -> Subquery:
    """The rows of the parameter `name` as a table with these columns; `pack` makes the parameter."""
    if sqlite:
        each = func.json_each(bindparam(name, type_=Text())).table_valued("value", name=f"{name}_each")
        cells = [
            func.json_extract(each.c.value, f"$[{at}]", type_=kind).label(key)
            for at, (key, kind) in enumerate(columns.items())
        ]
    else:
        each = func.jsonb_array_elements(cast(bindparam(name, type_=Text()), JSONB)).table_valued(
            column("value", JSONB), name=f"{name}_each"
        )
        cells = [cast(each.c.value.op("->>")(at), kind).label(key) for at, (key, kind) in enumerate(columns.items())]
    return select(*cells).select_from(each).subquery(name)


def one_of(wanted: InstrumentedAttribute[Any], values: Iterable[Any], dialect: Dialect) -> ColumnElement[bool]:
    """`wanted` is one of many values, handed over as one parameter: a statement with a place for each value costs its
    length again every time it is read. Ids, numbers and texts.
    """
    if is_sqlite(dialect):
        cells = [of_id(one) if isinstance(one, uuid.UUID) else one for one in values]
        each = func.json_each(literal(json.dumps(cells), Text())).table_valued("value", name="wanted")
        return wanted.in_(select(each.c.value))
    return wanted == func.any(literal(list(values), ARRAY(wanted.type)))


def gathered(found: Subquery, *, sqlite: bool) -> ColumnElement[str]:
    """All rows of `found` as one JSON text, a list of lists; null when there are none."""
    if sqlite:
        return func.json_group_array(func.json_array(*found.c))
    return cast(func.json_agg(func.json_build_array(*found.c)), Text)


def fresh_id(turn: ColumnElement[int], *, sqlite: bool) -> ColumnElement[uuid.UUID]:
    """A new UUIDv7 for each row, made by the database: this millisecond, the row's turn (from 1), then 48 bits of chance.

    The turn stands where RFC 9562 (6.2, method 1) has a counter, so that rows stand in the table in the order in which
    they are claimed: with chance alone each delivery of a batch lay on a page of its own.
    """
    moment = f"{time.time_ns() // 1_000_000:012x}"
    number = turn % 0x1_000_000  # beyond these only the order is lost
    if sqlite:
        counter = func.printf("%06x", number, type_=Text())
        made: ColumnElement[Any] = (
            literal(f"{moment}7", Text())
            + func.substr(counter, 1, 3)
            + literal("8", Text())
            + func.substr(counter, 4, 3)
            + func.lower(func.hex(func.randomblob(6)))
        )
        return type_coerce(made, ID)
    counter = func.lpad(func.to_hex(number), 6, "0", type_=Text())
    head = literal(f"{moment[:8]}-{moment[8:]}-7", Text()) + func.substr(counter, 1, 3) + literal("-8", Text())
    chance = func.right(cast(func.gen_random_uuid(), Text), 12)  # the part of a version 4 that is nothing but chance
    return cast(head + func.substr(counter, 4, 3) + literal("-", Text()) + chance, ID)


def pack(rows: Iterable[Sequence[Any]]) -> str:
    """The parameter for `table`. Cells are what `of_id` and `of_time` make, texts, numbers and None."""
    return json.dumps(list(rows), separators=(",", ":"))


def of_id(value: uuid.UUID) -> str:
    """As SQLite keeps it; PostgreSQL reads it, too."""
    return value.hex


def of_time(value: datetime, *, sqlite: bool) -> str:
    """As SQLite keeps it, in UTC; PostgreSQL is told the zone."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.replace(tzinfo=None).isoformat(" ", "microseconds") if sqlite else value.isoformat()


def to_time(text: str) -> datetime:
    """A time out of `gathered`."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
