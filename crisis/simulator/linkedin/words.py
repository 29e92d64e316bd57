"""How the pretend LinkedIn reads a request and words an answer."""

import json
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from crisis.simulator.front import Dialect, Refusal
from crisis.simulator.linkedin.page import Comment, Post


class Words(Dialect):
    def refused(self, refusal: Refusal) -> web.Response:
        body = refusal.body or {"message": refusal.reason, "status": refusal.status}
        return web.json_response(body, status=refusal.status)

    def busy(self, seconds: float) -> web.Response:  # noqa: ARG002 - LinkedIn names no time
        return self.refused(Refusal(429, "Resource level throttle limit for calls to this resource is reached."))

    def broken(self) -> web.Response:
        return self.refused(Refusal(500, "Internal Server Error"))

    def unknown_keys(self) -> web.Response:
        return self.refused(Refusal(401, "Expired access token"))

    def not_allowed(self) -> web.Response:
        return self.refused(Refusal(403, "Not enough permissions to access: partnerApiPosts.CREATE"))


def duplicate(urn: str) -> Refusal:
    message = f"com.linkedin.content.common.exception.BadRequestResponseException: Content is a duplicate of {urn}"
    errors = [{"description": "Duplicate post is detected", "input": {}, "code": "DUPLICATE_POST"}]
    body = {"message": message, "errorDetails": {"inputErrors": errors}, "status": 422}
    return Refusal(422, f"a duplicate of {urn}", body)


def resource(post: Post) -> dict[str, Any]:
    return {
        "id": post.urn,
        "author": post.owner.urn,
        "commentary": post.commentary,
        "visibility": "PUBLIC",
        "lifecycleState": "PUBLISHED",
        "lifecycleStateInfo": {"isEditedByAuthor": bool(post.changed)},
        "createdAt": post.at,
        "publishedAt": post.at,
        "lastModifiedAt": post.changed or post.at,
        **({"content": post.content} if post.content else {}),
    }


def comment_resource(comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.number,
        "commentUrn": comment.urn,
        "actor": comment.actor,
        "object": f"urn:li:activity:{comment.post.urn.rpartition(':')[2]}",
        "message": {"text": comment.text, "attributes": []},
        "created": {"actor": comment.actor, "time": comment.at},
        **({"parentComment": comment.parent} if comment.parent else {}),
    }


def page_of(elements: list[dict[str, Any]], start: int, count: int) -> web.Response:
    paging = {"start": start, "count": count, "links": []}
    return web.json_response({"elements": elements[start : start + count], "paging": paging})


def finder(request: web.Request, name: str) -> None:
    if request.query.get("q") != name or request.headers.get("X-RestLi-Method") != "FINDER":
        raise Refusal(400, f"not the finder {name}")
    if "urn:li:" in request.rel_url.raw_query_string:
        raise Refusal(400, "URNs in a query must be escaped")


def urn_of(request: web.Request) -> str:
    return unquote(request.match_info["urn"])


def patch(request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
    if request.headers.get("X-RestLi-Method") != "PARTIAL_UPDATE" or set(body) != {"patch"}:
        raise Refusal(400, "not a partial update")
    found: dict[str, Any] = body["patch"]
    return found


async def json_of(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise Refusal(400, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise Refusal(400, "the body is no object")
    return body
