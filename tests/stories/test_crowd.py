"""A crowd answers a release on every network while the listener is killed again and again: nothing is lost, nothing stands
twice, and everything is read and counted once.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

from sqlalchemy import func, select

from crisis.models import Account, InboundCount, InboundRow
from crisis.states import Lane, Mode
from tests.stories.town import Town, eventually, listening_fast, town

WALLS = ("page", "x", "facebook", "instagram", "threads", "linkedin", "mastodon", "bluesky", "wordpress")
POLLED = ("email-ous", "x-ous", "mastodon-ous", "bluesky-ous", "wordpress-ous", "linkedin-ous")
PEOPLE = 400


def test_killed_while_a_crowd_speaks(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path / "town", database_url=database_url, edit=listening_fast) as here:
        here.populate(1, channels=("mailbox",))  # whoever gets a mail can answer it
        here.start("console", "sender-live", "listener")
        broadcast = here.release(here.open(Mode.LIVE), channels=(*WALLS, "email"))
        assert set(here.settled(broadcast)) <= {"accepted", "delivered"}
        eventually(lambda: all(here.cursor(key) is not None for key in POLLED))
        killing = threading.Thread(target=kill_often, args=(here,))
        killing.start()
        play = here.gather(PEOPLE, seconds=12)
        killing.join()
        spoken = sum(play["said"].values())
        assert (spoken, play["not_said"]) == (PEOPLE, {})
        assert play["said"]["email"] > 0
        eventually(lambda: heard(here) == play["said"], within=90)
        eventually(lambda: count(here, InboundRow.understood_at.is_(None)) == 0)
        with here.runtime.database.reading() as session:
            keys = session.execute(select(InboundRow.account_id, InboundRow.provider_id)).all()
            assert len(set(keys)) == len(keys) == spoken
            assert session.scalar(select(func.sum(InboundCount.count))) == len(keys)
            # Each one that was folded away is counted by exactly the one it stands behind.
            folded = session.scalar(select(func.sum(InboundRow.folded)))
        assert folded == count(here, InboundRow.folded_into_id.is_not(None))
        assert count(here, (InboundRow.lane == Lane.DANGER) & InboundRow.folded_into_id.is_(None)) >= 3


def kill_often(here: Town) -> None:
    for _ in range(3):
        time.sleep(3)
        here.kill("listener")
        here.start("listener")


def heard(here: Town) -> dict[str, int]:
    with here.runtime.database.reading() as session:
        channels = session.scalars(select(Account.channel).join(InboundRow, InboundRow.account_id == Account.id))
        return dict(Counter(channels))


def count(here: Town, only: object) -> int:
    with here.runtime.database.reading() as session:
        return session.scalar(select(func.count()).select_from(InboundRow).where(only)) or 0  # type: ignore[arg-type]
