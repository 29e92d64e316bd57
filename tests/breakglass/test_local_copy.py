"""The copy on this machine: everything that sending needs, nothing else, closed to everybody but its owner."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from crisis import migrations
from crisis.breakglass import journal, local_copy
from crisis.breakglass.folder import Busy
from crisis.models import (
    Account,
    Destination,
    Grant,
    Group,
    OptOut,
    Person,
    SignIn,
    SignOff,
    Unit,
    User,
    membership,
)
from crisis.playbooks import signoff
from crisis.sending.consent import opt_out
from crisis.states import Mode, Role
from tests.breakglass.scene import HASH, NOW, Vault, vault


@pytest.fixture
def here(tmp_path: Path, database_url: str) -> Iterator[Vault]:
    with vault(tmp_path, database_url=database_url) as found:
        found.town.populate(5, channels=("phone", "mailbox"))
        yield found


def test_it_holds_what_sending_needs(here: Vault) -> None:
    incident_id = here.town.open(Mode.LIVE)
    with here.town.runtime.database.writing() as session:
        sms = session.scalars(select(Account).where(Account.key == "sms-ous")).one()
        opt_out(session, sms.id, "+4741000001", "stop", NOW)
        opt_out(session, sms.id, "+4741000002", "stop", NOW)
        session.execute(update(OptOut).where(OptOut.address == "+4741000002").values(ended_at=NOW))
        session.execute(update(Destination).where(Destination.address == "+4741000003").values(consent=False))
    counts = local_copy.refresh(here.town.runtime.database, here.folder, NOW)
    assert local_copy.seen_at(here.folder) == NOW
    same = [Unit, Account, Group, Person, Destination]
    assert all(counts[model.__tablename__] == here.count(model) for model in same)
    assert counts[membership.name] == 5
    with journal.closing_file(here.folder.copy) as database, database.reading() as session:
        assert session.scalars(select(OptOut.address)).all() == ["+4741000001"]
        assert session.scalars(select(Destination.address).where(~Destination.consent)).all() == ["+4741000003"]
        assert session.scalars(select(User.password_hash).where(User.login == "vakt")).one() == HASH
        assert session.scalars(select(Grant.role)).all() == [Role.OFFICER]
        assert session.connection().exec_driver_sql("SELECT id FROM incident").scalar_one() == incident_id.hex
        assert migrations.current(database) == migrations.newest()


def test_it_holds_nothing_that_sending_does_not_need(here: Vault) -> None:
    with here.town.runtime.database.writing() as session:
        session.execute(update(User).values(totp_secret="gAAA-totp"))
        user_id = session.scalars(select(User.id).where(User.login == "vakt")).one()
        session.add(SignIn(token_hash="t" * 64, user_id=user_id, password_at=NOW, seen_at=NOW, address="::1"))
        session.execute(update(Account).values(lease_owner="sender", lease_until=NOW))
    here.copy()
    with closing(sqlite3.connect(here.folder.copy)) as connection:
        held = "\n".join(connection.iterdump())
    assert "Person 1" not in held
    assert "gAAA-totp" not in held
    assert "t" * 64 not in held
    assert "'seer'" not in held  # no officer
    assert "'sender'" not in held


def test_whoever_only_signed_cannot_act_with_the_copy(here: Vault) -> None:
    with here.town.runtime.database.writing() as session:
        other = User(name="Godkjenner", login="ja", password_hash=HASH)
        session.add(other)
        session.flush()
        session.execute(update(SignOff).values(user_id=other.id))
    here.copy()
    with closing(sqlite3.connect(here.folder.copy)) as connection:
        rows = dict(connection.execute('SELECT login, password_hash FROM "user"').fetchall())
    assert rows == {"vakt": HASH, "ja": "-"}


def test_a_signature_taken_back_does_not_bring_an_older_one_into_force(here: Vault) -> None:
    parts = here.town.runtime
    with parts.database.writing() as session:
        old = session.scalars(
            select(SignOff).where(SignOff.playbook == "mass-casualty", SignOff.message == "initial")
        ).one()
        book = parts.playbooks.shelf().playbooks["mass-casualty"]
        later = old.signed_at + timedelta(seconds=1)
        row = signoff.sign(session, old.unit_id, book, "initial", old.user_id, old.expires_at, later)
        signoff.revoke(row, later)
    here.copy()
    with journal.closing_file(here.folder.copy) as database, database.reading() as session:
        newest = signoff.latest(session, old.unit_id, "mass-casualty", "initial")
        assert newest is not None
        assert newest.revoked_at == later
    here.away = "postgresql://crisis@127.0.0.1:1/crisis"
    assert "the sign-off was taken back" in here.send().err


def test_only_its_owner_can_open_it(here: Vault) -> None:
    here.copy()
    here.copy()
    for path, mode in ((here.folder.root, 0o700), (here.folder.copy, 0o600)):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    names = {path.name for path in here.folder.root.iterdir()}
    assert names == {"copy.sqlite", "copy.lock", "merged"}


def test_a_database_without_officers_does_not_replace_it(here: Vault) -> None:
    """It is new, restored empty, or the wrong one."""
    local_copy.refresh(here.town.runtime.database, here.folder, NOW)
    with here.town.runtime.database.writing() as session:
        session.query(Grant).delete()
    with pytest.raises(local_copy.NothingToCopy):
        local_copy.refresh(here.town.runtime.database, here.folder, NOW + timedelta(hours=1))
    assert local_copy.seen_at(here.folder) == NOW


def test_a_copy_that_was_cut_off_leaves_the_old_one(here: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    local_copy.refresh(here.town.runtime.database, here.folder, NOW)
    with monkeypatch.context() as patch:
        patch.setattr(local_copy, "_nameless", lambda row: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            local_copy.refresh(here.town.runtime.database, here.folder, NOW + timedelta(hours=1))
    assert local_copy.seen_at(here.folder) == NOW
    local_copy.refresh(here.town.runtime.database, here.folder, NOW + timedelta(hours=2))
    assert local_copy.seen_at(here.folder) == NOW + timedelta(hours=2)


def test_one_at_a_time(here: Vault) -> None:
    with here.folder.copying(), pytest.raises(Busy):
        here.copy()


def test_the_command_makes_it_and_tells_its_age(here: Vault) -> None:
    assert "there is no local copy" in here.run("journal", "list").out
    said = here.run("copy", "refresh")
    assert said.status == 0, said
    assert "5 person" in said.out
    assert f"made {datetime.now(UTC):%Y-%m-%d}" in here.run("journal", "list").out
