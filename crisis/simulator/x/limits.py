"""Counts calls per account and endpoint in windows of fifteen minutes, and words the x-rate-limit headers."""

import time
from dataclasses import dataclass

WINDOW = 15 * 60
LIMITS = {
    "post": 100,
    "delete": 50,
    "me": 75,
    "timeline": 900,
    "mentions": 300,
    "lookup": 900,
    "search": 300,
    "hide": 50,
    "media": 500,
}


@dataclass(slots=True)
class Window:
    """One account's use of one endpoint."""

    limit: int
    used: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """The three headers X puts on every answer."""
        left = max(self.limit - self.used, 0)
        return {
            "x-rate-limit-limit": str(self.limit),
            "x-rate-limit-remaining": str(left),
            "x-rate-limit-reset": str(self.reset),
        }


class Limits:
    """All windows that are open."""

    def __init__(self) -> None:
        """Start with every window unused."""
        self.clear()

    def clear(self) -> None:
        """Open every window anew."""
        self._windows: dict[tuple[str, str], Window] = {}

    def take(self, user_id: str, endpoint: str) -> tuple[Window, bool]:
        """Use one call; the second value is false when the window was already used up."""
        now = int(time.time())
        window = self._windows.get((user_id, endpoint))
        if window is None or window.reset <= now:
            window = self._windows[user_id, endpoint] = Window(LIMITS[endpoint], 0, now + WINDOW)
        window.used += 1
        return window, window.used <= window.limit
