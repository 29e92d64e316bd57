"""Call-outs: letting one go, and what people do to it from then on: widen it, add to it, end it.

Takes a session and never commits. It is prepared in `callout_plan`, and asking goes on in `filling`, which the clock drives.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts import notice, notice_words
from crisis.broadcasts import release as letting_go
from crisis.broadcasts.draft import chosen_accounts
from crisis.broadcasts.freeze import Read, thaw
from crisis.models import Ask, Broadcast, CallOut, Person, new_id
from crisis.oncall import callout_words, filling, tries
from crisis.oncall.candidates import candidates, describe
from crisis.playbooks.playbook import Playbook
from crisis.sending.answer_links import AnswerLinks
from crisis.sending.sweep import end_queued
from crisis.settings import Settings
from crisis.states import (
    CALL_OUT_MOVES,
    AskState,
    BroadcastState,
    CallOutState,
    DeliveryState,
    Mode,
    NotAllowed,
    Role,
    check_move,
)


def discard(session: Session, actor: Actor, call_out: CallOut, now: datetime) -> None:
    """Nobody was asked yet and nobody will be. What waits for a second person waits no more."""
    actor.demand(Role.OFFICER, call_out.unit_id)
    if call_out.state is not CallOutState.PLANNED:
        raise NotAllowed("it is asking already; cancel it, so that people are told")
    broadcast = session.get_one(Broadcast, call_out.broadcast_id)
    if broadcast.state in (BroadcastState.SUBMITTED, BroadcastState.APPROVED):
        thaw(broadcast)
    _end(session, call_out, "thrown away before anybody was asked", now)
    _record(session, actor, "call_out.discarded", call_out, {})


def release(
    session: Session,
    actor: Actor,
    call_out: CallOut,
    settings: Settings,
    playbook: Playbook | None,
    links: AnswerLinks,
    now: datetime,
    *,
    break_glass: str | None = None,
    read: Read | None = None,
) -> int:
    """Let it go: everybody who may be asked stands in line, and the first wave is queued. Returns how many stand there.

    The same is demanded of its words as of a statement. Raises `NotReady`, `Changed`, `SecondPerson` or `NotAllowed`.
    """
    check_move(CALL_OUT_MOVES, call_out.state, CallOutState.OPEN)
    broadcast = session.get_one(Broadcast, call_out.broadcast_id)
    reason = letting_go.cleared(session, actor, broadcast, settings, playbook, now, break_glass=break_glass, read=read)
    unit = settings.unit(broadcast.unit.key)
    countdown = unit.countdown_live_seconds if broadcast.mode is Mode.LIVE else unit.countdown_drill_seconds
    broadcast.state = BroadcastState.RELEASED
    broadcast.released_by, broadcast.released_at = actor.user_id, now
    broadcast.leaves_at = now + timedelta(seconds=countdown)
    broadcast.break_glass_reason = reason or None
    people = candidates(session, call_out, broadcast.audiences, chosen_accounts(session, broadcast), unit.tz, now)
    able = [one for one in people if not one.why_not]
    if not able:
        raise NotAllowed(
            "nobody who is needed can be asked; look at the list of people below, and at groups and skills"
        )
    _stand_in_line(session, call_out, [one.id for one in able], links, first=0)
    call_out.state, call_out.opened_by, call_out.opened_at = CallOutState.OPEN, actor.user_id, now
    call_out.due_at = broadcast.leaves_at
    session.flush()
    filling.widen(session, call_out, broadcast, now)
    if reason:
        told = notice.users_with(session, call_out.unit_id, Role.APPROVER, but=None)
        notice.tell(session, notice_words.glass_broken(broadcast, actor.name, reason), told, broadcast, now)
    details = {"digest": broadcast.digest, "mode": broadcast.mode, "people": len(able), "reason": reason}
    _record(session, actor, "call_out.released", call_out, details)
    return len(able)


def _stand_in_line(
    session: Session, call_out: CallOut, person_ids: Sequence[uuid.UUID], links: AnswerLinks, *, first: int
) -> list[uuid.UUID]:
    rows: list[dict[str, Any]] = []
    for position, person_id in enumerate(person_ids, first):
        ask_id = new_id()
        kept = links.kept(ask_id)
        rows.append(
            {"id": ask_id, "call_out_id": call_out.id, "person_id": person_id, "position": position, "token_hash": kept}
        )
    if rows:
        session.execute(insert(Ask), rows)
    return [row["id"] for row in rows]


def cancel(session: Session, actor: Actor, call_out: CallOut, reason: str, now: datetime) -> None:
    """End it: what has not left is cancelled, and everybody who was asked or is coming is told."""
    actor.demand(Role.OFFICER, call_out.unit_id)
    reason = " ".join(reason.split())[:200]
    if not reason:
        raise NotAllowed("say why, so that everybody understands it afterwards")
    check_move(CALL_OUT_MOVES, call_out.state, CallOutState.CLOSED)
    planned = call_out.state is CallOutState.PLANNED
    _end(session, call_out, reason, now)
    if not planned:
        reached = filling.reached(session, call_out)
        said_no = set(session.scalars(select(Ask.id).where(Ask.call_out_id == call_out.id, Ask.state == AskState.NO)))
        callout_words.tell(session, call_out, "cancelled", reached - said_no, now)
        filling.spare(session, call_out)
    _record(session, actor, "call_out.cancelled", call_out, {"reason": reason})


def finish(session: Session, actor: Actor, call_out: CallOut, now: datetime) -> None:
    """It has done its work: nobody more is asked, those who come keep coming, nobody is told anything."""
    actor.demand(Role.OFFICER, call_out.unit_id)
    if call_out.state not in (CallOutState.FILLED, CallOutState.EXHAUSTED):
        raise NotAllowed("it is still asking; cancel it if nobody more is to come")
    _end(session, call_out, call_out.end_reason or "done", now)
    filling.spare(session, call_out)
    _record(session, actor, "call_out.finished", call_out, {})


def expire(session: Session, actor: Actor, call_out: CallOut, now: datetime) -> None:
    """Its time is up, whoever has not answered: nobody more is asked, and nobody is told anything."""
    actor.demand(Role.OFFICER, call_out.unit_id)
    check_move(CALL_OUT_MOVES, call_out.state, CallOutState.CLOSED)
    _end(session, call_out, "its time is up", now)
    filling.spare(session, call_out)
    _record(session, actor, "call_out.finished", call_out, {"reason": "its time is up"})


def _end(session: Session, call_out: CallOut, reason: str, now: datetime) -> None:
    call_out.state, call_out.end_reason, call_out.due_at = CallOutState.CLOSED, reason, None
    call_out.ended_at = now
    broadcast = session.get_one(Broadcast, call_out.broadcast_id)
    if broadcast.state is BroadcastState.RELEASED:
        broadcast.state, broadcast.stop_reason, broadcast.ended_at = BroadcastState.STOPPED, reason, now
    session.flush()
    end_queued(session, [broadcast.id], DeliveryState.CANCELLED, reason, now)


def widen_now(session: Session, actor: Actor, call_out: CallOut, now: datetime) -> int:
    """Ask the next wave at once. Returns how many were asked."""
    actor.demand(Role.OFFICER, call_out.unit_id)
    if call_out.state is not CallOutState.OPEN:
        raise NotAllowed("it is not asking any more")
    count = filling.widen(session, call_out, session.get_one(Broadcast, call_out.broadcast_id), now)
    _record(session, actor, "call_out.widened", call_out, {"people": count})
    return count


def add(
    session: Session,
    actor: Actor,
    call_out: CallOut,
    person_ids: Sequence[uuid.UUID],
    settings: Settings,
    links: AnswerLinks,
    now: datetime,
) -> int:
    """Ask these persons now, whoever they are: in quiet hours, absent, without the skill. Returns how many.

    Raises `NotAllowed` for somebody of another unit, and when it is over.
    """
    actor.demand(Role.OFFICER, call_out.unit_id)
    if call_out.state not in (CallOutState.OPEN, CallOutState.EXHAUSTED):
        raise NotAllowed("it is not asking any more")
    broadcast = session.get_one(Broadcast, call_out.broadcast_id)
    there = {
        row.person_id: row
        for row in session.scalars(
            select(Ask).where(Ask.call_out_id == call_out.id, Ask.person_id.in_(list(person_ids)))
        )
    }
    new = [one for one in dict.fromkeys(person_ids) if one not in there]
    persons = session.scalars(select(Person).where(Person.id.in_(new), Person.unit_id == call_out.unit_id)).all()
    if len(persons) != len(new):
        raise NotAllowed("this person is not in the unit's list; add them under People first")
    unit = settings.unit(broadcast.unit.key)
    known = {
        one.id: one for one in describe(session, call_out, persons, chosen_accounts(session, broadcast), unit.tz, now)
    }
    unable = [known[one].name for one in new if not known[one].addresses]
    if unable:
        raise NotAllowed(
            "%(names)s: no phone or mailbox we can use; add one under People first", names=", ".join(unable)
        )
    last = session.scalar(select(func.max(Ask.position)).where(Ask.call_out_id == call_out.id))
    ids = _stand_in_line(session, call_out, new, links, first=(last or 0) + 1)
    ids += [row.id for row in there.values() if row.tries == 0 and row.state is AskState.WAITING]
    if call_out.state is CallOutState.EXHAUSTED and ids:
        call_out.state, call_out.ended_at = CallOutState.OPEN, None
        call_out.due_at = now + timedelta(seconds=call_out.widen_seconds)
    session.flush()
    if ids:
        session.execute(update(Ask).where(Ask.id.in_(ids)).values(wave=call_out.wave))
        tries.next_tries(session, call_out, broadcast, ids, now)
    _record(session, actor, "call_out.added", call_out, {"people": len(ids)})
    return len(ids)


def _record(session: Session, actor: Actor, act: str, call_out: CallOut, details: dict[str, Any]) -> None:
    audit.record(session, actor, act, f"call_out:{call_out.id}", unit_id=call_out.unit_id, details=details)
