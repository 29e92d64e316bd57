"""Files that wait for a person's yes: kept on this machine for an hour, found again only by who put them there.

The name of a file is a hash of a random token, its user and its unit, so a token in other hands opens nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
import uuid
from pathlib import Path

KEEP_SECONDS = 3600
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}")


class Staging:
    """A folder of waiting files, readable by this process alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, raw: bytes, user_id: uuid.UUID, unit_id: uuid.UUID) -> str:
        """Keep the bytes; returns the token to find them by."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sweep()
        token = secrets.token_urlsafe(24)
        path = self._path(token, user_id, unit_id)
        path.touch(mode=0o600)
        path.write_bytes(raw)
        return token

    def find(self, token: str, user_id: uuid.UUID, unit_id: uuid.UUID) -> bytes | None:
        """The bytes, or None when they are gone, too old or somebody else's."""
        if not _TOKEN.fullmatch(token):
            return None
        path = self._path(token, user_id, unit_id)
        try:
            return path.read_bytes() if time.time() - path.stat().st_mtime < KEEP_SECONDS else None
        except OSError:
            return None

    def drop(self, token: str, user_id: uuid.UUID, unit_id: uuid.UUID) -> None:
        if _TOKEN.fullmatch(token):
            self._path(token, user_id, unit_id).unlink(missing_ok=True)

    def _path(self, token: str, user_id: uuid.UUID, unit_id: uuid.UUID) -> Path:
        return self._folder / hashlib.sha256(f"{token}:{user_id}:{unit_id}".encode()).hexdigest()

    def _sweep(self) -> None:
        for path in self._folder.iterdir():
            try:
                if time.time() - path.stat().st_mtime > KEEP_SECONDS:
                    path.unlink(missing_ok=True)
            except OSError:
                continue  # another process was faster
