"""Fixtures everybody shares: a fresh database of each kind."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import create_engine, text

from crisis import passwords
from crisis.db import Database
from crisis.models import Base
from tests.postgres import running_postgres


@pytest.fixture(scope="session", autouse=True)
def product_hasher() -> Iterator[PasswordHasher]:
    """Tests hash passwords cheaply, by the hundred; this gives the product's own, whose cost is its protection."""
    own = passwords.HASHER
    passwords.HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield own
    passwords.HASHER = own


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of our own, for the whole run."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@contextlib.contextmanager
def fresh_postgres(server_url: str) -> Iterator[str]:
    """An empty database on that server, dropped afterwards."""
    name = f"crisis_{uuid.uuid4().hex[:12]}"
    admin = create_engine(server_url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield f"{server_url.rsplit('/', 1)[0]}/{name}"
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'crisis.db'}"
    else:
        with fresh_postgres(request.getfixturevalue("postgres_url")) as url:
            yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with its tables, once of each kind."""
    parts = Database(database_url)
    Base.metadata.create_all(parts.engine)
    yield parts
    parts.close()
