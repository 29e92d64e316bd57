"""How YouTube words things: resources, lists and errors; and which fields it takes. Pure but for reading a body."""

import json
from typing import Any

from aiohttp import web

from crisis.simulator.front import Refusal
from crisis.simulator.when import iso
from crisis.simulator.youtube.tube import Film, Said

SNIPPET = {"title", "description", "tags", "categoryId", "defaultLanguage", "defaultAudioLanguage"}
STATUS = {"privacyStatus", "publishAt", "selfDeclaredMadeForKids", "containsSyntheticMedia", "embeddable", "license"}


def error(status: int, reason: str, message: str, domain: str = "youtube.common") -> dict[str, Any]:
    """An error body."""
    told = {"message": message, "domain": domain, "reason": reason}
    return {"error": {"code": status, "message": message, "errors": [told]}}


def refusal(status: int, reason: str, message: str, domain: str = "youtube.common") -> Refusal:
    """YouTube says no."""
    return Refusal(status, f"{reason}: {message}", error(status, reason, message, domain))


async def body(request: web.Request, known: dict[str, set[str] | None]) -> dict[str, Any]:
    """The JSON object of a request: all of these parts, each with known fields only, and nothing else."""
    try:
        given = json.loads(await request.read())
    except ValueError as wrong:
        raise refusal(400, "parseError", "the body is not JSON") from wrong
    if not isinstance(given, dict) or set(given) != set(known):
        raise refusal(400, "badRequest", f"the body holds {', '.join(known)} and nothing else")
    for name, fields in known.items():
        if fields is not None and (not isinstance(given[name], dict) or set(given[name]) - fields):
            raise refusal(400, "badRequest", f"unknown field in {name}")
    return given


def snippet(given: dict[str, Any]) -> None:
    """Title and description within their limits."""
    title, about = given.get("title"), given.get("description", "")
    if not isinstance(title, str) or not 1 <= len(title) <= 100 or "<" in title or ">" in title:
        raise refusal(400, "invalidTitle", "The request metadata specifies an invalid or empty video title.")
    if len(about.encode()) > 5000 or "<" in about or ">" in about:
        raise refusal(400, "invalidDescription", "The request metadata specifies an invalid video description.")
    if not str(given.get("categoryId", "")).isdigit():
        raise refusal(400, "invalidCategoryId", "The snippet.categoryId is not valid.")


def text(given: dict[str, Any]) -> str:
    """What a comment says."""
    said = given.get("textOriginal")
    if not isinstance(said, str) or not said.strip():
        raise refusal(400, "commentTextRequired", "the comment is empty")
    if len(said) > 10_000:
        raise refusal(400, "commentTextTooLong", "the comment is too long")
    return said


def film(one: Film) -> dict[str, Any]:
    """A video resource."""
    told = {**one.snippet, "publishedAt": iso(one.at), "channelId": one.owner.id, "channelTitle": one.owner.title}
    return {
        "kind": "youtube#video",
        "id": one.id,
        "snippet": told,
        "status": {**one.status, "uploadStatus": "uploaded"},
    }


def comment(one: Said) -> dict[str, Any]:
    """A comment resource."""
    told = {
        "videoId": one.film.id,
        "textOriginal": one.text,
        "textDisplay": one.text,
        "authorDisplayName": one.name,
        "authorChannelId": {"value": one.author},
        "publishedAt": iso(one.at),
        "updatedAt": iso(one.changed or one.at),
        **({"parentId": one.parent} if one.parent else {}),
    }
    return {"kind": "youtube#comment", "id": one.id, "snippet": told}


def thread(one: Said, answers: list[Said]) -> dict[str, Any]:
    """A thread with its answers."""
    told = {"videoId": one.film.id, "topLevelComment": comment(one), "totalReplyCount": len(answers)}
    replies = {"replies": {"comments": [comment(two) for two in answers[:5]]}} if answers else {}
    return {"kind": "youtube#commentThread", "id": one.id, "snippet": told, **replies}


def listed(items: list[dict[str, Any]]) -> web.Response:
    """A list of resources."""
    page = {"totalResults": len(items), "resultsPerPage": len(items)}
    return web.json_response({"items": items, "pageInfo": page})
