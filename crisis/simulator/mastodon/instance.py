"""What the pretend instance keeps: its accounts, statuses, media, and who was told of what. Knows no HTTP."""

import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from crisis.simulator.mastodon import words
from crisis.simulator.network import DemoAccount

KEPT = 20_000
KEPT_MEDIA = 200
KEY_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Author:
    """An account of ours, or a passer-by from another server."""

    id: str
    acct: str
    name: str
    ours: bool = True


@dataclass(slots=True)
class Media:
    """One uploaded file."""

    id: str
    author: Author
    content_type: str
    data: bytes
    alt: str
    used: bool = False

    @property
    def kind(self) -> str:
        return "video" if self.content_type.startswith("video/") else "image"


@dataclass(slots=True)
class Status:
    """One status; `text` is what was written."""

    id: str
    author: Author
    text: str
    at: datetime
    spoiler: str = ""
    visibility: str = "public"
    language: str = ""
    sensitive: bool = False
    reply_to: str | None = None
    media: list[Media] = field(default_factory=list)
    edited_at: datetime | None = None
    deleted: bool = False


class Instance:
    """Everything on the instance."""

    def __init__(self, demo: Sequence[DemoAccount]) -> None:
        """Know these accounts."""
        self.authors = {
            one.secrets["access_token"]: Author(str(110_000 + number), one.public["handle"], f"{one.name} (demo)")
            for number, one in enumerate(demo)
        }
        self.clear()

    def clear(self) -> None:
        """Forget all but the accounts."""
        self.statuses: OrderedDict[str, Status] = OrderedDict()
        self.media: OrderedDict[str, Media] = OrderedDict()
        self.told: dict[str, list[tuple[str, str, datetime]]] = {}
        self.keys: dict[tuple[str, str], tuple[float, str]] = {}
        self.deletes: dict[str, deque[float]] = {}
        self.strangers: dict[str, Author] = {}
        self.reports: list[dict[str, Any]] = []  # as its moderators see them
        self._last = 0

    def number(self) -> str:
        """An id that sorts by time."""
        self._last = max(self._last + 1, int(time.time() * 1000) << 16)
        return str(self._last)

    def stranger(self, name: str) -> Author:
        """A passer-by, made up on first sight."""
        name = name.strip().lstrip("@") or "passer_by"
        acct = name if "@" in name else f"{name}@elsewhere.example"
        known = Author(str(900_000 + len(self.strangers)), acct, name.split("@")[0], ours=False)
        return self.strangers.setdefault(acct, known)

    def add(self, status: Status) -> Status:
        """Store it and tell those it names or answers."""
        self.statuses[status.id] = status
        parent = self.statuses.get(status.reply_to or "")
        named = words.named(status.text)
        for author in self.authors.values():
            if author.id != status.author.id and (
                author.acct.lower() in named or (parent and parent.author.id == author.id)
            ):
                self.told.setdefault(author.id, []).append((self.number(), status.id, datetime.now(UTC)))
        while len(self.statuses) > KEPT:
            self.statuses.popitem(last=False)
        return status

    def who(self, number: str) -> Author | None:
        """The account with this id."""
        return next((one for one in (*self.authors.values(), *self.strangers.values()) if one.id == number), None)

    def reported(self) -> set[str]:
        """Statuses that somebody has reported to the moderators."""
        return {number for one in self.reports for number in one["status_ids"]}

    def keep(self, media: Media) -> Media:
        """Store a file."""
        self.media[media.id] = media
        while len(self.media) > KEPT_MEDIA:
            self.media.popitem(last=False)
        return media

    def standing(self, number: str) -> Status | None:
        """A status that was not deleted."""
        status = self.statuses.get(number)
        return status if status and not status.deleted else None

    def answers(self, number: str) -> list[Status]:
        """The direct answers to a status."""
        return [one for one in self.statuses.values() if one.reply_to == number and not one.deleted]

    def repeated(self, author: Author, key: str) -> Status | None:
        """The status that this Idempotency-Key made within the hour."""
        made = self.keys.get((author.id, key))
        return self.standing(made[1]) if made and time.time() - made[0] < KEY_SECONDS else None
