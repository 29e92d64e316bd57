"""The Graph API's way of wording answers: errors with code and subcode, chosen fields, pages of a list. Pure.

Graph API docs: handling errors, reading, paginated results.
"""

import base64
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from crisis.simulator.counter import Dialect, Refusal

WRONG, NOT_THERE, BAD_TOKEN, NO_RIGHT, LIMIT, DUPLICATE = "100", "100.33", "190.467", "200", "4", "506"
UNUSABLE_MEDIA = "9004"
PAGE = 25
MOST_A_PAGE = 100


class Words(Dialect):
    """Errors as the Graph API words them."""

    def refused(self, refusal: Refusal) -> web.Response:
        """A refusal by its own rules."""
        return _error(refusal.status, refusal.code, refusal.say)

    def busy(self, seconds: float) -> web.Response:
        """The page's limit is used up; the wait is told in minutes, in a header."""
        minutes = math.ceil(seconds / 60)
        usage = f'{{"1":[{{"type":"pages","call_count":100,"estimated_time_to_regain_access":{minutes}}}]}}'
        answer = _error(400, "32", "(#32) Page request limit reached")
        answer.headers["X-Business-Use-Case-Usage"] = usage
        return answer

    def broken(self) -> web.Response:
        """A server error."""
        return _error(500, "2", "An unexpected error has occurred. Please retry your request later.", is_transient=True)

    def unknown_keys(self) -> web.Response:
        """The token is wrong."""
        return _error(400, BAD_TOKEN, "Error validating access token: the session is invalid")

    def not_allowed(self) -> web.Response:
        """The token lacks the right."""
        return _error(403, NO_RIGHT, "(#200) Permissions error")


def wrong(say: str, code: str = WRONG) -> Refusal:
    """A request that breaks a rule."""
    return Refusal(400, code, f"(#{code.partition('.')[0]}) {say}")


def missing(number: str) -> Refusal:
    """An object that is not there, or not for this token."""
    return wrong(f"Object with ID '{number}' does not exist or cannot be loaded due to missing permissions", NOT_THERE)


def chosen(row: Mapping[str, Any], fields: str) -> dict[str, Any]:
    """The fields asked for; the id always comes along. Raises Refusal for a field that there is not."""
    names = re.sub(r"\{[^{}]*\}", "", fields).split(",") if fields else ["id"]
    if unknown := [name for name in names if name not in row]:
        raise wrong(f"Tried accessing nonexisting field ({unknown[0]})")
    return {name: row[name] for name in dict.fromkeys(["id", *names]) if row[name] is not None}


def page(rows: Sequence[Mapping[str, Any]], query: Mapping[str, str], address: str) -> dict[str, Any]:
    """One page of a list. The address of the next holds a token, as the real one does: nobody should follow it."""
    try:
        limit = int(query.get("limit") or PAGE)
        start = int(base64.b64decode(query["after"], validate=True)) if query.get("after") else 0
    except ValueError as error:
        raise wrong("limit and after: a number, and a cursor that came with the page before") from error
    if not 1 <= limit <= MOST_A_PAGE:
        raise wrong(f"limit lies between 1 and {MOST_A_PAGE}")
    found = [chosen(row, query.get("fields", "")) for row in rows[start : start + limit]]
    after = base64.b64encode(str(start + len(found)).encode()).decode()
    paging: dict[str, Any] = {"cursors": {"after": after}} if found else {}
    if start + limit < len(rows):
        paging["next"] = f"{address}?access_token=not-to-be-followed&after={after}"
    return {"data": found, "paging": paging}


def _error(status: int, code: str, say: str, **more: Any) -> web.Response:
    number, _, subcode = code.partition(".")
    error: dict[str, Any] = {"message": say, "type": "OAuthException", "code": int(number), "fbtrace_id": "A1", **more}
    if subcode:
        error["error_subcode"] = int(subcode)
    return web.json_response({"error": error}, status=status)
