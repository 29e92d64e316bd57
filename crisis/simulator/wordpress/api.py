"""The HTTP face of the pretend sites, under /wordpress/<site>/wp-json: articles, media, comments, who am I."""

import base64
import html
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from aiohttp import web

from crisis.simulator.counter import Counter, Dialect, Refusal
from crisis.simulator.faults import Faults
from crisis.simulator.ledger import Ledger
from crisis.simulator.network import CannotSay, DemoAccount, Picture, Seen
from crisis.simulator.wordpress.site import CAPABILITIES, OWN_ID, Article, Comment, File, Site

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
_MARKS = re.compile(r"<[^>]+>")
_UNSAFE = re.compile(r"<\s*(script|iframe|object|style)|\son\w+\s*=|javascript:", re.IGNORECASE)
_IMAGE = re.compile(r'<img src="([^"]*)" alt="([^"]*)"')
LISTS: dict[str, frozenset[str]] = {
    "posts": frozenset({"slug", "status", "context", "author", "per_page", "page", "orderby", "order"}),
    "comments": frozenset({"status", "parent", "author", "per_page", "page", "orderby", "order"}),
}


class Words(Dialect):
    """WordPress's errors: `{code, message, data: {status}}`."""

    def refused(self, refusal: Refusal) -> web.Response:
        body = {"code": refusal.code, "message": refusal.say, "data": {"status": refusal.status}}
        return web.json_response(body, status=refusal.status, headers=refusal.headers)

    def busy(self, seconds: float) -> web.Response:
        headers = {"Retry-After": str(int(seconds + 0.999))}
        return web.Response(text="<h1>Too many requests</h1>", status=429, content_type="text/html", headers=headers)

    def broken(self) -> web.Response:
        return self.refused(Refusal(500, "internal_server_error", "There has been a critical error on this website."))

    def unknown_keys(self) -> web.Response:
        return self.refused(
            Refusal(401, "incorrect_password", "The provided password is an invalid application password.")
        )

    def not_allowed(self) -> web.Response:
        return self.refused(
            Refusal(403, "rest_cannot_create", "Sorry, you are not allowed to create posts as this user.")
        )


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
            ("GET", "/comments", "comments", self._comments),
            ("GET", "/comments/{id:[0-9]+}", "comment", self._comment),
            ("POST", "/comments", "answer", self._answer),
            ("POST", "/comments/{id:[0-9]+}", "moderate", self._moderate),
            ("DELETE", "/comments/{id:[0-9]+}", "uncomment", self._uncomment),
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
            found += [self._article_seen(site, one) for one in site.articles.values()]
            found += [self._comment_seen(site, one) for one in site.comments.values()]
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
        given = await _fields(request, ARTICLE_FIELDS)
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
        return 201, site.article(made, _base(request), raw=True)

    def _check(self, given: dict[str, Any], site: Site) -> None:
        if given.get("status", "publish") not in STATUSES:
            raise Refusal(400, "rest_invalid_param", "Invalid parameter(s): status")
        if given.get("featured_media") and given["featured_media"] not in site.files:
            raise Refusal(400, "rest_invalid_featured_media", "Invalid featured media ID.")
        if _UNSAFE.search(str(given.get("content", ""))):
            raise Refusal(400, "unsafe", "This simulator takes no active content in an article")

    async def _find(self, request: web.Request, site: Site) -> tuple[int, Any]:
        query = _query(request, "posts")
        raw = query.get("context") == "edit"
        wanted = {"any": set(STATUSES)}.get(query.get("status", ""), {query.get("status", "publish")})
        found = [one for one in reversed(site.articles.values()) if one.status in wanted]
        if "slug" in query:
            found = [one for one in found if one.slug == query["slug"]]
        return 200, [site.article(one, _base(request), raw=raw) for one in _paged(found, query)]

    async def _get(self, request: web.Request, site: Site) -> tuple[int, Any]:
        return 200, site.article(self._of(request, site), _base(request), raw=request.query.get("context") == "edit")

    async def _edit(self, request: web.Request, site: Site) -> tuple[int, Any]:
        one = self._of(request, site)
        given = await _fields(request, ARTICLE_FIELDS)
        self._check(given, site)
        one.title, one.content = str(given.get("title", one.title)), str(given.get("content", one.content))
        one.status = str(given.get("status", one.status))
        one.changed = datetime.now(UTC)
        return 200, site.article(one, _base(request), raw=True)

    async def _delete(self, request: web.Request, site: Site) -> tuple[int, Any]:
        one = self._of(request, site)
        if request.query.get("force") == "true":
            del site.articles[one.id]
            return 200, {"deleted": True, "previous": site.article(one, _base(request), raw=True)}
        if one.status == "trash":
            raise Refusal(410, "rest_already_trashed", "The post has already been deleted.")
        one.status, one.slug = "trash", f"{one.slug}__trashed"
        return 200, site.article(one, _base(request), raw=True)

    async def _upload(self, request: web.Request, site: Site) -> tuple[int, Any]:
        named = re.search(r'filename="([^"/\\]+)"', request.headers.get("Content-Disposition", ""))
        data = await request.read()
        if named is None or not data:
            raise Refusal(400, "rest_upload_no_content_disposition", "No Content-Disposition supplied, or no data.")
        if not request.content_type.startswith("image/"):
            raise Refusal(400, "rest_upload_unknown_error", "Sorry, you are not allowed to upload this file type.")
        made = File(site.number(), named[1], request.content_type, data)
        site.files[made.id] = made
        return 201, site.file(made, _base(request))

    async def _describe(self, request: web.Request, site: Site) -> tuple[int, Any]:
        one = site.files.get(int(request.match_info["id"]))
        if one is None:
            raise Refusal(404, "rest_post_invalid_id", "Invalid post ID.")
        given = await _fields(request, frozenset({"alt_text", "caption", "title", "description"}))
        one.alt = str(given.get("alt_text", one.alt))
        return 200, site.file(one, _base(request))

    async def _comments(self, request: web.Request, site: Site) -> tuple[int, Any]:
        query = _query(request, "comments")
        status = {"approve": "approved"}.get(query.get("status", "approve"), query.get("status"))
        found = sorted((one for one in site.comments.values() if one.status == status), key=lambda one: -one.id)
        if "parent" in query:
            found = [one for one in found if one.parent == int(query["parent"])]
        if "author" in query:
            found = [one for one in found if one.author_id == int(query["author"])]
        return 200, [site.comment(one, _base(request)) for one in _paged(found, query)]

    async def _comment(self, request: web.Request, site: Site) -> tuple[int, Any]:
        return 200, site.comment(self._said(request, site), _base(request))

    async def _answer(self, request: web.Request, site: Site) -> tuple[int, Any]:
        given = await _fields(request, frozenset({"post", "parent", "content"}))
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
        return 201, site.comment(made, _base(request))

    async def _moderate(self, request: web.Request, site: Site) -> tuple[int, Any]:
        one = self._said(request, site)
        given = await _fields(request, frozenset({"status", "content"}))
        if given.get("status", "hold") not in ("hold", "approved", "approve", "spam", "trash"):
            raise Refusal(400, "rest_invalid_param", "Invalid parameter(s): status")
        one.status = {"approve": "approved"}.get(given.get("status", one.status), given.get("status", one.status))
        one.content = str(given.get("content", one.content))
        return 200, site.comment(one, _base(request))

    async def _uncomment(self, request: web.Request, site: Site) -> tuple[int, Any]:
        one = self._said(request, site)
        if one.status == "trash":
            raise Refusal(410, "rest_already_trashed", "The comment has already been trashed.")
        one.status = "trash"
        return 200, site.comment(one, _base(request))

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

    def _said(self, request: web.Request, site: Site) -> Comment:
        if (one := site.comments.get(int(request.match_info["id"]))) is None:
            raise Refusal(404, "rest_comment_invalid_id", "Invalid comment ID.")
        return one

    def _article_seen(self, site: Site, one: Article) -> Seen:
        front = site.files.get(one.featured)
        pictures = (
            [Picture("picture", f"/wordpress/{site.name}/wp-content/{front.id}/{front.name}", front.alt)]
            if front
            else []
        )
        pictures += [
            Picture("picture", html.unescape(url), html.unescape(alt)) for url, alt in _IMAGE.findall(one.content)
        ]
        return Seen(
            id=f"{site.name}/{one.id}",
            account=site.name,
            author=site.username,
            title=one.title,
            text=_words(one.content),
            at=one.at.isoformat(timespec="milliseconds"),
            url=f"/wordpress/{site.name}/{one.slug}/",
            pictures=pictures,
            edited=one.changed > one.at,
            deleted=one.status == "trash",
            details={"status": one.status, "slug": one.slug},
        )

    def _comment_seen(self, site: Site, one: Comment) -> Seen:
        return Seen(
            id=f"{site.name}/comment-{one.id}",
            account=site.name,
            author=one.author,
            text=_words(one.content),
            at=one.at.isoformat(timespec="milliseconds"),
            reply_to=f"{site.name}/comment-{one.parent}" if one.parent else f"{site.name}/{one.post}",
            deleted=one.status == "trash",
            hidden=one.status == "hold",
            ours=one.author_id == OWN_ID,
        )

    async def _nowhere(self, request: web.Request) -> web.Response:
        self._ledger.refuse(self.name, f"{request.method} {request.path}", 404, "no such address")
        return Words().refused(Refusal(404, "rest_no_route", "No route was found matching the URL and request method."))


