"""The pretend professional accounts: two-step publishing, comments, replies, and what passers-by write.

Instagram docs: IG user, IG media, IG comment, content publishing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from crisis.simulator.graph import demo
from crisis.simulator.graph.desk import Call, Edge, day, token_told
from crisis.simulator.graph.memory import Owner, Said
from crisis.simulator.graph.publishing import TwoSteps
from crisis.simulator.graph.words import chosen, page, wrong
from crisis.simulator.network import CannotSay, DemoAccount

GREATEST, MOST_PICTURES, POSTS_A_DAY = 2_200, 10, 50
SCOPES = ("instagram_basic", "instagram_content_publish", "instagram_manage_comments")
HANDLES = {"ous": "ous_demo", "hod": "hod_demo", "ous-drill": "ous_drill", "hod-drill": "hod_drill"}
OWNERS = demo.owners("instagram", "user_id", HANDLES, "1784100000")


class Instagram(TwoSteps):
    """Accounts of the demo."""

    name = "instagram"
    label = "Instagram"
    version = "v26.0"
    owners: ClassVar[Sequence[Owner]] = OWNERS
    demo: ClassVar[Sequence[DemoAccount]] = tuple(owner.demo for owner in OWNERS)

    def edges(self) -> Sequence[Edge]:
        """What can be asked."""

        def edge(method: str, name: str, work: Any, *takes: str) -> Edge:
            return Edge(method, name, frozenset(takes), work)

        wish = ("image_url", "video_url", "media_type", "caption", "alt_text", "is_carousel_item", "children")
        return (
            edge("POST", "media", self._make, *wish),
            edge("POST", "media_publish", self._publish, "creation_id"),
            edge("GET", "content_publishing_limit", self._quota, "since"),
            edge("GET", "media", self._media, "since", "until"),
            edge("GET", "tags", self._tags),
            edge("GET", "comments", self._comments),
            edge("POST", "comments", self._comment, "message"),
            edge("GET", "replies", self._comments),
            edge("POST", "replies", self._reply, "message"),
            edge("GET", "", self._object),
            edge("POST", "", self._hide, "hide"),
            edge("DELETE", "", self._delete),
            edge("POST", "debug_token", self._token, "input_token", "method"),
        )

    def may_say(self, text: str, parent: Said | None) -> None:
        """Comments only: a stranger's own picture is a world of its own."""
        if len(text) > GREATEST:
            raise CannotSay(f"a comment has at most {GREATEST} characters")
        if parent is None:
            raise CannotSay("on Instagram passers-by write under a post; say which in reply_to")

    def told(self, owner: Owner, one: Said) -> dict[str, Any]:
        """A change of the field comments."""
        value: dict[str, Any] = {
            "id": one.id,
            "text": one.text,
            "from": {"id": one.author, "username": one.author_name},
        }
        value["media"] = {"id": self.memory.root(one), "media_product_type": "FEED"}
        if one.parent != value["media"]["id"]:
            value["parent_id"] = one.parent
        entry = {"id": owner.id, "time": int(one.at.timestamp()), "changes": [{"field": "comments", "value": value}]}
        return {"object": "instagram", "entry": [entry]}

    async def _make(self, call: Call) -> dict[str, Any]:
        self.own(call)
        kind = call.given.get("media_type", "IMAGE")
        if kind not in ("IMAGE", "REELS", "CAROUSEL"):
            raise wrong("media_type is IMAGE, REELS or CAROUSEL; there is no post without a picture or film")
        if len(call.given.get("caption", "")) > GREATEST:
            raise wrong(f"The caption has more than {GREATEST} characters")
        if "alt_text" in call.given and kind != "IMAGE":
            raise wrong("alt_text is for pictures only")
        made = await self.made(call, call.owner, call.given.get("caption", ""), most=MOST_PICTURES)
        return {"id": made.id}

    async def _publish(self, call: Call) -> dict[str, Any]:
        return await self.published(call, POSTS_A_DAY)

    async def _quota(self, call: Call) -> dict[str, Any]:
        self.own(call)
        return {"data": [day(self.memory.recent(call.owner.id, replies=False), POSTS_A_DAY)]}

    async def _media(self, call: Call) -> dict[str, Any]:
        self.own(call)
        rows = [self._post_row(one, call) for one in self.memory.own(call.owner.id, replies=False)]
        return page(rows, call.given, call.address)

    async def _tags(self, call: Call) -> dict[str, Any]:
        self.own(call)
        return page([], call.given, call.address)

    async def _comments(self, call: Call) -> dict[str, Any]:
        below = self.memory.below(self.standing(call).id, deep=False)
        return page([self._row(one) for one in below], call.given, call.address)

    async def _comment(self, call: Call) -> dict[str, Any]:
        return self._written(call, self.standing(call))

    async def _reply(self, call: Call) -> dict[str, Any]:
        parent = self.standing(call)
        if not parent.parent or self.memory.root(parent) != parent.parent:
            raise wrong("Only a comment right under a post can be answered")
        return self._written(call, parent)

    def _written(self, call: Call, parent: Said) -> dict[str, Any]:
        text, owner = call.given.get("message", ""), call.owner
        if not text.strip() or len(text) > GREATEST:
            raise wrong("A comment is neither empty nor too long")
        one = Said(self.memory.number(), owner.id, owner.id, owner.handle, text, datetime.now(UTC), parent.id)
        return {"id": self.memory.add(one).id}

    async def _object(self, call: Call) -> dict[str, Any]:
        fields = call.given.get("fields", "")
        if call.number in (call.owner.id, "me"):
            return chosen({"id": call.owner.id, "username": call.owner.handle, "name": call.owner.handle}, fields)
        if call.number in self.memory.containers:
            one = self.container(call, call.number)
            return chosen({"id": one.id, "status_code": one.state, "status": f"{one.state}: {one.trouble}"}, fields)
        found = self.standing(call)
        return chosen(self._row(found) if found.parent else self._post_row(found, call), fields)

    async def _hide(self, call: Call) -> dict[str, Any]:
        one = self.standing(call)
        if one.ours or not one.parent or call.given.get("hide") not in ("true", "false"):
            raise wrong("Only somebody else's comment can be hidden, with hide true or false")
        one.hidden = call.given["hide"] == "true"
        return {"success": True}

    async def _delete(self, call: Call) -> dict[str, Any]:
        self.standing(call).deleted = True
        return {"success": True}

    async def _token(self, call: Call) -> dict[str, Any]:
        return await token_told(call, SCOPES)

    def _post_row(self, one: Said, call: Call) -> dict[str, Any]:
        return {
            "id": one.id,
            "caption": one.text,
            "timestamp": one.at.isoformat(timespec="seconds"),
            "permalink": f"{call.address.partition('/instagram/')[0]}/instagram/p/{one.id}/",
            "comments_count": len(self.memory.below(one.id, deep=True)),
            "username": one.author_name,
        }

    def _row(self, one: Said) -> dict[str, Any]:
        root = self.memory.root(one)
        below = [self._row(reply) for reply in self.memory.below(one.id, deep=False)]
        return {
            "id": one.id,
            "text": one.text,
            "timestamp": one.at.isoformat(timespec="seconds"),
            "username": one.author_name,
            "from": {"id": one.author, "username": one.author_name},
            "parent_id": one.parent if one.parent != root else None,
            "hidden": one.hidden,
            "replies": {"data": below} if below else None,
        }
