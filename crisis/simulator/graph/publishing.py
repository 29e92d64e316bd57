"""Publishing in two steps, as the pretend Instagram and Threads take it."""

from datetime import UTC, datetime
from typing import Any

from crisis.simulator.graph.desk import Call, GraphNetwork
from crisis.simulator.graph.memory import Container, Owner, Said
from crisis.simulator.graph.words import missing, wrong
from crisis.simulator.network import Picture

FILMS = ("REELS", "VIDEO")
NOT_READY, PUBLISHED_ALREADY = "9007.2207027", "9007.2207050"


class TwoSteps(GraphNetwork):
    """Containers, and what becomes of them."""

    async def made(self, call: Call, owner: Owner, text: str, *, reply_to: str = "", most: int) -> Container:
        """A container of what the call names; a picture that can't be had makes one in trouble, as on the real network."""
        one = Container(self.memory.number(), owner.id, text, reply_to)
        kind = call.given.get("media_type", "IMAGE")
        if kind == "CAROUSEL":
            one.pictures = self._children(call, most)
        elif kind != "TEXT":
            film = kind in FILMS
            url = call.given.get("video_url" if film else "image_url", "")
            if not url:
                raise wrong("The media needs image_url or video_url")
            try:
                one.pictures = (await self.fetch(url, "film" if film else "picture", call.given.get("alt_text", "")),)
            except Exception as error:  # noqa: BLE001 - whatever it was, the container tells
                one.trouble = str(error)
        self.memory.containers[one.id] = one
        return one

    def container(self, call: Call, number: str) -> Container:
        """Raises Refusal for one that is not there or not the caller's."""
        found = self.memory.containers.get(number)
        if found is None or found.wall != call.owner.id:
            raise missing(number)
        return found

    async def published(self, call: Call, total: int, replies: int = 0) -> dict[str, Any]:
        """Publish a container, once."""
        self.own(call)
        one = self.container(call, call.given.get("creation_id", ""))
        if one.state == "PUBLISHED":
            raise wrong("The container was published already", PUBLISHED_ALREADY)
        if one.state != "FINISHED":
            raise wrong(f"The container cannot be published: {one.state}", NOT_READY)
        most = replies if one.reply_to else total
        if self.memory.recent(call.owner.id, replies=bool(one.reply_to)) >= most:
            raise wrong("The quota of 24 hours is used up", "9.2207042")
        one.published = self.memory.number()
        owner = call.owner
        self.memory.add(
            Said(
                one.published, owner.id, owner.id, owner.handle, one.text, datetime.now(UTC), one.reply_to, one.pictures
            )
        )
        return {"id": one.published}

    def _children(self, call: Call, most: int) -> tuple[Picture, ...]:
        numbers = call.given.get("children", "").split(",")
        if not 2 <= len(numbers) <= most:
            raise wrong(f"A carousel has 2 to {most} children")
        return tuple(picture for number in numbers for picture in self.container(call, number).pictures)
