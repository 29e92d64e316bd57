"""Calls to Meta's Graph API for one account: the token in a header, its proof in the body, pages of a list, renewal.

Facebook, Instagram and Threads share it. It knows no post and no comment; those are the networks' own.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from pydantic import Field

from crisis.channels.base import Notes, Rejected, SendError, Uncertain
from crisis.channels.calling import Caller
from crisis.channels.errors import accepted_body, as_promised
from crisis.channels.meta.graph_words import SHORTEST_WAIT, error_of, moment, refusal, regained_in, used_share
from crisis.channels.opening import Opening
from crisis.logs import remember
from crisis.settings import Frozen, SecretRef

ADDRESS = r"^https?://[^\s?#]*[^\s?#/]$"
TOKEN_LOOK = 300.0  # seconds; another process may have renewed the token
RENEW_BEFORE = timedelta(days=50)  # of sixty: every ten days, long before it runs out
OVERDUE = timedelta(days=30)
RENEW_TRIES = 86_400.0  # seconds between tries; a token younger than a day is not renewed (Instagram, Threads docs)
CROWDED = 80.0  # percent of the limit; above it Meta asks to slow down (Graph API docs, rate limits)
CROWDED_FOR = 300.0  # seconds that such a word counts
MOST_PAGES = 10  # of 100 each


class GraphOptions(Frozen):
    """What the three networks' accounts have in common in crisis.toml."""

    access_token: SecretRef = Field(description="the account's long-lived token")
    app_secret: SecretRef | None = Field(default=None, description="the app's secret; proves webhooks and calls")
    verify_token: SecretRef | None = Field(
        default=None, description="a word of your own that Meta repeats when it tries the webhook address"
    )
    connect_seconds: float = Field(default=5, gt=0, le=60, description="longest wait for a connection")
    read_seconds: float = Field(default=15, gt=0, le=45, description="longest wait for an answer")
    poll_seconds: float = Field(default=60, ge=5, le=3600, description="between looks for comments and mentions")


