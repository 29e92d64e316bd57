"""How each playbook message of a unit stands: signed off, by whom, until when, and when that ends soon.

A question put to the database and the shelf, answered with frozen records. Signing itself is `playbooks.signoff`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from crisis.models import SignOff
from crisis.playbooks.digest import ANSWERS, digest
from crisis.playbooks.playbook import Message, Playbook
from crisis.playbooks.read import Shelf
from crisis.playbooks.signoff import Standing, standing

SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class MessageStanding:
    """One message: its content's digest now, the latest sign-off and what that is worth."""

    playbook: Playbook
    key: str
    digest: str
    standing: Standing
    sign_off: SignOff | None
    ends_soon: bool

    @property
    def message(self) -> Message | None:
        """None: these are the playbook's ready answers, which are signed together."""
        return self.playbook.messages.get(self.key)


def of_unit(
    session: Session, unit_id: uuid.UUID, kind: str, shelf: Shelf, now: datetime
) -> Mapping[str, list[MessageStanding]]:
    """Every playbook for this kind of unit, by id, with its messages. `now` is in the unit's zone."""
    newest: dict[tuple[str, str], SignOff] = {}
    rows = session.scalars(
        select(SignOff)
        .where(SignOff.unit_id == unit_id)
        .order_by(SignOff.signed_at, SignOff.id)
        .options(joinedload(SignOff.user))
    )
    for row in rows:
        newest[row.playbook, row.message] = row
    return {
        key: list(_messages(playbook, newest, now))
        for key, playbook in sorted(shelf.playbooks.items())
        if playbook.kind == kind
    }


def _messages(
    playbook: Playbook, newest: Mapping[tuple[str, str], SignOff], now: datetime
) -> Iterator[MessageStanding]:
    for key in (*playbook.messages, *((ANSWERS,) if playbook.answers else ())):
        row, fingerprint = newest.get((playbook.id, key)), digest(playbook, key)
        stands = standing(fingerprint, row, now, playbook.valid_until)
        soon = stands.ok and row is not None and row.expires_at - now < SOON
        yield MessageStanding(playbook, key, fingerprint, stands, row, soon)
