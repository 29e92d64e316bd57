"""Notes of an account survive the process, run out, and never stand in clear."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from crisis.db import Database
from crisis.models import Account, AccountNote, Unit, utcnow
from crisis.seal import BrokenSeal, Seal
from crisis.sending.notes import DatabaseNotes
from crisis.states import Mode


def account(database: Database) -> str:
    with database.writing() as session:
        unit = Unit(key="ous", name="OUS")
        session.add(unit)
        session.flush()
        session.add(Account(key="linkedin-ous", unit_id=unit.id, channel="linkedin", mode=Mode.LIVE))
    return "linkedin-ous"


def test_a_note_is_there_for_the_next_process_and_sealed(database: Database) -> None:
    key = account(database)
    DatabaseNotes(database, Seal("secret"), key).write("token", "AQX-very-secret")
    DatabaseNotes(database, Seal("secret"), key).write("token", "AQX-newer")
    assert DatabaseNotes(database, Seal("secret"), key).read("token") == "AQX-newer"
    with database.reading() as session:
        assert "AQX" not in session.scalars(select(AccountNote.sealed)).one()
    with pytest.raises(BrokenSeal):
        DatabaseNotes(database, Seal("another"), key).read("token")


def test_a_note_runs_out_or_is_forgotten(database: Database) -> None:
    notes = DatabaseNotes(database, Seal("secret"), account(database))
    notes.write("container:1", "17", utcnow() + timedelta(hours=1))
    assert notes.read("container:1") == "17"
    notes.write("container:1", "18", utcnow() - timedelta(seconds=1))
    assert notes.read("container:1") is None
    notes.write("container:2", "19")
    notes.forget("container:2")
    notes.forget("container:2")
    assert notes.read("container:2") is None


def test_two_processes_write_the_same_note_at_once(database: Database) -> None:
    """Both have just started and renewed the token; whoever comes second must not fail."""
    key, start = account(database), threading.Barrier(8)

    def renew(number: int) -> None:
        notes = DatabaseNotes(database, Seal("secret"), key)
        start.wait(10)
        notes.write("token", str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(renew, range(8)))
    assert DatabaseNotes(database, Seal("secret"), key).read("token") in {str(number) for number in range(8)}
