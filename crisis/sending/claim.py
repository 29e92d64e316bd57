"""Taking work: batches of an account's deliveries, or of a shard of it, by compare-and-set.

What is checked at the moment of sending is checked here: the broadcast still stands, is not too old, the account is not
paused, the receiver has not said stop, and what this delivery follows has had its turn.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from crisis import bulk
from crisis.media.leaving import Carried, Luggage
from crisis.models import Broadcast, Delivery, Destination, OptOut
from crisis.models.base import UtcTime
from crisis.sending.lease import CLOCK_DOUBT
from crisis.sending.outcomes import LONGEST_PAUSE
from crisis.sending.outgoing import Claimed, Known, Row, outgoing
from crisis.sending.personal import Personal
from crisis.sending.shards import WHOLE, Shard, in_shard
from crisis.sending.tally import Moves
from crisis.states import BroadcastState, DeliveryState

SPEAK_WITHIN = 20.0  # seconds after claiming; later it is given back unspoken
LONGEST_CALL = 55.0  # seconds; a call that is longer in the air is cut off and uncertain
DELIVERY_LEASE = timedelta(seconds=90)  # longer than the two together: whoever holds one is heard before it runs out

# Written out instead of bound: a partial index is used only for a constant.
_QUEUED = literal_column("delivery.state") == literal_column("'queued'")
# The second half says the words of the index of unfinished deliveries, without which SQLite does not use it.
UNFINISHED = literal_column("delivery.state").in_([literal_column("'sending'"), literal_column("'uncertain'")])
_UNCERTAIN = and_(literal_column("delivery.state") == literal_column("'uncertain'"), UNFINISHED)

_D = Delivery.__table__.c


def due(now: datetime) -> ColumnElement[bool]:
    """Has the delivery's time come? No pause of ours is as long as the second line: the clock was set back since."""
    return or_(Delivery.due_at <= now, and_(Delivery.attempts > 0, Delivery.due_at > furthest(now)))


def furthest(now: datetime) -> datetime:
    """No try of ours is due later than this."""
    return now + timedelta(seconds=LONGEST_PAUSE) + CLOCK_DOUBT


# What follows these has had its turn, or is having it.
LEFT = (DeliveryState.SENDING, DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.UNCERTAIN)


def overtaken() -> ColumnElement[bool]:
    """Has what follows this delivery on the same destination left already? Then the older words must not come after."""
    later = aliased(Delivery)
    return exists().where(later.follows_id == Delivery.id, later.state.in_(LEFT))


def _may_leave() -> list[ColumnElement[bool]]:
    earlier, now = aliased(Delivery), bindparam("now", type_=UtcTime())
    return [
        _QUEUED,
        or_(_D.due_at <= now, and_(_D.attempts > 0, _D.due_at > bindparam("furthest", type_=UtcTime()))),
        exists().where(
            Broadcast.id == _D.broadcast_id,
            Broadcast.state == BroadcastState.RELEASED,
            or_(Broadcast.expires_at.is_(None), Broadcast.expires_at > now),
        ),
        # An update never overtakes what it updates on the same destination.
        ~exists().where(
            earlier.id == _D.follows_id,
            earlier.state.in_([DeliveryState.QUEUED, DeliveryState.SENDING]),
        ),
        or_(_D.attempts == 0, ~overtaken()),  # nothing can have passed one that was never tried
    ]


def _unwilling() -> ColumnElement[bool]:
    """Has the receiver said stop since the release, to the delivery's account or to the one that speaks for it?"""
    return or_(
        exists().where(
            OptOut.account_id.in_([_D.account_id, _D.through_id]),
            OptOut.address == _D.address,
            OptOut.ended_at.is_(None),
        ),
        exists().where(Destination.person_id == _D.person_id, Destination.address == _D.address, ~Destination.consent),
    )


