"""The HTTP face of the pretend Bluesky, under /xrpc: sessions, records, blobs, and the index of the network."""

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from aiohttp import web

from crisis.simulator.bluesky import lexicon
from crisis.simulator.bluesky.network import POST, Actor, Atmosphere, Record, moment
from crisis.simulator.bluesky.repository import Repository
from crisis.simulator.bluesky.sessions import Sessions
from crisis.simulator.bluesky.words import Words, body_of, paged, query_of
from crisis.simulator.counter import Counter, Refusal
from crisis.simulator.faults import Faults
from crisis.simulator.ledger import Ledger
from crisis.simulator.network import CannotSay, DemoAccount, Picture, Seen

Work = Callable[[web.Request, Actor], Awaitable[Any]]
_HANDLE = re.compile(r"@([a-z0-9-]+(?:\.[a-z0-9-]+)+)", re.IGNORECASE)


class Bluesky:
    """One server with the demo's accounts."""

    name = "bluesky"
    label = "Bluesky"
    demo: ClassVar[Sequence[DemoAccount]] = tuple(
        DemoAccount(name, {"handle": f"{name}.bsky.example"}, {"app_password": f"{name}-bsky-app-password"})
        for name in ("ous", "hod", "ous-drill", "hod-drill")
    )

    def __init__(self, faults: Faults, ledger: Ledger) -> None:
        """Start empty."""
        self.sky = Atmosphere(self.demo)
        self._ledger = ledger
        self._counter = Counter(self.name, faults, ledger, Words())
        self._sessions, self._repository = Sessions(self.sky, self._counter), Repository(self.sky)

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """The addresses served."""
        repo, feed = "com.atproto.repo.", "app.bsky.feed."
        answers: tuple[tuple[str, str, Work], ...] = (
            ("POST", repo + "putRecord", self._repository.put),
            ("POST", repo + "createRecord", self._repository.create),
            ("POST", repo + "deleteRecord", self._repository.delete),
            ("POST", repo + "uploadBlob", self._repository.blob),
            ("POST", "com.atproto.moderation.createReport", self._report),
            ("GET", repo + "getRecord", self._repository.get),
            ("GET", repo + "listRecords", self._repository.listed),
            ("GET", "com.atproto.server.getSession", self._session),
            ("GET", "com.atproto.identity.resolveHandle", self._resolve),
            ("GET", feed + "getPosts", self._posts),
            ("GET", feed + "searchPosts", self._search),
            ("GET", "app.bsky.notification.listNotifications", self._notifications),
        )
        handlers = [
            web.route(method, f"/xrpc/{nsid}", partial(self._handle, nsid=nsid, work=work))
            for method, nsid, work in answers
        ]
        return [
            *handlers,
            web.post("/xrpc/com.atproto.server.createSession", self._sessions.sign_in),
            web.post("/xrpc/com.atproto.server.refreshSession", self._sessions.refresh),
            web.get("/bluesky/blobs/{cid}", self._file),
            web.route("*", "/xrpc/{rest:.*}", self._nowhere),
        ]

    def seen(self) -> Sequence[Seen]:
        """All walls, in the order they were written."""
        hidden, reported = self.sky.hidden(), self.sky.reported()
        return [self._seen(one, hidden, reported) for one in self.sky.records.values() if one.collection == POST]

    async def say(self, account: str, author: str, text: str, reply_to: str = "") -> str:
        """A passer-by answers, or names the account."""
        parent = self.sky.standing(reply_to)
        if reply_to and parent is None:
            raise CannotSay("the post it answers is not there")
        if account and not reply_to and f"@{account}" not in text:
            text = f"@{account} {text}"
        value: dict[str, Any] = {"$type": POST, "text": text, "createdAt": moment(), "langs": ["nb"]}
        if parent:
            own = {"uri": parent.uri, "cid": parent.cid}
            value["reply"] = {"root": parent.value.get("reply", {}).get("root", own), "parent": own}
        named = [(found, self.sky.by_handle(found[1])) for found in _HANDLE.finditer(text)]
        value["facets"] = [
            {
                "index": {
                    "byteStart": len(text[: found.start()].encode()),
                    "byteEnd": len(text[: found.end()].encode()),
                },
                "features": [{"$type": "app.bsky.richtext.facet#mention", "did": actor.did}],
            }
            for found, actor in named
            if actor
        ]
        if wrong := lexicon.complaint(value, POST, {}):
            raise CannotSay(wrong)
        return self.sky.put(self.sky.stranger(author), POST, self.sky.tid(), value).uri

    def clear(self) -> None:
        """Forget what happened."""
        self.sky.clear()

    def expire(self) -> None:
        """Make every access token too old."""
        for session in self.sky.sessions:
            session.expired = True

    async def _handle(self, request: web.Request, *, nsid: str, work: Work) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        session = next((one for one in self.sky.sessions if one.access == token), None)

        async def answered() -> web.Response:
            if not token:
                raise Refusal(401, "AuthMissing", "Authentication Required")
            if session is None:  # of a server that was emptied or started anew since
                raise Refusal(400, "InvalidToken", "Token could not be verified")
            if session.expired:
                raise Refusal(400, "ExpiredToken", "Token has expired")
            return web.json_response(await work(request, session.actor))

        who = session.actor.handle if session else ""
        what = nsid.rsplit(".", 1)[-1]
        return await self._counter.serve(request, what, who, answered, write=request.method == "POST")

    async def _report(self, request: web.Request, actor: Actor) -> Any:
        given = await body_of(request, {"reasonType", "subject"}, {"reason", "modTool"})
        if given["reasonType"] not in lexicon.REPORT_REASONS or len(str(given.get("reason", ""))) > 20_000:
            raise Refusal(400, "InvalidRequest", "Invalid reason type, or the reason is too long")
        subject = given["subject"]
        if not isinstance(subject, dict) or subject.get("$type") != "com.atproto.repo.strongRef":
            raise Refusal(400, "InvalidRequest", "This simulator plays reports of records alone")
        post = self.sky.standing(str(subject.get("uri")))
        if post is None or post.cid != subject.get("cid"):
            raise Refusal(400, "InvalidRequest", "The subject is not there, or not that version of it")
        made = {**given, "id": len(self.sky.reports) + 1, "reportedBy": actor.did, "createdAt": moment()}
        self.sky.reports.append(made)
        return made

    async def _session(self, _request: web.Request, actor: Actor) -> Any:
        return {"handle": actor.handle, "did": actor.did, "active": True}

    async def _resolve(self, request: web.Request, _actor: Actor) -> Any:
        found = self.sky.by_handle(query_of(request, {"handle"}).get("handle", ""))
        if found is None:
            raise Refusal(400, "HandleNotFound", "Unable to resolve handle")
        return {"did": found.did}

    async def _posts(self, request: web.Request, _actor: Actor) -> Any:
        uris = request.query.getall("uris", [])
        return {"posts": [self._view(found) for uri in uris if (found := self.sky.standing(uri))]}

    async def _search(self, request: web.Request, _actor: Actor) -> Any:
        query = query_of(request, {"q", "sort", "limit", "cursor", "since"})
        tag = query.get("q", "").lstrip("#").lower()
        found = [one for one in reversed(self.sky.posts()) if f"#{tag}" in str(one.value["text"]).lower()]
        shown, more = paged(found, query, lambda one: one.indexed_at)
        return {"posts": [self._view(one) for one in shown], **more}

    async def _notifications(self, request: web.Request, actor: Actor) -> Any:
        query = query_of(request, {"reasons", "limit", "cursor"})
        wanted = request.query.getall("reasons", ["mention", "reply", "quote"])
        found = [one for one in reversed(self.sky.posts()) if self.sky.reason(one, actor) in wanted]
        shown, more = paged(found, query, lambda one: one.indexed_at)
        told = [{**self._view(one), "reason": self.sky.reason(one, actor), "isRead": False} for one in shown]
        return {"notifications": told, **more}

    def _view(self, one: Record) -> dict[str, Any]:
        author = {"did": one.actor.did, "handle": one.actor.handle, "displayName": one.actor.name}
        return {"uri": one.uri, "cid": one.cid, "author": author, "record": one.value, "indexedAt": one.indexed_at}

    def _seen(self, one: Record, hidden: set[str], reported: set[str]) -> Seen:
        embed = one.value.get("embed", {})
        files = [(image["image"], image["alt"], "picture") for image in embed.get("images", [])]
        files += [(embed["video"], embed.get("alt", ""), "film")] if "video" in embed else []
        parent = one.value.get("reply", {}).get("parent", {}).get("uri", "")
        above = self.sky.records.get(parent)
        ours = one.actor.did in self.sky.own
        return Seen(
            id=one.uri,
            account=one.actor.handle if ours or above is None else above.actor.handle,
            author=one.actor.name,
            text=str(one.value["text"]),
            at=one.indexed_at,
            reply_to=parent,
            url=f"https://bsky.app/profile/{one.actor.handle}/post/{one.key}",
            pictures=[Picture(kind, f"/bluesky/blobs/{blob['ref']['$link']}", alt) for blob, alt, kind in files],
            deleted=one.deleted,
            hidden=one.uri in hidden,
            reported=one.uri in reported,
            ours=ours,
            details={"facets": one.value.get("facets", []), "langs": one.value.get("langs", [])},
        )

    async def _file(self, request: web.Request) -> web.Response:
        if (found := self.sky.blobs.get(request.match_info["cid"])) is None:
            raise web.HTTPNotFound
        return web.Response(body=found[1], content_type=found[0], headers={"X-Content-Type-Options": "nosniff"})

    async def _nowhere(self, request: web.Request) -> web.Response:
        self._ledger.refuse(self.name, f"{request.method} {request.path}", 501, "no such method")
        return Words().refused(Refusal(501, "MethodNotImplemented", "Method Not Implemented"))
