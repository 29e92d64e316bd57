"""All benchmarks, or those named: `python -m benchmarks [release] [pages] [bulk] [--rounds N] [--people N]`."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import bulk, pages, release
from benchmarks.figures import heading
from tests.conftest import fresh_postgres
from tests.postgres import running_postgres

PEERS = ("celery-prefork", "celery-gevent", "rq")


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="crisis-bench-") as name:
        yield Path(name)


def databases(stack: ExitStack) -> dict[str, str]:
    """The two kinds of database: the address of a server, or nothing for SQLite."""
    server = stack.enter_context(running_postgres(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
    return {"SQLite": "", "PostgreSQL": server}


@contextmanager
def fresh(server: str) -> Iterator[tuple[Path, str]]:
    """An empty folder and, on that server, an empty database."""
    with ExitStack() as stack:
        yield stack.enter_context(folder()), stack.enter_context(fresh_postgres(server)) if server else ""


def bulk_table(servers: dict[str, str], rounds: int, people: int, peer_people: int) -> None:
    """Ours and the peers in turn, round by round, so that a slow moment of the machine strikes all."""
    for name, server in servers.items():
        heading(f"{people:,} texts, one outcome recorded each, {name} (peers: {peer_people:,}); medians of {rounds}")
        seen: dict[str, list[float]] = {"ceiling": [], "ours": [], **{peer: [] for peer in PEERS}}
        with bulk.instant() as provider:
            for _ in range(rounds):
                seen["ceiling"].append(bulk.ceiling(provider, people))
                with fresh(server) as (place, url):
                    seen["ours"].append(bulk.ours(place, provider, url, people))
                for peer in PEERS:
                    with fresh(server) as (place, url):
                        seen[peer].append(bulk.queue(place, provider, url, peer_people, peer))
        median = {who: statistics.median(values) for who, values in seen.items()}
        for who, values in seen.items():
            print(
                f"  {who:<16}{median[who]:9,.0f} /s   ours is {median['ours'] / median[who]:6.2f} times"
                f"   ({min(values):,.0f} to {max(values):,.0f})"
            )
        best = max(median["celery-prefork"], median["celery-gevent"])
        print(
            f"  ours / best Celery {median['ours'] / best:.1f}   ours / ceiling {median['ours'] / median['ceiling']:.0%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("which", nargs="*", default=["release", "pages", "bulk"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--peer-people", type=int, default=3_000)
    told = parser.parse_args()
    with ExitStack() as stack:
        servers = databases(stack)
        for server in servers.values():
            if "release" in told.which:
                with fresh(server) as (place, url):
                    release.measure(place, database_url=url, rounds=60)
            if "pages" in told.which:
                with fresh(server) as (place, url):
                    pages.measure(place, database_url=url, people=told.people)
        if "bulk" in told.which:
            bulk_table(servers, told.rounds, told.people, told.peer_people)


if __name__ == "__main__":
    main()
