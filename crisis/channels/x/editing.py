"""Versions of a post on X: which is the newest, and whether X lets it be changed again. Each has an id of its own.

A post is known to us by its first version, which everything later can be asked by (X API docs, edit posts).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import tweepy

from crisis.channels.base import Rejected
from crisis.channels.errors import as_promised
from crisis.channels.x.client import call

FIELDS = "created_at,entities,edit_controls"


@dataclass(frozen=True, slots=True)
class Version:
    """The newest version of a post."""

    id: str
    post: Mapping[str, Any]
    editable: bool


def first_of(post: Mapping[str, Any]) -> str:
    """The id of the first version; X names all of them, oldest first."""
    history = post.get("edit_history_tweet_ids") or post.get("edit_history_post_ids") or ()
    return str(next(iter(history), post["id"]))


def latest(client: tweepy.Client, number: str) -> Version:
    """The newest version of the post whose version `number` is. Raises `SendError`; `Rejected` when it is gone."""
    post = _post(client, number)
    with as_promised():
        history = post.get("edit_history_tweet_ids") or post.get("edit_history_post_ids") or [number]
        newest = str(history[-1])
    if newest != str(post["id"]):
        post = _post(client, newest)
    with as_promised():
        controls = post.get("edit_controls") or {}
        until = controls.get("editable_until")
        over = until is not None and datetime.fromisoformat(str(until)) <= datetime.now(UTC)
        editable = controls.get("is_edit_eligible", True) and int(controls.get("edits_remaining", 1)) > 0 and not over
    return Version(newest, post, bool(editable))


def _post(client: tweepy.Client, number: str) -> Mapping[str, Any]:
    found = call(client, "GET", f"/2/tweets/{number}", params={"tweet.fields": FIELDS}).get("data")
    if not isinstance(found, dict):
        raise Rejected("the post is not there", code="404")
    return found
