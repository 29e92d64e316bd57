"""Proof that a journal, and each release in it, was made by this installation: an HMAC that nobody else can write.

A journal becomes broadcasts in the main database, and senders send those. Whoever could slip in a file of their own could
speak to everybody, so what is not proven is not merged.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.models import Broadcast, Delivery
from crisis.settings import Settings

MANY = 1000


class Proof:
    """Makes and compares proofs with a key derived from the installation's secret key."""

    def __init__(self, secret_key: str) -> None:
        self._key = hashlib.sha256(f"crisis:journal:{secret_key}".encode()).digest()

    @classmethod
    def of(cls, settings: Settings) -> Proof:
        """Raises `SettingsError` when the secret key can't be read."""
        return cls(settings.console.secret_key.reveal())

    def of_journal(self, journal_id: uuid.UUID) -> str:
        return hmac.new(self._key, b"journal " + journal_id.bytes, hashlib.sha256).hexdigest()

    def of_release(self, session: Session, broadcast: Broadcast, journal_id: uuid.UUID) -> str:
        """Over what was released and every single receiver. What became of them since is not part of it."""
        facts = {
            "journal": journal_id.hex,
            "broadcast": broadcast.id.hex,
            "incident": broadcast.incident_id.hex if broadcast.incident_id else "",
            "unit": broadcast.unit_id.hex,
            "mode": broadcast.mode,
            "purpose": broadcast.purpose,
            "authority": broadcast.authority,
            "priority": broadcast.priority,
            "digest": broadcast.digest,
            "until": broadcast.expires_at.isoformat() if broadcast.expires_at else "",
        }
        made = hmac.new(self._key, json.dumps(facts, sort_keys=True).encode(), hashlib.sha256)
        rows = session.execute(
            select(Delivery.id, Delivery.account_id, Delivery.address, Delivery.language, Delivery.text_id)
            .where(Delivery.broadcast_id == broadcast.id)
            .order_by(Delivery.id)
        )
        for row in rows.yield_per(MANY):
            receiver = [row.id.hex, row.account_id.hex, row.address, row.language, row.text_id.hex]
            made.update(json.dumps(receiver).encode())
        return made.hexdigest()


def same(one: object, other: str) -> bool:
    return isinstance(one, str) and hmac.compare_digest(one.encode(), other.encode())
