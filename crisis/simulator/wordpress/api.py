"""The HTTP face of the pretend sites, under /wordpress/<site>/wp-json: articles, media, comments, who am I."""

import base64
import html
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from aiohttp import web

from crisis.simulator.counter import Counter, Refusal
from crisis.simulator.faults import Faults
from crisis.simulator.ledger import Ledger
from crisis.simulator.network import CannotSay, DemoAccount, Seen
from crisis.simulator.wordpress import comments
from crisis.simulator.wordpress.seen import article_seen, comment_seen
from crisis.simulator.wordpress.site import CAPABILITIES, OWN_ID, Article, Comment, File, Site
from crisis.simulator.wordpress.words import Words, base_of, fields, paged, query_of

ARTICLE_FIELDS = frozenset(
    [
        "title",
        "content",
        "excerpt",
        "status",
        "slug",
        "categories",
        "tags",
        "sticky",
        "featured_media",
        "date_gmt",
        "meta",
        "comment_status",
    ]
)
STATUSES = ("publish", "future", "draft", "pending", "private")
Work = Callable[[web.Request, Site], Awaitable[tuple[int, Any]]]
_UNSAFE = re.compile(r"<\s*(script|iframe|object|style)|\son\w+\s*=|javascript:", re.IGNORECASE)


