"""How the pretend X words a problem: the refusals of its own rules, and the answers of switched-on faults.

Knows no posts and no accounts.
"""

import time
from typing import Any

from aiohttp import web

from crisis.simulator.x.limits import Window

DUPLICATE = "You are not allowed to create a Tweet with duplicate content."
INVALID = "https://api.x.com/2/problems/invalid-request"
NOT_FOUND = "https://api.x.com/2/problems/resource-not-found"


class Refusal(Exception):
    """X says no, with this status and problem body."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        """Word a problem object."""
        super().__init__(detail)
        titles = {400: "Invalid Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found Error"}
        self.status = status
        self.body: dict[str, Any] = {
            "title": titles[status],
            "detail": detail,
            "type": "about:blank",
            "status": status,
        } | more


class Dialect:
    """X's way of wording the switched-on faults."""

    def __init__(self, window: Window) -> None:
        """Speak with the headers of this window."""
        self._window = window

    def busy(self, seconds: float) -> web.Response:
        """429 with the moment to come back."""
        headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(time.time() + seconds + 0.999))}
        return json_answer(429, too_many(), self._window.headers | headers)

    def broken(self) -> web.Response:
        """503, the way an overloaded X looks."""
        problem = {
            "title": "Service Unavailable",
            "detail": "Service Unavailable",
            "type": "about:blank",
            "status": 503,
        }
        return json_answer(503, problem, self._window.headers)

    def unknown_keys(self) -> web.Response:
        """401."""
        return json_answer(401, Refusal(401, "Unauthorized").body)

    def not_allowed(self) -> web.Response:
        """403 that is no duplicate."""
        return json_answer(
            403, Refusal(403, "You are not permitted to perform this action.").body, self._window.headers
        )


def too_many() -> dict[str, Any]:
    """The body of a 429."""
    return {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}


def json_answer(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer, or a problem."""
    kind = "application/json" if status < 400 else "application/problem+json"
    return web.json_response(body, status=status, headers=headers, content_type=kind)
