"""The pretend Threads accounts: two-step publishing, conversations, and what passers-by write.

Threads docs: posts, reply management, publishing limit, webhooks.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import emoji

from crisis.simulator.graph import demo
from crisis.simulator.graph.desk import Call, Edge, day
from crisis.simulator.graph.memory import DAY, Owner, Said
from crisis.simulator.graph.publishing import TwoSteps
from crisis.simulator.graph.words import chosen, missing, page, wrong
from crisis.simulator.network import CannotSay, DemoAccount

GREATEST, MOST_PICTURES = 500, 20
POSTS_A_DAY, REPLIES_A_DAY, DELETES_A_DAY = 250, 1_000, 100
HANDLES = {"ous": "ous_demo", "hod": "hod_demo", "ous-drill": "ous_drill", "hod-drill": "hod_drill"}
OWNERS = demo.owners("threads", "user_id", HANDLES, "63100000")


class Threads(TwoSteps):
    """Accounts of the demo."""

    name = "threads"
    label = "Threads"
    version = "v1.0"
    owners: ClassVar[Sequence[Owner]] = OWNERS
    demo: ClassVar[Sequence[DemoAccount]] = tuple(owner.demo for owner in OWNERS)

    def edges(self) -> Sequence[Edge]:
        """What can be asked."""

        def edge(method: str, name: str, work: Any, *takes: str) -> Edge:
            return Edge(method, name, frozenset(takes), work)

        wish = (
            "media_type",
            "text",
            "image_url",
            "video_url",
            "alt_text",
            "reply_to_id",
            "is_carousel_item",
            "children",
        )
        return (
            edge("POST", "threads", self._make, *wish),
            edge("POST", "threads_publish", self._publish, "creation_id"),
            edge("GET", "threads_publishing_limit", self._quota),
            edge("GET", "threads", self._own_posts, "since", "until", "before"),
            edge("GET", "replies", self._own_replies, "since", "until", "before", "reverse"),
            edge("GET", "conversation", self._conversation, "reverse"),
            edge("GET", "mentions", self._mentions, "since", "until", "before"),
            edge("GET", "", self._object),
            edge("POST", "manage_reply", self._hide, "hide"),
            edge("DELETE", "", self._delete),
            edge("GET", "refresh_access_token", self._renew, "grant_type"),
        )

    def may_say(self, text: str, parent: Said | None) -> None:
        """As long as a post."""
        if length(text) > GREATEST:
            raise CannotSay(
                f"a {'reply' if parent else 'post'} has at most {GREATEST} characters as Threads counts them"
            )

    def told(self, owner: Owner, one: Said) -> dict[str, Any]:
        """One change, without entries around it."""
        value: dict[str, Any] = {"id": one.id, "username": one.author_name, "text": one.text, "media_type": "TEXT"}
        value["timestamp"] = one.at.isoformat(timespec="seconds")
        if one.parent:
            root = self.memory.root(one)
            value |= {"replied_to": {"id": one.parent}, "root_post": {"id": root, "owner_id": owner.id}}
        field = "replies" if one.parent else "mentions"
        told = {"app_id": "1", "topic": "moderate", "target_id": owner.id, "time": int(one.at.timestamp())}
        return {**told, "values": {"field": field, "value": value}}

    async def _make(self, call: Call) -> dict[str, Any]:
        self.own(call)
        kind, text, child = call.given.get("media_type"), call.given.get("text", ""), "is_carousel_item" in call.given
        if kind not in ("TEXT", "IMAGE", "VIDEO", "CAROUSEL"):
            raise wrong("media_type is TEXT, IMAGE, VIDEO or CAROUSEL")
        if (kind == "TEXT" and not text.strip()) or length(text) > GREATEST:
            raise wrong(f"Param text must be at least 1 and at most {GREATEST} characters long")
        if child and (text or "reply_to_id" in call.given):
            raise wrong("A part of a carousel has no text and answers nothing")
        reply_to = call.given.get("reply_to_id", "")
        if reply_to and self.memory.standing(reply_to) is None:
            raise missing(reply_to)
        made = await self.made(call, call.owner, text, reply_to=reply_to, most=MOST_PICTURES)
        return {"id": made.id}

    async def _publish(self, call: Call) -> dict[str, Any]:
        return await self.published(call, POSTS_A_DAY, REPLIES_A_DAY)

    async def _quota(self, call: Call) -> dict[str, Any]:
        self.own(call)
        row: dict[str, Any] = dict(day(self.memory.recent(call.owner.id, replies=False), POSTS_A_DAY))
        replies = day(self.memory.recent(call.owner.id, replies=True), REPLIES_A_DAY)
        deletes = day(self._deletes(call), DELETES_A_DAY)
        row |= {f"reply_{name}": value for name, value in replies.items()}
        row |= {f"delete_{name}": value for name, value in deletes.items()}
        asked = call.given.get("fields", "").split(",")
        if unknown := [name for name in asked if name not in row]:
            raise wrong(f"Tried accessing nonexisting field ({unknown[0]})")
        return {"data": [{name: row[name] for name in asked}]}

    async def _own_posts(self, call: Call) -> dict[str, Any]:
        self.own(call)
        return self._page(call, self.memory.own(call.owner.id, replies=False))

    async def _own_replies(self, call: Call) -> dict[str, Any]:
        if call.number in (call.owner.id, "me"):
            return self._page(call, self.memory.own(call.owner.id, replies=True))
        return self._page(call, self.memory.below(self.standing(call).id, deep=False))

    async def _conversation(self, call: Call) -> dict[str, Any]:
        found = self.memory.below(self.standing(call).id, deep=True)
        if call.given.get("reverse") == "false":
            found.reverse()
        return self._page(call, found)

    async def _mentions(self, call: Call) -> dict[str, Any]:
        self.own(call)
        strangers = [one for one in reversed(self.memory.said.values()) if one.wall == call.owner.id and not one.ours]
        return self._page(call, [one for one in strangers if not one.parent and not one.deleted])

    async def _object(self, call: Call) -> dict[str, Any]:
        fields = call.given.get("fields", "")
        if call.number in (call.owner.id, "me"):
            return chosen({"id": call.owner.id, "username": call.owner.handle, "name": call.owner.handle}, fields)
        if call.number in self.memory.containers:
            one = self.container(call, call.number)
            return chosen({"id": one.id, "status": one.state, "error_message": one.trouble or None}, fields)
        return chosen(self._row(self.standing(call), call), fields)

    async def _hide(self, call: Call) -> dict[str, Any]:
        one = self.standing(call)
        if one.ours or not one.parent or call.given.get("hide") not in ("true", "false"):
            raise wrong("Only somebody else's reply can be hidden, with hide true or false")
        one.hidden = call.given["hide"] == "true"
        return {"success": True}

    async def _delete(self, call: Call) -> dict[str, Any]:
        one = self.standing(call)
        if not one.ours:
            raise wrong("Only own posts can be deleted")
        if self._deletes(call) >= DELETES_A_DAY:
            raise wrong("The quota of deletes in 24 hours is used up", "9.2207042")
        self.memory.deletes.append((call.owner.id, datetime.now(UTC)))
        one.deleted = True
        return {"success": True, "deleted_id": one.id}

    async def _renew(self, call: Call) -> dict[str, Any]:
        if call.given.get("grant_type") != "th_refresh_token":
            raise wrong("grant_type is th_refresh_token")
        token = call.owner.demo.secrets["access_token"]
        return {"access_token": token, "token_type": "bearer", "expires_in": 5_184_000}

    def _deletes(self, call: Call) -> int:
        since = datetime.now(UTC) - DAY
        return sum(1 for owner, at in self.memory.deletes if owner == call.owner.id and at > since)

    def _page(self, call: Call, found: Sequence[Said]) -> dict[str, Any]:
        return page([self._row(one, call) for one in found], call.given, call.address)

    def _row(self, one: Said, call: Call) -> dict[str, Any]:
        return {
            "id": one.id,
            "text": one.text,
            "timestamp": one.at.isoformat(timespec="seconds"),
            "permalink": f"{call.address.partition('/threads/')[0]}/threads/@{one.author_name}/post/{one.id}",
            "username": one.author_name,
            "has_replies": bool(self.memory.below(one.id, deep=False)),
            "replied_to": {"id": one.parent} if one.parent else None,
            "root_post": {"id": self.memory.root(one)} if one.parent else None,
            "is_reply_owned_by_me": one.ours,
        }


def length(text: str) -> int:
    """Characters, with an emoji counted as its UTF-8 bytes."""
    return len(text) + sum(len(found["emoji"].encode()) - len(found["emoji"]) for found in emoji.emoji_list(text))
