"""Posts on Threads, published in two steps: text alone, or with pictures or a film that the network fetches itself.

A follow-up hangs under the post it follows. A text cannot be changed afterwards; it can be deleted, a hundred in a day.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
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
    Inbound,
    MediaFacts,
    Misconfigured,
    Outgoing,
    Polled,
    Rejected,
    Shown,
    Uncertain,
)
from crisis.channels.errors import odd_left_out
from crisis.channels.meta.checks import owner
from crisis.channels.meta.containers import Containers
from crisis.channels.meta.graph import ADDRESS, Graph, GraphOptions
from crisis.channels.meta.hooks import LARGEST, events
from crisis.channels.meta.posts import Names
from crisis.channels.meta.threads_words import heard, said
from crisis.channels.opening import Opening
from crisis.channels.text.counting import threads_size

FACTS = Facts(
    name="threads",
    label="Threads",
    form="short",
    medium="wall",
    public=True,
    repeat_safe=False,  # a container is published once, but only the account's feed gives the post's id back
    threads=True,
    receipts=False,
    pace=0.2,  # ours; 250 posts and 1,000 replies in 24 hours, read from the network (Threads docs, publishing limit)
    concurrency=1,
    measure=threads_size,
    media=MediaFacts(
        pictures=20,  # Threads docs, carousel
        picture_types=frozenset({"image/jpeg", "image/png"}),
        picture_bytes=8_000_000,
        picture_side=1440,
        shapes=(0.1, 10.0),
        films=1,
        film_types=frozenset({"video/mp4"}),
        film_bytes=1_000_000_000,
        film_seconds=300,
        alt_length=1000,
    ),
    edits=None,
    deletes=True,
    deletes_per=(100, timedelta(hours=24)),  # Threads docs, publishing limit
)
FOLLOW_UPS = frozenset({"update", "correction", "all_clear"})
CLOCK_DOUBT = timedelta(minutes=1)
LISTENED = timedelta(days=7)
POST = "id,text,timestamp,permalink,username,has_replies"
REPLY = "id,text,timestamp,permalink,username,replied_to,root_post,is_reply_owned_by_me"
NAMES = Names("text", "timestamp", "permalink")


class Options(GraphOptions):
    """The keys of a Threads account in crisis.toml."""

    user_id: str = Field(pattern=r"^[0-9]{1,20}$", description="the account's number")
    handle: str = Field(pattern=r"^[A-Za-z0-9_.]{1,30}$", description="the account's name, without @")
    base_url: str = Field(
        default="https://graph.threads.net/v1.0", pattern=ADDRESS, description="where the API is, with its version"
    )


class Threads:
    """One open account."""

    facts = FACTS
    largest_hook = LARGEST
    shakes_hands = True

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        self.poll_seconds = options.poll_seconds
        self._me, self._handle = f"/{options.user_id}", options.handle.lower()
        self._graph = Graph(opening, options.base_url)
        self._containers = Containers(
            self._graph,
            opening.notes,
            f"{self._me}/threads",
            f"{self._me}/threads_publish",
            f"{self._me}/threads_publishing_limit",
            "status",
        )

    async def send(self, out: Outgoing) -> Accepted:
        """Publish once. A follow-up whose first post is gone stands alone; an answer to a person does not."""
        if found := await self._containers.earlier(out, self._among_ours):
            return found
        try:
            number = await self._containers.publish(out, lambda: self._wish(out, out.reply_to), ready=not out.media)
        except Rejected as error:
            await self._containers.blame_quota("reply_" if out.reply_to else "")
            if error.code != "gone" or not out.reply_to:
                raise
            if out.phase not in FOLLOW_UPS:
                raise Rejected(error.say, code="reply_refused") from None
            number = await self._containers.publish(out, lambda: self._wish(out, None), ready=not out.media)
        return Accepted(number, await self._graph.address(number, "permalink"), wait=self._graph.wait)

    async def find(self, out: Outgoing) -> Accepted | None:
        """What became of its container, and where the post stands among our own."""
        if out.first_attempt_at is None:
            raise Uncertain("cannot look for a post without the time of its first attempt")
        return await self._containers.find(out, self._among_ours)

    async def delete(self, provider_id: str) -> None:
        await self._graph.delete(f"/{provider_id}")

    async def hide(self, provider_id: str) -> None:
        await self._graph.post(f"/{provider_id}/manage_reply", hide=True)

    async def shown(self, since: datetime) -> Sequence[Shown]:
        found = await NAMES.shown(self._ours(since))
        return sorted(found, key=lambda one: one.at, reverse=True)

    async def check(self) -> Health:
        """Whose token this is, what is left of the day's quota, and until when the token holds."""
        await self._graph.renew("th_refresh_token")
        return await owner(self._graph, self._containers, self._me, self._handle)

    async def poll(self, cursor: str | None) -> Polled:
        """Replies in the conversations of a week, and posts that mention us, since the time in `cursor`."""
        now = datetime.now(UTC)
        await self._graph.renew("th_refresh_token")
        if cursor is None:
            return Polled(json.dumps({"since": now.isoformat()}))
        if self._graph.crowded:
            return Polled(cursor)  # the calls that are left are for posting
        since = datetime.fromisoformat(json.loads(cursor)["since"]) - CLOCK_DOUBT
        found: list[Inbound] = []
        async for post in self._graph.newest(f"{self._me}/threads", now - LISTENED, when="timestamp", fields=POST):
            if not post.get("has_replies"):
                continue
            number = str(post.get("id") or "")
            async for row in self._graph.newest(
                f"/{number}/conversation", since, when="timestamp", fields=REPLY, reverse=True
            ):
                with odd_left_out("Threads"):
                    found.append(said(row, "reply", number))
        with suppress(Misconfigured):  # a right of its own; without it the replies still come
            async for row in self._graph.newest(
                f"{self._me}/mentions", since, when="timestamp", fields="id,text,timestamp,permalink,username"
            ):
                with odd_left_out("Threads"):
                    found.append(said(row, "mention"))
        others = [one for one in found if one.author.lower() != self._handle]
        return Polled(json.dumps({"since": now.isoformat()}), inbounds=sorted(others, key=lambda one: one.at))

    def read_hook(self, hook: Hook) -> HookEvents:
        mine, handle = self._me.removeprefix("/"), self._handle
        return events(hook, "threads", lambda one: heard(one, handle, mine), self._graph.hook_keys)

    async def close(self) -> None:
        await self._graph.close()

    async def _wish(self, out: Outgoing, reply_to: str | None) -> str:
        """The container: text, one picture or film with text, or a row of them."""
        if not out.media:
            return await self._containers.make(media_type="TEXT", text=out.text, reply_to_id=reply_to)
        if len(out.media) == 1:
            return await self._containers.make(text=out.text, reply_to_id=reply_to, **_medium(out.media[0]))
        children = [await self._containers.make(is_carousel_item=True, **_medium(one)) for one in out.media]
        return await self._containers.make(
            media_type="CAROUSEL", text=out.text, children=",".join(children), reply_to_id=reply_to
        )

    async def _among_ours(self, out: Outgoing) -> Accepted | None:
        rows = self._ours((out.first_attempt_at or datetime.now(UTC)) - CLOCK_DOUBT)
        if out.phase == "answer":  # the same answer to somebody else is not this one
            rows = (row async for row in rows if str((row.get("replied_to") or {}).get("id") or "") == out.reply_to)
        return await NAMES.saying(rows, out.text)

    async def _ours(self, since: datetime) -> AsyncIterator[dict[str, Any]]:
        for part, fields in (("threads", POST), ("replies", f"{POST},replied_to")):
            async for row in self._graph.newest(f"{self._me}/{part}", since, when="timestamp", fields=fields):
                yield row


def _medium(one: Attachment) -> dict[str, Any]:
    alt = {"alt_text": one.alt or None}
    if one.kind == "film":
        return {"media_type": "VIDEO", "video_url": one.url, **alt}
    return {"media_type": "IMAGE", "image_url": one.url, **alt}
