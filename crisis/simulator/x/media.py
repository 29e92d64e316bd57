"""Media at the pretend X: uploaded whole or in parts, read for a while, described, and used by its owner in one post.

Checks what the published contract and X's own limits say; keeps sizes and words, and throws the bytes away.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crisis.simulator.x.problems import INVALID, NOT_FOUND, Refusal

PICTURE_BYTES = 5 * 1024 * 1024
PART_BYTES = 5 * 1024 * 1024
FILM_BYTES = 512 * 1024 * 1024
ALT_MOST = 1000
LOOKS_UNTIL_READ = 1
_KEPT = 500


@dataclass(slots=True)
class Picture:
    """One upload. `expected` is what was promised, `size` what came."""

    id: str
    owner: str
    film: bool
    expected: int
    size: int = 0
    parts: int = 0
    alt: str = ""
    finished: bool = False
    looks: int = 0


class Media:
    """Uploads that wait for their post."""

    def __init__(self) -> None:
        """Start empty."""
        self._numbers = itertools.count(710_000_000_000_000_000)
        self.clear()

    def clear(self) -> None:
        """Forget every upload."""
        self._kept: dict[str, Picture] = {}

    def step(self, owner: str, step: str, media_id: str, given: dict[str, Any]) -> dict[str, Any]:
        """Carry out one call; the body of the answer. Raises Refusal."""
        match step:
            case "upload":
                _only(given, {"media", "media_category", "additional_owners"})
                body = given.get("media")
                if given.get("media_category") != "tweet_image" or not isinstance(body, bytes) or not body:
                    raise _wrong("media is a file and media_category is tweet_image")
                if len(body) > PICTURE_BYTES:
                    raise _wrong("the picture is larger than 5 MB")
                made = self._new(owner, film=False, expected=len(body))
                made.size, made.finished = len(body), True
                return _told(made)
            case "initialize":
                _only(given, {"media_type", "total_bytes", "media_category", "additional_owners", "shared"})
                size = given.get("total_bytes")
                if given.get("media_category") != "tweet_video" or not isinstance(size, int):
                    raise _wrong("media_category is tweet_video and total_bytes is a number")
                if given.get("media_type") not in ("video/mp4", "video/quicktime") or not 0 < size <= FILM_BYTES:
                    raise _wrong("the film is no MP4 of at most 512 MB")
                return _told(self._new(owner, film=True, expected=size))
            case "append":
                _only(given, {"media", "segment_index"})
                one, body = self._mine(owner, media_id), given.get("media")
                if str(given.get("segment_index")) != str(one.parts) or not isinstance(body, bytes):
                    raise _wrong(f"segment_index {one.parts} with a file comes next")
                if len(body) > PART_BYTES or one.size + len(body) > one.expected:
                    raise _wrong("the part is larger than 5 MB, or the film than was said")
                one.size, one.parts = one.size + len(body), one.parts + 1
                return {"data": {"expires_at": 0}}
            case "finalize":
                one = self._mine(owner, media_id)
                if one.size != one.expected:
                    raise _wrong(f"{one.size} of {one.expected} bytes came")
                one.finished = True
                return _told(one, "pending")
            case "status":
                one = self._mine(owner, given.get("media_id", ""))
                one.looks += 1
                return _told(one, "succeeded" if one.looks > LOOKS_UNTIL_READ or not one.film else "in_progress")
            case _:
                one = self._mine(owner, str(given.get("id")))
                alt = ((given.get("metadata") or {}).get("alt_text") or {}).get("text")
                if set(given) != {"id", "metadata"} or not isinstance(alt, str) or not 0 < len(alt) <= ALT_MOST:
                    raise _wrong("metadata.alt_text.text has 1 to 1000 characters")
                one.alt = alt
                return {"data": {"id": one.id, "associated_metadata": {"alt_text": {"text": alt}}}}

    def taken(self, owner: str, ids: Sequence[str]) -> tuple[Picture, ...]:
        """What a new post names. Raises Refusal for what is not there, not ready or too much."""
        if any(media_id not in self._kept or self._kept[media_id].owner != owner for media_id in ids):
            raise _wrong("your media ids are invalid")
        found = tuple(self._kept[media_id] for media_id in ids)
        if any(not one.finished or (one.film and one.looks <= LOOKS_UNTIL_READ) for one in found):
            raise _wrong("media is not ready")
        if len(found) > 1 and any(one.film for one in found):
            raise _wrong("one film or up to four pictures")
        return found

    def _new(self, owner: str, *, film: bool, expected: int) -> Picture:
        made = Picture(str(next(self._numbers)), owner, film, expected)
        self._kept[made.id] = made
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return made

    def _mine(self, owner: str, media_id: str) -> Picture:
        one = self._kept.get(media_id)
        if one is None or one.owner != owner:
            raise Refusal(404, f"Could not find media with id: [{media_id}].", type=NOT_FOUND)
        return one


def _told(one: Picture, state: str = "") -> dict[str, Any]:
    about: dict[str, Any] = {"id": one.id, "media_key": f"3_{one.id}", "size": one.size, "expires_after_secs": 86_400}
    if one.film and state:
        about["processing_info"] = {"state": state} | ({} if state == "succeeded" else {"check_after_secs": 0})
    return {"data": about}


def _only(given: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(given) - known):
        raise _wrong(f"{', '.join(unknown)} is not a known field")


def _wrong(say: str) -> Refusal:
    return Refusal(400, f"One or more parameters to your request was invalid: {say}.", type=INVALID)
