"""The page of one inbound in browsers: answer, undo, a second person's yes, the card, hostile words, and who may what."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from crisis.console import identity
from crisis.models import User, utcnow
from crisis.states import InboundState, Lane, Mode, Role
from tests.browser import officer
from tests.console.scene import Browser, Night, a_night
from tests.triage.test_answering import Desk

axe = pytest.importorskip("axe_playwright_python.sync_playwright")


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        yield made


@pytest.fixture
def desk(night: Night) -> Desk:
    return Desk(night.scene)


def page(inbound_id: uuid.UUID, more: str = "") -> str:
    return f"/triage/{inbound_id}{more}"


def form(html: str, action: str) -> dict[str, str]:
    """The hidden fields of the first form that posts there."""
    found = re.search(rf'<form[^>]*action="{action}".*?</form>', html, re.DOTALL)
    assert found, action
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found[0]))


def press(browser: Browser, inbound_id: uuid.UUID, action: str, **more: str) -> str:
    """Post the form of the page as it stands there; returns the page one lands on."""
    fields = form(browser.get(page(inbound_id)).text, page(inbound_id, action))
    answer = browser.client.post(page(inbound_id, action), data={**fields, **more})
    assert answer.status_code == 302, answer.text
    return browser.get(answer.location).text


def test_taken_answered_and_taken_back(night: Night, desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Broren min var der, hvor kan jeg ringe?")
    tone = night.browser("tone")
    assert 'data-key="a"' not in tone.get(page(asked)).text  # nothing to send before it is theirs
    tone.send("/triage", "/triage/do", do=f"claim {asked}", mode="live")
    shown = tone.get(page(asked)).text
    assert shown.index("23 00 00 50") < shown.index('data-key="a"')
    landed = press(tone, asked, "/answer")
    assert desk.row(asked).state is InboundState.ANSWERED
    given = re.search(r'form="undo" name="given" value="([^"]+)"', landed)
    assert given is not None
    press(tone, asked, "/undo", given=given[1])
    assert desk.row(asked).state is InboundState.CLAIMED
    assert desk.leaves("x") == []


def test_a_second_press_says_nothing_twice(night: Night, desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    tone = night.browser("tone")
    fields = form(tone.get(page(asked)).text, page(asked, "/answer"))
    for _ in range(2):
        assert tone.client.post(page(asked, "/answer"), data=fields).status_code == 302
    assert len(desk.leaves("x")) == 1


def test_own_words_are_seen_before_they_leave_and_read_by_another(night: Night, desk: Desk) -> None:
    asked = desk.hear("Broren min?")
    desk.claim(asked, "kaja")
    kaja, anne = night.browser("kaja"), night.browser("anne")
    fields = form(kaja.get(page(asked)).text, page(asked, "/write"))
    looked = kaja.client.post(page(asked, "/write"), data={**fields, "text": "Ring oss nå.", "go": "look"}).text
    fields = form(looked, page(asked, "/write"))
    unread = {**fields, "text": "Noe annet.", "go": "send"}
    assert kaja.client.post(page(asked, "/write"), data=unread).status_code == 422
    assert (
        kaja.client.post(page(asked, "/write"), data={**fields, "text": "Ring oss nå.", "go": "send"}).status_code
        == 302
    )
    assert str(asked) in anne.get("/approvals").text
    assert 'id="judge"' not in kaja.get(page(asked)).text
    assert kaja.client.post(page(asked, "/judge"), data=fields).status_code == 403
    press(anne, asked, "/judge", decision="yes")
    assert [one.out.text for one in desk.leaves("x")] == ["@pappa Ring oss nå."]


def test_who_is_no_officer_has_no_field_to_write_in(night: Night, desk: Desk) -> None:
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    assert "<textarea" not in night.browser("tone").get(page(asked)).text


def test_danger_to_life_is_read_aloud_and_written_down(night: Night, desk: Desk) -> None:
    desk.sign_answers()
    cry = desk.hear("Vi er fanget i kjelleren", lane=Lane.DANGER, url="https://x.com/a/1", author_name="Ola")
    desk.claim(cry)
    tone = night.browser("tone")
    shown = tone.get(page(cry)).text
    assert page(cry, "/card") in shown
    assert page(cry, "/answer") not in shown
    card = tone.get(page(cry, "/card")).text
    for wanted in ("Vi er fanget i kjelleren", "https://x.com/a/1", "Ola", "Oslo S", 'href="tel:110"'):
        assert wanted in card
    fields = form(card, page(cry, "/hand-over"))
    tone.client.post(page(cry, "/hand-over"), data={**fields, "to": "110", "taken_by": " "})
    assert desk.row(cry).state is InboundState.CLAIMED  # nobody is named: the clock runs on
    tone.client.post(page(cry, "/hand-over"), data={**fields, "to": "110", "taken_by": "Sentral 3"})
    assert desk.row(cry).state is InboundState.HANDED_OVER
    assert "Sentral 3" in tone.get(page(cry)).text


def test_an_exercise_card_calls_nobody(night: Night) -> None:
    desk = Desk(night.scene, Mode.DRILL)
    cry = desk.hear("Vi er fanget", lane=Lane.DANGER, author="+4791234567", channel="sms")
    desk.claim(cry)
    card = night.browser("tone").get(page(cry, "/card")).text
    assert "tel:" not in card
    assert 'class="drill"' in card


def test_reading_aloud_keeps_it(night: Night, desk: Desk) -> None:
    cry = desk.hear("Vi er fanget", lane=Lane.DANGER)
    desk.claim(cry)
    until = desk.row(cry).claimed_until
    idle = {"X-Fragment": "1"}
    tone = night.browser("tone")
    tone.get(page(cry, "/piece"), headers=idle)
    assert desk.row(cry).claimed_until == until  # a page nobody touches keeps nothing
    tone.get(page(cry, "/clock"), headers=idle)
    kept = desk.row(cry).claimed_until
    assert until is not None
    assert kept is not None
    assert kept > until


def test_to_another_unit_and_what_it_really_is(night: Night, desk: Desk) -> None:
    desk.scene.user("dina", Role.TRIAGER, unit="dep")
    asked = desk.hear("Når åpner dere?", lane=Lane.RUMOUR)
    desk.claim(asked)
    tone = night.browser("tone")
    press(tone, asked, "/sort", lane="question")
    assert desk.row(asked).lane is Lane.QUESTION
    fields = form(tone.get(page(asked, "/card")).text, page(asked, "/hand-over"))
    tone.client.post(page(asked, "/hand-over"), data={**fields, "to": "dep", "note": "deres"})
    assert tone.get(page(asked)).status_code == 404
    assert "deres" in night.browser("dina").get(page(asked)).text


def test_what_cannot_be_answered_says_so_instead_of_a_field(night: Night, desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Bombe? #OsloS", lane=Lane.RUMOUR, kind="hashtag")
    desk.claim(asked, "kaja")
    shown = night.browser("kaja").get(page(asked)).text
    assert "X lets us answer only those who named or quoted us" in shown
    assert "<textarea" not in shown
    assert page(asked, "/answer") not in shown


def test_hostile_words_stay_words(night: Night, desk: Desk) -> None:
    told = '<script>alert(1)</script> \u202eesrever "><img src=x onerror=alert(1)>'
    asked = desk.hear(told, author='"><b>x', author_name="<i>y", url="javascript:alert(1)")
    desk.claim(asked, "kaja")
    for path in (page(asked), page(asked, "/card"), page(asked, "/piece"), "/approvals"):
        shown = night.browser("kaja").get(path).text
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert "javascript:" not in shown
        assert " style=" not in shown


def test_a_stranger_sees_nothing_and_a_viewer_does_nothing(night: Night, desk: Desk) -> None:
    asked = desk.hear("Broren min?")
    for path in ("", "/piece", "/card", "/clock"):
        assert night.browser("dag").get(page(asked, path)).status_code in (403, 404)
        assert night.browser("vidar").get(page(asked, path)).status_code == 200
    assert "<button" not in night.browser("vidar").get(page(asked, "/piece")).text
    with night.scene.runtime.database.reading() as session:
        assert session.query(User).count() > 3


def test_put_away_on_the_queue_and_back_by_one_key(night: Night, desk: Desk) -> None:
    asked = desk.hear("Broren min?")
    tone = night.browser("tone")
    queue = tone.follow("/triage", "/triage/do", do=f"close {asked} known already", mode="live")
    assert f'value="reopen {asked}"' in queue
    assert 'data-key="u"' in queue
    tone.send("/triage", "/triage/do", do=f"reopen {asked}", mode="live")
    assert desk.row(asked).state is InboundState.WAITING


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_worked_off_by_keys_and_accessible(night: Night, desk: Desk, width: int, scheme: str) -> None:
    """In a real browser: taken, answered by two keys, taken back by one, handed over; no fault, no sideways scrolling."""
    desk.sign_answers()
    asked, cry = desk.hear("Broren min var der"), desk.hear("Vi er fanget", lane=Lane.DANGER)
    noise = desk.hear("Hei på deg", lane=Lane.NOISE)
    server = make_server("127.0.0.1", 0, night.app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    with night.scene.runtime.database.writing() as session:
        token = identity.start(session, night.scene.users["kaja"], "127.0.0.1", utcnow(), complete=True)
    with officer.browser() as made:
        context = made.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
        context.add_cookies([{"name": identity.cookie_name(night.app.config), "value": token, "url": base}])
        seen = context.new_page()
        problems: list[str] = []
        seen.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)

        def look() -> None:
            found = axe.Axe().run(seen)
            if found.violations_count:
                problems.append(found.generate_report())
            if seen.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                problems.append(f"{seen.url} is too wide")

        seen.goto(f"{base}{page(asked)}")
        look()
        seen.keyboard.press("c")
        seen.wait_for_selector("#answers")
        look()
        seen.keyboard.press("a")
        assert desk.row(asked).state is InboundState.CLAIMED  # one key never sends
        seen.keyboard.press("Enter")
        seen.wait_for_selector("[form=undo]")
        assert desk.row(asked).state is InboundState.ANSWERED
        look()
        seen.keyboard.press("u")
        seen.wait_for_selector("#answers")
        assert desk.row(asked).state is InboundState.CLAIMED
        seen.goto(f"{base}{page(cry)}")
        seen.keyboard.press("h")  # nobody is on it: taken first
        seen.wait_for_selector(f"a[href='{page(cry, '/card')}']")
        look()
        seen.keyboard.press("h")
        seen.wait_for_selector(".aloud")
        look()
        seen.check("[name=to][value='113']")
        seen.fill("[name=taken_by]", "AMK 7")
        seen.click("main form button.big")
        seen.wait_for_url(f"{base}{page(cry)}")
        assert desk.row(cry).state is InboundState.HANDED_OVER
        seen.goto(f"{base}/triage")
        seen.focus(f"#i-{noise}")
        seen.keyboard.press("z")
        seen.wait_for_selector("[data-key=u]")
        assert desk.row(noise).state is InboundState.SNOOZED
        look()
        seen.keyboard.press("u")
        seen.wait_for_selector("[data-key=u]", state="detached")
        assert desk.row(noise).state is InboundState.WAITING
        assert problems == []
        context.close()
    server.shutdown()
