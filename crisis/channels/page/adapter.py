"""The public incident page as a channel: our own wall, static files that any web server or CDN can serve.

Sending writes an entry and rebuilds the pages around it; the same delivery sent twice shows once. No network, no
database: as long as this machine has a disk and something serves it, the public can be told.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from crisis.channels.base import (
    Accepted,
    Facts,
    Health,
    MediaFacts,
    Misconfigured,
    Outgoing,
    Rejected,
    SendError,
    Unreachable,
)
from crisis.channels.opening import Opening
from crisis.channels.page.entries import Entry, named, read_entry, slug, taken_apart, write_entry, write_whole, writing
from crisis.channels.page.files import hide_files, show_file
from crisis.channels.page.render import Site, build
from crisis.channels.text.counting import plain
from crisis.channels.text.words import WORDS
from crisis.settings import Frozen

FACTS = Facts(
    name="page",
    label="Incident page",
    form="full",
    medium="wall",
    public=True,
    deletes=True,
    repeat_safe=True,  # an entry is named by its delivery and replaces itself
    threads=False,  # every incident has one page anyway
    receipts=False,
    pace=50,
    concurrency=1,
    measure=plain(20_000),  # our own bound: nobody reads more in a crisis
    media=MediaFacts(  # what every browser shows, small enough for a phone on a bad network
        pictures=10,
        picture_types=frozenset({"image/jpeg", "image/png"}),
        picture_bytes=600_000,
        picture_side=1600,
        films=3,
        film_types=frozenset({"video/mp4"}),
        alt_length=1000,
        mixed=True,
    ),
)
LONGEST_PUBLIC_URL = 49  # texts reserve 60 characters for {link}: this, a slash and the short id
T = TypeVar("T")

# A person has to free space or give rights before anything can be written.
_FOR_A_PERSON = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR})


class Options(Frozen):
    """The keys of a page account in crisis.toml."""

    public_url: str = Field(
        pattern=r"^https?://[^\s]+[^/\s]$",
        max_length=LONGEST_PUBLIC_URL,
        description="the address under which the public reaches `directory`, without a slash at the end",
    )
    directory: Path | None = Field(
        default=None, description="where the pages are written; data_dir/pages/<mode> if empty"
    )


def page_url(public_url: str, incident_id: str) -> str:
    """The stable address of an incident's page, known before anything is on it. Raises `ValueError` for a bad id."""
    return f"{public_url.rstrip('/')}/{slug(incident_id)}"


class Page:
    """One open page account. Files are written in a thread, since a disk can be slow."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        self._site = Site(
            root=options.directory or opening.data_dir / "pages" / opening.mode,
            mode=opening.mode,
            organisation=opening.unit,
            languages=opening.languages,
            zone=opening.zone,
            public_url=options.public_url,
        )

    async def send(self, out: Outgoing) -> Accepted:
        """Put one entry on its incident's page. A withdrawn entry stays withdrawn, whoever repeats the delivery."""
        return await _in_thread(lambda: self._publish(out))

    async def delete(self, provider_id: str) -> None:
        """Take the words down. That there was a message stays to be seen, because people may have read it."""
        await _in_thread(lambda: self._withdraw(provider_id))

    async def check(self) -> Health:
        try:
            await _in_thread(self._try_writing)
        except SendError as error:
            return Health(ok=False, say=error.say)
        return Health(ok=True, say=f"pages are written to {self._site.root}")

    async def close(self) -> None:
        """Nothing is held open."""

    def _publish(self, out: Outgoing) -> Accepted:
        if out.mode != self._site.mode:
            raise Rejected(f"this account shows {self._site.mode} pages only", code="mode")
        if out.language not in WORDS:
            raise Rejected(f"the pages have no language '{out.language}'", code="language")
        follows = ""
        try:
            name, page = named(out.delivery_id), slug(out.incident_id)
        except ValueError as error:
            raise Rejected(str(error), code="id") from None
        with suppress(ValueError):  # an odd reply_to costs the mark on the old entry, never the new message
            follows = taken_apart(out.reply_to or "")[1]
        folder = self._site.root / page
        with writing(self._site.root):
            before = read_entry(folder, name)
            if before is None or not before.withdrawn:
                shown = tuple(show_file(folder, attachment) for attachment in out.media)
                at = (out.released_at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
                entry = Entry(name, out.language, out.phase, out.title, out.text, at, out.organisation, follows)
                write_entry(folder, replace(entry, media=shown, about=out.about))
            build(self._site, page)
        return Accepted(f"{page}/{name}", f"{self._site.public_url}/{page}/index.{out.language}.html#e-{name}")

    def _withdraw(self, provider_id: str) -> None:
        try:
            page, name = taken_apart(provider_id)
        except ValueError as error:
            raise Rejected(str(error), code="id") from None
        folder = self._site.root / page
        with writing(self._site.root):
            entry = read_entry(folder, name)
            if entry is None:
                return
            hide_files(folder, entry)
            write_entry(folder, replace(entry, title="", text="", media=(), withdrawn=True))
            build(self._site, page)

    def _try_writing(self) -> None:
        with writing(self._site.root):
            write_whole(self._site.root / ".check", "")


async def _in_thread(call: Callable[[], T]) -> T:
    """Run `call` and translate what a disk can do. Everything here is safe to repeat."""
    try:
        return await asyncio.to_thread(call)
    except OSError as error:
        say = f"cannot write the pages: {error.strerror or type(error).__name__}"
        if error.errno in _FOR_A_PERSON:
            raise Misconfigured(say, code=errno.errorcode.get(error.errno, "")) from None
        raise Unreachable(say, code=errno.errorcode.get(error.errno or 0, "")) from None
