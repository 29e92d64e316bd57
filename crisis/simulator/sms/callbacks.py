"""Calls webhooks the way Twilio does: signed, from a bounded pool, once more when nobody answers.

A status is told only after the one before it was told, unless a fault says otherwise.
"""

import asyncio
import re
import secrets
from dataclasses import dataclass

import aiohttp

from crisis.simulator.ledger import Ledger
from crisis.simulator.sms.carrier import API_VERSION, Carrier, Message
from crisis.simulator.sms.signature import sign

POOL = 24
ANSWER_WITHIN = 15.0
CONNECT_WITHIN = 5.0
MOST_WAITING = 200_000
FINAL = ("delivered", "undelivered", "failed", "canceled")
FIRST_PAUSE = 0.2
_TUNING = re.compile(r"(?:^|&)(rc|rp)=([^&]*)")


@dataclass(frozen=True, slots=True)
class Step:
    """One status to reach, `wait` seconds after the step before."""

    wait: float
    status: str
    error: int | None = None
    times: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook answered."""

    status: int
    kind: str
    text: str


class Callbacks:
    """The pool that moves messages along and tells their webhook."""

    def __init__(self, carrier: Carrier, ledger: Ledger) -> None:
        """Move messages of this carrier."""
        self._carrier = carrier
        self._ledger = ledger
        self._ready: asyncio.Queue[tuple[Message, tuple[Step, ...], bool]] = asyncio.Queue(MOST_WAITING)
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None
        self.waiting = 0

    async def start(self) -> None:
        """Open the pool."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN, sock_connect=CONNECT_WITHIN)
        self._session = aiohttp.ClientSession(
            timeout=timeout, connector=aiohttp.TCPConnector(limit=POOL), cookie_jar=aiohttp.DummyCookieJar()
        )
        self._tasks = [asyncio.create_task(self._work()) for _ in range(POOL)]

    async def stop(self) -> None:
        """Close the pool; what is still waiting is dropped."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def plan(self, message: Message, steps: tuple[Step, ...], *, tell: bool = True) -> None:
        """Let a message take these steps; `tell` false moves it in silence."""
        if not steps:
            return
        self.waiting += 1
        asyncio.get_running_loop().call_later(steps[0].wait, self._due, message, steps, tell)

    async def walk_now(self, message: Message, steps: tuple[Step, ...]) -> None:
        """Take all steps at once and come back when the webhook was told."""
        for step in steps:
            await self._take(message, step, tell=True)

    async def post(self, url: str, secret: str, form: dict[str, str], what: str) -> int | None:
        """Post one signed form, again when the connection failed; the HTTP status, or None when nobody answered."""
        answer = await self.ask(url, secret, form, what)
        return answer.status if answer else None

    async def ask(self, url: str, secret: str, form: dict[str, str], what: str) -> Answer | None:
        """The same, with all of the answer."""
        if self._session is None:
            raise RuntimeError("start() comes first")
        address, _, tuning = url.partition("#")
        retries, on = _retries(tuning)
        headers = {"X-Twilio-Signature": sign(secret, address, form)}
        if retries:
            headers["I-Twilio-Idempotency-Token"] = secrets.token_hex(16)
        answer, status, problem = None, None, ""
        for tried in range(1 + retries):
            if self._session.closed:
                return None  # the town is being taken down; whoever still wanted to tell something tells nobody
            problem = ""
            try:
                async with self._session.post(address, data=form, headers=headers, allow_redirects=False) as reply:
                    answer = Answer(reply.status, reply.content_type, await reply.text(errors="replace"))
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                answer, problem = None, f"{type(error).__name__}: {error}"
            status = answer.status if answer else None
            if tried == retries or not _worth_repeating(status, on):
                break
            await asyncio.sleep(FIRST_PAUSE * 2**tried)
        self._ledger.hooked(address, what, status, problem)
        return answer

    def _due(self, message: Message, steps: tuple[Step, ...], tell: bool) -> None:
        try:
            self._ready.put_nowait((message, steps, tell))
        except asyncio.QueueFull:
            self.waiting -= 1
            self._ledger.trouble(f"twilio callbacks: more than {MOST_WAITING} waiting, one dropped")

    async def _work(self) -> None:
        while True:
            message, steps, tell = await self._ready.get()
            try:
                await self._take(message, steps[0], tell=tell)
            except Exception as error:  # noqa: BLE001 - one bad webhook must not end the pool
                self._ledger.trouble(f"twilio callbacks: {type(error).__name__}: {error}")
            self.waiting -= 1
            self.plan(message, steps[1:], tell=tell)

    async def _take(self, message: Message, step: Step, *, tell: bool) -> None:
        if message.status == "canceled" or message.sid not in self._carrier.messages:
            return
        if (
            message.status not in FINAL or step.status == "read"
        ):  # a status told too late does not change the record back
            self._carrier.move(message, step.status, step.error)
        self._ledger.version += 1
        if not tell or not message.callback:
            return
        form = {
            "AccountSid": message.account.sid,
            "ApiVersion": API_VERSION,
            "From": message.sender,
            "MessageSid": message.sid,
            "MessageStatus": step.status,
            "SmsSid": message.sid,
            "SmsStatus": step.status,
            "To": message.to,
        }
        if message.service:
            form["MessagingServiceSid"] = message.service
        if step.error:
            form["ErrorCode"] = str(step.error)
        for _ in range(step.times):
            await self.post(message.callback, message.account.auth_token, form, f"status {step.status} {message.sid}")


def _retries(tuning: str) -> tuple[int, set[str]]:
    """How often, and on which failures, by the part of the address after #; else once, on no connection."""
    given = dict(_TUNING.findall(tuning))
    count = given.get("rc", "1")
    return (int(count) if count in set("012345") else 1), set(given.get("rp", "ct").split(","))


def _worth_repeating(answer: int | None, on: set[str]) -> bool:
    if answer is None:
        return bool(on & {"all", "ct", "rt"})
    return answer >= 400 and ("all" in on or f"{answer // 100}xx" in on)
