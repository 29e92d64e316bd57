"""The personal address of an asked person: who it stands for, as long as an answer can still matter.

The token is made in `crisis.sending.answer_links`; the database knows only its SHA-256. Looking changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.models import Ask, Broadcast, BroadcastText, CallOut, Person
from crisis.sending.answer_links import MARK, digest_of
from crisis.settings import LANGUAGES
from crisis.states import AskState, CallOutState

GOOD_AFTER_END = timedelta(hours=2)  # to say "I can't after all"
LONGEST = timedelta(days=2)  # of any call-out


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page behind the address shows: the words, and this one person's own answer. Nothing about others."""

    ask: Ask
    call_out: CallOut
    language: str
    title: str
    text: str
    over: bool  # ended by a person: nobody is to come any more

    @property
    def answer(self) -> str:
        if self.ask.state is AskState.YES:
            return "reserve" if self.ask.reserve else "yes"
        return "no" if self.ask.state is AskState.NO else ""


def opened(session: Session, token: str, now: datetime) -> Asked | None:
    """Whose address it is; None when there is no such one, or it is too old."""
    row = session.execute(
        select(Ask, CallOut, Person.language)
        .join(CallOut, CallOut.id == Ask.call_out_id)
        .join(Person, Person.id == Ask.person_id)
        .where(Ask.token_hash == digest_of(token))
    ).first()
    if row is None:
        return None
    ask, call_out, language = row
    ended = call_out.ended_at if call_out.state is CallOutState.CLOSED else None
    if now > call_out.opened_at + LONGEST or (ended is not None and now > ended + GOOD_AFTER_END):
        return None
    spoken = language if language in LANGUAGES else LANGUAGES[0]
    title, text = _words(session, call_out, spoken)
    return Asked(ask, call_out, spoken, title, text, call_out.state is CallOutState.CLOSED)


def _words(session: Session, call_out: CallOut, language: str) -> tuple[str, str]:
    """What was frozen, without the question, which the page asks with buttons."""
    rows = session.scalars(
        select(BroadcastText)
        .join(Broadcast, Broadcast.id == BroadcastText.broadcast_id)
        .where(Broadcast.id == call_out.broadcast_id, BroadcastText.language == language)
        .order_by(BroadcastText.channel)
    ).all()
    chosen = next((row for row in rows if MARK in row.text), rows[0] if rows else None)
    if chosen is None:
        return call_out.title, ""
    lines = [line for line in chosen.text.splitlines() if MARK not in line]
    return chosen.title, "\n".join(lines).strip()
