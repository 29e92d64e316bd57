"""Looking at the queue: which rows, in which order, how many wait in each lane and for how long. Changes nothing.

Bounded in every direction, so that a page costs the same with a hundred rows and with a million: counts stop at `MANY`,
and filters that no index serves look through `LOOKED_THROUGH` rows and say so.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, and_, bindparam, delete, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from crisis.actor import Actor
from crisis.db import rows_changed
from crisis.models import Account, Broadcast, InboundRow, Incident, SavedView, Unit, User
from crisis.states import InboundState, Lane, Mode, NotAllowed
from crisis.triage import queue

MANY = 1_000
LOOKED_THROUGH = 20_000
PAGE = 30
MOST_VIEWS = 20
LONGEST_SEARCH = 80
OLDER = {"10m": timedelta(minutes=10), "1h": timedelta(hours=1), "6h": timedelta(hours=6), "1d": timedelta(days=1)}
_SETTLED = (InboundState.ANSWERED, InboundState.HANDED_OVER, InboundState.CLOSED)


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show; "" is anything. `state` "" is what waits or is being worked on."""

    lane: str = ""
    language: str = ""
    channel: str = ""
    broadcast: str = ""  # an id
    older: str = ""  # key of OLDER: said longer ago than that
    state: str = ""  # snoozed, answered, handed_over, closed, mine
    search: str = ""

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Filters:
        """From an address, or from what was kept; what makes no sense is left out."""
        found = {name: str(told.get(name) or "").strip()[:LONGEST_SEARCH] for name in cls.__slots__}
        if found["lane"] not in set(Lane):
            found["lane"] = ""
        if found["older"] not in OLDER:
            found["older"] = ""
        if found["state"] not in {"mine", "snoozed", *_SETTLED}:
            found["state"] = ""
        try:
            found["broadcast"] = str(uuid.UUID(found["broadcast"])) if found["broadcast"] else ""
        except ValueError:
            found["broadcast"] = ""
        return cls(**found)

    def kept(self) -> dict[str, str]:
        """Only what is set: for addresses and saved views."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}

    def but(self, **more: str) -> Filters:
        return replace(self, **more)

    @property
    def seeks(self) -> bool:
        """Is there a filter that no index serves?"""
        return bool(self.language or self.channel or self.broadcast or self.older or self.search)


@dataclass(frozen=True, slots=True)
class Item:
    """A row of the queue with the name of whoever is on it."""

    row: InboundRow
    account: str
    holder: str  # "" when nobody is on it
    mine: bool
    settled_by: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    items: Sequence[Item]
    more: bool
    cut: bool  # not everything was looked through


@dataclass(frozen=True, slots=True)
class LaneNow:
    """`count` stops at `MANY`. `oldest` is when the longest waiting was said."""

    lane: Lane
    count: int
    oldest: datetime | None
    worst: int  # urgency


@dataclass(frozen=True, slots=True)
class Unread:
    count: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters can be set to: what stands in the queue now."""

    languages: Sequence[str] = ()
    channels: Sequence[str] = ()
    broadcasts: Sequence[tuple[str, str]] = field(default=())  # id, words


def page(
    session: Session, actor: Actor, unit_id: uuid.UUID, mode: Mode, filters: Filters, now: datetime, number: int = 1
) -> Page:
    """One page of the queue, worst first, then longest waiting; of what is settled, the newest first."""
    ids, cut = _ids(session, actor, unit_id, mode, filters, now, PAGE + 1, (number - 1) * PAGE)
    return Page(_items(session, actor, ids[:PAGE], now), len(ids) > PAGE, cut)


def first_free(
    session: Session, actor: Actor, unit_id: uuid.UUID, mode: Mode, filters: Filters, now: datetime
) -> list[uuid.UUID]:
    """What `queue.next_one` may take: the first of the view that nobody is on."""
    wanted = replace(filters, state="")
    return _ids(session, actor, unit_id, mode, wanted, now, 20, 0, queue.free(now))[0]


def lanes(session: Session, unit_id: uuid.UUID, mode: Mode) -> list[LaneNow]:
    """Every lane, in the order of the tabs."""
    found = {one.lane: one for one in _counted(session, unit_id, mode)}
    return [found[lane] for lane in Lane]


