"""A call-out while it runs: who comes, is it filled, who is asked next, is everybody tried. Driven by the clock and by answers.

Whoever changes it holds its row first, so that of two answers at once the second sees what the first did. Takes a session
and never commits; everything here is safe to run twice and on several machines at once.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, case, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from crisis import audit
from crisis.actor import SYSTEM
from crisis.broadcasts import notice, notice_words
from crisis.models import Ask, Broadcast, CallOut, Delivery, Person, Practice, User
from crisis.oncall import callout_words, tries
from crisis.oncall.candidates import wants_of
from crisis.oncall.waves import Candidate, Comer, allot, missing, next_wave
from crisis.sending.sweep import end_queued
from crisis.settings import Settings
from crisis.states import REACHED, AskState, BroadcastState, CallOutState, DeliveryState, Role

ENOUGH = "enough have come"
UNDECIDED = (AskState.RINGING, AskState.NO_ANSWER, AskState.BUSY, AskState.VOICEMAIL, AskState.UNREACHABLE)


def held(session: Session, call_out_id: uuid.UUID, *, skip: bool = False) -> CallOut | None:
    """The call-out, held until the commit; None when it is gone, or (with `skip`) somebody else holds it."""
    return (
        session.scalars(
            select(CallOut)
            .options(joinedload(CallOut.needs))
            .where(CallOut.id == call_out_id)
            .with_for_update(of=CallOut, skip_locked=skip)
            .execution_options(populate_existing=True)
        )
        .unique()
        .one_or_none()
    )


def going_on(session: Session) -> Sequence[uuid.UUID]:
    """The call-outs that are asking."""
    return session.scalars(select(CallOut.id).where(CallOut.state == CallOutState.OPEN)).all()


def step(session: Session, call_out_id: uuid.UUID, settings: Settings, now: datetime) -> None:
    """What is due: tries that have ended, next tries, the next wave, the end. Nothing when another clock is at it."""
    call_out = held(session, call_out_id, skip=True)
    if call_out is None or call_out.state is not CallOutState.OPEN:
        return
    broadcast = session.get_one(Broadcast, call_out.broadcast_id)
    if broadcast.state is BroadcastState.STOPPED:
        call_out.state, call_out.ended_at, call_out.due_at = CallOutState.CLOSED, now, None
        call_out.end_reason = (broadcast.stop_reason or "stopped")[:200]
        spare(session, call_out)
        return
    if broadcast.leaves_at is not None and broadcast.leaves_at > now:
        return  # the countdown
    if broadcast.expires_at is not None and broadcast.expires_at <= now:
        exhaust(session, call_out, "the words are too old to be sent", settings, now)
        return
    tries.conclude(session, call_out, broadcast, now)
    due = session.scalars(
        select(Ask.id).where(Ask.call_out_id == call_out.id, Ask.tries > 0, Ask.state.in_(UNDECIDED), Ask.due_at <= now)
    ).all()
    tries.next_tries(session, call_out, broadcast, due, now)
    open_still, waiting = _left(session, call_out)
    lacking = sum(missing(wants_of(call_out), coming(session, call_out)).values())
    if waiting and (call_out.due_at is None or call_out.due_at <= now or open_still < lacking):
        widened = widen(session, call_out, broadcast, now)
        if widened or open_still:
            return
        open_still, waiting = _left(session, call_out)
    if not open_still and (not waiting or call_out.due_at is None):
        exhaust(session, call_out, "everybody was asked as often as allowed", settings, now)


def _left(session: Session, call_out: CallOut) -> tuple[int, int]:
    """How many may still answer by themselves, and how many were not asked yet."""
    untried = and_(Ask.state == AskState.WAITING, Ask.tries == 0)
    trying = or_(Ask.state == AskState.RINGING, and_(Ask.state.in_(UNDECIDED), Ask.due_at.is_not(None)))
    found = session.execute(
        select(func.count(case((trying, 1))), func.count(case((untried, 1)))).where(Ask.call_out_id == call_out.id)
    ).one()
    return found[0], found[1]


def widen(session: Session, call_out: CallOut, broadcast: Broadcast, now: datetime) -> int:
    """Ask the next wave: so many more than are missing, those most likely to come first. Returns how many."""
    rows = session.execute(
        select(Ask.id, Person.skills)
        .join(Person, Person.id == Ask.person_id)
        .where(Ask.call_out_id == call_out.id, Ask.state == AskState.WAITING, Ask.tries == 0)
        .order_by(Ask.position)
    )
    line = [Candidate(row.id, row.skills) for row in rows]
    chosen = next_wave(wants_of(call_out), coming(session, call_out), line, call_out.surplus)
    leaves = max(now, broadcast.leaves_at or now)
    if not chosen:
        call_out.due_at = None  # nobody left who could fill what is missing
        session.flush()
        return 0
    call_out.wave += 1
    call_out.due_at = leaves + timedelta(seconds=call_out.widen_seconds)
    session.flush()
    session.execute(update(Ask), [{"id": ask, "need_id": need, "wave": call_out.wave} for ask, need in chosen])
    tries.next_tries(session, call_out, broadcast, [ask for ask, _ in chosen], now)
    return len(chosen)


def coming(session: Session, call_out: CallOut) -> dict[uuid.UUID, int]:
    """How many fill each need."""
    rows = session.execute(
        select(Ask.need_id, func.count())
        .where(Ask.call_out_id == call_out.id, Ask.state == AskState.YES, ~Ask.reserve, Ask.need_id.is_not(None))
        .group_by(Ask.need_id)
    )
    return {need: count for need, count in rows if need is not None}


def seat(session: Session, call_out: CallOut, ask: Ask, skills: Sequence[str], now: datetime) -> None:
    """Somebody has said yes: give them the need that is shortest, or a place in reserve; stop when that was the last.

    `ask` carries the answer already, and tells afterwards where they stand. The caller holds the call-out.
    """
    wants, there = wants_of(call_out), coming(session, call_out)
    lacking = missing(wants, there)
    able = [want for want in wants if want.id in lacking and want.takes(skills, ask.arrives_at)]
    if able:
        ask.need_id, ask.reserve = max(able, key=lambda want: lacking[want.id]).id, False
        session.flush()
        lacking[ask.need_id] -= 1
        if not any(lacking.values()):
            fill(session, call_out, now)
        return
    ask.reserve = True
    if not lacking or not any(want.takes(skills, ask.arrives_at) for want in wants):
        session.flush()
        return
    session.flush()
    weigh(session, call_out, now, quiet=ask.id)
    session.refresh(ask)


def weigh(session: Session, call_out: CallOut, now: datetime, *, quiet: uuid.UUID | None = None) -> None:
    """Place everybody who has said yes anew, after somebody has gone or come; tell those who leave the reserve.

    Opens a filled one again that is no longer filled. `quiet` is whoever hears it from us right now.
    """
    asks = session.execute(
        select(Ask.id, Ask.need_id, Ask.reserve, Ask.arrives_at, Person.skills)
        .join(Person, Person.id == Ask.person_id)
        .where(Ask.call_out_id == call_out.id, Ask.state == AskState.YES)
        .order_by(Ask.reserve, Ask.answered_at, Ask.id)
    ).all()
    wants = wants_of(call_out)
    placed = allot(wants, [Comer(row.id, row.skills, row.arrives_at) for row in asks])
    changes, needed = [], []
    for row in asks:
        need = placed[row.id]
        if (need, need is None) != (row.need_id if not row.reserve else None, row.reserve):
            changes.append({"id": row.id, "need_id": need, "reserve": need is None})
            if row.reserve and need is not None and row.id != quiet:
                needed.append(row.id)
    if changes:
        session.execute(update(Ask), changes)
    callout_words.tell(session, call_out, "needed", needed, now)
    lacking = missing(wants, Counter(need for need in placed.values() if need is not None))
    if not lacking:
        fill(session, call_out, now)
    elif call_out.state is CallOutState.FILLED:
        call_out.state, call_out.ended_at, call_out.due_at = CallOutState.OPEN, None, now
        session.execute(
            update(Ask)
            .where(Ask.call_out_id == call_out.id, Ask.state == AskState.SPARED, Ask.tries == 0)
            .values(state=AskState.WAITING)
        )
        session.flush()


def fill(session: Session, call_out: CallOut, now: datetime) -> None:
    """Enough have come: stop asking at once, and thank those who were asked and have not answered."""
    if call_out.state not in (CallOutState.OPEN, CallOutState.EXHAUSTED):
        return
    call_out.state, call_out.ended_at, call_out.due_at = CallOutState.FILLED, now, None
    session.flush()
    end_queued(session, [call_out.broadcast_id], DeliveryState.CANCELLED, ENOUGH, now)
    asked = reached(session, call_out)
    undecided = set(
        session.scalars(select(Ask.id).where(Ask.call_out_id == call_out.id, Ask.state.in_(UNDECIDED), ~Ask.unclear))
    )
    spare(session, call_out)
    callout_words.tell(session, call_out, "enough", asked & undecided, now)
    audit.record(session, SYSTEM, "call_out.filled", f"call_out:{call_out.id}", unit_id=call_out.unit_id)


def reached(session: Session, call_out: CallOut) -> set[uuid.UUID]:
    """The asks of which something has left, or may have."""
    return set(
        session.scalars(
            select(Delivery.ask_id)
            .where(Delivery.broadcast_id == call_out.broadcast_id, Delivery.ask_id.is_not(None))
            .where(Delivery.state.in_(REACHED))
            .distinct()
        )
    )


def spare(session: Session, call_out: CallOut) -> None:
    """Nobody who has not answered is asked again by itself."""
    session.execute(
        update(Ask)
        .where(Ask.call_out_id == call_out.id, Ask.state.in_([AskState.WAITING, AskState.RINGING]))
        .values(state=AskState.SPARED, due_at=None)
        .execution_options(synchronize_session="fetch")
    )
    session.execute(
        update(Ask)
        .where(Ask.call_out_id == call_out.id, Ask.due_at.is_not(None))
        .values(due_at=None)
        .execution_options(synchronize_session="fetch")
    )


def exhaust(session: Session, call_out: CallOut, why: str, settings: Settings, now: datetime) -> None:
    """Nobody is left to ask, and it was not enough: those who answer for it are told at once. A late yes still counts."""
    call_out.state, call_out.ended_at, call_out.due_at = CallOutState.EXHAUSTED, now, None
    call_out.end_reason = why
    session.flush()
    broadcast = session.get_one(Broadcast, call_out.broadcast_id)
    lacking = sum(missing(wants_of(call_out), coming(session, call_out)).values())
    if session.scalar(select(Practice.id).where(Practice.call_out_id == call_out.id)) is not None:
        return  # in a practice somebody never answers: the figures say so, and no alarm is worn out by it
    told = {user.id: user for user in notice.users_with(session, call_out.unit_id, Role.OFFICER, but=None)}
    opener = session.get(User, call_out.opened_by) if call_out.opened_by else None
    if opener is not None:
        told[opener.id] = opener
    notice.tell(
        session,
        notice_words.too_few_come(call_out.title, call_out.id, lacking, settings),
        [*told.values()],
        broadcast,
        now,
    )
    details = {"missing": lacking, "reason": why}
    audit.record(
        session, SYSTEM, "call_out.exhausted", f"call_out:{call_out.id}", unit_id=call_out.unit_id, details=details
    )
