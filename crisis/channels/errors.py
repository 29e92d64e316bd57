"""From what a network says or does to one of the five ways a send can fail; the only place that decides it.

An adapter hands in the answer, or the exception that came instead, and one hook that reads its provider's own codes.
The rule behind the table: what surely never left is `Unreachable`, what may have been carried out is `Uncertain`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import requests
import urllib3

from crisis.channels.base import Busy, Misconfigured, Rejected, SendError, Uncertain, Unreachable

log = logging.getLogger(__name__)
LONGEST_SAY = 300  # a provider's words are shown to a person, not archived
# How networks begin the names of their headers about a rate window: X (X API docs, rate limits), Mastodon (API docs,
# rate limits: an ISO 8601 moment), Bluesky (AT Protocol docs, rate limits: epoch) and the IETF draft (seconds).
WINDOWS = ("x-rate-limit", "x-ratelimit", "ratelimit")
_EPOCH = 1e9  # a number below is no moment in the life of any of these networks
LONGEST_PAUSE = 86_400.0  # daily budgets are the longest limits providers document; more is a broken header


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whole. `headers` are looked up in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object it holds; empty when it holds something else, such as a proxy's HTML page."""
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def say(self) -> str:
        """The provider's words, for people. Never a page of HTML, never more than a few lines."""
        body = self.body
        words = next((body[key] for key in ("detail", "message", "title", "error") if body.get(key)), "")
        if isinstance(words, dict):  # Google and Meta put an object there, with the words inside
            words = words.get("message", "")
        said = " ".join(str(words).split())[:LONGEST_SAY]
        return f"HTTP {self.status}: {said}" if said else f"HTTP {self.status}"

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, from Retry-After (seconds or a date) or the end of a rate window; never negative."""
        waits = (_seconds(self.headers.get("retry-after", "")), *(self._reset(window) for window in WINDOWS))
        wait = next((one for one in waits if one is not None), None)
        return None if wait is None else min(max(0.0, wait), LONGEST_PAUSE)

    @property
    def wait(self) -> float | None:
        """Seconds until a rate window opens again that this very answer used up; None while something is left.

        An account that waits so long never runs into the 429 that the next call would get.
        """
        used_up = (window for window in WINDOWS if _number(self.headers.get(f"{window}-remaining", "")) == 0)
        waits = [wait for window in used_up if (wait := self._reset(window)) is not None and wait > 0]
        return min(max(waits), LONGEST_PAUSE) if waits else None

    def _reset(self, window: str) -> float | None:
        """Seconds until the window ends: told as a moment (epoch or ISO 8601) or as seconds from now."""
        told = self.headers.get(f"{window}-reset", "")
        if (number := _number(told)) is not None:
            return number - time.time() if number > _EPOCH or window != "ratelimit" else number
        try:
            at = datetime.fromisoformat(told)
        except ValueError:
            return None
        return (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def answer(status: int, headers: Mapping[str, str], text: str) -> Answer:
    return Answer(status, {name.lower(): value for name, value in headers.items()}, text)


Codes = Callable[[Answer], SendError | None]


def no_codes(_: Answer) -> SendError | None:
    """The hook of a provider without codes of its own."""
    return None


def accepted_body(given: Answer, codes: Codes = no_codes) -> dict[str, Any]:
    """The JSON object of a success; empty for 204. Raises the `SendError` that anything else means."""
    if error := failure(given, codes):
        raise error
    if given.status == 204:
        return {}
    body = given.body  # read once: it is parsed each time
    if not body:
        raise Uncertain(f"HTTP {given.status}, but the answer is cut off or not JSON", code=str(given.status))
    return body


def failure(given: Answer, codes: Codes = no_codes) -> SendError | None:
    """What a refusal means: the provider's own code first, then the status. None for a 2xx."""
    if 200 <= given.status < 300:
        return None
    error = codes(given) or _by_status(given)
    error.wait = given.wait
    return error


def _by_status(given: Answer) -> SendError:
    status, say = given.status, given.say
    code = str(status)
    match status:
        case 429:
            return Busy(say, code=code, retry_after=given.retry_after)
        case 401 | 402 | 403 | 407:
            return Misconfigured(say, code=code)
        case 408:  # a server may give up waiting after it has already begun
            return Uncertain(say, code=code)
        case _ if 400 <= status < 500:
            return Rejected(say, code=code)
        case _ if status >= 500:
            return Uncertain(say, code=code)
        case _:  # redirects are not followed: a POST would turn into a GET on the way
            return Misconfigured(f"{say}; the address of this account redirects elsewhere", code=code)


def transport(error: Exception) -> SendError:
    """What a call that ended without an answer means; requests' and aiohttp's exceptions alike.

    Only the kind of error is told, not its text: client libraries put addresses, and some put keys, into theirs.
    """
    root = _root(error)
    kind = type(root).__name__
    if isinstance(error, requests.exceptions.SSLError) and _broke_later(root):
        return Uncertain(f"the encrypted line broke ({kind})", code="lost")
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return Unreachable(f"no connection ({kind})", code="no_connection")
    if isinstance(error, requests.ConnectionError) and _never_connected(error):
        return Unreachable(f"no connection ({kind})", code="no_connection")
    if isinstance(
        error,
        aiohttp.ClientConnectorError
        | aiohttp.ClientConnectorCertificateError
        | aiohttp.ClientHttpProxyError
        | aiohttp.ConnectionTimeoutError
        | aiohttp.ServerFingerprintMismatch,
    ):
        return Unreachable(f"no connection ({kind})", code="no_connection")
    if isinstance(error, requests.Timeout | asyncio.TimeoutError):
        return Uncertain("no answer in time", code="timeout")
    return Uncertain(f"the answer was lost on the way ({kind})", code="lost")


@contextmanager
def as_promised(*more: type[Exception]) -> Iterator[None]:
    """Around a client library, which reads a success without looking whether it has the promised shape."""
    odd: tuple[type[Exception], ...] = (KeyError, TypeError, ValueError, AttributeError, RecursionError, *more)
    try:
        yield
    except odd as error:
        raise Uncertain(f"the answer has an unexpected shape ({type(error).__name__})", code="shape") from None


@contextmanager
def odd_left_out(whose: str) -> Iterator[None]:
    """Around one of many things that strangers said: one of an odd shape is told in the log, and the others are heard."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        log.warning("something said on %s has an unexpected shape (%s) and is left out", whose, type(error).__name__)


def _never_connected(error: requests.ConnectionError) -> bool:
    """Requests wraps urllib3: a name not found and a refused connection arrive as the reason of `MaxRetryError`."""
    wrapped = error.args[0] if error.args else None
    reason = wrapped.reason if isinstance(wrapped, urllib3.exceptions.MaxRetryError) else wrapped
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def _broke_later(error: BaseException) -> bool:
    """A refused certificate and a line that broke in the middle of an answer are both an SSLError to requests."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return False
    eof = isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    return eof or (isinstance(error, ssl.SSLError) and "RECORD" in str(error.reason or "") and "MAC" in error.reason)


def _root(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _seconds(value: str) -> float | None:
    if (number := _number(value)) is not None or not value:
        return number
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
