"""Users put in or let in again from a terminal: the first administrator, and whoever lost their phone at night.

Takes a session and never commits. Passwords are made here, told once and kept only as hashes.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crisis import audit, passwords
from crisis.actor import Actor
from crisis.models import Grant, SignIn, Unit, User, utcnow
from crisis.states import Role


class BadUser(Exception):
    """The user can't be added or found; the text says why."""


def add_user(
    session: Session, actor: Actor, login: str, name: str, *, roles: Iterable[str], language: str = "nb"
) -> str:
    """Add a user with roles such as "ous:officer"; gives the password for the first sign-in."""
    login = login.strip().lower()
    if not 1 <= len(login) <= 120 or len(name) > 80:
        raise BadUser("a login has 1 to 120 characters and a name at most 80")
    if session.scalar(select(User.id).where(User.login == login)):
        raise BadUser(f"there is a user '{login}' already; `crisis user reset-totp {login}` lets them in again")
    grants = [_grant(session, role) for role in dict.fromkeys(roles)]
    password = passwords.one_time()
    user = User(name=name, login=login, language=language, grants=grants)
    user.password_hash, user.password_until = passwords.hashed(password), utcnow() + passwords.ONE_TIME_FOR
    session.add(user)
    session.flush()
    details = {"login": login, "roles": sorted(set(roles))}
    audit.record(session, actor, "user.added", f"user:{user.id}", details=details)
    return password


def reset_totp(session: Session, actor: Actor, login: str) -> str:
    """Forget the user's authenticator and password and end their sign-ins; gives a new password for the next one."""
    user = session.scalar(select(User).where(User.login == login.strip().lower(), User.disabled_at.is_(None)))
    if user is None:
        raise BadUser(f"there is no user '{login}' who may sign in")
    password = passwords.one_time()
    user.password_hash, user.password_until = passwords.hashed(password), utcnow() + passwords.ONE_TIME_FOR
    user.totp_secret = user.totp_last_step = None
    session.execute(delete(SignIn).where(SignIn.user_id == user.id))
    audit.record(session, actor, "user.sign_in_reset", f"user:{user.id}")
    return password


def _grant(session: Session, told: str) -> Grant:
    key, _, role = told.partition(":")
    unit = session.scalar(select(Unit).where(Unit.key == key))
    if unit is None:
        known = ", ".join(session.scalars(select(Unit.key).order_by(Unit.key)))
        raise BadUser(f"'{told}': there is no unit '{key}'; known are {known}")
    if role not in list(Role):
        raise BadUser(f"'{told}': there is no role '{role}'; known are {', '.join(Role)}")
    return Grant(unit_id=unit.id, role=Role(role))
