"""People write while the listener is killed: nothing is lost, nothing stands twice, and everything is read."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from crisis.models import InboundCount, InboundRow
from tests.stories.town import eventually, town

POSTS = 60


def test_killed_in_a_burst_nothing_is_lost_and_nothing_stands_twice(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path / "town", database_url=database_url) as here:
        here.start("listener")
        eventually(lambda: here.cursor("x-ous") is not None)
        for number in range(POSTS):
            here.post(f"writer{number}", f"@OUS_demo hva skjer ved inngang {number} akkurat nå?")
            if number % 20 == 10:
                here.kill("listener")
                here.start("listener")
        eventually(lambda: len(here.inbound()) >= POSTS and read(here) >= POSTS, within=60)
        assert len(set(here.inbound())) == len(here.inbound()) == POSTS
        with here.runtime.database.reading() as session:
            assert session.scalar(select(func.sum(InboundCount.count))) == POSTS


def read(here: object) -> int:
    with here.runtime.database.reading() as session:  # type: ignore[attr-defined]
        return session.scalar(select(func.count()).where(InboundRow.understood_at.is_not(None))) or 0
