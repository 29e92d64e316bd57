"""Suggestions on the calendar page: a post made of one, one passed over, and a feed that can't be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.broadcasts import suggestions
from crisis.feeds.fetching import Fetched
from crisis.feeds.reading import Entry
from crisis.models import Feed, PlannedPost, Suggestion
from crisis.settings import FeedSettings
from crisis.states import SuggestionState
from tests.console.scene import Night, a_night


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        scene = made.scene
        feed = FeedSettings(url="https://www.ous.no/rss")
        units = tuple(
            one.model_copy(update={"feeds": (feed,) if one.key == "ous" else ()}) for one in scene.settings.units
        )
        object.__setattr__(scene.runtime, "settings", scene.settings.model_copy(update={"units": units}))
        entries = [
            Entry(str(n) * 64, f"Sak {n} <b>", f"Ingress {n}.", f"https://www.ous.no/{n}", scene.now) for n in (1, 2)
        ]
        with scene.runtime.database.writing() as session:
            for due in suggestions.take(session, scene.settings, scene.now):
                suggestions.keep(session, due.feed_id, Fetched(b"", "", ""), entries, scene.now)
        yield made


def states(night: Night) -> dict[str, SuggestionState]:
    with night.scene.runtime.database.reading() as session:
        return {one.title[:5]: one.state for one in session.scalars(select(Suggestion))}


def test_a_post_is_made_of_one_and_another_passed_over(night: Night) -> None:
    kari = night.browser("kari")
    page = kari.get("/calendar/").text
    assert "Sak 1 &lt;b&gt;" in page
    where = re.findall(r'href="(/calendar/new\?suggestion=[0-9a-f]{32})"', page)[0]
    form = kari.get(where).text
    assert 'value="https://www.ous.no/' in form
    first = re.search(r'name="suggestion" value="([0-9a-f]{32})"', form)
    assert first
    words = {"title": "Sak", "text-nb": "Les mer.", "account": "x-live", "suggestion": first[1]}
    kari.follow(where, "/calendar/new", **words)
    away = re.findall(r'action="(/calendar/suggestions/[0-9a-f-]{36}/pass)"', kari.get("/calendar/").text)
    assert len(away) == 1
    kari.follow("/calendar/", away[0])
    assert sorted(states(night).values()) == [SuggestionState.PASSED, SuggestionState.USED]
    assert "Sak 1" not in kari.get("/calendar/").text

    again = kari.send("/calendar/new", "/calendar/new", **words)
    assert again.status_code == 422, "made by somebody else meanwhile"
    assert "decided this already" in again.text
    with night.scene.runtime.database.reading() as session:
        assert len(session.scalars(select(PlannedPost)).all()) == 1


def test_others_see_it_and_decide_nothing(night: Night) -> None:
    page = night.browser("kari").get("/calendar/").text
    where, away = re.findall(r'"(/calendar/(?:new\?suggestion=\w+|suggestions/[0-9a-f-]+/pass))"', page)[:2]
    vidar, dag = night.browser("vidar"), night.browser("dag")
    seen = vidar.get("/calendar/").text
    assert "Sak 1" in seen
    assert "/pass" not in seen
    assert vidar.get(where).status_code == 403
    assert vidar.send("/calendar/", away).status_code == 403
    assert "Sak 1" not in dag.get("/calendar/").text
    assert dag.get(where).status_code == 404
    assert dag.send("/calendar/", away).status_code == 404
    assert set(states(night).values()) == {SuggestionState.WAITING}


@pytest.mark.parametrize("told", ["nonsense", "0" * 32, ""])
def test_a_suggestion_that_is_not_there_is_an_empty_form(night: Night, told: str) -> None:
    assert night.browser("kari").get(f"/calendar/new?suggestion={told}").status_code == 200


def test_a_feed_that_cannot_be_read_is_a_line_on_the_pages(night: Night) -> None:
    kari = night.browser("kari")
    assert "https://www.ous.no/rss" in kari.get("/accounts/").text
    assert "can&#39;t be read" not in kari.get("/").text
    with night.scene.runtime.database.writing() as session:
        suggestions.could_not(session, session.scalars(select(Feed.id)).one(), "the site answered HTTP 500")
    assert "The news feed https://www.ous.no/rss can&#39;t be read: the site answered HTTP 500" in kari.get("/").text
    assert "the site answered HTTP 500" in kari.get("/accounts/").text
