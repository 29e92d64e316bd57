"""Today's tables in an empty database, without walking through every revision: quick, for the hundreds of tests that need some.

That the revisions lead to exactly these tables is proven in test_db.py.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import text

from crisis import migrations
from crisis.db import Database
from crisis.models import Base


def make_tables(database: Database) -> None:
    with database.engine.execution_options(crisis_write=True).begin() as connection:
        Base.metadata.create_all(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:newest)"), {"newest": _newest()})


@cache
def _newest() -> str | None:
    return migrations.newest()
