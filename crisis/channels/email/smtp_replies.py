"""From what a mail server replied, and when, to one of the ways a send can fail. Pure; the e-mail adapter asks.

Replies are read by their code and their enhanced code (RFC 5321, 4.2; RFC 3463), and only where those leave a doubt
that matters, by their words.
"""

from __future__ import annotations

import re
from typing import Literal

from crisis.channels.base import Busy, Misconfigured, Rejected, SendError, Uncertain, Unreachable
from crisis.channels.errors import LONGEST_SAY

Stage = Literal["connect", "sender", "receiver", "data"]
_ENHANCED = re.compile(r"^\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
_AUTH = frozenset({530, 534, 535, 538})  # RFC 4954, 6


def replied(code: int, words: str, stage: Stage) -> SendError:
    """What a refusal means.

    For a while (4xx): about one mailbox (greylisting, a full box, "try later" to RCPT) is `Unreachable`, since nothing
    was taken and only this delivery has to wait; about the server itself is `Busy`, which pauses the account.
    For good (5xx): `Rejected`, except keys and policy (535, 5.7.x), which concern all messages and are `Misconfigured`.
    A policy refusal of RCPT that names the recipient is about that person only: Postfix tells sender and client
    refusals there too, but words them "Sender address", "Client host" or "Relay access".
    """
    found = _ENHANCED.match(words)
    subject = found[2] if found else ""
    say = f"{code} {' '.join(words.split())[:LONGEST_SAY]}"
    name = found[0].strip() if found else str(code)
    match code // 100:
        case 4 if stage == "connect" or code == 421:
            return Busy(say, code=name)
        case 4 if subject in {"1", "2"} or (stage == "receiver" and subject != "3"):  # addresses, mailboxes | system
            return Unreachable(say, code=name)
        case 4:
            return Busy(say, code=name)
        case 5 if stage == "connect" or code in _AUTH:
            return Misconfigured(say, code=name)
        case 5 if subject == "7" and not (stage == "receiver" and "recipient" in words.lower()):
            return Misconfigured(say, code=name)
        case 5:
            return Rejected(say, code=name)
        case _:  # nonsense, or a 2xx or 3xx where another was due
            return lost(stage, say)


def lost(stage: Stage, say: str) -> SendError:
    """The line broke, or nothing came in time. From DATA on the server may have the whole message."""
    if stage == "data":
        return Uncertain(say, code="lost")
    return Unreachable(say, code="no_connection")
