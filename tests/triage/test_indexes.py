"""With a million stored no page and no round of the listener may look through all that was ever said.

SQLite tells its way beforehand; PostgreSQL decides anew with every table's size, so it is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from crisis.db import Database
from crisis.states import Lane, Mode
from crisis.triage import links, privacy, queue, reading, spikes, views
from crisis.triage.views import Filters
from tests.triage.hall import Hall

FILTERS = [{}, *({"lane": str(lane)} for lane in Lane), *({"state": one} for one in ("mine", "snoozed", "closed"))]


@pytest.fixture
def hall(database: Database) -> Hall:
    made = Hall(database)
    if not made.database.is_sqlite:
        pytest.skip("its way depends on how much is stored")
    made.put(40)
    with made.database.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")  # with what it counted it chooses differently
    return made


@contextmanager
def ways(hall: Hall) -> Iterator[list[str]]:
    """How each statement of the block finds its rows of `inbound`."""
    asked: list[tuple[str, Any]] = []
    found: list[str] = []
    note = lambda _c, _k, statement, parameters, *_: asked.append((statement, parameters))  # noqa: E731
    event.listen(hall.database.engine, "before_cursor_execute", note)
    yield found
    event.remove(hall.database.engine, "before_cursor_execute", note)
    with hall.database.engine.connect() as connection:
        for statement, parameters in asked:
            if statement.startswith(("SELECT", "UPDATE")):
                told = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                found += [row[-1] for row in told if " inbound" in row[-1]]
    assert found


@pytest.mark.parametrize("filters", FILTERS, ids=lambda told: "-".join(told.values()) or "all")
def test_a_page_of_the_queue_comes_from_an_index(hall: Hall, filters: dict[str, str]) -> None:
    where, now = (hall.units["ous"], Mode.LIVE), hall.now + timedelta(hours=2)
    with ways(hall) as found, hall.database.reading() as session:
        views.page(session, hall.users["kari"], *where, Filters.read(filters), now)
        views.first_free(session, hall.users["kari"], *where, Filters.read(filters), now)
    assert not [way for way in found if "SCAN inbound" in way or "_repeats" in way], found


def test_counts_come_from_the_indexes_of_what_waits(hall: Hall) -> None:
    where = (hall.units["ous"], Mode.LIVE)
    with ways(hall) as found, hall.database.reading() as session:
        views.lanes(session, *where)
        views.idle_count(session, *where)
    assert all("ix_inbound_lane" in way or "ix_inbound_clock" in way or "_queue" in way for way in found), found


def test_what_is_kept_and_what_was_erased_have_an_index_each(hall: Hall) -> None:
    with ways(hall) as found, hall.database.reading() as session:
        privacy.kept(session, hall.units["ous"])
    assert all("ix_inbound_kept" in way or "ix_inbound_erased" in way for way in found), found


def test_tidying_looks_at_what_is_to_be_tidied(hall: Hall) -> None:
    now = hall.now + timedelta(hours=2)
    with ways(hall) as found, hall.database.reading() as session:
        queue.to_wake(session, now)
        links.late(session, now)
        spikes.look(session, now)
        reading.old_bands(session, now)
        queue.renew_all(session, hall.users["kari"], hall.units["ous"], Mode.LIVE, now)
    allowed = ("ix_inbound_snoozed", "ix_inbound_unlinked", "ix_inbound_at ", "_claimed", "_count_minute", "_band_")
    assert all(any(name in way for name in allowed) for way in found), found
