"""Drafting and releasing: what is shown is what is sent, a slip sends nothing, and live never looks like drill."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import Account, AuditRow, Broadcast, Delivery, Grant
from crisis.states import BroadcastState, Mode, Role
from tests.broadcasts.scene import SLOTS
from tests.console.scene import Browser, Night, a_night

FORM = {f"slot-{name}": value for name, value in SLOTS.items()}


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        made.scene.sign_off()
        yield made


@pytest.fixture
def kari(night: Night) -> Browser:
    return night.browser("kari")


def _draft(night: Night, mode: Mode = Mode.LIVE) -> str:
    return f"/broadcasts/{night.scene.drafted(night.scene.incident(mode))}"


def _id(path: str) -> uuid.UUID:
    return uuid.UUID(path.split("/")[2])


def _save(kari: Browser, path: str, mode: str = "live", **more: object) -> str:
    accounts = [f"{one}-{mode}" for one in ("page", "x", "sms", "email")]
    return kari.follow(path, path, **{**FORM, "account": accounts, "audience": ["staff", "press"], **more})


def test_an_untouched_form_is_no_mistake_and_shows_the_text_with_gaps(night: Night, kari: Browser) -> None:
    incident = night.scene.incident()
    location = kari.send(f"/incidents/{incident}", f"/incidents/{incident}/draft", message="initial").location
    html = kari.get(location).text
    assert "aria-invalid" not in html
    assert "Where did it happen?" in html
    assert "For example: 23 00 00 50" in html
    assert "Many people are injured at …." in html
    assert "Staff" in html
    assert "5 people" in html


def test_preview_is_what_each_receiver_gets(night: Night, kari: Browser) -> None:
    path = _draft(night)
    html = _save(kari, path)
    assert "Mange er skadd ved Oslo S." in html  # sms, 5 in bokmål
    assert "5 get this" in html
    assert "Many are injured at Oslo S." in html
    assert "/ 280" in html
    assert "GSM-7" in html
    assert f'src="{path}/mail/nb"' in html
    assert "Go on to release" in html


def test_a_wrong_value_stands_beside_its_field_and_stops_release(night: Night, kari: Browser) -> None:
    path = _draft(night)
    html = _save(kari, path, **{"slot-kin_phone": "12", "slot-place": "see http://evil.example"})
    assert "This is no phone number" in html
    assert "No web address here" in html
    assert 'value="12"' in html
    assert "This cannot be released yet" in kari.get(kari.get(f"{path}/release").location).text


def test_typing_is_checked_and_nothing_is_kept(night: Night, kari: Browser) -> None:
    path, most = _draft(night), night.scene.playbook.slots["place"].longest
    answer = kari.send(path, f"{path}/check", **{**FORM, "slot-place": "x" * 60, "account": ["x-live", "sms-live"]})
    assert answer.json["errors"] == {"place": f"{60 - most} too long; at most {most} characters."}
    fine = kari.send(path, f"{path}/check", **{**FORM, "slot-place": "Bislett", "account": ["x-live", "sms-live"]}).json
    assert fine["errors"] == {}
    assert {one["label"] for one in fine["sizes"]} == {"X", "SMS"}
    assert night.scene.broadcast(_id(path)).slots["place"] == "Oslo S"


def test_dear_letters_are_named(night: Night, kari: Browser) -> None:
    html = _save(kari, _draft(night), **{"slot-place": "Čáhput"})
    assert "Not in the SMS alphabet: Č" in html


def test_the_mail_frame_can_do_nothing(night: Night, kari: Browser) -> None:
    path = _draft(night)
    answer = kari.get(f"{path}/mail/nb")
    assert "Mange mennesker er skadd ved Oslo S" in answer.text
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert night.browser("dag").get(f"{path}/mail/nb").status_code == 404


def test_editing_by_hand_needs_a_second_person_and_says_so_before(night: Night, kari: Browser) -> None:
    path = _draft(night)
    assert "An edited text needs a second person" in kari.get(path).text
    form = {"channel": "x", "language": "nb", "before": "old"}
    html = kari.follow(path, f"{path}/edit", **form, text="Oslo sykehus: vi vet ikke mer.")
    assert "edited by hand" in html
    assert "the text was edited by hand" in html
    assert "Go on: ask a second person" in html
    assert "Ask a second person now" in kari.get(f"{path}/release").text
    html = kari.follow(path, f"{path}/edit", **form, undo="yes")
    assert "Go on to release" in html
    assert night.scene.broadcast(_id(path)).edits == {}


def test_an_edit_form_sent_untouched_is_no_edit(night: Night, kari: Browser) -> None:
    path = _draft(night)
    same = "line one\r\nline two"
    kari.follow(path, f"{path}/edit", channel="x", language="nb", before=same, text=same)
    assert night.scene.broadcast(_id(path)).edits == {}


def test_live_and_drill_share_no_button(night: Night, kari: Browser) -> None:
    live = kari.get(f"{_draft(night)}/release").text
    drill = kari.get(f"{_draft(night, Mode.DRILL)}/release").text
    assert '<body class="live">' in live
    assert '<body class="drill">' in drill
    assert 'class="release live"' in live
    assert 'class="release drill"' not in live
    assert 'class="release drill"' in drill
    assert 'class="release live"' not in drill
    assert 'name="read"' in live
    assert 'name="read"' not in drill
    assert live.index('class="release live"') > live.index("Word for word")
    assert drill.index('class="release drill"') < drill.index("Word for word")
    assert "To everybody:" in live
    assert "To 7 people by" in live
    assert "ØVELSE" in drill
    assert "ØVELSE" not in live


def test_live_needs_the_sentence_ticked(night: Night, kari: Browser) -> None:
    path = _draft(night)
    html = kari.follow(f"{path}/release", f"{path}/release")
    assert "tick the sentence" in html
    assert night.scene.broadcast(_id(path)).state is BroadcastState.DRAFT


def test_released_once_however_often_it_is_pressed(night: Night, kari: Browser) -> None:
    path = _draft(night)
    page = f"{path}/release"
    assert "Nothing has left yet." in kari.follow(page, page, read="yes")
    html = kari.follow(page, page, read="yes", digest="0")
    assert "Nothing was sent twice." in html
    rows = night.scene.deliveries(_id(path))
    assert len(rows) == 2 + 2 + 7 + 7  # X and page in two languages, SMS, e-mail


def test_what_changed_since_it_was_read_is_not_sent(night: Night, kari: Browser) -> None:
    path = _draft(night)
    page = f"{path}/release"
    kari.get(page)
    old = {"read": "yes", "digest": kari.get(page).text.split('name="digest" value="')[1][:64]}
    _save(kari, path, **{"slot-place": "Bislett"})
    html = kari.follow(page, page, **old)
    assert "it changed since you read it" in html
    assert "Bislett" in html
    assert night.scene.deliveries(_id(path)) == []
    assert "changed since" in kari.follow(page, page, read="yes", digest="")  # nor what carries no digest


def test_reading_slowly_moves_no_promise(night: Night, kari: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The promised time is rounded to five minutes; crossing that line while reading must not refuse the release."""
    from crisis.console import broadcasts, release

    start = night.scene.now.replace(minute=4, second=50, microsecond=0)
    for module in (broadcasts, release):
        monkeypatch.setattr(module, "utcnow", lambda: start)
    path = _draft(night)
    html = kari.get(f"{path}/release").text
    for module in (broadcasts, release):
        monkeypatch.setattr(module, "utcnow", lambda: start + timedelta(minutes=3))
    digest, read_at = (html.split(f'name="{name}" value="')[1].split('"')[0] for name in ("digest", "read_at"))
    kari.follow(f"{path}/release", f"{path}/release", read="yes", digest=digest, read_at=read_at)
    assert night.scene.broadcast(_id(path)).state is BroadcastState.RELEASED
    assert night.scene.broadcast(_id(path)).next_update_at == start.replace(minute=5, second=0) + timedelta(hours=1)


