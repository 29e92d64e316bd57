"""A mail server's replies, one by one."""

from __future__ import annotations

import pytest

from crisis.channels.base import Busy, Misconfigured, Rejected, SendError, Uncertain, Unreachable
from crisis.channels.email.smtp_replies import Stage, lost, replied


@pytest.mark.parametrize(
    ("code", "words", "stage", "means"),
    [
        (421, "4.3.2 closing", "connect", Busy),
        (421, "4.7.0 too many connections", "receiver", Busy),
        (454, "4.7.0 Temporary authentication failure", "connect", Busy),
        (450, "4.2.1 mailbox busy", "receiver", Unreachable),
        (450, "4.7.1 Greylisted, try later", "receiver", Unreachable),
        (451, "try again", "receiver", Unreachable),
        (452, "4.2.2 over quota", "data", Unreachable),
        (452, "4.3.1 insufficient storage", "receiver", Busy),
        (451, "4.3.0 queue file write error", "data", Busy),
        (450, "4.7.1 too much mail from you", "sender", Busy),
        (550, "5.1.1 no such user", "receiver", Rejected),
        (552, "5.3.4 too big", "data", Rejected),
        (550, "no", "data", Rejected),
        (535, "5.7.8 bad credentials", "connect", Misconfigured),
        (530, "5.7.0 Must issue a STARTTLS command first", "sender", Misconfigured),
        (554, "no service here", "connect", Misconfigured),
        (553, "5.7.1 Sender address rejected: not owned by user", "receiver", Misconfigured),
        (554, "5.7.1 <a@b.no>: Relay access denied", "receiver", Misconfigured),
        (550, "5.7.1 Recipient address rejected: this group takes no mail from you", "receiver", Rejected),
        (554, "5.7.1 looks like spam", "data", Misconfigured),
        (-1, "Malformed", "receiver", Unreachable),
        (-1, "Malformed", "data", Uncertain),
        (250, "eh?", "data", Uncertain),
    ],
)
def test_replied(code: int, words: str, stage: Stage, means: type[SendError]) -> None:
    error = replied(code, words, stage)
    assert type(error) is means
    assert words in error.say


def test_lost() -> None:
    stages: dict[Stage, type[SendError]] = {
        "connect": Unreachable,
        "sender": Unreachable,
        "receiver": Unreachable,
        "data": Uncertain,
    }
    for stage, means in stages.items():
        assert type(lost(stage, "gone")) is means
