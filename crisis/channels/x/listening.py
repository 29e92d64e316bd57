"""What the public says to an X account: which search finds it, what one post means, and how much of it we may read.

X bills every post that is read, so reads are counted for each day and stop at the account's budget. Counting is shared by
all processes of an account through its notes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from crisis.channels.base import Budget, Inbound, Notes, Polled, Rejected
from crisis.channels.errors import as_promised, odd_left_out
from crisis.channels.x.client import CLOCK_DOUBT, MOST_PAGES, ask
from crisis.channels.x.words import as_written

log = logging.getLogger(__name__)
FEWEST = 10  # results a search gives at least; with less left of the day's reads nothing is read
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


class Listening:
    """The polls of one account. Blocks."""

    def __init__(
        self,
        client: Any,
        own: Callable[[], str],
        handle: str,
        hashtags: Sequence[str],
        reads: Reads,
        conversations: Conversations,
    ) -> None:
        self._client, self._own, self._handle, self._hashtags = client, own, handle, hashtags
        self._reads, self._conversations = reads, conversations

    def poll(self, cursor: str | None) -> Polled:
        """What is new since `cursor`; without one only where to start is learnt."""
        at = cursors(cursor)
        found: dict[str, Inbound] = {}
        at["mentions"] = self._read(partial(self._client.get_users_mentions, self._own()), at, "mentions", found)
        if asked := query(self._handle, self._hashtags, self._conversations.known()):
            try:
                search = partial(self._client.search_recent_tweets, asked)
                at["search"] = self._read(search, at, "search", found)
            except Rejected as error:  # among others a cursor older than what X searches: start from now
                log.warning("the search was refused: %s", error.say)
                at.pop("search", None)
        return Polled(json.dumps(at), inbounds=sorted(found.values(), key=lambda one: int(one.provider_id)))

    def _read(self, call: Callable[..., Any], at: Mapping[str, str], way: str, found: dict[str, Inbound]) -> str:
        """Everything newer than the cursor of this way, into `found`; the new cursor."""
        since, token = at.get(way), None
        newest = since or id_at(datetime.now(UTC) - CLOCK_DOUBT)
        for _ in range(MOST_PAGES):
            if (left := self._reads.left()) < FEWEST:
                return since or newest  # what was not read to its end is read again when there is room
            page = ask(
                call,
                since_id=since,  # the same for every page; X names the newest on the first (X API docs, pagination)
                max_results=min(100, left) if since else FEWEST,
                tweet_fields=["author_id", "created_at", "lang", "referenced_tweets", "conversation_id", "entities"],
                user_fields=["name", "username"],
                expansions=["author_id"],
                **{"pagination_token" if way == "mentions" else "next_token": token},
            )
            with as_promised():
                self._reads.add(len(page.data or ()))
                users = {str(user.id): user.data for user in (page.includes or {}).get("users", ())}
                newest = max(newest, str(page.meta.get("newest_id") or "0"), key=int)
                if since is None:
                    break
                for post in page.data or ():
                    kind = "mention" if way == "mentions" else "hashtag"
                    with odd_left_out("X"):
                        found.setdefault(str(post.id), inbound(post.data, users, found=kind))
            if not (token := page.meta.get("next_token")):
                break
        return newest


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
