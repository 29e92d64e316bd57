"""Taking back: what is possible is shown, what was chosen is part of what is approved, and nothing comes down too early."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis import audit
from crisis.channels.base import Accepted
from crisis.channels.registry import FACTS
from crisis.models import Account, AuditRow, Delivery, Removal, utcnow
from crisis.sending import removals as removals_
from crisis.states import BroadcastState, DeliveryState, Manner, RemovalState
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
    made = night.scene.released(night.scene.incident())
    night.scene.deliver("x-live", "page-live", "sms-live")
    return made


def removals(night: Night) -> list[Removal]:
    with night.scene.runtime.database.reading() as session:
        return list(session.scalars(select(Removal)))


def test_the_page_says_what_each_channel_allows(kari: Browser, released: uuid.UUID) -> None:
    html = kari.get(f"/broadcasts/{released}/retract").text
    assert "can only be taken down" in html  # X, whose account cannot change posts
    assert "The network takes down 50 in 15 minutes." in html
    assert "Cannot be recalled; they get the correction: SMS" in html
    assert "retract" in kari.get(board(released)).text


def test_one_press_corrects_everywhere_and_takes_down_after(night: Night, kari: Browser, released: uuid.UUID) -> None:
    page = f"/broadcasts/{released}/retract"
    form = {"message": "correction", "manner-x-live": "apart", "manner-page-live": "under"}
    answer = kari.send(page, f"{page}/correct", **form)
    assert answer.status_code == 302
    draft = uuid.UUID(answer.location.rsplit("/", 1)[1])
    assert "The old post is taken down once this one stands." in kari.get(answer.location).text
    before = night.scene.broadcast(draft).digest
    night.scene.release(draft, break_glass="wrong address")
    assert before is None
    new = {row.id: row for row in night.scene.deliveries(draft)}
    waiting = removals(night)
    assert {row.state for row in waiting} == {RemovalState.QUEUED}
    assert len(waiting) == 2  # one language each
    assert all(new[row.after_id].manner is Manner.APART for row in waiting if row.after_id)
    with night.scene.runtime.database.reading() as session:
        page_rows = [row for row in new.values() if row.id not in {one.after_id for one in waiting}]
        assert {row.manner for row in page_rows} == {Manner.UNDER}
        assert session.get_one(Delivery, waiting[0].delivery_id).broadcast_id == released
    assert "Waits until the correction stands there." in kari.get(board(released)).text


def test_what_becomes_of_the_posts_is_part_of_what_is_approved(night: Night, released: uuid.UUID) -> None:
    from crisis.broadcasts.freeze import digest
    from crisis.models import Broadcast

    draft = night.scene.follow(released, "correction")
    with night.scene.runtime.database.reading() as session:
        row = session.get_one(Broadcast, draft)
        without = digest(row)
        row.manners = {"x-live": "apart"}
        assert digest(row) != without
        session.expunge_all()


def test_taking_down_alone_needs_a_reason_and_stops_the_rest(night: Night, kari: Browser) -> None:
    released = night.scene.released(night.scene.incident())
    night.scene.deliver("x-live")
    page = f"/broadcasts/{released}/retract"
    assert "say why it is taken down" in kari.follow(page, f"{page}/down", account="x-live", reason=" ")
    assert removals(night) == []
    html = kari.follow(page, f"{page}/down", account="x-live", reason="a name in it")
    assert "2 posts are being taken down." in html
    assert {(row.state, row.after_id, row.reason) for row in removals(night)} == {
        (RemovalState.QUEUED, None, "a name in it")
    }
    assert night.scene.broadcast(released).state is BroadcastState.STOPPED
    assert {row.state for row in night.scene.deliveries(released)} == {DeliveryState.ACCEPTED, DeliveryState.CANCELLED}
    assert "nothing left to take down" in kari.follow(page, f"{page}/down", account="x-live", reason="again")
    with night.scene.runtime.database.reading() as session:
        assert session.scalars(select(AuditRow).where(AuditRow.act == "broadcast.taken_down")).one()
        assert list(audit.verify(session)) == []


def test_nobody_without_the_right_takes_anything_down(night: Night, released: uuid.UUID) -> None:
    night.app.config["WTF_CSRF_ENABLED"] = False
    for who, status in (("vidar", 403), ("dag", 404)):
        browser = night.browser(who)
        assert browser.get(f"/broadcasts/{released}/retract").status_code == status
        answer = browser.client.post(f"/broadcasts/{released}/retract/down", data={"account": "x-live", "reason": "r"})
        assert answer.status_code == status
    assert removals(night) == []


def test_what_is_left_of_what_the_network_takes_down_is_shown(night: Night, kari: Browser, released: uuid.UUID) -> None:
    page = f"/broadcasts/{released}/retract"
    kari.follow(page, f"{page}/down", account="x-live", reason="a name in it")
    with night.scene.runtime.database.writing() as session:
        account = session.scalars(select(Account).where(Account.key == "x-live")).one()
        claimed = removals_.claim(session, account.id, FACTS["x"].deletes_per, utcnow())
        for one in claimed:
            removals_.settle(session, one, Accepted(one.provider_id), utcnow(), utcnow())
    assert "The network takes down 50 in 15 minutes. <b>48 of them are left now.</b>" in kari.get(page).text
