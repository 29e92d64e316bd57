"""Posts on Bluesky, and on any server of the AT Protocol: one account, signed in with an app password.

Each post stands under a key made of its delivery, so that saying it twice shows once. A post cannot be edited there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from crisis.channels.base import (
    AbuseKind,
    Accepted,
    Attachment,
    Facts,
    Health,
    MediaFacts,
    Misconfigured,
    Outgoing,
    Polled,
    Rejected,
    SendError,
    Shown,
    Uncertain,
    Unreachable,
)
from crisis.channels.bluesky.client import Session
from crisis.channels.bluesky.listening import Listening
from crisis.channels.bluesky.records import POST, THREADGATE, as_written, handles, parts, post, record_key
from crisis.channels.bluesky.reporting import report
from crisis.channels.errors import as_promised
from crisis.channels.opening import Opening
from crisis.channels.own_thread import OwnThread
from crisis.channels.text.graphemes import bluesky_size
from crisis.settings import Frozen, SecretRef

FACTS = Facts(
    name="bluesky",
    label="Bluesky",
    form="short",
    medium="wall",
    public=True,
    repeat_safe=True,  # lexicon com.atproto.repo.putRecord: the same key holds one record
    threads=True,
    receipts=False,
    pace=1_666 / 3600,  # Bluesky docs, rate limits: 5,000 points an hour, 3 for a new record
    concurrency=1,
    measure=bluesky_size,
    media=MediaFacts(
        pictures=4,  # lexicon app.bsky.embed.images
        picture_types=frozenset({"image/jpeg", "image/png", "image/webp"}),
        picture_bytes=2_000_000,
        picture_side=2_000,
        films=1,
        film_types=frozenset({"video/mp4"}),  # lexicon app.bsky.embed.video
        film_bytes=50_000_000,  # what a server takes as one blob, unless its owner changed it
        film_seconds=180,
        alt_length=2_000,
    ),
    edits=None,  # a record can be written over, but readers may keep the old words
    deletes=True,
)
FOLLOW_UPS = frozenset({"update", "correction", "all_clear"})
MOST_PAGES = 5
PAGE = 100
MOST_HIDDEN = 300  # lexicon app.bsky.feed.threadgate
GONE = frozenset({"RecordNotFound", "NotFound"})

for _name in ("urllib3", "atproto_client"):
    logging.getLogger(_name).setLevel(logging.INFO)


class Options(Frozen):
    """The keys of a Bluesky account in crisis.toml."""

    handle: str = Field(pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", description="ous.example.org, without @")
    app_password: SecretRef = Field(description="an app password of the account, never its main one")
    base_url: str = Field(
        default="https://bsky.social", pattern=r"^https?://[^\s/?#]+$", description="the account's server"
    )
    web_url: str = Field(
        default="https://bsky.app", pattern=r"^https?://[^\s?#]+[^\s?#/]$", description="where people read"
    )
    hashtags: tuple[str, ...] = Field(default=(), max_length=10, description="tags to listen to, without #")
    connect_seconds: float = Field(default=5, gt=0, le=60, description="longest wait for a connection")
    read_seconds: float = Field(default=15, gt=0, le=120, description="longest wait for an answer")
    poll_seconds: float = Field(default=60, ge=5, le=3600, description="between looks for what people say")


class Bluesky:
    """One open account. Its calls run one after another in a thread of their own, because the library blocks."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        patience = (options.connect_seconds, options.read_seconds)
        self._options = options
        self.poll_seconds = options.poll_seconds
        self._session = Session(
            options.base_url, options.handle, options.app_password.reveal(), opening.notes, patience
        )
        self._repo = self._session.api.com.atproto.repo
        self._listening = Listening(self._session, self._url, options.hashtags)
        self._thread = OwnThread(f"bluesky-{opening.key}")

    async def send(self, out: Outgoing) -> Accepted:
        """Write the record under the delivery's own key; again changes nothing.

        A follow-up whose thread is gone stands alone; an answer to somebody makes no sense alone and is `Rejected`
        with code "reply_refused".
        """
        return await self._thread.run(self._send, out)

    async def find(self, out: Outgoing) -> Accepted | None:
        """Is there a record under the delivery's key?"""
        return await self._thread.run(self._find, out)

    async def delete(self, provider_id: str) -> None:
        await self._thread.run(self._delete, provider_id)

    async def hide(self, provider_id: str) -> None:
        """Hide an answer in a conversation we began: the conversation's gate lists it (lexicon threadgate)."""
        await self._thread.run(self._hide, provider_id)

    async def report_abuse(self, provider_id: str, kind: AbuseKind) -> None:
        await self._thread.run(lambda: report(self._session, self._read_post(provider_id), kind))

    async def shown(self, since: datetime) -> Sequence[Shown]:
        return await self._thread.run(self._shown, since)

    async def check(self) -> Health:
        """Whose session this is, and whether the account is active. An app password runs out when it is revoked."""
        try:
            return await self._thread.run(self._check)
        except SendError as error:
            return Health(ok=False, say=error.say)

    async def poll(self, cursor: str | None) -> Polled:
        """Mentions, answers, quotes and watched hashtags, oldest first."""
        return await self._thread.run(self._listening.poll, cursor)

    async def close(self) -> None:
        self._thread.close()
        self._session.close()

    def _send(self, out: Outgoing) -> Accepted:
        try:
            record = self._record(out)
        except Uncertain as error:  # nobody has seen anything yet
            raise Unreachable(f"nothing was posted: {error.say}", code=error.code) from None
        key = record_key(out.delivery_id)
        made = self._session.write(
            self._repo.put_record, {"repo": self._session.did, "collection": POST, "rkey": key, "record": record}
        )
        with as_promised():
            return replace(self._accepted(str(made.uri)), wait=self._session.wait)

    def _record(self, out: Outgoing) -> dict[str, Any]:
        images, film = [], None
        for one in out.media:
            shape = {"aspectRatio": {"width": one.width, "height": one.height}} if one.width and one.height else {}
            if one.kind == "picture":
                images.append({"image": self._blob(one), "alt": one.alt, **shape})
            else:
                film = {"video": self._blob(one), "alt": one.alt, **shape}
        dids = {name: did for name in handles(out.text) if (did := self._did_of(name))}
        return post(out, dids=dids, reply=self._reply(out), images=images, film=film)

    def _blob(self, one: Attachment) -> dict[str, Any]:
        """A file on its way into a record; one that no record uses is dropped after minutes (lexicon uploadBlob)."""
        data = one.path.read_bytes()
        made = self._session.write(self._repo.upload_blob, data, **{"Content-Type": one.content_type})
        with as_promised():
            blob: dict[str, Any] = made.blob.model_dump(by_alias=True, mode="json")
            return {"$type": "blob", "ref": blob["ref"], "mimeType": blob["mimeType"], "size": blob["size"]}

    def _did_of(self, handle: str) -> str | None:
        """Who has this handle; a name nobody has stays plain text."""
        try:
            return str(self._session.read("com.atproto.identity.resolveHandle", handle=handle).get("did") or "")
        except (Rejected, Misconfigured):
            return None

    def _reply(self, out: Outgoing) -> dict[str, Any] | None:
        """Where it hangs: what it answers, and what began that conversation. Both are named by address and hash."""
        if not out.reply_to:
            return None
        parent = self._read_post(out.reply_to)
        if parent is None:
            if out.phase in FOLLOW_UPS:
                return None
            raise Rejected("the post it answers is gone", code="reply_refused")
        own = {"uri": str(parent["uri"]), "cid": str(parent["cid"])}
        root = (parent["value"].get("reply") or {}).get("root") or own
        return {"root": {"uri": str(root["uri"]), "cid": str(root["cid"])}, "parent": own}

    def _read_post(self, uri: str) -> Mapping[str, Any] | None:
        """`{uri, cid, value}`; ours from our own server, which knows it at once, others' from the network's index."""
        with as_promised():
            repository, collection, key = parts(uri)
            if repository != self._session.did:
                found = self._session.read("app.bsky.feed.getPosts", uris=[uri]).get("posts") or ()
                return next(({"uri": one["uri"], "cid": one["cid"], "value": one["record"]} for one in found), None)
            return self._read_record(collection, key)

    def _read_record(self, collection: str, key: str) -> dict[str, Any] | None:
        try:
            return self._session.read(
                "com.atproto.repo.getRecord", repo=self._session.did, collection=collection, rkey=key
            )
        except Rejected as error:
            if error.code in GONE:
                return None
            raise

    def _find(self, out: Outgoing) -> Accepted | None:
        found = self._read_record(POST, record_key(out.delivery_id))
        with as_promised():
            return self._accepted(str(found["uri"])) if found else None

    def _delete(self, provider_id: str) -> None:
        _, collection, key = _address(provider_id)
        self._session.write(
            self._repo.delete_record, {"repo": self._session.did, "collection": collection, "rkey": key}
        )

    def _hide(self, provider_id: str) -> None:
        answer = self._read_post(provider_id)
        if answer is None:
            return  # gone already
        with as_promised():
            root = str(((answer["value"].get("reply") or {}).get("root") or {}).get("uri", ""))
        repository, _, key = _address(root) if root else ("", "", "")
        if repository != self._session.did:
            raise Rejected("only answers in a conversation that this account began can be hidden", code="not_ours")
        gate = self._read_record(THREADGATE, key) or {}
        value: dict[str, Any] = dict(gate.get("value") or {})
        hidden = list(value.get("hiddenReplies") or ())
        if provider_id in hidden:
            return
        if len(hidden) >= MOST_HIDDEN:
            raise Rejected(f"Bluesky hides {MOST_HIDDEN} answers in a conversation at most", code="full")
        now = str(answer["value"].get("createdAt") or "")
        record = {"createdAt": now, **value, "$type": THREADGATE, "post": root, "hiddenReplies": [*hidden, provider_id]}
        swap = {"swap_record": gate["cid"]} if gate.get("cid") else {}
        self._session.write(
            self._repo.put_record,
            {"repo": self._session.did, "collection": THREADGATE, "rkey": key, "record": record, **swap},
        )

    def _shown(self, since: datetime) -> list[Shown]:
        with as_promised():
            return [
                Shown(str(one["uri"]), as_written(one["value"]), at, self._url(str(one["uri"])))
                for one in self._own(since - timedelta(days=1))  # keys and times of a record need not agree
                if (at := datetime.fromisoformat(str(one["value"]["createdAt"]))) >= since
            ]

    def _own(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        token: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            page = self._session.read(
                "com.atproto.repo.listRecords", repo=self._session.did, collection=POST, limit=PAGE, **token
            )
            for one in page["records"]:
                if datetime.fromisoformat(str(one["value"]["createdAt"])) < since:
                    return
                yield one
            if not page.get("cursor"):
                return
            token = {"cursor": str(page["cursor"])}
        raise Uncertain(f"more than {MOST_PAGES * PAGE} posts since then; look on the wall")

    def _check(self) -> Health:
        me = self._session.read("com.atproto.server.getSession")
        handle = str(me.get("handle", ""))
        if handle.lower() != self._options.handle.lower():
            return Health(ok=False, say=f"this password belongs to @{handle}, not to @{self._options.handle}")
        if me.get("active") is False:
            return Health(ok=False, say=f"the account is not active: {me.get('status') or 'no reason given'}")
        return Health(ok=True, say=f"signed in as @{handle}", details={"id": str(me.get("did", ""))})

    def _accepted(self, uri: str) -> Accepted:
        return Accepted(uri, self._url(uri, self._session.handle))

    def _url(self, uri: str, who: str = "") -> str:
        repository, _, key = parts(uri)
        return f"{self._options.web_url}/profile/{who or repository}/post/{key}"


def _address(uri: str) -> tuple[str, str, str]:
    try:
        return parts(uri)
    except ValueError:
        raise Rejected(f"{uri!r} is no address of a record", code="address") from None