class _Cells(NamedTuple):
    """What is read of a delivery, as JSON gives it: ids are texts, with dashes on PostgreSQL."""

    id: str
    broadcast_id: str
    address: str
    language: str
    text_id: str
    follows_id: str | None
    priority: int
    attempts: int
    looks: int
    first_attempt_at: str | None
    due_at: str
    account_id: str
    through_id: str
    manner: str
    ask_id: str | None
    unwilling: bool = False  # asked for only where something is about to leave


_READ = tuple(_D[name] for name in _Cells._fields if name in _D)


# Built once for each kind of database: building them for every batch costs as much as running them.
@cache
def _chosen(*, sqlite: bool, split: bool) -> Executable:
    """The due deliveries of an account, most urgent first, held against everybody else until the commit.

    `split`: only those of a shard of it.
    """
    mine = (
        [in_shard(_D.address, bindparam("shard", type_=Integer()), bindparam("of", type_=Integer()))] if split else []
    )
    chosen = (
        select(*_READ, _unwilling().label("unwilling"))
        .where(_D.through_id == bindparam("account_id"), *mine, *_may_leave())
        .order_by(_D.priority, _D.due_at, _D.id)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True, of=Delivery.__table__)
        .subquery("chosen")
    )
    return select(bulk.gathered(chosen, sqlite=sqlite))


@cache
def _uncertain(*, sqlite: bool) -> Executable:
    """The uncertain deliveries of an account whose time to be found out has come."""
    chosen = (
        select(*_READ)
        .where(*_to_find_out())
        .order_by(_D.due_at)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True, of=Delivery.__table__)
        .subquery("chosen")
    )
    return select(bulk.gathered(chosen, sqlite=sqlite))


@cache
def _change(*, sqlite: bool, to: str) -> Executable:
    """What becomes of the deliveries in the parameter `given`."""
    now, given = bindparam("at", type_=UtcTime()), bulk.table({"id": bulk.ID}, sqlite=sqlite)
    lease = bindparam("until", type_=UtcTime())
    changes: dict[str, dict[str, Any]] = {
        "claimed": {
            "state": DeliveryState.SENDING,
            "attempts": _D.attempts + 1,
            "looks": 0,
            "lease_until": lease,
            "first_attempt_at": func.coalesce(_D.first_attempt_at, now),
            "changed_at": now,
        },
        "suppressed": {
            "state": DeliveryState.SUPPRESSED,
            "say": "the receiver has said stop",
            "changed_at": now,
        },
        # If this process dies while looking, the next one looks when this time has come.
        "looked": {"looks": _D.looks + 1, "due_at": lease},
    }
    return update(Delivery.__table__).where(_D.id.in_(select(given.c.id))).values(**changes[to])  # type: ignore[arg-type]


def claim(
    session: Session,
    account_id: uuid.UUID,
    limit: int,
    now: datetime,
    unsubscribe_url: Callable[[uuid.UUID], str] | None = None,
    known: Known | None = None,
    luggage: Luggage | None = None,
    shard: Shard = WHOLE,
    personal: Personal | None = None,
) -> list[Claimed]:
    """Take up to `limit` due deliveries of the account, urgent first; they are `sending` from the commit on."""
    asked = {"account_id": account_id, "now": now, "furthest": furthest(now), "limit": limit}
    if not shard.whole:
        asked |= {"shard": shard.number, "of": shard.of}
    found = _ask(session, partial(_chosen, split=not shard.whole), asked)
    found.sort(key=lambda cells: (cells.priority, cells.due_at, cells.id))
    willing = [cells for cells in found if not cells.unwilling]
    unwilling = [cells for cells in found if cells.unwilling]
    moves = Moves()
    for to, state, rows in (
        ("claimed", DeliveryState.SENDING, willing),
        ("suppressed", DeliveryState.SUPPRESSED, unwilling),
    ):
        _set(session, to, rows, now)
        for (broadcast_id, whose), count in Counter((cells.broadcast_id, cells.account_id) for cells in rows).items():
            moves.move(uuid.UUID(broadcast_id), uuid.UUID(whose), DeliveryState.QUEUED, state, count)
    carried = _carried(session, luggage, willing)
    if carried.held_back:
        willing = _hold_back(session, willing, carried, moves, now)
    moves.write(session)
    claimed = [_row(cells, now, attempts=cells.attempts + 1, looks=0) for cells in willing]
    return outgoing(session, claimed, known or Known(), unsubscribe_url, carried, personal)


