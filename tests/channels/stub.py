"""A provider on loopback that does what a test tells it to: answer, stay silent, hang up, or stop in mid-sentence.

It keeps every request as it came in, so that a test can hold it against the provider's own specification.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

from aiohttp import web


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: Any = None  # a str goes out as it is, anything else as JSON
    headers: dict[str, str] = field(default_factory=dict)
    manner: Literal["whole", "silent", "reset", "cut"] = "whole"

    @property
    def text(self) -> str:
        return self.body if isinstance(self.body, str) else json.dumps(self.body)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    raw_path: str = ""  # as it came over the line, query and all

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Stub:
    """`replies` are given in order; the last one stays. `answer` wins over them when set."""

    replies: list[Reply] = field(default_factory=list)
    answer: Callable[[Request], Reply] | None = None
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    def next_reply(self, request: Request) -> Reply:
        if self.answer:
            return self.answer(request)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    async def handle(self, raw: web.Request) -> web.StreamResponse:
        request = Request(raw.method, raw.path, dict(raw.query), dict(raw.headers), await raw.read(), raw.raw_path)
        self.requests.append(request)
        reply = self.next_reply(request)
        match reply.manner:
            case "silent":
                await asyncio.sleep(3)
            case "reset":
                assert raw.transport
                raw.transport.abort()
            case "cut":
                response = web.StreamResponse(status=reply.status, headers={"Content-Length": "5000", **reply.headers})
                await response.prepare(raw)
                await response.write(reply.text.encode()[: len(reply.text) // 2])
                assert raw.transport
                raw.transport.close()
                return response
            case "whole":
                pass
        kind = "text/html" if reply.text.startswith("<") else "application/json"
        return web.Response(
            status=reply.status,
            text="" if reply.status == 204 else reply.text,
            headers=reply.headers,
            content_type=None if reply.status == 204 else kind,
        )


@asynccontextmanager
async def serving(*replies: Reply) -> AsyncIterator[Stub]:
    stub = Stub(list(replies))
    app = web.Application(client_max_size=16 * 1024 * 1024)  # parts of films
    app.router.add_route("*", "/{path:.*}", stub.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    stub.url = f"http://127.0.0.1:{port}"
    try:
        yield stub
    finally:
        await runner.cleanup()


def closed_port() -> str:
    """An address where nobody listens."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
