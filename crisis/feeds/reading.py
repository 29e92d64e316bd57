"""Reads a news feed: RSS and Atom of every age, as text alone. No address in it is called, no file is opened.

It runs in a process of its own with bounds on time and memory (`python -m crisis.feeds.reading`, the feed in, JSON out):
what parses strangers' XML may be made to work for hours, and must not hold the listener. A feed that declares entities of
its own is refused, whatever they say.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from xml.parsers import expat

from crisis.channels.text.unmarked import plain_text

LONGEST_SECONDS = 4.0
MEMORY = 512 * 1024**2
MOST_ENTRIES = 50
LONGEST_TITLE, LONGEST_TEXT, LONGEST_LINK = 120, 600, 500

UNREADABLE = "this is no news feed, or it is broken"
ENTITIES = "the feed declares entities of its own, which no news feed needs"
TOO_MUCH = "the feed takes too long to read"


class NotReadable(Exception):
    """The bytes are no feed that can be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece of news. `key` is the same whenever it is read again; `at` is None where the feed does not say."""

    key: str
    title: str
    text: str
    link: str
    at: datetime | None


def read(body: bytes) -> list[Entry]:
    """The entries, the newest first, at most fifty. Blocks for some tenths of a second. Raises `NotReadable`."""
    only = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # and none of our secrets
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "crisis.feeds.reading"],
            input=body, capture_output=True, timeout=2 * LONGEST_SECONDS, check=False, env=only,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotReadable(TOO_MUCH) from None
    if done.returncode != 0:  # below nothing: it was ended by its bounds
        raise NotReadable(TOO_MUCH if done.returncode < 0 else UNREADABLE)
    told: dict[str, Any] = json.loads(done.stdout)
    if "wrong" in told:
        raise NotReadable(told["wrong"])
    return [Entry(**{**one, "at": datetime.fromisoformat(one["at"]) if one["at"] else None}) for one in told["entries"]]


def parse(body: bytes) -> list[Entry]:
    """What the child does. Raises `NotReadable`."""
    import feedparser  # noqa: PLC0415 - only this process needs it

    if _declares_entities(body):
        raise NotReadable(ENTITIES)
    # As a file: given bytes, it would take them for the name of one.
    found = feedparser.parse(io.BytesIO(body), resolve_relative_uris=False, sanitize_html=False)
    if not found.entries and not found.get("version"):
        raise NotReadable(UNREADABLE)
    entries = [entry for one in found.entries if (entry := _entry(one)) is not None]
    entries.sort(key=lambda entry: entry.at or datetime.min.replace(tzinfo=UTC), reverse=True)
    return entries[:MOST_ENTRIES]


def _declares_entities(body: bytes) -> bool:
    """Asked of expat, which knows encodings; a feed that is not well-formed goes to the forgiving reader, which has none."""
    seen = False

    def declared(*_: object) -> None:
        nonlocal seen
        seen = True
        raise NotReadable

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = declared
    try:
        parser.Parse(body, True)
    except NotReadable:
        return True
    except (expat.ExpatError, LookupError, ValueError):
        return seen or b"<!ENTITY" in body.replace(b"\0", b"").upper()
    return seen


def _entry(told: Mapping[str, Any]) -> Entry | None:
    title = _words(told.get("title"), LONGEST_TITLE)
    text = _words(told.get("summary"), LONGEST_TEXT)
    title = title or _short(text, LONGEST_TITLE)
    if not title:
        return None
    link = _link(told.get("link"))
    name = str(told.get("id") or link or f"{title}\n{told.get('published', '')}")
    return Entry(hashlib.sha256(name.encode(errors="replace")).hexdigest(), title, text, link, _when(told))


def _words(told: object, most: int) -> str:
    text = plain_text(told) if isinstance(told, str) else ""
    seen = "".join(letter if letter.isprintable() or letter.isspace() else " " for letter in text)
    return _short(" ".join(seen.split()), most)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0].rstrip(" ,;:-") + "…"


def _link(told: object) -> str:
    link = told.strip() if isinstance(told, str) else ""
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    plain = parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
    return link if plain and len(link) <= LONGEST_LINK and link.isprintable() and " " not in link else ""


def _when(told: Mapping[str, Any]) -> datetime | None:
    found = told.get("published_parsed") or told.get("updated_parsed")
    if not isinstance(found, time.struct_time):
        return None
    try:
        return datetime(*found[:6], tzinfo=UTC)
    except ValueError:
        return None


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(LONGEST_SECONDS), int(LONGEST_SECONDS)))
    try:
        entries = parse(sys.stdin.buffer.read())
        told: dict[str, Any] = {
            "entries": [{**asdict(one), "at": one.at.isoformat() if one.at else ""} for one in entries]
        }
    except NotReadable as wrong:
        told = {"wrong": str(wrong)}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
