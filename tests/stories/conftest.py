"""A database for stories that are about PostgreSQL only, and that may restart the server under it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases import clean_postgres


@pytest.fixture
def postgres_only(postgres_url: str) -> Iterator[str]:
    with clean_postgres(postgres_url) as url:
        yield url
