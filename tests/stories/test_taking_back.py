"""A correction that changes posts in place and takes others down, while the sender is killed: once, and never a hole.

At no moment is a wrong post gone without its correction standing, and no correction stands twice.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import Delivery, Removal
from crisis.states import Manner, Mode, RemovalState
from tests.stories.proof import prove, with_lines
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow
SHORT = "connect_seconds = 1\nread_seconds = 45"
EDITED = ("mastodon", "facebook")
HOW = {"x-ous": "apart", "bluesky-ous": "apart", "mastodon-ous": "in_place", "facebook-ous": "in_place"}
PLAYERS = {"x_ous": SHORT, "bluesky_ous": SHORT, "mastodon_ous": SHORT, "facebook_ous": SHORT}


def wall(here: Town, name: str) -> list[tuple[str, bool]]:
    """Everything we ever said on a network, oldest first, and whether it still stands."""
    if name == "x":
        return [(one["text"], not one["deleted"]) for one in here.simulator.state("posts")["posts"]]
    seen = here.simulator.state("networks")["networks"][name]
    return [(one["text"], not one["deleted"]) for one in seen if one["ours"]]


def no_hole(here: Town) -> None:
    for name in ("x", "bluesky"):
        said = wall(here, name)
        assert any(stands for _, stands in said), f"nothing of ours stands on {name}: {said}"


def corrected(here: Town) -> uuid.UUID:
    """The first message has left everywhere; its correction is released. Gives the correction."""
    incident = here.open(Mode.LIVE)
    first = here.release(incident, channels=("x", "bluesky", *EDITED))
    here.settled(first)
    here.stop("sender-live")  # so that what follows meets the faults of the story, and nothing before
    second = here.release(incident, "correction", follows=first, manners=HOW)
    with here.runtime.database.reading() as session:
        manners = session.scalars(select(Delivery.manner).where(Delivery.broadcast_id == second))
        assert sorted(manners) == [Manner.APART] * 2 + [Manner.IN_PLACE] * 2
    return second


def taken_down(here: Town) -> bool:
    here.hurry()
    no_hole(here)
    with here.runtime.database.reading() as session:
        return set(session.scalars(select(Removal.state))) == {RemovalState.GONE}


def told_once(here: Town, correction: uuid.UUID) -> None:
    """Every network shows the correction, once, and nothing else of ours."""
    assert here.found_out(correction) == {"accepted": 4}
    eventually(lambda: taken_down(here))
    for name in ("x", "bluesky"):
        assert [stands for _, stands in wall(here, name)] == [False, True], name
    for name in EDITED:
        ((text, stands),) = wall(here, name)
        assert stands
        assert "var feil" in text, text
    prove(here, correction)


@pytest.mark.parametrize("kind", ["hang", "hang_after"])
def test_killed_while_the_correction_is_said(tmp_path: Path, database_url: str, kind: str) -> None:
    """hang: the networks took nothing. hang_after: they took it, and we never heard."""
    with town(tmp_path, database_url=database_url, edit=with_lines(**PLAYERS)) as here:
        here.start("sender-live", "clock")
        second = corrected(here)
        for name in ("x", "bluesky", *EDITED):
            here.simulator.fault(name, kind, times=1)
        here.start("sender-live")
        eventually(lambda: len(here.simulator.state("troubles")["troubles"]) >= 4)
        no_hole(here)
        here.kill("sender-live")
        here.simulator.clear_faults()
        here.lapse()
        here.start("sender-live")
        told_once(here, second)


@pytest.mark.parametrize("kind", ["hang", "hang_after"])
def test_killed_while_the_wrong_post_comes_down(tmp_path: Path, kind: str) -> None:
    with town(tmp_path, edit=with_lines(**PLAYERS)) as here:
        here.start("sender-live", "clock")
        second = corrected(here)
        for name in ("x", "bluesky"):
            here.simulator.fault(name, "slow", times=1, seconds=0.2)  # the correction
            here.simulator.fault(name, kind, times=1)  # the wrong post
        here.start("sender-live")
        eventually(lambda: len(here.simulator.state("troubles")["troubles"]) >= 4)
        here.kill("sender-live")
        no_hole(here)
        here.simulator.clear_faults()
        here.lapse()
        here.start("sender-live")
        told_once(here, second)