def open_everywhere(session: Session) -> dict[tuple[str, ...], int]:
    """How many wait, by unit, mode and lane."""
    units = {one.id: one.key for one in session.execute(select(Unit.id, Unit.key))}
    places = [(unit_id, mode) for unit_id in units for mode in Mode]
    return {
        (units[unit_id], str(mode), str(one.lane)): one.count
        for unit_id, mode in places
        for one in lanes(session, unit_id, mode)
    }


def unread(session: Session) -> Unread:
    """Stored and not read yet, everywhere: how far the listener is behind."""
    raw = select(InboundRow.received_at).where(InboundRow.understood_at.is_(None))
    some = raw.order_by(InboundRow.received_at, InboundRow.id).limit(MANY).subquery()
    count, since = session.execute(select(func.count(), func.min(some.c.received_at))).one()
    return Unread(count, since)


def idle_count(session: Session, unit_id: uuid.UUID, mode: Mode) -> int:
    """How many one press would close together, at most `MANY`."""
    # Lane by lane in the order of its index: asked for any thousand, PostgreSQL reads the table until it has met them.
    order = (InboundRow.rank, InboundRow.at, InboundRow.id)
    idle = select(InboundRow.id).where(queue.idle(unit_id, mode)).order_by(*order).limit(MANY)
    counts = (select(func.count()).select_from(idle.where(InboundRow.lane == lane).subquery()) for lane in queue.IDLE)
    return min(MANY, sum(session.scalar(one) or 0 for one in counts))


def choices(session: Session, unit_id: uuid.UUID, mode: Mode) -> Choices:
    """Among the first thousand that wait, and the broadcasts of what is going on."""
    asked = select(InboundRow.language, InboundRow.channel).where(*queue.standing(unit_id, mode))
    some = asked.order_by(InboundRow.rank, InboundRow.at, InboundRow.id).limit(MANY).subquery()
    told = session.execute(select(some.c.language, some.c.channel).distinct()).all()
    spoken = session.execute(
        select(Broadcast.id, Incident.title, Broadcast.phase)
        .join(Incident, Incident.id == Broadcast.incident_id)
        .where(Broadcast.unit_id == unit_id, Broadcast.mode == mode, Broadcast.released_at.is_not(None))
        .order_by(Broadcast.released_at.desc())
        .limit(10)
    )
    return Choices(
        languages=sorted({language for language, _channel in told if language}),
        channels=sorted({channel for _language, channel in told}),
        broadcasts=[(str(one), f"{title} · {phase}") for one, title, phase in spoken],
    )


def saved(session: Session, actor: Actor, unit_id: uuid.UUID) -> Sequence[SavedView]:
    """The views somebody has saved, by name."""
    return session.scalars(
        select(SavedView)
        .where(SavedView.user_id == actor.user_id, SavedView.unit_id == unit_id)
        .order_by(SavedView.name)
    ).all()


def save(session: Session, actor: Actor, unit_id: uuid.UUID, name: str, filters: Filters) -> SavedView:
    """Give these filters a name; the same name again replaces it."""
    name = " ".join(name.split())[:60]
    if not name:
        raise NotAllowed("Give the view a name.")
    if not filters.kept():
        raise NotAllowed("Choose a filter first; without one this is the whole queue.")
    mine = saved(session, actor, unit_id)
    view = next((one for one in mine if one.name == name), None)
    if view is None:
        if len(mine) >= MOST_VIEWS:
            raise NotAllowed("You have %(count)d views; forget one first.", count=len(mine))
        view = SavedView(user_id=actor.user_id, unit_id=unit_id, name=name)
        session.add(view)
    view.filters = filters.kept()
    session.flush()
    return view


def forget(session: Session, actor: Actor, view_id: uuid.UUID) -> bool:
    """False: it is not there, or not theirs."""
    gone = delete(SavedView).where(SavedView.id == view_id, SavedView.user_id == actor.user_id)
    return bool(rows_changed(session, gone))


