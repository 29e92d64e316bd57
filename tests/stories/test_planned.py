"""A planned post leaves at its time, once, although the clock and the sender are killed; a live incident keeps it in."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.broadcasts import planned, planned_release
from crisis.broadcasts.planned_words import Wording
from crisis.models import AuditRow, Broadcast, Incident, PlannedPost, Unit
from crisis.states import Mode, PlannedState
from tests.stories.proof import prove, with_lines
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow
SHORT = "connect_seconds = 1\nread_seconds = 3"
WALLS = ("x-ous", "mastodon-ous")


def approved(here: Town, title: str, seconds: float, accounts: Sequence[str] = ("x-ous",)) -> uuid.UUID:
    """A post that an officer wrote, planned and approved, for so many seconds from now."""
    now, who = datetime.now(UTC), here.officer()
    words = Wording(title, {"nb": f"{title}: kurs i høst."}, accounts=accounts)
    with here.runtime.database.writing() as session:
        unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
        post = planned.write(session, who, unit_id, words, now)
        planned.plan(session, who, post, now + timedelta(seconds=seconds), here.runtime.settings, now)
        waiting = planned.unsent(session, post)
        assert waiting is not None
        planned.approve(session, who, post, waiting.digest or "", here.runtime.settings, now)
        return post.id


def broadcast_of(here: Town, post_id: uuid.UUID) -> uuid.UUID:
    with here.runtime.database.reading() as session:
        return session.scalars(select(Broadcast.id).where(Broadcast.planned_post_id == post_id)).one()


def state(here: Town, post_id: uuid.UUID) -> PlannedState:
    with here.runtime.database.reading() as session:
        return session.get_one(PlannedPost, post_id).state


def released(here: Town, post_id: uuid.UUID) -> bool:
    return state(here, post_id) is PlannedState.RELEASED


def said(here: Town, title: str) -> int:
    return sum(title in post["text"] for post in here.simulator.state("posts")["posts"])


def times_let_go(here: Town, post_id: uuid.UUID) -> int:
    with here.runtime.database.reading() as session:
        asked = select(AuditRow).where(
            AuditRow.act == "planned.released", AuditRow.subject == f"planned_post:{post_id}"
        )
        return len(session.scalars(asked).all())


def test_it_leaves_at_its_time_and_not_before(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url) as here:
        here.start("sender-live", "clock")
        post_id = approved(here, "Vaksine", 3, WALLS)
        at = datetime.now(UTC) + timedelta(seconds=3)
        eventually(lambda: released(here, post_id))
        assert datetime.now(UTC) >= at - timedelta(seconds=1)
        broadcast = broadcast_of(here, post_id)
        assert here.found_out(broadcast) == {"accepted": len(WALLS)}
        assert said(here, "Vaksine") == 1
        prove(here, broadcast)


def test_the_clock_is_killed_around_its_time_and_two_run_afterwards(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url) as here:
        here.start("sender-live", "clock")
        posts = [approved(here, f"Post {number}", 1.5 + number / 4) for number in range(8)]
        for count in (1, 3, 6):
            eventually(lambda count=count: sum(released(here, post_id) for post_id in posts) >= count)
            here.kill("clock")
            here.start("clock")
        eventually(lambda: all(released(here, post_id) for post_id in posts))
        broadcasts = [broadcast_of(here, post_id) for post_id in posts]
        assert here.found_out(*broadcasts) == {"accepted": len(posts)}
        for number, post_id in enumerate(posts):
            assert said(here, f"Post {number}") == 1
            assert times_let_go(here, post_id) == 1
        prove(here, *broadcasts)


@pytest.mark.parametrize("kind", ["hang", "hang_after"])
def test_the_sender_is_killed_in_the_call(tmp_path: Path, kind: str) -> None:
    """hang: the network took nothing. hang_after: it has the post, and we never heard."""
    with town(tmp_path, edit=with_lines(x_ous=SHORT)) as here:
        here.start("sender-live", "clock")
        here.simulator.fault("x", kind, times=1, seconds=1)
        post_id = approved(here, "Vaksine", 1)
        eventually(lambda: released(here, post_id))
        broadcast = broadcast_of(here, post_id)
        eventually(lambda: "sending" in here.states(broadcast))
        if kind == "hang_after":
            eventually(lambda: said(here, "Vaksine") == 1)
        here.kill("sender-live")
        here.simulator.clear_faults()
        here.lapse()
        here.start("sender-live")
        assert here.found_out(broadcast) == {"accepted": 1}
        assert said(here, "Vaksine") == 1
        prove(here, broadcast)


def test_a_live_incident_keeps_it_in_until_somebody_decides(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url) as here:
        here.start("sender-live", "clock")
        one, other = approved(here, "Vaksine", 4), approved(here, "Brosjyre", 4)
        incident_id = here.open(Mode.LIVE)
        first = here.release(incident_id, channels=("x",))
        assert here.found_out(first) == {"accepted": 1}
        with here.runtime.database.writing() as session:
            session.get_one(Incident, incident_id).closed_at = datetime.now(UTC)
        due = datetime.now(UTC) + timedelta(seconds=4)
        eventually(lambda: datetime.now(UTC) > due)
        assert [state(here, each) for each in (one, other)] == [PlannedState.PAUSED] * 2
        with here.runtime.database.writing() as session:
            who, now = here.officer(), datetime.now(UTC)
            post = session.get_one(PlannedPost, one)
            assert post.pause_reason == planned_release.INCIDENT_OPENED
            planned.resume(session, who, post, now + timedelta(seconds=1), here.runtime.settings, now)
            planned.cancel(session, who, session.get_one(PlannedPost, other), "over")
        eventually(lambda: released(here, one))
        assert here.found_out(broadcast_of(here, one)) == {"accepted": 1}
        assert (said(here, "Vaksine"), said(here, "Brosjyre")) == (1, 0)
        prove(here, first, broadcast_of(here, one))
