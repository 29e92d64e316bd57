"""The database is away: the message leaves from this machine's own copy, and the record catches up when it is back.

The same on a PostgreSQL server that answers nobody and on an SQLite file that is gone; merged into both.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from crisis.breakglass import merge as merging
from crisis.models import (
    Account,
    Attempt,
    AuditRow,
    Broadcast,
    Delivery,
    Destination,
    Heartbeat,
    Incident,
    OptOut,
    Person,
    ReceiptRow,
    Tally,
)
from crisis.sending import pulse
from crisis.sending.consent import opt_out
from crisis.states import BroadcastState, Mode
from tests.breakglass.scene import AGAIN, LIVE, MACHINE, TITLE, Vault, tables, vault
from tests.databases import clean_postgres
from tests.stories.town import eventually, free_port
from workers import last_resort


@pytest.fixture
def away(tmp_path: Path, postgres_url: str) -> Iterator[Vault]:
    """A town of 6 persons and a copy of it; `away` holds what stands in for its database when that is gone.

    On PostgreSQL, the database that can be away by itself; a spoiled SQLite file has tests of its own below.
    """
    with clean_postgres(postgres_url) as database_url, vault(tmp_path, database_url=database_url) as found:
        found.town.populate(6)
        found.copy()
        found.away = f"postgresql://crisis@127.0.0.1:{free_port()}/crisis"
        yield found


def merge(here: Vault) -> list[merging.Merged]:
    return list(merging.merge_all(here.town.runtime.database, here.folder, MACHINE, here.proof))


def everybody(here: Vault) -> Counter[str]:
    with here.town.runtime.database.reading() as session:
        return Counter(session.scalars(select(Destination.address)))


def test_sent_from_the_copy_and_merged_when_the_database_is_back(away: Vault) -> None:
    said = away.send()
    assert said.status == 0, said
    assert "THE DATABASE CAN'T BE USED: " in said.out
    assert "this machine's own copy, which is 0 minutes old" in said.out
    assert away.town.phones() == everybody(away)
    assert tables(away.town.runtime.database) == {"incident": 0, "broadcast": 0, "delivery": 0, "audit": 0}
    before = away.in_journal()

    (merged,) = merge(away)
    assert not merged.trouble
    (broadcast,) = away.broadcasts()
    assert away.town.states(broadcast) == away.town.counted(broadcast) == before
    assert away.count(Attempt) == before.total()
    assert {
        "journal.opened",
        "incident.opened",
        "broadcast.released",
        "broadcast.from_terminal",
        "journal.merged",
    } < set(
        away.acts()  # which also verifies the chain
    )
    assert away.folder.to_merge() == []
    assert len(list(away.folder.merged.glob("*.db"))) == 1
    # Everything goes on as usual: senders find nothing to say, the clock closes it.
    away.away = ""
    away.town.start("sender-live", "clock")
    eventually(lambda: _state(away) is BroadcastState.CLOSED)
    assert away.town.phones() == everybody(away)
    # And it is known here that it was said.
    assert away.send().status == 1
    assert away.send("--channel", "sms", phrase=AGAIN).status == 0


def _state(here: Vault) -> BroadcastState:
    with here.town.runtime.database.reading() as session:
        return session.scalars(select(Broadcast.state)).one()


def test_merging_twice_changes_nothing(away: Vault) -> None:
    assert away.send().status == 0
    path = away.journal()
    kept = path.read_bytes(), _wal(path)
    assert len(merge(away)) == 1
    assert merge(away) == []
    once = tables(away.town.runtime.database)
    # Killed after the commit and before the file was moved away: it lies there still.
    again = path.with_suffix(".merging")
    again.write_bytes(kept[0])
    again.chmod(0o600)
    (merged,) = merge(away)
    assert merged.already
    assert tables(away.town.runtime.database) == once
    assert away.acts()["journal.merged"] == 1


def _wal(path: Path) -> bytes:
    wal = path.with_name(path.name + "-wal")
    return wal.read_bytes() if wal.exists() else b""


def test_a_merge_that_fails_half_way_leaves_nothing(away: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    assert away.send().status == 0
    before = tables(away.town.runtime.database)

    def died(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(merging, "_chain", died)
        with pytest.raises(KeyboardInterrupt):
            merge(away)
    assert tables(away.town.runtime.database) == before
    assert away.journal().suffix == ".merging"  # nobody writes to it any more
    (merged,) = merge(away)
    assert not merged.trouble
    assert away.town.phones() == everybody(away)
    assert away.acts()["journal.merged"] == 1


def test_the_record_keeps_the_time_and_hash_of_the_act(away: Vault) -> None:
    assert away.send("--channel", "sms").status == 0
    merge(away)
    with away.town.runtime.database.reading() as session:
        row = session.scalars(select(AuditRow).where(AuditRow.act == "broadcast.released")).one()
        broadcast = session.scalars(select(Broadcast)).one()
        opened = session.scalars(select(AuditRow).where(AuditRow.act == "journal.opened")).one()
    assert row.who.startswith("Vakt (terminal, ")
    assert row.user_id == broadcast.released_by
    kept = row.details["journal"]
    assert abs(datetime.fromisoformat(kept["at"]) - broadcast.released_at) < timedelta(seconds=5)
    assert len(kept["hash"]) == 64
    assert kept["id"] == opened.subject.removeprefix("journal:")


def test_a_second_message_goes_on_in_the_same_journal(away: Vault) -> None:
    assert away.send("--channel", "sms").status == 0
    refused = away.send("--channel", "sms")
    assert "THE SAME MESSAGE WAS RELEASED AT" in refused.out
    assert refused.status == 1
    assert away.send("--channel", "sms", message="update").status == 0
    assert len(away.folder.to_merge()) == 1
    merge(away)
    assert away.count(Incident) == 1
    assert away.count(Broadcast) == 2
    assert set(away.town.phones().values()) == {2}


def test_an_incident_open_before_is_gone_on_with(away: Vault) -> None:
    incident_id = away.town.open(Mode.LIVE, TITLE)
    away.copy()
    said = away.send("--channel", "sms")
    assert said.status == 0, said
    assert "(open already)" in said.out
    merge(away)
    with away.town.runtime.database.reading() as session:
        assert session.scalars(select(Incident.id)).all() == [incident_id]
        assert session.scalars(select(Broadcast.incident_id)).one() == incident_id


@pytest.mark.slow
def test_killed_while_sending_then_merged_the_senders_finish_it(away: Vault) -> None:
    away.town.populate(300)
    away.copy()
    process = away.start(*away.words("--channel", "sms", "--yes-i-mean-it", LIVE))
    eventually(lambda: len(away.town.phones()) > 20, within=30)
    process.kill()
    process.wait()
    left = away.in_journal()
    assert left["queued"] > 0
    (merged,) = merge(away)
    assert not merged.trouble, merged
    (broadcast,) = away.broadcasts()
    assert away.town.states(broadcast) == away.town.counted(broadcast) == left
    away.town.lapse()
    away.town.start("sender-live", "clock")

    def done() -> bool:
        away.town.hurry()
        return set(away.town.states(broadcast)) == {"accepted"}

    eventually(done, within=90, every=1)
    assert away.town.phones() == everybody(away)


@pytest.mark.slow
def test_killed_while_the_database_is_still_away_it_is_continued_from_here(away: Vault) -> None:
    away.town.populate(200)
    away.copy()
    process = away.start(*away.words("--channel", "sms", "--yes-i-mean-it", LIVE))
    eventually(lambda: len(away.town.phones()) > 20, within=30)
    process.kill()
    process.wait()
    with sqlite3.connect(away.journal()) as connection:  # the leases of the dead run out
        connection.execute("UPDATE delivery SET lease_until = '2020-01-01 00:00:00' WHERE state = 'sending'")
        connection.execute("UPDATE account SET lease_until = '2020-01-01 00:00:00' WHERE lease_owner IS NOT NULL")
    connection.close()
    said = away.run("journal", "continue")
    assert said.status == 0, said
    assert away.town.phones() == everybody(away)
    merge(away)
    (broadcast,) = away.broadcasts()
    assert set(away.town.states(broadcast)) == {"accepted"}


def test_while_it_is_sent_nobody_merges(away: Vault) -> None:
    assert away.send("--channel", "sms").status == 0
    with away.folder.speaking(away.journal()):
        (merged,) = merge(away)
        assert "still being sent" in merged.trouble
    assert away.count(Broadcast) == 0
    assert not merge(away)[0].trouble


def test_receipts_that_came_before_the_merge_are_applied_after_it(away: Vault) -> None:
    """The database was away for this machine only: the console took the provider's words and knew no delivery."""
    away.town.start("console")
    assert away.send("--channel", "sms").status == 0
    eventually(lambda: away.town.simulator.state("messages"))
    eventually(lambda: away.count(ReceiptRow) >= 12)
    away.town.stop("console")
    away.away = ""
    said = away.run("journal", "merge")
    assert said.status == 0, said
    (broadcast,) = away.broadcasts()
    assert away.town.states(broadcast) == away.town.counted(broadcast) == {"delivered": 6}
    with away.town.runtime.database.reading() as session:
        assert None not in set(session.scalars(select(ReceiptRow.delivery_id)))


