"""The main pages in a real browser at phone width: no accessibility fault, no sideways scrolling, forms that work."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from crisis.actor import SYSTEM, Actor
from crisis.console import identity
from crisis.models import Account, Heartbeat, Incident, Person, User, utcnow
from crisis.oncall import groups, people
from crisis.oncall.people import Details, Reach
from crisis.states import Mode, Role
from crisis.triage import rumours
from tests.console.test_triage import hear

sync_api = pytest.importorskip("playwright.sync_api")
from tests.browser import officer  # noqa: E402 - after the importorskip above
from tests.console.looks import faults, served  # noqa: E402

RUMOUR = ("Stemmer det at Ullevål er fullt og sender folk hjem?", "Hørte at Ullevål er fullt og sender folk bort")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with officer.browser() as made:  # none here is a failure: accessibility must not pass unlooked at
        yield made


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    with served(app) as made:
        yield made


@pytest.fixture
def user(app: Flask, make_user: Any, units: Any) -> Any:
    made = make_user("kari", *Role)
    with app.extensions["crisis"].database.writing() as session:
        for mode in Mode:
            session.add(
                Incident(unit_id=units["ous"], mode=mode, title="Mange skadde ved Oslo S", playbook="mass-casualty")
            )
        session.add(Heartbeat(process="clock@a:1", kind="clock", at=utcnow()))
        session.add(Heartbeat(process="sender-live@a:2", kind="sender-live", at=utcnow() - timedelta(minutes=3)))
        groups.create_group(session, SYSTEM, units["ous"], "staff", "De ansatte")
        reaches = (Reach("phone", "+4722334455"), Reach("mailbox", "ola@ous.no", consent=False))
        wanted = Details("17", "Ola Nordmann", "nn", frozenset({"staff"}), ("kirurg",), reaches)
        session.get_one(User, made.id).person_id = people.save(session, SYSTEM, units["ous"], None, wanted).id
    return made


def token_for(app: Flask, user: Any) -> str:
    with app.extensions["crisis"].database.writing() as session:
        return identity.start(session, user.id, "127.0.0.1", utcnow(), complete=True)


def gathered(app: Flask, user: Any, inbound_id: uuid.UUID) -> uuid.UUID:
    actor = Actor(user.id, "Kari", frozenset((grant.unit_id, grant.role) for grant in user.grants))
    with app.extensions["crisis"].database.writing() as session:
        incident = session.query(Incident).filter_by(mode=Mode.LIVE).one()
        return rumours.start(session, actor, incident, "Ullevål er fullt", [inbound_id], utcnow()).id


def test_pages_are_accessible(app: Flask, address: str, browser: Any, user: Any) -> None:
    context = browser.new_context()
    assert faults(context, address, ["/sign-in"]) == []
    context.add_cookies([{"name": "crisis-sign-in", "value": token_for(app, user), "url": address}])
    with app.extensions["crisis"].database.reading() as session:
        person_id = session.query(Person.id).scalar()
        account_id = session.query(Account.id).filter_by(key="sms-ous-live").scalar()
    said = hear(app.extensions["crisis"], *RUMOUR)
    rumour_id = gathered(app, user, said[0])
    paths = (
        "/",
        "/me/",
        "/people/",
        "/me/ways/",
        "/practice/",
        "/accounts/tests/",
        "/rotas/",
        "/escalations/",
        f"/people/{person_id}",
        "/people/new",
        "/people/groups",
        "/people/import",
        "/users/",
        "/users/new",
        f"/users/{user.id}",
        "/accounts/",
        f"/accounts/{account_id}/pause",
        "/playbooks/",
        "/playbooks/mass-casualty",
        "/playbooks/mass-casualty/initial/sign-off",
        "/record/",
        "/record/chain",
        "/triage",
        "/triage?mode=drill&state=closed",
        "/privacy",
        f"/triage/{said[1]}/rumour",
        "/rumours",
        f"/rumours/{rumour_id}",
    )
    assert faults(context, address, paths) == []
    context.close()


def test_lost_connection_is_said_and_recovers(app: Flask, address: str, browser: Any, user: Any) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="nb-NO")
    context.add_cookies([{"name": "crisis-sign-in", "value": token_for(app, user), "url": address}])
    page = context.new_page()
    page.goto(address + "/")
    page.route("**/now", lambda route: route.abort())
    page.wait_for_selector(".lost", timeout=15_000)
    page.unroute("**/now")
    page.wait_for_selector(".lost", state="detached", timeout=25_000)
    context.close()


def test_a_dangerous_button_asks_first(app: Flask, address: str, browser: Any, user: Any) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.add_cookies([{"name": "crisis-sign-in", "value": token_for(app, user), "url": address}])
    page = context.new_page()
    page.goto(address + "/me/")
    page.click("form[data-confirm] button")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Enter")  # the safe answer has the focus
    assert page.url.endswith("/me/")
    page.click("form[data-confirm] button")
    page.click("dialog[open] button.danger")
    page.wait_for_url("**/sign-in")
    context.close()
