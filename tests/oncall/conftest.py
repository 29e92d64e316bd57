from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broadcasts.scene import Scene, a_scene


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[Scene]:
    """Once on each kind of database."""
    with a_scene(tmp_path, database_url) as made:
        yield made
