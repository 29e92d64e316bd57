"""What is true of every account of a channel: limits, how a text is counted, what it can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

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
