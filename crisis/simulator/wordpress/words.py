"""How the pretend sites read a request and word a refusal."""

from typing import Any

from aiohttp import web

from crisis.simulator.counter import Dialect, Refusal

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


def base_of(request: web.Request) -> str:
    return f"{request.url.origin()}/wordpress/{request.match_info['site']}"


async def fields(request: web.Request, known: frozenset[str]) -> dict[str, Any]:
    try:
        given = await request.json() if request.content_type == "application/json" else None
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refusal(400, "rest_invalid_json", "Invalid JSON body passed.")
    if unknown := set(given) - known:
        raise Refusal(400, "rest_invalid_param", f"Invalid parameter(s): {', '.join(sorted(unknown))}")
    return given


def query_of(request: web.Request, what: str) -> dict[str, str]:
    if unknown := set(request.query) - LISTS[what]:
        raise Refusal(400, "rest_invalid_param", f"Invalid parameter(s): {', '.join(sorted(unknown))}")
    return dict(request.query)


def paged(found: list[Any], query: dict[str, str]) -> list[Any]:
    size, page = int(query.get("per_page", "10")), int(query.get("page", "1"))
    if not 1 <= size <= 100 or page < 1:
        raise Refusal(400, "rest_invalid_param", "Invalid parameter(s): per_page, page")
    if page > 1 and (page - 1) * size >= len(found):
        raise Refusal(
            400, "rest_post_invalid_page_number", "The page number requested is larger than the pages available."
        )
    return found[(page - 1) * size : page * size]
