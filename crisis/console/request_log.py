"""One line for each request somebody made: what kind of page, how it ended, how long it took, in which incident.

The rule is told and not the address, because addresses carry search words and tokens. What machines ask all the time is
told only when it fails.
"""

from __future__ import annotations

import time

import structlog
from flask import Flask, Response, g, request

log = structlog.get_logger()

QUIET = frozenset({"static", "probes", "metrics", "hooks"})  # page sets; hooks write their own line
NAMED = {"incident_id": "incident", "broadcast_id": "broadcast", "delivery_id": "delivery", "key": "account"}


def install(app: Flask) -> None:
    """Before the guard, so that what it refuses is told too."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def _begin() -> None:
    g.began = time.perf_counter()
    named = {NAMED[name]: str(value) for name, value in (request.view_args or {}).items() if name in NAMED}
    structlog.contextvars.bind_contextvars(request=request.endpoint or "none", **named)


def _end(response: Response) -> Response:
    repeated = (request.endpoint or "").partition(".")[0] in QUIET or "X-Fragment" in request.headers
    if response.status_code >= 400 or not repeated:
        visitor = g.get("visitor")
        log.info(
            "request",
            method=request.method,
            rule=request.url_rule.rule if request.url_rule else None,
            status=response.status_code,
            ms=round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000, 1),
            user=visitor.user_id if visitor else None,
        )
    return response


def _forget(_error: BaseException | None) -> None:
    """The thread serves somebody else next."""
    structlog.contextvars.unbind_contextvars("request", *NAMED.values())
