"""Calling staff in, in a real browser at phone width: from the playbook to the report, as a drill and live.

The phones are a scripted crowd of the simulator: some say yes, no or later, some are machines, busy or never taken.
"""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from crisis.models import Ask, CallOut, Delivery
from crisis.states import AskState, CallOutState, Mode
from tests.browser.demo import demo
from tests.browser.officer import PHONE, Officer, browser
from tests.stories.town import Town

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CROWD = {"yes": 4, "no": 2, "later": 2, "voicemail": 1, "ignore": 1, "busy": 1}
NEEDS = (("nurse", 5), ("surgeon", 3))
PATIENCE = 240_000  # milliseconds; a filled quota is usually a matter of seconds


def script(here: Town, crowd: dict[str, Any]) -> None:
    """What the phones of the pretend public do from now on, ten times faster than people."""
    body = json.dumps(crowd).encode()
    address = f"{here.simulator.url}/control/calls/crowd"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def start(officer: Officer, mode: Mode) -> None:
    """From the incident through form and preview to the board."""
    page = officer.page
    page.click("a[href*='call-outs/new?message=call_out']")
    for place, (skill, number) in enumerate(NEEDS, 1):
        page.fill(f"#number-{place}", str(number))
        page.select_option(f"#skill-{place}", skill)
    page.fill("[name=slot-place]", "Oslo S")
    page.check("[name=slot-hospital][value=ulleval]")
    page.click("main form button.big")
    page.wait_for_url(re.compile(r"/call-outs/[0-9a-f-]{36}$"))
    expect(page.locator("main")).to_contain_text("blir spurt først")
    if mode is Mode.LIVE:
        page.check("form:not(.glass form) [name=read]")
    page.click(f"button.release.{mode}")
    page.wait_for_url(re.compile(r"/board$"))


def asks(here: Town, mode: Mode) -> tuple[CallOut, list[Ask]]:
    with here.runtime.database.reading() as session:
        row = session.scalars(select(CallOut).where(CallOut.mode == mode)).one()
        found = list(session.scalars(select(Ask).where(Ask.call_out_id == row.id)))
        session.expunge_all()
        return row, found


def test_staff_are_called_in_until_enough_come(tmp_path: Path) -> None:
    with demo(tmp_path) as (here, secrets), browser() as chromium:
        page = chromium.new_context(viewport=PHONE, locale="nb-NO").new_page()  # type: ignore[arg-type]
        page.set_default_timeout(60_000)
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        officer = Officer(page, here.runtime.settings.console.public_url)
        officer.sign_in("vakt-ous", secrets["vakt-ous"])
        for mode in (Mode.DRILL, Mode.LIVE):
            here.simulator.reset()
            script(here, {"shares": CROWD, "seed": 5, "speed": 10, "calls_per_second": 5})
            officer.open_incident(mode, "Togulykke ved Oslo S")
            start(officer, mode)
            # The board fills by itself; nobody reloads it.
            expect(page.locator("#board .overall")).to_contain_text("Nok kommer: 8 av 8", timeout=PATIENCE)
            call_out, asked = asks(here, mode)
            assert call_out.state is CallOutState.FILLED
            coming = [one for one in asked if one.state is AskState.YES and not one.reserve]
            assert len(coming) == 8
            assert {one.way for one in coming} == {"voice"}, "a yes is a key that a person pressed"
            assert any(one.arrives_at for one in coming), "somebody comes later, and says when"
            _nobody_was_called_twice_for_one_try(here, call_out)
            _machines_said_nothing(here, asked)
            _the_phones_heard_the_right_words(here, mode)

            page.goto(page.url.replace("/board", "/report"))
            expect(page.locator("main")).to_contain_text("8 av 8 kommer.")
            expect(page.locator("table")).to_contain_text("Telefon")
            drill = "drill" in (page.locator("body").get_attribute("class") or "")
            assert drill == (mode is Mode.DRILL)
            page.goto(officer.console)
            expect(page.locator("main")).to_contain_text("8 av 8 kommer")
        assert failures == []


def _nobody_was_called_twice_for_one_try(here: Town, call_out: CallOut) -> None:
    with here.runtime.database.reading() as session:
        rows = session.execute(
            select(Delivery.ask_id, Delivery.round).where(Delivery.broadcast_id == call_out.broadcast_id)
        ).all()
    assert len(rows) == len(set(rows))


def _machines_said_nothing(here: Town, asked: list[Ask]) -> None:
    """On the phone of everybody who said yes or no the key for it was pressed."""
    keys: dict[str, set[str]] = {}
    for call in here.simulator.state("calls")["calls"]:
        pressed = {what.removeprefix("pressed ") for who, what in call["said"] if what.startswith("pressed")}
        keys.setdefault(call["to"], set()).update(pressed)
    with here.runtime.database.reading() as session:
        rows = session.execute(select(Delivery.ask_id, Delivery.address).where(Delivery.ask_id.is_not(None))).all()
    phones: dict[object, set[str]] = {}
    for row in rows:
        phones.setdefault(row.ask_id, set()).update(keys.get(row.address, set()))
    for one in asked:
        if one.state is AskState.YES:
            assert phones[one.id] & {"1", "3"}, one.way
        if one.state is AskState.NO:
            assert "2" in phones[one.id], one.way


def _the_phones_heard_the_right_words(here: Town, mode: Mode) -> None:
    """A drill says so in every call, and nothing that is real does."""
    calls = [" ".join(what for _, what in call["said"]) for call in here.simulator.state("calls")["calls"]]
    heard = [said for said in calls if "Oslo S" in said]
    assert heard
    practised = {any(word in said.lower() for word in ("øvelse", "øving", "exercise")) for said in heard}
    assert practised == {mode is Mode.DRILL}
