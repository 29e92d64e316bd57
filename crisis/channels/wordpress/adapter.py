"""Articles on a web site or blog that runs WordPress, through its REST API with an application password.

Each article has an address of its delivery's own, by which it is found again.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from crisis.channels.base import (
    Accepted,
    Attachment,
    Facts,
    Health,
    Inbound,
    MediaFacts,
    Outgoing,
    Polled,
    Rejected,
    SendError,
    Shown,
    Uncertain,
    Unreachable,
)
from crisis.channels.calling import Caller
from crisis.channels.errors import as_promised, failure, odd_left_out
from crisis.channels.opening import Opening
from crisis.channels.text.counting import plain
from crisis.channels.text.markup import marked_up
from crisis.channels.wordpress.words import (
    COMMENT,
    NEEDED,
    article,
    gmt,
    inbound,
    pictures_of,
    refusal,
    same,
    shown,
    slug,
)
from crisis.settings import Frozen, SecretRef

FACTS = Facts(
    name="wordpress",
    label="Web site (WordPress)",
    form="full",
    medium="wall",
    public=True,
    repeat_safe=False,  # a second article with the same slug is taken, under another one
    threads=False,
    receipts=False,
    pace=1,  # WordPress has no limit of its own; its host may
    concurrency=2,
    measure=plain(60_000),  # a column of the database holds 65,535 bytes of comment, and more of an article
    media=MediaFacts(
        pictures=10,
        picture_types=frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"}),
        picture_bytes=8_000_000,  # the host decides; what most take
        picture_side=2_560,  # WordPress scales larger ones itself (WordPress 5.3, big images)
        alt_length=1_000,
    ),
    edits=timedelta.max,
    deletes=True,
)
PAGE = 100  # REST API handbook, pagination
MOST_PAGES = 5
UPLOAD_KEPT = timedelta(days=7)
GONE = frozenset({"rest_post_invalid_id", "rest_already_trashed", "rest_comment_invalid_id", "404", "410"})


class Options(Frozen):
    """The keys of a WordPress account in crisis.toml."""

    username: str = Field(min_length=1, max_length=60, description="a user of the site, editor or author")
    application_password: SecretRef = Field(description="made in that user's profile, never the one for signing in")
    base_url: str = Field(pattern=r"^https?://[^\s?#]+[^\s?#/]$", description="the site, https://www.example.org")
    api_path: str = Field(
        default="/wp-json", pattern=r"^/[^\s?#]*[^\s?#/]$", description="where the site's REST API is"
    )
    categories: tuple[int, ...] = Field(default=(), max_length=20, description="numbers of the categories of articles")
    connect_seconds: float = Field(default=5, gt=0, le=60, description="longest wait for a connection")
    read_seconds: float = Field(default=20, gt=0, le=120, description="longest wait for an answer")
    poll_seconds: float = Field(default=120, ge=5, le=3600, description="between looks for new comments")


class WordPress:
    """One open account."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        self._options, self._notes = options, opening.notes
        self.poll_seconds = options.poll_seconds
        pair = f"{options.username}:{options.application_password.reveal()}".encode()
        self._caller = Caller(
            options.base_url + options.api_path + "/wp/v2",
            connect=options.connect_seconds,
            read=options.read_seconds,
            connections=FACTS.concurrency,
            headers={"Authorization": f"Basic {base64.b64encode(pair).decode()}"},
        )
        self._own_id = 0

    async def send(self, out: Outgoing) -> Accepted:
        """Publish an article; an answer to a comment becomes a comment under it.

        If the site gives the article another address than we asked for, an earlier attempt got through after all: that
        one stays and the new one goes.
        """
        if out.reply_to and out.reply_to.startswith(COMMENT):
            return await self._answer(out, out.reply_to)
        media = [await self._uploaded(out, number, one) for number, one in enumerate(out.media)]
        body: dict[str, Any] = {
            "title": out.title,
            "content": article(out.text, [(url, alt) for _, url, alt in media[1:]]),
            "slug": slug(out),
            "status": "publish",
        }
        if media:
            body["featured_media"] = media[0][0]
        if self._options.categories:
            body["categories"] = list(self._options.categories)
        made = await self._caller.ask("POST", "/posts", json=body, codes=refusal)
        with as_promised():
            accepted = _accepted(made)
            other = made.get("slug") not in (None, slug(out))
        if other and (first := await self.find(out)):
            await self._caller.ask("DELETE", f"/posts/{accepted.provider_id}", params={"force": "true"}, codes=refusal)
            return first
        return accepted

    async def find(self, out: Outgoing) -> Accepted | None:
        """Look for the article by its address, whatever state it is in; for a comment among the answers."""
        if out.reply_to and out.reply_to.startswith(COMMENT):
            parent = out.reply_to.removeprefix(COMMENT)
            with as_promised():
                for one in await self._list("/comments", parent=parent, author=await self._me(), per_page=PAGE):
                    if same(str(one["content"]["rendered"]), out.text):
                        return Accepted(f"{COMMENT}{one['id']}", one.get("link"))
            return None
        found = await self._list("/posts", slug=slug(out), status="any", context="edit")
        with as_promised():
            return _accepted(found[0]) if found else None

    async def edit(self, provider_id: str, out: Outgoing) -> Accepted:
        """Change title and words; the address and the pictures stay."""
        if provider_id.startswith(COMMENT):
            number = provider_id.removeprefix(COMMENT)
            changed = {"content": str(marked_up(out.text))}
            made = await self._caller.ask("POST", f"/comments/{number}", json=changed, codes=refusal)
            return Accepted(provider_id, made.get("link"))
        old = await self._caller.ask("GET", f"/posts/{provider_id}", params={"context": "edit"}, codes=refusal)
        with as_promised():
            content = article(out.text) + pictures_of(str(old["content"]["raw"]))
        body = {"title": out.title, "content": content}
        made = await self._caller.ask("POST", f"/posts/{provider_id}", json=body, codes=refusal)
        with as_promised():
            return _accepted(made)

    async def delete(self, provider_id: str) -> None:
        """Into the site's trash, from where an editor could bring it back; for good where the site has none."""
        kind, number = "/posts", provider_id
        if provider_id.startswith(COMMENT):
            kind, number = "/comments", provider_id.removeprefix(COMMENT)
        try:
            await self._caller.ask("DELETE", f"{kind}/{number}", codes=refusal)
        except Rejected as error:
            if error.code == "rest_trash_not_supported":
                await self._caller.ask("DELETE", f"{kind}/{number}", params={"force": "true"}, codes=refusal)
            elif error.code not in GONE:
                raise

    async def hide(self, provider_id: str) -> None:
        """Take back the approval of a comment: it waits again, and nobody but the site's editors sees it."""
        number = provider_id.removeprefix(COMMENT)
        try:
            await self._caller.ask("POST", f"/comments/{number}", json={"status": "hold"}, codes=refusal)
        except Rejected as error:
            if error.code not in GONE:
                raise

    async def shown(self, since: datetime) -> Sequence[Shown]:
        """The articles of our own user; others write on a site too."""
        found: list[Shown] = []
        own = await self._me()
        for number in range(1, MOST_PAGES + 1):
            page = await self._list(
                "/posts", author=own, per_page=PAGE, page=number, orderby="date", order="desc", context="edit"
            )
            with as_promised():
                for one in page:
                    if gmt(one["date_gmt"]) < since:
                        return found
                    found.append(shown(one))
            if len(page) < PAGE:
                return found
        raise Uncertain(f"more than {MOST_PAGES * PAGE} articles since then; look at the site")

    async def check(self) -> Health:
        """Whose password this is, and what that user may do. Application passwords do not run out."""
        try:
            me = await self._caller.ask("GET", "/users/me", params={"context": "edit"}, codes=refusal)
        except SendError as error:
            return Health(ok=False, say=error.say)
        rights = me.get("capabilities") or {}
        if missing := [right for right in NEEDED if not rights.get(right)]:
            return Health(ok=False, say=f"this user lacks the rights {', '.join(missing)}; make it an editor")
        name = str(me.get("username") or me.get("slug") or self._options.username)
        hides = "yes" if rights.get("moderate_comments") else "no"
        return Health(ok=True, say=f"signed in as {name}", details={"id": str(me.get("id", "")), "moderates": hides})

    async def poll(self, cursor: str | None) -> Polled:
        """New comments, those that wait for approval too, oldest first; the first poll learns where to start."""
        old: dict[str, int] = json.loads(cursor) if cursor else {}
        found: dict[str, Inbound] = {}
        new: dict[str, int] = {}
        own = await self._me()
        for status in ("approve", "hold"):
            new[status] = await self._comments(status, old.get(status), own, found)
        return Polled(json.dumps(new), inbounds=sorted(found.values(), key=lambda one: one.at))

    async def close(self) -> None:
        await self._caller.close()

    async def _comments(self, status: str, last: int | None, own: int, found: dict[str, Inbound]) -> int:
        newest = last or 0
        for number in range(1, MOST_PAGES + 1):
            page = await self._list(
                "/comments",
                status=status,
                orderby="id",
                order="desc",
                page=number,
                per_page=PAGE if last is not None else 1,
            )
            with as_promised():
                for one in page:
                    newest = max(newest, int(one["id"]))
                    if last is None or int(one["id"]) <= last:
                        return newest
                    with odd_left_out("WordPress"):
                        if int(one.get("author") or 0) == own:
                            continue
                        found.setdefault(str(one["id"]), inbound(one))
            if len(page) < PAGE:
                break
        return newest

    async def _answer(self, out: Outgoing, to: str) -> Accepted:
        number = to.removeprefix(COMMENT)
        try:
            parent = await self._caller.ask("GET", f"/comments/{number}", codes=refusal)
        except Uncertain as error:
            raise Unreachable(f"nothing was said: {error.say}", code=error.code) from None
        except Rejected as error:
            raise Rejected(error.say, code="reply_refused") from None
        with as_promised():
            body = {"post": int(parent["post"]), "parent": int(number), "content": str(marked_up(out.text))}
        made = await self._caller.ask("POST", "/comments", json=body, codes=refusal)
        with as_promised():
            return Accepted(f"{COMMENT}{int(made['id'])}", made.get("link"))

    async def _uploaded(self, out: Outgoing, number: int, one: Attachment) -> tuple[int, str, str]:
        """A picture in the site's library, uploaded once and noted: its number, address and alt text.

        What goes wrong here is never uncertain: no article shows it yet.
        """
        note = f"media:{out.delivery_id}:{number}"
        known, _, url = (await asyncio.to_thread(self._notes.read, note) or "").partition(" ")
        if known:
            return int(known), url, one.alt
        headers = {
            "Content-Type": one.content_type,
            "Content-Disposition": f'attachment; filename="{slug(out)}-{number}{one.path.suffix}"',
        }
        try:
            data = await asyncio.to_thread(one.path.read_bytes)
            made = await self._caller.ask("POST", "/media", data=data, headers=headers, codes=refusal)
            with as_promised():
                media, url = int(made["id"]), str(made["source_url"])
            await self._caller.ask("POST", f"/media/{media}", json={"alt_text": one.alt}, codes=refusal)
        except Uncertain as error:
            raise Unreachable(f"the picture was not taken: {error.say}", code=error.code) from None
        await asyncio.to_thread(self._notes.write, note, f"{media} {url}", datetime.now(UTC) + UPLOAD_KEPT)
        return media, url, one.alt

    async def _me(self) -> int:
        if not self._own_id:
            me = await self._caller.ask("GET", "/users/me", codes=refusal)
            with as_promised():
                self._own_id = int(me["id"])
        return self._own_id

    async def _list(self, path: str, **params: Any) -> list[Mapping[str, Any]]:
        """The JSON list of a success. Raises `SendError`. A page beyond the last is empty."""
        given = await self._caller.answer("GET", path, params=params)
        if given.body.get("code") == "rest_post_invalid_page_number":
            return []
        if error := failure(given, refusal):
            raise error
        try:
            found = json.loads(given.text)
        except ValueError:
            found = None
        if not isinstance(found, list):
            raise Uncertain("the answer is cut off or not a list", code="shape")
        return found


def _accepted(post: Mapping[str, Any]) -> Accepted:
    return Accepted(str(int(post["id"])), post.get("link"))
