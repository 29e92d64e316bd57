"""Posts on a Facebook Page, through the Graph API with the Page's own token.

An update is a post of its own, because hardly anybody reads comments; an answer to a person is a comment. The API has no
guard against a repeat, so what is uncertain is looked for on the Page.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from crisis.channels.base import (
    Accepted,
    Attachment,
    Facts,
    Health,
    Hook,
    HookEvents,
    MediaFacts,
    Outgoing,
    Polled,
    Rejected,
    SendError,
    Shown,
    Uncertain,
    Unreachable,
)
from crisis.channels.errors import as_promised, odd_left_out
from crisis.channels.meta.checks import rights
from crisis.channels.meta.facebook_words import comment_of, heard, tagged_of
from crisis.channels.meta.graph import ADDRESS, Graph, GraphOptions
from crisis.channels.meta.graph_words import moment
from crisis.channels.meta.hooks import LARGEST, events
from crisis.channels.meta.posts import Names
from crisis.channels.opening import Opening
from crisis.channels.text.counting import plain

FACTS = Facts(
    name="facebook",
    label="Facebook",
    form="full",
    medium="wall",
    public=True,
    repeat_safe=False,  # no idempotency key; only an identical consecutive post is refused (Graph API docs, code 506)
    threads=False,
    receipts=False,
    pace=0.5,  # ours; the limit is 4,800 calls a day for each engaged user, told in headers (Graph API docs, rate limits)
    concurrency=1,
    measure=plain(63_206),  # third parties' number
    media=MediaFacts(
        pictures=10,  # ours; the API names no most
        picture_types=frozenset({"image/jpeg", "image/png"}),
        picture_bytes=4_000_000,  # Graph API docs, Page photos
        picture_side=2048,
        films=1,
        film_types=frozenset({"video/mp4"}),
        film_bytes=1_000_000_000,  # Graph API docs, Page videos, not in pieces: 1 GB and 20 minutes
        film_seconds=1200,
        alt_length=1000,  # ours; the API names none
    ),
    edits=timedelta.max,  # only what this app has posted (recalled, not tried)
    deletes=True,
)
CLOCK_DOUBT = timedelta(minutes=1)  # our clock against Meta's
LISTENED = timedelta(days=14)  # comments under older posts come by webhook only
NEEDED = ("pages_manage_posts", "pages_read_engagement")
WANTED = {"pages_manage_engagement": "answer, hide and delete comments"}
POST = "id,message,created_time,updated_time,permalink_url"
NAMES = Names("message", "created_time", "permalink_url")
COMMENT = "id,message,created_time,from,parent,permalink_url,attachment"


class Options(GraphOptions):
    """The keys of a Facebook Page in crisis.toml."""

    page_id: str = Field(pattern=r"^[0-9]{1,20}$", description="the Page's number")
    app_id: str = Field(
        default="",
        pattern=r"^[0-9]{0,20}$",
        description="the app's number; lets the health check read the token's rights",
    )
    base_url: str = Field(
        default="https://graph.facebook.com/v26.0", pattern=ADDRESS, description="where the API is, with its version"
    )


class Facebook:
    """One open Page."""

    facts = FACTS
    largest_hook = LARGEST
    shakes_hands = True

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        self.poll_seconds = options.poll_seconds
        self._page, self._app = options.page_id, options.app_id
        self._graph = Graph(opening, options.base_url, proof=True)

    async def send(self, out: Outgoing) -> Accepted:
        """Post once; an answer to a person becomes a comment under what they wrote."""
        if out.phase == "answer" and out.reply_to:
            made = await self._graph.post(f"/{out.reply_to}/comments", message=out.text)
            return await self._accepted(made)
        films = [one for one in out.media if one.kind == "film"]
        try:
            if films:
                return await self._film(out, films[0])
            photos = [await self._photo(one) for one in out.media]
            attached = [{"media_fbid": photo} for photo in photos] or None
            made = await self._graph.post(f"/{self._page}/feed", message=out.text, attached_media=attached)
        except Rejected as error:
            # An identical text was posted just before: it is ours only if it is not older than our first attempt.
            found = await self.find(out) if error.code == "duplicate" and out.first_attempt_at else None
            if found is None:
                raise
            return found
        return await self._accepted(made)

    async def find(self, out: Outgoing) -> Accepted | None:
        """Look for `out` on the Page, or among the comments it would be one of, since its first attempt."""
        if out.first_attempt_at is None:
            raise Uncertain("cannot look for a post without the time of its first attempt")
        since = out.first_attempt_at - CLOCK_DOUBT
        if out.phase == "answer" and out.reply_to:
            comments = self._comments(out.reply_to, since)
            ours = (row async for row in comments if str((row.get("from") or {}).get("id")) == self._page)
            return await NAMES.saying(ours, out.text)
        return await NAMES.saying(self._posts(since), out.text)

    async def edit(self, provider_id: str, out: Outgoing) -> Accepted:
        """The text of a post or comment; a film's text is its description."""
        if "_" in provider_id:
            await self._graph.post(f"/{provider_id}", message=out.text)
        else:
            await self._graph.post(f"/{provider_id}", description=out.text)
        return Accepted(provider_id, await self._graph.address(provider_id, "permalink_url"))

    async def delete(self, provider_id: str) -> None:
        await self._graph.delete(f"/{provider_id}")

    async def hide(self, provider_id: str) -> None:
        await self._graph.post(f"/{provider_id}", is_hidden=True)

    async def shown(self, since: datetime) -> Sequence[Shown]:
        """The Page's own posts."""
        return await NAMES.shown(self._posts(since))

    async def check(self) -> Health:
        """Whose token this is, what it may do, and until when."""
        try:
            page = await self._graph.get(f"/{self._page}", fields="id,name,is_published")
        except SendError as error:
            return Health(ok=False, say=error.say)
        if page.get("is_published") is False:
            return Health(ok=False, say="the Page is not published; publish it on facebook.com")
        say = f"may post on {page.get('name') or self._page}"
        return await rights(self._graph, self._app, say, needed=NEEDED, wanted=WANTED)

    async def poll(self, cursor: str | None) -> Polled:
        """Comments under the posts of two weeks, and posts that name the Page, since the time in `cursor`."""
        now = datetime.now(UTC)
        if cursor is None:
            return Polled(json.dumps({"since": now.isoformat()}))
        if self._graph.crowded:
            return Polled(cursor)  # the calls that are left are for posting
        since = datetime.fromisoformat(json.loads(cursor)["since"]) - CLOCK_DOUBT
        found = []
        async for post in self._posts(now - LISTENED):
            with as_promised():
                stirred = moment(post.get("updated_time") or post["created_time"]) >= since
            if stirred:
                async for row in self._comments(str(post["id"]), since):
                    with odd_left_out("Facebook"):
                        found.append(comment_of(row, str(post["id"])))
        async for row in self._graph.newest(f"/{self._page}/tagged", since, when="created_time", fields=f"{POST},from"):
            with odd_left_out("Facebook"):
                found.append(tagged_of(row))
        ours = [one for one in found if one.author != self._page]
        return Polled(json.dumps({"since": now.isoformat()}), inbounds=sorted(ours, key=lambda one: one.at))

    def read_hook(self, hook: Hook) -> HookEvents:
        mine = self._page
        return events(hook, "page", lambda one: heard(one, mine) if one.whose == mine else None, self._graph.hook_keys)

    async def close(self) -> None:
        await self._graph.close()

    async def _photo(self, picture: Attachment) -> str:
        """Upload a picture that nobody sees yet; safe to repeat."""
        content = await asyncio.to_thread(picture.path.read_bytes)
        try:
            made = await self._graph.post(
                f"/{self._page}/photos",
                upload=("source", content, picture.content_type),
                published=False,
                alt_text_custom=picture.alt or None,
            )
        except Uncertain as error:
            raise Unreachable(f"nothing was posted yet: {error.say}", code=error.code) from None
        if not made.get("id"):
            raise Unreachable("nothing was posted yet: Facebook took a picture and gave it no number")
        return str(made["id"])

    async def _film(self, out: Outgoing, film: Attachment) -> Accepted:
        """Facebook fetches the film itself: an upload of hundreds of megabytes is longer than a call may be."""
        made = await self._graph.post(
            f"/{self._page}/videos", file_url=film.url, description=out.text, title=out.title[:255] or None
        )
        return await self._accepted(made)

    async def _accepted(self, made: dict[str, Any]) -> Accepted:
        if not made.get("id"):
            raise Uncertain("Facebook took the call but named no post")
        number = str(made["id"])
        return Accepted(number, await self._graph.address(number, "permalink_url"), wait=self._graph.wait)

    def _posts(self, since: datetime) -> AsyncIterator[dict[str, Any]]:
        return self._graph.newest(f"/{self._page}/published_posts", since, when="created_time", fields=POST)

    def _comments(self, under: str, since: datetime) -> AsyncIterator[dict[str, Any]]:
        return self._graph.newest(
            f"/{under}/comments",
            since,
            when="created_time",
            fields=COMMENT,
            filter="stream",
            order="reverse_chronological",
        )
