"""The address in an e-mail that says stop: it names one delivery, proves that we made it, and says nothing else.

Pure. It never runs out, because a mail may be read years later; changing the secret key voids them all.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import uuid

_PROOF = 16  # bytes of the HMAC that travel: 128 bits can't be guessed


class NotOurs(Exception):
    """The token was not made here, or was changed on the way."""


class Unsubscribe:
    """Makes and reads tokens with a key derived from the installation's secret key."""

    def __init__(self, secret_key: str, public_url: str = "") -> None:
        self._key = hashlib.sha256(f"crisis:unsubscribe:{secret_key}".encode()).digest()
        self._public_url = public_url

    def url(self, delivery_id: uuid.UUID) -> str:
        """The whole address for one delivery, as it stands in the mail and its List-Unsubscribe header."""
        return f"{self._public_url}/unsubscribe/{self.token(delivery_id)}"

    def token(self, delivery_id: uuid.UUID) -> str:
        """43 characters that survive in any address."""
        return base64.urlsafe_b64encode(delivery_id.bytes + self._proof(delivery_id)).decode().rstrip("=")

    def read(self, token: str) -> uuid.UUID:
        """The delivery a token names. Raises `NotOurs`."""
        try:
            raw = base64.b64decode(token.encode("ascii") + b"=", altchars=b"-_", validate=True)
            delivery_id = uuid.UUID(bytes=raw[:16])
        except (ValueError, binascii.Error):
            raise NotOurs("not an unsubscribe token") from None
        if not hmac.compare_digest(raw[16:], self._proof(delivery_id)):
            raise NotOurs("not an unsubscribe token of this installation")
        return delivery_id

    def _proof(self, delivery_id: uuid.UUID) -> bytes:
        return hmac.new(self._key, delivery_id.bytes, hashlib.sha256).digest()[:_PROOF]
