"""What asked people say, on whichever way: kept, counted once, the latest wins; and what they are told back.

Keys on the telephone, texts and mails, the personal address, and what an officer was told by mouth all end in `answer`.
Takes a session and never commits.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.channels.base import Inbound
from crisis.db import rows_changed
from crisis.models import Account, Alert, Ask, CallOut, Delivery, Destination, InboundRow, Person, Reply, new_id
from crisis.oncall import alerts, callout_words, filling, pins, tries
from crisis.oncall.reply_words import LONGEST_WAIT, meaning
from crisis.states import AlertState, AskState, CallOutState, InboundState, NotAllowed, Role

STILL_ANSWERED = timedelta(hours=12)  # a text after that is no answer to a call-out any more


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. `reference` names what carried it, so that the same one counts once."""

    word: str  # yes | no | later | unclear
    way: str  # the channel, "web" or "officer"
    reference: str
    minutes: int | None = None
    raw: str = ""


def answer(
    session: Session, ask_id: uuid.UUID, said: Said, now: datetime, *, proven: bool = False, claimed: bool = False
) -> str:
    """Keep an answer and act on it. Returns what the person is to be told: a kind of `callout_words`, "no" or "over";
    for an alert "taken", "no", "unproven" or "over".

    `proven`: a PIN was given or an officer vouches; without it a yes to a call-out that demands one is kept for a person.
    `claimed`: all that speaks for the person is the number a caller shows, and that can be faked: unless proven it is
    kept for a person and stops nothing: on our own call the key counts.
    """
    # What can be known before is asked before: whoever answers waits for all who answer, one after the other.
    asked = select(Ask.call_out_id, Person.skills).join(Person, Person.id == Ask.person_id).where(Ask.id == ask_id)
    call_out_id, skills = session.execute(asked).first() or (None, [])
    call_out = filling.held(session, call_out_id) if call_out_id else None
    ask = session.get(Ask, ask_id, with_for_update=True, populate_existing=True)
    if ask is not None and ask.alert_id is not None:
        return _of_an_alert(session, ask, said, now, claimed=claimed and not proven)
    if call_out is None or ask is None:
        return "over"
    word = said.word
    if not proven and (claimed or (call_out.needs_pin and word in ("yes", "later"))):
        word = "unproven"
    new = keep(session, ask.id, Said(word, said.way, said.reference, said.minutes, said.raw), now)
    if not new:
        return told(call_out, ask)
    if call_out.state is CallOutState.CLOSED:
        return "over"
    if word in ("unclear", "unproven"):
        if not claimed and ask.state not in (AskState.YES, AskState.NO):
            ask.due_at = None  # somebody reads it; ringing on would punish the answer
        ask.unclear = True
        session.flush()
        return word
    return _act(session, call_out, ask, skills, said, now)


def _of_an_alert(session: Session, ask: Ask, said: Said, now: datetime, *, claimed: bool) -> str:
    """An alert is taken, or left to the next; "yes, but later" takes it. What is only claimed leaves it as it is."""
    if claimed:
        ask.unclear = True
        keep(session, ask.id, Said("unproven", said.way, said.reference, said.minutes, said.raw), now)
        return "unproven"
    if not keep(session, ask.id, said, now):
        return {AskState.YES: "taken", AskState.NO: "no"}.get(ask.state, "over")
    if said.word == "unclear":
        return "unclear"
    state = alerts.answered(session, ask, "no" if said.word == "no" else "yes", said.way, now)
    if said.word == "no":
        return "no"
    mine = session.get_one(Alert, ask.alert_id).taken_by == ask.person_id
    return "taken" if mine and state is AlertState.TAKEN else "over"