def test_break_glass_demands_a_reason_tells_everybody_and_is_recorded(night: Night, kari: Browser) -> None:
    scene = night.scene
    path = f"/broadcasts/{scene.drafted(scene.incident(Mode.LIVE), 'initial')}"
    kari.follow(path, f"{path}/edit", channel="x", language="nb", before="", text="Annen tekst. Rom vår dag.")
    page = f"{path}/release"
    html = kari.get(page).text
    assert "Anne, Per" in html
    assert "second person" in html
    assert "needs a reason" in kari.follow(page, page, read="yes", break_glass="  ")
    assert "the text was edited by hand" in kari.follow(page, page, read="yes")  # no glass broken: refused
    assert scene.broadcast(_id(path)).state is BroadcastState.DRAFT
    html = kari.follow(page, page, read="yes", break_glass="Nobody answers the phone")
    assert "Released without a second person." in html
    with scene.runtime.database.reading() as session:
        acts = session.scalars(select(AuditRow).where(AuditRow.act == "broadcast.glass_broken")).all()
        notices = session.scalars(
            select(Delivery)
            .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
            .where(Broadcast.message == "glass_broken")
        ).all()
        assert acts[0].details["reason"] == "Nobody answers the phone"
        assert {row.address for row in notices} == {"+4790000002", "+4790000003"}


