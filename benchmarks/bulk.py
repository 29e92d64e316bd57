"""Thousands of texts through a provider that accepts at once: ours with one and two senders, and the client's ceiling.

Counted from before the release to the last outcome recorded in the database. Everybody measured here, the other queues
too, has sent a hundred texts before, because a process that waits for a crisis has long been warm.
"""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, insert, select

from benchmarks.processes import busy_seconds, peak_mib
from crisis.models import Delivery, Destination, Group, Person, Unit, membership, new_id
from crisis.states import DeliveryState, Mode
from tests.stories.town import ROOT, Town, eventually, free_port, town

DONE = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED)
SENDERS = ("sender-live", "sender-live-2", "sender-live-3")
WARM = 100


@dataclass(frozen=True, slots=True)
class Run:
    """What one broadcast cost. Memory is that of the largest sender, processor time that of all senders."""

    people: int
    seconds: float
    sender_us: float  # of processor time, for each delivery
    memory_mib: float

    @property
    def rate(self) -> float:
        return self.people / self.seconds


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
def bulk_town(folder: Path, provider: str, database_url: str, shards: int = 1) -> Iterator[Town]:
    """An installation whose SMS account has no limit, without people or processes yet."""
    with town(folder, database_url=database_url) as here:
        unlimited(folder / "crisis.toml", provider, shards)
        here.cold = True  # memory and cost of processes that were started as on a real machine
        yield here


def unlimited(settings: Path, provider: str, shards: int = 1) -> None:
    """Let the SMS account of a town speak to that provider, as fast as it can. For processes started from now on."""
    head, mark, tail = settings.read_text().partition('key = "sms-ous"\n')
    own, end, rest = tail.partition("[[accounts]]")
    old = own[own.index("base_url = ") :].split("\n", 1)[0]
    own = own.replace(old, f'base_url = "{provider}"')
    split = f"shards = {shards}\n" if shards > 1 else ""
    settings.write_text(head + mark + "pace = 10000\n" + split + own + end + rest)


def crowd(here: Town, group: str, people: int) -> str:
    """A new group of so many people with a phone each, written row by row as an import would leave them."""
    with here.runtime.database.writing() as session:
        unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
        group_id, ids = new_id(), [new_id() for _ in range(people)]
        first = here.people
        here.people += people
        session.execute(insert(Group.__table__).values(id=group_id, unit_id=unit_id, key=group, name=group))  # type: ignore[arg-type]
        for start in range(0, people, 5000):
            some = list(enumerate(ids[start : start + 5000], first + start))
            session.execute(
                insert(Person.__table__),  # type: ignore[arg-type]
                [{"id": who, "unit_id": unit_id, "reference": f"b{n}", "name": f"Person {n}"} for n, who in some],
            )
            session.execute(
                insert(Destination.__table__),  # type: ignore[arg-type]
                [{"person_id": who, "medium": "phone", "address": f"+4741{n:06}"} for n, who in some],
            )
            session.execute(insert(membership), [{"group_id": group_id, "person_id": who} for _, who in some])
    return group


def send(here: Town, incident: uuid.UUID, group: str, people: int, senders: int = 1) -> Run:
    """Release one broadcast to a group and wait until every outcome is recorded."""
    pids = [here.processes[name].pid for name in SENDERS[:senders]]
    before = sum(map(busy_seconds, pids))
    start = time.perf_counter()
    broadcast = here.release(incident, channels=("sms",), audiences=(group,))
    eventually(lambda: here.counted(broadcast).get("accepted", 0) >= people, within=1200, every=0.03)
    took = time.perf_counter() - start
    spent = sum(map(busy_seconds, pids)) - before
    with here.runtime.database.reading() as session:
        asked = select(func.count()).where(Delivery.broadcast_id == broadcast, Delivery.state.in_(DONE))
        recorded = session.scalar(asked.where(Delivery.attempts == 1))
    if recorded != people:
        raise AssertionError(f"{recorded} recorded once of {people}")
    return Run(people, took, spent / people * 1e6, max(map(peak_mib, pids)))


def warmed(here: Town, senders: int = 1) -> uuid.UUID:
    """Start senders and clock, and let them send a hundred texts. Gives the incident."""
    for name in (*SENDERS[:senders], "clock"):  # one by one: starting costs seconds of processor time
        here.start(name)
        eventually(lambda name=name: here.beats(name), within=90)
    incident = here.open(Mode.LIVE)
    send(here, incident, crowd(here, "warm", WARM), WARM, senders)
    return incident


def ours(folder: Path, provider: str, database_url: str, people: int, senders: int = 1) -> Run:
    """One broadcast, with so many senders that share the account in as many shards."""
    with bulk_town(folder, provider, database_url, senders) as here:
        group = crowd(here, "everybody", people)
        return send(here, warmed(here, senders), group, people, senders)


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
