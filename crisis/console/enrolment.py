"""The first sign-in: a password of one's own and an authenticator app, set together.

The secret waits sealed in the browser's signed session until the first right code proves that the app has it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import segno
from flask import session as browser
from markupsafe import Markup
from sqlalchemy.orm import Session

from crisis import audit
from crisis.console import identity
from crisis.console.here import runtime
from crisis.models import User
from crisis.seal import BrokenSeal
from crisis.states import NotAllowed

PENDING = "enrol"


@dataclass(frozen=True, slots=True)
class Wanted:
    password_hash: str
    secret: str
    code: str


def shown(login: str) -> dict[str, Any]:
    """What the enrolment page shows: the QR code as a drawing, and the same key in letters for typing."""
    secret = _pending() or identity.new_secret()
    browser[PENDING] = runtime().seal.close(secret)
    units = runtime().settings.units
    uri = identity.enrolment_uri(secret, login, units[0].name if units else "")
    drawing = segno.make(uri, error="m").svg_inline(scale=5, border=2, dark="#000", light="#fff", svgclass="qr")
    groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return {"qr": Markup(drawing), "key": groups}  # noqa: S704 - drawn by segno from our own text


def read(form: Mapping[str, str]) -> Wanted:
    """The form, checked; hashing happens here, outside any transaction. Raises `NotAllowed`."""
    secret = _pending()
    if secret is None:
        raise NotAllowed("The key on this page has changed. Scan the new one below.")
    if form.get("password", "") != form.get("again", ""):
        raise NotAllowed("The two passwords are not the same. Type them again.")
    return Wanted(identity.hash_password(form.get("password", "")), secret, form.get("code", ""))


def finish(session: Session, user_id: uuid.UUID, wanted: Wanted, now: datetime) -> None:
    """Raises `NotAllowed` for a wrong code."""
    user = session.get_one(User, user_id)
    identity.enrol(
        session,
        user,
        runtime().seal,
        secret=wanted.secret,
        code=wanted.code,
        password_hash=wanted.password_hash,
        now=now,
    )
    audit.record(session, identity.actor_of(user), "user.enrolled", f"user:{user_id}")


def _pending() -> str | None:
    try:
        return runtime().seal.open(browser[PENDING]) if PENDING in browser else None
    except BrokenSeal:
        return None