def test_roles(night: Night, kari: Browser) -> None:
    path = _draft(night)
    for who in ("vidar", "anne"):
        browser = night.browser(who)
        assert browser.get(path).status_code == 200
        assert browser.get(f"{path}/release").status_code == 403
        for act in ("", "/release", "/submit", "/edit", "/test", "/discard", "/check", "/withdraw"):
            assert browser.send("/incidents", path + act, read="yes").status_code == 403, (who, act)
    assert night.browser("dag").send("/incidents", f"{path}/release", read="yes").status_code == 404
    with night.scene.runtime.database.writing() as session:
        for grant in session.scalars(select(Grant).where(Grant.role == Role.OFFICER)):
            session.delete(grant)
    assert kari.get(path).status_code == 403  # rights are read at every request


def test_a_test_goes_to_oneself_alone(night: Night, kari: Browser) -> None:
    path = _draft(night)
    html = kari.follow(path, f"{path}/test")
    assert "A test is on its way" in html
    with night.scene.runtime.database.reading() as session:
        assert [row.address for row in session.scalars(select(Delivery))] == ["+4790000001"]
    assert night.scene.broadcast(_id(path)).state is BroadcastState.DRAFT


def test_discarding(night: Night, kari: Browser) -> None:
    path = _draft(night)
    assert "The draft is thrown away." in kari.follow(path, f"{path}/discard")
    assert kari.get(path).status_code == 404


def test_a_draft_without_its_playbook_is_shown_and_not_released(night: Night, kari: Browser) -> None:
    path = _draft(night)
    (night.scene.folder / "playbooks" / "mass-casualty.toml").write_text("[")
    assert "the playbook of this draft cannot be read" in kari.get(path).text
    assert kari.get(f"{path}/release").status_code == 302


def test_another_modes_account_is_refused(night: Night, kari: Browser) -> None:
    path = _draft(night, Mode.DRILL)
    html = _save(kari, path, account=["sms-live"])
    assert "this incident has no account sms-live" in html


def test_two_presses_in_the_same_moment_release_once(tmp_path: Path, database_url: str) -> None:
    with a_night(tmp_path, database_url) as night:
        night.scene.sign_off()
        path = _draft(night)
        page, form = f"{path}/release", {"read": "yes"}
        browsers = [night.browser("kari") for _ in range(4)]
        html = browsers[0].get(page).text
        for name in ("digest", "read_at"):
            form[name] = html.split(f'name="{name}" value="')[1].split('"')[0]
        tokens = [browser.get(page).text.split('name="csrf_token" value="')[1].split('"')[0] for browser in browsers]
        with ThreadPoolExecutor(4) as pool:
            send = lambda browser, token: browser.client.post(page, data={**form, "csrf_token": token})  # noqa: E731
            answers = list(pool.map(send, browsers, tokens))
        assert {answer.location for answer in answers} == {f"{path}/board"}
        assert len(night.scene.deliveries(_id(path))) == 18


def test_an_account_that_ails_says_so_before_the_release(night: Night, kari: Browser) -> None:
    path = _draft(night)
    with night.scene.runtime.database.writing() as session:
        account = session.query(Account).filter_by(key="x-live").one()
        account.healthy, account.health = False, "HTTP 401: Unauthorized"
    assert "could not send" in _save(kari, path)
    html = kari.get(f"{path}/release").text
    assert "could not send at the last check" in html
    assert "HTTP 401: Unauthorized" in html
