"""The HTTP face of the pretend LinkedIn, under /linkedin: tokens, pictures, posts, comments, notifications.

As strict as the documentation: a version in every header, escaped URNs in every address, finders named as such, no field
and no parameter that is not known.
"""

import json
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from crisis.simulator.faults import Faults
from crisis.simulator.front import Dialect, Front, Refusal, allowed
from crisis.simulator.ledger import Ledger
from crisis.simulator.linkedin import rules
from crisis.simulator.linkedin.page import DEMO, Comment, Organization, Page, Post, now
from crisis.simulator.network import CannotSay, DemoAccount, Picture, Seen
from crisis.simulator.when import iso

TOKEN_SECONDS, REFRESH_SECONDS = 60 * 86_400, 365 * 86_400
SCOPES = "r_organization_social,w_organization_social,rw_organization_admin"


class LinkedInNetwork:
    """Handlers over one memory."""

    name = "linkedin"
    label = "LinkedIn"
    demo: ClassVar[Sequence[DemoAccount]] = tuple(
        DemoAccount(one.name, {"organization": one.number}, one.keys) for one in DEMO
    )

    def __init__(self, faults: Faults, ledger: Ledger) -> None:
        self._ledger = ledger
        self._page = Page()
        self._front: Front[Organization] = Front(
            self.name, faults, ledger, _Words(), self._who, lambda account: account.name
        )
        self._by_token = {one.keys["access_token"]: one for one in DEMO}

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        desk, rest = self._front.handler, "/linkedin/rest"
        return [
            web.post("/linkedin/oauth/v2/accessToken", self._token),
            web.post("/linkedin/oauth/v2/introspectToken", self._introspect),
            web.post(f"{rest}/images", desk("image", self._image)),
            web.put("/linkedin/upload/{number}", desk("upload", self._upload)),
            web.post(f"{rest}/posts", desk("post", self._create)),
            web.get(f"{rest}/posts", desk("posts", self._list)),
            web.get(f"{rest}/posts/{{urn}}", desk("read", self._read)),
            web.post(f"{rest}/posts/{{urn}}", desk("edit", self._edit)),
            web.delete(f"{rest}/posts/{{urn}}", desk("delete", self._delete)),
            web.get(f"{rest}/socialActions/{{urn}}/comments", desk("comments", self._comments)),
            web.post(f"{rest}/socialActions/{{urn}}/comments", desk("comment", self._comment)),
            web.get(f"{rest}/socialActions/{{urn}}/comments/{{number}}", desk("read comment", self._one_comment)),
            web.post(f"{rest}/socialActions/{{urn}}/comments/{{number}}", desk("edit comment", self._edit_comment)),
            web.delete(f"{rest}/socialActions/{{urn}}/comments/{{number}}", desk("delete comment", self._no_comment)),
            web.get(f"{rest}/organizationAcls", desk("roles", self._roles)),
            web.get(f"{rest}/organizationalEntityNotifications", desk("notifications", self._notifications)),
            web.get("/linkedin/pictures/{number}", self._picture),
        ]

    def seen(self) -> Sequence[Seen]:
        posts = [self._seen_post(post) for post in self._page.posts.values()]
        return sorted([*posts, *map(_seen_comment, self._page.comments.values())], key=lambda one: one.at)

    async def say(self, account: str, author: str, text: str, reply_to: str = "") -> str:
        """Comment under `reply_to`, a post or a comment; without it, under the newest post of the page."""
        if not text.strip() or len(text) > rules.GREATEST_COMMENT:
            msg = f"a comment has 1 to {rules.GREATEST_COMMENT} characters"
            raise CannotSay(msg)
        parent = self._page.comments.get(reply_to)
        mine = [post for post in self._page.posts.values() if post.owner.name == account and not post.deleted]
        post = parent.post if parent else self._page.post_of(reply_to) if reply_to else mine[-1] if mine else None
        if post is None or post.deleted or (parent and parent.deleted):
            msg = "there is no such post to comment on; people speak under posts on LinkedIn"
            raise CannotSay(msg)
        top = (parent.parent or parent.urn) if parent else ""
        return self._page.comment(post, f"urn:li:person:{author}", author, text, top).urn

    def clear(self) -> None:
        self._page.clear()

    # -- keys ------------------------------------------------------------------------------------------------------

    async def _who(self, request: web.Request) -> Organization:
        account = self._by_token.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if account is None:
            raise Refusal(401, "Invalid access token")
        if "access_token" in request.query or "oauth2_access_token" in request.query:
            raise Refusal(400, "a token stands in the address")
        if request.path.startswith("/linkedin/rest"):
            version = request.headers.get("LinkedIn-Version", "")
            if not version:
                raise Refusal(400, "A version must be present. Please specify a version by adding LinkedIn-Version")
            if not rules.OLDEST_VERSION <= version <= rules.NEWEST_VERSION:
                raise Refusal(426, f"Requested version {version} is not active")
            if request.headers.get("X-Restli-Protocol-Version") != "2.0.0":
                raise Refusal(400, "X-Restli-Protocol-Version is not 2.0.0")
            if "urn:li:" in request.rel_url.raw_path:
                raise Refusal(400, "Syntax exception in path variables: URNs must be escaped")
        return account

    async def _token(self, request: web.Request) -> web.Response:
        given = dict(parse_qsl(await request.text()))
        account = next((one for one in DEMO if one.keys["refresh_token"] == given.get("refresh_token")), None)
        self._ledger.count(self.name, "token")
        known = {"grant_type", "refresh_token", "client_id", "client_secret"}
        if account is None or set(given) != known or given["grant_type"] != "refresh_token":
            self._ledger.refuse(self.name, "token", 400, "the refresh token is not known")
            return web.json_response({"error": "invalid_request", "error_description": "invalid token"}, status=400)
        if (given["client_id"], given["client_secret"]) != (account.client_id, account.keys["client_secret"]):
            self._ledger.refuse(self.name, "token", 401, "the app is not known", account.name)
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response(
            {
                "access_token": account.keys["access_token"],
                "expires_in": TOKEN_SECONDS,
                "refresh_token": account.keys["refresh_token"],
                "refresh_token_expires_in": REFRESH_SECONDS,
                "scope": SCOPES,
            }
        )

    async def _introspect(self, request: web.Request) -> web.Response:
        given = dict(parse_qsl(await request.text()))
        account = self._by_token.get(given.get("token", ""))
        if account is None or given.get("client_secret") != account.keys["client_secret"]:
            self._ledger.refuse(self.name, "introspect", 400, "unknown token or app")
            return web.json_response({"error": "invalid_request"}, status=400)
        ends = now() // 1000 + TOKEN_SECONDS
        return web.json_response({"active": True, "status": "active", "scope": SCOPES, "expires_at": ends})

    # -- pictures --------------------------------------------------------------------------------------------------

    async def _image(self, request: web.Request, account: Organization) -> web.Response:
        allowed(request.query, {"action"}, "the query")
        body = await _json(request)
        if request.query.get("action") != "initializeUpload" or body != {
            "initializeUploadRequest": {"owner": account.urn}
        }:
            raise Refusal(400, "not an initializeUpload for this organisation")
        number = self._page.next()
        self._page.images[number] = None
        address = str(request.url.origin()) + f"/linkedin/upload/{number}"
        value = {"uploadUrl": address, "image": f"urn:li:image:{number}", "uploadUrlExpiresAt": now() + 3_600_000}
        return web.json_response({"value": value})

    async def _upload(self, request: web.Request, _account: Organization) -> web.Response:
        number, data = request.match_info["number"], await request.read()
        if number not in self._page.images or not data:
            raise Refusal(400, "nothing was asked to go here, or nothing came")
        self._page.images[number] = data
        return web.Response(status=201)

    async def _picture(self, request: web.Request) -> web.Response:
        data = self._page.images.get(request.match_info["number"])
        if not data:
            raise web.HTTPNotFound
        return web.Response(body=data, content_type="image/jpeg")

    # -- posts -----------------------------------------------------------------------------------------------------

    async def _create(self, request: web.Request, account: Organization) -> web.Response:
        allowed(request.query, set(), "the query")
        body = await _json(request)
        if wrong := rules.complaint(body):
            raise Refusal(422, wrong)
        if body["author"] != account.urn:
            raise Refusal(403, "Not enough permissions to act for this author")
        try:
            pictures = rules.images(body.get("content"))
        except ValueError as error:
            raise Refusal(422, str(error)) from error
        if missing := [urn for urn, _ in pictures if not self._page.images.get(urn.rpartition(":")[2])]:
            raise Refusal(422, f"ERROR :: /content :: {missing[0]} was never uploaded")
        kept = rules.kept(body["commentary"])
        if kept != body["commentary"]:
            self._ledger.refuse(self.name, "post", 201, "the text was cut: too long, or not escaped", account.name)
        for earlier in self._page.posts.values():
            if earlier.owner is account and earlier.commentary == kept and not pictures:
                raise _duplicate(earlier.urn)
        post = Post(f"urn:li:share:{self._page.next()}", account, kept, body.get("content"), now())
        self._page.posts[post.urn] = post
        return web.Response(status=201, headers={"x-restli-id": post.urn})

    async def _list(self, request: web.Request, account: Organization) -> web.Response:
        allowed(request.query, {"q", "author", "sortBy", "start", "count"}, "the query")
        _finder(request, "author")
        if request.query.get("author") != account.urn:
            raise Refusal(403, "Not enough permissions to read this author")
        posts = [one for one in self._page.posts.values() if one.owner is account and not one.deleted][::-1]
        start, count = int(request.query.get("start", 0)), min(int(request.query.get("count", 10)), 100)
        return _page_of([_resource(post) for post in posts], start, count)

    async def _read(self, request: web.Request, account: Organization) -> web.Response:
        return web.json_response(_resource(self._mine(request, account)))

    async def _edit(self, request: web.Request, account: Organization) -> web.Response:
        post = self._mine(request, account)
        change = _patch(request, await _json(request)).get("$set")
        if not isinstance(change, dict) or set(change) != {"commentary"}:
            raise Refusal(422, "ERROR :: /patch/$set :: only the commentary is changed here")
        post.commentary, post.changed = rules.kept(change["commentary"]), now()
        return web.Response(status=204)

    async def _delete(self, request: web.Request, account: Organization) -> web.Response:
        post = self._page.post_of(_urn(request))
        if post is not None and post.owner is not account:
            raise Refusal(403, "Not enough permissions to delete this post")
        if post is not None:
            post.deleted = True
        return web.Response(status=204)  # again and again

    def _mine(self, request: web.Request, account: Organization) -> Post:
        post = self._page.post_of(_urn(request))
        if post is None or post.deleted:
            raise Refusal(404, "Entity not found")
        if post.owner is not account:
            raise Refusal(403, "Not enough permissions")
        return post

    # -- comments --------------------------------------------------------------------------------------------------

    async def _comment(self, request: web.Request, account: Organization) -> web.Response:
        body, target = await _json(request), _urn(request)
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
        return web.json_response(_comment_resource(made), status=201, headers={"x-restli-id": made.number})

    async def _comments(self, request: web.Request, _account: Organization) -> web.Response:
        allowed(request.query, {"start", "count"}, "the query")
        target = _urn(request)
        post = self._page.post_of(target)
        found = [
            _comment_resource(one)
            for one in self._page.comments.values()
            if not one.deleted and (one.parent == target or (one.post is post and not one.parent))
        ]
        return _page_of(found, int(request.query.get("start", 0)), int(request.query.get("count", 10)))

    async def _one_comment(self, request: web.Request, _account: Organization) -> web.Response:
        return web.json_response(_comment_resource(self._said(request)))

    async def _edit_comment(self, request: web.Request, account: Organization) -> web.Response:
        comment = self._own(request, account)
        change = (_patch(request, await _json(request)).get("message") or {}).get("$set")
        if not isinstance(change, dict) or set(change) != {"text"}:
            raise Refusal(422, "ERROR :: /patch/message/$set :: only the text is changed")
        comment.text, comment.edited = change["text"], True
        return web.json_response(_comment_resource(comment))

    async def _no_comment(self, request: web.Request, account: Organization) -> web.Response:
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

    # -- who may, and what happened --------------------------------------------------------------------------------

    async def _roles(self, request: web.Request, account: Organization) -> web.Response:
        allowed(request.query, {"q", "state", "role", "start", "count"}, "the query")
        _finder(request, "roleAssignee")
        role = {"role": "ADMINISTRATOR", "state": "APPROVED", "organization": account.urn}
        return _page_of([{**role, "roleAssignee": "urn:li:person:demo"}], 0, 100)

    async def _notifications(self, request: web.Request, account: Organization) -> web.Response:
        allowed(request.query, {"q", "actions", "organizationalEntity", "timeRange", "start", "count"}, "the query")
        _finder(request, "criteria")
        if request.query.get("organizationalEntity") != account.urn:
            raise Refusal(403, "Not enough permissions for this organization")
        begin, _, end = request.query.get("timeRange", "").strip("()").partition(",")
        actions = request.query.get("actions", "").removeprefix("List(").removesuffix(")").split(",")
        try:
            first, last = int(begin.removeprefix("start:")), int(end.removeprefix("end:"))
        except ValueError as error:
            raise Refusal(400, "timeRange is (start:...,end:...)") from error
        found = [
            one
            for one in self._page.told
            if one["organizationalEntity"] == account.urn
            and one["action"] in actions
            and first <= one["lastModifiedAt"] <= last
        ]
        return _page_of(found, int(request.query.get("start", 0)), int(request.query.get("count", 10)))

    def _seen_post(self, post: Post) -> Seen:
        pictures = [
            Picture("picture", f"/linkedin/pictures/{urn.rpartition(':')[2]}", alt)
            for urn, alt in rules.images(post.content)
        ]
        return Seen(
            id=post.urn,
            account=post.owner.name,
            author=post.owner.title,
            text=rules.read(post.commentary),
            at=iso(post.at / 1000),
            url=f"https://www.linkedin.com/feed/update/{post.urn}",
            pictures=pictures,
            edited=bool(post.changed),
            deleted=post.deleted,
        )


