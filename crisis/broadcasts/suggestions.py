"""Suggestions for calm times: what the unit's own web site has published, once each, for a person to make a post of.

Nothing leaves because of a feed: a suggestion is words on the calendar page until an officer writes a planned post with
them. One that nobody decides on runs out after thirty days. Each is kept for half a year, so that it is not suggested
twice, and longer only while the site still names it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts.planned import accounts_for
from crisis.broadcasts.planned_words import Wording
from crisis.db import rows_changed
from crisis.feeds.fetching import Fetched, Source
from crisis.feeds.reading import Entry
from crisis.models import Feed, PlannedPost, Suggestion, Unit
from crisis.settings import FeedSettings, Settings, UnitSettings
from crisis.states import NotAllowed, Role, SuggestionState

KEEPS = timedelta(days=30)
FORGOTTEN = timedelta(days=180)
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Due:
    """A feed this listener has taken on."""

    feed_id: uuid.UUID
    source: Source


def take(session: Session, settings: Settings, now: datetime) -> list[Due]:
    """The feeds whose turn it is; of several listeners one gets each. One that crisis.toml no longer names is forgotten."""
    found = []
    configured = _configured(session, settings)
    _forget_feeds(session, {(unit.id, told.url) for unit, told in configured}, now)
    for unit, told in configured:
        row = _row(session, unit.id, told.url)
        earlier = now - timedelta(minutes=told.every_minutes)
        mine = rows_changed(
            session,
            update(Feed)
            .where(
                Feed.id == row.id,
                # Later than now: the clock was set back since.
                or_(Feed.asked_at.is_(None), Feed.asked_at <= earlier, Feed.asked_at > now),
            )
            .values(asked_at=now),
        )
        if mine:
            found.append(Due(row.id, Source(told.url, told.hosts, row.etag, row.modified)))
    return found


def keep(session: Session, feed_id: uuid.UUID, fetched: Fetched, entries: Sequence[Entry], now: datetime) -> int:
    """Store what is new in the feed, in the transaction that stores its marks. Returns how many that were.

    An entry seen before gets its present words while nobody has decided on it. What the site published more than thirty
    days ago is passed over.
    """
    feed = session.get_one(Feed, feed_id, with_for_update=True)
    known = {row.entry: row for row in session.scalars(select(Suggestion).where(Suggestion.feed_id == feed_id))}
    count = 0
    for entry in {one.key: one for one in reversed(entries)}.values():  # of one named twice the newest counts
        values: dict[str, Any] = {"title": entry.title, "text": entry.text, "link": entry.link, "at": entry.at}
        if (row := known.get(entry.key)) is None:
            if entry.at is None or entry.at > now - KEEPS:
                session.add(Suggestion(feed_id=feed_id, entry=entry.key, found_at=now, **values))
                count += 1
        elif row.state is SuggestionState.WAITING:
            for name, value in values.items():
                setattr(row, name, value)
    session.execute(
        delete(Suggestion).where(
            Suggestion.feed_id == feed_id,
            Suggestion.found_at <= now - FORGOTTEN,
            Suggestion.entry.not_in([one.key for one in entries]),
        )
    )
    feed.etag, feed.modified, feed.read_at, feed.say = fetched.etag, fetched.modified, now, ""
    session.flush()
    return count


def _forget_feeds(session: Session, configured: Collection[tuple[uuid.UUID, str]], now: datetime) -> None:
    """A feed that is named again within half a year goes on where it was."""
    for row in session.scalars(select(Feed).where(func.coalesce(Feed.asked_at, now) <= now - FORGOTTEN)).all():
        if (row.unit_id, row.url) not in configured:
            session.execute(delete(Suggestion).where(Suggestion.feed_id == row.id))
            session.delete(row)
    session.flush()


def could_not(session: Session, feed_id: uuid.UUID, say: str) -> None:
    """The feed could not be read this time. Its marks stay, so nothing of it is missed."""
    session.execute(update(Feed).where(Feed.id == feed_id).values(say=say[:500]))


def waiting(session: Session, unit_id: uuid.UUID, now: datetime) -> Sequence[Suggestion]:
    """What nobody has decided on and has not run out, the newest first."""
    return session.scalars(
        select(Suggestion)
        .join(Feed, Feed.id == Suggestion.feed_id)
        .where(
            Feed.unit_id == unit_id,
            Suggestion.state == SuggestionState.WAITING,
            Suggestion.found_at > now - KEEPS,
        )
        .order_by(func.coalesce(Suggestion.at, Suggestion.found_at).desc(), Suggestion.id)
        .limit(MOST_SHOWN)
    ).all()


def wording(session: Session, suggestion: Suggestion, unit: UnitSettings) -> Wording:
    """A first version of a post: its title and link, for the accounts the unit's last post spoke on."""
    usable = {one.key for one in accounts_for(session, suggestion.feed.unit_id)}
    last = session.scalars(
        select(PlannedPost.accounts)
        .where(PlannedPost.unit_id == suggestion.feed.unit_id)
        .order_by(PlannedPost.changed_at.desc())
        .limit(1)
    ).first()
    return Wording(
        suggestion.title,
        {unit.language: suggestion.title},
        link=suggestion.link,
        accounts=[key for key in last or () if key in usable],
    )


