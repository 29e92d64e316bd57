"""Holds a post against its lexicon: known fields only, counted lengths, and facets on the right bytes of the text. Pure."""

import re
from collections.abc import Mapping
from typing import Any

import regex

TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
AT_URI = re.compile(r"at://(did:[a-z]+:[A-Za-z0-9._:%-]+|[a-z0-9.-]+)/([a-zA-Z0-9.-]+)/([A-Za-z0-9._~:-]+)")
REPORT_REASONS = {
    f"com.atproto.moderation.defs#reason{one}"
    for one in ("Spam", "Violation", "Misleading", "Sexual", "Rude", "Other", "Appeal")
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_POST = {"$type", "text", "createdAt", "langs", "facets", "reply", "embed", "tags", "labels"}
_EMBEDS = {
    "app.bsky.embed.images": {"$type", "images"},
    "app.bsky.embed.video": {"$type", "video", "alt", "aspectRatio"},
}


def complaint(record: Any, collection: str, blobs: Mapping[str, int]) -> str:
    """What is wrong with a record; empty when nothing is."""
    if not isinstance(record, dict) or record.get("$type") != collection:
        return f"Invalid record: $type must be {collection}"
    if not _TIME.fullmatch(str(record.get("createdAt"))):
        return f'Invalid {collection} record: Record must have the property "createdAt"'
    if collection == "app.bsky.feed.threadgate":
        wrong = _gate(record)
    elif collection == "app.bsky.feed.post":
        wrong = _post(record, blobs)
    else:
        wrong = "this simulator does not play it"
    return f"Invalid {collection} record: {wrong}" if wrong else ""


def _fields(value: Any) -> set[str]:
    """The fields of an object; each may also say its type."""
    return set(value or ()) - {"$type"}


def _gate(record: dict[str, Any]) -> str:
    if unknown := set(record) - {"$type", "post", "allow", "createdAt", "hiddenReplies"}:
        return f"unknown {', '.join(sorted(unknown))}"
    addresses = [record.get("post"), *record.get("hiddenReplies", [])]
    if len(addresses) > 301 or not all(AT_URI.fullmatch(str(one)) for one in addresses):
        return "post and hiddenReplies are at-uris, 300 at most"
    return ""


def _post(record: dict[str, Any], blobs: Mapping[str, int]) -> str:
    text = record.get("text")
    if unknown := set(record) - _POST:
        return f"unknown {', '.join(sorted(unknown))}"
    if not isinstance(text, str) or (not text and "embed" not in record):
        return "text must be a string"
    if len(text.encode()) > 3_000 or len(regex.findall(r"\X", text)) > 300:
        return "text must not be longer than 300 graphemes"
    langs, tags = record.get("langs", []), record.get("tags", [])
    if len(langs) > 3 or not all(re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]+)*", str(one)) for one in langs):
        return "langs must be at most 3 languages"
    if len(tags) > 8 or not all(isinstance(one, str) and 0 < len(regex.findall(r"\X", one)) <= 64 for one in tags):
        return "tags must be at most 8 of 64 graphemes"
    for facet in record.get("facets", []):
        if wrong := _facet(facet, text.encode()):
            return wrong
    reply = record.get("reply")
    if reply is not None and not (
        _fields(reply) == {"root", "parent"}
        and all(_fields(reply[end]) == {"uri", "cid"} for end in ("root", "parent"))
    ):
        return "reply must have root and parent, each with uri and cid"
    return _embed(record["embed"], blobs) if "embed" in record else ""


def _facet(facet: Any, text: bytes) -> str:
    if _fields(facet) - {"index", "features"} or _fields(facet.get("index")) != {"byteStart", "byteEnd"}:
        return "facets must have index and features"
    start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
    if not 0 <= start < end <= len(text):
        return "facet outside of the text"
    try:
        words = text[start:end].decode()
    except UnicodeDecodeError:
        return "facet splits a character"
    for feature in facet["features"]:
        kind = str(feature.get("$type", "")).removeprefix("app.bsky.richtext.facet#")
        said = {"link": words, "tag": words.lstrip("#＃"), "mention": words}.get(kind)
        wanted = feature.get({"link": "uri", "tag": "tag", "mention": "did"}.get(kind, ""))
        if said is None or not wanted or set(feature) - {"$type", "uri", "tag", "did"}:
            return f"facet feature {kind} is unknown or has nothing to point at"
        if kind == "link" and said.endswith("…"):  # cut for the eye, as the network's own app does
            said = wanted if wanted.split("://")[-1].startswith(said.rstrip("…")) else said
        if (kind in ("link", "tag") and said.split("://")[-1] != wanted.split("://")[-1]) or (
            kind == "mention" and not words.startswith("@")
        ):
            return f"the facet marks {words!r}, which is not its {kind}"
    return ""


def _embed(embed: Any, blobs: Mapping[str, int]) -> str:
    kind = str(embed.get("$type"))
    if kind not in _EMBEDS or set(embed) - _EMBEDS[kind]:
        return f"embed {kind} is unknown or has unknown fields"
    if kind == "app.bsky.embed.video":
        return _blob(embed.get("video"), blobs, 300_000_000)
    images = embed.get("images")
    if not isinstance(images, list) or not 1 <= len(images) <= 4:
        return "embed has one to four images"
    for one in images:
        if not isinstance(one.get("alt"), str) or _fields(one) - {"image", "alt", "aspectRatio"}:
            return "an image must have alt, and no unknown fields"
        shape = one.get("aspectRatio", {"width": 1, "height": 1})
        if _fields(shape) != {"width", "height"} or min(shape["width"], shape["height"]) < 1:
            return "aspectRatio must have width and height of at least 1"
        if wrong := _blob(one.get("image"), blobs, 2_000_000):
            return wrong
    return ""


def _blob(blob: Any, blobs: Mapping[str, int], most: int) -> str:
    link = str((blob or {}).get("ref", {}).get("$link", ""))
    if (blob or {}).get("$type") != "blob" or link not in blobs:
        return "Could not find blob: " + link
    if blobs[link] > most or blobs[link] != blob.get("size"):
        return f"blob too large or of another size: {blobs[link]}"
    return ""
