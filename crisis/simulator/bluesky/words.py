"""How the pretend Bluesky reads a request and words a refusal."""

import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from crisis.simulator.bluesky.network import Record
from crisis.simulator.counter import Dialect, Refusal


class Words(Dialect):
    """Bluesky's errors: `{error, message}`."""

    def refused(self, refusal: Refusal) -> web.Response:
        body = {"error": refusal.code, "message": refusal.say}
        return web.json_response(body, status=refusal.status, headers=refusal.headers)

    def busy(self, seconds: float) -> web.Response:
        headers = {"ratelimit-limit": "1666", "ratelimit-remaining": "0", "ratelimit-policy": "1666;w=3600"}
        headers["ratelimit-reset"] = str(int(time.time() + seconds + 0.999))
        return self.refused(Refusal(429, "RateLimitExceeded", "Rate Limit Exceeded", headers=headers))

    def broken(self) -> web.Response:
        return self.refused(Refusal(500, "InternalServerError", "Internal Server Error"))

    def unknown_keys(self) -> web.Response:
        return self.refused(Refusal(401, "AuthenticationRequired", "Invalid identifier or password"))

    def not_allowed(self) -> web.Response:
        return self.refused(Refusal(403, "Forbidden", "Bad token scope"))


async def body_of(request: web.Request, needed: set[str], allowed: set[str]) -> dict[str, Any]:
    """The JSON input of a procedure, with these fields and no others."""
    try:
        given = await request.json() if request.content_type == "application/json" else None
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refusal(400, "InvalidRequest", "Request encoding (Content-Type) required, and a JSON object")
    if missing := needed - set(given):
        raise Refusal(400, "InvalidRequest", f'Input must have the property "{min(missing)}"')
    if unknown := set(given) - needed - allowed:
        raise Refusal(400, "InvalidRequest", f"Unknown properties: {', '.join(sorted(unknown))}")
    return given


def query_of(request: web.Request, known: set[str]) -> dict[str, str]:
    if unknown := set(request.query) - known:
        raise Refusal(400, "InvalidRequest", f"Unknown parameters: {', '.join(sorted(unknown))}")
    return dict(request.query)


def paged(
    found: list[Record], query: dict[str, str], key: Callable[[Record], str]
) -> tuple[list[Record], dict[str, str]]:
    """One page, newest first; the cursor leads further back."""
    limit = int(query.get("limit", "50"))
    if not 1 <= limit <= 100:
        raise Refusal(400, "InvalidRequest", "limit must be between 1 and 100")
    within = [one for one in found if "cursor" not in query or key(one) < query["cursor"]]
    shown = within[:limit]
    return shown, {"cursor": key(shown[-1])} if len(within) > limit else {}
