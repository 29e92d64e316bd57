"""How fast an account may speak: a rate with a burst, kept as one moment in time that fits in the account's row.

This is the generic cell rate algorithm: a message may leave when the account's next free moment has come, and each
message pushes that moment on by one interval, up to `burst` messages ahead of an even flow.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """All times are seconds on one clock of the caller's. `free_at` is when the next message may leave."""

    rate: float  # messages a second
    burst: int
    free_at: float = float("-inf")  # long ago: nothing of the burst is used

    def wait(self, now: float) -> float:
        """Seconds until the next message may leave; 0 when it may leave now."""
        return max(0.0, self.free_at - now)

    def take(self, now: float) -> None:
        """One message leaves now."""
        self.free_at = self._even(now) + 1.0 / self.rate

    def charge(self, more: int) -> None:
        """What just left cost so many calls more than one."""
        self.free_at += more / self.rate

    def room(self, now: float, seconds: float = 1.0) -> int:
        """How many may leave within `seconds`; one at least."""
        return max(1, int((now + seconds - self._even(now)) * self.rate) + 1)

    def _even(self, now: float) -> float:
        """Where an even flow stands: an idle account has saved up at most `burst` messages."""
        return max(self.free_at, now - (self.burst - 1) / self.rate)

    def hold(self, until: float) -> None:
        """Nothing before `until`: the provider asked for a pause. What was saved up is lost."""
        self.free_at = max(self.free_at, until)


def usual_burst(rate: float) -> int:
    """A second's worth, and never under ten: a slow wall still says its two languages at once."""
    return max(10, round(rate))
