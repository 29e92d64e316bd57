"""Posts on a professional Instagram account: a picture or film with a caption, published in two steps.

The network fetches the pictures itself, from our public address. A caption cannot be changed afterwards, so a correction
is a new post, and a comment under the wrong one.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from crisis.channels.base import (
    Accepted,
    Attachment,
    Facts,
    Health,
    Hook,
    HookEvents,
    Inbound,
    MediaFacts,
    Outgoing,
    Polled,
    Rejected,
    SendError,
    Shown,
    Uncertain,
)
from crisis.channels.errors import as_promised, odd_left_out
from crisis.channels.meta.checks import owner, rights
from crisis.channels.meta.containers import Containers
from crisis.channels.meta.graph import ADDRESS, Graph, GraphOptions
from crisis.channels.meta.graph_words import moment
from crisis.channels.meta.hooks import LARGEST, events
from crisis.channels.meta.instagram_words import comment_of, heard, tagged_of
from crisis.channels.meta.posts import Names
from crisis.channels.opening import Opening
from crisis.channels.text.counting import plain
from crisis.channels.text.unmarked import comparable

FACTS = Facts(
    name="instagram",
    label="Instagram",
    form="full",
    medium="wall",
    public=True,
    repeat_safe=False,  # a container is published once, but only the account's feed gives the post's id back
    threads=False,
    receipts=False,
    pace=0.1,  # ours; the day's quota is read from the network (Instagram docs, content_publishing_limit)
    concurrency=1,
    measure=plain(2_200),  # Instagram docs, caption
    media=MediaFacts(
        pictures=10,  # Instagram docs, carousel
        picture_types=frozenset({"image/jpeg"}),
        picture_bytes=8_000_000,
        picture_side=1440,
        shapes=(0.8, 1.91),
        films=1,
        film_types=frozenset({"video/mp4"}),
        film_bytes=100_000_000,
        film_seconds=900,
        needed="picture",
        alt_length=1000,
    ),
    edits=None,
    deletes=True,  # the specification of 2026 has it; where an account may not, the refusal says so
)
HOSTS = {"facebook": "https://graph.facebook.com/v26.0", "instagram": "https://graph.instagram.com/v26.0"}
CLOCK_DOUBT = timedelta(minutes=1)
LISTENED = timedelta(days=14)
NEEDED = ("instagram_basic", "instagram_content_publish")
WANTED = {"instagram_manage_comments": "read, answer, hide and delete comments"}
MEDIA = "id,caption,timestamp,permalink,comments_count"
NAMES = Names("caption", "timestamp", "permalink")
COMMENT = "id,text,timestamp,username,from,parent_id,hidden"


class Options(GraphOptions):
    """The keys of an Instagram account in crisis.toml."""

    user_id: str = Field(pattern=r"^[0-9]{1,20}$", description="the professional account's number")
    handle: str = Field(pattern=r"^[A-Za-z0-9_.]{1,30}$", description="the account's name, without @")
    login: Literal["facebook", "instagram"] = Field(
        default="facebook",
        description="where the token comes from; a token of the Instagram login runs for 60 days and is renewed by itself",
    )
    app_id: str = Field(
        default="",
        pattern=r"^[0-9]{0,20}$",
        description="the app's number; lets the health check read the token's rights",
    )
    base_url: str = Field(
        default="", pattern=rf"^$|{ADDRESS}", description="where the API is, with its version; by `login` if left out"
    )


class Instagram:
    """One open account."""

    facts = FACTS
    largest_hook = LARGEST
    shakes_hands = True

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        self.poll_seconds = options.poll_seconds
        self._me, self._handle, self._app = f"/{options.user_id}", options.handle.lower(), options.app_id
        self._own_login = options.login == "instagram"
        base_url = options.base_url or HOSTS[options.login]
        self._graph = Graph(opening, base_url, proof=not self._own_login)
        self._containers = Containers(
            self._graph,
            opening.notes,
            f"{self._me}/media",
            f"{self._me}/media_publish",
            f"{self._me}/content_publishing_limit",
            "status_code",
        )

    async def send(self, out: Outgoing) -> Accepted:
        """Publish once; an answer to a person becomes a reply under their comment."""
        if out.phase == "answer" and out.reply_to:
            made = await self._graph.post(f"/{out.reply_to}/replies", message=out.text)
            if not made.get("id"):
                raise Uncertain("Instagram took the call but named no comment")
            return Accepted(str(made["id"]))
        if not out.media:
            raise Rejected("Instagram takes no post without a picture; add one", code="no_picture")
        if found := await self._containers.earlier(out, self._in_feed):
            return found
        try:
            number = await self._containers.publish(out, lambda: self._wish(out), ready=False)
        except Rejected:
            await self._containers.blame_quota()
            raise
        if out.phase == "correction" and out.reply_to:
            # The new post is out; that the old one can't be commented on does not undo it.
            with suppress(SendError):
                await self._graph.post(f"/{out.reply_to}/comments", message=out.text)
        return Accepted(number, await self._graph.address(number, "permalink"), wait=self._graph.wait)

    async def find(self, out: Outgoing) -> Accepted | None:
        """What became of its container, and where the post stands in the feed; an answer is looked for as a reply."""
        if out.first_attempt_at is None:
            raise Uncertain("cannot look for a post without the time of its first attempt")
        if out.phase == "answer" and out.reply_to:
            return await self._replied(out, out.first_attempt_at - CLOCK_DOUBT)
        return await self._containers.find(out, self._in_feed)

    async def delete(self, provider_id: str) -> None:
        try:
            await self._graph.delete(f"/{provider_id}")
        except Rejected as error:
            say = f"delete it in the app; Instagram refuses it here: {error.say}"
            raise Rejected(say, code=error.code) from None

    async def hide(self, provider_id: str) -> None:
        await self._graph.post(f"/{provider_id}", hide=True)

    async def shown(self, since: datetime) -> Sequence[Shown]:
        return await NAMES.shown(self._feed(since))

    async def check(self) -> Health:
        """Whose token this is, what is left of the day's quota, and until when the token holds."""
        if self._own_login:
            await self._graph.renew("ig_refresh_token")
        health = await owner(self._graph, self._containers, self._me, self._handle)
        if self._own_login or not health.ok:  # that login has no debug_token
            return health
        may = await rights(self._graph, self._app, health.say, needed=NEEDED, wanted=WANTED)
        return replace(may, budget=health.budget)

    async def poll(self, cursor: str | None) -> Polled:
        """Comments under the posts of two weeks, and posts that tag us, since the time in `cursor`.

        A post is asked for its comments only when their number has changed.
        """
        now = datetime.now(UTC)
        if self._own_login:
            await self._graph.renew("ig_refresh_token")
        if cursor is not None and self._graph.crowded:
            return Polled(cursor)  # the calls that are left are for posting
        before = json.loads(cursor) if cursor else {"counts": {}}
        since = datetime.fromisoformat(before["since"]) - CLOCK_DOUBT if cursor else now
        counts: dict[str, int] = {}
        found: list[Inbound] = []
        async for row in self._feed(now - LISTENED):
            with as_promised():
                number, count = str(row["id"]), int(row.get("comments_count") or 0)
            counts[number] = count
            if cursor is not None and count != before["counts"].get(number, 0):
                found += await self._comments(number)
        if cursor is None:
            return Polled(json.dumps({"since": now.isoformat(), "counts": counts}))
        async for row in self._graph.newest(
            f"{self._me}/tags", since, when="timestamp", fields="id,caption,timestamp,permalink,username"
        ):
            with odd_left_out("Instagram"):
                found.append(tagged_of(row))
        others = [one for one in found if one.author.lower() != self._handle and one.at >= since]
        told = {"since": now.isoformat(), "counts": counts}
        return Polled(json.dumps(told), inbounds=sorted(others, key=lambda one: one.at))

    def read_hook(self, hook: Hook) -> HookEvents:
        mine, handle = self._me.removeprefix("/"), self._handle
        told = self._graph.hook_keys
        return events(hook, "instagram", lambda one: heard(one, handle) if one.whose == mine else None, told)

    async def close(self) -> None:
        await self._graph.close()

    async def _wish(self, out: Outgoing) -> str:
        """The container: one picture, one film, or a row of pictures."""
        if len(out.media) == 1:
            return await self._containers.make(caption=out.text, **_medium(out.media[0]))
        children = [await self._containers.make(is_carousel_item=True, **_medium(one)) for one in out.media]
        return await self._containers.make(media_type="CAROUSEL", caption=out.text, children=",".join(children))

    async def _in_feed(self, out: Outgoing) -> Accepted | None:
        since = (out.first_attempt_at or datetime.now(UTC)) - CLOCK_DOUBT
        return await NAMES.saying(self._feed(since), out.text)

    async def _replied(self, out: Outgoing, since: datetime) -> Accepted | None:
        wanted = comparable(out.text)
        async for rows in self._graph.pages(f"/{out.reply_to}/replies", fields=COMMENT):
            for row in rows:
                with as_promised():
                    ours = str(row.get("username") or "").lower() == self._handle
                    if ours and comparable(str(row.get("text") or "")) == wanted and moment(row["timestamp"]) >= since:
                        return Accepted(str(row["id"]))
        return None

    async def _comments(self, media: str) -> list[Inbound]:
        found = []
        async for rows in self._graph.pages(f"/{media}/comments", fields=f"{COMMENT},replies{{{COMMENT}}}"):
            for row in rows:
                with odd_left_out("Instagram"):
                    below = (row.get("replies") or {}).get("data") or []
                    found += [comment_of(row, media), *(comment_of(one, media, str(row["id"])) for one in below)]
        return found

    def _feed(self, since: datetime) -> AsyncIterator[dict[str, Any]]:
        return self._graph.newest(f"{self._me}/media", since, when="timestamp", fields=MEDIA)


def _medium(one: Attachment) -> dict[str, Any]:
    if one.kind == "film":  # alt text is for pictures only (Instagram docs, IG user media)
        return {"media_type": "REELS", "video_url": one.url}
    return {"image_url": one.url, "alt_text": one.alt or None}
