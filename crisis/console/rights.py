"""Users and their roles: creating, granting, disabling, resetting a sign-in, each within the administrator's reach.

A unit never loses its last administrator here, and nobody can take over a user who also works in a unit they do not
administer. Takes a session and never commits; every change is recorded.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from crisis import audit, passwords
from crisis.actor import Actor
from crisis.console import identity
from crisis.models import Grant, Person, Unit, User, utcnow
from crisis.oncall import pins
from crisis.states import NotAllowed, Role

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,119}")


def create_user(
    session: Session,
    actor: Actor,
    name: str,
    login: str,
    unit_id: uuid.UUID,
    roles: Iterable[Role],
    *,
    language: str = "nb",
) -> tuple[User, str]:
    """A new user and their one-time password, which is shown once and kept only as a hash."""
    _demand(actor, unit_id)
    name, login = " ".join(name.split()), identity.normal_login(login)
    if not name or len(name) > 80:
        raise NotAllowed("Write the user's name, at most 80 characters.")
    if not _LOGIN.fullmatch(login):
        raise NotAllowed("A login is 2 to 120 small letters, digits and . _ @ + -, such as an e-mail address.")
    if session.scalar(select(User.id).where(User.login == login)):
        raise NotAllowed("That login is taken. If it is the same person, give them roles in this unit instead.")
    password = passwords.one_time()
    user = User(
        name=name,
        login=login,
        language=language,
        password_hash=passwords.hashed(password),
        password_until=utcnow() + passwords.ONE_TIME_FOR,
    )
    user.grants = [Grant(unit_id=unit_id, role=role) for role in set(roles)]
    session.add(user)
    session.flush()
    _record(session, actor, "user.created", user, unit_id, login=login, roles=_words(roles))
    return user, password


def set_roles(session: Session, actor: Actor, user: User, unit_id: uuid.UUID, roles: Iterable[Role]) -> bool:
    """Make these the user's roles in the unit; True when that changed something."""
    _demand(actor, unit_id)
    wanted, held = set(roles), {grant.role for grant in user.grants if grant.unit_id == unit_id}
    if wanted == held:
        return False
    if Role.ADMINISTRATOR in held - wanted:
        _keep_an_administrator(session, user, [unit_id])
    user.grants = [grant for grant in user.grants if grant.unit_id != unit_id or grant.role in wanted]
    user.grants += [Grant(unit_id=unit_id, role=role) for role in wanted - held]
    session.flush()
    _record(session, actor, "user.roles_changed", user, unit_id, before=_words(held), after=_words(wanted))
    return True


def disable(session: Session, actor: Actor, user: User, unit_id: uuid.UUID) -> None:
    """Nobody signs in as this user any more, and they are signed out at once."""
    _demand_whole(actor, user)
    if user.disabled_at is not None:
        return
    administered = [grant.unit_id for grant in user.grants if grant.role is Role.ADMINISTRATOR]
    _keep_an_administrator(session, user, administered)
    user.disabled_at = utcnow()
    identity.end_all(session, user.id)
    _record(session, actor, "user.disabled", user, unit_id)


def enable(session: Session, actor: Actor, user: User, unit_id: uuid.UUID) -> None:
    _demand_whole(actor, user)
    if user.disabled_at is not None:
        user.disabled_at = None
        _record(session, actor, "user.enabled", user, unit_id)


def reset_sign_in(session: Session, actor: Actor, user: User, unit_id: uuid.UUID) -> str:
    """A new one-time password and no authenticator: for a lost phone. The user is signed out everywhere."""
    _demand_whole(actor, user)
    password = passwords.one_time()
    user.password_hash, user.password_until = passwords.hashed(password), utcnow() + passwords.ONE_TIME_FOR
    user.totp_secret = user.totp_last_step = None
    identity.end_all(session, user.id)
    _record(session, actor, "user.sign_in_reset", user, unit_id)
    return password


def tie(session: Session, actor: Actor, user: User, unit_id: uuid.UUID, person: Person | None) -> None:
    """Say which person of the unit this user is; None: nobody we can call. A PIN does not survive it.

    Raises `NotAllowed`, also when another user is that person already.
    """
    _demand_whole(actor, user)
    if person is not None:
        if person.unit_id != unit_id:
            raise NotAllowed("That person is not in this unit.")
        if session.scalar(select(User.id).where(User.person_id == person.id, User.id != user.id)):
            raise NotAllowed("Another user is tied to that person already. Untie them first.")
    before = session.get(Person, user.person_id) if user.person_id else None
    if before is person:
        return
    for one in (before, person):
        if one is not None:
            pins.forget(session, actor, one)
    user.person_id = person.id if person else None
    _record(session, actor, "user.tied", user, unit_id, person=person.reference if person else "")


def users_of(session: Session, unit_id: uuid.UUID) -> Sequence[User]:
    """Everybody with a role in the unit, by name."""
    return session.scalars(
        select(User)
        .where(User.grants.any(Grant.unit_id == unit_id))
        .options(selectinload(User.grants).selectinload(Grant.unit))
        .order_by(User.disabled_at.is_not(None), User.name)
    ).all()


def user_in(session: Session, user_id: uuid.UUID, unit_id: uuid.UUID) -> User | None:
    """The user, when they have a role in the unit."""
    user = session.get(User, user_id, options=[selectinload(User.grants).selectinload(Grant.unit)])
    return user if user and any(grant.unit_id == unit_id for grant in user.grants) else None


def user_by_login(session: Session, login: str) -> User:
    """For giving roles to somebody who works in another unit already. Raises `NotAllowed`."""
    user = identity.find_user(session, login)
    if user is None:
        raise NotAllowed("There is no user with that login.")
    return user


def _demand(actor: Actor, unit_id: uuid.UUID) -> None:
    if actor.user_id is not None:  # the system itself makes the first user, from the command line
        actor.demand(Role.ADMINISTRATOR, unit_id)


def _demand_whole(actor: Actor, user: User) -> None:
    """Whoever can reset a sign-in can become that user, so they must administer every unit the user works in."""
    if actor.user_id is None:
        return
    if not {grant.unit_id for grant in user.grants} <= actor.units(Role.ADMINISTRATOR):
        raise NotAllowed("This user also works in a unit you do not administer. Take away their roles here instead.")


def _keep_an_administrator(session: Session, leaving: User, unit_ids: Iterable[uuid.UUID]) -> None:
    for unit_id in unit_ids:
        # The unit's row is locked, so that two administrators can't remove each other in the same moment.
        session.execute(select(Unit.id).where(Unit.id == unit_id).with_for_update())
        other = session.scalar(
            select(User.id)
            .join(Grant, Grant.user_id == User.id)
            .where(
                Grant.unit_id == unit_id,
                Grant.role == Role.ADMINISTRATOR,
                User.id != leaving.id,
                User.disabled_at.is_(None),
            )
            .limit(1)
        )
        if other is None and leaving.disabled_at is None:
            raise NotAllowed("This is the unit's last administrator. Make somebody else administrator first.")


def _words(roles: Iterable[Role]) -> list[str]:
    return sorted(str(role) for role in set(roles))


def _record(session: Session, actor: Actor, act: str, user: User, unit_id: uuid.UUID, **details: object) -> None:
    audit.record(session, actor, act, f"user:{user.id}", unit_id=unit_id, details={"name": user.name, **details})
