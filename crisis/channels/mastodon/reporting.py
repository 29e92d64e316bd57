"""Reports abuse to those who moderate an instance (Mastodon API docs, reports). Blocks; runs in the account's own thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crisis.channels.base import AbuseKind, Rejected
from crisis.channels.errors import as_promised
from crisis.channels.mastodon.client import ask

# Its categories are spam, legal, violation (which wants the numbers of the instance's own rules) and other; the client
# library does not know "legal". What the categories do not say stands in the comment.
KINDS: Mapping[AbuseKind, tuple[str, str]] = {
    "harassment": ("other", "Threats, hate or harassment"),
    "spam": ("spam", "Spam or fraud"),
    "illegal": ("other", "Illegal content"),
    "misleading": ("other", "False and dangerous while a crisis is being handled"),
}


def report(client: Any, number: str, kind: AbuseKind) -> None:
    """The status and its author; to the author's own instance too when that is another one. Raises `SendError`."""
    try:
        status = ask(client.status, number)
    except Rejected as error:
        if error.code != "404":
            raise
        raise Rejected("what somebody wrote there is gone; there is nothing left to report", code="gone") from None
    category, comment = KINDS[kind]
    with as_promised():
        author, account = str(status["account"]["id"]), str(status["account"]["acct"])
    ask(client.report, author, [number], comment, forward="@" in account, category=category)
