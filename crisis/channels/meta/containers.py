"""Publishing in two steps, as Instagram and Threads want it: a container is made, then it is published, once.

The container's id is written down before it is published. A repeat finds it and asks what became of it, so nothing is
said twice; making a container shows nobody anything, so that step is safe to repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar, cast

from crisis.channels.base import Accepted, Busy, Notes, Outgoing, Rejected, SendError, Uncertain, Unreachable
from crisis.channels.errors import as_promised
from crisis.channels.meta.graph import Graph

T = TypeVar("T")
Look = Callable[[Outgoing], Awaitable[Accepted | None]]
State = Literal["", "IN_PROGRESS", "FINISHED", "PUBLISHED", "ERROR", "EXPIRED"]
KEPT = timedelta(days=30)  # an uncertain delivery may wait so long for a person
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between looks at a picture that is being prepared, within one call's time
AGAIN_IN = 15.0
QUOTA_WAIT = 900.0  # seconds; the quota counts the last 24 hours, so room comes back bit by bit


@dataclass(frozen=True, slots=True)
class Containers:
    """The paths are the network's own; `word` is the container's field that tells its state."""

    graph: Graph
    notes: Notes
    make_path: str
    publish_path: str
    quota_path: str
    word: str

    async def kept(self, out: Outgoing) -> str | None:
        """The container that an earlier attempt made."""
        return await asyncio.to_thread(self.notes.read, _name(out))

    async def earlier(self, out: Outgoing, look: Look) -> Accepted | None:
        """What the container of an earlier attempt became; None when there is none, or nothing was published."""
        container = await self.kept(out)
        return await self.became(out, container, look) if container else None

    async def find(self, out: Outgoing, look: Look) -> Accepted | None:
        """As `earlier`; without a container `look` alone says whether it is there."""
        container = await self.kept(out)
        return await self.became(out, container, look) if container else await look(out)

    async def forget(self, out: Outgoing) -> None:
        await asyncio.to_thread(self.notes.forget, _name(out))

    async def state(self, container: str) -> tuple[State, str]:
        """What became of a container, and why; "" when the network does not know it any more."""
        # Only Threads says why, in a field that Instagram does not have.
        fields = f"{self.word},error_message" if self.word == "status" else self.word
        try:
            found = await self.graph.get(f"/{container}", fields=fields)
        except Rejected as error:
            if error.code == "gone":
                return "", ""
            raise
        word = str(found.get(self.word) or "")
        if word not in ("IN_PROGRESS", "FINISHED", "PUBLISHED", "ERROR", "EXPIRED"):
            raise Uncertain(f"the container is in a state nobody knows: {word[:40] or 'none'}")
        return cast("State", word), str(found.get("error_message") or "")

    async def became(self, out: Outgoing, container: str, look: Look) -> Accepted | None:
        """The post that `container` became, found by `look`; None when nothing was published.

        Raises `Uncertain` when it was published and the account does not show it yet: saying it again is not an answer.
        """
        state, _why = await self.state(container)
        if state in ("IN_PROGRESS", "FINISHED"):
            return None
        found = await look(out) if state in ("PUBLISHED", "") else None
        if found is None and state == "PUBLISHED":
            raise Uncertain("it is published, but the account does not show it yet", code="published")
        if found is None:
            await self.forget(out)
        return found

    async def publish(self, out: Outgoing, wish: Callable[[], Awaitable[str]], *, ready: bool) -> str:
        """Publish the container of `out`, made by `wish` unless there is one already; gives the post's id.

        The caller has made sure that an earlier container is not published. `ready` says that there is nothing to
        prepare. Raises `SendError`: `Uncertain` only from the moment of publishing on.
        """
        earlier = await self.kept(out)
        container = earlier or ""
        if not container:
            container = await _harmless(wish())
            until = datetime.now(UTC) + KEPT
            await asyncio.to_thread(self.notes.write, _name(out), container, until)
        if not ready:
            await self._prepared(out, container)
        try:
            made = await self.graph.post(self.publish_path, creation_id=container)
        except Rejected:
            # A publication that was on its way when we asked may have arrived since; only the container knows.
            if earlier and (await self.state(container))[0] == "PUBLISHED":
                raise Uncertain("it was published by an earlier attempt", code="published") from None
            await self.forget(out)
            raise
        if not made.get("id"):
            raise Uncertain("the network took the call but named no post")
        return str(made["id"])

    async def quota(self, part: str = "") -> tuple[int, int]:
        """Posts used and allowed in the last 24 hours; `part` "reply_" for replies (the two networks' publishing limit)."""
        fields = f"{part}quota_usage,{part}config"
        body = await self.graph.get(self.quota_path, fields=fields)
        with as_promised(IndexError):
            row = body["data"][0]
            return int(row[f"{part}quota_usage"]), int(row[f"{part}config"]["quota_total"])

    async def blame_quota(self, part: str = "") -> None:
        """After a refusal: was it the quota? Then it is not about this text. Raises `Busy` if so."""
        try:
            used, total = await self.quota(part)
        except SendError:
            return
        if used >= total:
            raise Busy(f"{used} of {total} posts in 24 hours are used", code="quota", retry_after=QUOTA_WAIT)

    async def make(self, **wish: Any) -> str:
        """A new container; shows nobody anything."""
        made = await self.graph.post(self.make_path, **wish)
        if not made.get("id"):
            raise Uncertain("the network took the call but named no container")
        return str(made["id"])

    async def _prepared(self, out: Outgoing, container: str) -> None:
        for wait in (*WAITS, None):
            state, why = await _harmless(self.state(container))
            if state == "FINISHED":
                return
            if state in ("ERROR", "EXPIRED"):
                await self.forget(out)
                raise Rejected(f"the network could not use the picture or film: {why or state.lower()}", code="media")
            if wait is not None:
                await asyncio.sleep(wait)
        raise Busy("the network is still preparing the picture or film", code="preparing", retry_after=AGAIN_IN)


async def _harmless(step: Awaitable[T]) -> T:
    """A step that shows nobody anything: what is uncertain about it is safe to repeat."""
    try:
        return await step
    except Uncertain as error:
        raise Unreachable(f"nothing was published yet: {error.say}", code=error.code) from None


def _name(out: Outgoing) -> str:
    return f"container:{out.delivery_id}"
