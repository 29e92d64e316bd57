"""A local HTTP server that accepts every text at once, in Twilio's shape, as fast as Python can.

Stands for a provider without limits, so that what is measured is us. `python -m benchmarks.instant PORT`.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

import uvloop

_IDS = itertools.count(1)


class Instant(asyncio.Protocol):
    """Answers as soon as a request is whole; keeps the connection."""

    def __init__(self) -> None:
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (head := self._waiting.find(b"\r\n\r\n")) >= 0:
            lower = self._waiting[:head].lower()
            start = lower.find(b"content-length:")
            length = int(lower[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
            if len(self._waiting) < head + 4 + length:
                return
            self._waiting = self._waiting[head + 4 + length :]
            body = b'{"sid": "SM%032x", "status": "queued", "num_segments": "1"}' % next(_IDS)
            self._transport.write(  # type: ignore[attr-defined]
                b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body)
            )


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Instant, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
