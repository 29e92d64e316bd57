"""A call-out to 1,000 people at 100 calls a second: when the first phone rings, how even the pace is, how soon it stops.

`python -m benchmarks.callout [--people N] [--pace N] [--rounds N]`. Real processes; the pretend telephones note when
each call came in.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import select

from benchmarks.figures import heading, spread
from crisis.models import CallOut
from crisis.states import CallOutState
from tests.conftest import fresh_postgres
from tests.postgres import running_postgres
from tests.stories.proof import with_lines
from tests.stories.staff import Ward
from tests.stories.town import Town, eventually, town

PROCESSES = ("console", "sender-live", "clock")


def rang(here: Town) -> list[float]:
    """When each call reached the provider, in seconds since 1970, in order."""
    return sorted(call.created for call in list(here.simulator.internet.exchange.calls.values()))


def even(here: Town, ward: Ward, people: int) -> tuple[float, float]:
    """Nobody answers: seconds from the release to the first call, and calls a second of all but the first burst."""
    ward.crowd(shares={"ignore": 1}, speed=1, calls_per_second=10_000)
    ward.start(people, surplus=100, again_seconds=3600, widen_seconds=3600)
    eventually(lambda: len(rang(here)) >= people, within=people / 10 + 60)
    times = rang(here)
    skipped = people // 4  # what the account had saved up leaves at once
    pace = (len(times) - 1 - skipped) / (times[-1] - times[skipped])
    return times[0] - ward.pressed, pace


def stopped(here: Town, ward: Ward, needed: int) -> tuple[float, int]:
    """Everybody says yes at once: seconds from the last place filled to the last call, and calls that came after."""
    ward.crowd(shares={"yes": 1}, after=[0, 0.2], thinks=[0, 0.5], speed=1_000, calls_per_second=10_000)
    before = len(rang(here))
    ward.start(needed, surplus=1000, again_seconds=3600, widen_seconds=3600)
    eventually(lambda: ward.state() is CallOutState.FILLED, within=60)
    time.sleep(3)
    with here.runtime.database.reading() as session:
        filled = session.scalars(select(CallOut.ended_at).where(CallOut.id == ward.call_out_id)).one()
    assert filled is not None
    late = [one - filled.timestamp() for one in rang(here)[before:] if one > filled.timestamp()]
    return max(late, default=0.0), len(late)


def measure(name: str, server: str, people: int, pace: int, rounds: int) -> None:
    heading(f"A call-out to {people:,} people at {pace} calls a second ({name})")
    first, paces, stops, extra = [], [], [], []
    for _ in range(rounds):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crisis-bench-")))
            url = stack.enter_context(fresh_postgres(server)) if server else ""
            edit = with_lines(voice_ous=f"pace = {pace}")
            here = stack.enter_context(town(folder, database_url=url, edit=edit))
            Ward(here).nurses(people)
            here.start(*PROCESSES)
            seconds, held = even(here, Ward(here), people)
            first.append(seconds * 1000)
            paces.append(held)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crisis-bench-")))
            url = stack.enter_context(fresh_postgres(server)) if server else ""
            here = stack.enter_context(town(folder, database_url=url, edit=edit))
            Ward(here).nurses(people)
            here.start(*PROCESSES)
            seconds, calls = stopped(here, Ward(here), people // 20)
            stops.append(seconds * 1000)
            extra.append(calls)
    print(f"  {'first call':<26} {spread(first)}")
    print(
        f"  {'pace held':<26} {statistics.median(paces):.1f} /s ({min(paces):.1f} to {max(paces):.1f}), "
        f"{statistics.median(paces) / pace - 1:+.1%}"
    )
    print(f"  {'last call after the last yes':<26} {spread(stops)}   {statistics.median(extra):.0f} calls")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.callout")
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--pace", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    told = parser.parse_args()
    measure("SQLite", "", told.people, told.pace, told.rounds)
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder)) as server:
        measure("PostgreSQL", server, told.people, told.pace, told.rounds)


if __name__ == "__main__":
    main()
