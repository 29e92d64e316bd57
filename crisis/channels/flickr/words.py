"""Flickr's words translated into ours: refusals, descriptions in its limited HTML, our own tag, comments.

Pure functions. Errors come with status 200 (Flickr API docs, response formats), so they are read from the body.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crisis.channels.base import Busy, Inbound, Misconfigured, Outgoing, Rejected, SendError, Uncertain
from crisis.channels.text.counting import plain

TITLE_LIMIT = 255
LIMIT = 65_535
measure = plain(LIMIT)

# Who looks at a picture with closed eyes hears its words here: Flickr has no field of its own for them.
_ALT = {"nb": "Bildet viser", "nn": "Biletet viser", "en": "The picture shows"}
_TAG_ALT = re.compile(rf"\n\n(?:{'|'.join(_ALT.values())}): [^\n]*\Z")
_MARKUP = re.compile(r"<[^>]*>")
_PHOTO = re.compile(r"<photoid[^>]*>\s*(\d+)\s*</photoid>")  # the whole answer is one such element
_ERROR = re.compile(r'<err\s+code="(\d+)"(?:\s+msg="([^"]*)")?')
_COMMENT = re.compile(r"[^-]+-(\d+)-[\w.]+")


def description(out: Outgoing) -> str:
    """The text and what the picture shows, with nothing in it that Flickr would take for markup."""
    words = [out.text]
    for picture in out.media:
        if picture.alt and picture.alt not in out.text:
            alt = " ".join(picture.alt.split())
            words.append(f"{_ALT.get(out.language, _ALT['en'])}: {alt}")
    return escaped("\n\n".join(words))


def escaped(text: str) -> str:
    return html.escape(text, quote=False)


def as_written(content: str) -> str:
    """The approved text in a description: Flickr makes links of addresses, and the picture's words are ours."""
    return _TAG_ALT.sub("", html.unescape(_MARKUP.sub("", content)))


def title(out: Outgoing) -> str:
    text = out.title or out.text.split("\n", 1)[0]
    return text if len(text) <= TITLE_LIMIT else text[: TITLE_LIMIT - 1] + "…"


def machine_tag(out: Outgoing) -> str:
    """Our id at Flickr. Without dashes: it cleans tags of signs."""
    return f"crisis:delivery={out.delivery_id.replace('-', '').lower()}"


def content(value: Any) -> str:
    """A text in Flickr's JSON stands in an object of its own."""
    return str(value.get("_content", "")) if isinstance(value, Mapping) else str(value or "")


def uploaded(text: str) -> str:
    """The number of the new picture, from the XML of the upload API. Raises `SendError`."""
    if found := _PHOTO.search(text):
        return found[1]
    if refused := _ERROR.search(text):
        raise upload_refusal(refused[1], html.unescape(refused[2] or ""))
    raise Uncertain("the answer is cut off or names no picture", code="shape")


def upload_refusal(code: str, say: str) -> SendError:
    """Refusals of the upload API (Flickr API docs, upload)."""
    say = f"Flickr {code}: {say}"
    match code:
        case "3":  # "general upload failure"
            return Uncertain(say, code=code)
        case "6":  # the account's limit
            return Misconfigured(say, code=code)
        case _:
            return refusal(code, say)


def refusal(code: str, say: str) -> SendError:
    """What a refused call means (flickr.reflection.getMethodInfo, errors)."""
    match code:
        case "95" | "96" | "97" | "98" | "99" | "100":  # keys, signature and rights
            return Misconfigured(say, code=code)
        case "105":
            return Busy(say, code=code)
        case "106":  # "write operation failed", and nobody knows how far it got
            return Uncertain(say, code=code)
        case _:
            return Rejected(say, code=code)


def is_comment(provider_id: str) -> bool:
    return "-" in provider_id


def photo_of(provider_id: str) -> str:
    """The picture itself, or the one a comment stands under. Raises `Rejected` for anything else."""
    if provider_id.isdigit():
        return provider_id
    if found := _COMMENT.fullmatch(provider_id):
        return found[1]
    raise Rejected(f"{provider_id[:80]} is no picture or comment on Flickr", code="no_comment")


def moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def inbound(comment: Mapping[str, Any], photo: str) -> Inbound:
    """A comment as Flickr gives it (flickr.photos.comments.getList)."""
    return Inbound(
        provider_id=str(comment["id"]),
        author=str(comment["author"]),
        author_name=str(comment.get("authorname", "")),
        text=html.unescape(_MARKUP.sub("", content(comment))),
        at=moment(comment["datecreate"]),
        in_reply_to=photo,
        root=photo,
        url=str(comment["permalink"]) if comment.get("permalink") else None,
        kind="comment",
    )
