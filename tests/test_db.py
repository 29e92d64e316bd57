"""Sessions that keep their word, and changes of the tables that make what the models say, on both databases."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, MetaData, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from crisis import migrations
from crisis.db import Database, rows_changed
from crisis.models import Base, SeenCall, Unit, utcnow
from crisis.settings import SettingsError


@pytest.fixture
def empty(empty_database_url: str):
    database = Database(empty_database_url)
    yield database
    database.close()


def test_the_changes_make_what_the_models_say(empty: Database) -> None:
    before, after = migrations.upgrade(empty)
    assert before is None
    assert after == migrations.newest()
    with empty.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == [], "the models changed: python -m crisis.migrations 'what changes'"


def test_checks_and_keys_are_the_same_too(empty: Database, tmp_path: Path) -> None:
    """What the comparison above does not look at."""
    migrations.upgrade(empty)
    by_changes = shape(empty.engine)
    with empty.engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    Base.metadata.drop_all(empty.engine)
    Base.metadata.create_all(empty.engine)
    assert by_changes == shape(empty.engine)


def shape(engine: Engine) -> dict[str, list[str]]:
    """Every constraint and index of every table, as sorted words."""
    seen = inspect(engine)
    found: dict[str, list[str]] = {}
    for table in seen.get_table_names():
        if table != "alembic_version":
            parts = [
                *(("check", c["name"], " ".join(c["sqltext"].split())) for c in seen.get_check_constraints(table)),
                *(("unique", c["name"], c["column_names"]) for c in seen.get_unique_constraints(table)),
                *(("key", c["name"], c["constrained_columns"], c["referred_table"], c["referred_columns"], c["options"]) for c in seen.get_foreign_keys(table)),
                *(("index", c["name"], c["column_names"], c["unique"], sorted((k, str(v)) for k, v in c.get("dialect_options", {}).items())) for c in seen.get_indexes(table)),
                ("primary", seen.get_pk_constraint(table)["constrained_columns"]),
                *(("column", c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(table)),
            ]  # fmt: skip
            found[table] = sorted(map(str, parts))
    return found


def test_a_program_refuses_tables_it_does_not_know(empty: Database) -> None:
    with pytest.raises(SettingsError, match="no tables yet; run `crisis db upgrade`"):
        migrations.demand_current(empty)
    migrations.upgrade(empty)
    migrations.demand_current(empty)
    with empty.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'from-the-future'"))
    with pytest.raises(SettingsError, match="newer than this program"):
        migrations.demand_current(empty)


def test_two_upgrades_at_once_are_one(empty: Database) -> None:
    trouble: list[BaseException] = []

    def upgrade() -> None:
        mine = Database(empty.url)
        try:
            migrations.upgrade(mine)
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            trouble.append(error)
        finally:
            mine.close()

    threads = [threading.Thread(target=upgrade) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    migrations.demand_current(empty)


def test_a_failing_upgrade_leaves_nothing(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    real = command.upgrade

    def fail_late(*arguments: object) -> None:
        real(*arguments)
        msg = "power cut"
        raise RuntimeError(msg)

    monkeypatch.setattr(command, "upgrade", fail_late)
    with pytest.raises(RuntimeError, match="power cut"):
        migrations.upgrade(empty)
    assert inspect(empty.engine).get_table_names() == []


def test_a_server_that_is_away_is_named_without_the_password() -> None:
    away = Database("postgresql://crisis:geheim@127.0.0.1:1/crisis")
    with pytest.raises(SettingsError, match="port 1 failed") as caught:
        migrations.demand_current(away)
    assert "geheim" not in str(caught.value)
    away.close()


def test_writing_is_all_or_nothing_and_reading_changes_nothing(database: Database) -> None:
    def fail(session: Session) -> None:
        session.add(Unit(key="a", name="A"))
        session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), database.writing() as session:
        fail(session)
    with database.writing() as session:
        session.add(Unit(key="b", name="B"))
    with database.reading() as session:
        session.query(Unit).one().name = "changed"
        session.flush()
    with database.reading() as session:
        assert [(unit.key, unit.name) for unit in session.query(Unit)] == [("b", "B")]


def test_after_commit_comes_after_and_not_when_it_failed(database: Database) -> None:
    told: list[int] = []

    def note(_session: Session) -> None:
        with database.reading() as other:
            told.append(other.query(Unit).count())

    database.after_commit = note
    with pytest.raises(ZeroDivisionError), database.writing():
        raise ZeroDivisionError
    with database.writing() as session:
        session.add(Unit(key="a", name="A"))
    assert told == [1]


def test_foreign_keys_hold_on_both(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.execute(
            text("INSERT INTO opt_out (id, account_id, address, source, since) VALUES (:i, :i, 'a', 'stop', :now)"),
            {"i": "0" * 32, "now": "2026-01-01 00:00:00+00:00"},
        )


def test_writers_wait_for_each_other(database: Database) -> None:
    with database.writing() as session:
        session.add(Unit(key="n", name="0"))

    def add() -> None:
        for _ in range(20):
            with database.writing() as session:
                unit = session.query(Unit).with_for_update().one()
                unit.name = str(int(unit.name) + 1)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert session.query(Unit).one().name == "80"


def test_what_was_there_before_a_change_is_there_after_it(empty: Database) -> None:
    """Every table gets a row as the first version wrote it; the changes since keep each, and fill new columns."""
    upgrade_to(empty, "0001")
    before = fill(empty)
    migrations.upgrade(empty)
    tables = MetaData()
    tables.reflect(empty.engine)
    with empty.engine.connect() as connection:
        for name, row in before.items():
            now = connection.execute(select(tables.tables[name])).mappings().one()
            assert {key: now[key] for key in row} == row, name
        heard = connection.execute(select(tables.tables["inbound"])).mappings().one()
        account = connection.execute(select(tables.tables["account"])).mappings().one()
    assert (heard["unit_id"], heard["mode"], heard["channel"]) == (account["unit_id"], "live", account["channel"])
    assert heard["state"] == "waiting"


def upgrade_to(database: Database, revision: str) -> None:
    with database.engine.execution_options(crisis_write=True).begin() as connection:
        asked = migrations.config()
        asked.attributes["connection"] = connection
        command.upgrade(asked, revision)


def fill(database: Database) -> dict[str, dict[str, object]]:
    """One row in every table, all with the same id, so that every reference holds."""
    tables = MetaData()
    tables.reflect(database.engine)
    said = {"every": "day", "medium": "phone", "state": "queued", "outcome": "accepted", "purpose": "notice"}
    said |= {"role": "officer", "mode": "live", "word": "said", "language": "nb"}
    rows: dict[str, dict[str, object]] = {}
    with database.engine.execution_options(crisis_write=True).begin() as connection:
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            row = rows[table.name] = {}
            for column in table.columns:
                if column.nullable:
                    continue
                kind = column.type.python_type
                kind = dict if kind is object else kind  # JSON
                row[column.name] = {
                    str: said.get(column.name, "w" * min(2, getattr(column.type, "length", 2) or 2)),
                    int: 1,
                    bool: True,
                    dict: {"a": 1},
                    list: ["a"],
                    datetime: datetime(2026, 1, 1, tzinfo=UTC) if not database.is_sqlite else datetime(2026, 1, 1),  # noqa: DTZ001
                    uuid.UUID: uuid.UUID(int=1),
                }[kind]
                if getattr(column.type, "length", 0) == 32:  # an id, on SQLite
                    row[column.name] = "0" * 31 + "1"
            if table.name == "broadcast":
                row["state"] = "draft"
            connection.execute(table.insert(), [row])
    return rows


def test_a_row_that_was_there_already_is_not_counted_as_mine(database: Database) -> None:
    insert = (sqlite if database.is_sqlite else postgresql).insert(SeenCall)
    with database.writing() as session:
        same = insert.values(digest="d", at=utcnow()).on_conflict_do_nothing()
        assert [rows_changed(session, same) for _ in range(2)] == [1, 0]
