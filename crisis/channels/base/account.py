"""How an account is, and what it shows the public."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crisis.channels.base.storable import clean


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
        clean(self, "say")


@dataclass(frozen=True, slots=True)
class Shown:
    """One post as the public sees it now, on an account of ours. `text` as a person wrote it: links not shortened."""

    provider_id: str
    text: str
    at: datetime
    url: str | None = None
    edited_at: datetime | None = None  # where the network says so
    title: str = ""  # where the network keeps one beside the text; "…" stands for what it had no room for
