"""Posts on X: one account's own wall, through API v2 with the account's own keys.

tweepy builds the calls; the session below decides where they go, how long they may take and what an answer means,
because tweepy has a fixed host, passes no timeout and can sleep on a limit. tweepy appears nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import requests
import tweepy
from pydantic import Field

from crisis.channels.base import (
    Accepted,
    Facts,
    Health,
    Inbound,
    Misconfigured,
    Outgoing,
    Polled,
    Rejected,
    SendError,
    Uncertain,
)
from crisis.channels.counting import x_size
from crisis.channels.errors import accepted_body, answer, as_promised, transport
from crisis.channels.opening import Opening
from crisis.channels.x_words import as_written, comparable, refusal
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
)
LITERAL_HOST = "https://api.twitter.com"  # written into tweepy.Client.request
T = TypeVar("T")

FOLLOW_UPS = frozenset({"update", "correction", "all_clear"})
CLOCK_DOUBT = timedelta(minutes=1)  # our clock against X's
MOST_PAGES = 5  # of 100 posts each; an account that posted more since then is for a person to look at

# At DEBUG these write the access token and the signature of every call.
for _name in ("tweepy", "requests_oauthlib", "oauthlib"):
    logging.getLogger(_name).setLevel(logging.WARNING)


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
        self._client.session = _Session(options.base_url, options.connect_seconds, options.read_seconds)
        self._thread = ThreadPoolExecutor(max_workers=FACTS.concurrency, thread_name_prefix=f"x-{opening.key}")
        self._own_id = ""

    async def send(self, out: Outgoing) -> Accepted:
        """Post once; an answer hangs under what it answers, a follow-up under the post it follows.

        Self-serve accounts may reply only where they were mentioned or quoted, and whether a thread under one's own
        post counts is not documented (X API docs, changes of 2026). So a follow-up that is refused as a reply is
        posted once more on its own: its text stands alone, and silence would be worse than a broken thread. An answer
        to a person makes no sense on its own and is `Rejected` with code "reply_refused"; it does not become
        `Misconfigured`, because one person we may not answer must not pause the whole account.
        """
        try:
            return await self._post(out, out.reply_to)
        except Misconfigured as error:
            if not (out.reply_to and error.code == "forbidden"):
                raise
            if out.phase not in FOLLOW_UPS:
                raise Rejected(error.say, code="reply_refused") from None
        return replace(await self._post(out, None), calls=2)

    async def find(self, out: Outgoing) -> Accepted | None:
        """Look for `out` among our own posts since its first attempt."""
        if out.first_attempt_at is None:
            raise Uncertain("cannot look for a post without the time of its first attempt")
        return await self._run(self._find, out)

    async def delete(self, provider_id: str) -> None:
        await self._run(self._delete, provider_id)

    async def check(self) -> Health:
        """Whose keys these are. X tells only on posting whether the app may write (X API docs, apps)."""
        try:
            me = await self._run(self._me)
        except SendError as error:
            return Health(ok=False, say=error.say)
        handle = str(me.get("username", ""))
        if handle.lower() != self._handle.lower():
            return Health(ok=False, say=f"these keys belong to @{handle}, not to @{self._handle}")
        return Health(ok=True, say=f"signed in as @{handle}", details={"id": str(me["id"])})

    async def poll(self, cursor: str | None) -> Polled:
        """Posts that mention us since the post `cursor`, oldest first; the first poll only learns where to start."""
        return await self._run(self._poll, cursor)

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._client.session.close()

    async def _run(self, call: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(call, *given))

    async def _post(self, out: Outgoing, reply_to: str | None) -> Accepted:
        """A refused duplicate is ours only if it was posted since our first attempt: an equal text of hours ago is an
        old message, and to call the new one accepted would be untrue.
        """
        try:
            return await self._run(self._create, out.text, reply_to)
        except Rejected as error:
            found = await self.find(out) if error.code == "duplicate" and out.first_attempt_at else None
            if found is None:
                raise
            return found

    def _create(self, text: str, reply_to: str | None) -> Accepted:
        made = _ask(self._client.create_tweet, text=text, in_reply_to_tweet_id=reply_to)
        return replace(self._accepted(made.data), wait=self._client.session.wait)

    def _delete(self, provider_id: str) -> None:
        try:
            _ask(self._client.delete_tweet, provider_id)
        except Rejected as error:
            if error.code != "404":  # already gone
                raise

    def _find(self, out: Outgoing) -> Accepted | None:
        assert out.first_attempt_at is not None  # noqa: S101 - find() holds it
        since = out.first_attempt_at - CLOCK_DOUBT
        wanted = comparable(out.text)
        self._own_id = self._own_id or str(self._me()["id"])
        token: str | None = None
        for _ in range(MOST_PAGES):
            page = _ask(
                self._client.get_users_tweets,
                self._own_id,
                start_time=since,
                max_results=100,
                tweet_fields=["created_at", "entities"],
                pagination_token=token,
            )
            for post in page.data or ():
                if post.created_at >= since and comparable(as_written(post.data)) == wanted:
                    return self._accepted(post.data)
            if not (token := page.meta.get("next_token")):
                return None
        raise Uncertain(f"more than {MOST_PAGES * 100} posts since the first attempt; look on the wall")

    def _poll(self, cursor: str | None) -> Polled:
        self._own_id = self._own_id or str(self._me()["id"])
        found: list[Inbound] = []
        newest, token = cursor, None
        for _ in range(MOST_PAGES):
            page = _ask(
                self._client.get_users_mentions,
                self._own_id,
                since_id=cursor,  # the same for every page; X names the newest on the first (X API docs, pagination)
                max_results=100,
                tweet_fields=["created_at", "lang", "referenced_tweets"],
                expansions=["author_id"],
                pagination_token=token,
            )
            names = {str(user.id): str(user.username) for user in (page.includes or {}).get("users", ())}
            newest = max(filter(None, (newest, page.meta.get("newest_id"))), key=int, default=None)
            found.extend(_inbound(post.data, names) for post in page.data or ())
            if cursor is None or not (token := page.meta.get("next_token")):
                break
        return Polled(newest or "1", inbounds=found[::-1] if cursor else ())

    def _me(self) -> Mapping[str, Any]:
        me = _ask(self._client.get_me).data
        if me is None:
            raise Uncertain("X did not say whose keys these are")
        data: Mapping[str, Any] = me.data
        return data

    def _accepted(self, post: Mapping[str, Any] | None) -> Accepted:
        if not post or not post.get("id"):
            raise Uncertain("X took the call but named no post")
        return Accepted(str(post["id"]), f"https://x.com/{self._handle}/status/{post['id']}")


class _Session(requests.Session):
    """Sends tweepy's calls to `base_url`, with timeouts, and turns every answer but a success into a `SendError`.

    The address is changed before the request is prepared, because the OAuth 1.0a signature covers it (RFC 5849, 3.4.1).
    """

    def __init__(self, base_url: str, connect: float, read: float) -> None:
        super().__init__()
        self._base_url = base_url
        self._patience = (connect, read)
        self.wait: float | None = None  # what the last answer said about its endpoint's window

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        request.url = str(request.url).replace(LITERAL_HOST, self._base_url, 1)
        return super().prepare_request(request)

    def send(self, request: requests.PreparedRequest, **given: Any) -> requests.Response:
        given |= {"timeout": self._patience, "allow_redirects": False}
        try:
            response = super().send(request, **given)
        except requests.RequestException as error:
            raise transport(error) from None  # the chain would carry the request, and with it its signature
        told = answer(response.status_code, response.headers, response.text)
        accepted_body(told, refusal)
        self.wait = told.wait
        return response


def _ask(call: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """One call of tweepy as the account itself."""
    with as_promised():
        return call(*given, **named, user_auth=True)


def _inbound(post: Mapping[str, Any], names: Mapping[str, str]) -> Inbound:
    """A mention as X gives it (X API docs, post object)."""
    author = names.get(str(post.get("author_id")), str(post.get("author_id", "")))
    answers = next((one["id"] for one in post.get("referenced_tweets") or () if one.get("type") == "replied_to"), None)
    return Inbound(
        provider_id=str(post["id"]),
        author=author,
        text=as_written(post),
        at=datetime.fromisoformat(str(post["created_at"])),
        language=post.get("lang"),
        in_reply_to=str(answers) if answers else None,
        url=f"https://x.com/{author}/status/{post['id']}",
    )
