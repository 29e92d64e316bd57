"""Who is on what, and what becomes of it: claim, give back, snooze, close, reopen, and the next one.

A claim is a lease: renewed while its page is open, free for others five minutes after. Every move is a compare-and-set on
one row, so two people never hold the same. Takes a session and never commits; what settles something is recorded.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, literal, or_, select, update
from sqlalchemy.orm import Session

from crisis import audit, bulk
from crisis.actor import Actor
from crisis.db import rows_changed
from crisis.models import InboundRow, Incident, User
from crisis.sentence import Sentence
from crisis.states import INBOUND_MOVES, InboundState, Lane, Mode, NotAllowed, Role, check_move

LEASE = timedelta(minutes=5)
LONGEST_SNOOZE = timedelta(hours=24)
MOST_AT_ONCE = 5_000  # closed by one press
LEAST_URGENT = 20  # below it, idle lanes may be closed together
IDLE = (Lane.THANKS, Lane.NOISE)
OPEN = (InboundState.WAITING, InboundState.CLAIMED)
STANDING = (*OPEN, InboundState.SNOOZED)
REASONS = (
    Sentence("nothing to do"),
    Sentence("known already"),
    Sentence("settled elsewhere"),
    Sentence("spam or abuse"),
)
TOGETHER = Sentence("closed together")


def stands(state: InboundState) -> ColumnElement[bool]:
    """As the partial indexes say it: SQLite looks at none of them for a value that is handed over beside the statement."""
    return InboundRow.state == literal(state.value, literal_execute=True)


def standing(unit_id: uuid.UUID | BindParameter[Any], mode: Mode | BindParameter[Any]) -> list[ColumnElement[bool]]:
    """What the queue shows; as its partial indexes say it."""
    return [
        InboundRow.unit_id == unit_id,
        InboundRow.mode == mode,
        InboundRow.state.in_([literal(state.value, literal_execute=True) for state in OPEN]),
        InboundRow.folded_into_id.is_(None),
    ]


def free(now: datetime) -> ColumnElement[bool]:
    """Nobody is on it: it waits, or the claim grew old."""
    grown_old = and_(InboundRow.state == InboundState.CLAIMED, InboundRow.claimed_until <= now)
    return or_(InboundRow.state == InboundState.WAITING, grown_old)


def claim(session: Session, actor: Actor, inbound_id: uuid.UUID, now: datetime) -> InboundRow:
    """Take this one; renew it when it is already mine. Raises `NotAllowed` naming who is on it."""
    row = _row(session, actor, inbound_id)
    mine = and_(InboundRow.state == InboundState.CLAIMED, InboundRow.claimed_by == actor.user_id)
    snoozed = InboundRow.state == InboundState.SNOOZED
    if not _take(session, actor, row.id, now, or_(free(now), mine, snoozed)):
        raise _refused(session, row)
    session.refresh(row)
    return row


def next_one(session: Session, actor: Actor, candidates: Sequence[uuid.UUID], now: datetime) -> InboundRow | None:
    """Take the first of these that nobody is on: the ids of a view in the order of its queue."""
    for inbound_id in candidates:
        if _take(session, actor, inbound_id, now, free(now)):
            return _row(session, actor, inbound_id)
    return None


def renew(session: Session, actor: Actor, inbound_id: uuid.UUID, now: datetime) -> bool:
    """Keep it while its page is open. False: the claim grew old and somebody else took it, or it is settled."""
    mine = and_(InboundRow.state == InboundState.CLAIMED, InboundRow.claimed_by == actor.user_id)
    return _take(session, actor, inbound_id, now, mine)


def renew_all(session: Session, actor: Actor, unit_id: uuid.UUID, mode: Mode, now: datetime) -> int:
    """Keep everything this person is on; nothing is written while each lease is still fresh."""
    return rows_changed(
        session,
        update(InboundRow)
        .where(
            InboundRow.unit_id == unit_id,
            InboundRow.mode == mode,
            stands(InboundState.CLAIMED),
            InboundRow.claimed_by == actor.user_id,
            InboundRow.folded_into_id.is_(None),
            InboundRow.claimed_until > now,
            InboundRow.claimed_until < now + LEASE - timedelta(minutes=1),
        )
        .values(claimed_until=now + LEASE)
        .execution_options(synchronize_session=False),
    )


def give_back(session: Session, actor: Actor, inbound_id: uuid.UUID) -> None:
    """It waits for anybody again, at its old place."""
    row = held(session, actor, inbound_id)
    _move(row, InboundState.WAITING)


def snooze(session: Session, actor: Actor, inbound_id: uuid.UUID, until: datetime, now: datetime) -> None:
    """Out of the queue until then, at most a day."""
    row = _open(session, actor, inbound_id, now)
    if row.lane is Lane.DANGER:
        raise NotAllowed("Danger to life does not wait. Hand it over, or close it with the reason.")
    if not now < until <= now + LONGEST_SNOOZE:
        raise NotAllowed("Choose a time within the next 24 hours.")
    _move(row, InboundState.SNOOZED)
    row.snoozed_until = until


def close(session: Session, actor: Actor, inbound_id: uuid.UUID, why: str, now: datetime) -> None:
    """Nothing to do, and why. Raises `NotAllowed` when somebody else is on it."""
    why = " ".join(why.split())[:200]
    if not why:
        raise NotAllowed("Say why nothing is to be done; whoever looks later wants to know.")
    row = _open(session, actor, inbound_id, now)
    settle(session, actor, row, InboundState.CLOSED, why, now)


def settle(session: Session, actor: Actor, row: InboundRow, state: InboundState, why: str, now: datetime) -> None:
    """Answered, handed over or closed. The caller has made sure that the actor holds it (`held`, or `close`)."""
    _move(row, state)
    row.settled_by, row.settled_at, row.settled_why = actor.user_id, now, why[:200]
    session.flush()
    audit.record(
        session, actor, f"inbound.{state}", f"inbound:{row.id}", unit_id=row.unit_id,
        details={"why": why[:200], "lane": str(row.lane), "mode": str(row.mode)},
    )  # fmt: skip


def reopen(session: Session, actor: Actor, inbound_id: uuid.UUID) -> None:
    """What was settled waits again, at its old place."""
    row = _row(session, actor, inbound_id, lock=True)
    check_move(INBOUND_MOVES, row.state, InboundState.WAITING)
    _move(row, InboundState.WAITING)
    session.flush()
    audit.record(
        session, actor, "inbound.reopened", f"inbound:{row.id}", unit_id=row.unit_id,
        details={"lane": str(row.lane), "mode": str(row.mode)},
    )  # fmt: skip


def put_in_lane(session: Session, actor: Actor, inbound_id: uuid.UUID, lane: Lane, now: datetime) -> None:
    """A person knows better than the machine what this is. Raises `NotAllowed` when somebody else is on it."""
    row = _open(session, actor, inbound_id, now)
    if row.lane is lane:
        return
    was, row.lane = row.lane, lane
    session.flush()
    audit.record(
        session, actor, "inbound.lane_changed", f"inbound:{row.id}", unit_id=row.unit_id,
        details={"before": str(was), "after": str(lane)},
    )  # fmt: skip


def put_under(session: Session, actor: Actor, inbound_id: uuid.UUID, incident_id: uuid.UUID, now: datetime) -> None:
    """A person says which incident of the unit it is about. Raises `NotAllowed`."""
    row = _open(session, actor, inbound_id, now)
    incident = session.get(Incident, incident_id)
    if incident is None or (incident.unit_id, incident.mode) != (row.unit_id, row.mode):
        raise NotAllowed("Choose an incident of this unit.")
    row.incident_id = incident.id
    session.flush()


def put_back(row: InboundRow) -> None:
    """It waits for anybody again; the caller has the row locked and records why."""
    _move(row, InboundState.WAITING)


def held(session: Session, actor: Actor, inbound_id: uuid.UUID) -> InboundRow:
    """The row, locked, when the actor is on it; for whoever answers it or hands it over. Raises `NotAllowed`."""
    row = _row(session, actor, inbound_id, lock=True)
    if row.state is not InboundState.CLAIMED or row.claimed_by != actor.user_id:
        raise NotAllowed("Take it first: only one person may work on it at a time.")
    return row


def idle(unit_id: uuid.UUID, mode: Mode) -> ColumnElement[bool]:
    """What may be closed together: thanks and noise that nothing urgent was found in, and nobody is on."""
    return and_(
        *standing(unit_id, mode),
        InboundRow.state == InboundState.WAITING,
        InboundRow.understood_at.is_not(None),
        InboundRow.lane.in_(IDLE),
        InboundRow.rank > 100 - LEAST_URGENT,
    )


def close_idle(session: Session, actor: Actor, unit_id: uuid.UUID, mode: Mode, now: datetime) -> int:
    """Close all that is `idle`, at most `MOST_AT_ONCE`. Returns how many; `undo` with the same `now` opens them again."""
    actor.demand(Role.TRIAGER, unit_id)
    some = select(InboundRow.id).where(idle(unit_id, mode)).limit(MOST_AT_ONCE)
    count = rows_changed(
        session,
        update(InboundRow)
        .where(InboundRow.id.in_(some), InboundRow.state == InboundState.WAITING)
        .values(
            state=InboundState.CLOSED,
            settled_by=actor.user_id,
            settled_at=now,
            settled_why=TOGETHER,
        )
        .execution_options(synchronize_session=False),
    )
    if count:
        audit.record(
            session, actor, "inbound.closed_together", f"unit:{unit_id}", unit_id=unit_id,
            details={"count": count, "mode": str(mode)},
        )  # fmt: skip
    return count


def undo(session: Session, actor: Actor, unit_id: uuid.UUID, mode: Mode, closed_at: datetime) -> int:
    """Open again what this person closed together at that moment. Returns how many."""
    actor.demand(Role.TRIAGER, unit_id)
    count = rows_changed(
        session,
        update(InboundRow)
        .where(
            InboundRow.unit_id == unit_id,
            InboundRow.mode == mode,
            InboundRow.state == InboundState.CLOSED,
            InboundRow.settled_at == closed_at,
            InboundRow.settled_by == actor.user_id,
            InboundRow.settled_why == TOGETHER,
        )
        .values(state=InboundState.WAITING, settled_by=None, settled_at=None, settled_why="")
        .execution_options(synchronize_session=False),
    )
    if count:
        audit.record(
            session, actor, "inbound.closing_undone", f"unit:{unit_id}", unit_id=unit_id,
            details={"count": count, "mode": str(mode)},
        )  # fmt: skip
    return count


def to_wake(session: Session, now: datetime) -> Sequence[uuid.UUID]:
    """The snoozed whose time has come."""
    return session.scalars(select(InboundRow.id).where(*_over(now)).limit(MOST_AT_ONCE)).all()


def wake(session: Session, snoozed: Sequence[uuid.UUID], now: datetime) -> int:
    """Let them wait again. Returns how many."""
    return rows_changed(
        session,
        update(InboundRow)
        .where(bulk.one_of(InboundRow.id, snoozed, session.get_bind().dialect), *_over(now))
        .values(state=InboundState.WAITING, snoozed_until=None)
        .execution_options(synchronize_session=False),
    )


def _over(now: datetime) -> list[ColumnElement[bool]]:
    return [stands(InboundState.SNOOZED), InboundRow.snoozed_until <= now]


def _row(session: Session, actor: Actor, inbound_id: uuid.UUID, *, lock: bool = False) -> InboundRow:
    """A repeat stands for the one it was folded into."""
    row = session.get(InboundRow, inbound_id)
    if row is not None and row.folded_into_id is not None:
        row = session.get(InboundRow, row.folded_into_id)
    if row is None:
        raise NotAllowed("It is not here any more.")
    actor.demand(Role.TRIAGER, row.unit_id)
    if lock:
        session.refresh(row, with_for_update=True)
    return row


def _open(session: Session, actor: Actor, inbound_id: uuid.UUID, now: datetime) -> InboundRow:
    """The row, locked, when it is mine or nobody's."""
    row = _row(session, actor, inbound_id, lock=True)
    somebody = row.state is InboundState.CLAIMED and row.claimed_until is not None and row.claimed_until > now
    if row.state not in STANDING or (somebody and row.claimed_by != actor.user_id):
        raise _refused(session, row)
    return row


