"""What is known of an account's credentials: kept, shown, told of once, and said before a release."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crisis.channels.base import Budget, Health
from crisis.models import Account, Broadcast, BroadcastText, Delivery, Destination, Person, User, utcnow
from crisis.runtime import Runtime
from crisis.sending import pulse
from crisis.states import Mode, Role
from workers import clock

KEY = "sms-ous-live"


def note(runtime: Runtime, health: Health, key: str = KEY) -> None:
    with runtime.database.writing() as session:
        account = session.scalars(select(Account.id).where(Account.key == key)).one()
        pulse.note_health(session, account, health, utcnow())


def row(runtime: Runtime, key: str = KEY) -> Account:
    with runtime.database.reading() as session:
        return session.scalars(select(Account).where(Account.key == key)).one()


def notices(runtime: Runtime) -> int:
    with runtime.database.reading() as session:
        told = select(func.count(Delivery.id)).join(Broadcast, Broadcast.id == Delivery.broadcast_id)
        return session.scalar(told.where(Broadcast.message == "credentials_end")) or 0


@pytest.fixture
def admin(make_user: Any, sign_in: Any, runtime: Runtime, units: dict[str, uuid.UUID]) -> FlaskClient:
    user = make_user("kari", Role.ADMINISTRATOR)
    with runtime.database.writing() as session:
        person = Person(reference="kari", name="Kari", unit_id=units["ous"], language="nb")
        person.destinations = [Destination(medium="phone", address="+4790000001", position=0, consent=True)]
        session.add(person)
        session.flush()
        session.get_one(User, user.id).person_id = person.id
    browser: FlaskClient = sign_in(user)
    return browser


def test_what_a_look_finds_is_kept(runtime: Runtime) -> None:
    end = utcnow() + timedelta(days=40)
    note(runtime, Health(ok=True, say="keys are alive", expires_at=end, budget=Budget(12, 500, "reads today", end)))
    found = row(runtime)
    assert (found.healthy, found.expires_at, found.budget_used, found.budget_limit) == (True, end, 12, 500)
    note(runtime, Health(ok=False, say="no answer in time"))
    found = row(runtime)
    assert (found.healthy, found.expires_at, found.budget_used) == (False, end, 12), "a failed look unlearns nothing"
    note(runtime, Health(ok=True))
    assert row(runtime).expires_at is None, "new credentials without an end"


def test_administrators_are_told_once_of_each_end(runtime: Runtime, admin: FlaskClient) -> None:
    end = utcnow() + timedelta(days=15)
    note(runtime, Health(ok=True, expires_at=end))
    clock.tick(runtime, "clock@here:1")
    assert notices(runtime) == 0, "fifteen days are not soon"
    note(runtime, Health(ok=True, expires_at=end - timedelta(days=2)))
    for _ in range(3):
        clock.tick(runtime, "clock@here:1")
    assert notices(runtime) == 1
    note(runtime, Health(ok=True, expires_at=end - timedelta(days=5)))
    clock.tick(runtime, "clock@here:1")
    assert notices(runtime) == 2, "another end is other news"
    with runtime.database.reading() as session:
        texts = session.scalars(select(BroadcastText.text).where(BroadcastText.channel == "sms")).all()
    assert all(KEY in text for text in texts)
    assert len(texts) == 6


def test_a_drill_account_is_told_of_as_a_drill(runtime: Runtime, admin: FlaskClient) -> None:
    note(runtime, Health(ok=True, expires_at=utcnow() + timedelta(days=1)), key="sms-ous-drill")
    clock.tick(runtime, "clock@here:1")
    with runtime.database.reading() as session:
        (mode,) = session.scalars(select(Broadcast.mode).where(Broadcast.message == "credentials_end"))
    assert mode is Mode.DRILL


@pytest.mark.parametrize(
    ("days", "words"),
    [(-1, ("gikk ut", "tilgangen er gått ut")), (13, ("går ut", "tilgangen går snart ut")), (30, ())],
)
def test_the_pages_say_when_credentials_end(
    runtime: Runtime, admin: FlaskClient, days: int, words: tuple[str, ...]
) -> None:
    note(runtime, Health(ok=True, expires_at=utcnow() + timedelta(days=days, minutes=1)))
    first, accounts = admin.get("/").text, admin.get("/accounts/").text
    if words:
        assert f"Tilgangen til {KEY} {words[0]}" in first
        assert words[1] in accounts
        assert ("kan ikke sende" in accounts) is (days < 0), (
            "nothing says it can send once its credentials have run out"
        )
    else:
        assert "Tilgangen til" not in first
        assert "tilgangen gjelder til" in accounts


@pytest.mark.parametrize(("used", "word"), [(100, ""), (400, "nesten brukt opp"), (500, "brukt opp")])
def test_the_accounts_page_shows_the_budget(runtime: Runtime, admin: FlaskClient, used: int, word: str) -> None:
    note(runtime, Health(ok=True, budget=Budget(used, 500, "reads today")))
    page = admin.get("/accounts/").text
    assert f"{used} av 500 lesinger i dag brukt" in page
    assert ("brukt opp" in page) is bool(word)
    assert ("har brukt opp" in admin.get("/").text) is (used == 500)
    assert word in page
