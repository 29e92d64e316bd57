"""What Threads says about replies and mentions, translated into inbounds. Pure; from lists and from webhooks.

Threads docs: media, replies, webhooks (fields replies and mentions; their shape is recalled, not tried).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from crisis.channels.base import Inbound
from crisis.channels.meta.graph_words import moment
from crisis.channels.meta.hooks import Change

KINDS: Mapping[str, Literal["reply", "mention"]] = {"replies": "reply", "mentions": "mention"}


def said(row: Mapping[str, Any], kind: Literal["reply", "mention"], root: str = "") -> Inbound:
    """A post of somebody else. Raises `KeyError` or `ValueError` for one without id or time."""
    answers, first = row.get("replied_to") or {}, row.get("root_post") or {}
    return Inbound(
        provider_id=str(row["id"]),
        author=str(row.get("username") or ""),
        text=str(row.get("text") or ""),
        at=moment(row["timestamp"]),
        in_reply_to=str(answers.get("id") or root) or None,
        root=str(first.get("id") or root) or None,
        url=row.get("permalink"),
        kind=kind,
    )


def heard(change: Change, handle: str, user_id: str) -> Inbound | None:
    """What a webhook tells that somebody else said to us; None for our own words and whatever else."""
    value = change.value
    kind = KINDS.get(change.field)
    if kind is None or not value.get("id") or str(value.get("username") or "").lower() == handle:
        return None
    first = value.get("root_post") if isinstance(value.get("root_post"), dict) else {}
    owner = str((first or {}).get("owner_id") or "")
    if change.whose not in ("", user_id) and owner != user_id:
        return None  # somebody else's conversation: one app serves several accounts
    try:
        row = {**value, "timestamp": value.get("timestamp") or change.at}
        return said(row, kind)
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
        shown = {name: value.get(name) for name in ("id", "username", "text")}
        return said({**shown, "timestamp": datetime.now(UTC).isoformat()}, kind)
