"""News of our own site becomes suggestions, each once; a person makes a post of one, or passes it over."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from crisis.broadcasts import planned, suggestions
from crisis.feeds.fetching import Fetched
from crisis.feeds.reading import Entry
from crisis.models import AuditRow, Feed, Suggestion
from crisis.settings import FeedSettings
from crisis.states import NotAllowed, SuggestionState
from tests.broadcasts.scene import Scene

URL = "https://www.ous.no/rss"


@pytest.fixture
def fed(scene: Scene) -> Scene:
    feed = FeedSettings(url=URL)
    units = tuple(one.model_copy(update={"feeds": (feed,) if one.key == "ous" else ()}) for one in scene.settings.units)
    object.__setattr__(scene.runtime, "settings", scene.settings.model_copy(update={"units": units}))
    return scene


def entry(scene: Scene, number: int, days: float = 1, title: str = "") -> Entry:
    at = scene.now - timedelta(days=days)
    return Entry(str(number) * 64, title or f"Sak {number}", "Ord.", f"https://www.ous.no/{number}", at)


def take(scene: Scene, minutes: float = 0) -> list[suggestions.Due]:
    with scene.runtime.database.writing() as session:
        return suggestions.take(session, scene.settings, scene.now + timedelta(minutes=minutes))


def kept(scene: Scene, *entries: Entry, feed: uuid.UUID | None = None) -> int:
    if feed is None:
        take(scene)
        with scene.runtime.database.reading() as session:
            feed = session.scalars(select(Feed.id)).one()
    with scene.runtime.database.writing() as session:
        return suggestions.keep(session, feed, Fetched(b"", '"1"', "then"), entries, scene.now)


def waiting(scene: Scene, days: float = 0, unit: str = "ous") -> list[str]:
    with scene.runtime.database.reading() as session:
        found = suggestions.waiting(session, scene.units[unit], scene.now + timedelta(days=days))
        return [one.title for one in found]


def one_of(session, title: str) -> Suggestion:
    return session.scalars(select(Suggestion).where(Suggestion.title == title)).one()


def test_each_feed_is_taken_by_one_listener_at_its_pace(fed: Scene) -> None:
    assert [one.source.url for one in take(fed)] == [URL]
    assert take(fed) == []
    assert take(fed, 14) == []
    assert len(take(fed, 15)) == 1
    assert len(take(fed, 14)) == 1, "the clock was set back"


def test_an_entry_is_suggested_once(fed: Scene) -> None:
    assert kept(fed, entry(fed, 1), entry(fed, 2, days=2), entry(fed, 2, title="Sak 2, to ganger")) == 2
    assert kept(fed, entry(fed, 2, days=2), entry(fed, 3, days=0)) == 1
    assert waiting(fed) == ["Sak 3", "Sak 1", "Sak 2"]
    assert waiting(fed, unit="dep") == []
    with fed.runtime.database.reading() as session:
        row = session.scalars(select(Feed)).one()
        assert (row.etag, row.modified, row.say) == ('"1"', "then", "")


def test_old_news_is_passed_over_and_old_suggestions_run_out(fed: Scene) -> None:
    assert kept(fed, entry(fed, 1, days=31), entry(fed, 2, days=29)) == 1
    assert waiting(fed, days=29) == ["Sak 2"]
    assert waiting(fed, days=31) == []


def test_what_the_site_no_longer_names_is_forgotten_after_half_a_year(fed: Scene) -> None:
    kept(fed, entry(fed, 1), entry(fed, 2), entry(fed, 3))
    with fed.runtime.database.writing() as session:
        for number in (1, 2):
            one_of(session, f"Sak {number}").found_at = fed.now - suggestions.FORGOTTEN
        suggestions.pass_over(session, fed.actor("kari"), one_of(session, "Sak 2"), fed.now)
    assert kept(fed, entry(fed, 2)) == 0  # still in the feed: it would be suggested again
    with fed.runtime.database.reading() as session:
        assert sorted(session.scalars(select(Suggestion.title))) == ["Sak 2", "Sak 3"]


def test_a_feed_nobody_names_any_more_is_forgotten_with_its_suggestions(fed: Scene) -> None:
    kept(fed, entry(fed, 1))
    units = tuple(one.model_copy(update={"feeds": ()}) for one in fed.settings.units)
    object.__setattr__(fed.runtime, "settings", fed.settings.model_copy(update={"units": units}))
    half_a_year = suggestions.FORGOTTEN.total_seconds() / 60
    for minutes, left in ((half_a_year - 1, 1), (half_a_year, 0)):
        take(fed, minutes)
        with fed.runtime.database.reading() as session:
            assert session.scalar(select(func.count()).select_from(Suggestion)) == left
            assert session.scalar(select(func.count()).select_from(Feed)) == left


def test_new_words_of_the_site_replace_the_old_until_somebody_has_decided(fed: Scene) -> None:
    kept(fed, entry(fed, 1))
    kept(fed, entry(fed, 1, title="Sak 1, rettet"))
    assert waiting(fed) == ["Sak 1, rettet"]
    with fed.runtime.database.writing() as session:
        suggestions.pass_over(session, fed.actor("kari"), one_of(session, "Sak 1, rettet"), fed.now)
    assert kept(fed, entry(fed, 1, title="Sak 1 igjen")) == 0
    assert waiting(fed) == []
    with fed.runtime.database.reading() as session:
        acts = session.scalar(select(func.count()).where(AuditRow.act == "suggestion.passed"))
        assert acts == 1


def test_a_post_is_made_of_it_once(fed: Scene) -> None:
    kept(fed, entry(fed, 1))
    with fed.runtime.database.writing() as session:
        one, unit = one_of(session, "Sak 1"), fed.settings.unit("ous")
        words = suggestions.wording(session, one, unit)
        assert (words.title, words.texts["nb"], words.link) == ("Sak 1", "Sak 1", "https://www.ous.no/1")
        post = planned.write(session, fed.actor("kari"), fed.units["ous"], words, fed.now)
        suggestions.use(session, fed.actor("kari"), one, post, fed.now)
        assert (one.state, one.post_id) == (SuggestionState.USED, post.id)
        for again in (suggestions.use, lambda *parts: suggestions.pass_over(*parts[:3], parts[4])):
            with pytest.raises(NotAllowed, match="decided this already"):
                again(session, fed.actor("per"), one, post, fed.now)
    assert waiting(fed) == []


@pytest.mark.parametrize("who", ["anne", "vidar", "dag"])
def test_only_officers_of_the_unit_decide(fed: Scene, who: str) -> None:
    kept(fed, entry(fed, 1))
    with fed.runtime.database.writing() as session, pytest.raises(NotAllowed):
        suggestions.pass_over(session, fed.actor(who), one_of(session, "Sak 1"), fed.now)


def test_trouble_keeps_the_marks_and_is_shown_until_it_is_over(fed: Scene) -> None:
    kept(fed, entry(fed, 1))
    with fed.runtime.database.writing() as session:
        row = session.scalars(select(Feed)).one()
        suggestions.could_not(session, row.id, "the site answered HTTP 500")
    with fed.runtime.database.reading() as session:
        told = suggestions.health(session, fed.settings, [fed.units["ous"]])
        assert [(one.url, one.row and one.row.say, one.row and one.row.etag) for one in told] == [
            (URL, "the site answered HTTP 500", '"1"')
        ]
    kept(fed)
    with fed.runtime.database.reading() as session:
        assert session.scalars(select(Feed.say)).one() == ""