class _Words(Dialect):
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


def _duplicate(urn: str) -> Refusal:
    message = f"com.linkedin.content.common.exception.BadRequestResponseException: Content is a duplicate of {urn}"
    errors = [{"description": "Duplicate post is detected", "input": {}, "code": "DUPLICATE_POST"}]
    body = {"message": message, "errorDetails": {"inputErrors": errors}, "status": 422}
    return Refusal(422, f"a duplicate of {urn}", body)


def _resource(post: Post) -> dict[str, Any]:
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


def _comment_resource(comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.number,
        "commentUrn": comment.urn,
        "actor": comment.actor,
        "object": f"urn:li:activity:{comment.post.urn.rpartition(':')[2]}",
        "message": {"text": comment.text, "attributes": []},
        "created": {"actor": comment.actor, "time": comment.at},
        **({"parentComment": comment.parent} if comment.parent else {}),
    }


def _seen_comment(comment: Comment) -> Seen:
    return Seen(
        id=comment.urn,
        account=comment.post.owner.name,
        author=comment.name,
        text=comment.text,
        at=iso(comment.at / 1000),
        reply_to=comment.parent or comment.post.urn,
        edited=comment.edited,
        deleted=comment.deleted,
        ours=comment.actor == comment.post.owner.urn,
    )


def _page_of(elements: list[dict[str, Any]], start: int, count: int) -> web.Response:
    paging = {"start": start, "count": count, "links": []}
    return web.json_response({"elements": elements[start : start + count], "paging": paging})


def _finder(request: web.Request, name: str) -> None:
    if request.query.get("q") != name or request.headers.get("X-RestLi-Method") != "FINDER":
        raise Refusal(400, f"not the finder {name}")
    if "urn:li:" in request.rel_url.raw_query_string:
        raise Refusal(400, "URNs in a query must be escaped")


def _urn(request: web.Request) -> str:
    return unquote(request.match_info["urn"])


def _patch(request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
    if request.headers.get("X-RestLi-Method") != "PARTIAL_UPDATE" or set(body) != {"patch"}:
        raise Refusal(400, "not a partial update")
    found: dict[str, Any] = body["patch"]
    return found


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise Refusal(400, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise Refusal(400, "the body is no object")
    return body
