"""X's words translated into ours: refusals, and texts as X gives them back.

Pure functions; what is not named here is passed on as it came.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from crisis.channels.base import Misconfigured, Rejected, SendError
from crisis.channels.errors import Answer

_OWN_MEDIA = re.compile(r"^https://(x|twitter)\.com/\w+/status/\d+/(photo|video)/\d+$")


def refusal(given: Answer) -> SendError | None:
    """X's own refusals, which share two statuses (X API docs, response codes and errors)."""
    detail, kind = str(given.body.get("detail", "")), str(given.body.get("type", ""))
    if given.status == 403:
        if "duplicate content" in detail:  # no code sets it apart from other 403s
            return Rejected(given.say, code="duplicate")
        return Misconfigured(given.say, code="forbidden")
    if kind.endswith("usage-capped"):  # credits or cap used up: waiting does not help
        return Misconfigured(given.say, code="usage_capped")
    return None


def as_written(post: Mapping[str, Any]) -> str:
    """The text as it was sent: X shortens links to t.co and escapes & < > (X API docs, post object)."""
    text = str(post.get("text", ""))
    for link in (post.get("entities") or {}).get("urls") or ():
        if _OWN_MEDIA.search(str(link.get("expanded_url"))):  # X adds one for pictures, which nobody wrote
            text = text.replace(str(link.get("url")), "").rstrip()
            continue
        text = text.replace(str(link.get("url")), str(link.get("expanded_url") or link.get("url")))
    return html.unescape(text)
