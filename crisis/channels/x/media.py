"""Pictures and film on their way to X: uploaded first, described, and only then named in a post.

Nothing that goes wrong here has said anything to anybody, so what is lost on the way is `Unreachable`: it may be
repeated. What is up already is remembered for its delivery and not sent twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from crisis.channels.base import Attachment, MediaFacts, Notes, Outgoing, Rejected, Uncertain, Unreachable

MEDIA = MediaFacts(  # X API docs, media best practices
    pictures=4,
    picture_types=frozenset({"image/jpeg", "image/png", "image/webp"}),
    picture_bytes=5 * 1024 * 1024,
    picture_side=4096,
    films=1,
    film_types=frozenset({"video/mp4"}),
    film_bytes=512 * 1024 * 1024,
    film_seconds=140,
    alt_length=1000,
)
CHUNK = 4 * 1024 * 1024  # of a film; X takes 5 MB at most in one part
READY_WITHIN = 20.0  # seconds a send waits for X to have read a film; after that it is tried again later
KEPT = timedelta(hours=20)  # an upload that is in no post lives a day at X


class Asks(Protocol):
    """A signed call to X; the JSON object of a success. Raises `SendError`."""

    def __call__(self, method: str, path: str, **given: Any) -> Mapping[str, Any]: ...


def upload(ask: Asks, notes: Notes, out: Outgoing) -> Sequence[str]:
    """Bring everything that is attached to X; the media ids in order. Blocks."""
    _fitting(out.media)
    name = f"media:{out.delivery_id}"
    done: dict[str, str] = json.loads(notes.read(name) or "{}")
    try:
        for number, attachment in enumerate(out.media):
            if str(number) in done:
                continue
            done[str(number)] = _picture(ask, attachment) if attachment.kind == "picture" else _film(ask, attachment)
            notes.write(name, json.dumps(done), datetime.now(UTC) + KEPT)
        for number, attachment in enumerate(out.media):
            if attachment.kind == "film":
                _wait_until_read(ask, done[str(number)])
    except Uncertain as error:
        raise Unreachable(f"the upload broke off: {error.say}", code=error.code) from None
    except Rejected:
        notes.forget(name)  # what X will not have now it may have had in another form
        raise
    return [done[str(number)] for number in range(len(out.media))]


def _fitting(media: Sequence[Attachment]) -> None:
    films = sum(one.kind == "film" for one in media)
    if films and len(media) > 1:
        raise Rejected("X shows one film or up to four pictures, not both", code="media")
    if len(media) > MEDIA.pictures:
        raise Rejected(f"X shows {MEDIA.pictures} pictures at most", code="media")


def _picture(ask: Asks, picture: Attachment) -> str:
    with picture.path.open("rb") as file:
        made = ask(
            "POST",
            "/2/media/upload",
            files={"media": (picture.path.name, file, picture.content_type)},
            data={"media_category": "tweet_image"},
        )
    media_id = _id(made)
    if picture.alt:
        words = {"id": media_id, "metadata": {"alt_text": {"text": picture.alt[: MEDIA.alt_length]}}}
        ask("POST", "/2/media/metadata", json=words)
    return media_id


def _film(ask: Asks, film: Attachment) -> str:
    about = {"media_type": film.content_type, "total_bytes": film.size, "media_category": "tweet_video"}
    media_id = _id(ask("POST", "/2/media/upload/initialize", json=about))
    with film.path.open("rb") as file:
        for number, chunk in enumerate(iter(lambda: file.read(CHUNK), b"")):
            ask(
                "POST",
                f"/2/media/upload/{media_id}/append",
                files={"media": (film.path.name, chunk, "application/octet-stream")},
                data={"segment_index": str(number)},
            )
    ask("POST", f"/2/media/upload/{media_id}/finalize")
    return media_id


def _wait_until_read(ask: Asks, media_id: str) -> None:
    """X reads a film after it is up (X API docs, media upload status). Raises `Unreachable` while it still does."""
    until = time.monotonic() + READY_WITHIN
    while True:
        told = ask("GET", "/2/media/upload", params={"media_id": media_id, "command": "STATUS"})
        about = (told.get("data") or {}).get("processing_info") or {"state": "succeeded"}
        match about.get("state"):
            case "succeeded":
                return
            case "failed":
                raise Rejected("X could not read the film; try another file", code="film")
        pause = min(max(float(about.get("check_after_secs") or 1), 0.1), 5.0)
        if time.monotonic() + pause > until:
            raise Unreachable("X is still reading the film", code="processing")
        time.sleep(pause)


def _id(made: Mapping[str, Any]) -> str:
    media_id = (made.get("data") or {}).get("id")
    if not media_id:
        raise Uncertain("X took the file but named no media")
    return str(media_id)
