"""What the calendar of planned posts shows, and what it warns of: two posts close together, a post in the night."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from crisis.actor import Actor
from crisis.models import Broadcast, PlannedPost, Tally
from crisis.sentence import Sentence
from crisis.states import DeliveryState, PlannedState, Purpose

CLOSE = timedelta(hours=2)  # two posts on one account nearer than this push each other off the screen
MORNING = 9  # proposed instead of the night
NIGHT = (22, 7)  # from this hour until that one, on the unit's clock
_STANDING = (PlannedState.PLANNED, PlannedState.APPROVED, PlannedState.RELEASED)


def between(
    session: Session, unit_id: uuid.UUID, since: datetime, until: datetime, *, account: str = "", tag: str = ""
) -> list[PlannedPost]:
    """The posts of that time, in their order, on one account or of one campaign if asked; drafts have none that counts."""
    rows = session.scalars(
        select(PlannedPost)
        .where(PlannedPost.unit_id == unit_id, PlannedPost.at >= since, PlannedPost.at < until)
        .where(PlannedPost.state != PlannedState.DRAFT)
        .order_by(PlannedPost.at, PlannedPost.id)
    )
    return [
        row
        for row in rows
        if (not account or account in row.accounts)
        and (not tag or tag.casefold() in {one.casefold() for one in row.tags})
    ]


def drafts(session: Session, unit_id: uuid.UUID) -> Sequence[PlannedPost]:
    """What is being written, also what had a time before it was taken back: the last changed first."""
    return session.scalars(
        select(PlannedPost)
        .where(PlannedPost.unit_id == unit_id, PlannedPost.state == PlannedState.DRAFT)
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of a post that was let go: over all its accounts and languages, and where to read more."""

    broadcast_id: uuid.UUID  # of its last go
    total: int
    done: int
    failed: int
    uncertain: int
    open: int

    @property
    def light(self) -> str:
        """One word: bad, warn, busy, good, or off when nothing of it has left."""
        if self.failed or self.uncertain:
            return "bad" if self.failed else "warn"
        return "busy" if self.open else "good" if self.done else "off"


def outcomes(session: Session, posts: Sequence[uuid.UUID]) -> dict[uuid.UUID, Outcome]:
    """By post, of those that were let go. Reads counters only."""
    rows = session.execute(
        select(PlannedPost.id, Broadcast.id, Tally.state, Tally.count)
        .join(Broadcast, Broadcast.planned_post_id == PlannedPost.id)
        .join(Tally, Tally.broadcast_id == Broadcast.id)
        .where(PlannedPost.id.in_(posts), Tally.count != 0)
        .order_by(Broadcast.released_at)
    )
    counts: dict[uuid.UUID, Counter[DeliveryState]] = {}
    last: dict[uuid.UUID, uuid.UUID] = {}
    for post_id, broadcast_id, state, count in rows:
        last[post_id] = broadcast_id
        counts.setdefault(post_id, Counter())[state] += count
    return {
        post_id: Outcome(
            last[post_id],
            # What was held back half-way is counted where it left at last.
            sum(found.values()) - found[DeliveryState.CANCELLED],
            found[DeliveryState.ACCEPTED] + found[DeliveryState.DELIVERED],
            found[DeliveryState.FAILED] + found[DeliveryState.EXPIRED],
            found[DeliveryState.UNCERTAIN],
            found[DeliveryState.QUEUED] + found[DeliveryState.SENDING],
        )
        for post_id, found in counts.items()
    }


def boards(session: Session, post: PlannedPost) -> Sequence[Broadcast]:
    """What has gone out of a post: one broadcast, or one more for each time it was held back half-way."""
    return session.scalars(
        select(Broadcast)
        .where(Broadcast.planned_post_id == post.id, Broadcast.released_at.is_not(None))
        .order_by(Broadcast.released_at)
    ).all()


def gone_wrong(session: Session, actor: Actor, since: datetime) -> int:
    """How many posts of the actor's units that were let go since then did not get through everywhere."""
    troubled = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.UNCERTAIN)
    return (
        session.scalar(
            select(func.count(Broadcast.planned_post_id.distinct()))
            .join(Tally, Tally.broadcast_id == Broadcast.id)
            .where(
                Broadcast.unit_id.in_(actor.units()),
                Broadcast.purpose == Purpose.PLANNED,
                Broadcast.released_at > since,
                Tally.state.in_(troubled),
                Tally.count != 0,
            )
        )
        or 0
    )


def waiting(session: Session, units: Collection[uuid.UUID]) -> Sequence[PlannedPost]:
    """Posts of these units that wait for a yes, in the order of their times."""
    return session.scalars(
        select(PlannedPost)
        .where(PlannedPost.unit_id.in_(units), PlannedPost.state == PlannedState.PLANNED)
        .order_by(PlannedPost.at, PlannedPost.id)
    ).all()


def next_time(post: PlannedPost, now: datetime, zone: tzinfo) -> datetime:
    """A time to propose: its own, or its hour again on the first day that can be; for one without a time, soon, by day."""
    soon = now + timedelta(minutes=10)
    if post.at is None:
        first = (now + timedelta(hours=1)).astimezone(zone)
        if not in_the_night(first, zone):
            return first
        wanted = first.replace(hour=MORNING, minute=0)
    else:
        wanted = post.at.astimezone(zone)
    while wanted < soon:
        wanted = (wanted.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)  # by the clock on the wall
    return wanted


def warnings(session: Session, post: PlannedPost, zone: tzinfo) -> list[Sentence]:
    """What somebody should think of before this leaves at its time. Nothing of it forbids anything."""
    if post.at is None or post.state in (PlannedState.CANCELLED, PlannedState.RELEASED, PlannedState.PAUSED):
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
