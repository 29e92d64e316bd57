"""Recent search at the pretend X: the few operators an account listens with, anything else refused.

Reads the wall, changes nothing.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from crisis.simulator.x.views import BadQuery
from crisis.simulator.x.wall import Post, Wall

LONGEST = 512
BACK = timedelta(days=7)
_SHAPE = re.compile(r"\(([^()]+)\)((?: -(?:from:\w+|is:retweet))*)")
_FIRST_MOMENT = 1_288_834_974_657


def find(wall: Wall, query: Mapping[str, str]) -> list[Post]:
    """Posts that fit, newest first. Raises BadQuery."""
    asked = query.get("query", "")
    shape = _SHAPE.fullmatch(asked)
    if not shape or len(asked) > LONGEST:
        raise BadQuery("query is no search this service understands")
    since = query.get("since_id", "")
    oldest = (int((datetime.now(UTC) - BACK).timestamp() * 1000) - _FIRST_MOMENT) << 22
    if since and (not since.isdigit() or int(since) < oldest):
        raise BadQuery("since_id must be the id of a post of the last seven days")
    wanted = [_term(one) for one in shape[1].split(" OR ")]
    unwanted = {one.removeprefix("-from:").lower() for one in shape[2].split() if one.startswith("-from:")}

    def fits(post: Post) -> bool:
        tags = {str(tag["tag"]).lower() for tag in post.entities.get("hashtags", ())}
        return any(value in tags if kind == "#" else post.conversation_id == value for kind, value in wanted)

    return [
        post
        for post in reversed(wall.posts.values())
        if not post.deleted and post.author.handle.lower() not in unwanted and fits(post)
    ]


def _term(text: str) -> tuple[str, str]:
    if text.startswith("#") and len(text) > 1:
        return "#", text[1:].lower()
    kind, _, value = text.partition(":")
    if kind != "conversation_id" or not value.isdigit():
        raise BadQuery(f"{text} is no operator this service plays")
    return kind, value
