"""Getting a film to YouTube once, however often the line breaks: the address of its upload is kept before a byte leaves.

A repeat asks that address how much is there and goes on; when all is there, it answers with the finished video (Google
API docs, resumable uploads). So nothing here is ever uploaded twice.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crisis.channels.base import Attachment, Busy, Notes, Outgoing, Rejected, Uncertain, Unreachable
from crisis.channels.calling import Caller
from crisis.channels.errors import Answer, accepted_body, failure
from crisis.channels.youtube.words import refusal

STEP = 256 * 1024  # a part is a multiple of this
PART = 32 * STEP
SLICE_SECONDS = 25.0  # of uploading in one attempt; a call that is much longer in the air would be cut off
KEPT = timedelta(days=6)  # Google forgets an upload after about a week
_RANGE = re.compile(r"bytes=0-(\d+)")
_BEGIN = "/resumable/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status&notifySubscribers={}"

Bearer = Callable[[], Awaitable[Mapping[str, str]]]


class Uploads:
    """The uploads of one account."""

    def __init__(self, caller: Caller, notes: Notes, bearer: Bearer, *, part: int = PART) -> None:
        self._caller, self._notes, self._bearer, self._part = caller, notes, bearer, part

    async def finished(self, out: Outgoing) -> dict[str, Any] | None:
        """The video of an upload begun earlier; None when there is none, or it is not whole yet."""
        if (address := await self._kept(out)) is None:
            return None
        answer = await self._asked(address)
        if answer.status in (200, 201):
            return accepted_body(answer)
        if answer.status not in (308, 404, 410) and (error := failure(answer, refusal)):
            raise error
        if answer.status != 308:
            await asyncio.to_thread(self._notes.forget, _name(out))
        return None

    async def finish(
        self, out: Outgoing, film: Attachment, about: Mapping[str, Any], *, notify: bool
    ) -> dict[str, Any]:
        """Begin or go on, until the video is there. Raises `Busy` when the time of one attempt is over."""
        address, at = await self._kept(out), 0
        if address is not None:
            answer = await self._asked(address)
            if answer.status == 308:
                at = _there(answer)
            elif answer.status in (404, 410):  # forgotten there; whoever repeats has looked for the film first
                address = None
            else:
                return accepted_body(answer, refusal)
        if address is None:
            address = await self._begun(out, film, about, notify=notify)
        until = time.monotonic() + SLICE_SECONDS
        while True:
            answer = await self._part_sent(address, film, at)
            if answer.status != 308:
                return accepted_body(answer, refusal)
            there = _there(answer)
            if there <= at:
                raise Uncertain("YouTube takes no more of the film", code="stuck")
            at = there
            if time.monotonic() > until:
                say = f"{at * 100 // film.size} of 100 parts of the film are at YouTube; the rest follows"
                raise Busy(say, code="uploading", retry_after=0)

    async def _begun(self, out: Outgoing, film: Attachment, about: Mapping[str, Any], *, notify: bool) -> str:
        headers = {
            **await self._bearer(),
            "X-Upload-Content-Type": film.content_type,
            "X-Upload-Content-Length": str(film.size),
        }
        path = _BEGIN.format("true" if notify else "false")
        answer = await self._caller.answer("POST", path, json=about, headers=headers)
        if error := failure(answer, refusal):
            raise error
        address = answer.headers.get("location", "")
        if not address.startswith(("https://", "http://")):
            raise Uncertain("YouTube named no address for the film", code="shape")
        await asyncio.to_thread(self._notes.write, _name(out), address, datetime.now(UTC) + KEPT)
        return address

    async def _part_sent(self, address: str, film: Attachment, at: int) -> Answer:
        data = await asyncio.to_thread(_read, film.path, at, self._part)
        if not data or film.size == 0:
            raise Rejected("the film on this machine is shorter than it was when it was checked", code="media")
        headers = {
            **await self._bearer(),
            "Content-Type": film.content_type,
            "Content-Range": f"bytes {at}-{at + len(data) - 1}/{film.size}",
        }
        return await self._caller.answer("PUT", address, data=data, headers=headers, exact=True)

    async def _asked(self, address: str) -> Answer:
        """How much is there? Asking changes nothing."""
        headers = {**await self._bearer(), "Content-Range": "bytes */*"}
        return await self._caller.answer("PUT", address, headers=headers, exact=True)

    async def _kept(self, out: Outgoing) -> str | None:
        return await asyncio.to_thread(self._notes.read, _name(out))


def _name(out: Outgoing) -> str:
    return f"upload:{out.delivery_id}"


def _there(answer: Answer) -> int:
    """How many bytes YouTube has; no Range header means none (Google API docs, resumable uploads)."""
    found = _RANGE.fullmatch(answer.headers.get("range", ""))
    return int(found[1]) + 1 if found else 0


def _read(path: Path, at: int, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(at)
            return file.read(length)
    except OSError as error:
        raise Unreachable(f"the film cannot be read: {error.strerror}", code="media") from None
