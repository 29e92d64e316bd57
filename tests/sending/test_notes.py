"""Notes of an account survive the process, run out, and never stand in clear."""

from __future__ import annotations

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
