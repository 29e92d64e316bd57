"""What a provider's answers say about the account: go on, or be quiet for a while. Pure; the drain obeys.

A provider that is down must not be fed a whole queue of messages that then nobody knows about: after a few calls without
an answer the account is quiet, a little longer each time, and comes back with a single call until one is answered.
"""

from __future__ import annotations

from dataclasses import dataclass

from crisis.channels.base import Accepted, Busy, Misconfigured, SendError, Uncertain, Unreachable
from crisis.sending.outcomes import growing_pause

QUIET_STREAK = 5  # this many in a row without an answer: it is the provider, not the delivery


@dataclass(slots=True)
class Patience:
    """One slice of an account's work. `streak` counts slices in a row that ended in a pause; the account's row keeps it."""

    streak: int = 0
    _held: bool = False
    _unanswered: int = 0
    _answered: bool | None = None  # None: nobody was asked

    @property
    def troubled(self) -> bool | None:
        """Have all calls come to nothing, or must the account be quiet? None when there were no calls."""
        return None if self._answered is None else self._held or not self._answered

    @property
    def held(self) -> bool:
        """Must the account be quiet since an answer in this slice?"""
        return self._held

    @property
    def recovering(self) -> bool:
        """The account comes back from a pause, and nothing has been answered yet: one call at a time."""
        return self.streak > 0

    def heed(self, result: Accepted | SendError) -> float | None:
        """Seconds the account must be quiet now; None to go on."""
        self._answered = bool(self._answered) or not isinstance(result, Busy | Unreachable | Uncertain | Misconfigured)
        match result:
            case Busy():
                return self._pause(result.retry_after)
            # Other codes of Unreachable are a server's answer about one address, such as a full mailbox.
            case Unreachable(code="no_connection") | Uncertain():
                self._unanswered += 1
                if self._unanswered >= (1 if self.recovering else QUIET_STREAK):
                    return self._pause(None)
            case _:
                self._unanswered = 0
                if not self._held:  # answers to calls made before the trouble began do not end it
                    self.streak = 0
        return self._full(result.wait) if result.wait is not None else None

    def _full(self, wait: float) -> float:
        """The provider says beforehand that it takes no more until then: not a trouble, but nothing may leave."""
        self._held = True
        self.streak = max(self.streak, 1)  # so that the account's row is believed, and a single call tries the way
        return wait

    def _pause(self, asked: float | None) -> float:
        """Fifty calls refused side by side are one trouble, not fifty."""
        if not self._held:
            self._held = True
            self.streak += 1
        return asked if asked is not None else growing_pause(self.streak)