def test_who_said_stop_before_or_while_gets_nothing_more(away: Vault) -> None:
    first, second = sorted(everybody(away))[:2]
    with away.town.runtime.database.writing() as session:
        sms = session.scalars(select(Account).where(Account.key == "sms-ous")).one()
        opt_out(session, sms.id, first, "stop", datetime.now(UTC))
    away.copy()
    away.town.simulator.say(second, "STOP", "+15005551100")  # nobody here hears it; the provider does and refuses
    said = away.send("--channel", "sms")
    assert first not in away.town.phones()
    assert away.town.phones()[second] == 0
    assert "1 have said stop" in said.out
    assert said.status == 0, said
    merge(away)
    with away.town.runtime.database.reading() as session:
        assert sorted(session.scalars(select(OptOut.address))) == [first, second]


def test_somebody_erased_meanwhile_stays_erased(away: Vault) -> None:
    assert away.send("--channel", "sms").status == 0
    with away.town.runtime.database.writing() as session:
        session.delete(session.scalars(select(Person).where(Person.reference == "r1")).one())
    assert not merge(away)[0].trouble
    with away.town.runtime.database.reading() as session:
        assert list(session.scalars(select(Delivery.person_id))).count(None) == 1
        assert session.scalars(select(Tally.count)).all()


