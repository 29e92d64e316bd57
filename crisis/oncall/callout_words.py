"""What asked people are told besides the call-out itself: thank you, you are in reserve, you are needed after all.

Fixed words of ours. Each kind is one frozen broadcast of the call-out, made when it is first needed.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crisis.channels.registry import FACTS
from crisis.models import Account, Ask, Broadcast, BroadcastText, CallOut, Delivery, Person
from crisis.oncall import tries
from crisis.oncall.candidates import addresses_of
from crisis.playbooks.fill import Rendered, as_drill
from crisis.sending.fallback import only_fallback
from crisis.settings import LANGUAGES, Language
from crisis.states import BroadcastState, Mode, Purpose

KEEP = timedelta(hours=2)  # later it helps nobody

SAID: Mapping[str, Mapping[Language, str]] = {
    "coming": {
        "nb": "Takk. Det er notert at du kommer. Kan du ikke likevel, svar 2.",
        "nn": "Takk. Det er notert at du kjem. Kan du ikkje likevel, svar 2.",
        "en": "Thank you. It is noted that you are coming. If you can't after all, answer 2.",
    },
    "reserve": {
        "nb": "Takk. Nok har sagt ja, så du står i reserve. Bli hjemme til vi sier fra.",
        "nn": "Takk. Nok har sagt ja, så du står i reserve. Bli heime til vi seier frå.",
        "en": "Thank you. Enough have said yes, so you are in reserve. Stay at home until we tell you.",
    },
    "needed": {
        "nb": "Du sto i reserve. Nå trenger vi deg likevel: kom. Kan du ikke, svar 2.",
        "nn": "Du stod i reserve. No treng vi deg likevel: kom. Kan du ikkje, svar 2.",
        "en": "You were in reserve. Now we need you after all: please come. If you can't, answer 2.",
    },
    "enough": {
        "nb": "Nok kommer nå. Takk, du trenger ikke å svare eller komme.",
        "nn": "Nok kjem no. Takk, du treng ikkje å svare eller kome.",
        "en": "Enough are coming. Thank you; you need not answer or come.",
    },
    "cancelled": {
        "nb": "Innkallingen er avlyst. Du trenger ikke å komme. Takk.",
        "nn": "Innkallinga er avlyst. Du treng ikkje å kome. Takk.",
        "en": "The call-out is cancelled. You need not come. Thank you.",
    },
    "unclear": {
        "nb": "Vi forsto ikke svaret. Svar 1 = ja, 2 = nei, 3 og minutter = ja, senere (3 45).",
        "nn": "Vi forstod ikkje svaret. Svar 1 = ja, 2 = nei, 3 og minutt = ja, seinare (3 45).",
        "en": "We did not understand your answer. Answer 1 = yes, 2 = no, 3 and minutes = yes, later (3 45).",
    },
    "unproven": {
        "nb": "Svaret er notert, men det teller ikke uten PIN. Bruk adressen i meldingen, eller svar når vi ringer.",
        "nn": "Svaret er notert, men det tel ikkje utan PIN. Bruk adressa i meldinga, eller svar når vi ringjer.",
        "en": "Your answer is noted, but it does not count without a PIN. Use the address in the message, or answer our call.",
    },
}
TITLES: Mapping[Language, str] = {"nb": "Innkalling", "nn": "Innkalling", "en": "Call-out"}
READ = ("sms", "whatsapp", "email")  # nobody is rung up to be thanked


def tell(session: Session, call_out: CallOut, kind: str, ask_ids: Collection[uuid.UUID], now: datetime) -> int:
    """Queue these fixed words to asked persons, each on the first way that is read. Returns how many."""
    if not ask_ids:
        return 0
    accounts = {
        account.channel: account
        for account in session.scalars(
            select(Account)
            .where(Account.unit_id == call_out.unit_id, Account.mode == call_out.mode, Account.active)
            .where(~only_fallback(), Account.channel.in_(READ))
            .order_by(Account.key.desc())
        )
    }
    channels = [channel for channel in READ if channel in accounts]
    broadcast = _broadcast(session, call_out, kind, channels, now)
    rows = session.execute(
        select(Ask.id, Ask.person_id, Person.language)
        .join(Person, Person.id == Ask.person_id)
        .where(Ask.id.in_(list(ask_ids)))
    ).all()
    ways = addresses_of(session, [row.person_id for row in rows], channels)
    times = _times(session, broadcast, ask_ids)
    wanted = []
    for row in rows:
        channel = next((one for one in channels if ways.get(row.person_id, {}).get(one)), None)
        if channel is None:
            continue
        address = ways[row.person_id][channel][0]
        language = row.language if row.language in LANGUAGES else LANGUAGES[0]
        number = times.get(row.id, 0)
        wanted.append(tries.Try(row.id, row.person_id, accounts[channel], address, language, number))
    return len(tries.queue(session, broadcast, wanted, now))


def _times(session: Session, broadcast: Broadcast, ask_ids: Collection[uuid.UUID]) -> dict[uuid.UUID | None, int]:
    """How often each was told this: somebody may go into reserve, out of it, and into it again."""
    rows = session.execute(
        select(Delivery.ask_id, func.count())
        .where(Delivery.broadcast_id == broadcast.id, Delivery.ask_id.in_(list(ask_ids)))
        .group_by(Delivery.ask_id)
    )
    return dict(rows.all())


def _broadcast(session: Session, call_out: CallOut, kind: str, channels: list[str], now: datetime) -> Broadcast:
    found = session.scalars(
        select(Broadcast).where(
            Broadcast.follows_id == call_out.broadcast_id,
            Broadcast.purpose == Purpose.CALL_OUT,
            Broadcast.message == kind,
        )
    ).first()
    if found is not None:
        found.expires_at = now + KEEP
        return found
    made = Broadcast(
        incident_id=call_out.incident_id,
        unit_id=call_out.unit_id,
        mode=call_out.mode,
        purpose=Purpose.CALL_OUT,
        state=BroadcastState.RELEASED,
        playbook="",
        message=kind,
        phase="call_out",
        follows_id=call_out.broadcast_id,
        authority="single",
        authority_reason="the system's own words",
        expires_at=now + KEEP,
        priority=0,
        released_at=now,
        leaves_at=now,
    )
    made.texts = [_text(channel, language, kind, call_out.mode) for channel in channels for language in LANGUAGES]
    made.digest = hashlib.sha256("\0".join(text.text for text in made.texts).encode()).hexdigest()
    session.add(made)
    session.flush()
    return made


def _text(channel: str, language: Language, kind: str, mode: Mode) -> BroadcastText:
    rendered = Rendered(TITLES[language], SAID[kind][language])
    if mode is Mode.DRILL:
        rendered = as_drill(rendered, language, FACTS[channel].form)
    return BroadcastText(channel=channel, language=language, title=rendered.title, text=rendered.text)
