"""20,000 texts through a provider that accepts at once: ours, the usual queues, and the ceiling of the HTTP client.

Everybody writes one outcome per recipient to the same kind of database. Ours is counted from before the release to the
last outcome recorded; the queues from before the first task is queued to the last outcome recorded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select

from crisis.models import Account, Delivery
from crisis.states import DeliveryState, Mode
from tests.stories.town import ROOT, Town, eventually, free_port, town

DONE = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED)


@contextmanager
def instant() -> Iterator[str]:
    """The provider that accepts everything, in a process of its own. Gives its address."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.instant", str(port)], cwd=ROOT)
    try:
        time.sleep(0.7)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def bulk_town(folder: Path, provider: str, database_url: str, people: int) -> Iterator[Town]:
    """An installation whose SMS account has no limit, with `people` to reach and one live sender waiting."""

    def unlimited(source: str) -> str:
        head, mark, tail = source.partition('key = "sms-ous"\n')
        own, end, rest = tail.partition("[[accounts]]")
        old = own[own.index("base_url = ") :].split("\n", 1)[0]
        return head + mark + "pace = 10000\n" + own.replace(old, f'base_url = "{provider}"') + end + rest

    with town(folder, database_url=database_url, edit=unlimited) as here:
        here.populate(people)
        yield here


def ours(folder: Path, provider: str, database_url: str, people: int) -> float:
    """Recipients a second with one sender, release and recording included."""
    with bulk_town(folder, provider, database_url, people) as here:
        here.start("sender-live", "clock")
        incident = here.open(Mode.LIVE)
        start = time.perf_counter()
        broadcast = here.release(incident, channels=("sms",))
        eventually(lambda: here.counted(broadcast).get("accepted", 0) >= people, within=600, every=0.02)
        took = time.perf_counter() - start
        peak = _peak_mib(here.processes["sender-live"].pid)
        with here.runtime.database.reading() as session:
            recorded = session.scalar(
                select(func.count()).select_from(Delivery).where(Delivery.state.in_(DONE), Delivery.attempts == 1)
            )
        if recorded != people:
            raise AssertionError(f"{recorded} recorded of {people}")
        print(f"      sender's memory at most {peak:.0f} MiB")
        return people / took


def queue(folder: Path, provider: str, database_url: str, people: int, kind: str) -> float:
    """Recipients a second with one task per recipient: kind is celery-prefork, celery-gevent or rq."""
    with bulk_town(folder, provider, database_url, people) as here:
        with here.runtime.database.writing() as session:
            account = session.scalars(select(Account).where(Account.key == "sms-ous")).one()
            account.paused_reason = "the peer's turn"
        broadcast = here.release(here.open(Mode.LIVE), channels=("sms",))
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
            from benchmarks import peers  # noqa: PLC0415 - reads the environment set above

            peers.wait_until_up(kind)
            start = time.perf_counter()
            peers.enqueue(kind, rows)
            eventually(lambda: _recorded(here) >= people, within=900, every=0.05)
            return people / (time.perf_counter() - start)
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(20)
            del broadcast


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


def ceiling(provider: str, people: int) -> float:
    """Recipients a second of our own SMS adapter in a bare loop: no queue, no database."""
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.ceiling", provider, str(people)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(told.stdout)


def _peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
