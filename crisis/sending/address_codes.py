"""The six digits that prove a phone or mailbox. They follow from the delivery that carries them.

Pure. The frozen text holds a mark in their place and no table holds them, so that neither a copy of the database nor a
page that shows what was sent gives them away.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid

MARK = "{address_code}"  # in what is read
MARK_SPOKEN = "{address_code_spoken}"  # in what is heard: figure by figure, or a voice would say a number of thousands
DIGITS = 6


class AddressCodes:
    """Makes the codes with a key derived from the installation's secret key."""

    def __init__(self, secret_key: str) -> None:
        self._key = hashlib.sha256(f"crisis:address-codes:{secret_key}".encode()).digest()

    def code(self, delivery_id: uuid.UUID) -> str:
        """The digits this delivery carries."""
        proof = hmac.new(self._key, delivery_id.bytes, hashlib.sha256).digest()
        return f"{int.from_bytes(proof[:8]) % 10**DIGITS:0{DIGITS}}"

    def right(self, delivery_id: uuid.UUID, typed: str) -> bool:
        """Are these the digits, whatever spaces or dashes stand between them?"""
        digits = "".join(letter for letter in typed if letter.isascii() and letter.isdigit())
        return hmac.compare_digest(digits.encode(), self.code(delivery_id).encode())
