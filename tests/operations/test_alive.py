"""The liveness probe of a worker: silent only when the database says so."""

from __future__ import annotations

import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from crisis.db import Database
from crisis.models import utcnow
from crisis.operations.alive import silent
from crisis.sending import pulse
from tests.tables import make_tables


@pytest.mark.parametrize(
    ("process", "seconds", "expected"),
    [
        ("sender-live@pod-1:7", 3, False),
        ("sender-live@pod-1:7", 61, True),
        ("sender-live@pod-12:7", 3, True),  # another pod's
        ("sender-drill@pod-1:7", 3, True),  # another kind
        (None, 0, True),
    ],
)
def test_who_is_silent(database: Database, process: str | None, seconds: float, expected: bool) -> None:
    now = utcnow()
    if process:
        with database.writing() as session:
            pulse.beat(session, process, process.partition("@")[0], now - timedelta(seconds=seconds))
    with database.reading() as session:
        assert silent(session, "sender-live", "pod-1", now) is expected


def test_a_restarted_process_in_the_same_pod_counts(database: Database) -> None:
    now = utcnow()
    with database.writing() as session:
        pulse.beat(session, "clock@pod-1:1", "clock", now - timedelta(hours=1))
        pulse.beat(session, "clock@pod-1:8", "clock", now)
    with database.reading() as session:
        assert not silent(session, "clock", "pod-1", now)


@pytest.mark.parametrize(("url", "status"), [("postgresql://crisis@127.0.0.1:1/crisis", 0), ("", 1)])
def test_a_database_that_is_away_ends_nobody(tmp_path: Path, url: str, status: int) -> None:
    (tmp_path / "crisis.toml").write_text(f'data_dir = "{tmp_path}"\ndatabase_url = "{url}"\n')
    if not url:
        there = Database(f"sqlite:///{tmp_path / 'crisis.db'}")
        make_tables(there)
        with there.writing() as session:
            pulse.beat(session, f"clock@{socket.gethostname()}:1", "clock", utcnow() - timedelta(hours=1))
        there.close()
    done = subprocess.run(
        [sys.executable, "-m", "crisis.operations.alive", "clock"],
        env={"CRISIS_SETTINGS": str(tmp_path / "crisis.toml"), "PATH": ""},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert ("silent" in done.stderr) == bool(status)
