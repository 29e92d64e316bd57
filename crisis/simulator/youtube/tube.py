"""What the pretend YouTube keeps: channels with their keys, uploads under way, films, comments and spent quota."""

import itertools
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

DAILY_UNITS = 10_000
DAILY_UPLOADS = 100


@dataclass(frozen=True, slots=True)
class TubeChannel:
    """One demo channel. The keys are made up, public and worthless."""

    name: str
    id: str
    title: str

    @property
    def keys(self) -> dict[str, str]:
        """What the demo signs in with, by the names of the settings."""
        return {
            "client_secret": f"{self.name}-youtube-client-secret",
            "refresh_token": f"{self.name}-youtube-refresh-token",
        }

    @property
    def client_id(self) -> str:
        return f"{self.name}-youtube-app"

    @property
    def access_token(self) -> str:
        return f"{self.name}-youtube-access-token"


DEMO = (
    TubeChannel("ous", f"UC{'ous':0<17}live1", "Oslo University Hospital (demo)"),
    TubeChannel("ous-drill", f"UC{'ous':0<16}drill1", "Oslo University Hospital (drill channel)"),
)


@dataclass(slots=True)
class Film:
    """One video."""

    id: str
    owner: TubeChannel
    snippet: dict[str, Any]
    status: dict[str, Any]
    data: bytes
    kind: str
    at: float
    edited: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Upload:
    """One film on its way."""

    owner: TubeChannel
    about: dict[str, Any]
    kind: str
    size: int
    data: bytearray = field(default_factory=bytearray)
    film: Film | None = None


@dataclass(slots=True)
class Said:
    """One comment; `parent` is the first one of its thread."""

    id: str
    film: Film
    author: str
    name: str
    text: str
    at: float
    parent: str = ""
    changed: float = 0.0
    status: str = "published"
    deleted: bool = False


@dataclass(slots=True)
class Tube:
    """Everything YouTube remembers."""

    films: dict[str, Film] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    comments: dict[str, Said] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    uploaded: dict[str, int] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def clear(self) -> None:
        """Forget what happened."""
        for memory in (self.films, self.uploads, self.comments, self.units, self.uploaded):
            memory.clear()

    def begin(self, owner: TubeChannel, about: dict[str, Any], kind: str, size: int) -> str:
        """A new upload; gives the secret part of its address."""
        key = secrets.token_urlsafe(16)
        self.uploads[key] = Upload(owner, about, kind, size)
        return key

    def publish(self, upload: Upload) -> Film:
        """The last byte is there."""
        number = f"film{next(self.numbers):07d}"
        film = Film(
            number,
            upload.owner,
            upload.about["snippet"],
            upload.about["status"],
            bytes(upload.data),
            upload.kind,
            now(),
        )
        self.films[number] = upload.film = film
        return film

    def comment(self, film: Film, author: str, name: str, text: str, parent: str = "") -> Said:
        """Somebody writes under a film."""
        number = f"UgyDemo{next(self.numbers):015d}AaABAg"
        number = f"{parent}.{number[:22]}" if parent else number
        self.comments[number] = Said(number, film, author, name, text, now(), parent)
        return self.comments[number]


def now() -> float:
    """Seconds."""
    return time.time()
