"""Who sits at which machine, and who they say they are: the operator's account here, and the officer they act for.

Sitting at the machine makes nobody an officer. The officer's own password is asked for, against the hash in the database.
"""

from __future__ import annotations

import os
import pwd
import socket
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import passwords
from crisis.actor import Actor
from crisis.models import Grant, User
from crisis.states import Role

LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine and the operating system's user who typed the command."""

    host: str
    os_user: str

    def __str__(self) -> str:
        return f"{self.os_user} on {self.host}"

    def actor(self, user: User) -> Actor:
        """The officer, with this machine in the name, so that every row of the record tells where it was done."""
        roles = frozenset((grant.unit_id, grant.role) for grant in user.grants)
        return Actor(user.id, f"{user.name} (terminal, {self})"[:LONGEST_NAME], roles)

    @property
    def itself(self) -> Actor:
        """The machine when no officer acts, as in merging a journal."""
        return Actor(None, f"terminal, {self}"[:LONGEST_NAME])


def here() -> Machine:
    """The machine this runs on. Behind sudo the one who typed it is named as well."""
    name = _name(os.getuid())
    before = os.environ.get("SUDO_USER", "")
    return Machine(socket.gethostname(), f"{before} as {name}" if before and before != name else name)


def stranger_to(folder: Path) -> str | None:
    """The user this must be run as, when it is not the one who owns the installation's folder; else None.

    Files that another user leaves behind (pages, the database's own) could not be written by the service afterwards.
    """
    try:
        owner = folder.stat().st_uid
    except FileNotFoundError:
        return None
    return None if owner == os.geteuid() else _name(owner)


def officer(session: Session, login: str, unit_id: uuid.UUID) -> User | None:
    """The user of this login who may act as officer in the unit; disabled ones are as good as unknown."""
    return session.scalar(
        select(User)
        .join(Grant, Grant.user_id == User.id)
        .where(
            User.login == login.strip().lower(),
            User.disabled_at.is_(None),
            Grant.unit_id == unit_id,
            Grant.role == Role.OFFICER,
        )
    )


def password_right(user: User, password: str, now: datetime) -> bool:
    """Is it theirs, and not a one-time password that has run out? Slow by design: never call it while writing."""
    return passwords.right(user.password_hash, password) and (user.password_until is None or now < user.password_until)


def _name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # as in a container
        return f"user {number}"
