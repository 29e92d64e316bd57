"""The conversation with a second person on the telephone: the headline, the PIN, every word that would leave, and a yes.

The words are said before any key is taken, and the address of the question carries the digest of what was said: nobody
approves what they have not heard, and what changed meanwhile is not approved. Decides; speaks no markup.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from crisis.channels.base import Press, Speech
from crisis.channels.registry import FACTS
from crisis.channels.twilio.voice_words import words
from crisis.models import Alert, Ask, Broadcast
from crisis.oncall import answering, approving, pins
from crisis.oncall.answering import Said
from crisis.settings import Language
from crisis.states import Mode, NotAllowed

# Then the digest of what was heard; the provider signs the address it stands in. Letters that no address writes otherwise:
# a colon comes back as it is or as %3A, and then the signature does not hold.
JUDGE = "judge-"
PIN_DIGITS = 8


def menu(alert: Alert, language: Language) -> Speech:
    """Where it begins: what it is about, and whether they will hear it."""
    said = words(language)
    about = said.approval.format(who=alert.details.get("who", ""), about=alert.details.get("about", ""))
    return Speech([about, said.menus["approval"]], language, "menu")


def next_step(
    session: Session, alert: Alert, ask: Ask, press: Press, language: Language, now: datetime, *, claimed: bool = False
) -> Speech:
    """What is said after a key. Everything they did that counts is kept.

    `claimed`: they called us, and only the number they show says who they are; before the PIN nothing counts.
    """
    said = words(language)
    if press.step.startswith(JUDGE):
        return _judged(session, alert, ask, press, language, now)
    if press.step == "pin":
        typed = press.digits.strip("#*")
        if answering.right_pin(session, ask, typed, _reference(press), now):
            return _read_out(session, alert, language)
        if not pins.usable(session, ask, now):
            return Speech([said.pin_wrong, said.not_approved], language)
        return Speech([said.pin_wrong, said.pin], language, "pin", PIN_DIGITS)
    match press.digits:
        case "1":
            return _begin(session, alert, ask, press, language, now, claimed=claimed)
        case "2":
            return _answer(session, ask, "no", press, said.no, language, now, claimed=claimed)
        case "9":
            return menu(alert, language)
        case _:
            return Speech([said.again, said.menus["approval"]], language, "menu")


def _begin(
    session: Session, alert: Alert, ask: Ask, press: Press, language: Language, now: datetime, *, claimed: bool
) -> Speech:
    """Ask for the PIN, where one could prove anything and the words can be heard; else they read it on a screen."""
    said, broadcast = words(language), session.get_one(Broadcast, alert.broadcast_id)
    able = pins.usable(session, ask, now) and pins.set_by(session, ask.person_id) is not None
    if not able or approving.heard(broadcast) is None:
        return _answer(session, ask, "yes", press, said.read_it, language, now, claimed=claimed)
    return Speech([said.pin], language, "pin", PIN_DIGITS)


def _read_out(session: Session, alert: Alert, language: Language) -> Speech:
    said, broadcast = words(language), session.get_one(Broadcast, alert.broadcast_id)
    texts = approving.heard(broadcast)
    if texts is None or broadcast.digest is None:
        return Speech([said.read_it], language)
    first: list[tuple[str, str]] = [
        (language, said.drill_approval if broadcast.mode is Mode.DRILL else said.live_approval)
    ]
    for number, one in enumerate(texts, 1):
        where = ", ".join(FACTS[channel].label for channel in one.channels)
        first.append((language, said.text_of.format(number=number, count=len(texts), channels=where)))
        first.append((one.language, ". ".join(part for part in (one.title.rstrip("."), one.text) if part)))
    return Speech([said.judge], language, f"{JUDGE}{broadcast.digest}", first=first)


def _judged(session: Session, alert: Alert, ask: Ask, press: Press, language: Language, now: datetime) -> Speech:
    said, digest = words(language), press.step.removeprefix(JUDGE)
    match press.digits:
        case "1":
            try:
                with session.begin_nested():
                    approving.judge(session, alert, ask.person_id, digest, now)
            except NotAllowed:
                return Speech([said.not_approved], language)
            answering.keep(session, ask.id, Said("yes", "voice", _reference(press), None, press.digits), now)
            return Speech([said.approved], language)
        case "2":
            return _answer(session, ask, "no", press, said.no, language, now)
        case "9":
            return _read_out(session, alert, language)
        case _:
            return Speech([said.again, said.judge], language, press.step)


def _answer(
    session: Session,
    ask: Ask,
    word: str,
    press: Press,
    told: str,
    language: Language,
    now: datetime,
    *,
    claimed: bool = False,
) -> Speech:
    given, said = Said(word, "voice", _reference(press), None, press.digits), words(language)
    kind = answering.answer(session, ask.id, given, now, claimed=claimed)
    return Speech([{"over": said.nothing_open, "unproven": said.claimed}.get(kind, told)], language)


def _reference(press: Press) -> str:
    return f"{press.provider_id}:{press.step or 'menu'}:{press.digits}"[:200]
