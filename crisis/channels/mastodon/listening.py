"""What people say to a Mastodon account: mentions, conversations under its newest posts, watched hashtags.

The cursor is a JSON object with the last id of each. Blocks; runs in the account's own thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from crisis.channels.base import Inbound, Polled
from crisis.channels.errors import as_promised, odd_left_out
from crisis.channels.mastodon.client import ask
from crisis.channels.mastodon.words import inbound, moment, newest

MOST_PAGES = 5
PAGE = 40
WATCHED = timedelta(days=3)  # conversations under our own posts are read for so long
MOST_THREADS = 10  # conversations read in one poll
MOST_LIVELY = 2  # the newest conversations are read each time


class Listening:
    """The polls of one account."""

    def __init__(self, client: Any, own_id: Callable[[], str], hashtags: Sequence[str]) -> None:
        self._client, self._own_id, self._hashtags = client, own_id, hashtags

    def poll(self, cursor: str | None) -> Polled:
        """What is new since `cursor`; without one only where to start is learnt."""
        old: dict[str, Any] = json.loads(cursor) if cursor else {}
        found: dict[str, Inbound] = {}
        with as_promised():
            new = {
                "mention": self._mentions(old.get("mention"), found),
                "threads": self._threads(old.get("threads"), found),
                "tags": {tag: self._tag(tag, (old.get("tags") or {}).get(tag), found) for tag in self._hashtags},
            }
        return Polled(json.dumps(new), inbounds=sorted(found.values(), key=lambda one: one.at))

    def _mentions(self, last: str | None, found: dict[str, Inbound]) -> str:
        if last is None:
            page = ask(self._client.notifications, types=["mention"], limit=1)
            return newest((str(one["id"]) for one in page), "0")
        for _ in range(MOST_PAGES):
            page = ask(self._client.notifications, types=["mention"], min_id=last, limit=PAGE)
            for one in page:
                if one.get("status"):
                    self._keep(one["status"], "mention", found)
            last = newest((str(one["id"]) for one in page), last)
            if len(page) < PAGE:
                break
        return last

    def _threads(self, counts: dict[str, int] | None, found: dict[str, Inbound]) -> dict[str, int]:
        """Answers that do not name us bring no notification: conversations whose count of answers changed are read."""
        page = ask(self._client.account_statuses, self._own_id(), exclude_reblogs=True, limit=PAGE)
        young = [one for one in page if datetime.now(UTC) - moment(one["created_at"]) < WATCHED]
        told = {str(one["id"]): int(one.get("replies_count") or 0) for one in young}
        if counts is None:
            return told
        lively = [number for number, count in told.items() if count][
            :MOST_LIVELY
        ]  # an answer to an answer is not counted
        changed = [number for number, count in told.items() if count != counts.get(number, 0) or number in lively]
        for number in changed[MOST_THREADS:]:  # in the next poll
            told[number] = counts.get(number, 0)
        for number in changed[:MOST_THREADS]:
            for status in ask(self._client.status_context, number)["descendants"]:
                self._keep(status, "reply", found, root=number)
        return told

    def _tag(self, tag: str, last: str | None, found: dict[str, Inbound]) -> str:
        page = ask(self._client.timeline_hashtag, tag, min_id=last, limit=PAGE if last else 1)
        if last is not None:
            for status in page:
                self._keep(status, "hashtag", found)
        return newest((str(one["id"]) for one in page), last or "0")

    def _keep(self, status: Any, kind: str, found: dict[str, Inbound], root: str | None = None) -> None:
        own_id = self._own_id()
        with odd_left_out("Mastodon"):
            if str(status["account"]["id"]) != own_id:
                found.setdefault(str(status["id"]), inbound(status, kind, root))