def _take(session: Session, actor: Actor, inbound_id: uuid.UUID, now: datetime, may: ColumnElement[bool]) -> bool:
    taken = rows_changed(
        session,
        update(InboundRow)
        .where(
            InboundRow.id == inbound_id,
            InboundRow.folded_into_id.is_(None),
            InboundRow.unit_id.in_(actor.units(Role.TRIAGER)),
            may,
        )
        .values(state=InboundState.CLAIMED, claimed_by=actor.user_id, claimed_until=now + LEASE, snoozed_until=None)
        .execution_options(synchronize_session=False),
    )
    return taken == 1


def _move(row: InboundRow, state: InboundState) -> None:
    row.state = state
    row.snoozed_until = None
    if state in STANDING:
        row.claimed_by = row.claimed_until = row.settled_by = row.settled_at = None
        row.settled_why = ""


def _refused(session: Session, row: InboundRow) -> NotAllowed:
    session.refresh(row)
    who = row.claimed_by if row.state is InboundState.CLAIMED else row.settled_by
    name = session.scalar(select(User.name).where(User.id == who)) if who else None
    if row.state is InboundState.CLAIMED:
        return NotAllowed("%(who)s is on it.", who=name or "?")
    if row.state in STANDING:
        return NotAllowed("It has just changed. Look again.")
    if name is None:
        return NotAllowed("It is settled already: %(state)s.", state=Sentence(str(row.state)))
    return NotAllowed("%(who)s has settled it already: %(state)s.", who=name, state=Sentence(str(row.state)))
