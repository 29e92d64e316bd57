"""An installation in a folder of its own: the example's settings, the real playbooks, and nothing of the machine's."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from crisis import runtime
from crisis.embedded import redis
from crisis.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, as a fresh checkout looks to the `crisis` command."""
    shutil.copy(ROOT / "crisis.example.toml", tmp_path)
    (tmp_path / "playbooks").symlink_to(ROOT / "playbooks")
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "PORT", "CRISIS_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def settings(folder: Path) -> Settings:
    """The demo's settings, read."""
    return runtime.load(folder / "crisis.example.toml")


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of our own, with the rights the embedded one gives."""
    with redis.running(tmp_path_factory.mktemp("redis")) as url:
        yield url


def free_ports(count: int) -> list[int]:
    """Ports nobody uses now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
