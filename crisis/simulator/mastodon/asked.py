"""What a request to the pretend Mastodon asks for: the body, one page of a list, the status it names."""

from typing import Any

from aiohttp import web

from crisis.simulator.counter import Refusal
from crisis.simulator.mastodon.instance import Author, Instance, Status

PREFIX = "/mastodon"


def base_of(request: web.Request) -> str:
    return f"{request.url.origin()}{PREFIX}"


async def fields(request: web.Request, known: frozenset[str]) -> dict[str, Any]:
    """The body of a write, as JSON or as a form; a name in brackets is a list. A field nobody knows is refused."""
    if request.content_type == "application/json":
        try:
            given = await request.json()
        except ValueError:
            raise Refusal(400, "json", "Error occurred while parsing request parameters") from None
        if not isinstance(given, dict):
            raise Refusal(400, "json", "Error occurred while parsing request parameters")
    else:
        form = await request.post()
        given = {
            name.removesuffix("[]"): [str(one) for one in form.getall(name)] if name.endswith("[]") else str(form[name])
            for name in form
        }
    if unknown := set(given) - known:
        raise Refusal(422, "unknown", f"Unknown fields: {', '.join(sorted(unknown))}")
    return given


def page_of(request: web.Request, found: list[Any]) -> list[Any]:
    """One page, newest first; `min_id` gives the page right after it, `since_id` the newest one."""

    def bound(name: str, otherwise: int) -> int:
        value = request.query.get(name, str(otherwise))
        if not value.isdigit():
            raise Refusal(400, "id", f"{name} is not an id")
        return int(value)

    limit = min(max(bound("limit", 20), 1), 80)
    low = max(bound("min_id", 0), bound("since_id", 0))
    within = sorted((one for one in found if low < int(one[0]) < bound("max_id", 10**30)), key=lambda one: int(one[0]))
    chosen = within[:limit] if "min_id" in request.query else within[-limit:]
    return chosen[::-1]


def standing(instance: Instance, request: web.Request) -> Status:
    """The status the address names."""
    if (status := instance.standing(request.match_info["id"])) is None:
        raise Refusal(404, "missing", "Record not found")
    return status


def own(instance: Instance, request: web.Request, author: Author) -> Status:
    """The same, of this author."""
    status = standing(instance, request)
    if status.author is not author:
        raise Refusal(404, "missing", "Record not found")
    return status
