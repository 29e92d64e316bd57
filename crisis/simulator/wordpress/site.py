"""What one pretend site keeps: articles, media, comments, and how the API shows them. Knows no HTTP."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from crisis.simulator.wordpress.typography import printed

OWN_ID = 2
CAPABILITIES = [
    "read",
    "publish_posts",
    "edit_posts",
    "edit_published_posts",
    "delete_posts",
    "delete_published_posts",
    "upload_files",
    "moderate_comments",
    "edit_others_posts",
]


@dataclass(slots=True)
class Article:
    """One article."""

    id: int
    title: str
    content: str
    slug: str
    status: str
    at: datetime
    changed: datetime
    featured: int = 0
    categories: list[int] = field(default_factory=list)


@dataclass(slots=True)
class File:
    """A picture in the library."""

    id: int
    name: str
    content_type: str
    data: bytes
    alt: str = ""


@dataclass(slots=True)
class Comment:
    """A comment; `author_id` 0 is a passer-by."""

    id: int
    post: int
    parent: int
    author: str
    content: str
    at: datetime
    author_id: int = 0
    status: str = "approved"


class Site:
    """One site. `name` is its folder under /wordpress."""

    def __init__(self, name: str, username: str, password: str) -> None:
        """Empty, with one user."""
        self.name, self.username, self.password = name, username, password
        self.clear()

    def clear(self) -> None:
        """Forget all but the user."""
        self.articles: dict[int, Article] = {}
        self.files: dict[int, File] = {}
        self.comments: dict[int, Comment] = {}
        self._last = 10

    def number(self) -> int:
        self._last += 1
        return self._last

    def free_slug(self, wanted: str) -> str:
        """The slug, or the next one with a number behind it, as WordPress makes it."""
        wanted = re.sub(r"[^a-z0-9-]+", "-", wanted.lower()).strip("-")
        taken = {one.slug for one in self.articles.values() if one.status != "trash"}
        return next(one for one in (wanted, *(f"{wanted}-{n}" for n in range(2, 10_000))) if one not in taken)

    def article(self, one: Article, base: str, *, raw: bool) -> dict[str, Any]:
        def text(value: str) -> dict[str, Any]:
            return {"rendered": printed(value), "protected": False, **({"raw": value} if raw else {})}

        address = f"{base}/{one.slug}/"
        return {
            "id": one.id,
            "date": _local(one.at),
            "date_gmt": _local(one.at),
            "modified": _local(one.changed),
            "modified_gmt": _local(one.changed),
            "guid": text(f"{base}/?p={one.id}"),
            "slug": one.slug,
            "status": one.status,
            "type": "post",
            "link": address,
            "title": text(one.title),
            "content": text(one.content),
            "excerpt": text(""),
            "author": OWN_ID,
            "featured_media": one.featured,
            "comment_status": "open",
            "ping_status": "closed",
            "sticky": False,
            "template": "",
            "format": "standard",
            "meta": [],
            "categories": one.categories or [1],
            "tags": [],
            "_links": {},
        }

    def comment(self, one: Comment, base: str) -> dict[str, Any]:
        article = self.articles.get(one.post)
        return {
            "id": one.id,
            "post": one.post,
            "parent": one.parent,
            "author": one.author_id,
            "author_name": one.author,
            "author_url": "",
            "date": _local(one.at),
            "date_gmt": _local(one.at),
            "content": {"rendered": printed(one.content)},
            "link": f"{base}/{article.slug if article else ''}/#comment-{one.id}",
            "status": one.status,
            "type": "comment",
            "author_avatar_urls": {},
            "meta": [],
            "_links": {},
        }

    def file(self, one: File, base: str) -> dict[str, Any]:
        return {
            "id": one.id,
            "source_url": f"{base}/wp-content/{one.id}/{one.name}",
            "alt_text": one.alt,
            "mime_type": one.content_type,
            "media_type": "image",
            "slug": one.name,
            "status": "inherit",
            "type": "attachment",
        }


def _local(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
