"""Closing every wording of a rumour together once something was said in public, and opening them again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crisis.actor import Actor
from crisis.db import rows_changed
from crisis.models import Broadcast, InboundRow, Rumour
from crisis.sentence import Sentence
from crisis.states import InboundState, NotAllowed, Role
from crisis.triage.rumours import record

SAID = Sentence("answered in public")


def settle(session: Session, actor: Actor, rumour: Rumour, now: datetime) -> int:
    """Close every wording that nobody else is on, once something was said in public. Returns how many; `undo` with the
    same `now` opens them again.
    """
    actor.demand(Role.TRIAGER, rumour.unit_id)
    released = Broadcast.released_at.is_not(None)
    if not session.scalar(select(Broadcast.id).where(Broadcast.rumour_id == rumour.id, released).limit(1)):
        raise NotAllowed("Nothing has been said about it in public yet. Open a draft first.")
    nobody = (InboundRow.state == InboundState.CLAIMED) & (
        (InboundRow.claimed_by == actor.user_id) | (InboundRow.claimed_until <= now)
    )
    count = rows_changed(
        session,
        update(InboundRow)
        .where(
            InboundRow.rumour_id == rumour.id,
            InboundRow.folded_into_id.is_(None),
            InboundRow.state.in_([InboundState.WAITING, InboundState.SNOOZED]) | nobody,
        )
        .values(
            state=InboundState.CLOSED,
            settled_by=actor.user_id,
            settled_at=now,
            settled_why=SAID,
            snoozed_until=None,
        )
        .execution_options(synchronize_session=False),
    )
    if count:
        record(session, actor, "rumour.settled", rumour, {"count": count})
    return count


def undo(session: Session, actor: Actor, rumour: Rumour, closed_at: datetime) -> int:
    """Open again what this person closed together at that moment, also what had been put off or taken: it waits.

    Returns how many.
    """
    actor.demand(Role.TRIAGER, rumour.unit_id)
    count = rows_changed(
        session,
        update(InboundRow)
        .where(
            InboundRow.rumour_id == rumour.id,
            InboundRow.state == InboundState.CLOSED,
            InboundRow.settled_at == closed_at,
            InboundRow.settled_by == actor.user_id,
            InboundRow.settled_why == SAID,
        )
        .values(
            state=InboundState.WAITING,
            claimed_by=None,
            claimed_until=None,
            settled_by=None,
            settled_at=None,
            settled_why="",
        )
        .execution_options(synchronize_session=False),
    )
    if count:
        record(session, actor, "rumour.settling_undone", rumour, {"count": count})
    return count
