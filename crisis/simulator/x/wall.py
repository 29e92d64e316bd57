"""The posts of the pretend X: ids that sort by time, threads, deletion, and the refusal of the same text twice.

Knows accounts and texts, no HTTP.
"""

import html
import re
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from crisis.simulator.x import links
from crisis.simulator.x.media import Picture

KEPT_POSTS = 20_000
EDIT_WINDOW = timedelta(minutes=30)
MOST_EDITS = 5
REMEMBERED_SECONDS = 24 * 3600
_EPOCH_MS = 1_288_834_974_657
_MENTION = re.compile(r"(?<![\w@])@(\w{1,15})")
_HASHTAG = re.compile(r"(?<![\w#&])#(\w*[^\W\d]\w*)")


@dataclass(slots=True)
class Author:
    """Whoever posts: a configured account, or a passer-by of the town square."""

    user_id: str
    handle: str
    name: str


@dataclass(slots=True)
class Post:
    """One post. `text` is what was written, `shown` what the API gives back (links shortened, & < > escaped)."""

    id: str
    author: Author
    text: str
    shown: str
    created_at: datetime
    conversation_id: str
    reply_to: str | None = None
    quote_of: str | None = None
    mentions: frozenset[str] = frozenset()
    entities: dict[str, Any] = field(default_factory=dict)
    deleted: bool = False
    hidden: bool = False
    pictures: Sequence[Picture] = ()
    versions: list[str] = field(default_factory=list)
    """The ids of all versions, oldest first; the post itself keeps the first."""

    @property
    def latest(self) -> str:
        """The id that links and answers name now."""
        return self.versions[-1] if self.versions else self.id

    @property
    def edited(self) -> bool:
        """Whether its words were changed."""
        return len(self.versions) > 1

    @property
    def editable_until(self) -> datetime:
        """Half an hour after the first version (X API docs, edit posts)."""
        return self.created_at + EDIT_WINDOW


class Wall:
    """All posts, newest last."""

    def __init__(self) -> None:
        """Start empty."""
        self.clear()

    def clear(self) -> None:
        """Forget every post and author."""
        self.posts: OrderedDict[str, Post] = OrderedDict()
        self._versions: dict[str, str] = {}  # a later version's id to the first one's
        self.authors: dict[str, Author] = {}
        self._by_author: dict[str, list[str]] = {}
        self._recent: dict[tuple[str, str], tuple[float, str]] = {}
        self._last_id = 0

    def author(self, user_id: str, handle: str, name: str) -> Author:
        """Make an author known, or find it."""
        return self.authors.setdefault(user_id, Author(user_id, handle, name))

    def passer_by(self, handle: str) -> Author:
        """Somebody of the public, made up on first sight."""
        handle = handle.removeprefix("@")
        for author in self.authors.values():
            if author.handle.lower() == handle.lower():
                return author
        return self.author(str(900_000 + len(self.authors)), handle, handle)

    def is_repeat(self, author: Author, text: str) -> bool:
        """Whether the author said exactly this within the last day, and it still stands."""
        said = self._recent.get((author.user_id, _normal(text)))
        if said is None or time.time() - said[0] > REMEMBERED_SECONDS:
            return False
        post = self.posts.get(said[1])
        return post is not None and not post.deleted

    def add(
        self,
        author: Author,
        text: str,
        reply_to: str | None = None,
        quote_of: str | None = None,
        pictures: Sequence[Picture] = (),
    ) -> Post:
        """Store a post; every rule was checked before."""
        text = _normal(text)
        self._last_id = max(self._last_id + 1, (int(time.time() * 1000) - _EPOCH_MS) << 22)
        number = str(self._last_id)
        reply_to = self._versions.get(reply_to, reply_to) if reply_to else None
        short, urls = links.shortened(text, links.find(text), number)
        parent = self.posts.get(reply_to) if reply_to else None
        post = Post(
            id=number,
            author=author,
            text=text,
            shown=html.escape(short, quote=False),
            created_at=datetime.now(UTC),
            conversation_id=parent.conversation_id if parent else number,
            reply_to=reply_to,
            quote_of=quote_of,
            mentions=frozenset(name.lower() for name in _MENTION.findall(text)),
            entities=_entities(short, urls),
            pictures=pictures,
            versions=[number],
        )
        if pictures:  # X shows a post's own media as one more link at its end
            link = f"https://t.co/{number[-10:]}"
            where = f"https://x.com/{author.handle}/status/{number}/{'video' if pictures[0].film else 'photo'}/1"
            own: dict[str, object] = {"start": len(short) + 1, "url": link, "expanded_url": where}
            post.shown = f"{post.shown} {link}"
            post.entities = {**post.entities, "urls": [*post.entities.get("urls", ()), own]}
        self.posts[number] = post
        self._by_author.setdefault(author.user_id, []).append(number)
        self._recent[author.user_id, text] = (time.time(), number)
        self._forget()
        return post

    def get(self, number: str) -> Post | None:
        """The post that has this version."""
        return self.posts.get(self._versions.get(number, number))

    def edit(self, post: Post, text: str) -> None:
        """A new version in the place of the post; every rule was checked before."""
        self._last_id += 1
        number, text = str(self._last_id), _normal(text)
        short, urls = links.shortened(text, links.find(text), number)
        post.text, post.shown, post.entities = text, html.escape(short, quote=False), _entities(short, urls)
        post.versions.append(number)
        self._versions[number] = post.id
        self._recent[post.author.user_id, text] = (time.time(), post.id)

    def by(self, user_id: str) -> list[Post]:
        """Posts of one author that still stand, newest first."""
        return [
            self.posts[number]
            for number in reversed(self._by_author.get(user_id, []))
            if not self.posts[number].deleted
        ]

    def mentioning(self, author: Author) -> list[Post]:
        """Posts of others that name the author or reply to one of the author's posts, newest first."""
        return [post for post in reversed(self.posts.values()) if not post.deleted and self.summons(post, author)]

    def summons(self, post: Post, author: Author) -> bool:
        """Whether a post of somebody else speaks to this author: by name, by reply or by quote."""
        if post.author.user_id == author.user_id:
            return False
        touched = [self.posts.get(number) for number in (post.reply_to, post.quote_of) if number]
        return author.handle.lower() in post.mentions or any(one and one.author is author for one in touched)

    def _forget(self) -> None:
        while len(self.posts) > KEPT_POSTS:
            number, post = self.posts.popitem(last=False)
            self._by_author[post.author.user_id].remove(number)
            self._recent.pop((post.author.user_id, post.text), None)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _entities(text: str, urls: list[dict[str, object]]) -> dict[str, Any]:
    tagged = [{"start": hit.start(), "end": hit.end(), "tag": hit[1]} for hit in _HASHTAG.finditer(text)]
    named = [{"start": hit.start(), "end": hit.end(), "username": hit[1]} for hit in _MENTION.finditer(text)]
    return {name: found for name, found in (("urls", urls), ("hashtags", tagged), ("mentions", named)) if found}
