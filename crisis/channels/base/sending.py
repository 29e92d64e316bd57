"""One delivery on its way out, and the six ways a send can end: `Accepted`, or one of five `SendError`s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from crisis.channels.base.facts import Mode
from crisis.channels.base.storable import storable


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture or film, ready to leave: checked, scaled for this channel and stripped of where it was taken."""

    kind: Literal["picture", "film"]
    path: Path  # a file on this machine
    content_type: str
    size: int  # bytes
    width: int
    height: int
    alt: str  # in the delivery's language
    url: str  # where a provider that wants to fetch it itself finds it; unguessable
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One delivery, ready to leave. `reference` names this attempt and is our id everywhere the provider lets us."""

    reference: str  # "<delivery id>.<attempt number>"
    delivery_id: str
    address: str  # E.164, a mailbox, or "wall"
    language: str  # "nb", "nn", "en"
    text: str
    title: str = ""  # e-mail subject, page headline
    html: str = ""  # e-mail only: the same words, marked up
    mode: Mode = "drill"
    phase: str = "initial"
    incident_id: str = ""
    incident_title: str = ""
    organisation: str = ""
    released_at: datetime | None = None
    expires_at: datetime | None = None
    reply_to: str | None = None  # provider id of the delivery this one follows on the same destination
    thread: Sequence[str] = ()  # provider ids of the whole thread, oldest first (e-mail References)
    first_attempt_at: datetime | None = None  # where `find` starts to look
    unsubscribe_url: str | None = None  # for bulk e-mail
    media: Sequence[Attachment] = ()
    tags: Sequence[str] = ()  # a planned post's campaign
    asks: Literal["", "call_out", "alert", "approval"] = ""  # it waits for an answer: will you come, take it, judge it?
    about: Literal["", "rumour"] = ""  # it says what is true about a rumour
    needs_pin: bool = False  # the answer counts only with the person's PIN


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it. `provider_id` is how the provider names it, `url` where people see it."""

    provider_id: str
    url: str | None = None
    parts: int | None = None
    calls: int = 1  # how many calls it cost; the account's pace counts each
    wait: float | None = None  # seconds: the provider says that this used up what it allows until then


class SendError(Exception):
    """A send that did not end in `Accepted`. `say` is for people (the provider's words), `code` for counting."""

    def __init__(self, say: str, *, code: str = "", opted_out: bool = False, retry_after: float | None = None) -> None:
        say = storable(say)
        super().__init__(say)
        self.say = say
        self.code = storable(code)
        self.opted_out = opted_out  # Rejected only: the receiver has said stop
        self.retry_after = retry_after  # Busy only: seconds
        self.wait: float | None = None  # as in `Accepted`; whoever reads the answer sets it


class Rejected(SendError):
    """Never for this text or this destination."""


class Busy(SendError):
    """Not now: the account pauses `retry_after` seconds (None: a growing pause of our own)."""


class Unreachable(SendError):
    """The request never left us, so it is safe to repeat: no connection, no name, no TLS."""


class Misconfigured(SendError):
    """Keys, rights or an unpaid bill: nothing of this account will work until a person acts."""


class Uncertain(SendError):
    """It left and we do not know: read timeout, reset, 5xx, an answer cut off."""
