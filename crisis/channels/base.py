"""The contract between sending and a provider: what goes in, what comes out, and the six ways a send can end.

Everything here is a small frozen value. No ORM row, no Flask request and no queue crosses this line, so an adapter can
be read, tested and replaced alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

Form = Literal["short", "full", "voice"]
Medium = Literal["wall", "phone", "mailbox"]
Mode = Literal["live", "drill"]


@dataclass(frozen=True, slots=True)
class Size:
    """How much room a text takes on a channel, in that channel's own way of counting.

    `used` and `limit` are in `unit` (X: weighted characters; SMS: parts). `note` says what a person should know, in
    English, such as which character forces a dearer alphabet; empty when there is nothing to say.
    """

    used: int
    limit: int
    unit: str
    note: str = ""
    parts: int = 1  # what is paid for: SMS parts; 1 elsewhere
    alphabet: str = ""  # "GSM-7" or "UCS-2" for SMS; empty elsewhere

    @property
    def over(self) -> int:
        """How many units too many; 0 when it fits."""
        return max(0, self.used - self.limit)


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What pictures and film a channel takes. Sizes in bytes, lengths in seconds, shapes as width divided by height."""

    pictures: int = 0  # at most so many in one post
    picture_types: frozenset[str] = frozenset()  # "image/jpeg" ...
    picture_bytes: int = 0
    picture_side: int = 0  # longest side in pixels the network shows; larger ones are scaled; 0: no limit known
    shapes: tuple[float, float] | None = None  # narrowest and widest; None: any
    films: int = 0
    film_types: frozenset[str] = frozenset()
    film_bytes: int = 0
    film_seconds: float = 0
    needed: Literal["", "picture", "film"] = ""  # there is no post without one
    alt_length: int = 0  # characters of alt text; 0: the network takes none, so the words must stand in the text
    mixed: bool = False  # pictures and film may stand in one post


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of every account of a channel; the source of each number stands in the channel's own file."""

    name: str  # the word in crisis.toml and in playbooks: "x", "sms", "email", "page"
    label: str  # what a person reads: "X", "SMS"
    form: Form  # which length of the playbook's text it takes
    medium: Medium  # "wall": one place everybody sees; else a kind of destination people have
    public: bool  # everybody would see a duplicate
    repeat_safe: bool  # sending the same reference twice shows once
    threads: bool  # a follow-up hangs under the first
    receipts: bool  # the provider later says whether it arrived
    pace: float  # messages a second an account may send when crisis.toml does not say
    concurrency: int  # calls in flight at once, at most
    measure: Callable[[str], Size]
    media: MediaFacts = MediaFacts()
    edits: timedelta | None = None  # how long after posting the text can be changed; timedelta.max: always
    deletes: bool = False
    deletes_per: tuple[int, timedelta] | None = None  # the network takes so many deletes in that time
    headline: int = 0  # characters the network has room for; a longer one is cut. 0: no limit of its own


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


def storable(text: str) -> str:
    """What somebody else says, as databases take it: PostgreSQL stores no NUL, and no database half of a pair."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _clean(told: object, *names: str) -> None:
    """Make the texts of a frozen value storable: one odd letter of a stranger must not stop what comes behind it."""
    for name in names:
        if (text := getattr(told, name)) and (clean := storable(text)) != text:
            object.__setattr__(told, name, clean)


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


class BadSignature(Exception):
    """A webhook that does not prove where it comes from. Answer 403 and count it."""


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
        _clean(self, "provider_id", "word", "code", "say")


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
        _clean(self, "provider_id", "author", "text", "language", "in_reply_to", "url", "author_name", "root")


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
    # "pin". It may carry more, as in "menu:pin"; what comes back is what was written.
    step: str = ""


@dataclass(frozen=True, slots=True)
class Speech:
    """What a caller is told next, and what we wait for. Said in `language`; `ask` empty: then the call ends."""

    say: Sequence[str]
    language: str
    ask: str = ""  # the step that follows: "menu", "minutes", "pin"
    digits: int = 1  # at most so many keys
    first: Sequence[tuple[str, str]] = ()  # (language, words) said before any key is taken, so that nobody skips them


@runtime_checkable
class Speaks(Protocol):
    def speech(self, hook: Hook, press: Press, next_: Speech) -> str:
        """The answer to a telephone hook that says `next_`, in the provider's own markup."""
        ...


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


@dataclass(frozen=True, slots=True)
class Budget:
    """What an account may use of something that is counted: reads X bills, a day's quota. `what` is for people."""

    used: int
    limit: int
    what: str  # "reads", "posts"
    until: datetime | None = None  # when counting starts anew


