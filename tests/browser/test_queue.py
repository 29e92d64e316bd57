"""A crowd answers the mass-casualty message on every channel, and one person works the queue by keyboard to empty."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from crisis.models import Answer, Delivery, HandOver, InboundRow, Rumour
from crisis.states import DeliveryState, InboundState, Lane, Mode
from tests.browser.demo import demo
from tests.browser.keys import Keys
from tests.browser.officer import DESK, Officer, browser
from tests.stories.town import Town, eventually, listening_fast

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PEOPLE, SEED = 40, 4
POLLED = ("email-ous", "x-ous", "mastodon-ous", "bluesky-ous", "wordpress-ous", "linkedin-ous")
OPEN = (InboundState.WAITING, InboundState.CLAIMED, InboundState.SNOOZED)


def test_the_queue_is_worked_to_empty_by_keyboard(tmp_path: Path) -> None:
    with demo(tmp_path, countdown=1, edit=listening_fast) as (here, secrets), browser() as chromium:
        page = chromium.new_context(viewport=DESK, locale="nb-NO").new_page()  # type: ignore[arg-type]
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        officer = Officer(page, here.runtime.settings.console.public_url)
        officer.sign_in("vakt-ous", secrets["vakt-ous"])
        officer.open_incident(Mode.LIVE, "Mange skadde ved Oslo S")
        officer.draft_first_message()
        officer.release(Mode.LIVE)
        eventually(lambda: all(here.cursor(key) is not None for key in POLLED))
        play = here.gather(PEOPLE, seed=SEED)
        assert play["not_said"] == {}
        said = sum(play["said"].values())
        eventually(lambda: len(rows(here)) >= said and all(row.understood_at for row in rows(here)), within=90)

        page.goto(f"{officer.console}/")
        expect(page.locator("#now")).to_contain_text("Folk venter på svar")
        page.goto(f"{officer.console}/triage")
        did = work_off(here, officer)
        assert did["danger"] >= 1
        assert did["answered"] >= 1
        assert did["rumour"] == 1
        expect(page.locator("#queue")).to_contain_text("Ingenting venter her.")
        assert failures == []

        with here.runtime.database.reading() as session:
            left = session.scalars(select(InboundRow).where(InboundRow.state.in_(OPEN))).all()
            assert [row.text for row in left if row.folded_into_id is None] == []
            handed = session.scalars(select(HandOver)).all()
            assert {one.taken_by for one in handed} == {"AMK 7"}
            assert len(handed) == did["danger"]
            verdict = session.scalars(select(Rumour.verdict)).one()
            dead = (DeliveryState.FAILED, DeliveryState.CANCELLED, DeliveryState.EXPIRED)
            sent = select(func.count()).select_from(Delivery).join(Answer, Answer.broadcast_id == Delivery.broadcast_id)
            assert session.scalar(sent.where(Delivery.state.in_(dead))) == 0
        assert verdict == "false"
        (public,) = (tmp_path / "pages" / "ous").glob("*/index.nb.html")
        assert "Rykter: dette stemmer" in public.read_text()
        # The claim itself is never repeated by us.
        ours = [one["text"] for one in here.simulator.state("posts")["posts"] if one["handle"] == "OUS_demo"]
        assert not any("fullt" in text for text in (*ours, public.read_text()))


def work_off(here: Town, officer: Officer) -> Counter[str]:
    """Next, act, next, until nothing waits; everything by keys. What was done, counted."""
    page, did = officer.page, Counter[str]()
    for _ in range(PEOPLE * 2):
        press(page, "n")
        found = re.search(r"/triage/([0-9a-f-]{36})$", page.url)
        if found is None:
            return did
        row = row_of(here, uuid.UUID(found[1]))
        if row.lane is Lane.DANGER:
            hand_over(page)
            did["danger"] += 1
        elif row.lane is Lane.RUMOUR and not did["rumour"]:
            did["rumour"] += 1
            settle_rumour(officer)
            page.goto(f"{officer.console}/triage")
        elif row.lane in (Lane.NEXT_OF_KIN, Lane.PRESS) and page.locator("[data-key=a]").count():
            page.keyboard.press("a")
            press(page, "Enter")
            eventually(lambda one=row.id: row_of(here, one).state is not InboundState.CLAIMED)
            did["answered"] += 1
        else:
            page.keyboard.press("x")
            press(page, "Enter")
            eventually(lambda one=row.id: row_of(here, one).state is InboundState.CLOSED)
            did["closed"] += 1
    raise AssertionError(f"the queue did not end: {did}")


def press(page: Page, key: str) -> None:
    """A key that leads to another page, which is there afterwards."""
    with page.expect_navigation():
        page.keyboard.press(key)


def hand_over(page: Page) -> None:
    page.keyboard.press("h")
    page.wait_for_url(re.compile("/card$"))
    keys = Keys(page)
    keys.choose("to", "113")
    keys.write("[name=taken_by]", "AMK 7")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/triage/[0-9a-f-]{36}$"))


def settle_rumour(officer: Officer) -> None:
    """From one wording to the statement that is out, and everybody who said it is answered; no mouse anywhere."""
    page, keys = officer.page, Keys(officer.page)
    page.keyboard.press("r")
    page.wait_for_url(re.compile("/rumour$"))
    keys.press("form.card .actions button")
    page.wait_for_url(re.compile(r"/rumours/[0-9a-f-]{36}$"))
    rumour = page.url
    keys.choose("verdict", "false")
    keys.write("[name=source]", "Leder for akuttmottaket, telefon 03.12")
    press(page, "Enter")
    keys.press("[name=way]")
    page.wait_for_url(re.compile(r"/broadcasts/[0-9a-f-]{36}$"))
    keys.choose("slot-fact", "emergency_open")
    keys.press("[name=go][value=look]")
    keys.press("[name=go][value=release]")
    page.wait_for_url(re.compile(r"/release"))
    keys.tick("[name=read]")
    keys.press("button.release.live")
    page.wait_for_url(re.compile(r"/board"))
    officer.until_sent()
    page.goto(rumour)  # the address that is bookmarked: no page of the board leads back there
    keys.press("form[action$='/settle'] button")
    press(page, "u")  # once too early, to see that it comes back
    assert page.locator("form[action$='/settle'] button").count() == 1
    keys.press("form[action$='/settle'] button")


def rows(here: Town) -> list[InboundRow]:
    with here.runtime.database.reading() as session:
        found = list(session.scalars(select(InboundRow)))
        session.expunge_all()
        return found


def row_of(here: Town, inbound_id: uuid.UUID) -> InboundRow:
    with here.runtime.database.reading() as session:
        row = session.get_one(InboundRow, inbound_id)
        session.expunge(row)
        return row
