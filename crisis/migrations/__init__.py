"""Changes of the tables, in order, for SQLite and PostgreSQL: apply them, or say that they are still to be applied.

A process asks `demand_current` before it works, because a program that is newer than its tables fails half-way. New
changes are written by `python -m crisis.migrations "what changes"`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

from crisis.db import BUSY_SECONDS, Database
from crisis.models import Base
from crisis.settings import SettingsError

if TYPE_CHECKING:  # 150 ms to import, and every process asks here whether the tables are right
    from alembic.config import Config

FOLDER = Path(__file__).parent
TABLE = "alembic_version"  # Alembic's own, with one row
LONGEST_UPGRADE = 600  # seconds
ONE_AT_A_TIME = 7_320_944_116  # PostgreSQL advisory lock: any number, the same in every process


def config() -> Config:
    """Alembic's configuration, without an ini file: the folder and nothing else."""
    from alembic.config import Config  # noqa: PLC0415 - see above

    made = Config()
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return made


def known() -> list[str]:
    """All revisions, oldest first: they are numbered, and a file's name begins with its number."""
    return sorted(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*_*.py"))


def newest() -> str | None:
    """The revision this program's tables have."""
    return known()[-1]


def current(database: Database) -> str | None:
    """The revision the database has; None for an empty one. Raises `SettingsError` when it can't be reached."""
    try:
        with database.engine.connect() as connection:
            if not inspect(connection).has_table(TABLE):
                return None
            found: str | None = connection.scalar(text(f"SELECT version_num FROM {TABLE}"))  # noqa: S608 - our own constant
            return found
    except OperationalError as error:
        raise SettingsError([_unreachable(error)]) from None


def demand_current(database: Database) -> None:
    """Raises `SettingsError` with what to do unless the tables are exactly those this program knows."""
    here, wanted = current(database), newest()
    if here == wanted:
        return
    if here is None:
        say = "the database has no tables yet; run `crisis db upgrade`"
    elif here in known():
        say = f"the database is at revision {here} and this program needs {wanted}; run `crisis db upgrade`"
    else:
        say = (
            f"the database (revision {here}) is newer than this program (revision {wanted}); install the newer program"
        )
    raise SettingsError([say])


def upgrade(database: Database) -> tuple[str | None, str | None]:
    """Bring the tables up to date, all or nothing; (revision before, revision after). Safe to run twice or at once."""
    before = current(database)
    if before == newest():
        return before, before
    from alembic import command  # noqa: PLC0415 - see above

    with database.engine.execution_options(crisis_write=True).connect() as connection:
        if database.is_sqlite:
            # A changed table is copied and renamed; with foreign keys on, that would delete what points at it.
            _outside_transaction(connection, "PRAGMA foreign_keys=OFF")
            # Somebody else's upgrade is waited for: it takes longer than any other write.
            _outside_transaction(connection, f"PRAGMA busy_timeout={LONGEST_UPGRADE * 1000}")
        try:
            with connection.begin():
                if not database.is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": ONE_AT_A_TIME})
                asked = config()
                asked.attributes["connection"] = connection
                command.upgrade(asked, "head")
                if database.is_sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()):
                    raise SettingsError([f"the upgrade would break {len(broken)} references; nothing was changed"])
        finally:
            if database.is_sqlite:
                _outside_transaction(connection, "PRAGMA foreign_keys=ON")
                _outside_transaction(connection, f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    return before, current(database)


def create(database: Database) -> None:
    """Today's tables in an empty database, in one step; a test proves that the revisions lead to the same ones."""
    with database.engine.execution_options(crisis_write=True).begin() as connection:
        Base.metadata.create_all(connection)
        connection.execute(text(f"CREATE TABLE {TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text(f"INSERT INTO {TABLE} VALUES (:newest)"), {"newest": newest()})  # noqa: S608 - our own constant


def has_tables(database: Database) -> bool:
    """Is there anything in the database?"""
    with database.engine.connect() as connection:
        return bool(inspect(connection).get_table_names())


def _outside_transaction(connection: Connection, statement: str) -> None:
    # Straight to the driver: through SQLAlchemy a transaction would begin, in which the pragma does nothing.
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - an open connection has one
    driver.execute(statement)


def _unreachable(error: OperationalError) -> str:
    # The driver's words name host and port, never the password.
    first = str(error.orig).strip().splitlines()[0] if error.orig else "no answer"
    return f"the database can't be reached: {first}; check DATABASE_URL and that the server runs"
