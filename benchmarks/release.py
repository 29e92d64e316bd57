"""From release to the first request at each provider, with idle workers: what a duty officer waits for.

Counted from before the release's transaction to the moment the request is read at the provider's side.
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path

from benchmarks.figures import heading, spread
from crisis.states import Mode
from tests.stories.town import eventually, town


def measure(folder: Path, *, database_url: str = "", rounds: int = 60, people: int = 20) -> None:
    """Release `rounds` times and print how long each provider waited for its first request."""
    heading(f"From release to the first request at each provider ({'PostgreSQL' if database_url else 'SQLite'})")
    with town(folder, database_url=database_url, edit=unpaced) as here:
        here.populate(people, channels=("phone", "mailbox"))
        here.cold = True
        here.start("sender-live", "clock")
        first: dict[str, float] = {}
        ledger = here.simulator.internet.ledger
        count = ledger.count

        def counted(provider: str, endpoint: str) -> None:
            first.setdefault(provider, time.perf_counter())
            count(provider, endpoint)

        ledger.count = counted  # type: ignore[method-assign]
        waits: dict[str, list[float]] = defaultdict(list)
        released: list[float] = []
        for number in range(rounds):
            incident = here.open(Mode.LIVE, f"Runde {number}")
            time.sleep(0.3)  # idle again
            first.clear()
            start = time.perf_counter()
            broadcast = here.release(incident, channels=("x", "sms", "email"), slots=_place(number))
            released.append((time.perf_counter() - start) * 1000)
            eventually(lambda: {"x", "twilio", "smtp"} <= set(first), within=20, every=0.005)
            for provider in ("x", "twilio", "smtp"):
                waits[provider].append((first[provider] - start) * 1000)
            eventually(lambda broadcast=broadcast: not here.states(broadcast)["queued"], within=20)
        print(f"  {'release itself':<16} {spread(released)}")
        for provider, values in waits.items():
            print(f"  {provider:<16} {spread(values)}")


def _place(number: int) -> dict[str, str]:
    # X refuses the same words twice.
    return {"place": f"Oslo S spor {number}", "hospital": "ulleval", "kin_phone": "23 00 00 50"}


def unpaced(source: str) -> str:
    """X's limit is X's; here only our own delay is of interest."""
    return source.replace('channel = "x"', 'channel = "x"\npace = 100')
