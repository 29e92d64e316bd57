"""Calls to a provider's HTTP API for adapters without a client library of their own: one session, two timeouts.

Belongs to the event loop that first calls. Never repeats, never follows a redirect, and tells no address and no key in
an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from crisis.channels.errors import Answer, Codes, accepted_body, answer, no_codes, transport


class Caller:
    """One account's way out. `headers` go with every call; secrets stand there, never in an address."""

    def __init__(
        self, base_url: str, *, connect: float, read: float, connections: int, headers: Mapping[str, str] | None = None
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.headers = dict(headers or {})
        self._patience = aiohttp.ClientTimeout(connect=connect, sock_read=read)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, method: str, path: str, *, codes: Codes = no_codes, **given: Any) -> dict[str, Any]:
        """The JSON object of a success; empty for 204. `given` is aiohttp's: params, json, data, headers.

        `path` hangs under the base URL, or is a whole address the provider gave us. With `exact=True` it goes out
        letter by letter, for providers that read an escaped colon otherwise than a bare one. Raises `SendError`.
        """
        return accepted_body(await self.answer(method, path, **given), codes)

    async def answer(self, method: str, path: str, **given: Any) -> Answer:
        """The answer as it came, whatever its status. Raises `SendError` when none came."""
        url = path if path.startswith(("https://", "http://")) else self.base_url + path
        headers = self.headers | dict(given.pop("headers", None) or {})
        target = URL(url, encoded=True) if given.pop("exact", False) else url
        try:
            async with self._open(url).request(
                method, target, headers=headers, allow_redirects=False, **given
            ) as response:
                return answer(response.status, response.headers, await response.text(errors="replace"))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise transport(error) from None  # the chain would carry the request, with its address and keys

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self, url: str) -> aiohttp.ClientSession:
        if self._session is None:  # a session belongs to a running loop, and opening happens outside of one
            connector = aiohttp.TCPConnector(limit=self._connections)
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=self._patience,
                proxy=proxy(url),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def proxy(url: str) -> str | None:
    """The machine's way out to `url` (HTTPS_PROXY and its kin), looked up once for an account."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
