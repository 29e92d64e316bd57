"""Engine and sessions: the one place that knows SQLite from PostgreSQL.

`reading()` gives a session that must not write; `writing()` gives one that commits at the end of the block or not at
all. On SQLite a writing transaction takes the write lock at once, so two writers wait for each other instead of failing
half-way.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Engine, Executable, create_engine, event
from sqlalchemy.orm import Session, sessionmaker

BUSY_SECONDS = 15
ASKED_EVERY = (
    0.001  # seconds between looks whether the write lock is free; SQLite by itself soon looks every tenth only
)


class Database:
    """An engine and its two kinds of session. Safe to share between threads; not between forks."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self.after_commit: Callable[[Session], None] | None = None  # sends the wake-ups noted in the session
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            self.engine = _sqlite_engine(url)
        else:
            self.engine = create_engine(
                url.replace("postgresql://", "postgresql+psycopg://").replace("postgres://", "postgresql+psycopg://"),
                pool_size=pool_size,
                max_overflow=pool_size,
                pool_pre_ping=True,
                pool_use_lifo=True,
                connect_args={"connect_timeout": 5, "options": "-c timezone=utc -c lock_timeout=15s"},
            )
        self._writing = sessionmaker(self.engine.execution_options(crisis_write=True), expire_on_commit=False)
        self._reading = sessionmaker(self.engine, expire_on_commit=False, autoflush=False)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session in one transaction, committed at the end of the block; rolled back when the block raises."""
        with self._writing() as session:
            with session.begin():
                yield session
            if self.after_commit is not None:
                self.after_commit(session)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session over one consistent view; whatever is changed in it is thrown away."""
        with self._reading() as session:
            yield session

    def close(self) -> None:
        self.engine.dispose()


def _sqlite_engine(url: str) -> Engine:
    path = url.removeprefix("sqlite:///")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, pool_use_lifo=True)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
            f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4096;"
        )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("crisis_write")
        if not write or not _has_write_lock(cast("sqlite3.Connection", connection.connection.dbapi_connection)):
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _has_write_lock(connection: sqlite3.Connection) -> bool:
    """Begin to write, or False when that was not possible for `BUSY_SECONDS`: then the caller asks once more and is told why.

    SQLite's own waiting sleeps longer each time, so that whoever has waited long is passed by those who have just come;
    a webhook then waits a second for a lock that was free a hundred times.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    connection.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < deadline:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    return False
                time.sleep(ASKED_EVERY)
            else:
                return True
    finally:
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    return False


def rows_changed(session: Session, statement: Executable) -> int:
    """Run an UPDATE, DELETE or INSERT and say how many rows it changed: one changed row means it is mine."""
    # Without the option psycopg's count of an INSERT is lost with its cursor, and -1 would pass for "mine".
    counted = session.execute(statement, execution_options={"preserve_rowcount": True})
    return cast("CursorResult[Any]", counted).rowcount