@dataclass(frozen=True, slots=True)
class Health:
    """Are the credentials alive and allowed to post? `say` is for people.

    `expires_at` is when a person must have renewed something; a token the adapter renews by itself has none.
    """

    ok: bool
    say: str = ""
    expires_at: datetime | None = None
    budget: Budget | None = None
    details: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _clean(self, "say")


class Notes(Protocol):
    """What an account must remember between calls and processes: refreshed tokens, steps of a publication under way.

    Kept sealed. All three block; call them from a thread (`asyncio.to_thread`). A step is named after its delivery
    ("container:<delivery id>"), so that a repeat finds it.
    """

    def read(self, name: str) -> str | None:
        """What was written last under `name`, unless it has run out."""
        ...

    def write(self, name: str, value: str, until: datetime | None = None) -> None:
        """Keep `value` under `name`; it is safe on disk when this returns. After `until` it is forgotten."""
        ...

    def forget(self, name: str) -> None: ...


class Channel(Protocol):
    """One open account. Opened in the process that uses it, closed by it."""

    facts: Facts

    async def send(self, out: Outgoing) -> Accepted:
        """Hand `out` to the provider once. Raises one of the five `SendError`s; anything else is a defect.

        Never sleeps on a limit and never repeats by itself; every call has a connect and a read timeout.
        """
        ...

    async def close(self) -> None: ...


@runtime_checkable
class LooksUp(Protocol):
    async def find(self, out: Outgoing) -> Accepted | None:
        """Did an earlier attempt get through? None means: looked properly, and it is not there.

        Raises `SendError` when it could not look.
        """
        ...


@runtime_checkable
class Edits(Protocol):
    async def edit(self, provider_id: str, out: Outgoing) -> Accepted:
        """Make the post say `out.text`. Doing it twice shows the same. Raises `SendError`."""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """One post as the public sees it now, on an account of ours. `text` as a person wrote it: links not shortened."""

    provider_id: str
    text: str
    at: datetime
    url: str | None = None
    edited_at: datetime | None = None  # where the network says so
    title: str = ""  # where the network keeps one beside the text; "…" stands for what it had no room for


@runtime_checkable
class Shows(Protocol):
    async def shown(self, since: datetime) -> Sequence[Shown]:
        """What this account shows the public now and was posted at or after `since`. Raises `SendError`."""
        ...


@runtime_checkable
class Hides(Protocol):
    async def hide(self, provider_id: str) -> None:
        """Hide somebody's comment under our post from the public; hidden already is success. Raises `SendError`."""
        ...


AbuseKind = Literal["harassment", "spam", "illegal", "misleading"]


@runtime_checkable
class ReportsAbuse(Protocol):
    async def report_abuse(self, provider_id: str, kind: AbuseKind) -> None:
        """Tell those who moderate the network what somebody wrote. Raises `SendError`.

        A second report of the same thing goes to the same moderators and is seen by nobody else.
        """
        ...


@runtime_checkable
class Deletes(Protocol):
    async def delete(self, provider_id: str) -> None:
        """Take it down. Raises `SendError`; already gone is success."""
        ...


@runtime_checkable
class Checks(Protocol):
    async def check(self) -> Health:
        """Ask the provider whether we could send now, without sending."""
        ...


@runtime_checkable
class Probes(Protocol):
    async def probe(self) -> Health:
        """Look closer than `check`, once a day: also at the balance, the number and the rights. Sends nothing.

        `Health.details` says what was found, for people.
        """
        ...


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
        _clean(self, "provider_id", "subject", "text")


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll brought, and the cursor to store in the same transaction; the next poll starts there."""

    cursor: str | None
    inbounds: Sequence[Inbound] = ()
    receipts: Sequence[Receipt] = ()
    dropped: int = 0  # what machines said and nobody needs to read
    reports: Sequence[Reported] = ()


@runtime_checkable
class Polls(Protocol):
    poll_seconds: float  # how often an account may be asked

    async def poll(self, cursor: str | None) -> Polled:
        """What is new since `cursor` (None: never polled; start from now). Raises `SendError`."""
        ...


@runtime_checkable
class ReadsHooks(Protocol):
    def read_hook(self, hook: Hook) -> HookEvents:
        """Translate a webhook. Raises `BadSignature` before anything else is looked at.

        A channel with `shakes_hands = True` is given the GET by which its provider tries the address, too; one with
        `largest_hook` gets bodies of so many bytes.
        """
        ...
