"""YouTube's words translated into ours: refusals, titles, videos and comments.

Pure functions; the numbers are from the Data API's discovery document and Google's quota pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crisis.channels.base import Busy, Inbound, Misconfigured, Rejected, SendError, Size
from crisis.channels.errors import Answer

TITLE_LIMIT = 100
LIMIT = 5000  # of a description, in bytes (Google's help on videos)
_PACIFIC = ZoneInfo("America/Los_Angeles")  # quotas begin anew at midnight there (YouTube API docs, quota)
_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")
_BUSY = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})
_SPENT = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_OURS = frozenset({"uploadLimitExceeded", "forbidden", "insufficientPermissions", "youtubeSignupRequired"})


def measure(text: str) -> Size:
    return Size(used=len(text.encode()), limit=LIMIT, unit="bytes")


def shortened(title: str) -> str:
    """A headline that fits. An exercise word that ends it stays its end: a drill is marked first and last."""
    if len(title) <= TITLE_LIMIT:
        return title
    first, last = title.split(maxsplit=1)[0], title.rsplit(maxsplit=1)[-1]
    end = f" - {last}" if first.strip(":") == last else ""
    room = TITLE_LIMIT - len(end) - 1
    return f"{title[:room].rsplit(maxsplit=1)[0].rstrip(' -')}…{end}"


def is_video(provider_id: str) -> bool:
    """A comment's id is longer."""
    return _VIDEO.fullmatch(provider_id) is not None


def permalink(video: str) -> str:
    return f"https://www.youtube.com/watch?v={video}"


def comment_link(video: str, comment: str) -> str:
    return f"{permalink(video)}&lc={comment}"


def reasons(given: Answer) -> set[str]:
    error = given.body.get("error")
    told = error.get("errors") if isinstance(error, dict) else None
    return {str(one.get("reason")) for one in told or () if isinstance(one, dict)}


def refusal(given: Answer) -> SendError | None:
    """YouTube's own refusals (YouTube API docs, errors): one status for a spent quota, a limit and a missing right."""
    why = reasons(given)
    if why & _SPENT:
        return Busy(given.say, code="quota", retry_after=until_midnight(datetime.now(UTC)))
    if why & _BUSY:
        return Busy(given.say, code="rate", retry_after=given.retry_after)
    if why & _OURS:
        return Misconfigured(given.say, code=min(why & _OURS))
    if why & {"commentsDisabled", "processingFailure"}:
        return Rejected(given.say, code=min(why))
    return None


def until_midnight(now: datetime) -> float:
    """Seconds until the quota begins anew."""
    there = now.astimezone(_PACIFIC)
    midnight = (there + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight.astimezone(UTC) - now).total_seconds()


def moment(text: Any) -> datetime:
    return datetime.fromisoformat(str(text))


def comments(thread: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A thread's first comment and those of its answers that came with it."""
    first: Mapping[str, Any] = thread["snippet"]["topLevelComment"]
    return [first, *(thread.get("replies") or {}).get("comments", ())]


def said_by(comment: Mapping[str, Any]) -> str:
    return str((comment["snippet"].get("authorChannelId") or {}).get("value", ""))


def inbound(comment: Mapping[str, Any], video: str) -> Inbound:
    """A comment as YouTube gives it (discovery document, Comment)."""
    told = comment["snippet"]
    begun, changed = moment(told["publishedAt"]), moment(told.get("updatedAt") or told["publishedAt"])
    return Inbound(
        provider_id=str(comment["id"]),
        author=said_by(comment),
        author_name=str(told.get("authorDisplayName", "")),
        text=str(told.get("textOriginal") or told.get("textDisplay", "")),
        at=changed,
        in_reply_to=str(told.get("parentId") or video) or None,
        root=video or None,
        url=comment_link(video, str(comment["id"])) if video else None,
        kind="comment",
        edited=changed > begun,
    )
