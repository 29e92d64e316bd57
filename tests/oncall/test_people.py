"""People and imports against a real database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from crisis.actor import SYSTEM, Actor
from crisis.db import Database
from crisis.models import AuditRow, Destination, Person, Unit
from crisis.oncall import groups, people, people_csv, people_import
from crisis.oncall.people import Details, NotFilledIn, Reach
from crisis.states import NotAllowed, Role
from tests.tables import make_tables


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'people.db'}")
    make_tables(made)
    yield made
    made.close()


@pytest.fixture
def unit_id(database: Database) -> uuid.UUID:
    with database.writing() as session:
        unit = Unit(key="ous", name="Oslo sykehus")
        session.add(unit)
        session.flush()
        return unit.id


KARI = Details(
    "17", "Kari", "nb", frozenset({"staff"}), ("kirurg",), (Reach("phone", "+4722334455"), Reach("mailbox", "k@ous.no"))
)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("22334455", "+4722334455"),
        ("+47 22 33 44 55", "+4722334455"),
        ("0047 900 00 000", "+4790000000"),
        ("+46 8 123 456 78", "+46812345678"),
    ],
)
def test_phones_are_stored_as_e164(written: str, stored: str) -> None:
    assert people.phone(written) == stored


@pytest.mark.parametrize("written", ["", "hei", "123", "+47 1", "99999999999999999"])
def test_what_is_no_phone(written: str) -> None:
    with pytest.raises(NotAllowed):
        people.phone(written)


def test_phones_are_shown_in_groups() -> None:
    assert people.shown_phone("+4722334455") == "+47 22 33 44 55"


@pytest.mark.parametrize(
    "written", ["", "a", "a@b", "a b@c.no", "a@@c.no", "a@c..no", "a@-c.no", "<a@c.no>", "a@c.no,b@c.no"]
)
def test_what_is_no_mailbox(written: str) -> None:
    with pytest.raises(NotAllowed):
        people.mailbox(written)


def test_the_order_of_destinations_is_kept_and_can_change(database: Database, unit_id: uuid.UUID) -> None:
    with database.writing() as session:
        groups.create_group(session, SYSTEM, unit_id, "staff", "De ansatte")
        person_id = people.save(session, SYSTEM, unit_id, None, KARI).id
    turned = replace(KARI, reaches=KARI.reaches[::-1])
    with database.writing() as session:
        people.save(session, SYSTEM, unit_id, session.get_one(Person, person_id), turned)
    with database.reading() as session:
        assert people.details_of(session.get_one(Person, person_id)) == turned
        acts = session.execute(select(AuditRow.act, AuditRow.details).order_by(AuditRow.number)).all()
    assert [act for act, _ in acts] == ["group.created", "person.created", "person.changed"]
    assert acts[-1][1]["changed"] == ["reaches"]
    assert "+47" not in str(acts), "the record is for ever and holds no numbers"


def test_references_are_unique_and_only_administrators_write(database: Database, unit_id: uuid.UUID) -> None:
    with database.writing() as session:
        people.save(session, SYSTEM, unit_id, None, KARI)
    with pytest.raises(NotFilledIn), database.writing() as session:
        people.save(session, SYSTEM, unit_id, None, KARI)
    officer = Actor(uuid.uuid4(), "Ola", frozenset({(unit_id, Role.OFFICER)}))
    with pytest.raises(NotAllowed), database.writing() as session:
        groups.create_group(session, officer, unit_id, "press", "Pressen")


def test_export_and_import_again_changes_nothing(database: Database, unit_id: uuid.UUID) -> None:
    three = tuple(Reach("phone", f"+472233445{last}", last != 6) for last in (5, 6, 7))
    mixed = Details("2", "Ola", "en", frozenset({"staff"}), (), (Reach("mailbox", "o@ous.no"), *three))
    with database.writing() as session:
        groups.create_group(session, SYSTEM, unit_id, "staff", "De ansatte")
        for person in (KARI, mixed):
            people.save(session, SYSTEM, unit_id, None, person)
    with database.reading() as session:
        everybody = [details for _, details in people_import.everybody(session, unit_id)]
        text = "".join(people_csv.write(everybody))
        plan = people_import.plan(session, unit_id, people_csv.read(text.encode()).rows)
    assert everybody == [KARI, mixed]
    assert (plan.new, plan.changed, plan.unchanged, plan.new_groups) == ([], [], 2, [])


def test_a_column_that_is_not_there_changes_nothing(database: Database, unit_id: uuid.UUID) -> None:
    with database.writing() as session:
        groups.create_group(session, SYSTEM, unit_id, "staff", "De ansatte")
        people.save(session, SYSTEM, unit_id, None, KARI)
    rows = people_csv.read(b"reference,name,phone\n17,Kari N,900 00 000\n").rows
    with database.writing() as session:
        people_import.apply(session, SYSTEM, unit_id, rows)
    with database.reading() as session:
        ((_, now),) = people_import.everybody(session, unit_id)
    assert now == Details(
        "17", "Kari N", "nb", KARI.groups, KARI.skills, (Reach("phone", "+4790000000"), KARI.reaches[1])
    )


def test_twenty_thousand_rows_are_read_written_and_recognised(database: Database, unit_id: uuid.UUID) -> None:
    lines = "".join(f"{n},Person {n},nb,staff|g{n % 9},,9{n:07d},,p{n}@ous.no,,yes\n" for n in range(20_000))
    raw = ("reference,name,language,groups,skills,phone,phone2,email,email2,consent\n" + lines).encode()
    rows = people_csv.read(raw).rows
    assert len(rows) == 20_000
    with database.writing() as session:
        first = people_import.apply(session, SYSTEM, unit_id, rows)
    with database.writing() as session:
        second = people_import.apply(session, SYSTEM, unit_id, rows)
        assert session.scalar(select(func.count()).select_from(Destination)) == 40_000
    assert (len(first.new), len(first.new_groups), second.unchanged) == (20_000, 10, 20_000)
