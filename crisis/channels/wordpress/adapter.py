"""Articles on a web site or blog that runs WordPress, through its REST API with an application password.

Each article has an address of its delivery's own, by which it is found again.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from crisis.channels.base import (
    Accepted,
    Attachment,
    Facts,
    Health,
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
from crisis.channels.errors import as_promised
from crisis.channels.opening import Opening
from crisis.channels.text.counting import plain
from crisis.channels.wordpress.comments import Comments
from crisis.channels.wordpress.site import GONE, MOST_PAGES, PAGE, Site
from crisis.channels.wordpress.words import COMMENT, NEEDED, article, gmt, pictures_of, refusal, shown, slug
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
UPLOAD_KEPT = timedelta(days=7)


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
        self._site = Site(self._caller)
        self._comments = Comments(self._caller, self._site)

    async def send(self, out: Outgoing) -> Accepted:
        """Publish an article; an answer to a comment becomes a comment under it.

        If the site gives the article another address than we asked for, an earlier attempt got through after all: that
        one stays and the new one goes.
        """
        if out.reply_to and out.reply_to.startswith(COMMENT):
            return await self._comments.answer(out, out.reply_to)
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
            return await self._comments.find(out, out.reply_to)
        found = await self._site.rows("/posts", slug=slug(out), status="any", context="edit")
        with as_promised():
            return _accepted(found[0]) if found else None

    async def edit(self, provider_id: str, out: Outgoing) -> Accepted:
        """Change title and words; the address and the pictures stay."""
        if provider_id.startswith(COMMENT):
            return await self._comments.edit(provider_id, out)
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
        await self._comments.hold(provider_id)

    async def shown(self, since: datetime) -> Sequence[Shown]:
        """The articles of our own user; others write on a site too."""
        found: list[Shown] = []
        own = await self._site.me()
        for number in range(1, MOST_PAGES + 1):
            page = await self._site.rows(
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
        """New comments, those that wait for approval too."""
        return await self._comments.poll(cursor)

    async def close(self) -> None:
        await self._caller.close()

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


def _accepted(post: Mapping[str, Any]) -> Accepted:
    return Accepted(str(int(post["id"])), post.get("link"))
