"""Whether a message may be released as it stands: a person's signature on exactly this content, until a date.

Judging is pure. Signing and revoking add or change rows in the caller's session and never commit; who may sign, and
the audit, are the caller's.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.models import SignOff
from crisis.playbooks.digest import content, digest_of
from crisis.playbooks.playbook import Playbook
from crisis.sentence import Sentence

Reason = Literal["signed", "unsigned", "revoked", "changed", "expired", "outdated"]

SAYS: dict[Reason, str] = {
    "signed": Sentence("signed off"),
    "unsigned": Sentence("nobody has signed this message off"),
    "revoked": Sentence("the sign-off was taken back"),
    "changed": Sentence("the text or its rules changed after the sign-off"),
    "expired": Sentence("the sign-off has run out"),
    "outdated": Sentence("the playbook is past its valid_until and must be reviewed"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """May one duty officer's release rest on the sign-off? `reason` says why, `say` in English."""

    ok: bool
    reason: Reason

    @property
    def say(self) -> str:
        return SAYS[self.reason]


class Signed(Protocol):
    """What `standing` reads of a `SignOff` row."""

    @property
    def digest(self) -> str: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def revoked_at(self) -> datetime | None: ...


def standing(content_digest: str, sign_off: Signed | None, now: datetime, valid_until: date | None = None) -> Standing:
    """How the latest sign-off stands against today's content.

    `now` is aware and in the unit's own zone, because `valid_until` is a day there, the last good one. The sign-off
    ends at the first moment at which it no longer counts.
    """
    reason: Reason = "signed"
    if sign_off is None:
        reason = "unsigned"
    elif sign_off.revoked_at is not None:
        reason = "revoked"
    elif sign_off.digest != content_digest:
        reason = "changed"
    elif sign_off.expires_at <= now:
        reason = "expired"
    elif valid_until is not None and valid_until < now.date():
        reason = "outdated"
    return Standing(reason == "signed", reason)


def sign(
    session: Session,
    unit_id: uuid.UUID,
    playbook: Playbook,
    message_key: str,
    user_id: uuid.UUID,
    expires_at: datetime,
    now: datetime,
) -> SignOff:
    """Sign one message's content as it is now. Raises ValueError for an end that has passed."""
    if expires_at <= now:
        msg = "a sign-off must end in the future"
        raise ValueError(msg)
    signed = content(playbook, message_key)
    row = SignOff(
        unit_id=unit_id,
        playbook=playbook.id,
        message=message_key,
        digest=digest_of(signed),
        content=signed,
        user_id=user_id,
        signed_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    return row


def revoke(sign_off: SignOff, now: datetime) -> None:
    """Take a sign-off back. Taking it back twice keeps the first time."""
    if sign_off.revoked_at is None:
        sign_off.revoked_at = now


def latest(session: Session, unit_id: uuid.UUID, playbook_id: str, message_key: str) -> SignOff | None:
    """The newest sign-off of a message, whatever has become of it."""
    return session.scalars(
        select(SignOff)
        .where(SignOff.unit_id == unit_id, SignOff.playbook == playbook_id, SignOff.message == message_key)
        .order_by(SignOff.signed_at.desc(), SignOff.id.desc())
        .limit(1)
    ).first()
