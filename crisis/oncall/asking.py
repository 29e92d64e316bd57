"""Putting words to persons: over which of their ways, in which order and when. Makes frozen broadcasts and deliveries.

The senders do the speaking. Takes a session and never commits; decides nothing about who is asked.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from crisis.channels.registry import FACTS
from crisis.models import Account, Ask, Broadcast, BroadcastText, Delivery, Destination, Person, new_id
from crisis.playbooks.fill import Rendered, as_drill
from crisis.queues import wake
from crisis.sending.fallback import only_fallback
from crisis.sending.tally import Moves
from crisis.settings import LANGUAGES, Language
from crisis.states import REACHED, BroadcastState, DeliveryState, Mode, Purpose

MOST_WAYS = 6  # of one person in one step
APART = timedelta(seconds=60)  # between two ways of one person, when the step leaves that much time
FIRST = ("voice", "sms", "whatsapp", "email")  # which channel is tried first on the same destination


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said, by language: a headline, the text to read, and the text to hear."""

    titles: Mapping[Language, str]
    texts: Mapping[Language, str]
    spoken: Mapping[Language, str]


@dataclass(frozen=True, slots=True)
class Way:
    """One place where a person is asked, and when."""

    account: Account
    address: str
    language: Language
    person_id: uuid.UUID
    ask_id: uuid.UUID | None
    due_at: datetime


def speaking_accounts(session: Session, unit_id: uuid.UUID, mode: Mode) -> dict[str, Account]:
    """The account that speaks to persons on each channel: working ones, and no mere fallback where there is another."""
    found: dict[str, Account] = {}
    for account in session.scalars(
        select(Account)
        .where(Account.unit_id == unit_id, Account.mode == mode, Account.active, Account.paused_reason.is_(None))
        .order_by(only_fallback(), Account.key)
    ):
        if account.channel in FACTS and FACTS[account.channel].medium != "wall":
            found.setdefault(account.channel, account)
    return found


def ways_of(
    session: Session,
    persons: Collection[uuid.UUID],
    accounts: Mapping[str, Account],
    channels: Sequence[str] = (),
) -> dict[uuid.UUID, list[tuple[Account, str, Language]]]:
    """Each person's ways in order: `channels` as named, or the person's destinations as they stand, calls first;
    on each channel verified ones before others.

    Persons without any way are left out.
    """
    order = [one for one in channels if one in accounts] if channels else sorted(accounts, key=_rank)
    found: dict[uuid.UUID, list[tuple[Account, str, Language]]] = {}
    rows = session.execute(
        select(Person.id, Person.language, Destination.medium, Destination.address)
        .join(Destination, Destination.person_id == Person.id)
        .where(Person.id.in_(persons), Destination.consent)
        # Verified ones first: somebody has proven that the person reads them.
        .order_by(Person.id, Destination.verified_at.is_(None), Destination.position, Destination.id)
    ).all()
    for person_id in dict.fromkeys(row.id for row in rows):
        own = [row for row in rows if row.id == person_id]
        pairs = (
            [(channel, row) for channel in order for row in own]
            if channels
            else [(channel, row) for row in own for channel in order]
        )
        ways = [
            (accounts[channel], str(row.address), _language(row.language))
            for channel, row in pairs
            if FACTS[channel].medium == row.medium
        ]
        if ways:
            found[person_id] = ways[:MOST_WAYS]
    return found


def _language(told: str) -> Language:
    return next((one for one in LANGUAGES if one == told), "nb")


def _rank(channel: str) -> tuple[int, str]:
    return (FIRST.index(channel) if channel in FIRST else len(FIRST), channel)


