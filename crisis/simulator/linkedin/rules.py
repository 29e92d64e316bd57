"""What LinkedIn demands of a post: known fields, whole little text, no repetition. Pure.

Texts with an unescaped reserved character are cut there and accepted all the same, as the real one does; that is what an
adapter must never let happen.
"""

import re
from typing import Any

GREATEST = 3000
GREATEST_COMMENT = 1250
OLDEST_VERSION, NEWEST_VERSION = "202511", "202611"  # each lives about a year
_FIELDS = {
    "author", "commentary", "visibility", "distribution", "lifecycleState", "isReshareDisabledByAuthor", "content",
    "contentLandingPage", "contentCallToActionLabel", "adContext", "reshareContext",
}  # fmt: skip
_NEEDED = ("author", "commentary", "visibility", "distribution", "lifecycleState")
_TOKEN = re.compile(
    r"\\[\\|{}@\[\]()<>#*_~]|\{hashtag\|\\#\|[^{}|\\\s]+\}|@\[(?:[^\]\\]|\\.)+\]\(urn:li:\w+:\w+\)|[^\\|{}@\[\]()<>#*_~]",
    re.DOTALL,
)


def complaint(body: Any) -> str:
    """What is wrong with a new post; empty when nothing is."""
    if not isinstance(body, dict):
        return "the body is no object"
    if unknown := sorted(set(body) - _FIELDS):
        return f"ERROR :: /{unknown[0]} :: unrecognized field found but not allowed"
    if missing := [name for name in _NEEDED if name not in body]:
        return f"ERROR :: /{missing[0]} :: field is required but not found and has no default value"
    if body["visibility"] != "PUBLIC" or body["lifecycleState"] != "PUBLISHED":
        return "ERROR :: /visibility :: only published public posts are played here"
    if (body["distribution"] or {}).get("feedDistribution") not in ("MAIN_FEED", "NONE"):
        return "ERROR :: /distribution/feedDistribution :: is not an enum symbol"
    return "" if isinstance(body["commentary"], str) else "ERROR :: /commentary :: is not a string"


def kept(commentary: str) -> str:
    """What the real one keeps of a text: up to the first reserved character that was not escaped, and 3,000 in all."""
    at = 0
    while at < len(commentary) and (found := _TOKEN.match(commentary, at)):
        at = found.end()
    return commentary[: min(at, GREATEST)]


def images(content: Any) -> list[tuple[str, str]]:
    """The pictures a post names, each with its alt text. Raises ValueError for a shape that is not documented."""
    if content is None:
        return []
    if not isinstance(content, dict) or set(content) - {"media", "multiImage"}:
        msg = "ERROR :: /content :: is not one of the documented kinds"
        raise ValueError(msg)
    listed = [content["media"]] if "media" in content else (content.get("multiImage") or {}).get("images") or []
    if "multiImage" in content and not 2 <= len(listed) <= 20:
        msg = "ERROR :: /content/multiImage/images :: 2 to 20"
        raise ValueError(msg)
    for one in listed:
        if set(one) - {"id", "altText", "title"} or not str(one.get("id", "")).startswith("urn:li:image:"):
            msg = "ERROR :: /content :: media without an image, or with an unknown field"
            raise ValueError(msg)
    return [(one["id"], one.get("altText", "")) for one in listed]


def read(commentary: str) -> str:
    """As people see it."""
    text = re.sub(r"\{hashtag\|\\#\|([^{}|\\]+)\}", r"#\1", commentary)
    text = re.sub(r"@\[((?:[^\]\\]|\\.)*)\]\(urn:li:[^)]*\)", r"\1", text)
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
