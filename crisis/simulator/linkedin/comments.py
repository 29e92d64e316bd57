"""What is said under posts on the pretend LinkedIn: made, listed, changed and taken away."""

from aiohttp import web

from crisis.simulator.front import Refusal, allowed
from crisis.simulator.linkedin import rules
from crisis.simulator.linkedin.page import Comment, Organization, Page
from crisis.simulator.linkedin.words import comment_resource, json_of, page_of, patch, urn_of


class Comments:
    """Handlers for comments, over the memory the network has."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def make(self, request: web.Request, account: Organization) -> web.Response:
        body, target = await json_of(request), urn_of(request)
        allowed(body, {"actor", "object", "message", "parentComment"}, "the body")
        parent = self._page.comments.get(target)
        post = parent.post if parent else self._page.post_of(target)
        if post is None or post.deleted or (parent and parent.deleted):
            raise Refusal(404, "the post or comment is not there")
        text = (body.get("message") or {}).get("text")
        if body.get("actor") != account.urn or self._page.post_of(str(body.get("object", ""))) is not post:
            raise Refusal(400, "actor or object do not fit the address")
        if not isinstance(text, str) or not text.strip() or len(text) > rules.GREATEST_COMMENT:
            raise Refusal(400, f"message.text has 1 to {rules.GREATEST_COMMENT} characters")
        if (parent.urn if parent else None) != body.get("parentComment") or (parent and parent.parent):
            raise Refusal(400, "parentComment must be the first-level comment of the address")
        made = self._page.comment(post, account.urn, account.title, text, parent.urn if parent else "")
        return web.json_response(comment_resource(made), status=201, headers={"x-restli-id": made.number})

    async def listed(self, request: web.Request, _account: Organization) -> web.Response:
        allowed(request.query, {"start", "count"}, "the query")
        target = urn_of(request)
        post = self._page.post_of(target)
        found = [
            comment_resource(one)
            for one in self._page.comments.values()
            if not one.deleted and (one.parent == target or (one.post is post and not one.parent))
        ]
        return page_of(found, int(request.query.get("start", 0)), int(request.query.get("count", 10)))

    async def read(self, request: web.Request, _account: Organization) -> web.Response:
        return web.json_response(comment_resource(self._said(request)))

    async def edit(self, request: web.Request, account: Organization) -> web.Response:
        comment = self._own(request, account)
        change = (patch(request, await json_of(request)).get("message") or {}).get("$set")
        if not isinstance(change, dict) or set(change) != {"text"}:
            raise Refusal(422, "ERROR :: /patch/message/$set :: only the text is changed")
        comment.text, comment.edited = change["text"], True
        return web.json_response(comment_resource(comment))

    async def delete(self, request: web.Request, account: Organization) -> web.Response:
        self._own(request, account).deleted = True
        return web.Response(status=204)

    def _said(self, request: web.Request) -> Comment:
        number = request.match_info["number"]
        found = next((one for one in self._page.comments.values() if one.number == number and not one.deleted), None)
        if found is None:
            raise Refusal(404, "Entity not found")
        return found

    def _own(self, request: web.Request, account: Organization) -> Comment:
        allowed(request.query, {"actor"}, "the query")
        comment = self._said(request)
        if request.query.get("actor") != account.urn or comment.actor != account.urn:
            raise Refusal(403, "only its own comments, named as actor")
        return comment