def _act(session: Session, call_out: CallOut, ask: Ask, skills: Sequence[str], said: Said, now: datetime) -> str:
    was_coming = ask.state is AskState.YES
    tries.withdraw_asks(session, [ask.id], "the person has answered", now)
    ask.way, ask.answered_at, ask.unclear, ask.due_at, ask.why = said.way[:20], now, False, None, ""
    if said.word == "no":
        ask.state, ask.reserve, ask.arrives_at = AskState.NO, False, None
        session.flush()
        if was_coming:
            filling.weigh(session, call_out, now)
        return "no"
    ask.state = AskState.YES
    ask.arrives_at = now + timedelta(minutes=said.minutes) if said.minutes else None
    ask.reserve = ask.reserve or not was_coming  # until a place is found
    session.flush()
    if was_coming:
        filling.weigh(session, call_out, now, quiet=ask.id)
        session.refresh(ask)
    else:
        filling.seat(session, call_out, ask, skills, now)
    return told(call_out, ask)


def told(call_out: CallOut, ask: Ask) -> str:
    """What this person is to hear about where they stand."""
    if call_out.state is CallOutState.CLOSED:
        return "over"
    if ask.unclear:
        return "unclear"
    if ask.state is AskState.YES:
        return "reserve" if ask.reserve else "coming"
    return "no" if ask.state is AskState.NO else "unclear"


def keep(session: Session, ask_id: uuid.UUID, said: Said, now: datetime) -> bool:
    """Add it to everything this person has said. False when the very same is here already."""
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(Reply)
    return bool(
        rows_changed(
            session,
            insert.values(
                id=new_id(),
                ask_id=ask_id,
                way=said.way[:20],
                reference=said.reference[:200],
                word=said.word,
                minutes=said.minutes,
                raw=said.raw[:500],
                at=now,
            ).on_conflict_do_nothing(),
        )
    )


def written(session: Session, account: Account, inbounds: Sequence[Inbound], now: datetime) -> int:
    """Answers to call-outs and alerts among what people wrote to this account. Returns how many.

    What was understood leaves the queue of triage; what was not stays there too, for a person. STOP stays what it is.
    """
    here = {"unit": account.unit_id, "mode": account.mode, "since": now - STILL_ANSWERED}
    if not inbounds or session.scalar(_ANYBODY_ASKED, here) is None:
        return 0
    mine, count = awaited(account, now), 0
    for inbound in inbounds:
        if inbound.consent is not None or inbound.repost or inbound.deleted:
            continue
        ask_id = _asked(session, account, inbound, mine)
        if ask_id is None:
            continue
        what = meaning(inbound.text)
        said = Said(what.word, account.channel, inbound.provider_id, what.minutes, inbound.text)
        call_out_id = session.scalars(select(Ask.call_out_id).where(Ask.id == ask_id)).one()
        new = _new(session, ask_id, inbound.provider_id)
        kind = answer(session, ask_id, said, now)
        count += 1
        if new:
            if kind not in ("unclear", "unproven"):  # that one waits where people look, until somebody has read it
                _take_out_of_triage(session, account, inbound, now)
            call_out = session.get(CallOut, call_out_id) if call_out_id else None
            if call_out is not None and kind in callout_words.SAID:
                callout_words.tell(session, call_out, kind, [ask_id], now)
            elif call_out is not None and kind == "over":
                callout_words.tell(session, call_out, "cancelled", [ask_id], now)
            elif call_out is None and kind in ("taken", "over"):
                alerts.confirm(session, session.get_one(Ask, ask_id), account, inbound.author, now)
    return count


def _new(session: Session, ask_id: uuid.UUID, reference: str) -> bool:
    asked = select(Reply.id).where(Reply.ask_id == ask_id, Reply.reference == reference[:200])
    return session.scalar(asked) is None


def _asked(session: Session, account: Account, inbound: Inbound, mine: ColumnElement[bool]) -> uuid.UUID | None:
    """Which asked person wrote this: by the message it answers, else by the address it came from."""
    if inbound.in_reply_to:
        found = session.scalar(
            select(Ask.id)
            .join(Delivery, Delivery.ask_id == Ask.id)
            .where(Delivery.through_id == account.id, Delivery.provider_id == inbound.in_reply_to)
            .where(mine)
        )
        if found is not None:
            return found
    return asked_at(session, inbound.author, mine)


