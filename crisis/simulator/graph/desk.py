"""The way every call to a pretend Graph API goes: whose token, is it where it belongs, are the parameters known, the work.

A network brings a table of its edges. A token in an address is refused, because real ones end up in logs that way.
"""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from crisis.simulator.counter import Counter, Refusal
from crisis.simulator.faults import Faults
from crisis.simulator.graph.memory import Memory, Owner, Said
from crisis.simulator.graph.words import BAD_TOKEN, DUPLICATE, UNUSABLE_MEDIA, Words, missing, wrong
from crisis.simulator.ledger import Ledger
from crisis.simulator.network import CannotSay, DemoAccount, Picture, Seen

PAGING = frozenset({"fields", "limit", "after"})
FETCH_WITHIN = 5.0
ANSWER_WITHIN = 10.0
OWN_HOSTS = {"localhost"}


@dataclass
class Call:
    """One call by an owner: its parameters, its files, the object and the address it names."""

    owner: Owner
    number: str
    given: dict[str, str]
    address: str
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)


Work = Callable[[Call], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Edge:
    """One thing that can be asked: a method on an object ("") or on a list under it, and the parameters it takes."""

    method: str
    name: str
    takes: frozenset[str]
    work: Work


class GraphNetwork:
    """The part of a network that all three share."""

    name: str
    label: str
    version: str
    demo: ClassVar[Sequence[DemoAccount]]
    owners: ClassVar[Sequence[Owner]]

    def __init__(self, faults: Faults, ledger: Ledger) -> None:
        """Start empty. `hooks` is where webhooks go: an address with {channel} and {account}; empty for nowhere."""
        self.hooks = ""
        self.memory = Memory(self.owners)
        self._ledger = ledger
        self._counter = Counter(self.name, faults, ledger, Words())
        self._tokens = {owner.demo.secrets["access_token"]: owner for owner in self.owners}

    def edges(self) -> Sequence[Edge]:
        """What can be asked."""
        raise NotImplementedError

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """The addresses served."""
        root = f"/{self.name}"
        return [
            web.get(f"{root}/files/{{id}}", self._file),
            web.route("*", f"{root}/refresh_access_token", self._handle),
            web.route("*", f"{root}/{self.version}/{{id}}", self._handle),
            web.route("*", f"{root}/{self.version}/{{id}}/{{edge}}", self._handle),
            web.route("*", f"{root}/{{rest:.*}}", self._nowhere),
        ]

    def seen(self) -> Sequence[Seen]:
        """All walls, oldest first."""
        return self.memory.seen()

    def clear(self) -> None:
        """Forget what happened."""
        self.memory.clear()

    async def say(self, account: str, author: str, text: str, reply_to: str = "") -> str:
        """A passer-by answers, or names the account; the webhook follows."""
        parent = self.memory.standing(reply_to) if reply_to else None
        if reply_to and parent is None:
            raise CannotSay("what it answers is not there")
        owner = self.memory.owners.get(parent.wall) if parent else self._known(account)
        if owner is None:
            names = ", ".join(one.handle for one in self.owners)
            raise CannotSay(f"no account {account!r}; there are {names}")
        if not text.strip():
            raise CannotSay("it says nothing")
        self.may_say(text, parent)
        stranger = "s" + hashlib.sha256(author.encode()).hexdigest()[:12]
        number = f"{owner.id}_{self.memory.number()}" if self.name == "facebook" else self.memory.number()
        one = Said(number, owner.id, stranger, author, text, datetime.now(UTC), reply_to)
        self.memory.add(one)
        await self.tell(owner, self.told(owner, one))
        return one.id

    def may_say(self, text: str, parent: Said | None) -> None:
        """Raises CannotSay for what a passer-by may not say on this network."""

    def told(self, owner: Owner, one: Said) -> dict[str, Any]:
        """The webhook's body about something a passer-by said."""
        raise NotImplementedError

    async def tell(self, owner: Owner, body: dict[str, Any]) -> None:
        """Post a signed webhook to the account's address, once."""
        if not self.hooks:
            return
        url = self.hooks.replace("{channel}", self.name).replace("{account}", owner.demo.name)
        raw = json.dumps(body).encode()  # escaped, as Meta signs it
        signature = hmac.new(owner.demo.secrets["app_secret"].encode(), raw, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={signature}", "Content-Type": "application/json"}
        answer, problem = None, ""
        try:
            timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.post(url, data=raw, headers=headers, allow_redirects=False) as reply,
            ):
                answer = reply.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"
        self._ledger.hooked(url, f"{self.name} {owner.demo.name}", answer, problem)

    async def fetch(self, url: str, kind: str, alt: str) -> Picture:
        """Fetch a picture or film, from this machine only. Raises Refusal when it can't be had."""
        host = urlsplit(url).hostname or ""
        if not _own_machine(host):
            raise wrong(f"The media could not be fetched: {host} is not on this machine", UNUSABLE_MEDIA)
        try:
            timeout = aiohttp.ClientTimeout(total=FETCH_WITHIN)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as reply:
                content, type_ = await reply.read(), reply.content_type
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise wrong("The media could not be fetched from the address", UNUSABLE_MEDIA) from error
        if reply.status != 200 or not type_.startswith("image/" if kind == "picture" else "video/"):
            raise wrong(f"The media could not be used: HTTP {reply.status}, {type_}", UNUSABLE_MEDIA)
        return self.keep(content, type_, kind, alt)

    def keep(self, content: bytes, type_: str, kind: str, alt: str) -> Picture:
        """Keep a file, to be shown under the network's own address."""
        number = self.memory.number()
        self.memory.files[number] = (type_, content)
        return Picture(kind, f"/{self.name}/files/{number}", alt)

    def own(self, call: Call) -> None:
        """Raises Refusal unless the call is about the account itself."""
        if call.number not in (call.owner.id, "me"):
            raise missing(call.number)

    def standing(self, call: Call) -> Said:
        """The post or comment on the caller's wall. Raises Refusal."""
        found = self.memory.standing(call.number)
        if found is None or found.wall != call.owner.id:
            raise missing(call.number)
        return found

    def fresh(self, call: Call, text: str) -> None:
        """Raises Refusal for a text that equals the post just before it (Graph API docs, code 506)."""
        last = self.memory.own(call.owner.id, replies=False)[:1]
        if text and last and last[0].text == text:
            raise wrong("Duplicate status message", DUPLICATE)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        number = request.match_info.get("id", "refresh_access_token")
        edge = request.match_info.get("edge", "")
        what = edge or ("object" if number.isascii() and number[:1].isdigit() else number)
        owner = self._tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer ").rpartition("|")[2])
        if owner is None and "|" in request.headers.get("Authorization", ""):
            secret = request.headers["Authorization"].rpartition("|")[2]
            owner = next((one for one in self.owners if one.demo.secrets["app_secret"] == secret), None)

        async def answered() -> web.Response:
            leaked = set(request.query) & {"access_token", "client_secret", "input_token"}
            if leaked or any(secret in request.path_qs for secret in self._tokens):
                raise wrong("the token stands in the address; send it in the header Authorization")
            if owner is None:
                raise Refusal(400, BAD_TOKEN, "Error validating access token: there is none, or it is not known")
            call = Call(owner, number, dict(request.query), f"{request.url.with_query(None)}")
            if request.method == "POST":
                if request.query:
                    raise wrong("parameters of a POST stand in its body here, so that they stay out of logs")
                await _read_form(request, call)
            return web.json_response(await self._answer(request.method, edge, call))

        write = request.method != "GET" and number != "debug_token"
        return await self._counter.serve(request, what, owner.handle if owner else "", answered, write=write)

    async def _answer(self, method: str, edge: str, call: Call) -> dict[str, Any]:
        proof = call.given.pop("appsecret_proof", "")
        secrets = call.owner.demo.secrets
        whole = hmac.new(secrets["app_secret"].encode(), secrets["access_token"].encode(), hashlib.sha256).hexdigest()
        if proof and not hmac.compare_digest(proof, whole):
            raise wrong("Invalid appsecret_proof provided in the API argument")
        name = edge or (call.number if call.number in ("debug_token", "refresh_access_token") else "")
        found = next((one for one in self.edges() if (one.method, one.name) == (method, name)), None)
        if found is None:
            raise wrong(f"Unsupported {method.lower()} request: {name or 'object'}")
        takes = found.takes | (PAGING if method == "GET" else frozenset())
        if unknown := sorted({*call.given, *call.files} - takes):
            raise wrong(f"Unknown parameters: {', '.join(unknown)}")
        return await found.work(call)

    def _known(self, word: str) -> Owner | None:
        return next((one for one in self.owners if word in (one.id, one.handle, one.demo.name)), None)

    async def _file(self, request: web.Request) -> web.Response:
        type_, content = self.memory.files.get(request.match_info["id"], ("", b""))
        if not type_:
            raise web.HTTPNotFound
        return web.Response(body=content, content_type=type_)

    async def _nowhere(self, request: web.Request) -> web.Response:
        self._ledger.refuse(self.name, f"{request.method} {request.path}", 404, "no such address")
        return Words().refused(Refusal(404, "2500", f"Unknown path components: {request.path}"))


async def token_told(call: Call, scopes: Sequence[str]) -> dict[str, Any]:
    """debug_token, asked as a POST that stands for a GET."""
    if call.given.get("method") != "get" or call.given.get("input_token") != call.owner.demo.secrets["access_token"]:
        raise wrong("debug_token wants input_token, and method=get when it is posted")
    return {"data": {"is_valid": True, "type": "PAGE", "scopes": list(scopes), "expires_at": 0, "app_id": "1"}}


async def _read_form(request: web.Request, call: Call) -> None:
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            call.files[name] = (value.content_type, value.file.read())
        else:
            call.given[name] = str(value)


def day(used: int, total: int) -> Mapping[str, Any]:
    """A quota of 24 hours as the publishing limits tell it."""
    return {"quota_usage": used, "config": {"quota_total": total, "quota_duration": 86_400}}


def _own_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in OWN_HOSTS
