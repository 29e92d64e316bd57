"""The entries of public incident pages, on disk: one small JSON file for each delivery, under the incident's folder.

The files are the truth and the HTML is made from them, so a page can be rebuilt at any time and a repeated delivery
replaces itself. Every write is whole or not there at all.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from crisis.channels.base import Unreachable

LONGEST_WAIT = 10.0  # seconds for another writer, which needs milliseconds
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_PROVIDER_ID = re.compile(r"([0-9a-f]{10})/([A-Za-z0-9][A-Za-z0-9-]{0,63})")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture or film beside an entry: the name of its file in the incident's folder, and what it shows."""

    kind: str  # picture | film
    file: str
    width: int
    height: int
    alt: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement on an incident's page, in one language. Holds nothing that the public may not read."""

    name: str  # the delivery's id
    language: str
    phase: str
    title: str
    text: str
    at: str  # ISO 8601
    organisation: str
    follows: str = ""  # name of the entry this one follows or corrects
    withdrawn: bool = False
    media: tuple[Picture, ...] = ()
    about: str = ""  # "rumour": also listed among what is true about rumours

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.at)


def slug(incident_id: str) -> str:
    """The short id of an incident: the last 10 characters of its hex. Ids are UUIDv7, whose front is the time, so only
    the end tells apart what began in the same hour and cannot be guessed from it.
    """
    hexes = incident_id.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{10,32}", hexes):
        msg = "an incident's id is a UUID"
        raise ValueError(msg)
    return hexes[-10:]


def named(name: str) -> str:
    """`name` if it may be the name of a file. Raises `ValueError`."""
    if not _NAME.fullmatch(name):
        msg = "this is no delivery's id"
        raise ValueError(msg)
    return name


def taken_apart(provider_id: str) -> tuple[str, str]:
    """Folder and name of an entry. Raises `ValueError` for anything that is not one of ours."""
    if not (found := _PROVIDER_ID.fullmatch(provider_id)):
        msg = "this is no entry of an incident page"
        raise ValueError(msg)
    return found[1], found[2]


def read_entry(folder: Path, name: str) -> Entry | None:
    with suppress(FileNotFoundError):
        kept = json.loads((folder / "entries" / f"{name}.json").read_text(encoding="utf-8"))
        return Entry(**{**kept, "media": tuple(Picture(**one) for one in kept.get("media", ()))})
    return None


def read_entries(folder: Path) -> list[Entry]:
    """All entries of an incident, newest first. Delivery ids are UUIDv7, so their order settles equal times."""
    names = [path.stem for path in (folder / "entries").glob("*.json")]
    entries = [entry for name in names if (entry := read_entry(folder, name))]
    return sorted(entries, key=lambda entry: (entry.time, entry.name), reverse=True)


def write_entry(folder: Path, entry: Entry) -> None:
    (folder / "entries").mkdir(parents=True, exist_ok=True)
    write_whole(folder / "entries" / f"{entry.name}.json", json.dumps(asdict(entry), ensure_ascii=False, indent=1))


def write_whole(path: Path, text: str) -> None:
    """The old file or the new one, never half of one, also after a power cut. Call it with the lock held."""
    scratch = path.with_name(f".{path.name}.new")
    with scratch.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name itself
    finally:
        os.close(folder)


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """One writer at a time, across processes. The lock is the kernel's and goes when its holder dies.

    Raises `Unreachable` when another writer holds it for too long: nothing was written, so it is safe to repeat.
    """
    root.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + LONGEST_WAIT
    with (root / ".lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Unreachable("another process is writing the incident pages", code="locked") from None
                time.sleep(0.01)
        yield
