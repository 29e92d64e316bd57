"""Records of the AT Protocol made of what leaves: the key, the time, the facets. Pure; lexicons in app.bsky.

The same delivery always makes the same bytes, so that writing it twice changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from crisis.channels.base import Outgoing
from crisis.channels.text.graphemes import bluesky_display, graphemes

POST = "app.bsky.feed.post"
_FACET = "app.bsky.richtext.facet"
THREADGATE = "app.bsky.feed.threadgate"
MOST_TAGS, LONGEST_TAG = 8, 64  # lexicon app.bsky.feed.post: tags
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"  # base32-sortable (AT Protocol, record keys: TID)
_TID_LENGTH = 13
_TAG = re.compile(r"(?<![\w#&/])#(\w*[^\W\d]\w*)")
_HANDLE = re.compile(
    r"(?<![\w/@.])@((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)", re.IGNORECASE
)


def record_key(delivery_id: str) -> str:
    """The record key of a delivery, a TID: its microsecond and ten bits more, both out of the delivery's own id."""
    return _tid(_number(delivery_id))


def created_at(out: Outgoing) -> str:
    """When it was released; for what never was, the moment its delivery was made."""
    at = out.released_at or datetime.fromtimestamp((_number(out.delivery_id) >> 10) / 1_000_000, UTC)
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def _number(delivery_id: str) -> int:
    try:
        known = uuid.UUID(delivery_id)
    except ValueError:
        known = uuid.UUID(int=0)
    if known.version != 7:  # not an id of ours; any number will do as long as it is always the same
        return int.from_bytes(hashlib.sha256(delivery_id.encode()).digest()[:7], "big")
    milliseconds, after = known.int >> 80, (known.int >> 64) & 0xFFF
    return (milliseconds * 1000 + after % 1000) << 10 | known.int & 0x3FF


def _tid(number: int) -> str:
    number &= 2**63 - 1
    letters = [_ALPHABET[number >> 5 * place & 31] for place in range(_TID_LENGTH)]
    return "".join(reversed(letters))


def handles(text: str) -> list[str]:
    """The accounts a text names, each once; who they are must be asked."""
    return list(dict.fromkeys(found[1].lower() for found in _HANDLE.finditer(text)))


def facets(text: str, links: Iterable[tuple[int, int, str]], dids: Mapping[str, str]) -> list[dict[str, Any]]:
    """Links, hashtags and the accounts in `dids`, by byte of the UTF-8 text, end exclusive, in order (lexicon facet).

    The server finds none of these by itself. `links` and `text` are as `bluesky_display` gives them.
    """
    found: list[tuple[int, int, dict[str, str]]] = [
        *((start, end, {"$type": f"{_FACET}#link", "uri": uri}) for start, end, uri in links),
        *(
            (one.start(), one.end(), {"$type": f"{_FACET}#mention", "did": dids[one[1].lower()]})
            for one in _HANDLE.finditer(text)
            if dids.get(one[1].lower())
        ),
        *(
            (one.start(), one.end(), {"$type": f"{_FACET}#tag", "tag": one[1]})
            for one in _TAG.finditer(text)
            if graphemes(one[1]) <= LONGEST_TAG
        ),
    ]
    made: list[dict[str, Any]] = []
    done = 0
    for start, end, feature in sorted(found, key=lambda one: one[:2]):
        if start < done:  # a hashtag inside a link is part of the link
            continue
        done = end
        begin = len(text[:start].encode())
        index = {"byteStart": begin, "byteEnd": begin + len(text[start:end].encode())}
        made.append({"$type": _FACET, "index": index, "features": [feature]})
    return made


def post(
    out: Outgoing,
    *,
    dids: Mapping[str, str],
    reply: Mapping[str, Any] | None = None,
    images: Sequence[Mapping[str, Any]] = (),
    film: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The whole record of a post; nothing in it is null."""
    text, links = bluesky_display(out.text)
    made: dict[str, Any] = {"$type": POST, "text": text, "createdAt": created_at(out), "langs": [out.language]}
    if marked := facets(text, links, dids):
        made["facets"] = marked
    if reply:
        made["reply"] = dict(reply)
    if images:
        made["embed"] = {"$type": "app.bsky.embed.images", "images": [dict(one) for one in images]}
    elif film:
        made["embed"] = {"$type": "app.bsky.embed.video", **film}
    if tags := _campaign(out.tags):
        made["tags"] = tags
    return made


def _campaign(tags: Iterable[str]) -> list[str]:
    return [tag.lstrip("#") for tag in tags if 0 < graphemes(tag.lstrip("#")) <= LONGEST_TAG][:MOST_TAGS]


def parts(uri: str) -> tuple[str, str, str]:
    """Repository, collection and key of an at:// address. Raises `ValueError`."""
    scheme, _, rest = uri.partition("at://")
    repository, collection, key = rest.split("/")
    if scheme or not (repository and collection and key):
        raise ValueError(uri)
    return repository, collection, key


def as_written(record: Mapping[str, Any]) -> str:
    """The text of a record with its links whole again; a facet that makes no sense is left alone."""
    data = str(record.get("text", "")).encode()
    for facet in sorted(record.get("facets") or (), key=lambda one: -int(one["index"]["byteStart"])):
        start, end = int(facet["index"]["byteStart"]), int(facet["index"]["byteEnd"])
        uri = next((str(one["uri"]) for one in facet["features"] if one.get("uri")), None)
        if uri and 0 <= start < end <= len(data):
            data = data[:start] + uri.encode() + data[end:]
    return data.decode(errors="replace")
