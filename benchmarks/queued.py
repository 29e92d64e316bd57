"""The same work the usual way: one task per recipient in Celery or RQ, written to the same kind of database.

Counted from before the first task is queued to the last outcome recorded. The deliveries are there already: what a
release costs is counted for ours alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.bulk import DONE, WARM, bulk_town, crowd
from crisis.models import Account, Delivery
from crisis.states import Mode
from tests.stories.town import ROOT, Town, eventually

PEERS = ("celery-prefork", "celery-gevent", "rq")


def rate(folder: Path, provider: str, database_url: str, people: int, kind: str) -> float:
    """Recipients a second; `kind` is one of `PEERS`."""
    with bulk_town(folder, provider, database_url) as here:
        group = crowd(here, "everybody", people + WARM)
        with here.runtime.database.writing() as session:
            account = session.scalars(select(Account).where(Account.key == "sms-ous")).one()
            account.paused_reason = "the peer's turn"
        here.release(here.open(Mode.LIVE), channels=("sms",), audiences=(group,))
        environment = {
            **here.environment,
            "BENCH_PROVIDER": provider,
            "BENCH_DATABASE": here.runtime.database.url,
            "BENCH_REDIS": here.redis_url,
        }
        os.environ.update({name: environment[name] for name in environment if name.startswith("BENCH_")})
        with here.runtime.database.reading() as session:
            rows = [(str(one.id), one.address) for one in session.execute(select(Delivery.id, Delivery.address)).all()]
        workers = _workers(kind, environment)
        try:
            return _timed(here, kind, rows)
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(20)


def _timed(here: Town, kind: str, rows: Sequence[tuple[str, str]]) -> float:
    from benchmarks import peers  # noqa: PLC0415 - reads the environment set above

    peers.wait_until_up(kind)
    peers.enqueue(kind, rows[:WARM])
    eventually(lambda: _recorded(here) >= WARM, within=120)
    start = time.perf_counter()
    peers.enqueue(kind, rows[WARM:])
    eventually(lambda: _recorded(here) >= len(rows), within=900, every=0.05)
    return (len(rows) - WARM) / (time.perf_counter() - start)


def _recorded(here: Town) -> int:
    with here.runtime.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Delivery).where(Delivery.state.in_(DONE))) or 0


def _workers(kind: str, environment: dict[str, str]) -> list[subprocess.Popen[bytes]]:
    celery = [sys.executable, "-m", "celery", "-A", "benchmarks.peers", "worker", "-l", "ERROR", "--without-mingle"]
    commands = {
        "celery-prefork": [[*celery, "-P", "prefork", "-c", "2"]],
        "celery-gevent": [[*celery, "-P", "gevent", "-c", "100"]],
        "rq": [[sys.executable, "-m", "benchmarks.peers", "rq"]] * 2,
    }[kind]
    return [
        subprocess.Popen(one, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for one in commands
    ]
