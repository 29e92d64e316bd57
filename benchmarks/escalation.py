"""What a tick of the clock costs while 100,000 alerts climb: nothing due, and as many due as one tick takes.

`python -m benchmarks.escalation [--open N] [--rounds N]`. Each due alert asks one person over SMS.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, select, update

from benchmarks.figures import heading, spread
from crisis.actor import SYSTEM
from crisis.models import Account, Alert, Destination, Person, Rota, RotaTurn, Unit, new_id
from crisis.oncall import escalation_plan
from crisis.runtime import Runtime
from crisis.states import AlertState, EscalationPurpose, Mode
from tests.conftest import fresh_postgres
from tests.postgres import running_postgres
from tests.stories.town import town
from workers.clock import climb

CHUNK = 5000


def measure(folder: Path, database_url: str, alerts: int, rounds: int) -> None:
    heading(f"A tick with {alerts:,} open escalation steps ({'PostgreSQL' if database_url else 'SQLite'})")
    with town(folder, database_url=database_url, redis=False) as here:
        runtime = here.runtime
        _fill(runtime, alerts)
        idle, busy, moved = [], [], 0
        for _ in range(rounds):
            idle.append(_tick(runtime))
            with runtime.database.writing() as session:
                due = select(Alert.id).where(Alert.due_at > datetime.now(UTC)).limit(1000)
                session.execute(update(Alert).where(Alert.id.in_(due)).values(due_at=datetime.now(UTC)))
            busy.append(_tick(runtime))
            with runtime.database.writing() as session:
                left = update(Alert).where(Alert.due_at <= datetime.now(UTC))
                later = datetime.now(UTC) + timedelta(days=1)
                moved += 1000 - session.execute(left.values(due_at=later)).rowcount  # type: ignore[attr-defined]
        print(f"  {'nothing due':<16} {spread(idle)}")
        print(f"  {'1,000 due':<16} {spread(busy)}   {moved / rounds:.0f} steps made in each")


def _tick(runtime: Runtime) -> float:
    began = time.perf_counter()
    climb(runtime)
    return (time.perf_counter() - began) * 1000


def _fill(runtime: Runtime, alerts: int) -> None:
    now = datetime.now(UTC)
    with runtime.database.writing() as session:
        unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
        assert session.scalars(select(Account).where(Account.unit_id == unit_id, Account.channel == "sms")).first()
        person = Person(unit_id=unit_id, reference="b1", name="Anne")
        person.destinations = [Destination(medium="phone", address="+4790000001")]
        rota = Rota(
            unit_id=unit_id, key="bench", name="Bench", zone="Europe/Oslo", every="week", handover="08:00",
            begins=date(2026, 1, 5), turns=[RotaTurn(position=0, person=person)],
        )  # fmt: skip
        session.add_all([person, rota])
        session.flush()
        escalation = escalation_plan.save(
            session, SYSTEM, unit_id, None, key="bench", name="Bench", purpose=EscalationPurpose.ALERT, repeats=10,
            steps=[escalation_plan.Step("rota", rota.id, 3600)],
        )  # fmt: skip
        for start in range(0, alerts, CHUNK):
            rows = [
                {
                    "id": new_id(), "unit_id": unit_id, "mode": Mode.LIVE, "key": f"k{number}", "title": "Title",
                    "source": "api", "state": AlertState.OPEN, "escalation_id": escalation.id,
                    "due_at": now + timedelta(hours=1, milliseconds=number),
                }
                for number in range(start, min(start + CHUNK, alerts))
            ]  # fmt: skip
            session.execute(insert(Alert), rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.escalation")
    parser.add_argument("--open", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    told = parser.parse_args()
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(3)]
        measure(folders[0], "", told.open, told.rounds)
        server = stack.enter_context(running_postgres(folders[1]))
        measure(folders[2], stack.enter_context(fresh_postgres(server)), told.open, told.rounds)


if __name__ == "__main__":
    main()
