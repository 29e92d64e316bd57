"""Today's tables in a database, without walking through every revision: quick, for the hundreds of tests that need some.

On SQLite they are copied from one made earlier in the same process. That the revisions lead to exactly these tables is
proven in test_db.py.
"""

from __future__ import annotations

import sqlite3
import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import inspect

from crisis import migrations
from crisis.db import Database


def make_tables(database: Database) -> None:
    """Nothing is done where there are tables already."""
    if database.is_sqlite:
        _copy(Path(database.url.removeprefix("sqlite:///")))
    else:
        with database.engine.connect() as connection:
            empty = not inspect(connection).has_table(migrations.TABLE)
        if empty:
            migrations.create(database)


def _copy(path: Path) -> None:
    """Through SQLite's own copying, because somebody may have opened the file already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target = sqlite3.connect(path)
    try:
        target.execute("PRAGMA journal_mode=WAL")
        if target.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            source = sqlite3.connect(":memory:")
            source.deserialize(_pattern())
            source.backup(target)
            source.close()
    finally:
        target.close()


@cache
def _pattern() -> bytes:
    """A database with all tables and no rows, as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pattern.db"
        made = Database(f"sqlite:///{path}")
        migrations.create(made)
        made.close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")  # all of it in one file
        connection.close()
        return path.read_bytes()
