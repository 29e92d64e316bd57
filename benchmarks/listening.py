"""A burst of what people say, and the queue with very much stored, on both databases.

`python -m benchmarks.listening [--people 50000] [--stored 1000000]`. A real console and a real listener: counted from the
first that leaves to the last that is stored, scored and folded; then the pages of the queue over HTTP, and taking the next.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import requests

from benchmarks import stored
from benchmarks.burst import burst, count
from benchmarks.figures import heading, percentile, spread
from benchmarks.pages import sign_in
from benchmarks.places import databases, fresh
from benchmarks.sizes import postmaster
from tests.browser.demo import demo
from tests.stories.town import Town

ROUNDS = 200


def pages(here: Town, client: requests.Session) -> None:
    """The queue page, its renewed part, and taking the next one."""
    console = here.runtime.settings.console.public_url
    page = f"{console}/triage"
    html = client.get(page).text
    token = html.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]

    def next_one() -> None:
        client.post(
            f"{page}/next", data={"csrf_token": token, "mode": "live"}, allow_redirects=False
        ).raise_for_status()

    asks: dict[str, Any] = {
        "queue page": lambda: client.get(page).raise_for_status(),
        "its renewed part": lambda: client.get(f"{page}/piece", headers={"X-Fragment": "1"}).raise_for_status(),
        "one lane": lambda: client.get(f"{page}?lane=next_of_kin").raise_for_status(),
        "search": lambda: client.get(f"{page}?search=perrong").raise_for_status(),
        "take the next": next_one,
    }
    for name, ask in asks.items():
        ask()
        took = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            ask()
            took.append((time.perf_counter() - start) * 1000)
        print(f"  {name:<28} {spread(took)}{'' if percentile(took, 0.99) < 100 else '   over 100 ms'}")


def measure(folder: Path, *, database_url: str = "", people: int = 50_000, kept: int = 1_000_000) -> None:
    """Print all of it for one database."""
    heading(f"{people:,} people say something at once ({'PostgreSQL' if database_url else 'SQLite'})")
    with demo(folder, database_url=database_url) as (here, secrets):
        for name in ("sender-live", "sender-drill"):
            here.stop(name)
        burst(here, people, postmaster(database_url) if database_url else 0)
        if kept:
            start = time.perf_counter()
            stored.fill(here.runtime.database, kept)
            print(f"  {count(here):,} rows stored ({time.perf_counter() - start:.0f} s)")
            pages(here, sign_in(here, "vakt-ous", secrets["vakt-ous"]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.listening")
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--stored", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["SQLite", "PostgreSQL"])
    told = parser.parse_args()
    with ExitStack() as stack:
        for name, server in databases(stack).items():
            if told.only in (None, name):
                with fresh(server) as (place, url):
                    measure(place, database_url=url, people=told.people, kept=told.stored)


if __name__ == "__main__":
    main()