def asked_at(session: Session, address: str, mine: ColumnElement[bool]) -> uuid.UUID | None:
    """Who was asked last among those with this address: one rung up may answer with a text, or call us."""
    return session.scalar(
        select(Ask.id)
        .join(Destination, Destination.person_id == Ask.person_id)
        .where(Destination.address.in_({address, address.lower()}), mine, Ask.tries > 0)
        .order_by(Ask.asked_at.desc(), Ask.id.desc())
        .limit(1)
    )


def awaited(account: Account, now: datetime) -> ColumnElement[bool]:
    """The asks that somebody who writes to this account, or calls it, may be answering: of call-outs and of alerts."""
    return _awaited(account.unit_id, account.mode, now - STILL_ANSWERED)


def _awaited(unit: Any, mode: Any, since: Any) -> ColumnElement[bool]:
    here = (CallOut.unit_id == unit, CallOut.mode == mode)
    call_outs = select(CallOut.id).where(*here, CallOut.state != CallOutState.PLANNED, CallOut.opened_at > since)
    there = (Alert.unit_id == unit, Alert.mode == mode)
    opened = select(Alert.id).where(*there, Alert.opened_at > since)
    return or_(Ask.call_out_id.in_(call_outs), Ask.alert_id.in_(opened))


# Built once: it is asked whenever anybody writes to us.
_ANYBODY_ASKED = select(Ask.id).where(_awaited(bindparam("unit"), bindparam("mode"), bindparam("since"))).limit(1)


def _take_out_of_triage(session: Session, account: Account, inbound: Inbound, now: datetime) -> None:
    session.execute(
        update(InboundRow)
        .where(InboundRow.account_id == account.id, InboundRow.provider_id == inbound.provider_id[:200])
        .where(InboundRow.state == InboundState.WAITING)
        .values(state=InboundState.CLOSED, settled_at=now, settled_why="an answer to a call-out or an alert")
        .execution_options(synchronize_session=False)
    )


def settle(session: Session, actor: Actor, ask: Ask, word: str, minutes: int | None, now: datetime) -> str:
    """An officer says what an unclear answer means, or what somebody told them by mouth. Raises `NotAllowed`."""
    call_out = session.get(CallOut, ask.call_out_id) if ask.call_out_id else None
    if call_out is None:
        raise NotAllowed("this person is not asked by a call-out")
    actor.demand(Role.OFFICER, call_out.unit_id)
    if word not in ("yes", "no", "later"):
        raise NotAllowed("choose: yes, no, or yes but later")
    if minutes is not None and not 0 < minutes <= LONGEST_WAIT:
        raise NotAllowed("write the minutes as a number between 1 and %(most)d", most=LONGEST_WAIT)
    if call_out.state is CallOutState.CLOSED:
        raise NotAllowed("the call-out is over")
    said = Said(word, "officer", str(new_id()), minutes, actor.name)
    kind = answer(session, ask.id, said, now, proven=True)
    audit.record(
        session,
        actor,
        "call_out.settled",
        f"call_out:{call_out.id}",
        unit_id=call_out.unit_id,
        details={"word": word, "minutes": minutes, "person": str(ask.person_id)},
    )
    if kind in callout_words.SAID:
        callout_words.tell(session, call_out, kind, [ask.id], now)
    return kind


def right_pin(session: Session, ask: Ask, pin: str, reference: str, now: datetime) -> bool:
    """Is this the person's PIN? Wrong ones are counted, and after a few no PIN is right any more."""
    if not pins.usable(session, ask, now):
        return False
    if pins.right(session, ask, pin):
        return True
    keep(session, ask.id, Said("wrong_pin", "pin", pins.sealed(reference, ask.id)), now)
    return False
