"""The listener's round over the feeds, against the pretend web site: news once, then nothing new, then trouble in words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from crisis.models import Feed, Suggestion
from crisis.settings import FeedSettings
from crisis.simulator.server import Simulator
from tests.broadcasts.scene import Scene, a_scene
from workers.feeding import Feeding


@pytest.fixture
def fed(tmp_path: Path) -> Iterator[Scene]:
    with a_scene(tmp_path) as scene, Simulator.start() as simulator:
        feeds = {
            "ous": (FeedSettings(url=f"{simulator.url}/news/ous.atom"), FeedSettings(url=f"{simulator.url}/news/1")),
            "dep": (FeedSettings(url=f"{simulator.url}/news/gone.atom"),),
        }
        units = tuple(one.model_copy(update={"feeds": feeds[one.key]}) for one in scene.settings.units)
        object.__setattr__(scene.runtime, "settings", scene.settings.model_copy(update={"units": units}))
        yield scene


def look(scene: Scene) -> dict[str, tuple[int, str]]:
    """One round with every feed's turn come; for each feed how many entries are kept, and what is said about it."""
    with scene.runtime.database.writing() as session:
        session.execute(update(Feed).values(asked_at=None))
    asyncio.run(Feeding(scene.runtime).look())
    with scene.runtime.database.reading() as session:
        kept = list(session.scalars(select(Suggestion.feed_id)))
        return {row.url.rpartition("/")[2]: (kept.count(row.id), row.say) for row in session.scalars(select(Feed))}


def test_a_round(fed: Scene) -> None:
    first = look(fed)
    assert first == {
        "ous.atom": (3, ""),
        "1": (0, "this is no news feed, or it is broken"),
        "gone.atom": (0, "the site answered HTTP 404"),
    }
    with fed.runtime.database.reading() as session:
        mark = session.scalars(select(Feed.etag).where(Feed.url.endswith("ous.atom"))).one()
        one = session.scalars(select(Suggestion).order_by(Suggestion.at.desc())).first()
        assert mark
        assert one is not None
        assert one.text == "Kurset er åpent for alle ansatte. Påmelding innen fredag."
    assert look(fed) == first


def test_a_defect_is_said_and_the_other_feeds_go_on(fed: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from workers import feeding

    def broken(_body: bytes) -> list[object]:
        raise ZeroDivisionError

    monkeypatch.setattr(feeding.reading, "read", broken)
    assert look(fed)["ous.atom"] == (0, "the look failed: ZeroDivisionError")
    monkeypatch.undo()
    assert look(fed)["ous.atom"] == (3, "")
