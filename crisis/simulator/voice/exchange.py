"""The calls and phones of the pretend Twilio: numbering, the queue in front of the line, and looking up, in bounded memory.

A call leaves the queue when the account's calls a second allow it, as at Twilio; `ringing` then plays it.
"""

import asyncio
import itertools
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from crisis.simulator.accounts import SmsAccount
from crisis.simulator.sms.carrier import API_VERSION
from crisis.simulator.voice.phones import Crowd, Habit
from crisis.simulator.voice.rules import Order

KEPT_CALLS = 20_000
OVER = ("completed", "busy", "failed", "no-answer", "canceled")
LONGEST_TALK = 200  # lines of a call that are kept


@dataclass(slots=True, eq=False)
class Call:
    """One call, either way. `said` is what was heard on the line, oldest first: who, and what."""

    sid: str
    account: SmsAccount
    order: Order
    direction: str = "outbound-api"
    status: str = "queued"
    created: float = field(default_factory=time.time)
    started: float | None = None
    answered: float | None = None
    ended: float | None = None
    answered_by: str = ""
    sequence: int = 0
    said: list[tuple[str, str]] = field(default_factory=list)
    keys: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)
    hung: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody put the phone down."""
    chosen: "asyncio.Future[Habit] | None" = None
    """While it rings at a person: what they do."""
    troubles: frozenset[str] = frozenset()
    task: "asyncio.Task[None] | None" = None
    telling: "asyncio.Task[None] | None" = None

    @property
    def phone(self) -> str:
        """The phone of the pretend public."""
        return self.order.sender if self.direction == "inbound" else self.order.to

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status in OVER

    def note(self, who: str, what: str) -> None:
        """Write down what was heard."""
        if len(self.said) < LONGEST_TALK:
            self.said.append((who, what))

    def resource(self) -> dict[str, Any]:
        """The call as the API shows it."""
        uri = f"/{API_VERSION}/Accounts/{self.account.sid}/Calls/{self.sid}"
        lasted = str(round(self.ended - self.answered)) if self.ended and self.answered else "0"
        return {
            "sid": self.sid,
            "account_sid": self.account.sid,
            "annotation": None,
            "answered_by": self.answered_by or None,
            "api_version": API_VERSION,
            "caller_name": None,
            "date_created": formatdate(self.created),
            "date_updated": formatdate(self.ended or self.started or self.created),
            "direction": self.direction,
            "duration": lasted if self.over else None,
            "end_time": formatdate(self.ended) if self.ended else None,
            "forwarded_from": None,
            "from": self.order.sender,
            "from_formatted": self.order.sender,
            "group_sid": None,
            "parent_call_sid": None,
            "phone_number_sid": None,
            "price": None,
            "price_unit": "USD",
            "queue_time": str(round(((self.started or time.time()) - self.created) * 1000)),
            "start_time": formatdate(self.started) if self.started else None,
            "status": self.status,
            "subresource_uris": {"notifications": f"{uri}/Notifications.json", "recordings": f"{uri}/Recordings.json"},
            "to": self.order.to,
            "to_formatted": self.order.to,
            "trunk_sid": None,
            "uri": f"{uri}.json",
        }


Play = Callable[[Call], Coroutine[Any, Any, None]]


class Exchange:
    """All calls, and what phones do."""

    def __init__(self) -> None:
        """Start with no calls."""
        self._numbers = itertools.count(secrets.randbits(127))
        self._waiting: dict[str, deque[Call]] = {}
        self._serving: dict[str, asyncio.Task[None]] = {}
        self.play: Play | None = None
        self.calls: dict[str, Call] = {}
        self.clear()

    def clear(self) -> None:
        """Forget every call, habit and script, and end what is on the line; one call a second again, at real speed."""
        for call in self.calls.values():
            if call.task is not None and not call.task.done():
                call.task.cancel()
        for task in self._serving.values():
            task.cancel()
        self._waiting.clear()
        self._serving.clear()
        self.calls = {}
        self.by_phone: dict[str, list[Call]] = {}
        self.habits: dict[str, Habit] = {}
        self.crowds: list[Crowd] = []
        self.speed = 1.0
        """How many times faster than real people talk and wait."""
        self.per_second = 1.0
        """Calls a second that leave an account's queue (Twilio docs: one, until it is raised)."""

    async def stop(self) -> None:
        """End everything."""
        tasks = [call.task for call in self.calls.values() if call.task is not None and not call.task.done()]
        tasks += list(self._serving.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def accept(self, account: SmsAccount, order: Order) -> Call:
        """Take an order in; it waits its turn."""
        call = self._keep(Call(f"CA{next(self._numbers):032x}", account, order))
        self._waiting.setdefault(account.sid, deque()).append(call)
        serving = self._serving.get(account.sid)
        if serving is None or serving.done():
            self._serving[account.sid] = asyncio.get_running_loop().create_task(self._serve(account.sid))
        return call

    def incoming(self, account: SmsAccount, order: Order) -> Call:
        """Somebody calls us."""
        return self._keep(Call(f"CA{next(self._numbers):032x}", account, order, direction="inbound", status="ringing"))

    def begin(self, call: Call) -> None:
        """Let a call be played now."""
        if self.play is None:
            raise RuntimeError("nobody plays calls")
        call.started = time.time()
        call.task = asyncio.get_running_loop().create_task(self.play(call))

    def habit(self, call: Call) -> Habit | None:
        """What the phone does with this call; None: a person decides."""
        own = self.habits.get(call.phone)
        if own is not None:
            return own
        crowd = next((one for one in reversed(self.crowds) if call.phone.startswith(one.numbers)), None)
        return crowd.habit(call.phone, len(self.by_phone.get(call.phone, ())) - 1) if crowd else None

    def find(self, to: str, sender: str) -> Iterable[Call]:
        """Calls newest first, narrowed to one phone where the question allows."""
        for phone in (to, sender):
            if phone in self.by_phone:
                return list(reversed(self.by_phone[phone]))
        return reversed(list(self.calls.values()))

    async def _serve(self, account: str) -> None:
        """Calls leave one account's queue at its pace; a turn that came late is made up for."""
        loop, waiting = asyncio.get_running_loop(), self._waiting[account]
        turn = loop.time()
        while waiting:
            turn = max(turn, loop.time() - 1)
            await asyncio.sleep(max(0.0, turn - loop.time()))
            if waiting and (call := waiting.popleft()).status == "queued":
                self.begin(call)
                turn += 1 / self.per_second
            if not waiting:  # the next order may come before the turn is over
                await asyncio.sleep(max(0.0, turn - loop.time()))

    def _keep(self, call: Call) -> Call:
        self.calls[call.sid] = call
        self.by_phone.setdefault(call.phone, []).append(call)
        while len(self.calls) > KEPT_CALLS:
            oldest = next(iter(self.calls.values()))
            del self.calls[oldest.sid]
            self.by_phone[oldest.phone].remove(oldest)
            if not self.by_phone[oldest.phone]:
                del self.by_phone[oldest.phone]
        return call
