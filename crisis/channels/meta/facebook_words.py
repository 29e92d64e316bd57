"""What Facebook says about comments and posts of others, translated into inbounds. Pure; from lists and from webhooks.

Graph API docs: Comment, Page post, webhooks of a Page (field feed).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from crisis.channels.base import Inbound
from crisis.channels.meta.graph_words import moment
from crisis.channels.meta.hooks import Change

VERBS = frozenset({"add", "edited", "edit", "remove"})  # hide, unhide and what comes new change nothing
SAID_BY_VISITORS = frozenset({"post", "status", "photo", "video", "share"})


def comment_of(row: Mapping[str, Any], post: str) -> Inbound:
    """A comment from a list under `post`. Raises `KeyError` or `ValueError` for one without id or time."""
    author = row.get("from") or {}
    parent = row.get("parent") or {}
    return Inbound(
        provider_id=str(row["id"]),
        author=str(author.get("id") or ""),
        author_name=str(author.get("name") or ""),
        text=str(row.get("message") or ""),
        at=moment(row["created_time"]),
        in_reply_to=str(parent.get("id") or post),
        root=post,
        url=row.get("permalink_url"),
        kind="comment",
    )


def tagged_of(row: Mapping[str, Any]) -> Inbound:
    """Somebody's own post that names the Page."""
    author = row.get("from") or {}
    return Inbound(
        provider_id=str(row["id"]),
        author=str(author.get("id") or ""),
        author_name=str(author.get("name") or ""),
        text=str(row.get("message") or ""),
        at=moment(row["created_time"]),
        url=row.get("permalink_url"),
        kind="mention",
    )


def heard(change: Change, page: str) -> Inbound | None:
    """What a webhook tells that somebody else said; None for our own words, likes, and whatever is not known."""
    value = change.value
    author = value.get("from") if isinstance(value.get("from"), dict) else {}
    number = str((author or {}).get("id") or value.get("sender_id") or "")
    verb, item = str(value.get("verb") or ""), str(value.get("item") or "")
    if number == page or verb not in VERBS:
        return None
    comment, post = str(value.get("comment_id") or ""), str(value.get("post_id") or "")
    kind: Literal["comment", "mention"]
    if change.field == "feed" and item == "comment" and comment:
        kind, ours = "comment", comment
    elif (change.field == "feed" and item in SAID_BY_VISITORS and post) or (
        change.field == "mention" and (comment or post)
    ):
        kind, ours = "mention", comment or post
    else:
        return None
    try:
        at = moment(value.get("created_time") or change.at)
    except (ValueError, OverflowError, OSError):
        at = datetime.now(UTC)
    return Inbound(
        provider_id=ours,
        author=number,
        author_name=str((author or {}).get("name") or value.get("sender_name") or ""),
        text=str(value.get("message") or ""),
        at=at,
        in_reply_to=str(value.get("parent_id") or post) if kind == "comment" else None,
        root=post if kind == "comment" else None,
        url=str(value["permalink_url"]) if value.get("permalink_url") else None,
        kind=kind,
        edited=verb in ("edited", "edit"),
        deleted=verb == "remove",
    )
