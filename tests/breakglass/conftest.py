"""A vault on SQLite for whoever needs nothing special."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.breakglass.scene import Vault, vault


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Vault]:
    with vault(tmp_path) as found:
        yield found
