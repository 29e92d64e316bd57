"""The contract that every adapter which calls a provider over HTTP passes, as one table of answers and what they mean.

An adapter's own test file names its successful answer and how to open it, and runs `keeps` over `CASES`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crisis.channels.base import (
    Accepted,
    Busy,
    Channel,
    Misconfigured,
    Outgoing,
    Rejected,
    SendError,
    Uncertain,
    Unreachable,
)
from crisis.channels.opening import Opening
from tests.channels.stub import Reply, closed_port, serving

DELIVERY = "01936f3e-7c2a-7d4e-8b11-3f9a52c0d7e4"
INCIDENT = "01936f3e-0000-7abc-8def-a1b2c3d4e5f6"
OUT = Outgoing(
    reference=f"{DELIVERY}.1",
    delivery_id=DELIVERY,
    address="wall",
    language="nb",
    text="Oslo sykehus: Mange er skadd. Neste melding kl. 14.00. https://info.example.org/a1b2c3d4e5",
    title="Mange skadde ved Oslo S",
    mode="drill",
    incident_id=INCIDENT,
    organisation="Oslo sykehus",
)
BOMB = "[" * 50_000 + "]" * 50_000  # deeper than any reader of JSON goes
HTML = "<html><body><h1>Something is in the way</h1></body></html>"


@dataclass(frozen=True)
class Case:
    name: str
    reply: Reply | None  # None: nobody listens
    means: type[SendError]
    wait: tuple[float, float] | None = None  # Busy: retry_after lies between these; None there: no pause was named


def _soon() -> str:
    return str(int(time.time()) + 60)


CASES = [
    Case("no connection", None, Unreachable),
    Case("no answer in time", Reply(manner="silent"), Uncertain),
    Case("reset after the request", Reply(manner="reset"), Uncertain),
    Case("cut off in a success", Reply(201, {"id": "1" * 200}, manner="cut"), Uncertain),
    Case("cut off in a failure", Reply(503, {"detail": "x" * 200}, manner="cut"), Uncertain),
    Case("success that is not JSON", Reply(201, HTML), Uncertain),
    Case("success with an empty body", Reply(201, ""), Uncertain),
    Case("success that is no object", Reply(201, ["odd"]), Uncertain),
    Case("success that is a bomb", Reply(201, BOMB), Uncertain),
    Case("server error that is a bomb", Reply(500, BOMB), Uncertain),
    Case("refused by a bomb", Reply(400, BOMB), Rejected),
    Case("success without an id", Reply(201, {"odd": True}), Uncertain),
    Case("server error", Reply(500, {"message": "oops"}), Uncertain),
    Case("server error as HTML", Reply(503, HTML), Uncertain),
    Case("gateway timeout", Reply(504, ""), Uncertain),
    Case("too many, in seconds", Reply(429, {}, {"Retry-After": "7"}), Busy, (7, 7)),
    Case("too many, in fractions", Reply(429, {}, {"Retry-After": "0.5"}), Busy, (0.5, 0.5)),
    Case("too many, until an hour", Reply(429, {}, {"x-rate-limit-reset": _soon()}), Busy, (0, 61)),
    Case("too many, until long ago", Reply(429, {}, {"x-rate-limit-reset": "1000"}), Busy, (0, 0)),
    Case("too many, below nothing", Reply(429, {}, {"Retry-After": "-3"}), Busy, (0, 0)),
    Case("too many, for ever", Reply(429, {}, {"Retry-After": "1e30"}), Busy, (86_400, 86_400)),
    Case("too many, since 1994", Reply(429, {}, {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}), Busy, (0, 0)),
    Case("too many, gibberish", Reply(429, {}, {"Retry-After": "later", "x-rate-limit-reset": "nan"}), Busy),
    Case("too many, no wait named", Reply(429, HTML), Busy),
    Case("not signed in", Reply(401, {"detail": "Unauthorized"}), Misconfigured),
    Case("not signed in, as HTML", Reply(401, HTML), Misconfigured),
    Case("not paid", Reply(402, {}), Misconfigured),
    Case("not allowed", Reply(403, {"detail": "Forbidden"}), Misconfigured),
    Case("not allowed, as HTML", Reply(403, HTML), Misconfigured),
    Case("sent elsewhere", Reply(302, "", {"Location": "https://example.org/"}), Misconfigured),
    Case("refused", Reply(400, {"detail": "One or more parameters was invalid."}), Rejected),
    Case("refused, as a list", Reply(400, ["odd"]), Rejected),
    Case("nothing there, as HTML", Reply(404, HTML), Rejected),
    Case("cannot be processed", Reply(422, {}), Rejected),
]
table = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


class MemoryNotes:
    """Notes as the database keeps them, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, datetime | None]] = {}

    def read(self, name: str) -> str | None:
        value, until = self.kept.get(name, (None, None))
        return value if until is None or until > datetime.now(UTC) else None

    def write(self, name: str, value: str, until: datetime | None = None) -> None:
        self.kept[name] = (value, until)

    def forget(self, name: str) -> None:
        self.kept.pop(name, None)


Open = Callable[[str], Channel]


def opening(options: Any, tmp_path: Path, **changed: Any) -> Opening:
    base = Opening(
        key="test-account",
        unit="Oslo sykehus",
        mode="drill",
        languages=("nb", "en"),
        options=options,
        public_url="https://crisis.example.org",
        data_dir=tmp_path,
        zone=ZoneInfo("Europe/Oslo"),
        notes=MemoryNotes(),
    )
    return replace(base, **changed)


async def keeps(case: Case, open_at: Open, out: Outgoing, before: Sequence[Reply] = ()) -> None:
    """One row of the table: exactly one call that changes something, exactly this error, and words a person can read.

    `before` are the answers to the calls that prepare the one that everybody sees.
    """
    if case.reply is None:
        error = await refused(open_at(closed_port()), out)
    else:
        async with serving(*before, case.reply) as stub:
            error = await refused(open_at(stub.url), out)
            writes = [request for request in stub.requests if request.method != "GET"]
            assert len(writes) == 1 + len(before), "a send never repeats by itself"
    assert type(error) is case.means, f"{error!r} {error.say}"
    assert error.say
    assert "<" not in error.say, "no page of HTML is shown to a person"
    if case.wait:
        assert error.retry_after is not None
        assert case.wait[0] <= error.retry_after <= case.wait[1]
    else:
        assert error.retry_after is None


async def accepted(open_at: Open, out: Outgoing, reply: Reply, expected: Accepted) -> None:
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        try:
            assert await channel.send(out) == expected
        finally:
            await channel.close()


async def refused(channel: Channel, out: Outgoing) -> SendError:
    try:
        await channel.send(out)
    except SendError as error:
        return error
    finally:
        await channel.close()
    pytest.fail("it was accepted")


async def no_secret_shows(
    secrets: list[str], caplog: pytest.LogCaptureFixture, act: Callable[[], Awaitable[object]]
) -> None:
    """Whatever happens, neither a log at its most talkative nor an exception with its whole chain holds a secret."""
    seen: list[str] = []
    with caplog.at_level(logging.DEBUG):
        try:
            await act()
        except SendError as error:
            link: BaseException | None = error
            while link is not None:
                seen += [str(link), repr(link), repr(link.args)]
                link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    seen += [record.getMessage() for record in caplog.records]
    for secret in secrets:
        assert secret
        assert not [line for line in seen if secret in line]


def now() -> datetime:
    return datetime.now(UTC)
