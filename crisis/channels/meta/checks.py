"""Is a token of Meta's alive, what may it do, and until when: for the health of an account.

Says what a person must do; changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from crisis.channels.base import Budget, Health, SendError
from crisis.channels.meta.containers import Containers
from crisis.channels.meta.graph import Graph


async def owner(graph: Graph, containers: Containers, me: str, wanted: str) -> Health:
    """Does the token belong to the account `wanted`, and what is left of the day's quota?

    The quota is told only to a token that may publish (Threads docs, permissions).
    """
    try:
        told = await graph.get(me, fields="id,username")
        used, total = await containers.quota()
    except SendError as error:
        return Health(ok=False, say=error.say)
    handle = str(told.get("username") or "")
    if handle.lower() != wanted:
        return Health(ok=False, say=f"this token belongs to @{handle}, not to @{wanted}")
    budget = Budget(used, total, "posts")
    return Health(ok=True, say=f"signed in as @{handle}", expires_at=await graph.ends_at(), budget=budget)


async def rights(graph: Graph, app_id: str, say: str, *, needed: Sequence[str], wanted: Mapping[str, str]) -> Health:
    """`say` when the token has the rights `needed`; what is merely `wanted` is told with what it is for.

    The account has answered already: when Meta won't speak about the token, that much is known and no more.
    """
    try:
        told = await graph.inspect_token(app_id)
    except SendError as error:
        return Health(ok=True, say=say, expires_at=await graph.ends_at(), details={"rights": f"not known: {error.say}"})
    if told.get("is_valid") is False:
        return Health(ok=False, say="the token is no longer valid; sign in again")
    scopes = told.get("scopes")
    given = {str(one) for one in scopes} if isinstance(scopes, list) else None
    expires = _until(told) or await graph.ends_at()
    if given is None:
        return Health(ok=True, say=say, expires_at=expires, details={"rights": "not known"})
    if missing := [right for right in needed if right not in given]:
        say = f"the token lacks {', '.join(missing)}; sign in again and grant it"
        return Health(ok=False, say=say, expires_at=expires)
    lacking = {right: f"missing; without it we cannot {use}" for right, use in wanted.items() if right not in given}
    return Health(ok=True, say=say, expires_at=expires, details=lacking)


def _until(told: Mapping[str, Any]) -> datetime | None:
    """The earlier of the token's end and the end of its access to data; 0 stands for never (debug_token)."""
    ends = [told.get(name) for name in ("expires_at", "data_access_expires_at")]
    known = [float(end) for end in ends if isinstance(end, int | float) and end > 0]
    return datetime.fromtimestamp(min(known), UTC) if known else None
