"""What each network lets us answer, as a table: one line a rule, and the way round it in the sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from crisis.channels.registry import FACTS
from crisis.triage.obstacles import may_answer

NOW = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Said:
    kind: str = "comment"
    author: str = "@ola"
    text: str = "Hva skjer?"
    at: datetime = NOW - HOUR
    in_reply_to: str | None = None
    root: str | None = None
    private: bool = False
    repost: bool = False
    deleted_at: datetime | None = None
    erased_at: datetime | None = None


PHONE = {"author": "+4790000001", "kind": "message", "private": True}


@pytest.mark.parametrize(
    ("channel", "said", "round_it"),
    [
        ("x", Said(kind="mention"), None),
        ("x", Said(kind="reply", in_reply_to="1", root="1"), None),
        ("x", Said(kind="hashtag"), "update under the same hashtag"),
        ("x", Said(kind="mention", deleted_at=NOW), "update to everybody"),
        ("x", Said(kind="mention", repost=True), "the one who wrote them"),
        ("facebook", Said(), None),
        ("facebook", Said(at=NOW - 3 * DAY), None),  # the window is for messages, not for comments
        ("facebook", Said(kind="message", at=NOW - DAY), "Call them"),
        ("instagram", Said(in_reply_to="media", root="media"), None),
        ("instagram", Said(in_reply_to="comment", root="media"), "the comment it stands under"),
        ("instagram", Said(kind="mention"), "Instagram app"),
        ("whatsapp", Said(**PHONE), None),  # type: ignore[arg-type]
        ("whatsapp", Said(**PHONE, at=NOW - DAY), "Call them"),  # type: ignore[arg-type]
        ("sms", Said(**PHONE, at=NOW - 9 * DAY), None),  # type: ignore[arg-type]
        ("sms", Said(author="Posten", kind="message", private=True), "call them"),
        ("email", Said(author="ola@example.org", kind="mail", private=True), None),
        ("email", Said(author="no-reply@example.org", kind="mail", private=True), "another way"),
        ("mastodon", Said(kind="mention"), None),
        ("mastodon", Said(kind="mention", private=True), "own app"),
        ("wordpress", Said(), None),
        ("wordpress", Said(private=True), "through there first"),
        ("bluesky", Said(kind="hashtag"), None),
        ("threads", Said(kind="reply"), None),
        ("linkedin", Said(), None),
        ("youtube", Said(), None),
        ("flickr", Said(), None),
        ("page", Said(), "another way"),
        ("sms", Said(**PHONE, erased_at=NOW), "erased"),  # type: ignore[arg-type]
    ],
)
def test_said_before_anybody_types(channel: str, said: Said, round_it: str | None) -> None:
    why = may_answer(FACTS[channel], said, NOW)
    if round_it is None:
        assert why is None
    else:
        assert why is not None
        assert round_it in why


def test_a_later_message_opens_the_window_again() -> None:
    old = Said(**PHONE, at=NOW - 3 * DAY)  # type: ignore[arg-type]
    assert may_answer(FACTS["whatsapp"], old, NOW) is not None
    assert may_answer(FACTS["whatsapp"], old, NOW, heard_at=NOW - HOUR) is None
