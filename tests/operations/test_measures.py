"""The numbers are right, and asking for them reads indexes, never all rows, on both databases."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text, update
from sqlalchemy.orm import Session

from crisis.db import Database
from crisis.models import Broadcast, Delivery, new_id, utcnow
from crisis.sending import measures, moments, pulse
from crisis.states import BroadcastState, DeliveryState, Mode, Outcome
from tests.operations import rows
from tests.operations.conftest import busy

ALL: Mapping[str, Callable[[Session, datetime], Any]] = {
    "accounts": lambda session, _now: measures.accounts(session),
    "unfinished": lambda session, _now: measures.unfinished(session),
    "of_last_day": measures.of_last_day,
    "oldest_due": measures.oldest_due,
    "waiting_for_a_person": lambda session, _now: measures.waiting_for_a_person(session),
    "broadcasts": lambda session, _now: measures.broadcasts(session),
    "processes": measures.processes,
    "recent": measures.recent,
}
LARGE = ("delivery", "attempt", "receipt")


def test_what_is_counted(database: Database) -> None:
    made, now = busy(database), utcnow()
    _other, _idle = rows.unit_and_account(database, key="sms-idle", mode=Mode.DRILL)
    with database.reading() as session:
        assert [(a.key, a.mode, a.paused) for a in measures.accounts(session)] == [
            ("sms-busy", Mode.LIVE, False),
            ("sms-idle", Mode.DRILL, False),
        ]
        assert measures.unfinished(session) == {(made.account_id, DeliveryState.QUEUED): 10}
        assert measures.of_last_day(session, now) == {
            (made.account_id, DeliveryState.QUEUED): 10,
            (made.account_id, DeliveryState.ACCEPTED): 20,
        }
        oldest = measures.oldest_due(session, now)
        assert set(oldest) == {made.account_id}
        assert timedelta(seconds=39) < now - oldest[made.account_id] < timedelta(seconds=60)
        assert measures.waiting_for_a_person(session) == {made.account_id: 1}
        assert measures.broadcasts(session)[Mode.LIVE, BroadcastState.RELEASED] == 1
        assert measures.broadcasts(session)[Mode.DRILL, BroadcastState.SUBMITTED] == 0


def test_what_is_not_due_yet_does_not_wait(database: Database) -> None:
    unit_id, account_id = rows.unit_and_account(database)
    rows.release(database, unit_id, account_id, [(None, "+4740000000")], leaves=utcnow() + timedelta(seconds=10))
    with database.reading() as session:
        assert measures.oldest_due(session, utcnow()) == {}


def test_the_oldest_is_found_behind_more_urgent_ones(database: Database) -> None:
    unit_id, account_id = rows.unit_and_account(database)
    old, new = utcnow() - timedelta(minutes=9), utcnow() - timedelta(seconds=3)
    rows.release(database, unit_id, account_id, [(None, "+4740000000")], leaves=old)
    urgent = rows.release(database, unit_id, account_id, [(None, "+4740000001")], leaves=new)
    with database.writing() as session:
        session.execute(update(Broadcast).where(Broadcast.id == urgent).values(priority=0))
        session.execute(update(Delivery).where(Delivery.broadcast_id == urgent).values(priority=0))
    with database.reading() as session:
        assert measures.oldest_due(session, utcnow())[account_id] == old


def test_how_fast_it_went(database: Database) -> None:
    made = busy(database)
    with database.reading() as session:
        recent = measures.recent(session, utcnow())
    assert recent.seconds == 300
    assert recent.outcomes == {(made.account_id, "send", Outcome.ACCEPTED): 20}
    # It might leave 40 seconds ago: between 30 and 60.
    bucket = measures.BUCKETS.index(60.0)
    for durations in (recent.to_call[made.account_id], recent.to_accepted[made.account_id]):
        assert durations.counts[bucket] == sum(durations.counts) == 20
        assert 20 * 39 < durations.total < 20 * 60
    assert 19 < recent.to_accepted[made.account_id].total - recent.to_call[made.account_id].total < 21


def test_of_very_many_only_the_newest_are_read(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    made = busy(database)
    monkeypatch.setattr(measures, "MOST_ATTEMPTS", 5)
    with database.reading() as session:
        recent = measures.recent(session, utcnow())
    assert recent.outcomes == {(made.account_id, "send", Outcome.ACCEPTED): 5}
    assert 0 < recent.seconds < 60


def test_processes_that_should_run_are_told_also_when_none_does(database: Database) -> None:
    rows.unit_and_account(database)
    now = utcnow()
    with database.writing() as session:
        pulse.beat(session, "clock@one:1", "clock", now - timedelta(seconds=3))
        pulse.beat(session, "clock@two:1", "clock", now - timedelta(minutes=3))
    with database.reading() as session:
        found = {one.kind: (one.alive, one.at) for one in measures.processes(session, now)}
    assert found == {"clock": (1, now - timedelta(seconds=3)), "listener": (0, None), "sender-live": (0, None)}


def test_ids_tell_when_they_were_made() -> None:
    before = datetime.now(UTC)
    made: uuid.UUID = new_id()
    assert abs(moments.made_at(made) - before) < timedelta(seconds=1)
    assert (
        moments.earliest_id(before - timedelta(milliseconds=1))
        < made
        < moments.earliest_id(before + timedelta(seconds=1))
    )


@pytest.mark.parametrize("name", ALL)
def test_no_question_reads_all_rows(database: Database, name: str) -> None:
    busy(database)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    with database.reading() as session:
        ALL[name](session, utcnow())
    event.remove(database.engine, "before_cursor_execute", note)
    assert asked
    for statement, parameters in asked:
        plan = plan_of(database, statement, parameters)
        for table in LARGE:
            # With few rows PostgreSQL would rather read them all; told not to, it must find another way.
            assert f"Seq Scan on {table}" not in plan, plan
            assert f"SCAN {table}" not in plan, plan


def plan_of(database: Database, statement: str, parameters: Any) -> str:
    with database.engine.connect() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        cursor = connection.connection.cursor()
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if database.is_sqlite else ''}{statement}", parameters)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())
