"""A PostgreSQL server of our own for the tests: started in a folder and on a port of its own, gone afterwards.

PostgreSQL refuses to run as root, so root hands it to an ordinary user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ORDINARY_USERS = ("postgres", "nobody")


class NoPostgres(Exception):
    """There is no PostgreSQL here; the text says what to install."""


def programs() -> Path:
    """The folder with initdb and pg_ctl. Raises `NoPostgres`."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda at: int(at.parts[-3]), reverse=True)
    on_path = shutil.which("initdb")
    for initdb in [*found, *([Path(on_path).resolve()] if on_path else [])]:
        if (initdb.parent / "pg_ctl").exists():
            return initdb.parent
    raise NoPostgres("no PostgreSQL server here: install one (Debian and Ubuntu: apt-get install postgresql)")


@contextmanager
def running_postgres(_tmp: Path | None = None) -> Iterator[str]:
    """A running server for as long as the block lasts; gives the URL of its first database. Never waits for the disk."""
    where = programs()
    # Not pytest's own folder: an ordinary user may not enter it, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="crisis-pg-", dir="/tmp"))
    before = _become(folder)
    data, port = folder / "data", _free_port()
    options = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        " -c synchronous_commit=off -c full_page_writes=off -c max_connections=120"
    )
    try:
        _run([*before, where / "initdb", "-D", data, "-U", "crisis", "-A", "trust", "-E", "UTF8", "--locale=C"])
        _run([*before, where / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", folder / "log", "-o", options, "start"])
        try:
            yield f"postgresql://crisis@127.0.0.1:{port}/postgres"
        finally:
            _run([*before, where / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _become(folder: Path) -> list[str]:
    """What to put before a command, so that it does not run as root; `folder` is handed over too."""
    if os.geteuid() != 0:
        return []
    for name in ORDINARY_USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
    raise NoPostgres("PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody' to run it as")


def _run(command: list[str | Path]) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        raise NoPostgres(f"{command[-1]} failed: {done.stderr.strip() or done.stdout.strip()}")