class Graph:
    """One account's way to the Graph API. Belongs to the event loop that first calls."""

    def __init__(self, opening: Opening, base_url: str, *, proof: bool = False) -> None:
        """`proof` sends appsecret_proof with every call, which graph.facebook.com takes (Graph API docs, login security)."""
        options: GraphOptions = opening.options
        self._caller = Caller(base_url, connect=options.connect_seconds, read=options.read_seconds, connections=4)
        self._token = Token(options.access_token.reveal(), opening.notes)
        self.app_secret = options.app_secret.reveal() if options.app_secret else ""
        self.hook_keys = (self.app_secret, options.verify_token.reveal() if options.verify_token else "")
        self._proof = proof
        self.wait: float | None = None  # seconds, when the last answer said that the limit is used up
        self._crowded_at = 0.0
        self._renewal_tried = 0.0

    @property
    def crowded(self) -> bool:
        """Is so much of the limit used that what is left should be kept for posting?"""
        return self._crowded_at > 0 and time.monotonic() - self._crowded_at < CROWDED_FOR

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        return await self._ask("GET", path, query)

    async def post(self, path: str, *, upload: tuple[str, bytes, str] | None = None, **form: Any) -> dict[str, Any]:
        """`upload` is a file: its field, its bytes, its type."""
        return await self._ask("POST", path, form, upload=upload)

    async def delete(self, path: str) -> None:
        """Gone already is success."""
        try:
            await self._ask("DELETE", path, {})
        except Rejected as error:
            if error.code not in ("gone", "404"):
                raise

    async def pages(self, path: str, **query: Any) -> AsyncIterator[list[dict[str, Any]]]:
        """The pages of a list. The address of the next one is never used, because it holds the token.

        A short page is not the last one; a missing `paging.next` is (a third party's report). Raises `Uncertain` when
        there are more than `MOST_PAGES`.
        """
        after: dict[str, Any] = {}
        for _ in range(MOST_PAGES):
            body = await self.get(path, **query, **after)
            with as_promised():
                rows = body["data"]
                yield [dict(row) for row in rows]
                paging = body.get("paging") or {}
                if not paging.get("next"):
                    return
                after = {"after": str(paging["cursors"]["after"])}
        raise Uncertain("the list is longer than anybody reads; look at the account itself", code="too_long")

    async def newest(self, path: str, since: datetime, *, when: str, **query: Any) -> AsyncIterator[dict[str, Any]]:
        """Rows that are not older than `since`, of a list that begins with the newest; pages are read until all are older.

        `when` is the field with the time of a row.
        """
        async for rows in self.pages(path, limit=100, **query):
            with as_promised():
                young = [row for row in rows if moment(row[when]) >= since]
            for row in young:
                yield row
            if rows and not young:
                return

    async def address(self, number: str, field: str) -> str | None:
        """Where people see a post; what is out is not in doubt because its address can't be had."""
        try:
            return (await self.get(f"/{number}", fields=field)).get(field)
        except SendError:
            return None

    async def inspect_token(self, app_id: str = "") -> Mapping[str, Any]:
        """What Meta says about our token: is_valid, expires_at, scopes (Graph API docs, debug_token).

        Asked as a POST that stands for a GET, so that the token stands in the body. Raises `SendError`.
        """
        headers = {"Authorization": f"Bearer {app_id}|{self.app_secret}"} if app_id and self.app_secret else None
        token = await self._token.current()
        body = await self._ask("POST", "/debug_token", {"input_token": token, "method": "get"}, headers=headers)
        found = body.get("data")
        return found if isinstance(found, dict) else {}

    async def renew(self, grant: str) -> None:
        """Exchange a token of sixty days for a new one when it is time; what is refused is tried again tomorrow.

        Instagram and Threads API docs, long-lived tokens: GET refresh_access_token with the old one.
        """
        expires = await self._token.expires_at()
        soon = expires is None or expires - datetime.now(UTC) < RENEW_BEFORE
        if not soon or (self._renewal_tried and time.monotonic() - self._renewal_tried < RENEW_TRIES):
            return
        self._renewal_tried = time.monotonic()
        root = re.sub(r"/v\d+(\.\d+)?$", "", self._caller.base_url)
        try:
            body = await self._ask("GET", f"{root}/refresh_access_token", {"grant_type": grant})
        except SendError:
            return  # the old one still holds, or every other call says that it does not
        token, seconds = str(body.get("access_token") or ""), body.get("expires_in")
        if token and isinstance(seconds, int | float):
            await self._token.keep(token, datetime.now(UTC) + timedelta(seconds=seconds))

    async def ends_at(self) -> datetime | None:
        """When a person must have signed in anew: known only once renewing by itself has failed for weeks."""
        expires = await self._token.expires_at()
        return expires if expires is not None and expires - datetime.now(UTC) < OVERDUE else None

    async def close(self) -> None:
        await self._caller.close()

    async def _ask(
        self,
        method: str,
        path: str,
        given: Mapping[str, Any],
        *,
        headers: Mapping[str, str] | None = None,
        upload: tuple[str, bytes, str] | None = None,
    ) -> dict[str, Any]:
        token = await self._token.current()
        values = {name: _written(value) for name, value in given.items() if value is not None}
        own = headers is not None
        if self._proof and self.app_secret and not own:
            values["appsecret_proof"] = hmac.new(self.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        sent: dict[str, Any] = {"headers": headers or {"Authorization": f"Bearer {token}"}}
        if method == "POST":
            sent["data"] = _multipart(values, upload) if upload else values
        elif values:
            sent["params"] = values
        answer = await self._caller.answer(method, path, **sent)
        used = used_share(answer.headers)
        if used >= CROWDED:
            self._crowded_at = time.monotonic()
        self.wait = (regained_in(answer.headers) or SHORTEST_WAIT) if used >= 100 else None
        if error_of(answer) is not None and (error := refusal(answer)):
            raise error
        return accepted_body(answer)


class Token:
    """The account's token: the one in the settings, or what it was last renewed to, kept sealed in the notes."""

    def __init__(self, configured: str, notes: Notes) -> None:
        self._configured, self._notes = configured, notes
        self._mark = hashlib.sha256(configured.encode()).hexdigest()[:16]
        self._kept: dict[str, Any] = {}
        self._looked = 0.0

    async def current(self) -> str:
        await self._look()
        return str(self._kept.get("token") or self._configured)

    async def expires_at(self) -> datetime | None:
        await self._look()
        return datetime.fromisoformat(self._kept["expires_at"]) if self._kept else None

    async def keep(self, token: str, expires_at: datetime) -> None:
        remember(token)
        self._kept = {"of": self._mark, "token": token, "expires_at": expires_at.isoformat()}
        await asyncio.to_thread(self._notes.write, "token", json.dumps(self._kept))

    async def _look(self) -> None:
        if self._looked and time.monotonic() - self._looked < TOKEN_LOOK:
            return
        text = await asyncio.to_thread(self._notes.read, "token")
        self._looked = time.monotonic()
        found = json.loads(text) if text else {}
        # A token that somebody has put into the settings since wins over what the old one became.
        self._kept = found if found.get("of") == self._mark else {}
        if self._kept:
            remember(self._kept["token"])


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def _multipart(values: Mapping[str, str], upload: tuple[str, bytes, str]) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, value in values.items():
        form.add_field(name, value)
    field, content, kind = upload
    form.add_field(field, content, filename=f"file.{kind.rpartition('/')[2]}", content_type=kind)
    return form
