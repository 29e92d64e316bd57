"""What the town square and the crowd need of a pretend network, whatever it is: its routes, what it shows, a voice.

A network is one class in its own folder and one line in `networks.py`. It checks what it is asked against the provider's
own rules, keeps what it was told, and brings the demo's accounts with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from aiohttp import web

from crisis.simulator.faults import Faults
from crisis.simulator.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture or film as the network shows it. `source` is an address on the simulator, or empty."""

    kind: str  # "picture" or "film"
    source: str
    alt: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One post, comment or article as somebody in town sees it now."""

    id: str
    account: str  # the wall it stands on: handle, page name, site
    author: str
    text: str  # as shown
    at: str  # ISO 8601
    title: str = ""
    reply_to: str = ""
    url: str = ""
    pictures: Sequence[Picture] = ()
    edited: bool = False
    deleted: bool = False
    hidden: bool = False
    reported: bool = False  # to those who moderate the network; nobody else sees it there
    ours: bool = True  # written by the account itself
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account the network brings with it. Made up, public and worthless.

    `public` are the words in crisis.toml by which it is known ("handle"), `secrets` what its owner would keep.
    """

    name: str  # "ous", "hod-drill"
    public: Mapping[str, str]
    secrets: Mapping[str, str]
    wall: str = ""  # as `Seen.account` says it, where that is neither the name nor one of the public words


class CannotSay(ValueError):
    """A passer-by may not say that there; the text says why."""


class Network(Protocol):
    """One pretend network. Made as `Class(faults, ledger)`."""

    name: str  # our word: "facebook"
    label: str  # what people read: "Facebook"
    demo: ClassVar[Sequence[DemoAccount]]
    # One where nobody can answer says `listens = False`.

    def __init__(self, faults: Faults, ledger: Ledger) -> None: ...

    def routes(self) -> Sequence[web.AbstractRouteDef]: ...

    def seen(self) -> Sequence[Seen]:
        """Everything on its walls, oldest first."""

    async def say(self, account: str, author: str, text: str, reply_to: str = "") -> str:
        """A passer-by writes on `account`'s wall, or under `reply_to`; webhooks leave as the network would send them.

        Gives the new id. Raises `CannotSay`.
        """

    def clear(self) -> None:
        """Forget everything that happened; accounts stay."""
