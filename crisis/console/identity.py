"""Passwords, one-time codes and signed-in browsers: how a user proves who they are.

Keeps only hashes of tokens and sealed secrets. Takes a session and never commits; knows no request and no page.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pyotp
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, joinedload

from crisis import passwords
from crisis.actor import Actor
from crisis.db import rows_changed
from crisis.models import Grant, SignIn, User
from crisis.seal import BrokenSeal, Seal
from crisis.states import NotAllowed

TOUCH_SECONDS = 30
HALF_MINUTES = 10  # between the password and the code
LONGEST_HOURS = 16  # however busy: one long shift, then the password again
STEP_SECONDS = 30
LEAST_PASSWORD = 12


def cookie_name(config: Mapping[str, Any]) -> str:
    """`__Host-` makes browsers refuse the cookie from another host or without TLS."""
    return "__Host-crisis" if config["SESSION_COOKIE_SECURE"] else "crisis-sign-in"


def normal_login(login: str) -> str:
    return login.strip().lower()[:120]


def find_user(session: Session, login: str) -> User | None:
    """The user who may sign in under this login; disabled ones are as good as unknown."""
    return session.scalar(select(User).where(User.login == normal_login(login), User.disabled_at.is_(None)))


@cache
def _nobodys_hash() -> str:
    return passwords.hashed(secrets.token_urlsafe(16))


def password_right(user: User | None, password: str) -> bool:
    """Takes the same work for an unknown login as for a known one. Slow by design: never call it while writing."""
    return passwords.right(user.password_hash if user else _nobodys_hash(), password) and user is not None


@dataclass(frozen=True, slots=True)
class Proven:
    """A user whose password was right. `renewed` is a new hash when theirs was made with weaker parameters."""

    user_id: uuid.UUID
    renewed: str | None


def prove(session: Session, login: str, password: str, now: datetime) -> Proven | None:
    """None when it is not their password. Raises `NotAllowed` when it was, but only for a while."""
    user = find_user(session, login)
    if not password_right(user, password) or user is None:
        return None
    if user.password_until is not None and user.password_until <= now:
        raise NotAllowed("This one-time password has run out. Ask an administrator for a new one.")
    return Proven(user.id, passwords.hashed(password) if passwords.weak(user.password_hash) else None)


def hash_password(password: str) -> str:
    """The hash to keep. Raises `NotAllowed` for a password that is too short."""
    if len(password) < LEAST_PASSWORD:
        raise NotAllowed("A password needs at least 12 characters; four random words are easy to remember.")
    if len(password) > passwords.MOST:
        raise NotAllowed("A password may have at most 200 characters.")
    return passwords.hashed(password)


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def start(session: Session, user_id: uuid.UUID, address: str, now: datetime, *, complete: bool = False) -> str:
    """A new sign-in after a right password; the second step is still to come unless `complete`. Returns the token."""
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            token_hash=token_hash(token),
            user_id=user_id,
            password_at=now,
            totp_at=now if complete else None,
            seen_at=now,
            address=address[:45],
        )
    )
    return token


def begin(session: Session, proven: Proven, address: str, now: datetime) -> str:
    """The password was right: keep a renewed hash, forget what ran out, and wait for the second step."""
    if proven.renewed:
        session.execute(update(User).where(User.id == proven.user_id).values(password_hash=proven.renewed))
    session.execute(delete(SignIn).where(SignIn.password_at < now - timedelta(hours=LONGEST_HOURS)))
    return start(session, proven.user_id, address, now)


def complete(session: Session, old_hash: str, user_id: uuid.UUID, address: str, now: datetime) -> str:
    """The second step is done: a new token, and the half sign-in is gone, so a planted token is worth nothing."""
    end(session, old_hash)
    return start(session, user_id, address, now, complete=True)


def sign_in_of(session: Session, token: str, now: datetime, idle_minutes: int) -> SignIn | None:
    """The living sign-in of this token, with its user, their grants and units loaded."""
    everything = (
        joinedload(SignIn.user, innerjoin=True).joinedload(User.grants).joinedload(Grant.unit)
    )  # each page asks
    row = (
        session.scalars(select(SignIn).where(SignIn.token_hash == token_hash(token)).options(everything))
        .unique()
        .first()
    )
    if row is None or row.user.disabled_at is not None:
        return None
    half_over = row.totp_at is None and now - row.password_at > timedelta(minutes=HALF_MINUTES)
    idle = now - row.seen_at > timedelta(minutes=idle_minutes)
    if half_over or idle or now - row.password_at > timedelta(hours=LONGEST_HOURS):
        return None
    return row


def stale(row: SignIn, now: datetime) -> bool:
    """Is it time to note that this browser was seen? Not each time: reading should not write."""
    return now - row.seen_at > timedelta(seconds=TOUCH_SECONDS)


def touch(session: Session, hash_: str, now: datetime) -> None:
    session.execute(update(SignIn).where(SignIn.token_hash == hash_).values(seen_at=now))


def end(session: Session, hash_: str) -> None:
    session.execute(delete(SignIn).where(SignIn.token_hash == hash_))


def end_all(session: Session, user_id: uuid.UUID, *, but: str = "") -> None:
    """Sign this user out everywhere, except in the browser whose token hash is `but`."""
    session.execute(delete(SignIn).where(SignIn.user_id == user_id, SignIn.token_hash != but))


def actor_of(user: User) -> Actor:
    return Actor(user.id, user.name, frozenset((grant.unit_id, grant.role) for grant in user.grants))


def new_secret() -> str:
    return pyotp.random_base32()


def enrolment_uri(secret: str, login: str, organisation: str) -> str:
    """What the QR code says to the authenticator app."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=f"Crisis {organisation}".strip())


