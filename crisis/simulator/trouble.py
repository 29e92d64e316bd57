"""Carries a fault out on one HTTP request: waits, lies, cuts the line or hangs, before or after the provider accepted.

The two pretend HTTP providers share it; each brings its own way of wording an error.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from crisis.simulator.faults import Fault

Accept = Callable[[], Awaitable[web.Response]]

HTML_PAGE = "<!doctype html><html><head><title>503</title></head><body><h1>Service unavailable</h1></body></html>"
TELLS_WHEN = ("retry-after", "x-rate", "ratelimit", "x-business-use-case", "x-app-usage")  # names of headers begin so
ABORT_AT_ONCE = struct.pack("ii", 1, 0)


class Dialect(Protocol):
    """How one provider words its errors."""

    def busy(self, seconds: float) -> web.Response:
        """Too many requests, come back later."""

    def broken(self) -> web.Response:
        """A server error."""

    def unknown_keys(self) -> web.Response:
        """The credentials are wrong."""

    def not_allowed(self) -> web.Response:
        """The credentials are right but have no right."""


async def answer(request: web.Request, fault: Fault | None, dialect: Dialect, accept: Accept) -> web.StreamResponse:
    """Answer a request through a fault. `accept` does the provider's real work and is called at most once."""
    if fault is None:
        return await accept()
    match fault.kind:
        case "slow":
            await asyncio.sleep(fault.seconds)
            return await accept()
        case "hang" | "hang_after":
            if fault.kind == "hang_after":
                await accept()
            return await _never(request)
        case "429":
            return dialect.busy(fault.seconds)
        case "429_bare":
            return _without_a_time(dialect.busy(fault.seconds))
        case "401":
            return dialect.unknown_keys()
        case "403":
            return dialect.not_allowed()
        case "500_before":
            return dialect.broken()
        case "500_after":
            await accept()
            return dialect.broken()
        case "reset_before":
            return _reset(request)
        case "reset_after":
            await accept()
            return _reset(request)
        case "cut_off":
            return await _cut_off(request, await accept())
        case "html":
            return web.Response(status=503, text=HTML_PAGE, content_type="text/html")
    raise AssertionError(fault.kind)


def _without_a_time(busy: web.Response) -> web.Response:
    for name in [one for one in busy.headers if one.lower().startswith(TELLS_WHEN)]:
        del busy.headers[name]
    return busy


async def _never(request: web.Request) -> web.Response:
    # Ends when the caller hangs up, so that a hang does not pile up tasks for ever.
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.1)
    return web.Response()


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        abort(request.transport)
    return web.Response()


async def _cut_off(request: web.Request, whole: web.Response) -> web.StreamResponse:
    body = whole.body if isinstance(whole.body, bytes) else b"{}"
    part = web.StreamResponse(status=whole.status, headers={"Content-Type": "application/json"})
    part.content_length = max(len(body), 2)
    await part.prepare(request)
    await part.write(body[: max(len(body) // 2, 1)])
    if request.transport is not None:
        request.transport.close()
    return part


def abort(transport: asyncio.BaseTransport) -> None:
    """Drop a connection so that the other side sees a reset, not a polite end."""
    line = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT_AT_ONCE)
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
    else:
        transport.close()
