"""The personal address in a call-out's message: whoever opens it may answer for one asked person, and for nobody else.

Pure. The token follows from the installation's secret key, so the frozen text holds a mark in its place and no table
holds the token: only its SHA-256, by which an opened address finds its person.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid

MARK = (
    "{answer_link}"  # stands in the frozen text; no slot can have this name, because slots are filled before it comes
)
_PROOF = 16  # bytes: 128 bits can't be guessed


class AnswerLinks:
    """Makes the addresses with a key derived from the installation's secret key."""

    def __init__(self, secret_key: str, public_url: str = "") -> None:
        self._key = hashlib.sha256(f"crisis:answers:{secret_key}".encode()).digest()
        self._public_url = public_url

    def url(self, ask_id: uuid.UUID) -> str:
        """The whole address for one asked person."""
        return f"{self._public_url}/a/{self.token(ask_id)}"

    def token(self, ask_id: uuid.UUID) -> str:
        """22 characters that survive in any text."""
        proof = hmac.new(self._key, ask_id.bytes, hashlib.sha256).digest()[:_PROOF]
        return base64.urlsafe_b64encode(proof).decode().rstrip("=")

    def kept(self, ask_id: uuid.UUID) -> str:
        """What the database keeps of the token."""
        return digest_of(self.token(ask_id))


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
