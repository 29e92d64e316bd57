"""What a pretend network of Meta remembers: posts, comments, containers, pictures; and who owns what."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from crisis.simulator.network import DemoAccount, Picture, Seen

DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Owner:
    """An account of the network: the demo's words for it, its number, and what the public reads."""

    demo: DemoAccount
    id: str
    handle: str


@dataclass
class Said:
    """A post, a reply, a comment: by an owner, or by a passer-by."""

    id: str
    wall: str  # the owner's number
    author: str  # number
    author_name: str
    text: str
    at: datetime
    parent: str = ""
    pictures: tuple[Picture, ...] = ()
    stirred: datetime | None = None  # by the newest comment
    edited: bool = False
    deleted: bool = False
    hidden: bool = False

    @property
    def ours(self) -> bool:
        return self.author == self.wall


@dataclass
class Container:
    """Something made and not published yet."""

    id: str
    wall: str
    text: str
    reply_to: str = ""
    pictures: tuple[Picture, ...] = ()
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    trouble: str = ""
    published: str = ""

    @property
    def state(self) -> str:
        if self.published:
            return "PUBLISHED"
        if self.trouble:
            return "ERROR"
        return "EXPIRED" if datetime.now(UTC) - self.at > DAY else "FINISHED"


class Memory:
    """Everything said on one network."""

    def __init__(self, owners: Sequence[Owner]) -> None:
        """Start empty."""
        self.owners = {owner.id: owner for owner in owners}
        self.clear()

    def clear(self) -> None:
        """Forget what happened."""
        self.said: dict[str, Said] = {}
        self.containers: dict[str, Container] = {}
        self.files: dict[str, tuple[str, bytes]] = {}
        self.waiting: dict[str, Picture] = {}  # uploaded, not in a post yet
        self.deletes: list[tuple[str, datetime]] = []
        self._numbers = itertools.count(900_001)

    def number(self) -> str:
        return str(next(self._numbers))

    def add(self, one: Said) -> Said:
        """Keep it, and let what it answers notice."""
        self.said[one.id] = one
        if one.parent and (root := self.said.get(self.root(one))):
            root.stirred = one.at
        return one

    def standing(self, number: str) -> Said | None:
        found = self.said.get(number)
        return None if found is None or found.deleted else found

    def root(self, one: Said) -> str:
        """The post that began the conversation."""
        while one.parent and one.parent in self.said:
            one = self.said[one.parent]
        return one.id

    def below(self, number: str, *, deep: bool) -> list[Said]:
        """What answers a post, newest first; `deep`: the answers to answers too."""
        found = [
            one
            for one in self.said.values()
            if not one.deleted and one.parent and (one.parent == number or (deep and self.root(one) == number))
        ]
        return sorted(found, key=lambda one: one.at, reverse=True)

    def own(self, wall: str, *, replies: bool) -> list[Said]:
        """What an owner has said and not deleted, newest first."""
        found = [one for one in self.said.values() if one.wall == wall and one.ours and not one.deleted]
        return sorted((one for one in found if bool(one.parent) is replies), key=lambda one: one.at, reverse=True)

    def recent(self, wall: str, *, replies: bool) -> int:
        """How much of a day's quota is used; what was deleted since counts."""
        since = datetime.now(UTC) - DAY
        mine = (one for one in self.said.values() if one.wall == wall and one.ours and one.at > since)
        return sum(1 for one in mine if bool(one.parent) is replies)

    def seen(self) -> list[Seen]:
        """All walls, oldest first."""
        return [
            Seen(
                id=one.id,
                account=self.owners[one.wall].handle,
                author=one.author_name,
                text=one.text,
                at=one.at.isoformat(timespec="milliseconds"),
                reply_to=one.parent,
                pictures=one.pictures,
                edited=one.edited,
                deleted=one.deleted,
                hidden=one.hidden,
                ours=one.ours,
            )
            for one in self.said.values()
        ]
