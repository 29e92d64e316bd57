"""What an open account can do. Every adapter is a `Channel`; the rest it has or has not, and callers ask with `isinstance`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from crisis.channels.base.account import Health, Shown
from crisis.channels.base.facts import Facts
from crisis.channels.base.hearing import Hook, HookEvents, Polled, Press, Speech
from crisis.channels.base.sending import Accepted, Outgoing


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


@runtime_checkable
class Deletes(Protocol):
    async def delete(self, provider_id: str) -> None:
        """Take it down. Raises `SendError`; already gone is success."""
        ...


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


@runtime_checkable
class Speaks(Protocol):
    def speech(self, hook: Hook, press: Press, next_: Speech) -> str:
        """The answer to a telephone hook that says `next_`, in the provider's own markup."""
        ...