def say(
    session: Session,
    wording: Wording,
    ways: Sequence[Way],
    *,
    unit_id: uuid.UUID,
    mode: Mode,
    purpose: Purpose,
    kind: str,
    incident_id: uuid.UUID | None,
    now: datetime,
    expires_at: datetime,
    number: int = 0,
) -> Broadcast | None:
    """One broadcast with its texts frozen, and a queued delivery for each way. None when there is no way."""
    if not ways:
        return None
    broadcast = Broadcast(
        incident_id=incident_id,
        unit_id=unit_id,
        mode=mode,
        purpose=purpose,
        state=BroadcastState.RELEASED,
        playbook="",
        message=kind,
        phase="initial",
        authority="single",
        authority_reason="the system's own words",
        expires_at=expires_at,
        priority=0,
        released_at=now,
        leaves_at=now,
    )
    pairs = sorted({(way.account.channel, way.language) for way in ways})
    broadcast.texts = [_text(channel, language, wording, mode) for channel, language in pairs]
    broadcast.digest = hashlib.sha256(
        "\0".join(f"{one.channel}\0{one.language}\0{one.title}\0{one.text}" for one in broadcast.texts).encode()
    ).hexdigest()
    session.add(broadcast)
    session.flush()
    texts = {(text.channel, text.language): text.id for text in broadcast.texts}
    moves = Moves()
    for way in {(one.account.id, one.address): one for one in ways}.values():
        session.add(
            Delivery(
                id=new_id(),
                broadcast_id=broadcast.id,
                mode=mode,
                account_id=way.account.id,
                person_id=way.person_id,
                address=way.address,
                language=way.language,
                text_id=texts[way.account.channel, way.language],
                state=DeliveryState.QUEUED,
                priority=0,
                due_at=way.due_at,
                ask_id=way.ask_id,
                round=number,
            )
        )
        moves.add(broadcast.id, way.account.id, DeliveryState.QUEUED)
    session.flush()
    moves.write(session)
    wake(session, mode, {way.account.id for way in ways})
    return broadcast


def _text(channel: str, language: str, wording: Wording, mode: Mode) -> BroadcastText:
    spoken: Language = language  # type: ignore[assignment]
    form = FACTS[channel].form
    rendered = Rendered(wording.titles[spoken], (wording.spoken if form == "voice" else wording.texts)[spoken])
    if mode is Mode.DRILL:
        rendered = as_drill(rendered, spoken, form)
    return BroadcastText(channel=channel, language=language, title=rendered.title[:200], text=rendered.text)


def spread(now: datetime, wait: timedelta, count: int) -> list[datetime]:
    """When each of a person's `count` ways is tried, so that the last one is out well before the step ends."""
    apart = min(APART, wait / max(1, count))
    return [now + apart * number for number in range(count)]


def hush(session: Session, alert_id: uuid.UUID, why: str, now: datetime) -> int:
    """What is still queued for this alert is cancelled; compare-and-set, so what a sender holds stays its own."""
    return _hush(session, Delivery.ask_id.in_(select(Ask.id).where(Ask.alert_id == alert_id)), why, now)


def hush_ask(session: Session, ask_id: uuid.UUID, why: str, now: datetime) -> int:
    """The same for one person who was asked."""
    return _hush(session, Delivery.ask_id == ask_id, why, now)


def _hush(session: Session, whose: ColumnElement[bool], why: str, now: datetime) -> int:
    ended = session.execute(
        update(Delivery)
        .where(whose, Delivery.state == DeliveryState.QUEUED)
        .values(state=DeliveryState.CANCELLED, say=why, changed_at=now)
        .returning(Delivery.broadcast_id, Delivery.account_id)
        .execution_options(synchronize_session=False)
    ).all()
    moves = Moves()
    for broadcast_id, account_id in ended:
        moves.move(broadcast_id, account_id, DeliveryState.QUEUED, DeliveryState.CANCELLED)
    moves.write(session)
    return len(ended)


def heard_of_it(session: Session, alert_id: uuid.UUID, but: uuid.UUID | None) -> set[uuid.UUID]:
    """The persons something about this alert has left to, or may have."""
    found = session.scalars(
        select(Ask.person_id)
        .join(Delivery, Delivery.ask_id == Ask.id)
        .where(Ask.alert_id == alert_id, Delivery.state.in_(REACHED))
    )
    return {one for one in found if one != but}
