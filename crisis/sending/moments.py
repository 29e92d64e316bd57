"""Time in the database: what our ids say about when they were made, and how long it is between two columns.

Ids are UUIDv7, so the primary key of a table is in order of time, and "the newest" needs no index of its own.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Float
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


def earliest_id(moment: datetime) -> uuid.UUID:
    """No id made at `moment` or later is smaller: ids begin with the time they were made, in milliseconds."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


def made_at(made: uuid.UUID) -> datetime:
    """When an id of ours was made."""
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC)


class seconds_between(FunctionElement[float]):  # noqa: N801 - reads like the SQL function it stands for
    """Seconds from the first time to the second, which may lie before it."""

    type = Float()
    inherit_cache = True


@compiles(seconds_between, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"((julianday({end}) - julianday({start})) * 86400.0)"


@compiles(seconds_between, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"EXTRACT(EPOCH FROM ({end} - {start}))"
