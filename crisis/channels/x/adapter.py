"""Posts on X: one account's own wall, through API v2 with the account's own keys.

Calls go through `client`, what people say comes through `listening`, changes in place through `editing`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

import tweepy
from pydantic import Field

from crisis.channels.base import (
    Accepted,
    Facts,
    Health,
    Misconfigured,
    Outgoing,
    Polled,
    Rejected,
    SendError,
    Shown,
    Uncertain,
)
from crisis.channels.errors import as_promised
from crisis.channels.opening import Opening
from crisis.channels.own_thread import OwnThread
from crisis.channels.text.counting import x_size
from crisis.channels.text.unmarked import comparable
from crisis.channels.x.client import CLOCK_DOUBT, MOST_PAGES, Session, ask, call
from crisis.channels.x.editing import first_of, latest
from crisis.channels.x.listening import Conversations, Listening, Reads
from crisis.channels.x.media import MEDIA, upload
from crisis.channels.x.words import as_written
from crisis.settings import Frozen, SecretRef

FACTS = Facts(
    name="x",
    label="X",
    form="short",
    medium="wall",
    public=True,
    repeat_safe=False,  # no idempotency key; a refused duplicate is only a weak guard
    threads=True,
    receipts=False,
    pace=100 / (15 * 60),  # X API docs, rate limits: 100 posts per user in 15 minutes
    concurrency=1,
    measure=x_size,
    media=MEDIA,
    # No `edits`: X lets paying accounts alone change a post, for half an hour by one of its pages and an hour by another
    # (X API docs, edit posts). Which accounts those are stands in crisis.toml, `edit_minutes`.
    deletes=True,
    deletes_per=(50, timedelta(minutes=15)),  # X API docs, rate limits
)
log = logging.getLogger(__name__)
FOLLOW_UPS = frozenset({"update", "correction", "all_clear"})


class Options(Frozen):
    """The keys of an X account in crisis.toml."""

    handle: str = Field(pattern=r"^[A-Za-z0-9_]{1,15}$", description="the account's name, without @")
    consumer_key: SecretRef = Field(description="API key of the app")
    consumer_secret: SecretRef = Field(description="API key secret of the app")
    access_token: SecretRef = Field(description="access token of the account, with read and write")
    access_token_secret: SecretRef = Field(description="access token secret of the account")
    base_url: str = Field(default="https://api.x.com", pattern=r"^https?://[^\s/]+$", description="where the API is")
    connect_seconds: float = Field(default=5, gt=0, le=60, description="longest wait for a connection")
    read_seconds: float = Field(default=15, gt=0, le=120, description="longest wait for an answer")
    poll_seconds: float = Field(default=60, ge=5, le=3600, description="between looks for mentions; X bills each read")
    # The length apart: a repeat of all letters there are, written into the pattern, took 10 MiB of every process.
    hashtags: tuple[Annotated[str, Field(pattern=r"^\w+$", min_length=1, max_length=100)], ...] = Field(
        default=(), max_length=20, description="watched, without #"
    )
    edit_minutes: int = Field(
        default=0,
        ge=0,
        le=60,
        description="how long X lets this account change a post, 0: not at all; paying accounts only",
    )
    reads_per_day: int = Field(default=5000, ge=100, le=1_000_000, description="posts read a day at most")


class X:
    """One open X account. Its calls run one after another in a thread of their own, because tweepy blocks."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        self._handle = options.handle
        self.poll_seconds = options.poll_seconds
        self._client = tweepy.Client(
            consumer_key=options.consumer_key.reveal(),
            consumer_secret=options.consumer_secret.reveal(),
            access_token=options.access_token.reveal(),
            access_token_secret=options.access_token_secret.reveal(),
            wait_on_rate_limit=False,
        )
        self._client.session = Session(options.base_url, options.connect_seconds, options.read_seconds)
        self._thread = OwnThread(f"x-{opening.key}")
        self._own_id = ""
        self._notes = opening.notes
        self._reads = Reads(opening.notes, options.reads_per_day)
        self._conversations = Conversations(opening.notes)
        self._listening = Listening(
            self._client, self._own, options.handle, options.hashtags, self._reads, self._conversations
        )

    async def send(self, out: Outgoing) -> Accepted:
        """Post once; an answer hangs under what it answers, a follow-up under the post it follows.

        Self-serve accounts may reply only where they were mentioned or quoted, and whether a thread under one's own
        post counts is not documented (X API docs, changes of 2026). So a follow-up that is refused as a reply is
        posted once more on its own: its text stands alone, and silence would be worse than a broken thread. An answer
        to a person makes no sense on its own and is `Rejected` with code "reply_refused"; it does not become
        `Misconfigured`, because one person we may not answer must not pause the whole account.
        """
        media = await self._thread.run(upload, partial(call, self._client), self._notes, out) if out.media else ()
        try:
            return await self._post(out, out.reply_to, media)
        except Misconfigured as error:
            if not (out.reply_to and error.code == "forbidden"):
                raise
            if out.phase not in FOLLOW_UPS:
                raise Rejected(error.say, code="reply_refused") from None
        return replace(await self._post(out, None, media), calls=2)

    async def find(self, out: Outgoing) -> Accepted | None:
        """Look for `out` among our own posts since its first attempt."""
        if out.first_attempt_at is None:
            raise Uncertain("cannot look for a post without the time of its first attempt")
        return await self._thread.run(self._find, out)

    async def edit(self, provider_id: str, out: Outgoing) -> Accepted:
        """Put a new version in the place of a post. It keeps the id of its first version with us; X gives each its own."""
        media = await self._thread.run(upload, partial(call, self._client), self._notes, out) if out.media else ()
        return await self._thread.run(self._edit, provider_id, out, media)

    async def delete(self, provider_id: str) -> None:
        """All versions of it (X API docs, edit posts)."""
        await self._thread.run(self._delete, provider_id)

    async def check(self) -> Health:
        """Whose keys these are. X tells only on posting whether the app may write (X API docs, apps)."""
        try:
            me = await self._thread.run(self._me)
            budget = await self._thread.run(self._reads.budget)
        except SendError as error:
            return Health(ok=False, say=error.say)
        handle = str(me.get("username", ""))
        if handle.lower() != self._handle.lower():
            return Health(ok=False, say=f"these keys belong to @{handle}, not to @{self._handle}")
        return Health(ok=True, say=f"signed in as @{handle}", budget=budget, details={"id": str(me["id"])})

    async def shown(self, since: datetime) -> Sequence[Shown]:
        """Our own wall since then, newest first, answers to people among it."""
        return await self._thread.run(self._shown, since)

    async def hide(self, provider_id: str) -> None:
        """Hide a reply in a conversation we began; X refuses any other."""
        await self._thread.run(ask, self._client.hide_reply, provider_id)

    async def poll(self, cursor: str | None) -> Polled:
        """What names us, uses a watched hashtag or stands in a conversation we began, since `cursor`, oldest first.

        The first poll only learns where to start. When the day's reads are used up nothing is read and nothing is lost:
        the cursor stays, and X keeps seven days of search and 800 mentions.
        """
        return await self._thread.run(self._listening.poll, cursor)

    async def close(self) -> None:
        self._thread.close()
        self._client.session.close()

    async def _post(self, out: Outgoing, reply_to: str | None, media: Sequence[str]) -> Accepted:
        """A refused duplicate is ours only if it was posted since our first attempt: an equal text of hours ago is an
        old message, and to call the new one accepted would be untrue.
        """
        try:
            return await self._thread.run(self._create, out.text, reply_to, media)
        except Rejected as error:
            found = await self.find(out) if error.code == "duplicate" and out.first_attempt_at else None
            if found is None:
                raise
            return found

    def _create(self, text: str, reply_to: str | None, media: Sequence[str]) -> Accepted:
        made = ask(self._client.create_tweet, text=text, in_reply_to_tweet_id=reply_to, media_ids=media or None)
        accepted = replace(self._accepted(made.data), wait=self._client.session.wait)
        if reply_to is None:
            self._remember(accepted.provider_id)
        return accepted

    def _edit(self, provider_id: str, out: Outgoing, media: Sequence[str]) -> Accepted:
        """Doing it twice shows the same: what X says already is left alone. A refusal is about this post, not the account."""
        now = latest(self._client, provider_id)
        if comparable(as_written(now.post)) == comparable(out.text):
            return self._accepted(now.post)
        if not now.editable:
            raise Rejected("X no longer lets this post be changed", code="edit_over")
        wish: dict[str, Any] = {"text": out.text, "edit_options": {"previous_post_id": now.id}}
        if media:
            wish["media"] = {"media_ids": list(media)}
        try:
            made = call(self._client, "POST", "/2/tweets", json=wish).get("data")
        except Misconfigured as error:
            if error.code != "forbidden":
                raise
            raise Rejected(error.say, code="edit_refused") from None
        new = self._accepted(made if isinstance(made, dict) else None)
        return replace(new, provider_id=provider_id, calls=2, wait=self._client.session.wait)

    def _remember(self, post_id: str) -> None:
        """So that answers to it are found. It has been posted: nothing that fails here may undo that."""
        try:
            self._conversations.add(post_id)
        except Exception:  # whatever the database or the clock makes of it, the post stands
            log.exception("the conversation could not be remembered")

    def _shown(self, since: datetime) -> list[Shown]:
        return [
            Shown(first_of(post.data), as_written(post.data), post.created_at, self._accepted(post.data).url)
            for page in self._own_posts(since)
            for post in page
        ]

    def _delete(self, provider_id: str) -> None:
        try:
            ask(self._client.delete_tweet, provider_id)
        except Rejected as error:
            if error.code != "404":  # already gone
                raise

    def _find(self, out: Outgoing) -> Accepted | None:
        assert out.first_attempt_at is not None  # noqa: S101 - find() holds it
        since = out.first_attempt_at - CLOCK_DOUBT
        wanted = comparable(out.text)
        for page in self._own_posts(since):
            for post in page:
                if post.created_at >= since and comparable(as_written(post.data)) == wanted and _there(post.data, out):
                    return self._accepted(post.data)
        return None

    def _own_posts(self, since: datetime) -> Iterator[Sequence[Any]]:
        """Our posts since then, page by page, newest first. Raises `Uncertain` when there are too many to look through."""
        token: str | None = None
        for _ in range(MOST_PAGES):
            page = ask(
                self._client.get_users_tweets,
                self._own(),
                start_time=since,
                max_results=100,
                tweet_fields=["created_at", "entities", "referenced_tweets"],
                pagination_token=token,
            )
            with as_promised():
                posts = list(page.data or ())
                self._reads.add(len(posts))
            yield posts
            if not (token := page.meta.get("next_token")):
                return
        raise Uncertain(f"more than {MOST_PAGES * 100} posts since the first attempt; look on the wall")

    def _own(self) -> str:
        self._own_id = self._own_id or str(self._me()["id"])
        return self._own_id

    def _me(self) -> Mapping[str, Any]:
        me = ask(self._client.get_me).data
        if me is None:
            raise Uncertain("X did not say whose keys these are")
        data: Mapping[str, Any] = me.data
        return data

    def _accepted(self, post: Mapping[str, Any] | None) -> Accepted:
        if not post or not post.get("id"):
            raise Uncertain("X took the call but named no post")
        return Accepted(first_of(post), f"https://x.com/{self._handle}/status/{post['id']}")


def _there(post: Mapping[str, Any], out: Outgoing) -> bool:
    """Does it hang where `out` does? The same answer to somebody else is not this one; a follow-up may stand alone."""
    parents = {str(one.get("id")) for one in post.get("referenced_tweets") or () if one.get("type") == "replied_to"}
    return out.phase != "answer" or out.reply_to in parents
