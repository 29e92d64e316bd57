"""What comes back from a provider: receipts, what people say, keys pressed on a telephone, alarms by mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from crisis.channels.base.storable import clean


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says later about a delivery.

    `word` is the provider's own; `means` is ours, or "unknown", which is stored and changes nothing.
    `reference` is the attempt reference if the provider gave it back, so that a receipt can arrive before our record.
    """

    provider_id: str
    word: str
    means: Literal["accepted", "delivered", "failed", "unknown"]
    reference: str | None = None
    code: str = ""
    say: str = ""
    opted_out: bool = False

    def __post_init__(self) -> None:
        clean(self, "provider_id", "word", "code", "say")


@dataclass(frozen=True, slots=True)
class Inbound:
    """Something somebody said to us. `consent` is set when it is a word such as STOP or START."""

    provider_id: str
    author: str  # phone number, mailbox or handle
    text: str
    at: datetime
    language: str | None = None
    in_reply_to: str | None = None  # provider id of what this answers
    consent: Literal["stop", "start"] | None = None
    url: str | None = None
    kind: Literal["reply", "comment", "mention", "hashtag", "message", "mail"] = "mention"
    author_name: str = ""  # as the network shows it
    root: str | None = None  # provider id of the post that began the conversation, where the network says so
    private: bool = False  # only the account sees it
    repost: bool = False  # somebody else's words passed on, with nothing added
    edited: bool = False  # a later version of the text with this id
    deleted: bool = False  # the author or the network took it away; `text` may be empty

    def __post_init__(self) -> None:
        clean(self, "provider_id", "author", "text", "language", "in_reply_to", "url", "author_name", "root")


@dataclass(frozen=True, slots=True)
class Press:
    """What somebody did on the telephone. `word` is what it means to us; `digits` is what they pressed.

    "answered": somebody (or something) took the call; "machine": it is a machine; "digits": keys were pressed;
    "none": the prompt ran out; "incoming": somebody called us. Nothing but "digits" is ever an answer: a machine is a
    guess, and whoever presses a key is a person in spite of it.
    """

    provider_id: str  # the call
    word: Literal["answered", "machine", "digits", "none", "incoming"]
    reference: str | None = None  # the attempt the call was made for
    author: str = ""  # the phone at the other end
    digits: str = ""
    # Which question was open, as we wrote it into the prompt's address and the provider signed it: "menu", "minutes",
    # "pin". It may carry more, as in "menu-proven"; only letters, figures and "-", which no address writes otherwise.
    step: str = ""


@dataclass(frozen=True, slots=True)
class Speech:
    """What a caller is told next, and what we wait for. Said in `language`; `ask` empty: then the call ends."""

    say: Sequence[str]
    language: str
    ask: str = ""  # the step that follows: "menu", "minutes", "pin"
    digits: int = 1  # at most so many keys
    first: Sequence[tuple[str, str]] = ()  # (language, words) said before any key is taken, so that nobody skips them


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook request as it came in. `url` is the full public address the provider signed, query and all."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    form: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class HookEvents:
    """What a webhook said, and the answer the provider expects."""

    receipts: Sequence[Receipt] = ()
    inbounds: Sequence[Inbound] = ()
    presses: Sequence[Press] = ()  # answered by `Speaks.speech`
    answer: str = ""
    content_type: str = "text/plain"


class BadSignature(Exception):
    """A webhook that does not prove where it comes from. Answer 403 and count it."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A mail by which a service raises or ends an alarm, proven to come from it. `service` is the address it wrote to."""

    provider_id: str
    service: str
    escalation: str  # the key that crisis.toml names for it; empty: none
    subject: str
    text: str
    at: datetime

    def __post_init__(self) -> None:
        clean(self, "provider_id", "subject", "text")


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll brought, and the cursor to store in the same transaction; the next poll starts there."""

    cursor: str | None
    inbounds: Sequence[Inbound] = ()
    receipts: Sequence[Receipt] = ()
    dropped: int = 0  # what machines said and nobody needs to read
    reports: Sequence[Reported] = ()
