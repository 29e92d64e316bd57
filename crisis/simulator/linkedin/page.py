"""What the pretend LinkedIn keeps: organisations with their keys, posts, pictures, comments and notifications."""

import itertools
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Organization:
    """One demo page and the app that may speak for it. The keys are made up, public and worthless."""

    name: str  # of the account in the demo
    number: str
    title: str

    @property
    def urn(self) -> str:
        return f"urn:li:organization:{self.number}"

    @property
    def keys(self) -> dict[str, str]:
        """What the demo signs in with, by the names of the settings."""
        return {
            "refresh_token": f"{self.name}-linkedin-refresh-token",
            "client_secret": f"{self.name}-linkedin-client-secret",
            "access_token": f"{self.name}-linkedin-access-token",
        }

    @property
    def client_id(self) -> str:
        return f"{self.name}-linkedin-app"


DEMO = (
    Organization("ous", "70001", "Oslo University Hospital (demo)"),
    Organization("hod", "70002", "Ministry of Health (demo)"),
    Organization("ous-drill", "80001", "Oslo University Hospital (drill page)"),
    Organization("hod-drill", "80002", "Ministry of Health (drill page)"),
)


@dataclass(slots=True)
class Post:
    """One post as it was told, in little text."""

    urn: str
    owner: Organization
    commentary: str
    content: dict[str, Any] | None
    at: int
    changed: int = 0
    deleted: bool = False


@dataclass(slots=True)
class Comment:
    """One comment; `under` is the activity it stands on, `parent` the comment it answers."""

    urn: str
    number: str
    post: Post
    actor: str
    name: str
    text: str
    at: int
    parent: str = ""
    edited: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Page:
    """Everything LinkedIn remembers."""

    posts: dict[str, Post] = field(default_factory=dict)
    comments: dict[str, Comment] = field(default_factory=dict)
    images: dict[str, bytes | None] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(7_141_138_937_766_391_808))

    def next(self) -> str:
        """A number nobody has."""
        return str(next(self.numbers))

    def clear(self) -> None:
        """Forget what was said."""
        for memory in (self.posts, self.comments, self.images, self.told):
            memory.clear()

    def post_of(self, urn: str) -> Post | None:
        """By share or by activity URN: both name a post, with the same number here."""
        return self.posts.get(f"urn:li:share:{urn.rpartition(':')[2]}")

    def comment(self, post: Post, actor: str, name: str, text: str, parent: str = "") -> Comment:
        """Somebody writes under a post."""
        number = self.next()
        activity = f"urn:li:activity:{post.urn.rpartition(':')[2]}"
        made = Comment(f"urn:li:comment:({activity},{number})", number, post, actor, name, text, now(), parent)
        self.comments[made.urn] = made
        self.notify(made, "ADMIN_COMMENT" if actor == post.owner.urn else "COMMENT")
        return made

    def notify(self, comment: Comment, action: str) -> dict[str, Any]:
        """What subscribers are told (LinkedIn docs, organization social action notifications)."""
        number = comment.post.urn.rpartition(":")[2]
        notification = {
            "notificationId": int(self.next()),
            "organizationalEntity": comment.post.owner.urn,
            "action": action,
            "sourcePost": f"urn:li:activity:{number}",
            "decoratedSourcePost": {
                "entity": comment.post.urn,
                "owner": comment.post.owner.urn,
                "text": comment.post.commentary,
                "mediaCategory": "NONE",
            },
            "generatedActivity": f"urn:li:comment:(activity:{number},{comment.number})",
            "decoratedGeneratedActivity": {
                "comment": {"entity": comment.urn, "owner": comment.actor, "text": comment.text}
            },
            "lastModifiedAt": now(),
            "subscriber": "urn:li:person:demo",
        }
        self.told.append(notification)
        return notification


def now() -> int:
    """Milliseconds, as LinkedIn counts."""
    return int(time.time() * 1000)
