"""Comments under our articles: others' to be heard and hidden, our own answers to be said, found and changed."""

from __future__ import annotations

import json

from crisis.channels.base import Accepted, Inbound, Outgoing, Polled, Rejected, Uncertain, Unreachable
from crisis.channels.calling import Caller
from crisis.channels.errors import as_promised, odd_left_out
from crisis.channels.text.markup import marked_up
from crisis.channels.wordpress.site import GONE, MOST_PAGES, PAGE, Site
from crisis.channels.wordpress.words import COMMENT, inbound, refusal, same


class Comments:
    """The comments of one site."""

    def __init__(self, caller: Caller, site: Site) -> None:
        self._caller, self._site = caller, site

    async def poll(self, cursor: str | None) -> Polled:
        """New comments, those that wait for approval too, oldest first; the first poll learns where to start."""
        old: dict[str, int] = json.loads(cursor) if cursor else {}
        found: dict[str, Inbound] = {}
        new: dict[str, int] = {}
        own = await self._site.me()
        for status in ("approve", "hold"):
            new[status] = await self._comments(status, old.get(status), own, found)
        return Polled(json.dumps(new), inbounds=sorted(found.values(), key=lambda one: one.at))

    async def _comments(self, status: str, last: int | None, own: int, found: dict[str, Inbound]) -> int:
        newest = last or 0
        for number in range(1, MOST_PAGES + 1):
            page = await self._site.rows(
                "/comments",
                status=status,
                orderby="id",
                order="desc",
                page=number,
                per_page=PAGE if last is not None else 1,
            )
            with as_promised():
                for one in page:
                    newest = max(newest, int(one["id"]))
                    if last is None or int(one["id"]) <= last:
                        return newest
                    with odd_left_out("WordPress"):
                        if int(one.get("author") or 0) == own:
                            continue
                        found.setdefault(str(one["id"]), inbound(one))
            if len(page) < PAGE:
                break
        return newest

    async def answer(self, out: Outgoing, to: str) -> Accepted:
        number = to.removeprefix(COMMENT)
        try:
            parent = await self._caller.ask("GET", f"/comments/{number}", codes=refusal)
        except Uncertain as error:
            raise Unreachable(f"nothing was said: {error.say}", code=error.code) from None
        except Rejected as error:
            raise Rejected(error.say, code="reply_refused") from None
        with as_promised():
            body = {"post": int(parent["post"]), "parent": int(number), "content": str(marked_up(out.text))}
        made = await self._caller.ask("POST", "/comments", json=body, codes=refusal)
        with as_promised():
            return Accepted(f"{COMMENT}{int(made['id'])}", made.get("link"))

    async def find(self, out: Outgoing, to: str) -> Accepted | None:
        with as_promised():
            asked = {"parent": to.removeprefix(COMMENT), "author": await self._site.me(), "per_page": PAGE}
            for one in await self._site.rows("/comments", **asked):
                if same(str(one["content"]["rendered"]), out.text):
                    return Accepted(f"{COMMENT}{one['id']}", one.get("link"))
        return None

    async def edit(self, provider_id: str, out: Outgoing) -> Accepted:
        changed = {"content": str(marked_up(out.text))}
        number = provider_id.removeprefix(COMMENT)
        made = await self._caller.ask("POST", f"/comments/{number}", json=changed, codes=refusal)
        return Accepted(provider_id, made.get("link"))

    async def hold(self, provider_id: str) -> None:
        """Take back the approval of a comment: it waits again, and nobody but the site's editors sees it."""
        number = provider_id.removeprefix(COMMENT)
        try:
            await self._caller.ask("POST", f"/comments/{number}", json={"status": "hold"}, codes=refusal)
        except Rejected as error:
            if error.code not in GONE:
                raise
