"""The HTTP face of the pretend LinkedIn, under /linkedin: tokens, pictures, posts, comments, notifications.

As strict as the documentation: a version in every header, escaped URNs in every address, finders named as such, no field
and no parameter that is not known.
"""

from collections.abc import Sequence
from typing import ClassVar

from aiohttp import web

from crisis.simulator.faults import Faults
from crisis.simulator.front import Front, Refusal, allowed
from crisis.simulator.ledger import Ledger
from crisis.simulator.linkedin import rules
from crisis.simulator.linkedin.comments import Comments
from crisis.simulator.linkedin.keys import Keys
from crisis.simulator.linkedin.page import DEMO, Comment, Organization, Page, Post, now
from crisis.simulator.linkedin.words import (
    Words,
    duplicate,
    finder,
    json_of,
    page_of,
    patch,
    resource,
    urn_of,
)
from crisis.simulator.network import CannotSay, DemoAccount, Picture, Seen
from crisis.simulator.when import iso


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
        self._keys = Keys(ledger)
        self._comments = Comments(self._page)
        self._front: Front[Organization] = Front(
            self.name, faults, ledger, Words(), self._keys.who, lambda account: account.name
        )

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        desk, rest, said = self._front.handler, "/linkedin/rest", self._comments
        under = f"{rest}/socialActions/{{urn}}/comments"
        return [
            web.post("/linkedin/oauth/v2/accessToken", self._keys.token),
            web.post("/linkedin/oauth/v2/introspectToken", self._keys.introspect),
            web.post(f"{rest}/images", desk("image", self._image)),
            web.put("/linkedin/upload/{number}", desk("upload", self._upload)),
            web.post(f"{rest}/posts", desk("post", self._create)),
            web.get(f"{rest}/posts", desk("posts", self._list)),
            web.get(f"{rest}/posts/{{urn}}", desk("read", self._read)),
            web.post(f"{rest}/posts/{{urn}}", desk("edit", self._edit)),
            web.delete(f"{rest}/posts/{{urn}}", desk("delete", self._delete)),
            web.get(under, desk("comments", said.listed)),
            web.post(under, desk("comment", said.make)),
            web.get(f"{under}/{{number}}", desk("read comment", said.read)),
            web.post(f"{under}/{{number}}", desk("edit comment", said.edit)),
            web.delete(f"{under}/{{number}}", desk("delete comment", said.delete)),
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

    # -- pictures --------------------------------------------------------------------------------------------------

    async def _image(self, request: web.Request, account: Organization) -> web.Response:
        allowed(request.query, {"action"}, "the query")
        body = await json_of(request)
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
        body = await json_of(request)
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
                raise duplicate(earlier.urn)
        post = Post(f"urn:li:share:{self._page.next()}", account, kept, body.get("content"), now())
        self._page.posts[post.urn] = post
        return web.Response(status=201, headers={"x-restli-id": post.urn})

    async def _list(self, request: web.Request, account: Organization) -> web.Response:
        allowed(request.query, {"q", "author", "sortBy", "start", "count"}, "the query")
        finder(request, "author")
        if request.query.get("author") != account.urn:
            raise Refusal(403, "Not enough permissions to read this author")
        posts = [one for one in self._page.posts.values() if one.owner is account and not one.deleted][::-1]
        start, count = int(request.query.get("start", 0)), min(int(request.query.get("count", 10)), 100)
        return page_of([resource(post) for post in posts], start, count)

    async def _read(self, request: web.Request, account: Organization) -> web.Response:
        return web.json_response(resource(self._mine(request, account)))

    async def _edit(self, request: web.Request, account: Organization) -> web.Response:
        post = self._mine(request, account)
        change = patch(request, await json_of(request)).get("$set")
        if not isinstance(change, dict) or set(change) != {"commentary"}:
            raise Refusal(422, "ERROR :: /patch/$set :: only the commentary is changed here")
        post.commentary, post.changed = rules.kept(change["commentary"]), now()
        return web.Response(status=204)

    async def _delete(self, request: web.Request, account: Organization) -> web.Response:
        post = self._page.post_of(urn_of(request))
        if post is not None and post.owner is not account:
            raise Refusal(403, "Not enough permissions to delete this post")
        if post is not None:
            post.deleted = True
        return web.Response(status=204)  # again and again

    def _mine(self, request: web.Request, account: Organization) -> Post:
        post = self._page.post_of(urn_of(request))
        if post is None or post.deleted:
            raise Refusal(404, "Entity not found")
        if post.owner is not account:
            raise Refusal(403, "Not enough permissions")
        return post

    # -- comments --------------------------------------------------------------------------------------------------

    # -- who may, and what happened --------------------------------------------------------------------------------

    async def _roles(self, request: web.Request, account: Organization) -> web.Response:
        allowed(request.query, {"q", "state", "role", "start", "count"}, "the query")
        finder(request, "roleAssignee")
        role = {"role": "ADMINISTRATOR", "state": "APPROVED", "organization": account.urn}
        return page_of([{**role, "roleAssignee": "urn:li:person:demo"}], 0, 100)

    async def _notifications(self, request: web.Request, account: Organization) -> web.Response:
        allowed(request.query, {"q", "actions", "organizationalEntity", "timeRange", "start", "count"}, "the query")
        finder(request, "criteria")
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
        return page_of(found, int(request.query.get("start", 0)), int(request.query.get("count", 10)))

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
