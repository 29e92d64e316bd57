"""Where a benchmark runs: an empty folder and an empty database, SQLite and PostgreSQL in turn."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.databases import fresh_postgres
from tests.postgres import running_postgres


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="crisis-bench-") as name:
        yield Path(name)


def databases(stack: ExitStack) -> dict[str, str]:
    """The two kinds of database: the address of a server, or nothing for SQLite."""
    server = stack.enter_context(running_postgres())
    return {"SQLite": "", "PostgreSQL": server}


@contextmanager
def fresh(server: str) -> Iterator[tuple[Path, str]]:
    """An empty folder and, on that server, an empty database."""
    with ExitStack() as stack:
        yield stack.enter_context(folder()), stack.enter_context(fresh_postgres(server)) if server else ""
