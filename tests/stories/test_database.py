"""The database is locked, cut off, restarted or full in the middle of a send; what was said is written down once it is back."""

from __future__ import annotations

import subprocess
import threading
import time
import uuid
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from crisis.states import Mode
from tests.postgres import _become, programs
from tests.stories.proof import history, prove, with_lines
from tests.stories.servers import fill, small_disk
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow


def release_texts(here: Town) -> uuid.UUID:
    return here.release(here.open(Mode.LIVE), channels=("sms",))


def some_accepted(here: Town, many: int) -> None:
    eventually(lambda: sum(here.phones().values()) > many)


def test_locked_by_another_writer_for_seconds(tmp_path: Path) -> None:
    with town(tmp_path, edit=with_lines(sms_ous="pace = 50")) as here:
        phones = here.populate(150)
        here.start("sender-live", "clock")
        broadcast = release_texts(here)
        some_accepted(here, 50)
        with here.runtime.database.writing():  # BEGIN IMMEDIATE: nobody else may write
            time.sleep(4)
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)
        assert {len(told) for told in history(here, broadcast).values()} == {1}  # not one was even in doubt


def test_connections_are_killed_in_the_middle_of_everything(tmp_path: Path, postgres_only: str) -> None:
    with town(tmp_path, database_url=postgres_only, edit=with_lines(sms_ous="pace = 80")) as here:
        phones = here.populate(240)
        here.start("sender-live", "clock")
        broadcast = release_texts(here)
        some_accepted(here, 60)
        admin = create_engine(here.runtime.database.engine.url, isolation_level="AUTOCOMMIT")
        kill = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with admin.connect() as connection:
            for _ in range(40):
                connection.execute(kill)
                time.sleep(0.05)
        admin.dispose()
        here.runtime.database.engine.dispose()
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)


def test_the_server_is_restarted(tmp_path: Path, postgres_only: str) -> None:
    with town(tmp_path, database_url=postgres_only, edit=with_lines(sms_ous="pace = 50")) as here:
        phones = here.populate(200)
        here.start("sender-live", "clock")
        broadcast = release_texts(here)
        some_accepted(here, 60)
        with here.runtime.database.reading() as session:
            data = Path(session.scalar(text("SHOW data_directory")) or "")
        command = [*_become(data), programs() / "pg_ctl", "-D", data, "-w", "-m", "fast", "-l", data.parent / "log"]
        subprocess.run([*map(str, command), "restart"], check=True, cwd="/", stdout=subprocess.DEVNULL)
        here.runtime.database.engine.dispose()
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)
        second = release_texts_again(here)
        assert here.found_out(second) == {"accepted": len(phones)}


def release_texts_again(here: Town) -> uuid.UUID:
    return here.release(here.open(Mode.LIVE, "Etterpå"), channels=("sms",))


def test_the_disk_of_the_database_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "12m") as disk:
        url = f"sqlite:///{disk / 'crisis.db'}"
        with town(tmp_path, database_url=url, edit=with_lines(sms_ous="pace = 30")) as here:
            phones = here.populate(120)
            here.start("sender-live", "clock")
            broadcast = release_texts(here)
            some_accepted(here, 40)
            filler = fill(disk)
            time.sleep(2)
            said = sum(here.phones().values())
            time.sleep(1.5)
            assert sum(here.phones().values()) <= said + 3  # what can't be written down is not said
            filler.unlink()
            assert here.found_out(broadcast) == {"accepted": len(phones)}
            prove(here, broadcast, once=phones)
            assert {len(told) for told in history(here, broadcast).values()} == {1}


def test_the_disk_of_the_public_pages_is_full(tmp_path: Path) -> None:
    """The page account stops alone and says why; a person makes room and resumes it; the page is whole."""
    from sqlalchemy import select

    from crisis.models import Account
    from crisis.sending.pause import resume

    with small_disk(tmp_path / "pages" / "ous", "1m") as disk, town(tmp_path) as here:
        phones = here.populate(3)
        filler = fill(disk)
        here.start("sender-live", "clock")
        broadcast = here.release(here.open(Mode.LIVE), channels=("page", "sms"))

        def page() -> Account:
            with here.runtime.database.reading() as session:
                return session.scalars(select(Account).where(Account.key == "page-ous")).one()

        eventually(lambda: page().paused_reason)
        assert "cannot write the pages" in (page().paused_reason or "")
        eventually(lambda: here.states(broadcast, "sms") == {"accepted": 3})  # the others have not waited
        assert here.states(broadcast, "page") == {"queued": 3}
        filler.unlink()
        with here.runtime.database.writing() as session:
            resume(session, here.officer(), session.get_one(Account, page().id))
        eventually(lambda: here.states(broadcast, "page") == {"accepted": 3})
        assert list(disk.rglob("index.nb.html"))
        prove(here, broadcast, once=phones)


def test_writers_side_by_side_never_lose_a_count(tmp_path: Path, database_url: str) -> None:
    """Receipts, sends and looks move the same counters at once; the sum is always what the rows say."""
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous="pace = 200")) as here:
        phones = here.populate(120)
        here.start("console", "sender-live", "sender-live-2", "clock")
        here.simulator.fault("twilio", "callbacks_duplicate")
        stop = threading.Event()
        differences: list[object] = []
        broadcast = release_texts(here)

        def watch() -> None:
            while not stop.is_set():
                with here.runtime.database.reading() as session:
                    rows = session.execute(text("SELECT state, count(*) FROM delivery GROUP BY state")).all()
                    sums = session.execute(
                        text("SELECT state, sum(count) FROM tally GROUP BY state HAVING sum(count) <> 0")
                    ).all()
                    if here.runtime.database.is_sqlite and {*map(tuple, rows)} != {(s, int(n)) for s, n in sums}:
                        differences.append((rows, sums))
                time.sleep(0.02)

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            assert here.settled(broadcast) == {"delivered": len(phones)}
        finally:
            stop.set()
            watching.join()
        assert differences == []
        prove(here, broadcast, once=phones)
