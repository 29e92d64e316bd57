"""What one text costs and how much memory a sender takes, for a thousand, twenty thousand and two hundred thousand people.

One sender lives through all of it, smallest first. A small broadcast is sent several times, because so little processor
time is told too coarsely; cost is processor time of the sender and of PostgreSQL, not the time on the clock.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import psycopg

from benchmarks.bulk import Run, bulk_town, crowd, send, warmed
from benchmarks.processes import family_seconds

REPEATS = {1_000: 10, 20_000: 3, 200_000: 1}


def measure(
    folder: Path, provider: str, database_url: str, sizes: tuple[int, ...]
) -> list[tuple[Run, float, float | None]]:
    """For each size the run with the median cost, its cost in microseconds, and PostgreSQL's own, in order of size."""
    server = postmaster(database_url) if database_url else 0
    found = []
    with bulk_town(folder, provider, database_url) as here:
        groups = {size: crowd(here, f"n{size}", size) for size in sizes}
        if server:
            tidied(database_url)
        incident = warmed(here)
        for size in sizes:
            runs, its_own = [], []
            for _ in range(REPEATS.get(size, 1)):
                before = family_seconds(server) if server else 0.0
                runs.append(send(here, incident, groups[size], size))
                its_own.append((family_seconds(server) - before) / size * 1e6 if server else 0.0)
            runs.sort(key=lambda run: run.sender_us)
            middle = runs[len(runs) // 2]
            found.append((middle, middle.sender_us, statistics.median(its_own) if server else None))
    return found


def tidied(database_url: str) -> None:
    """What the server would do by itself about so many new people: else a small broadcast pays for it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def postmaster(database_url: str) -> int:
    """The process id of the server, which is the parent of everything that works for us."""
    with psycopg.connect(database_url) as connection:
        told = connection.execute("SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)::int").fetchone()
    if told is None:
        raise RuntimeError("PostgreSQL does not tell its process id")
    return int(told[0])
