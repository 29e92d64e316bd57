"""Proving that a phone or mailbox is read by the person it stands for: a code goes there, and comes back.

The code leaves as any other delivery does, as a text, a mail or a call, so it proves the way as well. Takes a session
and never commits.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.db import rows_changed
from crisis.models import Account, AddressCode, Delivery, Destination, Person
from crisis.oncall import asking, people, wordings
from crisis.sending.address_codes import AddressCodes
from crisis.settings import LANGUAGES
from crisis.states import Mode, NotAllowed, Purpose

GOOD_FOR = timedelta(minutes=10)
MOST_TRIES = 5  # wrong ones for one code
APART = timedelta(minutes=1)  # between two codes to one address, whoever asks
MOST_AN_HOUR = 5  # to one address: nobody's phone is to be rung all night by somebody who knows its number
TEXTS, CALLS = ("sms", "whatsapp"), ("voice",)


def ways_to_prove(session: Session, unit_id: uuid.UUID, medium: str) -> dict[str, Account]:
    """The accounts that could carry a code, by how it is got: "text" or "call" for a phone, "mail" for a mailbox.

    Live ones first: a code through an exercise account proves no more than that account.
    """
    found: dict[str, Account] = {}
    for mode in (Mode.LIVE, Mode.DRILL):
        there = asking.speaking_accounts(session, unit_id, mode)
        names = {"mail": ("email",)} if medium == "mailbox" else {"text": TEXTS, "call": CALLS}
        for way, channels in names.items():
            account = next((there[one] for one in channels if one in there), None)
            if account is not None:
                found.setdefault(way, account)
    return found


def send_code(session: Session, actor: Actor, row: Destination, way: str, now: datetime) -> AddressCode:
    """Send a new code; an older one is good no more. `way` as in `ways_to_prove`.

    The caller has asked whether the actor may. Raises `NotAllowed` when codes came too often, or no account can carry it.
    """
    person = session.get_one(Person, row.person_id)
    account = ways_to_prove(session, person.unit_id, row.medium).get(way)
    if account is None:
        raise NotAllowed("no account can send a code that way now; choose another, or ask an administrator")
    _not_too_often(session, row.address, now)
    session.execute(
        update(AddressCode)
        .where(AddressCode.destination_id == row.id, AddressCode.ended_at.is_(None))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )
    language = next((one for one in LANGUAGES if one == person.language), LANGUAGES[0])
    broadcast = asking.say(
        session,
        wordings.address_code(),
        [asking.Way(account, row.address, language, person.id, None, now)],
        unit_id=person.unit_id,
        mode=account.mode,
        purpose=Purpose.NOTICE,
        kind="address_code",
        incident_id=None,
        now=now,
        expires_at=now + GOOD_FOR,
    )
    assert broadcast is not None  # noqa: S101 - there is exactly one way
    delivery_id = session.scalars(select(Delivery.id).where(Delivery.broadcast_id == broadcast.id)).one()
    made = AddressCode(destination_id=row.id, delivery_id=delivery_id, address=row.address, sent_at=now)
    session.add(made)
    session.flush()
    _record(session, actor, "person.code_sent", person, {"medium": row.medium, "way": way})
    return made


def _not_too_often(session: Session, address: str, now: datetime) -> None:
    count, last = session.execute(
        select(func.count(), func.max(AddressCode.sent_at)).where(
            AddressCode.address == address, AddressCode.sent_at > now - timedelta(hours=1)
        )
    ).one()
    if last is not None and last > now - APART:
        raise NotAllowed("a code has just gone there; it may take a minute. Then ask for another")
    if count >= MOST_AN_HOUR:
        raise NotAllowed("%(count)d codes have gone there within an hour; try again later", count=count)


def prove(session: Session, actor: Actor, row: Destination, typed: str, codes: AddressCodes, now: datetime) -> bool:
    """Is this the code that went there? Then the address is verified. A wrong one is counted, and the caller commits.

    The caller has asked whether the actor may. Raises `NotAllowed` when there is no code to compare with any more.
    """
    sent = waiting(session, row, now)
    if sent is None:
        raise NotAllowed("this code is too old or was typed wrongly too often; send a new one")
    if not codes.right(sent.delivery_id, typed):
        session.execute(update(AddressCode).where(AddressCode.id == sent.id).values(tries=AddressCode.tries + 1))
        return False
    ended = rows_changed(
        session,
        update(AddressCode)
        .where(AddressCode.id == sent.id, AddressCode.ended_at.is_(None), AddressCode.tries < MOST_TRIES)
        .values(ended_at=now),
    )
    if ended != 1:
        raise NotAllowed("this code is too old or was typed wrongly too often; send a new one")
    row.verified_at = now
    session.flush()
    person = session.get_one(Person, row.person_id)
    _record(session, actor, "person.address_verified", person, {"medium": row.medium})
    return True


def waiting(session: Session, row: Destination, now: datetime) -> AddressCode | None:
    """The code that could still come back from there."""
    return session.scalars(
        select(AddressCode)
        .where(
            AddressCode.destination_id == row.id,
            AddressCode.address == row.address,
            AddressCode.ended_at.is_(None),
            AddressCode.tries < MOST_TRIES,
            AddressCode.sent_at > now - GOOD_FOR,
        )
        .order_by(AddressCode.sent_at.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).first()


def shown(row: Destination) -> str:
    return people.shown_phone(row.address) if row.medium == "phone" else row.address


def _record(session: Session, actor: Actor, act: str, person: Person, details: dict[str, str]) -> None:
    facts = {"reference": person.reference, **details}
    audit.record(session, actor, act, f"person:{person.id}", unit_id=person.unit_id, details=facts)
