"""Fixtures everybody shares: a fresh database of each kind."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from jinja2 import FileSystemBytecodeCache

from crisis import passwords
from crisis.db import Database
from tests.databases import clean_postgres, fresh_postgres
from tests.postgres import running_postgres
from tests.tables import make_tables

LONG = (
    "tests/stories/",
    "tests/breakglass/",
    "tests/browser/",
    "tests/embedded/test_run",
    "tests/embedded/test_boot",
    "tests/console/test_accessible",
    "tests/console/test_callouts_accessible",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Stories first, the same number for each worker, so that none has minutes left when the others have ended.

    Each worker begins with its part of the list, in order, and takes from the others' ends when it has done it.
    """
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    stories = [item for item in items if item.nodeid.startswith(LONG)]
    others = [item for item in items if not item.nodeid.startswith(LONG)]
    total, taken, dealt = len(items), 0, []
    for number in range(workers):
        size = total // (workers - number)  # as pytest-xdist cuts the list
        total -= size
        mine = stories[number::workers]
        rest = max(0, size - len(mine))
        dealt += [*mine, *others[taken : taken + rest]]
        taken += rest
    items[:] = [*dealt, *others[taken:]]


def pytest_collection_finish() -> None:
    """What is loaded by now stays: nobody looks through it for waste again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hundreds of consoles are made; a template is compiled for the first of them, and read by the others."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if os.environ.get("PYTEST_XDIST_WORKER") else folder) / "templates"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": FileSystemBytecodeCache(str(folder))})
        yield


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


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'crisis.db'}"
    else:
        with fresh_postgres(request.getfixturevalue("postgres_url")) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database for this test alone, once of each kind; `make_tables` sees to its tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'crisis.db'}"
    else:
        with clean_postgres(request.getfixturevalue("postgres_url")) as url:
            yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with its tables, once of each kind."""
    parts = Database(database_url)
    make_tables(parts)
    yield parts
    parts.close()
