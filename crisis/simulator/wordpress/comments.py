"""Comments on the pretend sites: listed, answered, held back and taken away."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from crisis.simulator.counter import Refusal
from crisis.simulator.wordpress.site import OWN_ID, Comment, Site
from crisis.simulator.wordpress.words import base_of, fields, paged, query_of


async def listed(request: web.Request, site: Site) -> tuple[int, Any]:
    query = query_of(request, "comments")
    status = {"approve": "approved"}.get(query.get("status", "approve"), query.get("status"))
    found = sorted((one for one in site.comments.values() if one.status == status), key=lambda one: -one.id)
    if "parent" in query:
        found = [one for one in found if one.parent == int(query["parent"])]
    if "author" in query:
        found = [one for one in found if one.author_id == int(query["author"])]
    return 200, [site.comment(one, base_of(request)) for one in paged(found, query)]


async def read(request: web.Request, site: Site) -> tuple[int, Any]:
    return 200, site.comment(said(request, site), base_of(request))


async def answer(request: web.Request, site: Site) -> tuple[int, Any]:
    given = await fields(request, frozenset({"post", "parent", "content"}))
    parent = site.comments.get(int(given.get("parent", 0)))
    if given.get("post") not in site.articles or (parent and parent.post != given["post"]):
        raise Refusal(403, "rest_comment_invalid_post_id", "Sorry, you are not allowed to create this comment")
    content = str(given.get("content", ""))
    if any(one.content == content and one.parent == given.get("parent", 0) for one in site.comments.values()):
        say = "Duplicate comment detected; it looks as though you've already said that!"
        raise Refusal(409, "comment_duplicate", say)
    now, number = datetime.now(UTC), site.number()
    made = Comment(number, given["post"], parent.id if parent else 0, site.username, content, now, OWN_ID)
    site.comments[number] = made
    return 201, site.comment(made, base_of(request))


async def moderate(request: web.Request, site: Site) -> tuple[int, Any]:
    one = said(request, site)
    given = await fields(request, frozenset({"status", "content"}))
    if given.get("status", "hold") not in ("hold", "approved", "approve", "spam", "trash"):
        raise Refusal(400, "rest_invalid_param", "Invalid parameter(s): status")
    one.status = {"approve": "approved"}.get(given.get("status", one.status), given.get("status", one.status))
    one.content = str(given.get("content", one.content))
    return 200, site.comment(one, base_of(request))


async def trash(request: web.Request, site: Site) -> tuple[int, Any]:
    one = said(request, site)
    if one.status == "trash":
        raise Refusal(410, "rest_already_trashed", "The comment has already been trashed.")
    one.status = "trash"
    return 200, site.comment(one, base_of(request))


def said(request: web.Request, site: Site) -> Comment:
    if (one := site.comments.get(int(request.match_info["id"]))) is None:
        raise Refusal(404, "rest_comment_invalid_id", "Invalid comment ID.")
    return one
