"""What the calendar of planned posts shows, and what it warns of: two posts close together, a post in the night."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from crisis.actor import Actor
from crisis.models import PlannedPost
from crisis.sentence import Sentence
from crisis.states import PlannedState

CLOSE = timedelta(hours=2)  # two posts on one account nearer than this push each other off the screen
NIGHT = (22, 7)  # from this hour until that one, on the unit's clock
_STANDING = (PlannedState.PLANNED, PlannedState.APPROVED, PlannedState.RELEASED)


def between(
    session: Session, unit_id: uuid.UUID, since: datetime, until: datetime, *, account: str = "", tag: str = ""
) -> list[PlannedPost]:
    """The posts of that time, in their order, on one account or of one campaign if asked."""
    rows = session.scalars(
        select(PlannedPost)
        .where(PlannedPost.unit_id == unit_id, PlannedPost.at >= since, PlannedPost.at < until)
        .order_by(PlannedPost.at, PlannedPost.id)
    )
    return [
        row
        for row in rows
        if (not account or account in row.accounts)
        and (not tag or tag.casefold() in {one.casefold() for one in row.tags})
    ]


def without_time(session: Session, unit_id: uuid.UUID) -> Sequence[PlannedPost]:
    """Drafts that nobody has given a time yet."""
    return session.scalars(
        select(PlannedPost)
        .where(PlannedPost.unit_id == unit_id, PlannedPost.state == PlannedState.DRAFT, PlannedPost.at.is_(None))
        .order_by(PlannedPost.changed_at.desc())
    ).all()


def to_decide(session: Session, unit_id: uuid.UUID) -> Sequence[PlannedPost]:
    """Paused posts, in the order of their times: somebody must say what becomes of each."""
    return session.scalars(
        select(PlannedPost)
        .where(PlannedPost.unit_id == unit_id, PlannedPost.state == PlannedState.PAUSED)
        .order_by(PlannedPost.at, PlannedPost.id)
    ).all()


def campaigns(session: Session, unit_id: uuid.UUID) -> list[str]:
    """Every tag the unit's posts have, each once."""
    rows = session.scalars(select(PlannedPost.tags).where(PlannedPost.unit_id == unit_id))
    return sorted({tag for tags in rows for tag in tags}, key=str.casefold)


def counts(session: Session, actor: Actor) -> dict[uuid.UUID, tuple[int, int]]:
    """For each of the actor's units: how many posts wait for a decision, and how many for a yes."""
    rows = session.execute(
        select(PlannedPost.unit_id, PlannedPost.state, func.count())
        .where(
            PlannedPost.unit_id.in_(actor.units()),
            or_(PlannedPost.state == PlannedState.PAUSED, PlannedPost.state == PlannedState.PLANNED),
        )
        .group_by(PlannedPost.unit_id, PlannedPost.state)
    )
    found: dict[uuid.UUID, tuple[int, int]] = {}
    for unit_id, state, count in rows:
        paused, planned = found.get(unit_id, (0, 0))
        found[unit_id] = (count, planned) if state is PlannedState.PAUSED else (paused, count)
    return found


def warnings(session: Session, post: PlannedPost, zone: tzinfo) -> list[Sentence]:
    """What somebody should think of before this leaves at its time. Nothing of it forbids anything."""
    if post.at is None or post.state in (PlannedState.CANCELLED, PlannedState.RELEASED):
        return []
    found = []
    if in_the_night(post.at, zone):
        found.append(Sentence("it leaves in the night"))
    near = session.scalars(
        select(PlannedPost)
        .where(
            PlannedPost.unit_id == post.unit_id,
            PlannedPost.id != post.id,
            PlannedPost.state.in_(_STANDING),
            PlannedPost.at > post.at - CLOSE,
            PlannedPost.at < post.at + CLOSE,
        )
        .order_by(PlannedPost.at)
    )
    for other in near:
        if shared := sorted(set(other.accounts) & set(post.accounts)):
            told = {"title": other.title, "accounts": ", ".join(shared)}
            found.append(Sentence("close to '%(title)s' on %(accounts)s", **told))
    return found


def in_the_night(at: datetime, zone: tzinfo) -> bool:
    hour = at.astimezone(zone).hour
    return hour >= NIGHT[0] or hour < NIGHT[1]
