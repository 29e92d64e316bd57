from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broadcasts.scene import Scene, a_scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with a_scene(tmp_path) as made:
        yield made
