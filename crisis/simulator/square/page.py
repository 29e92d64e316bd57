"""The town square itself: one page, and its parts as fragments that the page asks for each second.

Reads everything, changes nothing.
"""

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup

from crisis.simulator.faults import KINDS
from crisis.simulator.internet import Internet
from crisis.simulator.sms import whatsapp
from crisis.simulator.sms.carrier import Message
from crisis.simulator.square import walls
from crisis.simulator.voice.control import shown
from crisis.simulator.x.wall import Author, Post

HERE = Path(__file__).resolve().parent.parent
PHONES_A_PAGE = 50
TEXTS_A_PHONE = 20
THREADS_AN_AUTHOR = 40
BOXES_A_PAGE = 30
MAILS_A_BOX = 5
OWN_HOSTS = {"localhost", "127.0.0.1", "::1"}
_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
PARTS = ("posts", "networks", "phones", "calls", "mail", "trouble")
CALLS_A_PAGE = 50
# Mail is shown in a frame that inherits this: no script runs and nothing is fetched from elsewhere.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


class Square:
    """Handlers over one internet."""

    def __init__(self, internet: Internet, *, public: bool) -> None:
        """`public` says whether there are incident pages to link to."""
        self._internet = internet
        self._public = public
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=select_autoescape(["html"]),
            trim_blocks=True,
            lstrip_blocks=True,
        )

        self._templates.filters["links"] = own_links

    def routes(self) -> list[web.AbstractRouteDef]:
        """The addresses served."""
        return [
            web.get("/", self._page),
            web.get("/square/parts", self._parts),
            web.get("/square/networks/{network}", self._network),
            web.static("/square/static", HERE / "static"),
        ]

    async def _page(self, request: web.Request) -> web.Response:
        page = self._templates.get_template("square.html").render(
            internet=self._internet, public=self._public, kinds=KINDS, parts=self._render(dict(request.query))
        )
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    async def _parts(self, request: web.Request) -> web.Response:
        """The parts as JSON; 304 when nothing has changed since the version and search the page names."""
        tag = f'"{self._internet.ledger.version}-{hashlib.sha256(request.query_string.encode()).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304)
        return web.json_response(self._render(dict(request.query)), headers={"ETag": tag, "Cache-Control": "no-cache"})

    def _render(self, query: dict[str, str]) -> dict[str, str]:
        search = query.get("search", "").strip().lower()
        page = int(query["page"]) if query.get("page", "").isdigit() else 0
        values: dict[str, dict[str, Any]] = {
            "posts": {"walls": self._walls(search)},
            "networks": {"nets": [self._net(name, search) for name in self._internet.networks], "older_page": 0},
            "phones": self._phones(search, page),
            "calls": {**shown(self._internet.exchange, search, CALLS_A_PAGE), "ours": self._our_numbers(texts=False)},
            "mail": self._mail(search),
            "trouble": {"faults": self._internet.faults.active, "ledger": self._internet.ledger, "kinds": KINDS},
        }
        return {
            part: self._templates.get_template(f"{part}.html").render(
                internet=self._internet, search=search, **values[part]
            )
            for part in PARTS
        }

    async def _network(self, request: web.Request) -> web.Response:
        """One network by itself, with everything that is too old for the square."""
        name, asked = request.match_info["network"], request.query.get("page", "")
        if name not in self._internet.networks:
            raise web.HTTPNotFound(text="There is no such network.\n")
        page = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
        net = self._net(name, "", most=walls.A_PAGE, skip=page * walls.A_PAGE)
        text = self._templates.get_template("network.html").render(
            nets=[net], page=page, older_page=page + 1, search=""
        )
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    def _net(self, name: str, search: str, **how: int) -> dict[str, Any]:
        network = self._internet.networks[name]
        return {
            "name": name,
            "label": network.label,
            "walls": walls.walls(network.seen(), search, **how),
            "accounts": walls.accounts(network),
        }

    def _walls(self, search: str) -> list[dict[str, Any]]:
        wall = self._internet.wall
        replies: dict[str, list[Post]] = {}
        roots: dict[str, list[Post]] = {}
        for post in wall.posts.values():
            if post.reply_to and post.reply_to in wall.posts:
                replies.setdefault(post.reply_to, []).append(post)
            elif not search or search in post.text.lower() or search in post.author.handle.lower():
                roots.setdefault(post.author.user_id, []).append(post)

        def thread(post: Post) -> dict[str, Any]:
            branches = replies.get(post.id, [])
            return {
                "post": post,
                "branches": [{"post": one, "level": level} for one, level in _flat(branches, replies)],
            }

        def of(author: Author) -> dict[str, Any]:
            own = roots.get(author.user_id, [])
            return {
                "author": author,
                "threads": [thread(post) for post in own[: -THREADS_AN_AUTHOR - 1 : -1]],
                "count": len(own),
            }

        return [
            of(author) for author in wall.authors.values() if roots.get(author.user_id) or int(author.user_id) < 900_000
        ]

    def _phones(self, search: str, page: int) -> dict[str, Any]:
        phones = self._internet.carrier.phones
        if search:
            found = [
                number
                for number in reversed(phones)
                if search in number or any(search in text.body.lower() for text in phones[number])
            ]
        else:
            found = list(reversed(phones))
        pages = max(-(-len(found) // PHONES_A_PAGE), 1)
        page = min(page, pages - 1)
        shown = found[page * PHONES_A_PAGE : (page + 1) * PHONES_A_PAGE]
        cards = [_card(number, list(phones[number]), self._internet.carrier.opted_out) for number in shown]
        return {"cards": cards, "found": len(found), "page": page, "pages": pages, "ours": self._our_numbers()}

    def _mail(self, search: str) -> dict[str, Any]:
        boxes = self._internet.mailboxes.newest_first(search)
        shown = [(box, mails[:MAILS_A_BOX], len(mails)) for box, mails in list(boxes.items())[:BOXES_A_PAGE]]
        return {"boxes": shown, "found": len(boxes)}

    def _our_numbers(self, *, texts: bool = True) -> list[tuple[str, str]]:
        accounts = self._internet.accounts.sms
        numbers = [(account.name, number) for account in accounts for number in account.numbers]
        if not texts:
            return numbers
        return numbers + [(account.name, whatsapp.PREFIX + one) for account in accounts for one in account.whatsapp]


def _flat(branches: list[Post], replies: dict[str, list[Post]]) -> list[tuple[Post, int]]:
    """Replies in reading order with their depth; done without recursion, since a thread may be long."""
    flat: list[tuple[Post, int]] = []
    waiting = [(post, 1) for post in reversed(branches)]
    while waiting:
        post, level = waiting.pop()
        flat.append((post, min(level, 4)))
        waiting += [(child, level + 1) for child in reversed(replies.get(post.id, []))]
    return flat


def _card(number: str, texts: list[Message], opted_out: set[tuple[str, str]]) -> dict[str, Any]:
    senders = {name for text in texts for name in (text.service, text.sender, text.to) if name}
    return {
        "number": number,
        "texts": texts[: -TEXTS_A_PHONE - 1 : -1],
        "count": len(texts),
        "opted_out": any((sender, number) in opted_out for sender in senders),
    }


def own_links(text: str) -> Markup:
    """The text with links to this machine made to work; all others stay text, for nothing here leads outside."""
    pieces, at = [], 0
    for match in _URL.finditer(text):
        if _is_own(match[0]):
            pieces.append(Markup.escape(text[at : match.start()]))
            pieces.append(Markup('<a href="{0}" target="_blank" rel="noreferrer">{0}</a>').format(match[0]))
            at = match.end()
    return Markup("").join([*pieces, Markup.escape(text[at:])])


def _is_own(url: str) -> bool:
    try:
        return urlsplit(url).hostname in OWN_HOSTS
    except ValueError:
        return False