def _words(content: str) -> str:
    return html.unescape(_MARKS.sub("", re.sub(r"</p>\s*", "\n\n", content))).strip()


def _base(request: web.Request) -> str:
    return f"{request.url.origin()}/wordpress/{request.match_info['site']}"


async def _fields(request: web.Request, known: frozenset[str]) -> dict[str, Any]:
    try:
        given = await request.json() if request.content_type == "application/json" else None
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refusal(400, "rest_invalid_json", "Invalid JSON body passed.")
    if unknown := set(given) - known:
        raise Refusal(400, "rest_invalid_param", f"Invalid parameter(s): {', '.join(sorted(unknown))}")
    return given


def _query(request: web.Request, what: str) -> dict[str, str]:
    if unknown := set(request.query) - LISTS[what]:
        raise Refusal(400, "rest_invalid_param", f"Invalid parameter(s): {', '.join(sorted(unknown))}")
    return dict(request.query)


def _paged(found: list[Any], query: dict[str, str]) -> list[Any]:
    size, page = int(query.get("per_page", "10")), int(query.get("page", "1"))
    if not 1 <= size <= 100 or page < 1:
        raise Refusal(400, "rest_invalid_param", "Invalid parameter(s): per_page, page")
    if page > 1 and (page - 1) * size >= len(found):
        raise Refusal(
            400, "rest_post_invalid_page_number", "The page number requested is larger than the pages available."
        )
    return found[(page - 1) * size : page * size]
