"""The HTTP face of the pretend Bluesky, under /xrpc: sessions, records, blobs, and the index of the network."""

import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from aiohttp import web

from crisis.simulator.bluesky import lexicon
from crisis.simulator.bluesky.network import (
    POST,
    SIGN_IN_SECONDS,
    SIGN_INS,
    Actor,
    Atmosphere,
    Record,
    Tokens,
    cid,
    moment,
)
from crisis.simulator.counter import Counter, Dialect, Refusal
from crisis.simulator.faults import Faults
from crisis.simulator.ledger import Ledger
from crisis.simulator.network import CannotSay, DemoAccount, Picture, Seen

Work = Callable[[web.Request, Actor], Awaitable[Any]]
_HANDLE = re.compile(r"@([a-z0-9-]+(?:\.[a-z0-9-]+)+)", re.IGNORECASE)


class Words(Dialect):
    """Bluesky's errors: `{error, message}`."""

    def refused(self, refusal: Refusal) -> web.Response:
        body = {"error": refusal.code, "message": refusal.say}
        return web.json_response(body, status=refusal.status, headers=refusal.headers)

    def busy(self, seconds: float) -> web.Response:
        headers = {"ratelimit-limit": "1666", "ratelimit-remaining": "0", "ratelimit-policy": "1666;w=3600"}
        headers["ratelimit-reset"] = str(int(time.time() + seconds + 0.999))
        return self.refused(Refusal(429, "RateLimitExceeded", "Rate Limit Exceeded", headers=headers))

    def broken(self) -> web.Response:
        return self.refused(Refusal(500, "InternalServerError", "Internal Server Error"))

    def unknown_keys(self) -> web.Response:
        return self.refused(Refusal(401, "AuthenticationRequired", "Invalid identifier or password"))

    def not_allowed(self) -> web.Response:
        return self.refused(Refusal(403, "Forbidden", "Bad token scope"))


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

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """The addresses served."""
        repo, feed = "com.atproto.repo.", "app.bsky.feed."
        answers: tuple[tuple[str, str, Work], ...] = (
            ("POST", repo + "putRecord", self._put),
            ("POST", repo + "createRecord", self._create),
            ("POST", repo + "deleteRecord", self._delete),
            ("POST", repo + "uploadBlob", self._blob),
            ("POST", "com.atproto.moderation.createReport", self._report),
            ("GET", repo + "getRecord", self._get),
            ("GET", repo + "listRecords", self._list),
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
            web.post("/xrpc/com.atproto.server.createSession", self._sign_in),
            web.post("/xrpc/com.atproto.server.refreshSession", self._refresh),
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

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        async def answered() -> web.Response:
            given = await _body(request, {"identifier", "password"}, {"authFactorToken", "allowTakendown"})
            actor = self.sky.by_handle(str(given["identifier"]))
            recent = self.sky.sign_ins.setdefault(str(given["identifier"]), deque())
            while recent and recent[0] < time.time() - SIGN_IN_SECONDS:
                recent.popleft()
            if len(recent) >= SIGN_INS:
                headers = {"ratelimit-reset": str(int(recent[0] + SIGN_IN_SECONDS))}
                raise Refusal(429, "RateLimitExceeded", "Rate Limit Exceeded", headers=headers)
            recent.append(time.time())
            if actor is None or not actor.password or actor.password != given["password"]:
                raise Refusal(401, "AuthenticationRequired", "Invalid identifier or password")
            return self._began(actor)

        return await self._counter.serve(request, "createSession", "", answered, write=False)

    async def _refresh(self, request: web.Request) -> web.StreamResponse:
        async def answered() -> web.Response:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            session = next((one for one in self.sky.sessions if one.refresh == token), None)
            if session is None:
                raise Refusal(400, "ExpiredToken", "Token has been revoked")
            self.sky.sessions.remove(session)
            return self._began(session.actor)

        return await self._counter.serve(request, "refreshSession", "", answered, write=False)

    def _began(self, actor: Actor) -> web.Response:
        number = self.sky.tid()
        session = Tokens(actor, f"access-{actor.handle}-{number}", f"refresh-{actor.handle}-{number}")
        self.sky.sessions.append(session)
        who = {"handle": actor.handle, "did": actor.did, "active": True}
        return web.json_response({"accessJwt": session.access, "refreshJwt": session.refresh, **who})

    async def _put(self, request: web.Request, actor: Actor) -> Any:
        given = await _body(request, {"repo", "collection", "rkey", "record"}, {"validate", "swapRecord", "swapCommit"})
        return self._written(given, actor, str(given["rkey"]))

    async def _create(self, request: web.Request, actor: Actor) -> Any:
        given = await _body(request, {"repo", "collection", "record"}, {"rkey", "validate", "swapCommit"})
        key = str(given.get("rkey") or self.sky.tid())
        if self.sky.standing(f"at://{actor.did}/{given['collection']}/{key}"):
            raise Refusal(500, "InternalServerError", "Internal Server Error")
        return self._written(given, actor, key)

    def _written(self, given: dict[str, Any], actor: Actor, key: str) -> Any:
        collection, record = str(given["collection"]), given["record"]
        if given["repo"] not in (actor.did, actor.handle):
            raise Refusal(400, "InvalidRequest", "Could not find repo")
        if not lexicon.TID.fullmatch(key):
            raise Refusal(400, "InvalidRequest", f"Invalid record key for {collection}: {key}")
        sizes = {link: len(data) for link, (_, data) in self.sky.blobs.items()}
        if wrong := lexicon.complaint(record, collection, sizes):
            raise Refusal(400, "InvalidRequest", wrong)
        for end in ("root", "parent") if "reply" in record else ():
            named = record["reply"][end]
            parent = self.sky.standing(str(named["uri"]))
            if parent is None or parent.cid != named["cid"]:
                raise Refusal(400, "InvalidRequest", "reply names a post that is not there, or not that version of it")
        old = self.sky.standing(f"at://{actor.did}/{collection}/{key}")
        if "swapRecord" in given and (old.cid if old else None) != given["swapRecord"]:
            raise Refusal(400, "InvalidSwap", f"Record was at {old.cid if old else None}")
        made = old if old and old.value == record else self.sky.put(actor, collection, key, record)
        return {"uri": made.uri, "cid": made.cid, "validationStatus": "valid"}

    async def _delete(self, request: web.Request, actor: Actor) -> Any:
        given = await _body(request, {"repo", "collection", "rkey"}, {"swapRecord", "swapCommit"})
        if given["repo"] not in (actor.did, actor.handle):
            raise Refusal(400, "InvalidRequest", "Could not find repo")
        if record := self.sky.standing(f"at://{actor.did}/{given['collection']}/{given['rkey']}"):
            record.deleted = True
        return {}

    async def _report(self, request: web.Request, actor: Actor) -> Any:
        given = await _body(request, {"reasonType", "subject"}, {"reason", "modTool"})
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

    async def _blob(self, request: web.Request, _actor: Actor) -> Any:
        data, kind = await request.read(), request.content_type
        if not data or len(data) > 50_000_000 or "/" not in kind:
            raise Refusal(413 if data else 400, "BlobTooLarge" if data else "InvalidRequest", "not a blob we take")
        link = cid(data).replace("bafyrei", "bafkrei")
        self.sky.blobs[link] = (kind, data)
        return {"blob": {"$type": "blob", "ref": {"$link": link}, "mimeType": kind, "size": len(data)}}

    async def _get(self, request: web.Request, _actor: Actor) -> Any:
        query = _query(request, {"repo", "collection", "rkey"})
        record = self.sky.standing(f"at://{query['repo']}/{query['collection']}/{query['rkey']}")
        if record is None:
            raise Refusal(400, "RecordNotFound", "Could not locate record")
        return {"uri": record.uri, "cid": record.cid, "value": record.value}

    async def _list(self, request: web.Request, _actor: Actor) -> Any:
        query = _query(request, {"repo", "collection", "limit", "cursor"})
        found = sorted(
            (
                one
                for one in self.sky.records.values()
                if one.actor.did == query.get("repo") and one.collection == query.get("collection") and not one.deleted
            ),
            key=lambda one: one.key,
            reverse=True,
        )
        shown, more = _paged(found, query, lambda one: one.key)
        return {"records": [{"uri": one.uri, "cid": one.cid, "value": one.value} for one in shown], **more}

    async def _session(self, _request: web.Request, actor: Actor) -> Any:
        return {"handle": actor.handle, "did": actor.did, "active": True}

    async def _resolve(self, request: web.Request, _actor: Actor) -> Any:
        found = self.sky.by_handle(_query(request, {"handle"}).get("handle", ""))
        if found is None:
            raise Refusal(400, "HandleNotFound", "Unable to resolve handle")
        return {"did": found.did}

    async def _posts(self, request: web.Request, _actor: Actor) -> Any:
        uris = request.query.getall("uris", [])
        return {"posts": [self._view(found) for uri in uris if (found := self.sky.standing(uri))]}

    async def _search(self, request: web.Request, _actor: Actor) -> Any:
        query = _query(request, {"q", "sort", "limit", "cursor", "since"})
        tag = query.get("q", "").lstrip("#").lower()
        found = [one for one in reversed(self.sky.posts()) if f"#{tag}" in str(one.value["text"]).lower()]
        shown, more = _paged(found, query, lambda one: one.indexed_at)
        return {"posts": [self._view(one) for one in shown], **more}

    async def _notifications(self, request: web.Request, actor: Actor) -> Any:
        query = _query(request, {"reasons", "limit", "cursor"})
        wanted = request.query.getall("reasons", ["mention", "reply", "quote"])
        found = [one for one in reversed(self.sky.posts()) if self.sky.reason(one, actor) in wanted]
        shown, more = _paged(found, query, lambda one: one.indexed_at)
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


async def _body(request: web.Request, needed: set[str], allowed: set[str]) -> dict[str, Any]:
    """The JSON input of a procedure, with these fields and no others."""
    try:
        given = await request.json() if request.content_type == "application/json" else None
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refusal(400, "InvalidRequest", "Request encoding (Content-Type) required, and a JSON object")
    if missing := needed - set(given):
        raise Refusal(400, "InvalidRequest", f'Input must have the property "{min(missing)}"')
    if unknown := set(given) - needed - allowed:
        raise Refusal(400, "InvalidRequest", f"Unknown properties: {', '.join(sorted(unknown))}")
    return given


def _query(request: web.Request, known: set[str]) -> dict[str, str]:
    if unknown := set(request.query) - known:
        raise Refusal(400, "InvalidRequest", f"Unknown parameters: {', '.join(sorted(unknown))}")
    return dict(request.query)


def _paged(
    found: list[Record], query: dict[str, str], key: Callable[[Record], str]
) -> tuple[list[Record], dict[str, str]]:
    """One page, newest first; the cursor leads further back."""
    limit = int(query.get("limit", "50"))
    if not 1 <= limit <= 100:
        raise Refusal(400, "InvalidRequest", "limit must be between 1 and 100")
    within = [one for one in found if "cursor" not in query or key(one) < query["cursor"]]
    shown = within[:limit]
    return shown, {"cursor": key(shown[-1])} if len(within) > limit else {}
