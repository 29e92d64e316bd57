"""How long a list of 20,000 people takes: read and written into an empty database, and read again with nothing new in it.

`python -m benchmarks.people [--people N]`, on SQLite.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import uuid
from pathlib import Path

from benchmarks.figures import heading
from crisis.actor import SYSTEM
from crisis.db import Database
from crisis.models import Unit
from crisis.oncall import people_csv, people_import
from tests.tables import make_tables

HEAD = "reference,name,language,groups,skills,phone,phone2,email,email2,consent\n"


def listed(count: int) -> bytes:
    lines = (f"{n},Person {n},nb,staff|g{n % 9},,9{n:07d},,p{n}@ous.no,,yes\n" for n in range(count))
    return (HEAD + "".join(lines)).encode()


def seconds(database: Database, unit_id: uuid.UUID, raw: bytes) -> float:
    began = time.perf_counter()
    with database.writing() as session:
        people_import.apply(session, SYSTEM, unit_id, people_csv.read(raw).rows)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.people")
    parser.add_argument("--people", type=int, default=20_000)
    told = parser.parse_args()
    heading(f"A list of {told.people:,} people")
    with tempfile.TemporaryDirectory(prefix="crisis-bench-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'people.db'}")
        make_tables(database)
        with database.writing() as session:
            unit = Unit(key="ous", name="Oslo sykehus")
            session.add(unit)
            session.flush()
            unit_id = unit.id
        for what in ("all new", "nothing new"):
            print(f"  {what:<12} {seconds(database, unit_id, listed(told.people)):6.2f} s", flush=True)
        database.close()


if __name__ == "__main__":
    main()
