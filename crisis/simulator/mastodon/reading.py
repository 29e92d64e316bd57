"""Reading on the pretend Mastodon: a status and its conversation, notifications, timelines, who and what this is."""

from typing import Any

from aiohttp import web

from crisis.simulator.counter import Refusal
from crisis.simulator.mastodon import words
from crisis.simulator.mastodon.asked import base_of, page_of, standing
from crisis.simulator.mastodon.instance import Author, Instance
from crisis.simulator.mastodon.views import SCOPES, Views


class Reading:
    """Handlers of one instance."""

    def __init__(self, instance: Instance, views: Views) -> None:
        self.instance, self._views = instance, views

    async def status(self, request: web.Request, _author: Author) -> Any:
        return self._views.status(standing(self.instance, request), base_of(request))

    async def context(self, request: web.Request, _author: Author) -> Any:
        status, base = standing(self.instance, request), base_of(request)
        above: list[Any] = []
        below: list[Any] = []
        waiting = [status.id]
        step = status.reply_to
        while step and (parent := self.instance.standing(step)):
            above.insert(0, self._views.status(parent, base))
            step = parent.reply_to
        while waiting:
            for one in self.instance.answers(waiting.pop()):
                below.append(self._views.status(one, base))
                waiting.append(one.id)
        return {"ancestors": above, "descendants": below}

    async def notifications(self, request: web.Request, author: Author) -> Any:
        known = {"types[]", "exclude_types[]", "min_id", "since_id", "max_id", "limit"}
        if unknown := set(request.query) - known:
            raise Refusal(422, "unknown", f"Unknown parameters: {', '.join(sorted(unknown))}")
        types, base = request.query.getall("types[]", ["mention"]), base_of(request)
        told = self.instance.told.get(author.id, []) if "mention" in types else []
        page = page_of(request, [(number, status, at) for number, status, at in told if self.instance.standing(status)])
        return [
            {
                "id": number,
                "type": "mention",
                "group_key": f"ungrouped-{number}",
                "created_at": at.isoformat(),
                "account": self._views.account(self.instance.statuses[status].author, base),
                "status": self._views.status(self.instance.statuses[status], base),
            }
            for number, status, at in page
        ]

    async def tag(self, request: web.Request, _author: Author) -> Any:
        tag = request.match_info["tag"].lower()
        found = [
            (one.id, one)
            for one in self.instance.statuses.values()
            if tag in words.tags(one.text) and not one.deleted and one.visibility == "public"
        ]
        return [self._views.status(one, base_of(request)) for _, one in page_of(request, found)]

    async def account(self, request: web.Request, _author: Author) -> Any:
        number = request.match_info["id"]
        found = [(one.id, one) for one in self.instance.statuses.values() if one.author.id == number]
        page = page_of(request, [(key, one) for key, one in found if not one.deleted])
        return [self._views.status(one, base_of(request)) for _, one in page]

    async def me(self, request: web.Request, author: Author) -> Any:
        return self._views.me(author, base_of(request))

    async def app(self, _request: web.Request, _author: Author) -> Any:
        redirect = "urn:ietf:wg:oauth:2.0:oob"
        uris = {"redirect_uri": redirect, "redirect_uris": [redirect], "vapid_key": ""}
        return {"id": "1", "name": "Crisis", "scopes": SCOPES, "website": None, **uris}

    async def itself(self, request: web.Request, _author: Author) -> Any:
        return self._views.itself(base_of(request))
