"""Sealing what the database must not hold in clear: one-time-code secrets now, refreshable tokens later."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken


class BrokenSeal(Exception):
    """The value was sealed with another key, or changed."""


class Seal:
    """Seals with a key derived from the installation's secret key; `label` keeps uses apart."""

    def __init__(self, secret_key: str, label: str = "database") -> None:
        derived = hashlib.sha256(f"crisis:{label}:{secret_key}".encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def close(self, clear: str) -> str:
        """The sealed form of `clear`, as text."""
        return self._fernet.encrypt(clear.encode()).decode()

    def open(self, sealed: str) -> str:
        """What was sealed. Raises `BrokenSeal`."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise BrokenSeal("sealed with another secret key; restore the key or set the value anew") from None
