"""What Alembic runs: the changes, on the connection it is handed. The caller owns the transaction."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from crisis.models import Base
from crisis.models.base import UtcTime


def plain_types(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our own column types as what the database sees: an old change must run when our code has moved on."""
    if kind == "type" and isinstance(item, UtcTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # SQLite can't change a column, the table is copied; the first change of all only makes tables.
        render_as_batch=not context.config.attributes.get("first", False),
        render_item=plain_types,
        transactional_ddl=True,  # crisis/db.py says BEGIN itself, so SQLite's table changes roll back too
    )
    context.run_migrations()


run(context.config.attributes["connection"])
