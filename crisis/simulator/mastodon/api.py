"""The HTTP face of the pretend Mastodon, under /mastodon: statuses, media, notifications, timelines."""

import asyncio
import contextlib
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from aiohttp import web

from crisis.simulator.counter import Counter, Refusal
from crisis.simulator.faults import Faults
from crisis.simulator.ledger import Ledger
from crisis.simulator.mastodon import words
from crisis.simulator.mastodon.instance import Author, Instance, Media, Status
from crisis.simulator.mastodon.views import BYTES, SCOPES, Views, Words, limit_headers, stamp
from crisis.simulator.network import CannotSay, DemoAccount, Picture, Seen

PREFIX = "/mastodon"
IN_FLIGHT_SECONDS = 15
DELETES, DELETE_WINDOW = 30, timedelta(minutes=30)
POST_FIELDS = frozenset(
    [
        "status",
        "media_ids",
        "in_reply_to_id",
        "sensitive",
        "spoiler_text",
        "visibility",
        "language",
        "scheduled_at",
        "poll",
        "quoted_status_id",
        "quote_approval_policy",
    ]
)
EDIT_FIELDS = frozenset(
    ["status", "media_ids", "sensitive", "spoiler_text", "language", "poll", "quote_approval_policy"]
)
REPORT_FIELDS = frozenset(["account_id", "status_ids", "comment", "forward", "category", "rule_ids", "collection_ids"])
REPORT_CATEGORIES = ("spam", "legal", "violation", "other")
VISIBILITIES = ("public", "unlisted", "private", "direct")
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
        self._views = Views(self.instance)
        self._in_flight: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """The addresses served."""
        answers: tuple[tuple[str, str, str, Work], ...] = (
            ("POST", "/api/v1/statuses", "post", self._post),
            ("GET", "/api/v1/statuses/{id}", "status", self._status),
            ("PUT", "/api/v1/statuses/{id}", "edit", self._edit),
            ("DELETE", "/api/v1/statuses/{id}", "delete", self._delete),
            ("GET", "/api/v1/statuses/{id}/context", "context", self._context),
            ("POST", "/api/v2/media", "upload", self._upload),
            ("GET", "/api/v1/media/{id}", "media", self._media),
            ("POST", "/api/v1/reports", "report", self._report),
            ("POST", "/api/v1/reports/", "report", self._report),
            ("GET", "/api/v1/notifications", "notifications", self._notifications),
            ("GET", "/api/v1/timelines/tag/{tag}", "tag", self._tag),
            ("GET", "/api/v1/accounts/verify_credentials", "me", self._me),
            ("GET", "/api/v1/apps/verify_credentials", "app", self._app),
            ("GET", "/api/v1/accounts/{id}/statuses", "account", self._account),
            ("GET", "/api/v2/instance", "instance", self._itself),
            ("GET", "/api/v2/instance/", "instance", self._itself),
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

    async def _post(self, request: web.Request, author: Author) -> Any:
        key = request.headers.get("Idempotency-Key", "")
        if key and (first := self.instance.repeated(author, key)):
            return self._views.status(first, _base(request))
        given = await _fields(request, POST_FIELDS)
        for missing in ("scheduled_at", "poll", "quoted_status_id", "quote_approval_policy"):
            if missing in given:
                raise Refusal(422, "unplayed", f"This simulator does not play {missing}")
        text, spoiler, media = self._checked(given, author, fresh=True)
        visibility = given.get("visibility", "public")
        if visibility not in VISIBILITIES:
            raise Refusal(422, "invalid", "Validation failed: Visibility is not included in the list")
        reply_to = given.get("in_reply_to_id") or None
        if reply_to and self.instance.standing(reply_to) is None:
            raise Refusal(404, "missing", "The post you are trying to reply to does not appear to exist.")
        made = Status(self.instance.number(), author, text, datetime.now(UTC), spoiler, visibility)
        made.language, made.reply_to, made.media = given.get("language", ""), reply_to, media
        made.sensitive = bool(spoiler) or given.get("sensitive", "") in ("true", "1", "True", True)
        for file in media:
            file.used = True
        self.instance.add(made)
        if key:
            self.instance.keys[author.id, key] = (time.time(), made.id)
        return self._views.status(made, _base(request))

    def _checked(self, given: dict[str, Any], author: Author, *, fresh: bool) -> tuple[str, str, list[Media]]:
        text, spoiler = str(given.get("status", "")), str(given.get("spoiler_text", ""))
        media = [self.instance.media.get(number) for number in given.get("media_ids", ())]
        if any(file is None or file.author is not author or (fresh and file.used) for file in media):
            raise Refusal(422, "media", "Validation failed: Media attachments is invalid")
        if not text.strip() and not media:
            raise Refusal(422, "blank", "Validation failed: Text can't be blank")
        if words.length(text) + words.length(spoiler) > words.GREATEST:
            say = f"Validation failed: Text character limit of {words.GREATEST} exceeded"
            raise Refusal(422, "long", say)
        files = [file for file in media if file]
        if len(files) > 4 or (len(files) > 1 and any(file.kind == "video" for file in files)):
            raise Refusal(422, "media", "Cannot attach a video to a post that already contains images, or more than 4")
        if "language" in given and not (2 <= len(given["language"]) <= 8):
            raise Refusal(422, "language", "Validation failed: Language is invalid")
        return text, spoiler, files

    async def _edit(self, request: web.Request, author: Author) -> Any:
        status = self._own(request, author)
        given = await _fields(request, EDIT_FIELDS)
        text, spoiler, media = self._checked(given, author, fresh=False)
        if (text, spoiler, media) != (status.text, status.spoiler, status.media):
            status.text, status.spoiler, status.media = text, spoiler, media
            status.edited_at = datetime.now(UTC)
        return self._views.status(status, _base(request))

    async def _delete(self, request: web.Request, author: Author) -> Any:
        status = self._own(request, author)
        now = time.time()
        recent = self.instance.deletes.setdefault(author.id, deque())
        while recent and recent[0] < now - DELETE_WINDOW.total_seconds():
            recent.popleft()
        if len(recent) >= DELETES:
            reset = datetime.fromtimestamp(recent[0], UTC) + DELETE_WINDOW
            raise Refusal(429, "limit", "Too many requests", headers=limit_headers(DELETES, 0, reset))
        recent.append(now)
        shown = {**self._views.status(status, _base(request)), "text": status.text}
        status.deleted = True
        return shown

    async def _report(self, request: web.Request, author: Author) -> Any:
        given = await _fields(request, REPORT_FIELDS)
        target = self.instance.who(str(given.get("account_id", "")))
        if target is None:
            raise Refusal(404, "missing", "Record not found")
        category, comment = given.get("category", "other"), str(given.get("comment", ""))
        if category not in REPORT_CATEGORIES or len(comment) > 1_000:
            raise Refusal(
                422, "invalid", "Validation failed: Category is not included in the list, or Comment is too long"
            )
        said = [self.instance.standing(str(number)) for number in given.get("status_ids", ())]
        if any(one is None or one.author is not target for one in said):
            raise Refusal(404, "missing", "Record not found")
        made = {
            "id": str(len(self.instance.reports) + 1),
            "action_taken": False,
            "action_taken_at": None,
            "category": category,
            "comment": comment,
            "forwarded": given.get("forward", "") in ("true", "1", "True", True),
            "created_at": stamp(datetime.now(UTC)),
            "status_ids": [one.id for one in said if one],
            "rule_ids": None,
            "collection_ids": None,
            "target_account": self._views.account(target, _base(request)),
        }
        self.instance.reports.append({**made, "by": author.acct})
        return made

    async def _upload(self, request: web.Request, author: Author) -> Any:
        if not request.content_type.startswith("multipart/"):
            raise Refusal(422, "file", "Validation failed: File can't be blank")
        form = await request.post()
        if unknown := set(form) - {"file", "description", "focus", "thumbnail"}:
            raise Refusal(422, "unknown", f"Unknown fields: {', '.join(sorted(unknown))}")
        file, alt = form.get("file"), str(form.get("description", ""))
        if not isinstance(file, web.FileField):
            raise Refusal(422, "file", "Validation failed: File can't be blank")
        data = file.file.read()
        kind = file.content_type.split("/")[0]
        if kind not in BYTES or len(data) > BYTES[kind]:
            raise Refusal(422, "file", "Validation failed: File has an unknown type or is too large")
        if len(alt) > 1_500:
            raise Refusal(422, "alt", "Validation failed: Description is too long (maximum is 1500 characters)")
        made = self.instance.keep(Media(self.instance.number(), author, file.content_type, data, alt))
        return self._views.media(made, _base(request))

    async def _media(self, request: web.Request, author: Author) -> Any:
        one = self.instance.media.get(request.match_info["id"])
        if one is None or one.author is not author or one.used:
            raise Refusal(404, "missing", "Record not found")
        return self._views.media(one, _base(request))

    async def _status(self, request: web.Request, _author: Author) -> Any:
        return self._views.status(self._standing(request), _base(request))

    async def _context(self, request: web.Request, _author: Author) -> Any:
        status, base = self._standing(request), _base(request)
        above: list[Any] = []
        below: list[Any] = []
        waiting = [status.id]
        step = status.reply_to
        while step and (parent := self.instance.standing(step)):
            above.insert(0, self._views.status(parent, base))
            step = parent.reply_to
        while waiting:
            for one in self.instance.answers(waiting.pop()):
                below.append(self._views.status(one, base))
                waiting.append(one.id)
        return {"ancestors": above, "descendants": below}

    async def _notifications(self, request: web.Request, author: Author) -> Any:
        known = {"types[]", "exclude_types[]", "min_id", "since_id", "max_id", "limit"}
        if unknown := set(request.query) - known:
            raise Refusal(422, "unknown", f"Unknown parameters: {', '.join(sorted(unknown))}")
        types, base = request.query.getall("types[]", ["mention"]), _base(request)
        told = self.instance.told.get(author.id, []) if "mention" in types else []
        page = _page(request, [(number, status, at) for number, status, at in told if self.instance.standing(status)])
        return [
            {
                "id": number,
                "type": "mention",
                "group_key": f"ungrouped-{number}",
                "created_at": at.isoformat(),
                "account": self._views.account(self.instance.statuses[status].author, base),
                "status": self._views.status(self.instance.statuses[status], base),
            }
            for number, status, at in page
        ]

    async def _tag(self, request: web.Request, _author: Author) -> Any:
        tag = request.match_info["tag"].lower()
        found = [
            (one.id, one)
            for one in self.instance.statuses.values()
            if tag in words.tags(one.text) and not one.deleted and one.visibility == "public"
        ]
        return [self._views.status(one, _base(request)) for _, one in _page(request, found)]

    async def _account(self, request: web.Request, _author: Author) -> Any:
        number = request.match_info["id"]
        found = [(one.id, one) for one in self.instance.statuses.values() if one.author.id == number]
        page = _page(request, [(key, one) for key, one in found if not one.deleted])
        return [self._views.status(one, _base(request)) for _, one in page]

    async def _me(self, request: web.Request, author: Author) -> Any:
        return self._views.me(author, _base(request))

    async def _app(self, _request: web.Request, _author: Author) -> Any:
        redirect = "urn:ietf:wg:oauth:2.0:oob"
        uris = {"redirect_uri": redirect, "redirect_uris": [redirect], "vapid_key": ""}
        return {"id": "1", "name": "Crisis", "scopes": SCOPES, "website": None, **uris}

    async def _itself(self, request: web.Request, _author: Author) -> Any:
        return self._views.itself(_base(request))

    async def _file(self, request: web.Request) -> web.Response:
        one = self.instance.media.get(request.match_info["id"])
        if one is None:
            raise web.HTTPNotFound
        headers = {"X-Content-Type-Options": "nosniff"}
        return web.Response(body=one.data, content_type=one.content_type, headers=headers)

    def _standing(self, request: web.Request) -> Status:
        if (status := self.instance.standing(request.match_info["id"])) is None:
            raise Refusal(404, "missing", "Record not found")
        return status

    def _own(self, request: web.Request, author: Author) -> Status:
        status = self._standing(request)
        if status.author is not author:
            raise Refusal(404, "missing", "Record not found")
        return status

    async def _nowhere(self, request: web.Request) -> web.Response:
        self._ledger.refuse(self.name, f"{request.method} {request.path}", 404, "no such address")
        return web.json_response({"error": "Record not found"}, status=404)


def _base(request: web.Request) -> str:
    return f"{request.url.origin()}{PREFIX}"


async def _fields(request: web.Request, known: frozenset[str]) -> dict[str, Any]:
    """The body of a write, as JSON or as a form; a name in brackets is a list. A field nobody knows is refused."""
    if request.content_type == "application/json":
        try:
            given = await request.json()
        except ValueError:
            raise Refusal(400, "json", "Error occurred while parsing request parameters") from None
        if not isinstance(given, dict):
            raise Refusal(400, "json", "Error occurred while parsing request parameters")
    else:
        form = await request.post()
        given = {
            name.removesuffix("[]"): [str(one) for one in form.getall(name)] if name.endswith("[]") else str(form[name])
            for name in form
        }
    if unknown := set(given) - known:
        raise Refusal(422, "unknown", f"Unknown fields: {', '.join(sorted(unknown))}")
    return given


def _page(request: web.Request, found: list[Any]) -> list[Any]:
    """One page, newest first; `min_id` gives the page right after it, `since_id` the newest one."""

    def bound(name: str, otherwise: int) -> int:
        value = request.query.get(name, str(otherwise))
        if not value.isdigit():
            raise Refusal(400, "id", f"{name} is not an id")
        return int(value)

    limit = min(max(bound("limit", 20), 1), 80)
    low = max(bound("min_id", 0), bound("since_id", 0))
    within = sorted((one for one in found if low < int(one[0]) < bound("max_id", 10**30)), key=lambda one: int(one[0]))
    chosen = within[:limit] if "min_id" in request.query else within[-limit:]
    return chosen[::-1]
