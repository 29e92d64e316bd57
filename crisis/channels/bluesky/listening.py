"""What people say to a Bluesky account: mentions, answers, quotes, watched hashtags.

The network's own cursors lead into the past only, so each poll reads from the newest back to where the last one began.
The cursor is a JSON object with that moment for each. Blocks; runs in the account's own thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from crisis.channels.base import Inbound, Polled
from crisis.channels.bluesky.client import Session
from crisis.channels.errors import as_promised, odd_left_out

MOST_PAGES = 10
PAGE = 100
REASONS = ("mention", "reply", "quote")


class Listening:
    """The polls of one account."""

    def __init__(self, session: Session, url: Callable[[str, str], str], hashtags: Sequence[str]) -> None:
        self._session, self._url, self._hashtags = session, url, hashtags

    def poll(self, cursor: str | None) -> Polled:
        """What is new since `cursor`; without one only where to start is learnt.

        What bears the very moment of the cursor is given again: the network may index several at once, and who stores
        it knows it by its id.
        """
        old: dict[str, Any] = json.loads(cursor) if cursor else {}
        found: dict[str, Inbound] = {}
        with as_promised():
            new: dict[str, Any] = {"told": self._told(old.get("told"), found)}
            new["tags"] = {tag: self._tag(tag, (old.get("tags") or {}).get(tag), found) for tag in self._hashtags}
        return Polled(json.dumps(new), inbounds=sorted(found.values(), key=lambda one: one.at))

    def _told(self, last: str | None, found: dict[str, Inbound]) -> str:
        def page(token: Mapping[str, str]) -> dict[str, Any]:
            return self._session.read(
                "app.bsky.notification.listNotifications", reasons=list(REASONS), limit=PAGE if last else 1, **token
            )

        return self._back(page, "notifications", last, found, lambda one: str(one.get("reason")))

    def _tag(self, tag: str, last: str | None, found: dict[str, Inbound]) -> str:
        def page(token: Mapping[str, str]) -> dict[str, Any]:
            return self._session.read(
                "app.bsky.feed.searchPosts", q=f"#{tag}", sort="latest", limit=PAGE if last else 1, **token
            )

        return self._back(page, "posts", last, found, lambda _: "hashtag")

    def _back(
        self,
        page: Callable[[Mapping[str, str]], dict[str, Any]],
        what: str,
        last: str | None,
        found: dict[str, Inbound],
        reason: Callable[[Mapping[str, Any]], str],
    ) -> str:
        """From the newest back to `last`; gives the moment of the newest."""
        newest, token = last or "", dict[str, str]()
        for _ in range(MOST_PAGES):
            given = page(token)
            for one in given.get(what) or ():
                at = str(one["indexedAt"])
                newest = max(newest, at)
                if last is None or at < last:
                    return newest or _now()
                why = reason(one)
                if one["author"]["did"] != self._session.did and (why in REASONS or why == "hashtag"):
                    with odd_left_out("Bluesky"):  # whoever writes a record may put anything there
                        found.setdefault(str(one["uri"]), self._inbound(one, why))
            if not given.get("cursor") or last is None:
                break
            token = {"cursor": str(given["cursor"])}
        return newest or _now()

    def _inbound(self, one: Mapping[str, Any], reason: str) -> Inbound:
        """A notification or a post of the network's index (lexicons listNotifications, app.bsky.feed.defs)."""
        author, record = one["author"], one.get("record") or {}
        reply = record.get("reply") or {}
        kind: Literal["reply", "mention", "hashtag"] = "mention"
        if reason in ("reply", "hashtag"):
            kind = "reply" if reason == "reply" else "hashtag"
        languages = record.get("langs") or ()
        return Inbound(
            provider_id=str(one["uri"]),
            author=str(author["handle"]),
            author_name=str(author.get("displayName") or ""),
            text=str(record.get("text", "")),
            at=datetime.fromisoformat(str(one["indexedAt"])),  # createdAt is whatever its author's program says
            language=str(languages[0]) if languages else None,
            in_reply_to=(reply.get("parent") or {}).get("uri"),
            root=(reply.get("root") or {}).get("uri"),
            url=self._url(str(one["uri"]), str(author["handle"])),
            kind=kind,
        )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