def _carried(session: Session, luggage: Luggage | None, rows: Sequence[_Cells]) -> Carried:
    return luggage.carried(session, {uuid.UUID(cells.text_id) for cells in rows}) if luggage and rows else Carried()


def _hold_back(session: Session, rows: Sequence[_Cells], carried: Carried, moves: Moves, now: datetime) -> list[_Cells]:
    """Take out those whose pictures or films may not leave any more."""
    for text_id, (state, say) in carried.held_back.items():
        held = [cells for cells in rows if uuid.UUID(cells.text_id) == text_id]
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_([uuid.UUID(cells.id) for cells in held]))
            .values(state=state, lease_until=None, say=say, changed_at=now)
            .execution_options(synchronize_session=False)
        )
        for cells in held:
            moves.move(uuid.UUID(cells.broadcast_id), uuid.UUID(cells.account_id), DeliveryState.SENDING, state)
    return [cells for cells in rows if uuid.UUID(cells.text_id) not in carried.held_back]


def doubts_due(session: Session, account_id: uuid.UUID, now: datetime) -> bool:
    """Is there anything uncertain to be found out now?"""
    connection = session.connection()
    return connection.execute(_doubt(), {"account_id": account_id, "now": now}).first() is not None


@cache
def _doubt() -> Executable:
    return select(_D.id).where(*_to_find_out()).limit(1)


def _to_find_out() -> list[ColumnElement[bool]]:
    now = bindparam("now", type_=UtcTime())
    return [_D.through_id == bindparam("account_id"), _UNCERTAIN, _D.due_at <= now]


def claim_uncertain(
    session: Session,
    account_id: uuid.UUID,
    limit: int,
    now: datetime,
    luggage: Luggage | None = None,
    personal: Personal | None = None,
) -> list[Claimed]:
    """Uncertain deliveries whose time to be found out has come. They stay uncertain; the look is counted."""
    found = _ask(session, _uncertain, {"account_id": account_id, "now": now, "limit": limit})
    _set(session, "looked", found, now)
    rows = [_row(cells, now, attempts=cells.attempts, looks=cells.looks + 1) for cells in found]
    return outgoing(session, rows, Known(), None, _carried(session, luggage, found), personal)


def _ask(session: Session, statement: Callable[..., Executable], asked: dict[str, Any]) -> list[_Cells]:
    connection = session.connection()
    told = connection.execute(statement(sqlite=bulk.is_sqlite(connection.dialect)), asked).scalar()
    return [_Cells(*cells) for cells in json.loads(told)] if told else []


def _set(session: Session, to: str, rows: Sequence[_Cells], now: datetime) -> None:
    if rows:
        connection = session.connection()
        given = bulk.pack((cells.id,) for cells in rows)
        asked = {"given": given, "at": now} | ({} if to == "suppressed" else {"until": now + DELIVERY_LEASE})
        connection.execute(_change(sqlite=bulk.is_sqlite(connection.dialect), to=to), asked)


def _row(cells: _Cells, now: datetime, *, attempts: int, looks: int) -> Row:
    return Row(  # by position: half the cost, once for every delivery
        _hex(cells.id),
        _hex(cells.broadcast_id),
        cells.address,
        cells.language,
        _hex(cells.text_id),
        cells.follows_id and _hex(cells.follows_id),
        cells.priority,
        attempts,
        looks,
        bulk.to_time(cells.first_attempt_at) if cells.first_attempt_at else now,
        _hex(cells.account_id),
        _hex(cells.through_id),
        cells.manner,
        cells.ask_id and _hex(cells.ask_id),
    )


def _hex(told: str) -> str:
    return told if len(told) == 32 else told.replace("-", "")  # PostgreSQL writes ids with dashes
