"""The pages of calm times, of what was said and of who is called: no accessibility fault, nothing wider than the phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crisis.broadcasts import planned, suggestions
from crisis.broadcasts.planned_words import Wording
from crisis.console import identity
from crisis.feeds.fetching import Fetched
from crisis.feeds.reading import Entry
from crisis.media import library
from crisis.models import Alert, MediaItem, utcnow
from crisis.settings import FeedSettings
from crisis.states import DeliveryState, Mode, PlannedState, Role
from tests.console.scene import Night, a_night
from tests.media.files import jpeg

pytest.importorskip("playwright.sync_api")
from tests.browser import officer
from tests.console.looks import faults, served

LONG = "Slik finner du frem i det nye bygget ved Rikshospitalet når hovedinngangen er stengt hele høsten"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with officer.browser() as made:
        yield made


@dataclass
class Open:
    night: Night
    address: str
    token: str
    paths: list[str]


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Open]:
    with a_night(tmp_path) as night, served(night.app) as address:
        night.scene.user("alle", *Role)
        with night.scene.runtime.database.writing() as session:
            token = identity.start(session, night.scene.users["alle"], "127.0.0.1", utcnow(), complete=True)
        yield Open(night, address, token, furnish(night))


def furnish(night: Night) -> list[str]:
    """Something of everything; the pages it stands on."""
    scene = night.scene
    feed = FeedSettings(url="https://www.ous.no/rss")
    units = tuple(one.model_copy(update={"feeds": (feed,)}) for one in scene.settings.units)
    object.__setattr__(scene.runtime, "settings", scene.settings.model_copy(update={"units": units}))
    kari, unit_id, now = scene.actor("kari"), scene.units["ous"], scene.now
    scene.sign_off()
    statement = scene.released(scene.incident(Mode.LIVE))
    scene.deliver("x-live", "page-live", "sms-live")
    scene.deliver("email-live", state=DeliveryState.FAILED, say="the mailbox does not exist")
    kept = scene.runtime.media.keep_bytes(jpeg(), "image/jpeg", 800, 600)
    with scene.runtime.database.writing() as session:
        item = library.add(session, kari, unit_id, kept, "kart", LONG, now)
        for due in suggestions.take(session, scene.settings, now):
            news = [Entry(str(n) * 64, LONG, f"{LONG}. " * 5, f"https://www.ous.no/{n}", now) for n in range(3)]
            suggestions.keep(session, due.feed_id, Fetched(b"", "", ""), news, now)
        words = Wording(LONG, {"nb": LONG}, tags=("beredskap", "kurs"), accounts=("x-live",))
        draft, waiting, held = (planned.write(session, kari, unit_id, words, now) for _ in range(3))
        for post in (waiting, held):
            planned.plan(session, kari, post, now + timedelta(days=1), scene.settings, now)
        held.state, held.pause_reason, held.paused_at = PlannedState.PAUSED, "a live incident was opened", now
        alert = Alert(unit_id=unit_id, mode=Mode.LIVE, source="user", key="k", title=LONG, text=LONG, opened_at=now)
        session.add(alert)
        session.flush()
        ids = {"item": item.id, "draft": draft.id, "waiting": waiting.id, "held": held.id, "alert": alert.id}
    return [
        "/",
        "/calendar/",
        "/calendar/new",
        f"/calendar/{ids['draft']}",
        f"/calendar/{ids['waiting']}",
        f"/calendar/{ids['held']}",
        f"/calendar/{ids['held']}/words",
        "/approvals",
        "/library/",
        "/library/new",
        f"/library/{ids['item']}",
        f"/broadcasts/{statement}/board",
        f"/broadcasts/{statement}/retract",
        "/accounts/live-now/",
        "/alerts/",
        f"/alerts/{ids['alert']}",
        "/escalations/",
        "/rotas/",
        "/rotas/new",
        "/triage",
        "/accounts/",
    ]


def test_pages_are_accessible(console: Open, browser: Any) -> None:
    context = browser.new_context(locale="nb-NO")
    context.add_cookies([{"name": "crisis-sign-in", "value": console.token, "url": console.address}])
    assert faults(context, console.address, console.paths) == []
    context.close()


def test_a_refused_upload_says_why_and_keeps_what_was_typed(console: Open, browser: Any) -> None:
    """Without a new page: what the person chose and typed is still there, and one mistake costs one change."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="nb-NO")
    context.add_cookies([{"name": "crisis-sign-in", "value": console.token, "url": console.address}])
    page, failures = context.new_page(), []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(f"{console.address}/library/new")
    page.set_input_files("[name=file]", {"name": "kart.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"})
    page.fill("[name=title]", "Kart over møteplassen")
    for _ in range(2):  # the second refusal takes the place of the first
        page.click("#upload button")
        page.wait_for_selector("#upload [role=alert]")
        page.wait_for_selector("#upload button:enabled")
    assert page.locator("#upload [role=alert]").count() == 1
    assert page.input_value("[name=title]") == "Kart over møteplassen"
    page.set_input_files("[name=file]", {"name": "kart.jpg", "mimeType": "image/jpeg", "buffer": jpeg(320, 200)})
    page.click("#upload button")
    page.wait_for_url("**/library/*-*")
    assert failures == []
    with console.night.scene.runtime.database.reading() as session:
        assert "Kart over møteplassen" in session.scalars(select(MediaItem.title)).all()
    context.close()
