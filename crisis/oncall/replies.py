"""The conversation on the telephone: what a key means at each step, and what is said next. Decides; speaks no markup.

Nobody is taken at their silence: no key is no answer, and a machine is never a yes. Nor at the number they show: whoever
calls us hears everything, but answers with their PIN, or is noted for a person and called by us.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.channels.base import Press, Speech
from crisis.channels.twilio.voice_words import words
from crisis.models import Account, Alert, Ask, BroadcastText, CallOut, Delivery, Person
from crisis.oncall import answering, approval_call, approving, latest, pins
from crisis.oncall.answering import Said
from crisis.oncall.reply_words import LONGEST_WAIT
from crisis.settings import LANGUAGES, Language
from crisis.states import AskState, CallOutState

PIN_DIGITS, MINUTE_DIGITS = 8, 4
# After a step's name: the PIN was right in this call, or can prove nothing. The provider signs the address it stands in.
PROVEN, UNPROVEN = "-proven", "-unproven"


def heard(session: Session, account: Account, press: Press, now: datetime) -> Speech:
    """What is said next to whoever is on the line. Everything they did that counts is kept."""
    ask = _on_the_line(session, account, press, now)
    if ask is None:
        return _nobody_asked(session, account, press, now)
    spoken = session.scalars(select(Person.language).where(Person.id == ask.person_id)).one()
    line = _Line(session, account, ask, press, spoken if spoken in LANGUAGES else LANGUAGES[0], now)
    if line.over:
        return Speech([*line.news(), words(line.language).nothing_open], line.language)
    match press.word:
        case "machine":
            line.left_on_a_machine()
            return Speech(line.text(), line.language)
        case "none":
            return Speech([words(line.language).unanswered], line.language)
        case "answered":
            return Speech([], line.language)  # the call speaks already
        case "incoming":
            return line.first()
    if (alert := line.approval) is not None:
        return approval_call.next_step(session, alert, ask, press, line.language, now, claimed=line.called_in)
    match press.step.partition("-")[0]:
        case "pin":
            return line.pin()
        case "minutes":
            return line.minutes()
        case _:
            return line.choice()


def _nobody_asked(session: Session, account: Account, press: Press, now: datetime) -> Speech:
    """One of ours who is asked nothing hears the latest; anybody else, that we wait for nothing."""
    person = latest.person_at(session, account, press.author) if press.word == "incoming" else None
    language = next((one for one in LANGUAGES if person is not None and one == person.language), LANGUAGES[0])
    said = words(language)
    if press.word != "incoming":
        return Speech([said.not_yours], language)
    news = latest.spoken(session, account, person.id, language, now) if person is not None else ""
    return Speech([said.latest, news, said.nothing_open] if news else [said.nothing_open], language)


@dataclass(slots=True)
class _Line:
    """One call at one moment: who is on it, and what they just did."""

    session: Session
    account: Account
    ask: Ask
    press: Press
    language: Language
    now: datetime

    @property
    def over(self) -> bool:
        call_out = self.call_out
        if call_out is not None:
            return call_out.state is CallOutState.CLOSED
        alert = self.session.get(Alert, self.ask.alert_id) if self.ask.alert_id else None
        return alert is None or alert.ended_at is not None

    @property
    def approval(self) -> Alert | None:
        """The alert, when it asks a second person to judge a broadcast."""
        alert = self.session.get(Alert, self.ask.alert_id) if self.ask.alert_id else None
        return alert if alert is not None and alert.source == approving.APPROVAL else None

    @property
    def call_out(self) -> CallOut | None:
        return self.session.get(CallOut, self.ask.call_out_id) if self.ask.call_out_id else None

    @property
    def called_in(self) -> bool:
        """They called us: who it is says only the number they show, and that can be faked."""
        return self.press.word == "incoming" or self.press.reference is None

    @property
    def proof(self) -> str:
        return next((one for one in (PROVEN, UNPROVEN) if self.press.step.endswith(one)), "")

    @property
    def able(self) -> bool:
        """Could they prove themselves with a PIN?"""
        return pins.usable(self.session, self.ask, self.now)

    def wants_pin(self, key: str) -> bool:
        """Must a PIN be asked for before this key counts?"""
        if self.proof or key not in ("1", "2", "3"):
            return False
        if self.call_out is not None and self.call_out.needs_pin and key != "2":
            return True
        return self.called_in and self.able

    def first(self) -> Speech:
        """Where somebody who calls us begins."""
        if (alert := self.approval) is not None:
            return approval_call.menu(alert, self.language)
        return self.menu(*self.text(), *self.news())

    def menu(self, *before: str, proof: str | None = None) -> Speech:
        kind = "call_out" if self.call_out is not None else "alert"
        return Speech([*before, words(self.language).menus[kind]], self.language, self.step("menu", proof))

    def step(self, name: str, proof: str | None = None) -> str:
        return f"{name}{self.proof if proof is None else proof}"

    def choice(self) -> Speech:
        said = words(self.language)
        if self.wants_pin(self.press.digits):
            return Speech([said.pin], self.language, "pin", PIN_DIGITS)
        match self.press.digits:
            case "1":
                return self.take("yes")
            case "2":
                return self.take("no")
            case "3":
                self.begun()
                return Speech([said.minutes], self.language, self.step("minutes"), MINUTE_DIGITS)
            case "9":
                return self.menu(*self.text(), *self.news())
            case _:
                return self.menu(said.again)

    def begun(self) -> None:
        """Yes, but when? If the phone is put down now, a person must see that something was said."""
        if self.call_out is not None and not self.called_in:
            answering.keep(self.session, self.ask.id, Said("begun", "voice", self.reference(), None, "3"), self.now)

    def minutes(self) -> Speech:
        typed = self.press.digits.strip("#*")
        number = int(typed) if typed.isascii() and typed.isdecimal() else 0
        if not 0 < number <= LONGEST_WAIT:
            said = words(self.language)
            return Speech([said.again, said.minutes], self.language, self.step("minutes"), MINUTE_DIGITS)
        return self.take("later", number)

    def pin(self) -> Speech:
        said = words(self.language)
        typed = self.press.digits.strip("#*")
        if answering.right_pin(self.session, self.ask, typed, self.reference(), self.now):
            return self.menu(proof=PROVEN)
        if not self.able:  # none was ever set, or it was wrong too often: a person judges the answer
            return self.menu(said.pin_wrong, proof=UNPROVEN)
        return Speech([said.pin_wrong, said.pin], self.language, "pin", PIN_DIGITS)

    def take(self, word: str, minutes: int | None = None) -> Speech:
        said = words(self.language)
        given = Said(word, "voice", self.reference(), minutes, f"{self.press.digits}")
        proven = self.proof == PROVEN
        kind = answering.answer(
            self.session, self.ask.id, given, self.now, proven=proven, claimed=self.called_in and not proven
        )
        later = said.later.format(minutes=minutes) if minutes else said.yes
        told = {
            "coming": later,
            "taken": said.taken,
            "reserve": said.reserve,
            "no": said.no,
            "over": said.nothing_open,
            "unproven": said.claimed,
            "unclear": said.claimed,
        }
        return Speech([told.get(kind, said.unanswered)], self.language)

    def news(self) -> list[str]:
        """The latest that was said to them about the incident since they were asked; only to those who call in."""
        if not self.called_in:
            return []
        call_out = self.call_out
        incident_id, but = (call_out.incident_id, call_out.broadcast_id) if call_out is not None else (None, None)
        found = latest.spoken(
            self.session, self.account, self.ask.person_id, self.language, self.now, incident_id=incident_id, but=but
        )
        return [words(self.language).latest, found] if found else []

    def text(self) -> list[str]:
        """What was frozen to be said; somebody may call in where nobody is rung up, and hears the headline then."""
        of = self.call_out.broadcast_id if self.call_out is not None else self._last_asked()
        texts = self.session.execute(
            select(BroadcastText.channel, BroadcastText.title, BroadcastText.text).where(
                BroadcastText.broadcast_id == of, BroadcastText.language == self.language
            )
        ).all()
        spoken = next((row.text for row in texts if row.channel == "voice"), None)
        return [spoken] if spoken else [row.title for row in texts[:1]]

    def _last_asked(self) -> uuid.UUID | None:
        return self.session.scalar(
            select(Delivery.broadcast_id).where(Delivery.ask_id == self.ask.id).order_by(Delivery.id.desc()).limit(1)
        )

    def left_on_a_machine(self) -> None:
        if self.ask.state is AskState.RINGING:
            self.ask.state = AskState.VOICEMAIL
            self.ask.due_at = self.now if self.call_out is not None else self.ask.due_at
            self.session.flush()

    def reference(self) -> str:
        """The same key in the same step of the same call, told twice, is one answer."""
        return f"{self.press.provider_id}:{self.press.step or 'menu'}:{self.press.digits}"[:200]


def _on_the_line(session: Session, account: Account, press: Press, now: datetime) -> Ask | None:
    """Who it is: whoever the call was made for; for a call to us, whoever of this number was asked last."""
    if press.word == "incoming" or (press.reference is None and press.author):
        found = answering.asked_at(session, press.author, answering.awaited(account, now))
        return session.get(Ask, found) if found else None
    try:
        delivery_id = uuid.UUID((press.reference or "").partition(".")[0])
    except ValueError:
        return None
    delivery = session.get(Delivery, delivery_id)
    if delivery is None or delivery.ask_id is None or account.id not in (delivery.account_id, delivery.through_id):
        return None
    if press.author and press.author != delivery.address:
        return None  # a callback for somebody else's call
    return session.get(Ask, delivery.ask_id)
