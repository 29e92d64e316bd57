"""The HTTP face of the pretend Mastodon, under /mastodon: statuses, media, notifications, timelines."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from aiohttp import web

from crisis.simulator.counter import Counter, Refusal
from crisis.simulator.faults import Faults
from crisis.simulator.ledger import Ledger
from crisis.simulator.mastodon import words
from crisis.simulator.mastodon.asked import PREFIX
from crisis.simulator.mastodon.instance import Author, Instance, Status
from crisis.simulator.mastodon.posting import Posting
from crisis.simulator.mastodon.reading import Reading
from crisis.simulator.mastodon.views import Views, Words
from crisis.simulator.network import CannotSay, DemoAccount, Picture, Seen

IN_FLIGHT_SECONDS = 15
Work = Callable[[web.Request, Author], Awaitable[Any]]


class Mastodon:
    """One instance with the demo's accounts."""

    name = "mastodon"
    label = "Mastodon"
    demo: ClassVar[Sequence[DemoAccount]] = tuple(
        DemoAccount(name, {"handle": handle}, {"access_token": f"{name}-mastodon-token"})
        for name, handle in (
            ("ous", "OUS_demo"),
            ("hod", "HOD_demo"),
            ("ous-drill", "OUS_drill"),
            ("hod-drill", "HOD_drill"),
        )
    )

    def __init__(self, faults: Faults, ledger: Ledger) -> None:
        """Start empty."""
        self.instance = Instance(self.demo)
        self._ledger = ledger
        self._counter = Counter(self.name, faults, ledger, Words())
        views = Views(self.instance)
        self._posting, self._reading = Posting(self.instance, views), Reading(self.instance, views)
        self._in_flight: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """The addresses served."""
        answers: tuple[tuple[str, str, str, Work], ...] = (
            ("POST", "/api/v1/statuses", "post", self._posting.post),
            ("GET", "/api/v1/statuses/{id}", "status", self._reading.status),
            ("PUT", "/api/v1/statuses/{id}", "edit", self._posting.edit),
            ("DELETE", "/api/v1/statuses/{id}", "delete", self._posting.delete),
            ("GET", "/api/v1/statuses/{id}/context", "context", self._reading.context),
            ("POST", "/api/v2/media", "upload", self._posting.upload),
            ("GET", "/api/v1/media/{id}", "media", self._posting.media),
            ("POST", "/api/v1/reports", "report", self._posting.report),
            ("POST", "/api/v1/reports/", "report", self._posting.report),
            ("GET", "/api/v1/notifications", "notifications", self._reading.notifications),
            ("GET", "/api/v1/timelines/tag/{tag}", "tag", self._reading.tag),
            ("GET", "/api/v1/accounts/verify_credentials", "me", self._reading.me),
            ("GET", "/api/v1/apps/verify_credentials", "app", self._reading.app),
            ("GET", "/api/v1/accounts/{id}/statuses", "account", self._reading.account),
            ("GET", "/api/v2/instance", "instance", self._reading.itself),
            ("GET", "/api/v2/instance/", "instance", self._reading.itself),
        )
        return [
            *(
                web.route(method, PREFIX + path, partial(self._handle, what=what, work=work))
                for method, path, what, work in answers
            ),
            web.get(PREFIX + "/media/{id}", self._file),
            web.route("*", PREFIX + "/{rest:.*}", self._nowhere),
        ]

    def seen(self) -> Sequence[Seen]:
        """All walls, oldest first."""
        reported = self.instance.reported()
        return [self._seen(one, reported) for one in self.instance.statuses.values()]

    async def say(self, account: str, author: str, text: str, reply_to: str = "") -> str:
        """A passer-by answers, or names the account."""
        if not text.strip() or words.length(text) > words.GREATEST:
            raise CannotSay(f"a status has 1 to {words.GREATEST} characters as Mastodon counts them")
        if reply_to and self.instance.standing(reply_to) is None:
            raise CannotSay("the status it answers is not there")
        if not reply_to and account and account.lower() not in words.named(text):
            text = f"@{account} {text}"
        stranger = self.instance.stranger(author)
        made = Status(self.instance.number(), stranger, text, datetime.now(UTC), reply_to=reply_to or None)
        return self.instance.add(made).id

    def clear(self) -> None:
        """Forget what happened."""
        self.instance.clear()
        self._in_flight.clear()

    def _seen(self, one: Status, reported: set[str]) -> Seen:
        parent = self.instance.statuses.get(one.reply_to or "")
        return Seen(
            id=one.id,
            account=one.author.acct if one.author.ours or parent is None else parent.author.acct,
            author=one.author.name,
            title=one.spoiler,
            text=one.text,
            at=one.at.isoformat(timespec="milliseconds"),
            reply_to=one.reply_to or "",
            url=f"{PREFIX}/@{one.author.acct}/{one.id}",
            pictures=[
                Picture("film" if file.kind == "video" else "picture", f"{PREFIX}/media/{file.id}", file.alt)
                for file in one.media
            ],
            edited=one.edited_at is not None,
            deleted=one.deleted,
            reported=one.id in reported,
            ours=one.author.ours,
            details={"visibility": one.visibility, "language": one.language},
        )

    async def _handle(self, request: web.Request, *, what: str, work: Work) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        author = self.instance.authors.get(token)

        async def answered() -> web.Response:
            if author is None:
                raise Refusal(401, "token", "The access token is invalid")
            given = await work(request, author)
            return given if isinstance(given, web.Response) else web.json_response(given)

        key = request.headers.get("Idempotency-Key", "") if what == "post" else ""
        async with self._alone(author, key) as free:
            if not free:
                say = "There was a temporary problem serving your request, please try again"
                return web.json_response({"error": say}, status=503)
            write = request.method != "GET"
            return await self._counter.serve(request, what, author.acct if author else "", answered, write=write)

    @contextlib.asynccontextmanager
    async def _alone(self, author: Author | None, key: str) -> AsyncIterator[bool]:
        """Whether nobody else is posting with this key just now; waits a while for the one who is."""
        if author is None or not key:
            yield True
            return
        lock = self._in_flight[author.id, key]
        try:
            await asyncio.wait_for(lock.acquire(), IN_FLIGHT_SECONDS)
        except TimeoutError:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    async def _file(self, request: web.Request) -> web.Response:
        one = self.instance.media.get(request.match_info["id"])
        if one is None:
            raise web.HTTPNotFound
        headers = {"X-Content-Type-Options": "nosniff"}
        return web.Response(body=one.data, content_type=one.content_type, headers=headers)

    async def _nowhere(self, request: web.Request) -> web.Response:
        self._ledger.refuse(self.name, f"{request.method} {request.path}", 404, "no such address")
        return web.json_response({"error": "Record not found"}, status=404)
