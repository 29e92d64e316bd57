"""The PIN a person keys on the telephone, where more is wanted than a phone in the hand. Set by nobody but themselves.

Hashing is slow by design: make the hash before the transaction that stores it.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from argon2.low_level import Type, hash_secret_raw
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crisis import audit, passwords
from crisis.actor import Actor
from crisis.models import Ask, Person, Reply, User
from crisis.passwords import HASHER
from crisis.states import NotAllowed

LENGTHS = (4, 8)  # digits; eight is what the telephone waits for
MOST_WRONG = 5  # for one asked person, then only a person can settle it
MOST_A_DAY = 10  # over everything a person is asked
RUNS = "01234567890 09876543210"


def checked(typed: str, again: str) -> str:
    """The PIN as it may be hashed. Raises `NotAllowed` with what to do."""
    if not (typed.isascii() and typed.isdigit() and LENGTHS[0] <= len(typed) <= LENGTHS[1]):
        raise NotAllowed("a PIN is 4 to 8 digits, which you can key on a telephone")
    if typed != again:
        raise NotAllowed("the two PINs are not the same; type them again")
    if len(set(typed)) == 1 or typed in RUNS:
        raise NotAllowed("this PIN is guessed at once; choose other digits")
    return typed


def store(session: Session, actor: Actor, person: Person, digest: str) -> None:
    """Keep the hash of the person's own PIN. Raises `NotAllowed` when the actor is not this person."""
    user = session.get(User, actor.user_id) if actor.user_id else None
    if user is None or user.person_id != person.id:
        raise NotAllowed("only the person themselves sets a PIN")
    person.pin, person.pin_by = digest, user.id
    session.flush()
    facts = {"reference": person.reference}
    audit.record(session, actor, "person.pin_set", f"person:{person.id}", unit_id=person.unit_id, details=facts)


def forget(session: Session, actor: Actor, person: Person) -> None:
    """Take the PIN away: by the person, or because somebody else is tied to them now. Nothing to do without one."""
    if person.pin is None:
        return
    person.pin = person.pin_by = None
    session.flush()
    facts = {"reference": person.reference}
    audit.record(session, actor, "person.pin_removed", f"person:{person.id}", unit_id=person.unit_id, details=facts)


def sealed(reference: str, ask_id: uuid.UUID) -> str:
    """What names a try with a wrong PIN, so that the same one counts once, without the digits in it.

    Wrong digits are mostly one slip away from the right ones; guessed back from this they cost as much as from the PIN's
    own hash.
    """
    told = HASHER
    return hash_secret_raw(
        reference.encode(), ask_id.bytes, told.time_cost, told.memory_cost, told.parallelism, 16, Type.ID
    ).hex()


def usable(session: Session, ask: Ask, now: datetime) -> bool:
    """Can a PIN still prove anything here? Not without one, and not after too many wrong ones."""
    if not session.scalar(select(Person.pin).where(Person.id == ask.person_id)):
        return False
    wrong = select(func.count()).select_from(Reply).where(Reply.word == "wrong_pin")
    if (session.scalar(wrong.where(Reply.ask_id == ask.id)) or 0) >= MOST_WRONG:
        return False
    lately = wrong.join(Ask, Ask.id == Reply.ask_id).where(
        Ask.person_id == ask.person_id, Reply.at > now - timedelta(days=1)
    )
    return (session.scalar(lately) or 0) < MOST_A_DAY


def right(session: Session, ask: Ask, pin: str) -> bool:
    """Is this the PIN of whoever was asked? The caller has asked whether it is `usable`, and keeps the wrong ones."""
    digest = session.scalar(select(Person.pin).where(Person.id == ask.person_id))
    return bool(digest) and passwords.right(digest or "", pin)


def set_by(session: Session, person_id: uuid.UUID) -> User | None:
    """The user who is this person and has set its PIN: whom a keyed PIN stands for. None: a PIN proves nobody."""
    person = session.get(Person, person_id)
    user = session.get(User, person.pin_by) if person is not None and person.pin_by is not None else None
    if user is None or user.person_id != person_id or user.disabled_at is not None:
        return None
    return user