def use(session: Session, actor: Actor, suggestion: Suggestion, post: PlannedPost, now: datetime) -> None:
    """A planned post was made of it. Raises `NotAllowed` when somebody was faster."""
    _decide(actor, suggestion, SuggestionState.USED, now)
    suggestion.post_id = post.id
    session.flush()


def pass_over(session: Session, actor: Actor, suggestion: Suggestion, now: datetime) -> None:
    """Not this one. Raises `NotAllowed` when somebody was faster."""
    _decide(actor, suggestion, SuggestionState.PASSED, now)
    session.flush()
    audit.record(
        session,
        actor,
        "suggestion.passed",
        f"suggestion:{suggestion.id}",
        unit_id=suggestion.feed.unit_id,
        details={"title": suggestion.title},
    )


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """A feed of crisis.toml and how its reading goes; `row` is None before the first time."""

    unit_id: uuid.UUID
    url: str
    row: Feed | None


def health(session: Session, settings: Settings, units: Sequence[uuid.UUID]) -> list[FeedHealth]:
    """The feeds of these units as they are configured now."""
    rows = {(row.unit_id, row.url): row for row in session.scalars(select(Feed).where(Feed.unit_id.in_(units)))}
    return [
        FeedHealth(unit.id, told.url, rows.get((unit.id, told.url)))
        for unit, told in _configured(session, settings)
        if unit.id in units
    ]


def _decide(actor: Actor, suggestion: Suggestion, new: SuggestionState, now: datetime) -> None:
    actor.demand(Role.OFFICER, suggestion.feed.unit_id)
    if suggestion.state is not SuggestionState.WAITING:
        raise NotAllowed("somebody has decided this already; look at it again")
    suggestion.state, suggestion.decided_by, suggestion.decided_at = new, actor.user_id, now


def _configured(session: Session, settings: Settings) -> list[tuple[Unit, FeedSettings]]:
    units = {unit.key: unit for unit in session.scalars(select(Unit))}
    return [(units[told.key], feed) for told in settings.units if told.key in units for feed in told.feeds]


def _row(session: Session, unit_id: uuid.UUID, url: str) -> Feed:
    wanted = select(Feed).where(Feed.unit_id == unit_id, Feed.url == url)
    if (row := session.scalars(wanted).first()) is not None:
        return row
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(Feed)
    session.execute(insert.on_conflict_do_nothing(), {"unit_id": unit_id, "url": url})  # another listener's is as good
    return session.scalars(wanted).one()
