"""A call-out to 1,000 people at 100 calls a second: when the first phone rings, how even the pace is, how soon it stops,
and how old what the board shows is.

`python -m benchmarks.callout [--people N] [--pace N] [--rounds N]`. Real processes; the pretend telephones note when
each call came in.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from sqlalchemy import select

from benchmarks.figures import heading, spread
from crisis.console import identity
from crisis.models import Ask, CallOut, Grant, Unit, User
from crisis.states import AskState, CallOutState, Role
from tests.conftest import fresh_postgres
from tests.postgres import running_postgres
from tests.stories.proof import with_lines
from tests.stories.staff import Ward
from tests.stories.town import Town, eventually, town

LOOKS_EVERY = 0.5  # seconds: how often the page asks, in templates/console/callouts/board.html
SHOWN = re.compile(r'<progress[^>]*value="(\d+)"')
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


def watched(here: Town, ward: Ward, people: int) -> list[float]:
    """Everybody says yes and an officer watches: how old the oldest answer was that the board did not show yet, in seconds,
    each time just before it was renewed.
    """
    ward.crowd(shares={"yes": 1}, after=[0, 1], thinks=[0, 1], speed=1, calls_per_second=10_000)
    cookie = signed_in(here)
    ward.start(people, surplus=100, again_seconds=3600, widen_seconds=3600)
    address = f"{here.runtime.settings.console.public_url}/call-outs/{ward.call_out_id}/board/piece"
    etag, shown, looks = "", 0, [(time.time(), 0)]
    until = time.monotonic() + people / 10 + 60
    while shown < people and time.monotonic() < until:
        time.sleep(LOOKS_EVERY)
        request = urllib.request.Request(address, headers={"Cookie": cookie, "If-None-Match": etag})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                found = SHOWN.search(answer.read().decode())
                etag, shown = answer.headers["ETag"], int(found[1]) if found else 0
        except urllib.error.HTTPError as same:
            if same.code != 304:
                raise
        looks.append((time.time(), shown))
    with here.runtime.database.reading() as session:
        said = select(Ask.answered_at).where(Ask.call_out_id == ward.call_out_id, Ask.state == AskState.YES)
        answers = sorted(at.timestamp() for at in session.scalars(said) if at is not None)
    ages = []
    for (_, before), (renewed, _) in pairwise(looks):
        if before < len(answers) and answers[before] < renewed:
            ages.append(renewed - answers[before])
    return ages


def signed_in(here: Town) -> str:
    """The cookie of an officer."""
    with here.runtime.database.writing() as session:
        user = session.scalars(select(User).where(User.login == "vakt")).one()
        unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
        user.grants.append(Grant(unit_id=unit_id, role=Role.OFFICER))
        token = identity.start(session, user.id, "127.0.0.1", datetime.now(UTC), complete=True)
    secure = here.runtime.settings.console.secure_cookies
    return f"{identity.cookie_name({'SESSION_COOKIE_SECURE': secure})}={token}"


@contextmanager
def at_work(server: str, people: int, pace: int) -> Iterator[Town]:
    """A new hospital with so many nurses and its processes, thrown away afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crisis-bench-")))
        url = stack.enter_context(fresh_postgres(server)) if server else ""
        here = stack.enter_context(town(folder, database_url=url, edit=with_lines(voice_ous=f"pace = {pace}")))
        Ward(here).nurses(people)
        here.start(*PROCESSES)
        yield here


def measure(name: str, server: str, people: int, pace: int, rounds: int) -> None:
    heading(f"A call-out to {people:,} people at {pace} calls a second ({name})")
    first, paces, stops, extra, ages = [], [], [], [], []
    for _ in range(rounds):
        with at_work(server, people, pace) as here:
            seconds, held = even(here, Ward(here), people)
        first.append(seconds * 1000)
        paces.append(held)
        with at_work(server, people, pace) as here:
            seconds, calls = stopped(here, Ward(here), people // 20)
        stops.append(seconds * 1000)
        extra.append(calls)
        with at_work(server, people, pace) as here:
            ages += [age * 1000 for age in watched(here, Ward(here), people)]
    print(f"  {'first call':<26} {spread(first)}")
    print(
        f"  {'pace held':<26} {statistics.median(paces):.1f} /s ({min(paces):.1f} to {max(paces):.1f}), "
        f"{statistics.median(paces) / pace - 1:+.1%}"
    )
    print(f"  {'last call after the last yes':<26} {spread(stops)}   {statistics.median(extra):.0f} calls")
    ages.sort()
    print(f"  {'the board is behind by':<26} {spread(ages)}   9 of 10 within {ages[len(ages) * 9 // 10]:.0f} ms")


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
