"""The demo's people: complete, harmless, added once, and never beside anything real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import phonenumbers
import pyotp
import pytest
from sqlalchemy import func, select

from crisis import audit, runtime
from crisis.db import Database
from crisis.embedded import seed
from crisis.models import Destination, Group, Person, SignOff, Unit, User, utcnow
from crisis.playbooks import signoff
from crisis.playbooks.read import read_all
from crisis.runtime import match_settings
from crisis.seal import Seal
from crisis.settings import Settings
from crisis.states import Role

SEAL = Seal("test")


@pytest.fixture
def seeded(database: Database, settings: Settings) -> Iterator[Database]:
    with database.writing() as session:
        match_settings(session, settings)
    with database.writing() as session:
        assert seed.seed(session, settings, SEAL, read_all(settings.playbooks_dir), utcnow())
    return database


def test_each_unit_has_its_users_with_their_rights(seeded: Database, settings: Settings) -> None:
    with seeded.reading() as session:
        users = {user.login: user for user in session.scalars(select(User))}
        roles = {login: {grant.role for grant in user.grants} for login, user in users.items()}
        assert roles["vakt-ous"] == {Role.VIEWER, Role.TRIAGER, Role.OFFICER}
        assert roles["godkjenner-hod"] == {Role.VIEWER, Role.APPROVER}
        assert Role.ADMINISTRATOR in roles["admin-ous"]
        assert len(users) == 6
        for user in users.values():
            media = session.scalars(select(Destination.medium).where(Destination.person_id == user.person_id)).all()
            assert sorted(media) == ["mailbox", "phone"]
        shown = seed.users(session, settings, SEAL)
    assert [user.login for user in shown[:3]] == ["vakt-ous", "godkjenner-ous", "admin-ous"]
    assert pyotp.TOTP(shown[0].secret).verify(shown[0].code())


def test_nobody_real_can_be_reached(seeded: Database) -> None:
    with seeded.reading() as session:
        rows = session.execute(select(Destination.medium, Destination.address)).all()
    phones = [address for medium, address in rows if medium == "phone"]
    for phone in phones:
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone))
        number = int(phone.removeprefix("+"))
        assert seed.FIRST_PHONE <= number <= seed.LAST_PHONE or phone == seed.UNREACHABLE_PHONE
    ordinary = [phone for phone in phones if phone != seed.UNREACHABLE_PHONE]
    assert len(set(ordinary)) == len(ordinary)
    assert all(address.endswith(".example") for medium, address in rows if medium == "mailbox")


def test_the_hospital_has_sixty_people_in_three_languages(seeded: Database) -> None:
    with seeded.reading() as session:
        unit = session.scalars(select(Unit).where(Unit.key == "ous")).one()
        staff = session.scalars(select(Group).where(Group.unit_id == unit.id, Group.key == "staff")).one()
        assert len(staff.persons) == 60
        assert {person.language for person in staff.persons} == {"nb", "nn", "en"}
        keys = session.scalars(select(Group.key).where(Group.unit_id == unit.id)).all()
    assert sorted(keys) == ["press", "residents", "staff"]


def test_single_messages_are_signed_off_but_for_one_playbook(seeded: Database, settings: Settings) -> None:
    shelf, now = read_all(settings.playbooks_dir), utcnow()
    with seeded.reading() as session:
        for told in settings.units:
            unit = session.scalars(select(Unit).where(Unit.key == told.key)).one()
            for playbook in shelf.playbooks.values():
                for key, message in playbook.messages.items():
                    row = signoff.latest(session, unit.id, playbook.id, key)
                    wanted = (
                        message.authority == "single"
                        and playbook.kind == told.kind
                        and playbook.id != seed.LEFT_UNSIGNED[told.kind]
                    )
                    assert (row is not None) == wanted, f"{playbook.id}/{key}"
                    if row is not None:
                        digest = signoff.digest_of(signoff.content(playbook, key))
                        assert signoff.standing(digest, row, now, playbook.valid_until).ok
        assert set(seed.LEFT_UNSIGNED.values()) <= set(shelf.playbooks)
        assert list(audit.verify(session)) == []


def test_twice_adds_nothing_twice(seeded: Database, settings: Settings) -> None:
    def count() -> list[int]:
        with seeded.reading() as session:
            return [session.scalar(select(func.count()).select_from(table)) or 0 for table in (Person, User, SignOff)]

    before = count()
    with seeded.writing() as session:
        assert not seed.seed(session, settings, SEAL, read_all(settings.playbooks_dir), utcnow())
    assert count() == before


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('base_url = "http://127.0.0.1:8090"', 'base_url = "https://api.x.com"', "'x-ous' reaches api.x.com"),
        ('"http://127.0.0.1:8090/pages/ous"', '"https://status.example.org"', "'page-ous' reaches status.example.org"),
        (
            "http://127.0.0.1:8090/news/ous.atom",
            "https://www.ous.example/rss",
            "unit 'ous' is read from www.ous.example",
        ),
        ('host = "127.0.0.1"\nport = 8080', 'host = "0.0.0.0"\nport = 8080', "listens on 0.0.0.0"),
        ("verify = false", "verify = true", None),
    ],
)
def test_anything_that_leaves_this_machine_is_no_demo(folder: Path, old: str, new: str, reason: str | None) -> None:
    source = (folder / "crisis.example.toml").read_text()
    (folder / "crisis.toml").write_text(source.replace(old, new, 1))
    said = seed.why_not(runtime.load(folder / "crisis.toml"))
    assert (said is None) if reason is None else (said is not None and reason in said)
