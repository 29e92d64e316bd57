"""Databases of a test's own on a PostgreSQL server: an empty one, or one with today's tables and no rows.

Those with tables are emptied and given to the next test: making one takes longer than most tests do. One whose tables
a test has changed is thrown away.
"""

from __future__ import annotations

import contextlib
import uuid
from collections import defaultdict
from collections.abc import Iterator

import psycopg
from psycopg import sql

from crisis import migrations
from crisis.db import Database
from crisis.models import Base
from tests.tables import make_tables

_FREE: dict[str, list[str]] = defaultdict(list)  # by server
_SHAPE: dict[str, object] = {}  # of the tables as they were made, by database

# Whoever changes a table, an index, a key or a trigger changes one of these.
SHAPE = """
SELECT (SELECT md5(string_agg(relname || relkind::text, ',' ORDER BY relname)) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
       (SELECT md5(string_agg(attrelid::regclass || attname || atttypid || attnotnull, ',' ORDER BY attrelid, attnum))
          FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace),
       (SELECT md5(string_agg(conname || contype::text, ',' ORDER BY conname)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace),
       (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal)
"""
FEW = 1 << 20  # bytes; a larger table is cut off, a smaller one is emptied row by row, which is quicker


@contextlib.contextmanager
def fresh_postgres(server_url: str) -> Iterator[str]:
    """The address of an empty database, dropped afterwards."""
    name = _create(server_url)
    try:
        yield _address(server_url, name)
    finally:
        _drop(server_url, name)


@contextlib.contextmanager
def clean_postgres(server_url: str) -> Iterator[str]:
    """The address of a database with tables and no rows."""
    name = _FREE[server_url].pop() if _FREE[server_url] else _with_tables(server_url)
    try:
        yield _address(server_url, name)
    finally:
        if _emptied(server_url, name):
            _FREE[server_url].append(name)
        else:
            _drop(server_url, name)


def _with_tables(server_url: str) -> str:
    name = _create(server_url)
    made = Database(_address(server_url, name))
    make_tables(made)
    made.close()
    with psycopg.connect(_address(server_url, name)) as connection:
        _SHAPE[name] = connection.execute(SHAPE).fetchone()
    return name


def _emptied(server_url: str, name: str) -> bool:
    """Leave the tables as they were made. False when they are not what they were."""
    with psycopg.connect(_address(server_url, name), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", [name])  # fmt: skip
        if connection.execute(SHAPE).fetchone() != _SHAPE[name]:
            return False
        tables = [sql.Identifier(table) for table in Base.metadata.tables]
        asked = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {0}, pg_table_size({0}::regclass) WHERE EXISTS (SELECT FROM {1})").format(
                table.as_string(), table
            )
            for table in tables
        )
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")  # no foreign keys, no order to mind
            for table, size in connection.execute(asked).fetchall():
                word = "DELETE FROM" if size < FEW else "TRUNCATE"
                connection.execute(f"{word} {table}{' CASCADE' if word == 'TRUNCATE' else ''}")
            newest = connection.execute("SELECT count(*), min(version_num) FROM alembic_version").fetchone()
    return newest == (1, migrations.newest())


def _create(server_url: str) -> str:
    name = f"crisis_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return name


def _drop(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _address(server_url: str, name: str) -> str:
    return f"{server_url.rsplit('/', 1)[0]}/{name}"