def test_a_refused_journal_is_told_to_the_console(away: Vault) -> None:
    assert away.send("--channel", "sms").status == 0
    away.journal().chmod(0o644)
    last_resort.merge(away.town.runtime, set())
    with away.town.runtime.database.reading() as session:
        row = session.scalars(select(Heartbeat).where(Heartbeat.kind == pulse.STUCK_JOURNAL)).one()
    assert row.process.startswith(away.journal().stem)
    assert "can be reached by others" in row.note


def test_the_clock_merges_and_keeps_the_copy_fresh(away: Vault) -> None:
    assert away.send("--channel", "sms").status == 0
    away.folder.copy.unlink()
    away.town.start("clock")
    eventually(lambda: away.count(Broadcast) == 1, within=30)
    eventually(away.folder.copy.exists, within=30)
    assert away.folder.to_merge() == []
    assert away.town.stop("clock") == 0


def test_without_a_copy_it_is_refused_in_words(away: Vault) -> None:
    away.folder.copy.unlink()
    said = away.send()
    assert said.status == 1
    assert "this machine has no local copy of it" in said.err
    assert "Traceback" not in said.err


def test_refusals_leave_no_journal(away: Vault) -> None:
    assert away.send("--channel", "fax").status == 1
    assert away.folder.to_merge() == []
    assert away.send(password="guess").status == 1
    assert len(away.folder.to_merge()) == 1  # that somebody tried is kept
    merge(away)
    assert away.acts()["terminal.password_wrong"] == 1
    assert away.town.phones() == Counter()


def test_a_pause_in_the_copy_holds(away: Vault) -> None:
    with away.town.runtime.database.writing() as session:
        session.execute(update(Account).where(Account.key == "sms-ous").values(paused_reason="wrong number in it"))
    away.copy()
    said = away.send("--channel", "sms")
    assert said.status == 3
    assert "PAUSED, nothing will leave: wrong number in it" in said.out
    assert away.town.phones() == Counter()


@pytest.mark.parametrize("spoil", ["gone", "garbage"])
def test_an_sqlite_file_that_cannot_be_used_takes_the_same_way(tmp_path: Path, spoil: str) -> None:
    with vault(tmp_path) as here:
        phones = here.town.populate(3)
        here.copy()
        file = here.town.runtime.settings.data_dir / "crisis.db"
        kept = file.rename(file.with_suffix(".kept"))
        for side in ("-wal", "-shm"):
            other = Path(f"{file}{side}")
            if other.exists():
                other.rename(f"{kept}{side}")
        if spoil == "garbage":
            file.write_bytes(os.urandom(8192))
        said = here.send("--channel", "sms")
        assert said.status == 0, said
        assert "THE DATABASE CAN'T BE USED" in said.out
        assert file.exists() == (spoil == "garbage")
        file.unlink(missing_ok=True)
        for side in ("", "-wal", "-shm"):
            other = Path(f"{kept}{side}")
            if other.exists():
                other.rename(f"{file}{side}")
        assert not merge(here)[0].trouble
        assert here.town.phones() == Counter(phones)


@pytest.mark.slow
def test_an_sqlite_file_that_stays_locked_takes_the_same_way(tmp_path: Path) -> None:
    with vault(tmp_path) as here:
        phones = here.town.populate(2)
        here.copy()
        with here.town.runtime.database.writing() as session:
            session.connection()  # from here on nobody else may write
            said = here.send("--channel", "sms")
        assert said.status == 0, said
        assert "THE DATABASE CAN'T BE USED: database is locked" in said.out
        assert not merge(here)[0].trouble
        assert here.town.phones() == Counter(phones)
