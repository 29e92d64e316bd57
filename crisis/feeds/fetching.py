"""Fetches a news feed from where the settings say, and from nowhere else.

A name is looked up once, every address it gives must be public, and the connection goes to one that was checked: a name
that changes its mind between the look and the call gains nothing. Redirects are followed by hand, within the named hosts.
No proxy is used, because it would look the name up itself. Opens no session and reads no XML.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from crisis.hosts import is_address, is_public, own_machine
from crisis.sentence import Sentence

MOST_BYTES = 1_000_000
MOST_REDIRECTS = 3
WITHIN_SECONDS = 20.0
CONNECT_SECONDS = 5.0
_MOVED = frozenset({301, 302, 303, 307, 308})
_HEADERS = {
    "Accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.8",
    "Accept-Encoding": "identity",  # packed, a few bytes may become gigabytes
    "User-Agent": "Crisis (news feed reader)",
}


class NotFetched(Exception):
    """There is nothing to read this time; `say` says why in words for people."""

    def __init__(self, words: str, /, **facts: object) -> None:
        self.say = Sentence(words, **facts)
        super().__init__(self.say)


@dataclass(frozen=True, slots=True)
class Source:
    """A feed, and the marks the site gave when it was last read (RFC 9110, conditional requests)."""

    url: str
    hosts: Collection[str] = ()
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """`body` is None when nothing has changed since the marks that were shown."""

    body: bytes | None
    etag: str
    modified: str


async def fetch(source: Source) -> Fetched:
    """What stands at the feed's address now. Raises `NotFetched`, and nothing else for what a web site may do."""
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            return await _fetch(source)
    except TimeoutError:
        raise NotFetched("no answer in time") from None
    except aiohttp.ClientConnectorDNSError as error:
        raise NotFetched("no connection to %(host)s (%(kind)s)", host=error.host, kind="unknown name") from None
    except aiohttp.ClientSSLError as error:
        raise NotFetched("the encrypted line broke (%(kind)s)", kind=type(error).__name__) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NotFetched("no connection (%(kind)s)", kind=type(error).__name__) from None


async def _fetch(source: Source) -> Fetched:
    url, allowed = source.url, _allowed(source)
    connector = aiohttp.TCPConnector(resolver=Checked(), use_dns_cache=False, force_close=True)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=WITHIN_SECONDS, sock_connect=CONNECT_SECONDS),
    ) as session:
        for _ in range(MOST_REDIRECTS + 1):
            _demand(url, allowed)
            async with session.get(url, headers=_marks(source), allow_redirects=False) as answer:
                if answer.status in _MOVED and "Location" in answer.headers:
                    url = urljoin(url, answer.headers["Location"])
                    continue
                return await _taken(answer, source)
    raise NotFetched("the site redirects in circles")


async def _taken(answer: aiohttp.ClientResponse, source: Source) -> Fetched:
    if answer.status == 304:
        return Fetched(None, source.etag, source.modified)
    if answer.status != 200:
        raise NotFetched("the site answered HTTP %(status)d", status=answer.status)
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise NotFetched("the site sends the feed packed, although it was asked not to")
    body = bytearray()
    async for piece in answer.content.iter_chunked(64 * 1024):
        body += piece
        if len(body) > MOST_BYTES:
            raise NotFetched("the feed is larger than %(kb)d kB", kb=MOST_BYTES // 1000)
    marks: Mapping[str, str] = answer.headers
    return Fetched(bytes(body), _mark(marks.get("ETag", "")), _mark(marks.get("Last-Modified", "")))


def _mark(told: str) -> str:
    return told if len(told) <= 200 else ""  # one we cannot keep is one we never had


def _marks(source: Source) -> dict[str, str]:
    headers = dict(_HEADERS)
    if source.etag:
        headers["If-None-Match"] = source.etag
    if source.modified:
        headers["If-Modified-Since"] = source.modified
    return headers


def _place(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def _allowed(source: Source) -> set[tuple[str, str, int]]:
    """The places that may be called: the feed's own, and the other named hosts over https."""
    return {_place(urlsplit(source.url))} | {("https", host.lower(), 443) for host in source.hosts}


def _demand(url: str, allowed: Collection[tuple[str, str, int]]) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _place(parts) not in allowed or "@" in parts.netloc:
        where = f"{parts.scheme}://{host}"[:100]
        raise NotFetched("the site redirects to %(where)s, which is not among the feed's hosts", where=where)
    if is_address(host) and not own_machine(host):  # a number is not looked up, so nobody would check it
        raise NotFetched("%(host)s leads into a private network", host=host)


class Checked(AbstractResolver):
    """Looks names up and refuses all of what it finds when one address is not public; the demo's lead here alone."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        addresses = [(str(told[0]), int(told[1]), kind) for kind, *_, told in found]
        right = own_machine if own_machine(host) else is_public
        if not all(right(address) for address, _, _ in addresses):
            raise NotFetched("%(host)s leads into a private network", host=host)
        return [
            ResolveResult(hostname=host, host=address, port=at, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for address, at, kind in addresses
        ]

    async def close(self) -> None:
        """Holds nothing."""
