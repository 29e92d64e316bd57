"""Passwords, for every door that asks for one: hashing them, and the one-time ones that come before a user's own.

Knows no session and keeps nothing. Hashing is slow by design: never call it while writing to the database.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

HASHER = PasswordHasher()  # argon2id with the library's current parameters; older hashes are renewed at sign-in
MOST = 200  # longer only costs us time
ONE_TIME_FOR = timedelta(hours=72)  # a long weekend; what lies on a desk for longer opens nothing
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike: it is read over the phone


def hashed(password: str) -> str:
    return HASHER.hash(password[:MOST])


def right(hash_: str, password: str) -> bool:
    try:
        return HASHER.verify(hash_, password[:MOST])
    except (VerificationError, InvalidHashError):
        return False


def weak(hash_: str) -> bool:
    """Was it made with other parameters than today's?"""
    return HASHER.check_needs_rehash(hash_)


def one_time() -> str:
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))
