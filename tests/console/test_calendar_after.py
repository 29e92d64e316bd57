"""What has become of a planned post: its board, trying again, taking it down, who is asked for a yes, and deciding in a row."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from crisis.broadcasts import planned_calendar, planned_release
from crisis.models import Broadcast, Delivery, Incident, PlannedPost, Removal
from crisis.states import DeliveryState, Mode, PlannedState, Purpose
from tests.console.scene import Browser, Night, a_night
from tests.console.test_calendar import WORDS, when


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        yield made


def planned(night: Night, kari: Browser, hours: float = 3, **more: str) -> str:
    where = kari.send("/calendar/new", "/calendar/new", **{**WORDS, **more}).location
    kari.follow(where, f"{where}/plan", at=when(night, hours))
    return where


def let_go(night: Night) -> uuid.UUID:
    """Its time has come; the broadcast that left."""
    now = night.scene.now
    with night.scene.runtime.database.writing() as session:
        session.execute(update(PlannedPost).values(at=now))
        (post_id,) = planned_release.due(session, now)
        assert planned_release.let_go(session, post_id, now) == 1
        return session.scalars(select(Broadcast.id).where(Broadcast.planned_post_id == post_id)).one()


def sent(night: Night, state: DeliveryState = DeliveryState.ACCEPTED) -> tuple[str, str]:
    """A post that has left and ended so; its page and its board."""
    kari, anne = night.browser("kari"), night.browser("anne")
    where = planned(night, kari)
    anne.follow(where, f"{where}/approve")
    broadcast_id = let_go(night)
    assert night.scene.deliver("x-live", state=state) == 1
    return where, f"/broadcasts/{broadcast_id}/board"


def states(night: Night) -> list[DeliveryState]:
    with night.scene.runtime.database.reading() as session:
        asked = select(Delivery.state).join(Broadcast).where(Broadcast.purpose == Purpose.PLANNED)
        return list(session.scalars(asked))


def test_the_board_of_a_post(night: Night) -> None:
    where, board = sent(night)
    vidar = night.browser("vidar")
    for page in (vidar.get(where).text, vidar.get("/calendar/").text):
        assert f'href="{board}"' in page
    assert "sent: 1 of 1" in vidar.get("/calendar/").text
    page = vidar.get(board).text
    assert "Sent: 1 of 1." in page
    assert f'href="{where}"' in page
    assert 'class="live"' not in page, "a quiet day looks like one"
    assert vidar.get(f"{board}/piece").status_code == 200
    assert night.browser("dag").get(board).status_code == 404
    assert "did not get through" not in vidar.get("/").text


def test_what_failed_is_told_and_tried_again_but_not_during_an_incident(night: Night) -> None:
    _, board = sent(night, DeliveryState.FAILED)
    kari = night.browser("kari")
    assert "1 planned post did not get through everywhere." in kari.get("/").text
    assert "1 failed" in kari.get("/calendar/").text
    account = re.search(r'name="account" value="([0-9a-f-]{36})"', kari.get(board).text)
    assert account
    incident_id = night.scene.incident(Mode.LIVE)
    assert "a live incident is open" in kari.follow(board, board.replace("board", "retry"), account=account[1])
    assert states(night) == [DeliveryState.FAILED]
    with night.scene.runtime.database.writing() as session:
        session.get_one(Incident, incident_id).closed_at = night.scene.now
    assert "1 are tried again" in kari.follow(board, board.replace("board", "retry"), account=account[1])
    assert states(night) == [DeliveryState.QUEUED]


def test_an_uncertain_one_is_found_out_but_not_repeated_during_an_incident(night: Night) -> None:
    _, board = sent(night, DeliveryState.UNCERTAIN)
    kari = night.browser("kari")
    decide = re.findall(r'action="(/deliveries/[0-9a-f-]{36}/decide)"', kari.get(board).text)[0]
    assert kari.get(decide.removesuffix("/decide")).status_code == 200
    night.scene.incident(Mode.LIVE)
    kari.follow(board, decide, decision="again")
    assert states(night) == [DeliveryState.UNCERTAIN]
    kari.follow(board, decide, decision="there")
    assert states(night) == [DeliveryState.ACCEPTED]


def test_a_wrong_post_is_taken_down(night: Night) -> None:
    _, board = sent(night)
    kari, back = night.browser("kari"), board.replace("board", "retract")
    assert f'href="{back}"' in kari.get(board).text
    assert "A planned post has no correction." in kari.get(back).text
    page = kari.follow(back, f"{back}/down", account="x-live", reason="wrong day")
    assert "1 post is being taken down." in page
    with night.scene.runtime.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Removal)) == 1
    assert kari.send(back, f"{back}/correct", message="correction").status_code == 404


def test_a_yes_is_asked_for(night: Night) -> None:
    kari, anne, dag = night.browser("kari"), night.browser("anne"), night.browser("dag")
    where = planned(night, kari)
    with night.scene.runtime.database.reading() as session:
        told = select(Delivery.address).join(Broadcast).where(Broadcast.message == "planned_wanted")
        assert sorted(session.scalars(told)) == ["+4790000002", "+4790000003"], "approvers, not the author"
    assert "1 planned post waits for a yes" in anne.get("/").text
    second = planned(night, kari, 6)
    with night.scene.runtime.database.reading() as session:
        assert len(session.scalars(told).all()) == 2, "whoever plans a week asks once"
    kari.follow(second, f"{second}/cancel")
    assert "waits for a yes" not in kari.get("/").text
    assert where in anne.get("/approvals").text
    assert where not in dag.get("/approvals").text
    anne.follow(where, f"{where}/approve")
    assert where not in anne.get("/approvals").text


def test_decided_one_after_the_other(night: Night) -> None:
    kari, anne = night.browser("kari"), night.browser("anne")
    one, two, three = (planned(night, kari, hours, title=f"Post {hours}") for hours in (3, 6, 9))
    anne.follow(one, f"{one}/approve")
    incident_id = night.scene.incident(Mode.LIVE)
    page = kari.get("/calendar/").text
    assert "3 planned posts are held back. Somebody must decide on each." in page
    assert "/resume" not in page, "not while it is open"
    assert "/cancel" not in anne.get("/calendar/").text
    with night.scene.runtime.database.writing() as session:
        session.get_one(Incident, incident_id).closed_at = night.scene.now
    page = kari.get("/calendar/").text
    proposed = re.findall(r'name="at" type="datetime-local" value="([^"]+)"', page)
    assert proposed[0] == when(night, 3), "its own hour, on the first day it can be"
    page = kari.follow("/calendar/", f"{one}/resume", at=proposed[0], back="list")
    assert "2 planned posts are held back" in page, "back on the list, at the next"
    page = kari.follow("/calendar/", f"{two}/draft", back="list")
    page = kari.follow("/calendar/", f"{three}/cancel", back="list")
    assert "held back" not in page
    with night.scene.runtime.database.reading() as session:
        found = {one.title: one.state for one in session.scalars(select(PlannedPost))}
    wanted = [PlannedState.APPROVED, PlannedState.DRAFT, PlannedState.CANCELLED]
    assert [found[f"Post {hours}"] for hours in (3, 6, 9)] == wanted
    assert ">Post 6</a>" in page.partition("<h2>Drafts</h2>")[2], "a draft is found again"


def test_the_hour_comes_again_by_the_clock_on_the_wall(night: Night) -> None:
    zone = night.scene.settings.unit("ous").tz
    post = PlannedPost(at=night.scene.now.astimezone(zone).replace(hour=9, minute=0) - timedelta(days=200))
    again = planned_calendar.next_time(post, night.scene.now, zone)
    assert again.strftime("%H:%M") == "09:00"
    assert timedelta(minutes=10) <= again - night.scene.now <= timedelta(hours=26)
    for hour, proposed in ((12, "13:00"), (21, "09:00"), (3, "09:00")):
        asked = night.scene.now.astimezone(zone).replace(hour=hour, minute=0, second=0)
        by_day = planned_calendar.next_time(PlannedPost(at=None), asked, zone)
        assert by_day.strftime("%H:%M") == proposed
        assert by_day > asked


def test_a_campaign_is_followed_by_its_tag(night: Night) -> None:
    kari = night.browser("kari")
    where, other = planned(night, kari), planned(night, kari, 30, title="Noe annet", tags="jul")
    page = kari.get(where).text
    assert 'href="/calendar/?tag=kurs"' in page
    page = kari.get("/calendar/?tag=kurs").text
    assert where in page
    assert other not in page
    assert WORDS["title"] in page
