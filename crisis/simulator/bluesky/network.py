"""What the pretend network keeps: repositories with their records, blobs, sessions, passers-by. Knows no HTTP."""

import base64
import hashlib
import json
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from crisis.simulator.network import DemoAccount

POST = "app.bsky.feed.post"
KEPT = 20_000
SIGN_INS, SIGN_IN_SECONDS = 30, 300
_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever has a repository."""

    did: str
    handle: str
    name: str
    password: str = ""


@dataclass(slots=True)
class Record:
    """One record; `value` is what its author wrote."""

    actor: Actor
    collection: str
    key: str
    value: dict[str, Any]
    indexed_at: str
    deleted: bool = False

    @property
    def uri(self) -> str:
        return f"at://{self.actor.did}/{self.collection}/{self.key}"

    @property
    def cid(self) -> str:
        return cid(json.dumps(self.value, sort_keys=True, ensure_ascii=False).encode())


@dataclass(slots=True)
class Tokens:
    """A session of an account."""

    actor: Actor
    access: str
    refresh: str
    expired: bool = False


def cid(data: bytes) -> str:
    """The hash by which content is named, in the usual form."""
    return "bafyrei" + base64.b32encode(hashlib.sha256(data).digest()).decode().lower().rstrip("=")


def moment() -> str:
    now = datetime.now(UTC)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z"


@dataclass
class Atmosphere:
    """Everything there is."""

    demo: Sequence[DemoAccount]
    actors: dict[str, Actor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Know the demo's accounts."""
        for one in self.demo:
            did = "did:plc:" + base64.b32encode(hashlib.sha256(one.name.encode()).digest()).decode().lower()[:24]
            self.actors[did] = Actor(did, one.public["handle"], f"{one.name} (demo)", one.secrets["app_password"])
        self.own = frozenset(self.actors)
        self.sessions: list[Tokens] = []  # kept when everything else is forgotten: who is signed in stays so
        self.clear()

    def clear(self) -> None:
        """Forget all but the accounts."""
        self.actors = {did: actor for did, actor in self.actors.items() if did in self.own}
        self.records: OrderedDict[str, Record] = OrderedDict()
        self.blobs: dict[str, tuple[str, bytes]] = {}
        self.reports: list[dict[str, Any]] = []  # as the moderation service gets them
        self.sign_ins: dict[str, deque[float]] = {}
        self._last = 0

    def by_handle(self, handle: str) -> Actor | None:
        return next((one for one in self.actors.values() if handle.lower() in (one.handle.lower(), one.did)), None)

    def stranger(self, name: str) -> Actor:
        """A passer-by, made up on first sight."""
        name = name.strip().lstrip("@") or "passer-by"
        handle = name if "." in name else f"{name.replace('_', '-')}.bsky.example"
        did = "did:plc:" + base64.b32encode(hashlib.sha256(handle.encode()).digest()).decode().lower()[:24]
        return self.actors.setdefault(did, Actor(did, handle, name))

    def tid(self) -> str:
        """A record key of now."""
        self._last = max(self._last + 1, int(time.time() * 1_000_000) << 10)
        return "".join(_LETTERS[self._last >> 5 * place & 31] for place in range(12, -1, -1))

    def put(self, actor: Actor, collection: str, key: str, value: dict[str, Any]) -> Record:
        """Write a record, or write it over."""
        uri = f"at://{actor.did}/{collection}/{key}"
        old = self.records.get(uri)
        at = old.indexed_at if old and not old.deleted else moment()
        self.records[uri] = Record(actor, collection, key, value, at)
        while len(self.records) > KEPT:
            self.records.popitem(last=False)
        return self.records[uri]

    def standing(self, uri: str) -> Record | None:
        record = self.records.get(uri)
        return record if record and not record.deleted else None

    def posts(self) -> list[Record]:
        """Those that still stand, oldest first."""
        return [one for one in self.records.values() if one.collection == POST and not one.deleted]

    def reason(self, post: Record, actor: Actor) -> str:
        """Why this post concerns the account: "reply", "mention", or "" when it does not."""
        reply = post.value.get("reply", {})
        if post.actor.did == actor.did:
            return ""
        if any(
            str((reply.get(end) or {}).get("uri", "")).startswith(f"at://{actor.did}/") for end in ("parent", "root")
        ):
            return "reply"
        features = [one for facet in post.value.get("facets", []) for one in facet["features"]]
        return "mention" if any(one.get("did") == actor.did for one in features) else ""

    def reported(self) -> set[str]:
        """Posts that somebody has reported."""
        return {one["subject"]["uri"] for one in self.reports}

    def hidden(self) -> set[str]:
        """Answers that a conversation's gate hides."""
        gates = [
            one for one in self.records.values() if one.collection == "app.bsky.feed.threadgate" and not one.deleted
        ]
        return {uri for gate in gates for uri in gate.value.get("hiddenReplies", [])}
