"""A calm week in a real browser at phone width: from the hospital's own news to a post, and what an incident does to the next."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from crisis.states import Mode
from tests.browser.demo import demo
from tests.browser.officer import PHONE, Officer, browser
from tests.stories.town import Town, eventually

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ACCOUNTS = ("x-ous", "mastodon-ous")


class Editor(Officer):
    """The officer on a quiet day."""

    def make_post_of_suggestion(self, words: str) -> str:
        """The newest suggestion with these words; the new post's address."""
        page = self.page
        page.goto(f"{self.console}/calendar/")
        self.look("suggestions")
        page.locator("#suggestions li").first.locator("a.button").click()
        expect(page.locator("[name=title]")).not_to_have_value("")
        page.fill("[name=text-nb]", words)
        page.fill("[name=tags]", "kurs")
        for account in ACCOUNTS:
            page.check(f"[name=account][value={account}]")
        self.look("words")
        page.locator("main form button").last.click()
        page.wait_for_url(re.compile(r"/calendar/[0-9a-f-]{36}$"))
        self.look("draft")
        return page.url

    def plan(self, at: datetime) -> None:
        page = self.page
        page.fill("[name=at]", at.strftime("%Y-%m-%dT%H:%M"))
        page.locator("form[action$='/plan'] button").click()
        self.look("planned")

    def say_yes(self) -> None:
        self.page.locator("form[action$='/approve'] button").click()
        expect(self.page.locator("form[action$='/approve']")).to_have_count(0)
        self.look("approved")


def said(here: Town, words: str) -> int:
    return sum(words in post["text"] for post in here.simulator.state("posts")["posts"])


def test_a_calm_week(tmp_path: Path) -> None:
    with demo(tmp_path) as (here, secrets), browser() as chromium:
        zone = here.runtime.settings.unit("ous").tz
        page = chromium.new_context(viewport=PHONE, locale="nb-NO").new_page()  # type: ignore[arg-type]
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        kari = Editor(page, here.runtime.settings.console.public_url)
        kari.sign_in("vakt-ous", secrets["vakt-ous"])
        eventually(lambda: page.goto(f"{kari.console}/calendar/") and page.locator("#suggestions li").count() == 3)

        # Not this one; then a post of the next, for the next full minute that leaves time to approve it.
        page.locator("#suggestions li").last.locator("button").click()
        expect(page.locator("#suggestions li")).to_have_count(2)
        first = kari.make_post_of_suggestion("Meld deg på kurset.")
        expect(page.locator("main")).to_contain_text("#kurs")
        kari.plan(datetime.now(zone) + timedelta(minutes=1, seconds=20))
        kari.say_yes()
        second = kari.make_post_of_suggestion("Les om det nye bygget.")
        kari.plan(datetime.now(zone) + timedelta(minutes=30))
        kari.say_yes()

        eventually(lambda: said(here, "Meld deg på kurset.") == 1, within=150)
        eventually(lambda: page.goto(first) and page.locator("a[href$='/board']").count() == 1)
        page.locator("a[href$='/board']").click()
        kari.until_sent()
        kari.look("board")
        assert kari.lanes() == dict.fromkeys(ACCOUNTS, "green")

        # The alarm: the next one is held back, and nothing but a person lets it go.
        kari.open_incident(Mode.LIVE, "Ulykke ved Majorstuen")
        incident = page.url
        page.goto(kari.console)
        expect(page.locator("main")).to_contain_text("Noen må bestemme")
        page.goto(f"{kari.console}/calendar/")
        kari.look("held-back")
        expect(page.locator("#decide li")).to_have_count(1)
        expect(page.locator("#decide [name=at]")).to_have_count(0)
        page.goto(incident)
        page.locator("form[action$='/close'] button").click()
        if page.locator("dialog[open]").count():
            page.locator("dialog[open] button").last.click()
        page.goto(f"{kari.console}/calendar/")
        kari.look("decide")
        page.fill(
            "#decide [name=at]", (datetime.now(zone) + timedelta(minutes=1, seconds=20)).strftime("%Y-%m-%dT%H:%M")
        )
        page.locator("#decide form[action$='/resume'] button").click()
        expect(page.locator("#decide")).to_have_count(0)
        eventually(lambda: said(here, "Les om det nye bygget.") == 1, within=150)
        eventually(lambda: page.goto(second) and page.locator("a[href$='/board']").count() == 1)
        page.goto(f"{kari.console}/calendar/?tag=kurs")
        kari.look("afterwards")
        assert said(here, "Meld deg på kurset.") == 1
        assert here.simulator.state("refused")["refused"] == []
        assert failures == []
