"""One site as its REST API shows it: who we are there, and lists page by page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from crisis.channels.base import Uncertain
from crisis.channels.calling import Caller
from crisis.channels.errors import as_promised, failure
from crisis.channels.wordpress.words import refusal

PAGE = 100  # REST API handbook, pagination
MOST_PAGES = 5
GONE = frozenset({"rest_post_invalid_id", "rest_already_trashed", "rest_comment_invalid_id", "404", "410"})


class Site:
    """Calls of one account."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._own_id = 0

    async def me(self) -> int:
        if not self._own_id:
            me = await self._caller.ask("GET", "/users/me", codes=refusal)
            with as_promised():
                self._own_id = int(me["id"])
        return self._own_id

    async def rows(self, path: str, **params: Any) -> list[Mapping[str, Any]]:
        """The JSON list of a success. Raises `SendError`. A page beyond the last is empty."""
        given = await self._caller.answer("GET", path, params=params)
        if given.body.get("code") == "rest_post_invalid_page_number":
            return []
        if error := failure(given, refusal):
            raise error
        try:
            found = json.loads(given.text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list):
            raise Uncertain("the answer is cut off or not a list", code="shape")
        return found
