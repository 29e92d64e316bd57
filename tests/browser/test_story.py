"""The main job in a real browser at phone width: a drill and the same live, released, corrected and ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from crisis.states import Mode
from tests.browser.demo import demo
from tests.browser.officer import PHONE, Officer, browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NETWORKS = ("facebook", "instagram", "threads", "linkedin", "mastodon", "bluesky", "wordpress")
EVERYWHERE = ("page", "x", *NETWORKS, "sms", "email")


def test_the_main_job(tmp_path: Path) -> None:
    with demo(tmp_path) as (here, secrets), browser() as chromium:
        page = chromium.new_context(viewport=PHONE, locale="nb-NO").new_page()  # type: ignore[arg-type]
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        officer = Officer(page, here.runtime.settings.console.public_url)
        officer.sign_in("vakt-ous", secrets["vakt-ous"])
        for mode, place in ((Mode.DRILL, "Oslo S"), (Mode.LIVE, "Majorstuen")):
            here.simulator.reset()
            officer.open_incident(mode, f"Hendelse ved {place}")
            drill = "drill" in (page.locator("body").get_attribute("class") or "")
            assert drill == (mode is Mode.DRILL)
            expect(page.locator(".flag")).to_contain_text("ØVELSE" if drill else "SKARPT")
            officer.draft_first_message(place)
            officer.release(mode)
            lanes = officer.lanes()
            # One of the demo's phones can never be reached, as in life: its row is red and says why.
            lights = {key.split("-")[0]: light for key, light in lanes.items()}
            assert lights == dict.fromkeys(EVERYWHERE, "green") | {"sms": "red"}
            officer.follow_up("correction", mode)
            officer.follow_up("all_clear", mode)

            state = here.simulator.state("posts", "messages", "mails", "refused", "networks")
            assert state["refused"] == []
            posts = [post["text"] for post in state["posts"]]
            assert len(posts) == 3
            assert all(place in text for text in posts)
            assert all(("ØVELSE" in text) == (mode is Mode.DRILL) for text in posts)
            handle = "OUS_drill" if mode is Mode.DRILL else "OUS_demo"
            assert {post["handle"] for post in state["posts"]} == {handle}
            for network in NETWORKS:
                shown = [one["text"] for one in state["networks"][network] if one["ours"] and not one["reply_to"]]
                assert any(place in text for text in shown), f"nothing about {place} on {network}"
                practised = [any(word in text for word in ("ØVELSE", "ØVING", "EXERCISE")) for text in shown]
                assert set(practised) == {mode is Mode.DRILL}, network
            replies = [post for post in state["posts"] if post.get("reply_to")]
            assert len(replies) == 2, "correction and all-clear hang under what they follow"
            # Everybody got all three; the phone that failed is not told a correction of what it never got.
            times = sorted(here.phones().values())
            assert times == [1] + [3] * (len(times) - 1)
            assert len({mail["to"] for mail in state["mails"]}) * 3 == len(state["mails"])

            officer.page.goto(f"{here.simulator.url}/")
            assert place in page.inner_text("body")
        assert failures == []
