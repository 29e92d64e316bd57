"""LinkedIn's words translated into ours, and ours into its "little text"; refusals, comments and times.

Pure functions. Little text: these characters mean something unless a backslash stands before them, and a text with an
unescaped one is cut there while the call answers success (reports of three independent users; LinkedIn docs, little text
format).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crisis.channels.base import Inbound, Misconfigured, Rejected, SendError, Size
from crisis.channels.errors import Answer
from crisis.channels.text.unmarked import comparable

LIMIT = 3000  # of a post, in little text: whether LinkedIn counts before or after escaping is not documented
COMMENT_LIMIT = 1250
_RESERVED = r"\|{}@[]()<>#*_~"
_ESCAPED = re.compile(rf"[{re.escape(_RESERVED)}]")
_HASHTAG = re.compile(r"(?<![\w#&])#(\w*[^\W\d_]\w*)")
_MARKUP = re.compile(
    r"\{hashtag\|\\#\|(?P<tag>[^{}|\\]+)\}"
    r"|@\[(?P<name>(?:[^\]\\]|\\.)*)\]\(urn:li:[^)]*\)"
    r"|\\(?P<plain>.)",
    re.DOTALL,
)
_COMMENT = re.compile(r"urn:li:comment:\(((?:urn:li:)?\w+:\d+),(\d+)\)")
_DUPLICATE_OF = re.compile(r"urn:li:(?:share|ugcPost):\d+")


def little_text(text: str) -> str:
    """As LinkedIn must be told it: hashtags stay hashtags, everything else is only letters."""
    parts, done = [], 0
    for found in _HASHTAG.finditer(text):
        tag = found[1] if "_" not in found[1] else None  # an underscore would have to be escaped inside the markup
        parts.append(_escaped(text[done : found.start()]))
        parts.append(f"{{hashtag|\\#|{tag}}}" if tag else _escaped(found[0]))
        done = found.end()
    return "".join([*parts, _escaped(text[done:])])


def as_written(commentary: str) -> str:
    """The text a person wrote, from LinkedIn's little text."""

    def meant(found: re.Match[str]) -> str:
        if found["tag"] is not None:
            return f"#{found['tag']}"
        return as_written(found["name"]) if found["name"] is not None else found["plain"]

    return _MARKUP.sub(meant, commentary)


def _escaped(text: str) -> str:
    return _ESCAPED.sub(r"\\\g<0>", text)


def measure(text: str) -> Size:
    return Size(used=len(little_text(text)), limit=LIMIT, unit="characters")


def cut(wanted: str, shown: str) -> bool:
    """Does LinkedIn show only the beginning of what we said?"""
    wanted, shown = comparable(wanted), comparable(shown).rstrip("… ")
    return len(shown) < len(wanted) and wanted.startswith(shown)


def refusal(given: Answer) -> SendError | None:
    """LinkedIn's own refusals (LinkedIn docs, error handling; 422 stands for two things)."""
    found = (given.body.get("errorDetails") or {}).get("inputErrors") or ()
    if any(isinstance(one, Mapping) and one.get("code") == "DUPLICATE_POST" for one in found):
        return Rejected(given.say, code="duplicate")
    if given.status == 426:  # the version of the API in our header has been switched off
        return Misconfigured(f"{given.say}; set a newer `version` for this account", code="version")
    return None


def duplicate_of(error: SendError) -> str | None:
    """The earlier post that a refused duplicate names."""
    found = _DUPLICATE_OF.search(error.say)
    return found[0] if found else None


def is_comment(urn: str) -> bool:
    return urn.startswith("urn:li:comment:")


def comment_parts(urn: str) -> tuple[str, str]:
    """What a comment stands under, and its own number. Raises `Rejected` for what is no comment."""
    found = _COMMENT.fullmatch(urn)
    if found is None:
        raise Rejected(f"{urn[:80]} is no comment on LinkedIn", code="no_comment")
    under = found[1] if found[1].startswith("urn:li:") else f"urn:li:{found[1]}"
    return under, found[2]


def comment_urn(urn: str) -> str:
    """In its one full form: notifications also write it with the inner prefix left out."""
    under, number = comment_parts(urn)
    return f"urn:li:comment:({under},{number})"


def moment(milliseconds: Any) -> datetime:
    return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)


def permalink(urn: str) -> str:
    return f"https://www.linkedin.com/feed/update/{urn}"


def inbound(told: Mapping[str, Any], own: str) -> Inbound | None:
    """A comment somebody made, from one notification; None for likes, shares and what we said ourselves.

    The same shape comes by webhook and by asking (LinkedIn docs, organization social action notifications).
    """
    action = str(told.get("action", ""))
    if action not in ("COMMENT", "COMMENT_EDIT", "COMMENT_DELETE"):
        return None  # ADMIN_COMMENT is the organisation itself
    comment = (told.get("decoratedGeneratedActivity") or {}).get("comment") or {}
    if comment.get("owner") == own:
        return None
    urn = comment_urn(str(comment.get("entity") or told["generatedActivity"]))
    root = str((told.get("decoratedSourcePost") or {}).get("entity") or told.get("sourcePost") or "")
    return Inbound(
        provider_id=urn,
        author=str(comment.get("owner", "")),
        text=str(comment.get("text", "")),
        at=moment(told["lastModifiedAt"]),
        in_reply_to=root or None,
        root=root or None,
        url=permalink(root) if root else None,
        kind="comment",
        edited=action == "COMMENT_EDIT",
        deleted=action == "COMMENT_DELETE",
    )