class WordPress:
    """The demo's sites."""

    name = "wordpress"
    label = "WordPress"
    demo: ClassVar[Sequence[DemoAccount]] = tuple(
        DemoAccount(name, {"username": f"{name}-crisis"}, {"application_password": f"{name} wordpress password"})
        for name in ("ous", "hod", "ous-drill", "hod-drill")
    )

    def __init__(self, faults: Faults, ledger: Ledger) -> None:
        """Start empty."""
        self.sites = {
            one.name: Site(one.name, one.public["username"], one.secrets["application_password"]) for one in self.demo
        }
        self._ledger = ledger
        self._counter = Counter(self.name, faults, ledger, Words())

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """The addresses served."""
        answers: tuple[tuple[str, str, str, Work], ...] = (
            ("POST", "/posts", "publish", self._publish),
            ("GET", "/posts", "find", self._find),
            ("GET", "/posts/{id:[0-9]+}", "article", self._get),
            ("POST", "/posts/{id:[0-9]+}", "edit", self._edit),
            ("DELETE", "/posts/{id:[0-9]+}", "delete", self._delete),
            ("POST", "/media", "upload", self._upload),
            ("POST", "/media/{id:[0-9]+}", "describe", self._describe),
            ("GET", "/comments", "comments", comments.listed),
            ("GET", "/comments/{id:[0-9]+}", "comment", comments.read),
            ("POST", "/comments", "answer", comments.answer),
            ("POST", "/comments/{id:[0-9]+}", "moderate", comments.moderate),
            ("DELETE", "/comments/{id:[0-9]+}", "uncomment", comments.trash),
            ("GET", "/users/me", "me", self._me),
        )
        prefix = "/wordpress/{site}"
        return [
            *(
                web.route(method, f"{prefix}/wp-json/wp/v2{path}", partial(self._handle, what=what, work=work))
                for method, path, what, work in answers
            ),
            web.get(prefix + "/wp-content/{id:[0-9]+}/{name}", self._file),
            web.route("*", prefix + "/wp-json/{rest:.*}", self._nowhere),
        ]

    def seen(self) -> Sequence[Seen]:
        """Every site, oldest first."""
        found: list[Seen] = []
        for site in self.sites.values():
            found += [article_seen(site, one) for one in site.articles.values()]
            found += [comment_seen(site, one) for one in site.comments.values()]
        return sorted(found, key=lambda one: one.at)

    async def say(self, account: str, author: str, text: str, reply_to: str = "") -> str:
        """A passer-by comments under an article ("<site>/<id>") or a comment ("<site>/comment-<id>")."""
        name, _, number = (reply_to or f"{account}/").partition("/")
        site = self.sites.get(name)
        if site is None or not text.strip():
            raise CannotSay("name the article or comment it stands under, and say something")
        parent = site.comments.get(int(number.removeprefix("comment-") or 0)) if number.startswith("comment-") else None
        post = parent.post if parent else int(number) if number.isdigit() else max(site.articles, default=0)
        if post not in site.articles or site.articles[post].status != "publish":
            raise CannotSay("there is no such article")
        content = f"<p>{html.escape(text, quote=False)}</p>"
        made = Comment(
            site.number(), post, parent.id if parent else 0, author or "passer-by", content, datetime.now(UTC)
        )
        site.comments[made.id] = made
        return f"{site.name}/comment-{made.id}"

    def clear(self) -> None:
        """Forget what happened."""
        for site in self.sites.values():
            site.clear()

    async def _handle(self, request: web.Request, *, what: str, work: Work) -> web.StreamResponse:
        site = self.sites.get(request.match_info["site"])

        async def answered() -> web.Response:
            if site is None:
                raise Refusal(404, "rest_no_route", "No route was found matching the URL and request method.")
            pair = base64.b64encode(f"{site.username}:{site.password}".encode()).decode()
            if request.headers.get("Authorization") != f"Basic {pair}":
                raise Refusal(401, "rest_not_logged_in", "You are not currently logged in.")
            status, body = await work(request, site)
            return web.json_response(body, status=status)

        who = site.name if site else ""
        return await self._counter.serve(request, what, who, answered, write=request.method != "GET")

    async def _publish(self, request: web.Request, site: Site) -> tuple[int, Any]:
        given = await fields(request, ARTICLE_FIELDS)
        self._check(given, site)
        if not (given.get("title") or given.get("content")):
            raise Refusal(400, "empty_content", "Content, title, and excerpt are empty.")
        now, number = datetime.now(UTC), site.number()
        made = Article(
            id=number,
            title=str(given.get("title", "")),
            content=str(given.get("content", "")),
            slug=site.free_slug(str(given.get("slug") or given.get("title") or number)),
            status=str(given.get("status", "draft")),
            at=now,
            changed=now,
            featured=int(given.get("featured_media", 0)),
            categories=list(given.get("categories", [])),
        )
        site.articles[number] = made
        return 201, site.article(made, base_of(request), raw=True)

    def _check(self, given: dict[str, Any], site: Site) -> None:
        if given.get("status", "publish") not in STATUSES:
            raise Refusal(400, "rest_invalid_param", "Invalid parameter(s): status")
        if given.get("featured_media") and given["featured_media"] not in site.files:
            raise Refusal(400, "rest_invalid_featured_media", "Invalid featured media ID.")
        if _UNSAFE.search(str(given.get("content", ""))):
            raise Refusal(400, "unsafe", "This simulator takes no active content in an article")

    async def _find(self, request: web.Request, site: Site) -> tuple[int, Any]:
        query = query_of(request, "posts")
        raw = query.get("context") == "edit"
        wanted = {"any": set(STATUSES)}.get(query.get("status", ""), {query.get("status", "publish")})
        found = [one for one in reversed(site.articles.values()) if one.status in wanted]
        if "slug" in query:
            found = [one for one in found if one.slug == query["slug"]]
        return 200, [site.article(one, base_of(request), raw=raw) for one in paged(found, query)]

    async def _get(self, request: web.Request, site: Site) -> tuple[int, Any]:
        return 200, site.article(self._of(request, site), base_of(request), raw=request.query.get("context") == "edit")

    async def _edit(self, request: web.Request, site: Site) -> tuple[int, Any]:
        one = self._of(request, site)
        given = await fields(request, ARTICLE_FIELDS)
        self._check(given, site)
        one.title, one.content = str(given.get("title", one.title)), str(given.get("content", one.content))
        one.status = str(given.get("status", one.status))
        one.changed = datetime.now(UTC)
        return 200, site.article(one, base_of(request), raw=True)

    async def _delete(self, request: web.Request, site: Site) -> tuple[int, Any]:
        one = self._of(request, site)
        if request.query.get("force") == "true":
            del site.articles[one.id]
            return 200, {"deleted": True, "previous": site.article(one, base_of(request), raw=True)}
        if one.status == "trash":
            raise Refusal(410, "rest_already_trashed", "The post has already been deleted.")
        one.status, one.slug = "trash", f"{one.slug}__trashed"
        return 200, site.article(one, base_of(request), raw=True)

    async def _upload(self, request: web.Request, site: Site) -> tuple[int, Any]:
        named = re.search(r'filename="([^"/\\]+)"', request.headers.get("Content-Disposition", ""))
        data = await request.read()
        if named is None or not data:
            raise Refusal(400, "rest_upload_no_content_disposition", "No Content-Disposition supplied, or no data.")
        if not request.content_type.startswith("image/"):
            raise Refusal(400, "rest_upload_unknown_error", "Sorry, you are not allowed to upload this file type.")
        made = File(site.number(), named[1], request.content_type, data)
        site.files[made.id] = made
        return 201, site.file(made, base_of(request))

    async def _describe(self, request: web.Request, site: Site) -> tuple[int, Any]:
        one = site.files.get(int(request.match_info["id"]))
        if one is None:
            raise Refusal(404, "rest_post_invalid_id", "Invalid post ID.")
        given = await fields(request, frozenset({"alt_text", "caption", "title", "description"}))
        one.alt = str(given.get("alt_text", one.alt))
        return 200, site.file(one, base_of(request))

    async def _me(self, request: web.Request, site: Site) -> tuple[int, Any]:
        me: dict[str, Any] = {"id": OWN_ID, "name": site.username, "slug": site.username}
        if request.query.get("context") == "edit":
            me |= {"username": site.username, "capabilities": dict.fromkeys(CAPABILITIES, True)}
        return 200, me

    async def _file(self, request: web.Request) -> web.Response:
        site = self.sites.get(request.match_info["site"])
        one = site.files.get(int(request.match_info["id"])) if site else None
        if one is None:
            raise web.HTTPNotFound
        return web.Response(body=one.data, content_type=one.content_type, headers={"X-Content-Type-Options": "nosniff"})

    def _of(self, request: web.Request, site: Site) -> Article:
        if (one := site.articles.get(int(request.match_info["id"]))) is None:
            raise Refusal(404, "rest_post_invalid_id", "Invalid post ID.")
        return one

    async def _nowhere(self, request: web.Request) -> web.Response:
        self._ledger.refuse(self.name, f"{request.method} {request.path}", 404, "no such address")
        return Words().refused(Refusal(404, "rest_no_route", "No route was found matching the URL and request method."))
