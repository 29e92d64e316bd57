"""Handing an inbound on: to the emergency services by voice, or to another unit's queue.

Danger to life is never answered by a line from a book. Whoever has it reads the card aloud to 110, 112 or 113 and writes
down who took it; until then its clock runs.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.models import HandOver, InboundRow, Unit
from crisis.states import INBOUND_MOVES, InboundState, NotAllowed, Role, check_move

EMERGENCY = ("110", "112", "113")  # Norway: fire, police, medical


def to_emergency(
    session: Session, actor: Actor, inbound: InboundRow, number: str, taken_by: str, note: str, now: datetime
) -> HandOver:
    """Write down that 110, 112 or 113 has taken it. Raises `NotAllowed` when nobody is named or it is not ours."""
    _demand(actor, inbound)
    if number not in EMERGENCY:
        raise NotAllowed("choose 110, 112 or 113")
    if not taken_by.strip():
        raise NotAllowed("write who took it at %(number)s; until then it is not handed over", number=number)
    check_move(INBOUND_MOVES, inbound.state, InboundState.HANDED_OVER)
    inbound.state = InboundState.HANDED_OVER
    inbound.settled_by, inbound.settled_at, inbound.settled_why = actor.user_id, now, number
    return _written(session, actor, inbound, number, taken_by, note, now)


def to_unit(session: Session, actor: Actor, inbound: InboundRow, unit_key: str, note: str, now: datetime) -> HandOver:
    """Move it to another unit's queue, where it waits as it waited here: its age is not reset.

    What it answered stays with us; the other unit sees who handed it over and why.
    """
    _demand(actor, inbound)
    unit = session.scalar(select(Unit).where(Unit.key == unit_key))
    if unit is None or unit.id == inbound.unit_id:
        raise NotAllowed("choose another unit")
    check_move(INBOUND_MOVES, inbound.state, InboundState.WAITING)
    done = _written(session, actor, inbound, f"unit:{unit.key}", "", note, now)
    inbound.state, inbound.claimed_by, inbound.claimed_until = InboundState.WAITING, None, None
    inbound.unit_id, inbound.incident_id = unit.id, None
    return done


def history(session: Session, inbound_id: uuid.UUID) -> list[HandOver]:
    """Every hand-over of an inbound, oldest first."""
    return list(session.scalars(select(HandOver).where(HandOver.inbound_id == inbound_id).order_by(HandOver.at)))


def _demand(actor: Actor, inbound: InboundRow) -> None:
    actor.demand(Role.TRIAGER, inbound.unit_id)
    # A call to 113 may outlast the claim; while nobody else has taken it, it is still theirs.
    if inbound.state is not InboundState.CLAIMED or inbound.claimed_by != actor.user_id:
        raise NotAllowed("take it first, so that two people do not act on the same")


def _written(
    session: Session, actor: Actor, inbound: InboundRow, to: str, taken_by: str, note: str, now: datetime
) -> HandOver:
    done = HandOver(
        inbound_id=inbound.id,
        to=to,
        taken_by=taken_by.strip()[:120],
        note=note.strip()[:500],
        by=actor.user_id,
        at=now,
    )
    session.add(done)
    session.flush()
    audit.record(
        session,
        actor,
        "inbound.handed_over",
        f"inbound:{inbound.id}",
        unit_id=inbound.unit_id,
        details={"to": to, "taken_by": done.taken_by},
    )
    return done
