"""A feed is fetched from where the settings say, in bounds, and from nowhere else, whatever the site or the name says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from crisis import hosts
from crisis.feeds import fetching
from crisis.feeds.fetching import Fetched, NotFetched, Source, fetch

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """A web site on this machine that answers as the test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.answer: Handler = self.body(b"<rss/>")
        self.url = ""

    @staticmethod
    def body(body: bytes, **headers: str) -> Handler:
        async def answer(_request: web.Request) -> web.Response:
            return web.Response(body=body, headers=headers)

        return answer

    @staticmethod
    def to(address: str, status: int = 302) -> Handler:
        async def answer(_request: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": address})

        return answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.answer(request)


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/feed"
    yield made
    await runner.cleanup()


@pytest.mark.asyncio
async def test_it_is_fetched_with_the_marks_of_last_time(site: Site) -> None:
    site.answer = site.body(b"<rss/>", ETag='"a"', **{"Last-Modified": "Fri, 20 Nov 2026 09:00:00 GMT"})
    first = await fetch(Source(site.url))
    assert first == Fetched(b"<rss/>", '"a"', "Fri, 20 Nov 2026 09:00:00 GMT")

    async def unchanged(request: web.Request) -> web.Response:
        assert (request.headers["If-None-Match"], request.headers["If-Modified-Since"]) == (first.etag, first.modified)
        return web.Response(status=304)

    site.answer = unchanged
    assert await fetch(Source(site.url, (), first.etag, first.modified)) == Fetched(None, first.etag, first.modified)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Site.body(b"x" * 1_000_001), "larger than 1000 kB"),
        (Site.body(b"\x1f\x8b\x08\x00" * 10, **{"Content-Encoding": "gzip"}), "packed"),
        (Site.to("https://elsewhere.example/feed"), "redirects to https://elsewhere.example"),
        (Site.to("http://127.0.0.1:1/feed"), "redirects to http://127.0.0.1"),
        (Site.to("http://169.254.169.254/latest/meta-data"), "redirects to http://169.254.169.254"),
        (Site.to("file:///etc/passwd"), "redirects to file://"),
        (Site.to("/feed"), "in circles"),
        (Site.to("http://[::1"), "no connection"),
    ],
)
@pytest.mark.asyncio
async def test_what_a_site_may_not_do(site: Site, answer: Handler, says: str) -> None:
    site.answer = answer
    with pytest.raises(NotFetched, match=says):
        await fetch(Source(site.url))


@pytest.mark.parametrize("status", [404, 410, 429, 500, 503])
@pytest.mark.asyncio
async def test_other_answers_are_told(site: Site, status: int) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    site.answer = answer
    with pytest.raises(NotFetched, match=f"HTTP {status}"):
        await fetch(Source(site.url))


@pytest.mark.asyncio
async def test_a_redirect_within_the_site_is_followed(site: Site) -> None:
    async def answer(request: web.Request) -> web.Response:
        return (
            web.Response(body=b"new")
            if request.path == "/new"
            else web.Response(status=301, headers={"Location": "/new"})
        )

    site.answer = answer
    assert (await fetch(Source(site.url))).body == b"new"


@pytest.mark.asyncio
async def test_a_feed_without_end_is_cut_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "WITHIN_SECONDS", 0.5)

    async def drops(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.05)

    site.answer = drops
    with pytest.raises(NotFetched, match="no answer in time"):
        await fetch(Source(site.url))


@pytest.mark.asyncio
async def test_no_connection_and_an_unknown_name_are_told() -> None:
    with pytest.raises(NotFetched, match="no connection"):
        await fetch(Source("http://127.0.0.1:9/feed"))


def looked_up(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Names are found by these answers, one after another; gives the names that were looked up."""
    asked: list[str] = []
    left = list(answers)

    async def getaddrinfo(_loop: Any, host: str, port: int, **_more: Any) -> list[Any]:
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found
        ]

    loop = type(asyncio.get_running_loop())
    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.5"],
        ["93.184.215.14", "192.168.1.1"],  # one of them is enough
        ["169.254.169.254"],
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:10.0.0.5"],
        ["fd00::1"],
        ["64:ff9b::a00:5"],
        ["0.0.0.0"],
    ],
)
@pytest.mark.asyncio
async def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    looked_up(monkeypatch, addresses)
    with pytest.raises(NotFetched, match=r"www\.ous\.no leads into a private network"):
        await fetch(Source("https://www.ous.no/rss"))


@pytest.mark.asyncio
async def test_a_name_that_changes_its_mind_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked up once, and the call goes to the address that was checked."""
    asked = looked_up(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    called: list[str] = []

    async def connect(_loop: Any, _sock: Any, address: tuple[str, int]) -> None:
        called.append(address[0])
        raise OSError

    monkeypatch.setattr(type(asyncio.get_running_loop()), "sock_connect", connect)
    with pytest.raises(NotFetched, match="no connection"):
        await fetch(Source("https://www.ous.no/rss"))
    assert (asked, called) == (["www.ous.no"], ["93.184.215.14"])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f::1", True),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fe80::1", False),
        ("2002:a00:5::1", False),
        ("64:ff9b::5db8:d70e", True),
        ("2001:0:1::1", False),
        ("not an address", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert hosts.is_public(address) is public
