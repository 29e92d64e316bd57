"""Signing off a playbook message in peacetime: who may, for how long, and that it was read as it is now.

The signature itself and its worth are `playbooks.signoff`. Takes a session and never commits; records every act.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.channels.base import Facts
from crisis.models import SignOff
from crisis.playbooks import signoff
from crisis.playbooks.digest import digest
from crisis.playbooks.fit import Finding, inspect
from crisis.playbooks.playbook import Playbook
from crisis.playbooks.read import Shelf
from crisis.states import NotAllowed, Role

LONGEST_DAYS = 365


def last_day(playbook: Playbook, today: date) -> date:
    """The latest end a sign-off may have: a year, and never past the playbook's own."""
    return min(today + timedelta(days=LONGEST_DAYS), playbook.valid_until)


def findings(shelf: Shelf, playbook: Playbook, channels: Mapping[str, Facts], today: date) -> list[Finding]:
    return inspect(playbook, shelf.sources.get(playbook.id, ""), channels, today)


def sign(
    session: Session,
    actor: Actor,
    unit_id: uuid.UUID,
    playbook: Playbook,
    message: str,
    *,
    read: str,
    until: date,
    now: datetime,
    zone: ZoneInfo,
    found: list[Finding],
) -> SignOff:
    """Sign what was read: `read` is the digest on the page the approver saw. Raises `NotAllowed`."""
    actor.demand(Role.APPROVER, unit_id)
    if actor.user_id is None:
        raise NotAllowed("Only a person can sign off.")
    today = now.astimezone(zone).date()
    if read != digest(playbook, message):
        raise NotAllowed("The playbook was changed while you read it. Read it once more, then sign.")
    if any(one.severity == "error" and one.message in ("", message) for one in found):
        raise NotAllowed("This message has errors that must be mended in the file first.")
    if until <= today:
        raise NotAllowed("The end must be a day to come.")
    if until > last_day(playbook, today):
        raise NotAllowed("A sign-off lasts a year at most, and not longer than the playbook itself.")
    ends = datetime.combine(until + timedelta(days=1), time(), zone)  # good through the whole last day
    row = signoff.sign(session, unit_id, playbook, message, actor.user_id, ends, now)
    session.flush()
    details = {"digest": row.digest, "until": until.isoformat()}
    audit.record(
        session, actor, "playbook.signed", f"playbook:{playbook.id}/{message}", unit_id=unit_id, details=details
    )
    return row


def revoke(session: Session, actor: Actor, unit_id: uuid.UUID, playbook: str, message: str, *, now: datetime) -> None:
    """Take the sign-off back: from now on the message needs a second person. Raises `NotAllowed`."""
    actor.demand(Role.APPROVER, unit_id)
    row = signoff.latest(session, unit_id, playbook, message)
    if row is None or row.revoked_at is not None:
        raise NotAllowed("There is no sign-off to take back.")
    signoff.revoke(row, now)
    session.flush()
    audit.record(session, actor, "playbook.revoked", f"playbook:{playbook}/{message}", unit_id=unit_id)
