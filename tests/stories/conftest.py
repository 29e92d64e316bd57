"""Databases for stories that are about one kind only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import fresh_postgres


@pytest.fixture
def postgres_only(postgres_url: str) -> Iterator[str]:
    with fresh_postgres(postgres_url) as url:
        yield url
