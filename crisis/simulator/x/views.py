"""How posts and users look in API answers: only the fields asked for, links as t.co, newest first, page by page.

Reads the wall, changes nothing.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crisis.simulator.x.wall import MOST_EDITS, Author, Post, Wall

_ID = re.compile(r"[0-9]{1,19}")
PAGE_PARAMETERS = frozenset(
    {"max_results", "pagination_token", "start_time", "end_time", "since_id", "until_id", "exclude"}
)
FIELD_PARAMETERS = frozenset(f"{what}.fields" for what in ("post", "tweet", "user", "media", "poll", "place")) | {
    "expansions"
}


class BadQuery(ValueError):
    """A parameter of the query is wrong; the text names it."""


def fields(query: Mapping[str, str]) -> set[str]:
    """The post fields asked for, under the new name or the one older clients use."""
    return {name for key in ("post.fields", "tweet.fields") for name in query.get(key, "").split(",") if name}


def post(one: Post, asked: set[str], wall: Wall) -> dict[str, Any]:
    """One post as the API shows it."""
    parent = wall.posts.get(one.reply_to) if one.reply_to else None
    referenced = [{"type": "replied_to", "id": one.reply_to}] if one.reply_to else []
    referenced += [{"type": "quoted", "id": one.quote_of}] if one.quote_of else []
    optional: dict[str, Any] = {
        "author_id": one.author.user_id,
        "conversation_id": one.conversation_id,
        "created_at": _stamp(one.created_at),
        "edit_controls": {
            "edits_remaining": MOST_EDITS + 1 - len(one.versions),
            "is_edit_eligible": True,
            "editable_until": _stamp(one.editable_until),
        },
        "entities": one.entities or None,
        "in_reply_to_user_id": parent.author.user_id if parent else None,
        "lang": "und",
        "referenced_tweets": referenced or None,
    }
    chosen = {name: value for name, value in optional.items() if name in asked and value is not None}
    return {"id": one.latest, "text": one.shown, "edit_history_tweet_ids": one.versions, **chosen}


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def user(author: Author) -> dict[str, Any]:
    """One user as the API shows it."""
    return {"id": author.user_id, "name": author.name, "username": author.handle}


def page(posts: list[Post], query: Mapping[str, str], wall: Wall) -> dict[str, Any]:
    """One page of a timeline. Raises BadQuery."""
    if unknown := sorted(set(query) - PAGE_PARAMETERS - FIELD_PARAMETERS):
        raise BadQuery(f"{', '.join(unknown)} is not a known parameter")
    size = _number(query, "max_results", 5, 100, default=10)
    posts = _within(posts, query)
    token = query.get("pagination_token", "")
    if token and not token.isalnum():
        raise BadQuery("pagination_token was not given out by this service")
    if token:
        posts = [one for one in posts if int(one.id) < _from_token(token)]
    shown = posts[:size]
    meta: dict[str, Any] = {"result_count": len(shown)}
    if shown:
        meta |= {"newest_id": shown[0].id, "oldest_id": shown[-1].id}
    if len(posts) > size:
        meta["next_token"] = _token(shown[-1].id)
    answer: dict[str, Any] = {"meta": meta}
    if shown:
        answer["data"] = [post(one, fields(query), wall) for one in shown]
        if "author_id" in query.get("expansions", ""):
            authors = {one.author.user_id: one.author for one in shown}
            answer["includes"] = {"users": [user(author) for author in authors.values()]}
    return answer


def _within(posts: list[Post], query: Mapping[str, str]) -> list[Post]:
    for name in ("since_id", "until_id"):
        if name in query and not _ID.fullmatch(query[name]):
            raise BadQuery(f"{name} is not an id")
    since, until = int(query.get("since_id", "0")), int(query.get("until_id", str(10**19)))
    start, end = _moment(query, "start_time"), _moment(query, "end_time")
    excluded = query.get("exclude", "").split(",")
    return [
        one
        for one in posts
        if since < int(one.id) < until
        and (start is None or one.created_at >= start)
        and (end is None or one.created_at < end)
        and not ("replies" in excluded and one.reply_to)
    ]


def _number(query: Mapping[str, str], name: str, low: int, high: int, *, default: int) -> int:
    given = query.get(name, str(default))
    if not given.isdigit() or not low <= int(given) <= high:
        raise BadQuery(f"{name} is not between {low} and {high}")
    return int(given)


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        moment = datetime.fromisoformat(query[name])
    except ValueError as error:
        raise BadQuery(f"{name} is not a time like 2026-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _token(number: str) -> str:
    return f"{int(number):x}"


def _from_token(token: str) -> int:
    try:
        return int(token, 16)
    except ValueError as error:
        raise BadQuery("pagination_token was not given out by this service") from error
