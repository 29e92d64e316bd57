"""The pretend Pages: posting, comments, editing, deleting, hiding, and what visitors write.

Graph API docs: Page, Page post, Comment, Photo.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from crisis.simulator.graph import demo
from crisis.simulator.graph.desk import Call, Edge, GraphNetwork, token_told
from crisis.simulator.graph.memory import Owner, Said
from crisis.simulator.graph.words import chosen, missing, page, wrong
from crisis.simulator.network import DemoAccount, Picture

GREATEST = 63_206
SCOPES = ("pages_manage_posts", "pages_read_engagement", "pages_manage_engagement", "pages_read_user_content")
OWNERS = demo.owners(
    "facebook",
    "page_id",
    {
        "ous": "Oslo University Hospital (demo)",
        "hod": "Ministry of Health (demo)",
        "ous-drill": "Oslo University Hospital (drill)",
        "hod-drill": "Ministry of Health (drill)",
    },
)


class Facebook(GraphNetwork):
    """Pages of the demo."""

    name = "facebook"
    label = "Facebook"
    version = "v26.0"
    owners: ClassVar[Sequence[Owner]] = OWNERS
    demo: ClassVar[Sequence[DemoAccount]] = tuple(owner.demo for owner in OWNERS)

    def edges(self) -> Sequence[Edge]:
        """What can be asked."""

        def edge(method: str, name: str, work: Any, *takes: str) -> Edge:
            return Edge(method, name, frozenset(takes), work)

        return (
            edge("POST", "feed", self._post, "message", "attached_media", "link", "published"),
            edge(
                "POST", "photos", self._photo, "source", "url", "published", "alt_text_custom", "message", "temporary"
            ),
            edge("POST", "videos", self._film, "file_url", "description", "title"),
            edge("POST", "comments", self._comment, "message"),
            edge("GET", "published_posts", self._posts),
            edge("GET", "tagged", self._tagged),
            edge("GET", "comments", self._comments, "filter", "order", "since"),
            edge("GET", "", self._object),
            edge("POST", "", self._change, "message", "description", "is_hidden"),
            edge("DELETE", "", self._delete),
            edge("POST", "debug_token", self._token, "input_token", "method"),
        )

    def told(self, owner: Owner, one: Said) -> dict[str, Any]:
        """A change of the field feed, or mention."""
        root = self.memory.root(one)
        value: dict[str, Any] = {
            "from": {"id": one.author, "name": one.author_name},
            "message": one.text,
            "verb": "add",
        }
        value |= {"created_time": int(one.at.timestamp()), "post_id": root}
        if one.parent:
            value |= {"item": "comment", "comment_id": one.id, "parent_id": one.parent}
        else:
            value |= {"item": "post"}
        change = {"field": "feed" if one.parent else "mention", "value": value}
        return {"object": "page", "entry": [{"id": owner.id, "time": int(one.at.timestamp()), "changes": [change]}]}

    async def _post(self, call: Call) -> dict[str, Any]:
        self.own(call)
        text = call.given.get("message", "")
        pictures = self._attached(call.given.get("attached_media", "[]"))
        if not text.strip() and not pictures:
            raise wrong("A post needs a message, a link or media")
        return self._said(call, text, pictures)

    def _said(self, call: Call, text: str, pictures: tuple[Picture, ...]) -> dict[str, Any]:
        if len(text) > GREATEST:
            raise wrong(f"The message has more than {GREATEST} characters")
        self.fresh(call, text)
        number = f"{call.owner.id}_{self.memory.number()}"
        one = Said(number, call.owner.id, call.owner.id, call.owner.handle, text, datetime.now(UTC), "", pictures)
        return {"id": self.memory.add(one).id}

    def _attached(self, given: str) -> tuple[Picture, ...]:
        try:
            numbers = [str(one["media_fbid"]) for one in json.loads(given)]
        except (ValueError, TypeError, KeyError) as error:
            raise wrong("attached_media is a list of objects with media_fbid") from error
        if unknown := [number for number in numbers if number not in self.memory.waiting]:
            raise missing(unknown[0])
        return tuple(self.memory.waiting.pop(number) for number in numbers)

    async def _photo(self, call: Call) -> dict[str, Any]:
        self.own(call)
        if call.given.get("published") != "false":
            raise wrong("This simulator takes unpublished photos only, to be attached to a post")
        alt = call.given.get("alt_text_custom", "")
        if file := call.files.get("source"):
            if not file[0].startswith("image/") or not file[1]:
                raise wrong("The file is no picture")
            made = self.keep(file[1], file[0], "picture", alt)
        else:
            made = await self.fetch(call.given.get("url", ""), "picture", alt)
        number = self.memory.number()
        self.memory.waiting[number] = made
        return {"id": number}

    async def _film(self, call: Call) -> dict[str, Any]:
        self.own(call)
        film = await self.fetch(call.given.get("file_url", ""), "film", "")
        return self._said(call, call.given.get("description", ""), (film,))

    async def _comment(self, call: Call) -> dict[str, Any]:
        parent, text = self.standing(call), call.given.get("message", "")
        if not text.strip():
            raise wrong("A comment needs a message")
        number = f"{call.owner.id}_{self.memory.number()}"
        owner = call.owner
        one = Said(number, owner.id, owner.id, owner.handle, text, datetime.now(UTC), parent.id)
        return {"id": self.memory.add(one).id}

    async def _posts(self, call: Call) -> dict[str, Any]:
        self.own(call)
        return page(
            [_row(one, call) for one in self.memory.own(call.owner.id, replies=False)], call.given, call.address
        )

    async def _tagged(self, call: Call) -> dict[str, Any]:
        self.own(call)
        found = [
            one
            for one in reversed(self.memory.said.values())
            if one.wall == call.owner.id and not one.ours and not one.parent and not one.deleted
        ]
        return page([_row(one, call) for one in found], call.given, call.address)

    async def _comments(self, call: Call) -> dict[str, Any]:
        post = self.standing(call)
        if call.given.get("filter") not in (None, "stream", "toplevel"):
            raise wrong("filter is stream or toplevel")
        found = self.memory.below(post.id, deep=call.given.get("filter") == "stream")
        if call.given.get("order") != "reverse_chronological":
            found.reverse()
        return page([_row(one, call) for one in found], call.given, call.address)

    async def _object(self, call: Call) -> dict[str, Any]:
        if call.number in (call.owner.id, "me"):
            row = {"id": call.owner.id, "name": call.owner.handle, "is_published": True}
            return chosen(row, call.given.get("fields", ""))
        return chosen(_row(self.standing(call), call), call.given.get("fields", ""))

    async def _change(self, call: Call) -> dict[str, Any]:
        one = self.standing(call)
        if "is_hidden" in call.given:
            if one.ours or not one.parent:
                raise wrong("Only somebody else's comment can be hidden")
            one.hidden = call.given["is_hidden"] == "true"
            return {"success": True}
        text = call.given.get("message", call.given.get("description", ""))
        if not one.ours or not text.strip() or len(text) > GREATEST:
            raise wrong("Only own posts can be changed, to a message that is neither empty nor too long")
        one.text, one.edited = text, True
        return {"success": True}

    async def _delete(self, call: Call) -> dict[str, Any]:
        self.standing(call).deleted = True
        return {"success": True}

    async def _token(self, call: Call) -> dict[str, Any]:
        return await token_told(call, SCOPES)


def _row(one: Said, call: Call) -> dict[str, Any]:
    at = one.at.isoformat(timespec="seconds")
    return {
        "id": one.id,
        "message": one.text,
        "created_time": at,
        "updated_time": (one.stirred or one.at).isoformat(timespec="seconds"),
        "permalink_url": f"{call.address.partition('/facebook/')[0]}/facebook/posts/{one.id}",
        "from": {"id": one.author, "name": one.author_name},
        "parent": {"id": one.parent} if one.parent else None,
        "attachment": None,
        "is_hidden": one.hidden,
    }
