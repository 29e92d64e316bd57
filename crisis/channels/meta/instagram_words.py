"""What Instagram says about comments and posts of others, translated into inbounds. Pure; from lists and from webhooks.

Instagram docs: IG comment, IG media, webhooks (fields comments and live_comments).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crisis.channels.base import Inbound
from crisis.channels.meta.graph_words import moment
from crisis.channels.meta.hooks import Change


def comment_of(row: Mapping[str, Any], media: str, parent: str = "") -> Inbound:
    """A comment from a list under the post `media`. Raises `KeyError` or `ValueError` for one without id or time."""
    author = row.get("from") or {}
    return Inbound(
        provider_id=str(row["id"]),
        author=str(row.get("username") or author.get("username") or author.get("id") or ""),
        text=str(row.get("text") or ""),
        at=moment(row["timestamp"]),
        in_reply_to=str(row.get("parent_id") or parent or media),
        root=media,
        kind="comment",
    )


def tagged_of(row: Mapping[str, Any]) -> Inbound:
    """Somebody's own post that tags us."""
    return Inbound(
        provider_id=str(row["id"]),
        author=str(row.get("username") or ""),
        text=str(row.get("caption") or ""),
        at=moment(row["timestamp"]),
        url=row.get("permalink"),
        kind="mention",
    )


def heard(change: Change, handle: str) -> Inbound | None:
    """A comment that a webhook tells; None for our own and whatever else.

    A mention comes without its text, so it is left to polling.
    """
    value = change.value
    author = value.get("from") if isinstance(value.get("from"), dict) else {}
    name = str((author or {}).get("username") or (author or {}).get("id") or "")
    media = value.get("media") if isinstance(value.get("media"), dict) else {}
    root = str((media or {}).get("id") or "")
    if change.field not in ("comments", "live_comments") or not value.get("id") or name.lower() == handle:
        return None
    return Inbound(
        provider_id=str(value["id"]),
        author=name,
        text=str(value.get("text") or ""),
        at=datetime.fromtimestamp(change.at, UTC) if 0 < change.at < 1e11 else datetime.now(UTC),
        in_reply_to=str(value.get("parent_id") or root) or None,
        root=root or None,
        kind="comment",
    )
