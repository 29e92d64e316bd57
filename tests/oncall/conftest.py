from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broadcasts.scene import Scene, a_scene
from tests.oncall.callouts import Night


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[Scene]:
    """Once on each kind of database."""
    with a_scene(tmp_path, database_url) as made:
        yield made


@pytest.fixture
def night(tmp_path: Path, database_url: str) -> Iterator[Night]:
    """A hospital whose playbook is signed off, on both databases."""
    with a_scene(tmp_path, database_url) as scene:
        scene.sign_off()
        yield Night(scene)
