"""Counting webhooks that were refused. Whoever floods us with forged ones must not keep the database busy, so they are
gathered in this process and written once a second at most.
"""

from __future__ import annotations

import threading
import time
from collections import Counter

import structlog
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from crisis.console.here import runtime
from crisis.triage import counts

log = structlog.get_logger()
EVERY = 1.0


class Refusals:
    """What one application has gathered; shared by its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gathered: Counter[tuple[str, str]] = Counter()
        self._written = 0.0

    def note(self, account: str, what: str) -> Counter[tuple[str, str]] | None:
        """What is to be written now, if anything."""
        with self._lock:
            self._gathered[account, what] += 1
            if time.monotonic() - self._written < EVERY:
                return None
            self._written = time.monotonic()
            due, self._gathered = self._gathered, Counter()
            return due


def note(account: str, what: str) -> None:
    """Count one; `what` is "forged" or "oversized". Never raises: the refusal itself matters more."""
    gathered: Refusals = current_app.extensions.setdefault("crisis-refusals", Refusals())
    if due := gathered.note(account, what):
        try:
            with runtime().database.writing() as session:
                counts.add_all(session, due)
        except SQLAlchemyError:
            log.exception("refusals.not_counted", count=due.total())