def _ids(
    session: Session,
    actor: Actor,
    unit_id: uuid.UUID,
    mode: Mode,
    filters: Filters,
    now: datetime,
    limit: int,
    offset: int,
    only: ColumnElement[bool] | None = None,
) -> tuple[list[uuid.UUID], bool]:
    """Ids in order, and whether there was more than is looked through."""
    order: list[Any]
    if filters.state in _SETTLED:
        where = [InboundRow.unit_id == unit_id, InboundRow.mode == mode, InboundRow.state == filters.state]
        where += [InboundRow.settled_at.is_not(None), InboundRow.folded_into_id.is_(None)]
        order = [InboundRow.settled_at.desc()]
    elif filters.state == InboundState.SNOOZED:
        where = [InboundRow.unit_id == unit_id, InboundRow.mode == mode]
        where.append(queue.stands(InboundState.SNOOZED))
        order = [InboundRow.snoozed_until]
    else:
        where, order = queue.standing(unit_id, mode), [InboundRow.rank, InboundRow.at, InboundRow.id]
    if filters.lane:
        where.append(InboundRow.lane == Lane(filters.lane))
    if filters.state == "mine":
        where += [queue.stands(InboundState.CLAIMED), InboundRow.claimed_by == actor.user_id]
    if only is not None:
        where.append(only)
    asked = select(InboundRow.id).where(*where).order_by(*order)
    if not filters.seeks:
        return list(session.scalars(asked.limit(limit).offset(offset))), False
    # Not joined with the rows again: PostgreSQL would read all of them for it.
    some = select(InboundRow).where(*where).order_by(*order).limit(LOOKED_THROUGH).subquery()
    one = aliased(InboundRow, some)
    moved = [_onto(one, column) for column in order]
    found = select(one.id).where(*_sought(one, filters, now)).order_by(*moved).limit(limit).offset(offset)
    ids = list(session.scalars(found))
    cut = len(ids) < limit and session.scalar(asked.offset(LOOKED_THROUGH).limit(1)) is not None
    return ids, cut


def _onto(one: type[InboundRow], column: Any) -> Any:
    """The same order, of another name for the table."""
    if hasattr(column, "element"):
        return getattr(one, column.element.key).desc()
    return getattr(one, column.key)


def _sought(one: type[InboundRow], filters: Filters, now: datetime) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.language:
        found.append(one.language == filters.language)
    if filters.channel:
        found.append(one.channel == filters.channel)
    if filters.broadcast:
        found.append(one.broadcast_id == uuid.UUID(filters.broadcast))
    if filters.older:
        found.append(one.at <= now - OLDER[filters.older])
    found.extend(
        or_(*(column.icontains(word, autoescape=True) for column in (one.text, one.author, one.author_name)))
        for word in filters.search.split()
    )
    return found


def _items(session: Session, actor: Actor, ids: Sequence[uuid.UUID], now: datetime) -> list[Item]:
    if not ids:
        return []
    holder, settler = aliased(User), aliased(User)
    rows = session.execute(
        select(InboundRow, Account.key, holder.name, settler.name)
        .join(Account, Account.id == InboundRow.account_id)
        .outerjoin(
            holder,
            and_(
                holder.id == InboundRow.claimed_by,
                InboundRow.state == InboundState.CLAIMED,
                InboundRow.claimed_until > now,
            ),
        )
        .outerjoin(settler, settler.id == InboundRow.settled_by)
        .where(InboundRow.id.in_(ids))
    )
    found = {
        row.id: Item(row, account, who or "", bool(who) and row.claimed_by == actor.user_id, by or "")
        for row, account, who, by in rows
    }
    return [found[one] for one in ids if one in found]


def _counted(session: Session, unit_id: uuid.UUID, mode: Mode) -> list[LaneNow]:
    found = session.execute(_COUNTED, {"unit": unit_id, "mode": mode})
    return [
        LaneNow(Lane(lane), count, oldest, 0 if worst is None else 100 - worst) for lane, count, oldest, worst in found
    ]


def _counting() -> CompoundSelect[Any]:
    """All lanes in one question, each part answered from an index and never further than `MANY`."""
    asked = []
    for lane in Lane:
        here = [*queue.standing(bindparam("unit"), bindparam("mode")), InboundRow.lane == lane]
        some = select(InboundRow.id).where(*here).limit(MANY).subquery()
        oldest = select(InboundRow.at).where(*here).order_by(InboundRow.at).limit(1).scalar_subquery()
        worst = select(InboundRow.rank).where(*here).order_by(InboundRow.rank).limit(1).scalar_subquery()
        count = select(func.count()).select_from(some).scalar_subquery()
        asked.append(select(literal(str(lane)), count, oldest, worst))
    return union_all(*asked)


_COUNTED = _counting()  # built once: it took longer than the answer
