"""A Redis that stories can stop, freeze, empty and start again, and a disk that can be full."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from crisis.embedded import redis as embedded


class RedisServer:
    """A real server on one address, whatever happens to its process."""

    def __init__(self, folder: Path) -> None:
        self._own = embedded.prepare(folder, embedded.find_server())
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = self._own.url
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._own.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        embedded.wait_until_up(self.url, self._process)

    def stop(self, *, forget: bool = False) -> None:
        """The power goes; with `forget` the disk is lost as well."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if forget:
            for file in sorted(self._folder.rglob("*"), reverse=True):
                if file.name != "redis.conf":
                    file.rmdir() if file.is_dir() else file.unlink()

    def freeze(self, frozen: bool = True) -> None:
        """It takes connections and answers nobody."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def empty(self) -> None:
        with redis.Redis.from_url(self.url) as connection:
            for key in connection.keys("*"):  # our user may not FLUSHALL
                connection.delete(key)


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    server = RedisServer(folder)
    try:
        yield server
    finally:
        if server._process is not None:
            server.freeze(False)
        server.stop()


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system that is soon full. Skips where we may not mount one."""
    folder.mkdir(parents=True)
    asked = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "crisis-test", str(folder)], capture_output=True, check=False
    )
    if asked.returncode:
        pytest.skip(f"no right to mount a small disk here: {asked.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write until nothing fits; deleting the file it gives makes room again."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 65536)
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x")
    return path
