"""The pretend ntfy server: who may write to which topic, and what everybody who follows it has on the screen.

ntfy docs: publish as JSON, limits, errors. It stands for all services that are reached through Apprise: it gives an id
back, but nobody who comes by that way is told it.
"""

import base64
import json
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar

from aiohttp import web

from crisis.simulator.counter import Counter, Dialect, Refusal
from crisis.simulator.faults import Faults
from crisis.simulator.ledger import Ledger
from crisis.simulator.network import CannotSay, DemoAccount, Seen
from crisis.simulator.when import iso

KEPT = 2_000
GREATEST = 4_096  # bytes of a message; what is longer becomes a file on a real server
FIELDS = {
    "topic", "message", "title", "tags", "priority", "actions", "click", "attach", "markdown", "icon", "filename", "delay",
    "email", "call",
}  # fmt: skip
NAMES = ("ous", "hod", "ous-drill", "hod-drill")


class Push:
    """Topics of the demo, one for each unit and mode."""

    name = "apprise"
    label = "Push messages (ntfy, by Apprise)"
    listens = False  # nobody answers a push message
    demo: ClassVar[Sequence[DemoAccount]] = tuple(
        DemoAccount(
            name, {"place": f"ntfy: {name}-varsling"}, {"url": f"ntfy://{name}:push-{name}@127.0.0.1:{{port}}/{name}-varsling"}
        )
        for name in NAMES
    )  # fmt: skip

    def __init__(self, faults: Faults, ledger: Ledger) -> None:
        """Nothing said yet."""
        self._counter = Counter(self.name, faults, ledger, _Words())
        self._said: deque[Seen] = deque(maxlen=KEPT)
        self._numbers = 0

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        return [web.post("/", self._publish)]

    def seen(self) -> Sequence[Seen]:
        return list(self._said)

    async def say(self, account: str, author: str, text: str, reply_to: str = "") -> str:  # noqa: ARG002 - as every network is asked
        msg = "nobody can answer a push message"
        raise CannotSay(msg)

    def clear(self) -> None:
        self._said.clear()

    async def _publish(self, request: web.Request) -> web.StreamResponse:
        who = _who(request)

        async def take() -> web.Response:
            given = await _read(request)
            if not who:
                raise Refusal(401, "40101", "unauthorized")
            if given["topic"] != f"{who}-varsling":
                raise Refusal(403, "40301", "forbidden")
            self._numbers += 1
            at, number = time.time(), f"push{self._numbers:08}"
            title = str(given.get("title", ""))
            self._said.append(Seen(number, given["topic"], who, given["message"], iso(at), title))
            told = {"id": number, "time": int(at), "expires": int(at) + 43_200, "event": "message"}
            return web.json_response({**told, "topic": given["topic"], "message": given["message"]})

        return await self._counter.serve(request, "publish", who, take, write=True)


def _who(request: web.Request) -> str:
    """Whose name and password the call shows; empty for nobody's."""
    shown = request.headers.get("Authorization", "")
    return next(
        (name for name in NAMES if shown == "Basic " + base64.b64encode(f"{name}:push-{name}".encode()).decode()), ""
    )


async def _read(request: web.Request) -> dict[str, Any]:
    try:
        given = json.loads(await request.read())
    except ValueError as error:
        raise Refusal(400, "40017", "request body must be message in JSON format") from error
    if not isinstance(given, dict) or not isinstance(given.get("topic"), str):
        raise Refusal(400, "40009", "topic invalid")
    if unknown := sorted(set(given) - FIELDS):
        raise Refusal(400, "40000", f"this simulator knows no {', '.join(unknown)}")
    given["message"] = str(given.get("message") or "triggered")
    if len(given["message"].encode()) > GREATEST:
        raise Refusal(400, "40000", f"this simulator takes messages of {GREATEST} bytes")
    return given


class _Words(Dialect):
    """ntfy's errors: a number of its own, the HTTP status, a word."""

    def refused(self, refusal: Refusal) -> web.Response:
        told = {"code": int(refusal.code), "http": refusal.status, "error": refusal.say}
        return web.json_response(told, status=refusal.status)

    def busy(self, seconds: float) -> web.Response:  # noqa: ARG002 - ntfy does not tell how long
        return self.refused(Refusal(429, "42901", "limit reached: too many requests"))

    def broken(self) -> web.Response:
        return self.refused(Refusal(500, "50001", "internal server error"))

    def unknown_keys(self) -> web.Response:
        return self.refused(Refusal(401, "40101", "unauthorized"))

    def not_allowed(self) -> web.Response:
        return self.refused(Refusal(403, "40301", "forbidden"))
