"""What every control of the simulator asks of a request: JSON, and not from another web page."""

import json
from typing import Any

from aiohttp import web


def wrong(text: str) -> web.HTTPBadRequest:
    """To be raised: the request cannot be done, and why."""
    return web.HTTPBadRequest(text=json.dumps({"error": text}), content_type="application/json")


def same_site(request: web.Request) -> None:
    """Refuses what another web page made a browser send."""
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise web.HTTPForbidden(text="not from another web page\n")


async def body(request: web.Request) -> dict[str, Any]:
    """The object sent along."""
    # JSON only: a foreign web page cannot send it to this port without asking the browser first.
    if request.content_type != "application/json":
        raise wrong("send JSON with Content-Type: application/json")
    try:
        given = await request.json()
    except ValueError as error:
        raise wrong("the body is not JSON") from error
    if not isinstance(given, dict):
        raise wrong("the body is not a JSON object")
    return given
