"""The board: true numbers at once, and only the acts that are still possible."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import Account, Broadcast, BroadcastText, Delivery, Tally, utcnow
from crisis.states import BroadcastState, DeliveryState, Mode
from tests.console.scene import Browser, Night, a_night, board


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        made.scene.sign_off()
        yield made


@pytest.fixture
def kari(night: Night) -> Browser:
    return night.browser("kari")


@pytest.fixture
def released(night: Night) -> uuid.UUID:
    return night.scene.released(night.scene.incident())


def test_the_countdown_comes_first_and_can_be_cancelled(night: Night, kari: Browser, released: uuid.UUID) -> None:
    html = kari.get(board(released)).text
    assert 'data-seconds="10"' in html or 'data-seconds="9"' in html
    assert "Sent: 0 of 18." in html
    assert '<noscript><meta http-equiv="refresh"' in html
    html = kari.follow(board(released), f"/broadcasts/{released}/stop", reason="typo")
    assert "Stopped. Nothing had left." in html
    assert {row.state for row in night.scene.deliveries(released)} == {DeliveryState.CANCELLED}
    assert night.scene.deliver("sms-live", "x-live") == 0
    html = kari.follow(board(released), f"/broadcasts/{released}/follow", message="again")
    assert 'value="Oslo S"' in html


def test_stop_cancels_what_is_queued_and_claims_no_more(night: Night, kari: Browser, released: uuid.UUID) -> None:
    night.scene.deliver("sms-live", most=3)
    html = kari.follow(board(released), f"/broadcasts/{released}/stop", reason="wrong place")
    assert "Stopped. 3 had left, 15 were cancelled." in html
    assert "wrong place" in html
    assert "There was nothing left to stop" in kari.follow(board(released), f"/broadcasts/{released}/stop")


def test_numbers_links_and_troubles(night: Night, kari: Browser, released: uuid.UUID) -> None:
    night.scene.deliver("x-live", "page-live")
    night.scene.deliver("sms-live", most=2)
    night.scene.deliver("sms-live", most=1, state=DeliveryState.FAILED, say="no such number <x>")
    html = kari.get(board(released)).text
    assert "Sent: 6 of 18." in html
    assert "1 failed." in html
    assert "no such number &lt;x&gt;" in html
    assert "https://x.example/1" in html
    assert "Retry only the 1 that failed" in html
    html = kari.follow(board(released), f"/broadcasts/{released}/retry", account=str(_account(night, "sms-live")))
    assert "1 are tried again" in html
    assert "failed." not in html.split('class="overall"')[1].split("</p>")[0]


def test_the_piece_is_named_by_its_version(night: Night, kari: Browser, released: uuid.UUID) -> None:
    path = f"{board(released)}/piece"
    first = kari.get(path)
    name = first.headers["ETag"]
    assert "<html" not in first.text
    assert "csrf_token" in first.text or "Sent: 0" in first.text
    same = kari.get(path, headers={"If-None-Match": name})
    assert (same.status_code, same.data) == (304, b"")
    night.scene.deliver("sms-live", most=1)
    changed = kari.get(path, headers={"If-None-Match": name})
    assert changed.status_code == 200
    assert "Sent: 1 of 18." in changed.text


def test_an_uncertain_wall_waits_for_a_person(night: Night, kari: Browser, released: uuid.UUID) -> None:
    night.scene.deliver("x-live", state=DeliveryState.UNCERTAIN, say="read timeout")
    first, second = (row for row in night.scene.deliveries(released) if row.state is DeliveryState.UNCERTAIN)
    html = kari.get(board(released)).text
    assert html.count("You must find out") == 2
    assert "read timeout" in html
    kari.follow(board(released), f"/deliveries/{first.id}/decide", decision="there")
    kari.follow(board(released), f"/deliveries/{second.id}/decide", decision="again")
    states = {row.id: row.state for row in night.scene.deliveries(released)}
    assert (states[first.id], states[second.id]) == (DeliveryState.ACCEPTED, DeliveryState.QUEUED)
    assert "no longer uncertain" in kari.follow(board(released), f"/deliveries/{first.id}/decide", decision="again")


def test_nothing_is_sent_again_for_a_stopped_broadcast(night: Night, kari: Browser, released: uuid.UUID) -> None:
    night.scene.deliver("x-live", state=DeliveryState.UNCERTAIN)
    kari.follow(board(released), f"/broadcasts/{released}/stop")
    row = next(row for row in night.scene.deliveries(released) if row.state is DeliveryState.UNCERTAIN)
    assert "send again" not in kari.get(board(released)).text
    assert "was stopped" in kari.follow(board(released), f"/deliveries/{row.id}/decide", decision="again")


@pytest.mark.parametrize(
    ("message", "words"),
    [("update", "Update:"), ("correction", "Correction:"), ("all_clear", "emergency response is over")],
)
def test_one_press_makes_the_follow_up(
    night: Night, kari: Browser, released: uuid.UUID, message: str, words: str
) -> None:
    night.scene.deliver("sms-live", "x-live")
    html = kari.follow(board(released), f"/broadcasts/{released}/follow", message=message)
    assert words in html
    assert "goes to exactly those who got it: 9 deliveries" in html if message != "update" else "18 deliveries" in html
    assert 'value="Oslo S"' in html


def test_a_correction_stops_the_rest_and_reaches_those_who_got_it(
    night: Night, kari: Browser, released: uuid.UUID
) -> None:
    night.scene.deliver("sms-live", most=3)
    location = kari.send(board(released), f"/broadcasts/{released}/follow", message="correction").location
    path = f"{location}/release"
    html = kari.follow(path, path, read="yes")
    correction = uuid.UUID(location.split("/")[2])
    got = {row.address for row in night.scene.deliveries(released) if row.state is DeliveryState.ACCEPTED}
    assert {row.address for row in night.scene.deliveries(correction)} == got
    assert len(got) == 3
    assert night.scene.broadcast(released).state is BroadcastState.STOPPED
    assert "Sent: 0 of 3." in html
    assert "Followed by:" in kari.get(board(released)).text


def test_a_kept_and_a_broken_promise(night: Night, kari: Browser, released: uuid.UUID) -> None:
    night.scene.deliver("sms-live")
    assert "Next update promised at" in kari.get(board(released)).text
    with night.scene.runtime.database.writing() as session:
        session.get_one(Broadcast, released).next_update_at = datetime.now(UTC) - timedelta(minutes=7)
    html = kari.get(board(released)).text
    assert 'class="promise overdue" role="alert"' in html
    assert "8 minutes ago" in html or "7 minutes ago" in html


def test_delivery_story(night: Night, kari: Browser, released: uuid.UUID) -> None:
    night.scene.deliver("sms-live", most=1, state=DeliveryState.FAILED, say="carrier blocked it")
    row = next(row for row in night.scene.deliveries(released) if row.state is DeliveryState.FAILED)
    with night.scene.runtime.database.reading() as session:
        said = session.get_one(BroadcastText, row.text_id).text  # in whatever language this person reads
    html = unescape(kari.get(f"/deliveries/{row.id}").text)
    assert "carrier blocked it" in html
    assert row.id.hex in html
    assert said[:40] in html
    assert night.browser("dag").get(f"/deliveries/{row.id}").status_code == 404
    assert kari.get(f"/deliveries/{uuid.uuid4()}").status_code == 404


def test_a_paused_account_is_loud(night: Night, kari: Browser, released: uuid.UUID) -> None:
    with night.scene.runtime.database.writing() as session:
        session.get_one(Account, _account(night, "x-live")).paused_reason = "stopped by itself: keys refused"
    html = kari.get(board(released)).text
    assert "keys refused" in html
    assert "lane red" in html


def test_drill_board_is_a_drill_board(night: Night, kari: Browser) -> None:
    drill = night.scene.released(night.scene.incident(Mode.DRILL))
    assert '<body class="drill">' in kari.get(board(drill)).text


def test_a_viewer_watches_and_cannot_act(night: Night, released: uuid.UUID) -> None:
    night.scene.deliver("sms-live", most=2)
    night.scene.deliver("sms-live", most=1, state=DeliveryState.FAILED)
    html = night.browser("vidar").get(board(released)).text
    assert "Sent: 2 of 18." in html
    assert "<button" not in html.split('id="board"')[1]
    for act in ("stop", "retry", "follow"):
        answer = night.browser("vidar").send("/incidents", f"/broadcasts/{released}/{act}", message="update")
        assert answer.status_code == 403
    assert night.browser("dag").get(board(released)).status_code == 404
    assert night.browser("dag").get(f"{board(released)}/piece").status_code == 404


def _account(night: Night, key: str) -> uuid.UUID:
    with night.scene.runtime.database.reading() as session:
        return session.scalars(select(Account.id).where(Account.key == key)).one()


def test_what_waits_says_why_and_when_the_next_try_is(night: Night, kari: Browser, released: uuid.UUID) -> None:
    now = utcnow()
    with night.scene.runtime.database.writing() as session:
        row = session.scalars(select(Delivery).where(Delivery.broadcast_id == released)).first()
        assert row is not None
        row.attempts, row.say, row.code, row.due_at = (
            1,
            "HTTP 429: Too Many Requests",
            "429",
            now + timedelta(minutes=9),
        )
    html = kari.get(board(released)).text
    assert "<q>HTTP 429: Too Many Requests</q>" in html
    assert 'class="waits"' in html


def test_one_reason_is_told_once_and_with_its_number(night: Night, kari: Browser, released: uuid.UUID) -> None:
    with night.scene.runtime.database.writing() as session:
        rows = session.scalars(select(Delivery).where(Delivery.broadcast_id == released)).all()
        whose = rows[0].account_id
        mine = [row for row in rows if row.account_id == whose]
        for row in mine:
            row.state, row.say, row.code = DeliveryState.FAILED, "no such place", "21211"
            session.get_one(Tally, (released, whose, DeliveryState.QUEUED)).count -= 1
        session.add(Tally(broadcast_id=released, account_id=whose, state=DeliveryState.FAILED, count=len(mine)))
    html = kari.get(board(released)).text
    assert html.count("no such place") == 1
    assert f"{len(mine)} failed." in kari.get("/").text


def test_a_fallback_is_used_and_ended_by_hand(night: Night, released: uuid.UUID) -> None:
    with night.scene.runtime.database.writing() as session:
        account = session.scalars(select(Account).join(Delivery, Delivery.account_id == Account.id)).first()
        assert account is not None
        other = Account(key="spare", unit_id=account.unit_id, channel=account.channel, mode=account.mode)
        session.add(other)
        session.flush()
        account.fallback_id = other.id
        account_id, key = account.id, account.key
    kari = night.browser("kari")
    page = f"/accounts/{account_id}/fallback"
    assert kari.send(page, page, to="over", reason=" ").status_code == 422
    kari.send(page, page, to="over", reason="The number is blocked")
    assert "The number is blocked" in kari.get("/accounts/").text
    assert "spare" in kari.get(board(released)).text
    with night.scene.runtime.database.reading() as session:
        through = {row.through_id for row in session.scalars(select(Delivery).where(Delivery.account_id == account_id))}
        assert through == {session.scalars(select(Account.id).where(Account.key == "spare")).one()}
    kari.send(page, page, to="back", reason="Mended")
    with night.scene.runtime.database.reading() as session:
        assert session.scalars(select(Account).where(Account.key == key)).one().back_at is not None
