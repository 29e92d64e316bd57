"""The HTTP face of the pretend X, under /x: posting, deleting, looking up, timelines and mentions.

Each call goes the same way: who signed it, is the window used up, is a fault switched on, then the work.
"""

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import HTTP
from functools import partial
from typing import Any

from aiohttp import web

from crisis.simulator import trouble
from crisis.simulator.accounts import XAccount
from crisis.simulator.faults import HTTP_KINDS, Faults
from crisis.simulator.ledger import Ledger
from crisis.simulator.x import request as contract
from crisis.simulator.x import search, views, weights
from crisis.simulator.x.limits import Limits
from crisis.simulator.x.media import Media, Picture
from crisis.simulator.x.problems import DUPLICATE, INVALID, NOT_FOUND, Dialect, Refusal, json_answer, too_many
from crisis.simulator.x.signature import Keyring, NotSigned, Signed
from crisis.simulator.x.wall import MOST_EDITS, Author, Wall

Work = Callable[[web.Request, bytes, Author], tuple[int, dict[str, Any]]]
_ID = re.compile(r"[0-9]{1,19}")


class XApi:
    """Handlers over one wall."""

    def __init__(self, accounts: tuple[XAccount, ...], wall: Wall, faults: Faults, ledger: Ledger) -> None:
        """Know these accounts and post to this wall."""
        self._settings = {account.user_id: account for account in accounts}
        self._keys = Keyring(accounts)
        self._wall = wall
        self._faults = faults
        self._ledger = ledger
        self.limits = Limits()
        self.media = Media()

    def routes(self) -> list[web.RouteDef]:
        """The addresses served."""
        answers: tuple[tuple[str, str, str, Work], ...] = (
            ("POST", "/2/tweets", "post", self._create),
            ("DELETE", "/2/tweets/{id}", "delete", self._delete),
            ("GET", "/2/tweets/{id}", "lookup", self._lookup),
            ("GET", "/2/users/me", "me", self._me),
            ("GET", "/2/users/{id}/tweets", "timeline", self._timeline),
            ("GET", "/2/users/{id}/mentions", "mentions", self._mentions),
            ("GET", "/2/tweets/search/recent", "search", self._search),
            ("PUT", "/2/tweets/{id}/hidden", "hide", self._hide),
            ("POST", "/2/media/upload", "media", self._media),
            ("GET", "/2/media/upload", "media", self._media),
            ("POST", "/2/media/upload/initialize", "media", self._media),
            ("POST", "/2/media/upload/{id}/append", "media", self._media),
            ("POST", "/2/media/upload/{id}/finalize", "media", self._media),
            ("POST", "/2/media/metadata", "media", self._media),
        )
        # Also without /x, for a client whose address may hold no path.
        return [
            *(
                web.route(method, prefix + path, partial(self._handle, endpoint=endpoint, work=work))
                for prefix in ("/x", "")
                for method, path, endpoint, work in answers
            ),
            *(web.route("*", prefix + "/{rest:.*}", self._nowhere) for prefix in ("/x", "/2")),
        ]

    async def _handle(self, request: web.Request, *, endpoint: str, work: Work) -> web.StreamResponse:
        body = await request.read()
        self._ledger.count("x", endpoint)
        form = body.decode("utf-8", "replace") if request.content_type == "application/x-www-form-urlencoded" else ""
        signed = Signed(
            method=request.method,
            url=str(request.url.with_query(None)),
            path=request.rel_url.raw_path.removeprefix("/x"),
            query=request.rel_url.raw_query_string,
            authorization=request.headers.get("Authorization", ""),
            form=form,
        )
        try:
            account = self._keys.account_of(signed)
        except NotSigned as reason:
            self._ledger.refuse("x", endpoint, 401, str(reason))
            return json_answer(401, Refusal(401, "Unauthorized").body)
        window, within = self.limits.take(account.user_id, endpoint)
        if not within:
            self._ledger.refuse("x", endpoint, 429, "the window of fifteen minutes is used up", account.name)
            return json_answer(429, too_many(), window.headers)
        dialect = Dialect(window)
        write = endpoint in ("post", "delete", "hide") or (endpoint == "media" and request.method == "POST")
        fault = self._faults.pick("x", HTTP_KINDS, account.handle, write=write)
        if fault:
            self._ledger.trouble(f"x {endpoint} @{account.handle}: {fault.kind}")

        async def accept() -> web.Response:
            author = self._wall.author(account.user_id, account.handle, account.display_name)
            try:
                status, answer = work(request, body, author)
            except Refusal as refusal:
                self._ledger.refuse("x", endpoint, refusal.status, str(refusal), account.name)
                return json_answer(refusal.status, refusal.body, window.headers)
            self._ledger.version += write
            return json_answer(status, answer, window.headers)

        return await trouble.answer(request, fault, dialect, accept)

    def _create(self, request: web.Request, raw: bytes, author: Author) -> tuple[int, dict[str, Any]]:
        body = _json(request, raw)
        if wrong := contract.complaints(body):
            errors = [{"parameters": {}, "message": complaint} for complaint in wrong]
            raise Refusal(
                400,
                "One or more parameters to your request was invalid: " + "; ".join(wrong),
                type=INVALID,
                errors=errors,
            )
        for missing in ("poll", "geo", "community_id"):
            if missing in body:
                raise Refusal(400, f"This simulator does not play {missing}.", type=INVALID)
        text = body.get("text", "")
        self._check_text(text)
        reply = body.get("reply", {}).get("in_reply_to_tweet_id")
        if reply:
            self._check_reply(author, reply)
        quoted = body.get("quote_tweet_id")
        if quoted and (quoted not in self._wall.posts or self._wall.posts[quoted].deleted):
            raise Refusal(403, "You attempted to quote a Tweet that is deleted or not visible to you.")
        if self._wall.is_repeat(author, text):
            raise Refusal(403, DUPLICATE)
        pictures = self.media.taken(author.user_id, body.get("media", {}).get("media_ids", []))
        if options := body.get("edit_options"):
            return 201, self._edited(author, options["previous_post_id"], text, pictures)
        post = self._wall.add(author, text, reply, quoted, pictures)
        return 201, {"data": {"id": post.id, "text": post.shown, "edit_history_tweet_ids": [post.id]}}

    def _edited(self, author: Author, number: str, text: str, pictures: Sequence[Picture]) -> dict[str, Any]:
        """A new version of a post, for accounts that pay for it (X API docs, edit posts)."""
        post = self._wall.get(number)
        if post is None or post.deleted or post.author is not author:
            raise Refusal(403, "You are not permitted to edit this Post.")
        if not self._settings[author.user_id].edits:
            raise Refusal(403, "You are not permitted to perform this action: editing needs a Premium account.")
        if number != post.latest or len(post.versions) > MOST_EDITS or datetime.now(UTC) > post.editable_until:
            raise Refusal(400, "This Post can no longer be edited.", type=INVALID)
        self._wall.edit(post, text)
        post.pictures = pictures or post.pictures
        return {"data": {"id": post.latest, "text": post.shown, "edit_history_tweet_ids": post.versions}}

    def _check_text(self, text: str) -> None:
        if not text.strip():
            raise Refusal(400, "The text is empty.", type=INVALID)
        if weights.has_forbidden(text):
            raise Refusal(400, "The text holds a character that is not allowed.", type=INVALID)
        if (weight := weights.length(text.strip())) > weights.GREATEST:
            raise Refusal(400, f"The text is too long: {weight} of at most {weights.GREATEST}.", type=INVALID)

    def _check_reply(self, author: Author, number: str) -> None:
        parent = self._wall.get(number)
        if parent is None or parent.deleted:
            raise Refusal(403, "You attempted to reply to a Tweet that is deleted or not visible to you.")
        rules = self._settings[author.user_id]
        own = parent.author.user_id == author.user_id
        if (own and not rules.self_replies) or (
            not own and rules.summoned_only and not self._wall.summons(parent, author)
        ):
            raise Refusal(403, "You are not permitted to reply: the author has not mentioned or quoted your account.")

    def _delete(self, request: web.Request, _body: bytes, author: Author) -> tuple[int, dict[str, Any]]:
        number = _id(request)
        post = self._wall.get(number)
        if post is None or post.deleted:
            raise Refusal(
                404,
                f"Could not find tweet with id: [{number}].",
                type=NOT_FOUND,
                resource_type="tweet",
                resource_id=number,
            )
        if post.author.user_id != author.user_id:
            raise Refusal(403, "You are not authorized to delete this Tweet.")
        post.deleted = True
        return 200, {"data": {"deleted": True}}

    def _lookup(self, request: web.Request, _body: bytes, _author: Author) -> tuple[int, dict[str, Any]]:
        number = _id(request)
        post = self._wall.get(number)
        if post is None or post.deleted:
            problem = Refusal(
                404, f"Could not find tweet with id: [{number}].", type=NOT_FOUND, resource_type="tweet",
                resource_id=number, parameter="id", value=number,
            ).body  # fmt: skip
            del problem["status"]
            return 200, {"errors": [problem]}
        return 200, {"data": views.post(post, views.fields(request.query), self._wall)}

    def _me(self, _request: web.Request, _body: bytes, author: Author) -> tuple[int, dict[str, Any]]:
        return 200, {"data": views.user(author)}

    def _timeline(self, request: web.Request, _body: bytes, _author: Author) -> tuple[int, dict[str, Any]]:
        return self._page(request, self._wall.by(_id(request)))

    def _mentions(self, request: web.Request, _body: bytes, _author: Author) -> tuple[int, dict[str, Any]]:
        about = self._wall.authors.get(_id(request))
        return self._page(request, self._wall.mentioning(about) if about else [])

    def _search(self, request: web.Request, _body: bytes, _author: Author) -> tuple[int, dict[str, Any]]:
        try:
            found = search.find(self._wall, request.query)
            asked = {name: value for name, value in request.query.items() if name not in ("query", "next_token")}
            if token := request.query.get("next_token"):
                asked["pagination_token"] = token
            return 200, views.page(found, asked, self._wall)
        except views.BadQuery as error:
            raise Refusal(400, f"One or more parameters to your request was invalid: {error}.", type=INVALID) from error

    def _hide(self, request: web.Request, raw: bytes, author: Author) -> tuple[int, dict[str, Any]]:
        number = _id(request)
        hidden = _json(request, raw)
        if set(hidden) != {"hidden"} or not isinstance(hidden["hidden"], bool):
            raise Refusal(400, "hidden is true or false, and nothing else is given.", type=INVALID)
        post = self._wall.get(number)
        root = self._wall.posts.get(post.conversation_id) if post else None
        if post is None or post.deleted or root is None:
            raise Refusal(404, f"Could not find tweet with id: [{number}].", type=NOT_FOUND)
        if root.author.user_id != author.user_id or post is root:
            raise Refusal(403, "You can hide only replies in a conversation you began.")
        post.hidden = hidden["hidden"]
        return 200, {"data": {"hidden": post.hidden}}

    def _media(self, request: web.Request, raw: bytes, author: Author) -> tuple[int, dict[str, Any]]:
        step = request.path.rpartition("/")[2] if request.method == "POST" else "status"
        form = self._form(request, raw) if request.content_type == "multipart/form-data" else None
        given: dict[str, Any] = (
            form if form is not None else dict(request.query) if step == "status" else _json(request, raw or b"{}")
        )
        return 200, self.media.step(author.user_id, step, request.match_info.get("id", ""), given)

    @staticmethod
    def _form(request: web.Request, raw: bytes) -> dict[str, Any]:
        """A multipart body taken apart: text as text, the file as bytes."""
        head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
        found: dict[str, Any] = {}
        for part in message_from_bytes(head + raw, policy=HTTP).iter_parts():
            name = str(part.get_param("name", header="Content-Disposition"))
            body = part.get_payload(decode=True)
            found[name] = body if part.get_filename() else body.decode() if isinstance(body, bytes) else ""
        return found

    def _page(self, request: web.Request, posts: list[Any]) -> tuple[int, dict[str, Any]]:
        try:
            return 200, views.page(posts, request.query, self._wall)
        except views.BadQuery as error:
            raise Refusal(400, f"One or more parameters to your request was invalid: {error}.", type=INVALID) from error

    async def _nowhere(self, request: web.Request) -> web.Response:
        self._ledger.refuse("x", f"{request.method} {request.path}", 404, "no such address")
        return json_answer(404, Refusal(404, "There is nothing at this address.").body)


def _json(request: web.Request, raw: bytes) -> Any:
    if raw != b"{}" and request.content_type != "application/json":
        raise Refusal(400, "The body must be application/json.", type=INVALID)
    try:
        return json.loads(raw)
    except ValueError as error:
        raise Refusal(400, "The body is not valid JSON.", type=INVALID) from error


def _id(request: web.Request) -> str:
    number = request.match_info["id"]
    if not _ID.fullmatch(number):
        raise Refusal(400, f"The id [{number}] is not one to nineteen digits.", type=INVALID)
    return number
