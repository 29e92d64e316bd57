"""Reports abuse to the moderation service that the account's server works with (lexicon com.atproto.moderation.createReport)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crisis.channels.base import AbuseKind, Rejected
from crisis.channels.bluesky.client import Session

_DEFINED = "com.atproto.moderation.defs#"
# The older reasons: every moderation service knows them, and newer ones are optional for it (lexicon tools.ozone.report.defs).
KINDS: Mapping[AbuseKind, tuple[str, str]] = {
    "harassment": (_DEFINED + "reasonRude", "Threats, hate or harassment"),
    "spam": (_DEFINED + "reasonSpam", "Spam or fraud"),
    "illegal": (_DEFINED + "reasonViolation", "Illegal content"),
    "misleading": (_DEFINED + "reasonMisleading", "False and dangerous while a crisis is being handled"),
}


def report(session: Session, post: Mapping[str, Any] | None, kind: AbuseKind) -> None:
    """`post` is `{uri, cid}` as the network's index has it now, None when it is gone. Raises `SendError`."""
    if post is None:
        raise Rejected("what somebody wrote there is gone; there is nothing left to report", code="gone")
    reason_type, reason = KINDS[kind]
    subject = {"$type": "com.atproto.repo.strongRef", "uri": str(post["uri"]), "cid": str(post["cid"])}
    session.write(
        session.api.com.atproto.moderation.create_report,
        {"reason_type": reason_type, "reason": reason, "subject": subject},
    )
