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
    Budget,
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
    SendError,
    Shown,
    Uncertain,
)
from crisis.channels.errors import as_promised
from crisis.channels.meta.containers import Containers
from crisis.channels.meta.graph import ADDRESS, Graph, GraphOptions
from crisis.channels.meta.graph_words import moment
from crisis.channels.meta.hooks import LARGEST, changes, prove, shake
from crisis.channels.meta.threads_words import heard, said
from crisis.channels.opening import Opening
from crisis.channels.text.counting import threads_size
from crisis.channels.text.unmarked import comparable

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
        if (container := await self._containers.kept(out)) and (
            found := await self._containers.became(out, container, self._among_ours)
        ):
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
        if container := await self._containers.kept(out):
            return await self._containers.became(out, container, self._among_ours)
        return await self._among_ours(out)

    async def delete(self, provider_id: str) -> None:
        try:
            await self._graph.delete(f"/{provider_id}")
        except Rejected as error:
            if error.code not in ("gone", "404"):
                raise

    async def hide(self, provider_id: str) -> None:
        await self._graph.post(f"/{provider_id}/manage_reply", hide=True)

    async def shown(self, since: datetime) -> Sequence[Shown]:
        found = []
        async for row in self._ours(since):
            with as_promised():
                text = str(row.get("text") or "")
                found.append(Shown(str(row["id"]), text, moment(row["timestamp"]), row.get("permalink")))
        return sorted(found, key=lambda one: one.at, reverse=True)

    async def check(self) -> Health:
        """Whose token this is, what is left of the day's quota, and until when the token holds.

        The quota is told only to a token that may publish (Threads docs, permissions).
        """
        await self._graph.renew("th_refresh_token")
        try:
            me = await self._graph.get(self._me, fields="id,username")
            used, total = await self._containers.quota()
        except SendError as error:
            return Health(ok=False, say=error.say)
        handle = str(me.get("username") or "")
        if handle.lower() != self._handle:
            return Health(ok=False, say=f"this token belongs to @{handle}, not to @{self._handle}")
        say, budget = f"signed in as @{handle}", Budget(used, total, "posts")
        return Health(ok=True, say=say, expires_at=await self._graph.ends_at(), budget=budget)

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
                with as_promised():
                    found.append(said(row, "reply", number))
        with suppress(Misconfigured):  # a right of its own; without it the replies still come
            async for row in self._graph.newest(
                f"{self._me}/mentions", since, when="timestamp", fields="id,text,timestamp,permalink,username"
            ):
                with as_promised():
                    found.append(said(row, "mention"))
        others = [one for one in found if one.author.lower() != self._handle]
        return Polled(json.dumps({"since": now.isoformat()}), inbounds=sorted(others, key=lambda one: one.at))

    def read_hook(self, hook: Hook) -> HookEvents:
        if hook.method == "GET":
            return shake(hook, self._graph.verify_token)
        prove(hook, self._graph.app_secret)
        told = [heard(one, self._handle, self._me.removeprefix("/")) for one in changes(hook) if one.topic == "threads"]
        return HookEvents(inbounds=[one for one in told if one is not None])

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
        since, wanted = (out.first_attempt_at or datetime.now(UTC)) - CLOCK_DOUBT, comparable(out.text)
        async for row in self._ours(since):
            with as_promised():
                # The same answer to somebody else is not this one.
                if out.phase == "answer" and str((row.get("replied_to") or {}).get("id") or "") != out.reply_to:
                    continue
                if comparable(str(row.get("text") or "")) == wanted:
                    return Accepted(str(row["id"]), row.get("permalink"))
        return None

    async def _ours(self, since: datetime) -> AsyncIterator[dict[str, Any]]:
        for part, fields in (("threads", POST), ("replies", f"{POST},replied_to")):
            async for row in self._graph.newest(f"{self._me}/{part}", since, when="timestamp", fields=fields):
                yield row


def _medium(one: Attachment) -> dict[str, Any]:
    alt = {"alt_text": one.alt or None}
    if one.kind == "film":
        return {"media_type": "VIDEO", "video_url": one.url, **alt}
    return {"media_type": "IMAGE", "image_url": one.url, **alt}
