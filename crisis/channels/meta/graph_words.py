"""The Graph API's words translated into ours: refusals, how much of the limit is used, times, texts to compare.

Pure functions, shared by Facebook, Instagram and Threads. What is not named here keeps its HTTP status.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from crisis.channels.base import Busy, Misconfigured, Rejected, SendError, Uncertain, Unreachable
from crisis.channels.errors import LONGEST_SAY, Answer, failure

# Graph API docs, handling errors and rate limiting.
LIMITED = frozenset({4, 17, 32, 341, 613, *range(80_000, 80_015)})
NOT_FETCHED = 9004  # the network could not get a file from the address we named (Graph API docs, error codes)
SIGN_IN_AGAIN = frozenset({102, 190})
NO_RIGHT = frozenset({3, 10, *range(200, 300)})
NO_ANSWER_YET = frozenset({1, 2})
BLOCKED, DUPLICATE, LINK, WRONG = 368, 506, 1_609_005, 100
NOT_THERE = 33  # subcode of 100: deleted, or hidden from this token
SHORTEST_WAIT = 60.0  # seconds; calling on while limited lengthens the block

TOKEN_LOST = {  # subcodes of 190
    458: "the app was removed from the account; sign in again",
    459: "Meta wants the person who signed in to confirm something; that person must open facebook.com",
    460: "the password was changed; sign in again",
    463: "the token has run out; sign in again",
    464: "the person who signed in is not confirmed; that person must open facebook.com",
    467: "the token is no longer valid; sign in again",
    492: "the person who signed in has lost the role on the page",
}
# Messenger and Instagram messaging docs: more than 24 hours since the person last wrote (recalled, not tried).
WINDOW_CLOSED = frozenset({2_018_278, 2_534_022})
# Instagram and Threads docs, error codes of publishing (recalled, not tried).
QUOTA_USED = frozenset({2_207_042})
NOT_READY = frozenset({2_207_027})


def error_of(given: Answer) -> Mapping[str, Any] | None:
    """The error an answer carries; some come with HTTP 200 (a public catalogue of the Graph API's errors)."""
    found = given.body.get("error")
    return found if isinstance(found, dict) else None


def refusal(given: Answer) -> SendError | None:
    """What the Graph API's own error means; None when the answer holds none."""
    if (error := error_of(given)) is None:
        return None
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    say = _say(error, code, subcode)
    name = f"{code}.{subcode}" if subcode else str(code)
    if subcode in WINDOW_CLOSED:
        words = "more than 24 hours since this person last wrote; answer in public, or wait until they write again"
        return Rejected(f"{words}: {say}", code="window_closed")
    if code == NOT_FETCHED:
        # Asked for while a post is prepared: nobody has seen anything. It comes right when our address answers again.
        return Unreachable(f"could not fetch our picture or film; does the public address answer? {say}", code=name)
    if code in LIMITED or subcode in QUOTA_USED:
        return Busy(say, code=name, retry_after=max(SHORTEST_WAIT, regained_in(given.headers) or 0))
    if subcode in NOT_READY:
        return Busy(say, code=name, retry_after=5)
    if code in SIGN_IN_AGAIN:
        return Misconfigured(f"{TOKEN_LOST.get(subcode, 'sign in again')}: {say}", code=name)
    if code in NO_RIGHT or code == BLOCKED:
        return Misconfigured(say, code="forbidden" if code in NO_RIGHT else "blocked")
    if code == DUPLICATE:
        return Rejected(say, code="duplicate")
    if code == LINK:
        return Rejected(f"the link in the text cannot be read from outside: {say}", code="link")
    if code == WRONG and subcode == NOT_THERE:
        return Rejected(say, code="gone")
    if code in NO_ANSWER_YET or error.get("is_transient") is True:
        return Uncertain(say, code=name)
    status = max(given.status, 400)
    return failure(Answer(status, given.headers, json.dumps({"message": say})))


def used_share(headers: Mapping[str, str]) -> float:
    """Percent of the call limit that is used up, by the worst of all counts; 0 when the answer does not say."""
    return max(
        (float(value) for table in _usages(headers) for key, value in table.items() if _counts(key, value)), default=0.0
    )


def regained_in(headers: Mapping[str, str]) -> float | None:
    """Seconds until calls are taken again, where the answer says so; the API counts them in minutes."""
    waits = [_minutes(table.get("estimated_time_to_regain_access")) for table in _usages(headers)]
    return max(waits, default=0.0) * 60.0 or None


def moment(value: object) -> datetime:
    """A time as the Graph API writes it: 2026-11-22T03:12:00+0000, or seconds since 1970. Raises `ValueError`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    return datetime.fromisoformat(str(value)).astimezone(UTC)


def _say(error: Mapping[str, Any], code: int, subcode: int) -> str:
    said = " ".join(str(error.get("error_user_msg") or error.get("message") or "refused").split())
    number = f"{code}, {subcode}" if subcode else str(code)
    return f"{said[:LONGEST_SAY]} (code {number})".replace("<", "‹")


def _usages(headers: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """The tables of X-App-Usage and X-Business-Use-Case-Usage (Graph API docs, rate limits)."""
    app = _json(headers.get("x-app-usage"))
    if isinstance(app, dict):
        yield app
    business = _json(headers.get("x-business-use-case-usage"))
    for tables in business.values() if isinstance(business, dict) else ():
        yield from (table for table in tables if isinstance(table, dict)) if isinstance(tables, list) else ()


def _counts(key: str, value: object) -> bool:
    return key.startswith(("call", "total")) and isinstance(value, int | float) and not isinstance(value, bool)


def _minutes(value: object) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0


def _json(value: str | None) -> Any:
    try:
        return json.loads(value or "")
    except ValueError:
        return None


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0