def step_of_code(secret: str, code: str, now: datetime, last_step: int | None) -> int | None:
    """Which 30-second step this code belongs to: now, or one off; None when wrong or used before."""
    code = "".join(code.split())
    totp = pyotp.TOTP(secret)
    here = int(now.timestamp()) // STEP_SECONDS
    for step in (here, here - 1, here + 1):
        right = secrets.compare_digest(totp.at(step * STEP_SECONDS).encode(), code.encode())
        if right and (last_step is None or step > last_step):
            return step
    return None


def spend_code(session: Session, user: User, seal: Seal, code: str, now: datetime) -> bool:
    """Check a one-time code and use it up, by compare-and-set: of two browsers with the same code one gets in.

    Raises `NotAllowed` when the secret can't be opened.
    """
    try:
        secret = seal.open(user.totp_secret or "")
    except BrokenSeal:
        raise NotAllowed("Your one-time code can't be checked. Ask an administrator to reset your sign-in.") from None
    step = step_of_code(secret, code, now, user.totp_last_step)
    if step is None:
        return False
    won = session.execute(
        update(User)
        .where(User.id == user.id, (User.totp_last_step.is_(None)) | (User.totp_last_step < step))
        .values(totp_last_step=step)
        .returning(User.id)
    )
    return won.first() is not None


def enrol(
    session: Session, user: User, seal: Seal, *, secret: str, code: str, password_hash: str, now: datetime
) -> None:
    """Set the user's own password and authenticator. Raises `NotAllowed`, and then nothing was set.

    Of two browsers that know the one-time password one gets in.
    """
    step = step_of_code(secret, code, now, None)
    if step is None:
        raise NotAllowed("That code is not right. Wait for the next one in the app and try again.")
    mine = rows_changed(
        session,
        update(User)
        .where(User.id == user.id, User.totp_secret.is_(None))
        .values(totp_secret=seal.close(secret), totp_last_step=step, password_hash=password_hash, password_until=None),
    )
    if not mine:
        raise NotAllowed("This was set up in another browser a moment ago. If that was not you, tell an administrator.")
