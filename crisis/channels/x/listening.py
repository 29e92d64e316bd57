"""What the public says to an X account: which search finds it, what one post means, and how much of it we may read.

X bills every post that is read, so reads are counted for each day and stop at the account's budget. Counting is shared by
all processes of an account through its notes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from crisis.channels.base import Budget, Inbound, Notes
from crisis.channels.x.words import as_written

LONGEST_QUERY = 512  # characters (X API docs, search operators; self-serve)
MOST_CONVERSATIONS = 10
_FIRST_MOMENT = 1_288_834_974_657  # milliseconds; where X's ids begin to count
SEARCHABLE = timedelta(days=7)  # recent search looks no further back


class Reads:
    """Reads of one account today, in UTC as X counts. Blocks."""

    def __init__(self, notes: Notes, limit: int) -> None:
        self._notes, self._limit = notes, limit

    def left(self) -> int:
        return max(0, self._limit - self._used())

    def add(self, count: int) -> None:
        if count:
            written = json.dumps({"day": _today(), "used": self._used() + count})
            self._notes.write("reads", written, _tomorrow())

    def budget(self) -> Budget:
        return Budget(self._used(), self._limit, "reads today", _tomorrow())

    def _used(self) -> int:
        told = json.loads(self._notes.read("reads") or "{}")
        return int(told["used"]) if told.get("day") == _today() else 0


class Conversations:
    """The newest conversations we began, so that answers deep in them are found. Blocks."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def known(self) -> Sequence[str]:
        told: list[str] = json.loads(self._notes.read("conversations") or "[]")
        return told

    def add(self, root: str) -> None:
        newest = [root, *(one for one in self.known() if one != root)][:MOST_CONVERSATIONS]
        self._notes.write("conversations", json.dumps(newest), datetime.now(UTC) + SEARCHABLE)


def query(handle: str, hashtags: Sequence[str], conversations: Sequence[str]) -> str:
    """The search for watched hashtags and answers in our conversations; empty when there is nothing to look for.

    What names us comes as a mention. Reposts are left out: each would be billed, and says nothing new.
    """
    wanted = [f"#{tag}" for tag in hashtags] + [f"conversation_id:{root}" for root in conversations]
    tail = f" -from:{handle} -is:retweet"
    while wanted and len(asked := f"({' OR '.join(wanted)}){tail}") > LONGEST_QUERY:
        wanted.pop()  # the oldest conversation
    return asked if wanted else ""


def inbound(post: Mapping[str, Any], users: Mapping[str, Mapping[str, Any]], *, found: str) -> Inbound:
    """A post as X gives it (X API docs, post object); `found` says which way it came: "mention" or "hashtag"."""
    user = users.get(str(post.get("author_id")), {})
    author = str(user.get("username") or post.get("author_id", ""))
    kinds = {one.get("type"): str(one.get("id")) for one in post.get("referenced_tweets") or ()}
    answers = kinds.get("replied_to")
    return Inbound(
        provider_id=str(post["id"]),
        author=author,
        author_name=str(user.get("name") or ""),
        text=as_written(post),
        at=datetime.fromisoformat(str(post["created_at"])),
        language=post.get("lang"),
        in_reply_to=answers,
        root=str(post["conversation_id"]) if post.get("conversation_id") and answers else None,
        url=f"https://x.com/{author}/status/{post['id']}",
        kind="reply" if answers else "hashtag" if found == "hashtag" else "mention",
        repost="retweeted" in kinds,
    )


def cursors(cursor: str | None) -> dict[str, str]:
    """How far each way of listening has read; a cursor of the time before there were two is the mentions'."""
    if not cursor:
        return {}
    told = json.loads(cursor)
    return {"mentions": str(told)} if isinstance(told, int) else {name: str(value) for name, value in told.items()}


def id_at(moment: datetime) -> str:
    """The least id a post of that moment can have: ids begin with the time (X API docs, post ids)."""
    return str((int(moment.timestamp() * 1000) - _FIRST_MOMENT) << 22)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _tomorrow() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
