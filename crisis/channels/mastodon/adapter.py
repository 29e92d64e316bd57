"""Posts on Mastodon, and whatever speaks its API: one account on one instance, with a token of that account.

Calls go through `client`, what people say comes through `listening`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from crisis.channels.base import (
    AbuseKind,
    Accepted,
    Attachment,
    Busy,
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
from crisis.channels.errors import as_promised
from crisis.channels.mastodon.client import ask, client
from crisis.channels.mastodon.listening import Listening
from crisis.channels.mastodon.reporting import report
from crisis.channels.mastodon.words import (
    PROCESSING_SECONDS,
    Limits,
    as_written,
    lacking,
    moment,
    named,
    shown,
)
from crisis.channels.opening import Opening
from crisis.channels.own_thread import OwnThread
from crisis.channels.text.graphemes import mastodon_length, mastodon_size
from crisis.channels.text.unmarked import comparable
from crisis.channels.text.words import WORDS
from crisis.settings import Frozen, SecretRef

MEGABYTE = 1024 * 1024
FACTS = Facts(
    name="mastodon",
    label="Mastodon",
    form="short",
    medium="wall",
    public=True,
    repeat_safe=True,  # Mastodon API docs, POST statuses: the same Idempotency-Key gives the first status back
    threads=True,
    receipts=False,
    pace=0.5,  # Mastodon docs, rate limits: 300 calls in 5 minutes, which we share with listening
    concurrency=1,
    measure=mastodon_size,
    media=MediaFacts(  # Mastodon docs, posting: attachments; an instance may take less, which it says itself
        pictures=4,
        picture_types=frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"}),
        picture_bytes=16 * MEGABYTE,
        picture_side=3840,
        films=1,
        film_types=frozenset({"video/mp4", "video/webm", "video/quicktime"}),
        film_bytes=99 * MEGABYTE,
        alt_length=1_500,
    ),
    edits=timedelta.max,
    deletes=True,
    deletes_per=(30, timedelta(minutes=30)),  # Mastodon docs, rate limits
)
KEY_KEPT = timedelta(minutes=55)  # an Idempotency-Key is remembered for an hour
FOLLOW_UPS = frozenset({"update", "correction", "all_clear"})
CLOCK_DOUBT = timedelta(minutes=1)  # our clock against the instance's
MOST_PAGES = 5
PAGE = 40  # statuses on a page, at most
LIMITS_KEPT = timedelta(days=1)
UPLOAD_KEPT = timedelta(hours=12)  # an instance drops media that no status uses within a day

logging.getLogger("urllib3").setLevel(logging.INFO)


class Options(Frozen):
    """The keys of a Mastodon account in crisis.toml."""

    handle: str = Field(pattern=r"^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$", description="name, without @")
    access_token: SecretRef = Field(description="token of an app of this account, with the scopes in docs/settings.md")
    base_url: str = Field(pattern=r"^https?://[^\s?#]+[^\s?#/]$", description="the instance, https://social.example")
    visibility: Literal["public", "unlisted", "private"] = Field(default="public", description="who sees a post")
    hashtags: tuple[str, ...] = Field(default=(), max_length=10, description="tags to listen to, without #")
    connect_seconds: float = Field(default=5, gt=0, le=60, description="longest wait for a connection")
    read_seconds: float = Field(default=15, gt=0, le=120, description="longest wait for an answer")
    poll_seconds: float = Field(default=60, ge=5, le=3600, description="between looks for what people say")


class Mastodon:
    """One open account. Its calls run one after another in a thread of their own, because the library blocks."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        patience = (options.connect_seconds, options.read_seconds)
        self._options, self._notes = options, opening.notes
        self.poll_seconds = options.poll_seconds
        self._client = client(options.base_url, options.access_token.reveal(), *patience)
        self._listening = Listening(self._client, self._me, options.hashtags)
        self._thread = OwnThread(f"mastodon-{opening.key}")
        self._own_id = ""

    async def send(self, out: Outgoing) -> Accepted:
        """Post once; the delivery is the Idempotency-Key, so a repeat within the hour gives the first post.

        A later repeat looks for the post first. A follow-up whose thread is gone stands alone; an answer to somebody
        makes no sense alone and is `Rejected` with code "reply_refused".
        """
        return await self._thread.run(self._send, out)

    async def find(self, out: Outgoing) -> Accepted | None:
        """Look for `out` among our own posts since its first attempt."""
        if out.first_attempt_at is None:
            raise Uncertain("cannot look for a post without the time of its first attempt")
        return await self._thread.run(self._find, out)

    async def edit(self, provider_id: str, out: Outgoing) -> Accepted:
        """Change the text; pictures stay. Those who boosted it are told by the network."""
        return await self._thread.run(self._edit, provider_id, out)

    async def delete(self, provider_id: str) -> None:
        """Other servers are asked to forget it too, and mostly do (Mastodon docs, ActivityPub)."""
        await self._thread.run(self._delete, provider_id)

    async def report_abuse(self, provider_id: str, kind: AbuseKind) -> None:
        await self._thread.run(report, self._client, provider_id, kind)

    async def shown(self, since: datetime) -> Sequence[Shown]:
        return await self._thread.run(self._shown, since)

    async def check(self) -> Health:
        """Whose token this is, whether it may do what we need, and what the instance allows. Tokens do not run out."""
        try:
            return await self._thread.run(self._check)
        except SendError as error:
            return Health(ok=False, say=error.say)

    async def poll(self, cursor: str | None) -> Polled:
        """Mentions, conversations under our newest posts and watched hashtags, oldest first."""
        return await self._thread.run(self._listening.poll, cursor)

    async def close(self) -> None:
        self._thread.close()
        self._client.session.close()

    def _send(self, out: Outgoing) -> Accepted:
        if out.first_attempt_at and datetime.now(UTC) - out.first_attempt_at > KEY_KEPT and (there := self._find(out)):
            return there
        limits = self._limits()
        spoiler = _spoiler(out, limits)
        if complaint := limits.complaint(out.text, spoiler, out.media):
            raise Rejected(complaint, code="instance_limits")
        media = [self._uploaded(out, number, one) for number, one in enumerate(out.media)]
        try:
            return self._post(out, spoiler, media, out.reply_to)
        except Rejected as error:
            if not (out.reply_to and error.code == "404"):
                raise
            if out.phase not in FOLLOW_UPS:
                raise Rejected(error.say, code="reply_refused") from None
        return self._post(out, spoiler, media, None)

    def _post(self, out: Outgoing, spoiler: str, media: list[str], reply_to: str | None) -> Accepted:
        made = ask(
            self._client.status_post,
            out.text,
            in_reply_to_id=reply_to,
            media_ids=media or None,
            visibility=self._options.visibility,
            spoiler_text=spoiler or None,
            language=out.language,
            idempotency_key=out.delivery_id,
        )
        return replace(_accepted(made), wait=self._client.session.wait)

    def _uploaded(self, out: Outgoing, number: int, one: Attachment) -> str:
        """The instance's id of an attachment, uploaded once and noted. Raises `Busy` while it is being prepared there.

        What goes wrong here is never uncertain: nobody sees an attachment before a post uses it. Once it is ready it is
        not asked for again, because the instance does not tell of one that a post uses (Mastodon API docs, media).
        """
        note, until = f"media:{out.delivery_id}:{number}", datetime.now(UTC) + UPLOAD_KEPT
        state, _, known = (self._notes.read(note) or "").partition(" ")
        try:
            with as_promised():
                if state == "ready":
                    return known
                if state == "waits":
                    media = ask(self._client.media, known)
                else:
                    with one.path.open("rb") as file:
                        media = ask(self._client.media_post, file, one.content_type, description=one.alt)
                known, ready = named(media), bool(media.get("url"))
        except Uncertain as error:
            raise Unreachable(f"the picture or film was not taken: {error.say}", code=error.code) from None
        self._notes.write(note, f"{'ready' if ready else 'waits'} {known}", until)
        if not ready:
            say = "the instance is still preparing the picture or film"
            raise Busy(say, code="processing", retry_after=PROCESSING_SECONDS)
        return known

    def _edit(self, provider_id: str, out: Outgoing) -> Accepted:
        old = ask(self._client.status, provider_id)
        media = [str(one["id"]) for one in old.get("media_attachments") or ()]
        limits = self._limits()
        spoiler = _spoiler(out, limits)
        if complaint := limits.complaint(out.text, spoiler, ()):
            raise Rejected(complaint, code="instance_limits")
        return _accepted(
            ask(
                self._client.status_update,
                provider_id,
                out.text,
                spoiler_text=spoiler or None,
                media_ids=media or None,
            )
        )

    def _delete(self, provider_id: str) -> None:
        try:
            ask(self._client.status_delete, provider_id)
        except Rejected as error:
            if error.code != "404":  # already gone
                raise

    def _find(self, out: Outgoing) -> Accepted | None:
        assert out.first_attempt_at is not None  # noqa: S101 - find() holds it
        wanted = comparable(out.text)
        for status in self._own(out.first_attempt_at - CLOCK_DOUBT):
            # The same answer to somebody else is not this one.
            elsewhere = out.phase == "answer" and str(status.get("in_reply_to_id") or "") != out.reply_to
            if comparable(as_written(status)) == wanted and not elsewhere:
                return _accepted(status)
        return None

    def _shown(self, since: datetime) -> list[Shown]:
        with as_promised():
            return [shown(status) for status in self._own(since)]

    def _own(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        """Our own posts since then, newest first. Raises `Uncertain` when there are more than can be read."""
        own_id, last = self._me(), None
        for _ in range(MOST_PAGES):
            page = ask(self._client.account_statuses, own_id, exclude_reblogs=True, limit=PAGE, max_id=last)
            for status in page:
                with as_promised():
                    at, last = moment(status["created_at"]), str(status["id"])
                if at < since:
                    return
                yield status
            if not page:
                return
        raise Uncertain(f"more than {MOST_PAGES * PAGE} posts since then; look on the wall")

    def _me(self) -> str:
        if not self._own_id:
            with as_promised():
                self._own_id = str(ask(self._client.account_verify_credentials)["id"])
        return self._own_id

    def _check(self) -> Health:
        with as_promised():
            me = ask(self._client.account_verify_credentials)
            name = str(me["username"])
            if name.lower() != self._options.handle.lower():
                return Health(ok=False, say=f"this token belongs to @{name}, not to @{self._options.handle}")
            scopes = ask(self._client.app_verify_credentials).get("scopes") or ()  # told since Mastodon 4.3
            if scopes and (missing := lacking(scopes)):
                return Health(ok=False, say=f"the token lacks the scopes {', '.join(missing)}")
            limits = Limits.told(ask(self._client.instance_v2))
        self._notes.write("limits", limits.noted(), datetime.now(UTC) + LIMITS_KEPT)
        details = {"id": str(me["id"]), "characters": str(limits.characters), "pictures": str(limits.attachments)}
        return Health(ok=True, say=f"signed in as @{name}", details=details)

    def _limits(self) -> Limits:
        """What the instance allows, as `check` noted it last; as Mastodon ships when it never could.

        A post does not wait for it: the instance refuses in its own words what is too long after all.
        """
        return Limits.read(self._notes.read("limits")) or Limits()


def _spoiler(out: Outgoing, limits: Limits) -> str:
    """A drill stands behind a content warning that says so, in full where there is room for it."""
    if out.mode != "drill":
        return ""
    words = WORDS.get(out.language, WORDS["en"])
    room = limits.characters - mastodon_length(out.text, limits.url_characters)
    return next((one for one in (words.exercise_says, words.exercise) if len(one) <= room), "")


def _accepted(status: Any) -> Accepted:
    with as_promised():
        return Accepted(named(status), status.get("url") or status.get("uri"))
