"""Paging for lists: which page is asked for, and the addresses of its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request, url_for


@dataclass(frozen=True, slots=True)
class Pager:
    """What `ui.pager` draws."""

    number: int
    pages: int

    def to(self, number: int) -> str:
        """The same list, at another page."""
        values: dict[str, Any] = {name: value for name, value in request.args.items() if value}
        return url_for(request.endpoint or "first.show", **(request.view_args or {}) | values | {"page": number})


def asked_page() -> int:
    return max(1, request.args.get("page", 1, type=int))
