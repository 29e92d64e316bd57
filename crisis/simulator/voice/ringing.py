"""Plays one call from the first ring to the end: the phone's habit, the markup, the keys, and what the webhooks are told.

Statuses are told in their order, beside the call, so that a slow webhook does not hold up the talk.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from crisis.simulator.ledger import Ledger
from crisis.simulator.sms.callbacks import Callbacks
from crisis.simulator.sms.carrier import API_VERSION
from crisis.simulator.voice.exchange import Call, Exchange
from crisis.simulator.voice.phones import Habit
from crisis.simulator.voice.twiml import Broken, Verb, read

LETTERS_A_SECOND = 15  # how fast a voice reads
GUESSING = 2.0  # seconds the machine detection listens
MOST_PROGRAMS = 50  # answers followed in one call; more is a loop
SORRY = "We are sorry, an application error has occurred. Goodbye."
_TAKEN = {"answer": "human", "hang_up": "human", "voicemail": "machine_start"}
_ENDS = {"busy": "busy", "failed": "failed"}


class _HungUp(Exception):
    """The phone was put down."""


@dataclass(slots=True)
class _Hand:
    """Who holds the phone: the keys still to press, and when it is put down."""

    keys: list[str]
    thinks: float = 0.0
    puts_down: str = ""

    def lets_go(self, moment: str) -> bool:
        return not self.keys and self.puts_down == moment


class Ringing:
    """Plays the calls of one exchange."""

    def __init__(self, exchange: Exchange, callbacks: Callbacks, ledger: Ledger) -> None:
        """Take the exchange's calls as they leave its queue."""
        self._exchange = exchange
        self._callbacks = callbacks
        self._ledger = ledger
        exchange.play = self.play

    async def play(self, call: Call) -> None:
        """The whole call. However it goes, it ends in a status that is told."""
        guessing: list[asyncio.Task[None]] = []
        try:
            status = await self._through(call, guessing)
        except _HungUp:
            call.note("phone", "hung up")
            status = "completed"
        except Broken as broken:
            self._ledger.refuse("twilio", "markup", broken.code, f"{call.sid}: {broken}", call.account.name)
            call.note("line", SORRY)
            status = "completed"
        finally:
            for task in guessing:
                task.cancel()
        call.ended = time.time()
        self._move(call, status)
        self._tell(call, "completed", status)

    async def _through(self, call: Call, guessing: list[asyncio.Task[None]]) -> str:
        """From the first ring to the last word; the status it ends in."""
        habit: Habit | None = self._exchange.habits.get(call.phone) or Habit("answer")
        if call.direction != "inbound":
            self._tell(call, "initiated", "queued")
            habit = await self._ring(call)
        if call.hung.is_set() or habit is None or habit.does not in _TAKEN:
            return _end_unanswered(call, habit)
        call.answered = time.time()
        self._move(call, "in-progress")
        self._tell(call, "answered", "in-progress")
        if call.order.detect:
            guessing.append(asyncio.get_running_loop().create_task(self._guess(call, habit)))
        if habit.does == "hang_up":
            call.note("phone", "hung up at once")
        else:
            await self._talk(call, _Hand(list(habit.keys), habit.thinks, habit.puts_down))
        return "completed"

    async def _ring(self, call: Call) -> Habit | None:
        """What the phone does, once it does it; None when it rang in vain."""
        self._move(call, "ringing")
        self._tell(call, "ringing", "ringing")
        habit = Habit("failed") if "undelivered" in call.troubles else self._exchange.habit(call)
        rings = call.order.ring / self._exchange.speed
        if habit is None:
            chosen: asyncio.Future[Habit] = asyncio.get_running_loop().create_future()
            hung: asyncio.Task[bool] = asyncio.ensure_future(call.hung.wait())
            call.chosen = chosen
            either: set[asyncio.Future[Any]] = {chosen, hung}
            await asyncio.wait(either, timeout=rings, return_when=asyncio.FIRST_COMPLETED)
            hung.cancel()
            call.chosen = None
            return chosen.result() if chosen.done() else None
        after = habit.after / self._exchange.speed
        waits = rings if habit.does == "ignore" else min(after, rings)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(call.hung.wait(), waits)
        return None if habit.does == "ignore" or after > rings else habit

    async def _guess(self, call: Call, habit: Habit) -> None:
        call.answered_by = habit.taken_for or _TAKEN[habit.does]
        await asyncio.sleep(GUESSING / self._exchange.speed)
        if call.order.heard_at:
            form = {
                "CallSid": call.sid,
                "AccountSid": call.account.sid,
                "AnsweredBy": call.answered_by,
                "MachineDetectionDuration": str(int(GUESSING * 1000)),
                "To": call.order.to,
                "From": call.order.sender,
            }
            await self._callbacks.post(call.order.heard_at, call.account.auth_token, form, f"machine {call.sid}")

    async def _talk(self, call: Call, hand: _Hand) -> None:
        """Follow the markup, and what answers to keys say, until nothing follows."""
        try:
            steps = read(call.order.markup) if call.order.markup else await self._fetch(call, call.order.url, {})
            await self._follow(call, steps, hand)
        except Broken as broken:
            if not call.order.fallback:
                raise
            self._ledger.refuse("twilio", "markup", broken.code, f"{call.sid}: {broken}", call.account.name)
            steps = await self._fetch(call, call.order.fallback, {"ErrorCode": str(broken.code)})
            await self._follow(call, steps, hand)

    async def _follow(self, call: Call, steps: tuple[Verb, ...], hand: _Hand) -> None:
        for _ in range(MOST_PROGRAMS):
            following = await self._steps(call, steps, hand)
            if following is None:
                return
            steps = following
        raise Broken(12400, f"more than {MOST_PROGRAMS} answers in one call")

    async def _steps(self, call: Call, steps: tuple[Verb, ...], hand: _Hand) -> tuple[Verb, ...] | None:
        """One answer's steps; what replaces them, or None when the call is over."""
        for step in steps:
            match step.name:
                case "Say" | "Play":
                    said = self._say(call, step)
                    if hand.lets_go("words") or hand.lets_go("confirmation"):
                        call.hung.set()
                    await self._wait(call, said)
                case "Pause":
                    await self._wait(call, float(step.given.get("length", "1")))
                case "Redirect":
                    return await self._fetch(call, step.text, {})
                case "Gather":
                    digits = await self._gather(call, step, hand)
                    if digits or step.given.get("actionOnEmptyResult") == "true":
                        return await self._fetch(call, step.given.get("action", ""), {"Digits": digits})
                case "Reject" | "Hangup":
                    return None
        return None

    async def _gather(self, call: Call, step: Verb, hand: _Hand) -> str:
        """The keys that came while and after it was said."""
        loop = asyncio.get_running_loop()
        patience = float(step.given.get("timeout", "5"))
        while not call.keys.empty():
            call.keys.get_nowait()
        said = sum(self._say(call, inner) if inner.name != "Pause" else 1 for inner in step.inner)
        until = loop.time() + (said + patience) / self._exchange.speed
        if hand.lets_go("words") or hand.lets_go("question"):
            loop.call_later(0 if hand.puts_down == "words" else said / self._exchange.speed, call.hung.set)
        elif hand.keys:
            waits = hand.thinks / self._exchange.speed
            loop.call_later(waits, _press, call, hand.keys.pop(0), hand.lets_go("typing"))
            until = max(until, loop.time() + waits + patience)
        most, last, digits = int(step.given.get("numDigits", "1000")), step.given.get("finishOnKey", "#"), ""
        while len(digits) < most:
            key = await self._key(call, until - loop.time())
            if key is None or key == last:
                break
            digits += key
            until = loop.time() + patience / self._exchange.speed
        if digits:
            call.note("phone", f"pressed {digits}")
            if hand.lets_go("key"):
                call.hung.set()  # the key was heard, its answer is not
        return digits

    async def _key(self, call: Call, seconds: float) -> str | None:
        hung, key = asyncio.ensure_future(call.hung.wait()), asyncio.ensure_future(call.keys.get())
        either: set[asyncio.Future[Any]] = {hung, key}
        await asyncio.wait(either, timeout=max(seconds, 0), return_when=asyncio.FIRST_COMPLETED)
        pressed = key.result() if key.done() else None
        for task in (hung, key):
            task.cancel()
        if call.hung.is_set():
            raise _HungUp
        return pressed

    def _say(self, call: Call, step: Verb) -> float:
        """Say it; how many seconds that takes."""
        times = max(int(step.given.get("loop", "1")), 1)
        call.note("line", f"{step.text}{f' (said {times} times)' if times > 1 else ''}")
        self._ledger.version += 1
        return times * len(step.text) / LETTERS_A_SECOND

    async def _wait(self, call: Call, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(call.hung.wait(), seconds / self._exchange.speed)
        if call.hung.is_set():
            raise _HungUp

    async def _fetch(self, call: Call, url: str, more: dict[str, str]) -> tuple[Verb, ...]:
        """Ask an address what follows. Raises Broken, and _HungUp when the phone was put down meanwhile."""
        if not url.startswith(("http://", "https://")):
            raise Broken(11100, f"{url!r} is no whole address")
        answer = await self._callbacks.ask(url, call.account.auth_token, {**_form(call), **more}, f"voice {call.sid}")
        if call.hung.is_set():
            raise _HungUp
        if answer is None:
            raise Broken(11205, "nobody answers at the address")
        if answer.status >= 400:
            raise Broken(11200, f"the address answered {answer.status}")
        if answer.kind not in ("text/xml", "application/xml"):
            raise Broken(12300, f"the answer is {answer.kind}, not text/xml")
        return read(answer.text)

    def _move(self, call: Call, status: str) -> None:
        call.status = status
        self._ledger.version += 1

    def _tell(self, call: Call, event: str, status: str) -> None:
        """Tell the webhook, after what it was told before."""
        if event not in call.order.events or not call.order.callback or "callbacks_none" in call.troubles:
            return
        form = {
            **_form(call),
            "CallStatus": "initiated" if event == "initiated" else status,
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(call.sequence),
            "Timestamp": formatdate(time.time(), usegmt=True),
        }
        if event == "completed":
            lasted = str(round((call.ended or 0) - call.answered)) if call.answered and call.ended else "0"
            form |= {"CallDuration": lasted, "Duration": str(-(-int(lasted) // 60))}
            form |= {"AnsweredBy": call.answered_by} if call.answered_by else {}
        call.sequence += 1
        before, times = call.telling, 2 if "callbacks_duplicate" in call.troubles else 1

        async def tell() -> None:
            if before is not None:
                await asyncio.wait({before})
            for _ in range(times):
                await self._callbacks.post(
                    call.order.callback, call.account.auth_token, form, f"call {form['CallStatus']} {call.sid}"
                )

        call.telling = asyncio.get_running_loop().create_task(tell())


def _end_unanswered(call: Call, habit: Habit | None) -> str:
    if call.hung.is_set():
        return "canceled"
    return _ENDS[habit.does] if habit is not None else "no-answer"


def _press(call: Call, keys: str, puts_down: bool) -> None:
    for key in keys:
        call.keys.put_nowait(key)
    if puts_down:
        call.hung.set()


def _form(call: Call) -> dict[str, str]:
    return {
        "AccountSid": call.account.sid,
        "ApiVersion": API_VERSION,
        "CallSid": call.sid,
        "CallStatus": call.status,
        "Called": call.order.to,
        "Caller": call.order.sender,
        "Direction": call.direction,
        "From": call.order.sender,
        "To": call.order.to,
    }
