"""Calls to LinkedIn's versioned API as one organisation: the token in a header, addresses letter by letter, pages of lists.

What a call means for a message is `linkedin`'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from crisis.channels.base import Misconfigured, Notes, Rejected, Uncertain
from crisis.channels.calling import Caller
from crisis.channels.errors import Answer, accepted_body, failure
from crisis.channels.linkedin import words
from crisis.channels.tokens import Tokens

PAGE = 100
MOST_PAGES = 5
NEEDED_SCOPES = frozenset({"w_organization_social", "r_organization_social"})
FINDER = {"X-RestLi-Method": "FINDER"}
PARTIAL = {"X-RestLi-Method": "PARTIAL_UPDATE"}


class Calls:
    """One account's way to LinkedIn. `own` is the organisation's URN."""

    def __init__(self, own: str, api: Caller, auth: Caller, *, client_id: str, client_secret: str, token: str) -> None:
        self.own, self.api, self._auth = own, api, auth
        self._client_id, self._client_secret = client_id, client_secret
        self._token = token
        self._tokens: Tokens | None = None

    def refreshed(self, notes: Notes, refresh_token: str) -> None:
        """From now on tokens are renewed instead of given."""
        self._tokens = Tokens(
            notes,
            self._auth,
            "/oauth/v2/accessToken",
            client_id=self._client_id,
            client_secret=self._client_secret,
            refresh_token=refresh_token,
        )

    async def bearer(self) -> dict[str, str]:
        token = await self._tokens.access() if self._tokens is not None else self._token
        return {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        return accepted_body(await self.answer(method, path, **given), words.refusal)

    async def done(self, method: str, path: str, **given: Any) -> None:
        """A call whose success has nothing to say."""
        if error := failure(await self.answer(method, path, **given), words.refusal):
            raise error

    async def created(self, path: str, body: Mapping[str, Any]) -> tuple[str, float | None]:
        """Post `body` and give the id of what came of it, which stands in a header (LinkedIn docs, Posts API).

        With it, how many seconds the account must wait where the answer says that it used up what is allowed.
        """
        answer = await self.answer("POST", path, json=body)
        if error := failure(answer, words.refusal):
            raise error
        made = answer.body.get("commentUrn") or answer.headers.get("x-restli-id") or answer.headers.get("x-linkedin-id")
        if not made:
            raise Uncertain(f"HTTP {answer.status}, but LinkedIn named no post", code=str(answer.status))
        return str(made), answer.wait

    async def answer(self, method: str, path: str, **given: Any) -> Answer:
        headers = await self.bearer() | dict(given.pop("headers", None) or {})
        answer = await self.api.answer(method, path, headers=headers, exact=True, **given)
        if answer.status == 401 and self._tokens is not None:
            await self._tokens.drop()
        return answer

    async def inspected(self) -> tuple[datetime | None, frozenset[str]]:
        """Until when the token holds, and which scopes it lacks; nothing when the app's keys are not configured."""
        if not (self._client_id and self._client_secret):
            return None, frozenset()
        token = (await self.bearer())["Authorization"].removeprefix("Bearer ")
        form = {"client_id": self._client_id, "client_secret": self._client_secret, "token": token}
        told = await self._auth.ask("POST", "/oauth/v2/introspectToken", data=form)
        if not told.get("active"):
            if self._tokens is not None:
                await self._tokens.drop()
            raise Misconfigured(f"the token is {told.get('status') or 'not active'}; grant access again", code="token")
        ends = told.get("expires_at")
        until = datetime.fromtimestamp(float(ends), UTC) if ends else None
        if self._tokens is not None:
            until = await self._tokens.refresh_until()  # the shorter end is renewed without anybody
        return (
            until,
            NEEDED_SCOPES - frozenset(str(told.get("scope", "")).replace(",", " ").split()),
        )

    async def posts(self, since: datetime) -> Sequence[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for page in range(MOST_PAGES):
            query = f"/rest/posts?q=author&author={escaped(self.own)}&sortBy=CREATED&start={page * PAGE}&count={PAGE}"
            posts = (await self.ask("GET", query, headers=FINDER))["elements"]
            found += [post for post in posts if posted_at(post) >= since]
            if len(posts) < PAGE or posted_at(posts[-1]) < since:
                return found
        raise Uncertain(f"more than {MOST_PAGES * PAGE} posts since then; look on the page")

    async def top(self, comment: str) -> str:
        """The first-level comment: LinkedIn keeps two levels, and an answer to an answer hangs under their parent."""
        under, number = words.comment_parts(comment)
        try:
            found = await self.ask("GET", f"{comments_of(under)}/{number}")
        except Uncertain as error:  # nothing has been said yet
            raise Rejected(f"the comment to answer cannot be read: {error.say}", code="unreadable") from None
        return str(found.get("parentComment") or comment)

    async def comments(self, target: str) -> Sequence[Mapping[str, Any]]:
        target = await self.top(target) if words.is_comment(target) else target
        found = await self.ask("GET", f"{comments_of(target)}?start=0&count={PAGE}")
        elements: Sequence[Mapping[str, Any]] = found.get("elements", ())
        return elements

    async def close(self) -> None:
        await self.api.close()
        await self._auth.close()


def escaped(urn: str) -> str:
    """Inside an address every colon of a URN is escaped (LinkedIn docs, Rest.li protocol 2.0.0)."""
    return quote(urn, safe="")


def comments_of(urn: str) -> str:
    return f"/rest/socialActions/{escaped(urn)}/comments"


def posted_at(post: Mapping[str, Any]) -> datetime:
    return words.moment(post.get("publishedAt") or post["createdAt"])
