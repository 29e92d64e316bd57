"""Who may let a broadcast go: one duty officer, or two people. The two locks of the project, decided in one place.

Signed off in peacetime and only its slots filled: one person. Anything else, anything edited by hand, anything whose
signature does not hold: a second person, or break-glass with a reason.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from crisis.broadcasts.carry import by_hand, changed_since
from crisis.models import Broadcast
from crisis.playbooks import signoff
from crisis.playbooks.digest import digest
from crisis.playbooks.playbook import Playbook
from crisis.settings import UnitSettings


@dataclass(frozen=True, slots=True)
class Authority:
    """What is needed, and why in words."""

    needs: Literal["single", "dual"]
    why: str


def needed(
    session: Session, unit_id: uuid.UUID, unit: UnitSettings, playbook: Playbook, message_key: str, now: datetime
) -> Authority:
    """What releasing this message needs when only its slots are filled."""
    message = playbook.messages[message_key]
    standing = signoff.standing(
        digest(playbook, message_key),
        signoff.latest(session, unit_id, playbook.id, message_key),
        now.astimezone(unit.tz),
        playbook.valid_until,
    )
    if not standing.ok:
        return Authority("dual", standing.say)
    if message.authority == "dual":
        return Authority("dual", "the playbook asks for a second person")
    return Authority("single", "signed off beforehand")


def needed_for(
    session: Session, broadcast: Broadcast, unit: UnitSettings, playbook: Playbook, now: datetime, *, edited: bool
) -> Authority:
    """What releasing this broadcast needs."""
    if edited:
        return Authority("dual", "the text was edited by hand")
    if by_hand(session, broadcast, playbook):
        return Authority("dual", "the pictures or films were chosen by hand")
    needs = needed(session, broadcast.unit_id, unit, playbook, broadcast.message, now)
    signed = signoff.latest(session, broadcast.unit_id, playbook.id, broadcast.message)
    if needs.needs == "single" and signed is not None and changed_since(broadcast, signed.signed_at):
        return Authority("dual", "a picture or film was changed after the sign-off")
    return needs
