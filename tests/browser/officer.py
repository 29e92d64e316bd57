"""A duty officer in a real browser: what a person does with thumb and eyes, in the words of the main job.

Elements are found by form names and headings, never by looks. Used by the browser story and by the screenshots.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyotp
from playwright.sync_api import Browser, Page, expect, sync_playwright

from crisis.embedded.seed import PASSWORD
from crisis.states import Mode

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def browser() -> Iterator[Browser]:
    """The machine's Chromium, or the one playwright has installed."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=found, args=QUIET)
        yield running
        running.close()


class Officer:
    """One signed-in person at one screen. `look` is called at each moment worth a picture."""

    def __init__(self, page: Page, console: str, look: Callable[[str], None] = lambda _name: None) -> None:
        self.page, self.console, self.look = page, console, look

    def sign_in(self, login: str, secret: str) -> None:
        page = self.page
        page.goto(self.console)
        page.fill("[name=login]", login)
        page.fill("[type=password]", PASSWORD)
        page.click("main button")
        page.fill("[name=code]", pyotp.TOTP(secret).now())
        page.click("main button")
        expect(page.locator("nav").first).to_be_visible()
        self.look("now")

    def open_incident(self, mode: Mode, title: str) -> None:
        page = self.page
        page.goto(f"{self.console}/incidents/new")
        page.check(f"[name=mode][value={mode}]")
        page.fill("[name=title]", title)
        page.check("[name=playbook][value=mass-casualty]")
        self.look("new-incident")
        page.locator("main form button").last.click()
        page.wait_for_url(re.compile(r"/incidents/[0-9a-f-]{36}"))
        self.look("incident")

    def draft_first_message(self, place: str = "Oslo S") -> None:
        page = self.page
        page.click("[name=message][value=initial]")
        page.wait_for_url(re.compile(r"/broadcasts/[0-9a-f-]{36}"))
        page.fill("[name=slot-place]", place)
        page.check("[name=slot-hospital][value=ulleval]")
        page.fill("[name=slot-kin_phone]", "23 00 00 50")
        page.click("[name=go][value=look]")
        expect(page.locator("main")).to_contain_text("/ 280")
        self.look("preview")

    def release(self, mode: Mode) -> None:
        """From the draft through the last look to the board, and wait until nothing is left to do."""
        page = self.page
        page.click("[name=go][value=release]")
        page.wait_for_url(re.compile(r"/release"))
        self.look("release")
        if mode is Mode.LIVE:
            page.check("[name=read]")
        page.click(f"button.release.{mode}")
        page.wait_for_url(re.compile(r"/board"))
        self.look("countdown")
        self.until_sent()
        self.look("board")

    def until_sent(self) -> None:
        """Watch the board until every row is green: it renews itself."""
        expect(self.page.locator("[data-queued='0']")).to_have_count(1, timeout=30_000)
        for row in self.page.locator("article.lane").all():
            expect(row).to_have_class(re.compile("green|red"), timeout=30_000)

    def follow_up(self, phase: str, mode: Mode) -> None:
        """One press on the board: a draft filled from the original, and out it goes."""
        page = self.page
        page.click(f"#follow-{phase}")
        page.wait_for_url(re.compile(r"/broadcasts/[0-9a-f-]{36}$"))
        expect(page.locator("[name=slot-place]")).not_to_have_value("")
        self.look(phase)
        self.release(mode)

    def lanes(self) -> dict[str, str]:
        """The board's rows: account key -> red, yellow, moving or green."""
        found = {}
        for row in self.page.locator("article.lane").all():
            light = next(word for word in (row.get_attribute("class") or "").split() if word not in ("card", "lane"))
            found[row.locator("h2 .soft").inner_text()] = light
        return found


def camera(page: Page, folder: Path) -> Callable[[str], None]:
    """Takes a numbered picture of the whole page at each call."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0

    def look(name: str) -> None:
        nonlocal count
        count += 1
        page.screenshot(path=folder / f"{count:02}-{name}.png", full_page=True)

    return look
