"""The Twilio client's way out: one session, bounded connections, two timeouts, no log of phone numbers, answers judged here."""

from __future__ import annotations

import logging
from base64 import b64encode
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from crisis.channels.calling import proxy
from crisis.channels.errors import accepted_body, answer, transport
from crisis.channels.twilio.sms_words import refusal


def basic(name: str, secret: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + b64encode(f"{name}:{secret}".encode()).decode()


class Http(AsyncHttpClient):  # type: ignore[misc]
    """The Twilio client's way out. Its own asynchronous one has no connect timeout and logs every phone number."""

    def __init__(self, connect: float, read: float, connections: int) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True)
        self._patience = aiohttp.ClientTimeout(total=connect + 2 * read, connect=connect, sock_read=read)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002
        allow_redirects: bool = False,  # noqa: ARG002
    ) -> Response:
        """One call; returns only a success that holds JSON, and raises a `SendError` for everything else."""
        if self._session is None:  # a session belongs to a running loop, and opening happens outside of one
            connector = aiohttp.TCPConnector(limit=self._connections)
            # Not trust_env: it would read ~/.netrc from disk for every single message.
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._patience, proxy=proxy(uri))
        headers = dict(headers or {})
        if auth:
            headers["Authorization"] = basic(*auth)
        try:
            async with self._session.request(
                method,
                uri,
                params=params,
                data=_form(data) if data else None,
                headers=headers,
                allow_redirects=False,
            ) as response:
                given = answer(response.status, response.headers, await response.text(errors="replace"))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise transport(error) from None  # the chain would carry the request, with its address and keys
        accepted_body(given, refusal)
        return Response(given.status, given.text, dict(given.headers))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _form(data: dict[str, Any]) -> str:
    """The fields as a form. The words are encoded once for thousands of receivers: that was a twentieth of a call."""
    fields = urlencode({name: value for name, value in data.items() if name != "Body"}, doseq=True)
    return f"{fields}&Body={_quoted(str(data['Body']))}" if "Body" in data else fields


_quoted = lru_cache(maxsize=64)(quote_plus)
