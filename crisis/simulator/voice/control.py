"""Phones as people and tests work them, under /control: take a call, press keys, hang up, call us, script a crowd."""

import json
from typing import Any

from aiohttp import web

from crisis.simulator.accounts import SmsAccount
from crisis.simulator.ledger import Ledger
from crisis.simulator.sms.inbound import Inbound
from crisis.simulator.sms.rules import is_phone
from crisis.simulator.square.bodies import body, same_site, wrong
from crisis.simulator.voice.exchange import Call, Exchange
from crisis.simulator.voice.phones import BadScript, Crowd, Habit, habit
from crisis.simulator.voice.rules import Order

CHOICES = {"answer": Habit("answer"), "busy": Habit("busy"), "voicemail": Habit("voicemail")}


class Telephones:
    """Handlers over one exchange."""

    def __init__(self, exchange: Exchange, inbound: Inbound, accounts: tuple[SmsAccount, ...], ledger: Ledger) -> None:
        """Work the phones of this one; calls to us go where texts to us go."""
        self._exchange = exchange
        self._inbound = inbound
        self._accounts = accounts
        self._ledger = ledger

    def routes(self) -> list[web.RouteDef]:
        """The addresses served."""
        return [
            web.post("/control/calls/crowd", self._crowd),
            web.post("/control/calls/{sid:CA[0-9a-f]+}/{act:answer|busy|voicemail|hang_up}", self._act),
            web.post("/control/calls/{sid:CA[0-9a-f]+}/keys/{keys}", self._keys),
            web.post("/control/phones/{number}/habit", self._habit),
            web.post("/control/phones/{number}/call", self._call),
        ]

    async def _crowd(self, request: web.Request) -> web.Response:
        """{shares, seed?, after?, thinks?, minutes?, misheard?, numbers?, speed?, calls_per_second?}; no shares: nobody."""
        given = await body(request)
        for name, attribute in (("speed", "speed"), ("calls_per_second", "per_second")):
            if (value := given.pop(name, None)) is not None:
                if isinstance(value, bool) or not isinstance(value, int | float) or not 0.01 <= value <= 10_000:
                    raise wrong(f"{name} is a number between 0.01 and 10000")
                setattr(self._exchange, attribute, float(value))
        try:
            if given:
                self._exchange.crowds.append(Crowd(given))
            else:
                self._exchange.crowds.clear()
        except BadScript as error:
            raise wrong(str(error)) from error
        return web.json_response({"crowds": len(self._exchange.crowds)}, status=201)

    async def _habit(self, request: web.Request) -> web.Response:
        """What one phone does from now on: {does, keys?, after?, thinks?, taken_for?, puts_down?}."""
        given, number = await body(request), _phone(request)
        try:
            self._exchange.habits[number] = habit(given)
        except BadScript as error:
            raise wrong(str(error)) from error
        return web.json_response({"does": self._exchange.habits[number].does}, status=201)

    async def _act(self, request: web.Request) -> web.Response:
        same_site(request)
        call, act = self._open(request), request.match_info["act"]
        if act == "hang_up":
            call.hung.set()
        elif call.chosen is None or call.chosen.done():
            raise wrong("it does not ring, or nobody decides by hand what this phone does")
        else:
            call.chosen.set_result(CHOICES[act])
        self._ledger.version += 1
        return web.json_response({"sid": call.sid})

    async def _keys(self, request: web.Request) -> web.Response:
        same_site(request)
        call, keys = self._open(request), request.match_info["keys"].replace("hash", "#").replace("star", "*")
        if set(keys) - set("0123456789#*"):
            raise wrong("keys are 0 to 9, hash and star")
        for key in keys:
            call.keys.put_nowait(key)
        return web.json_response({"sid": call.sid})

    async def _call(self, request: web.Request) -> web.Response:
        """A phone calls one of our numbers: {to?}; without, whoever called it last."""
        given, number = await body(request), _phone(request)
        last = next((call.order.sender for call in self._exchange.find(number, "") if call.phone == number), "")
        to = str(given.get("to") or last)
        account = next((one for one in self._accounts if to in one.numbers), None)
        if account is None:
            raise wrong("say which of our numbers it calls, in `to`")
        url = self._inbound.address(account, to, "voice")
        if not url:
            raise wrong("no webhook is set for calls")
        call = self._exchange.incoming(account, Order(to=to, sender=number, markup="", url=url))
        self._ledger.count("twilio", "incoming call")
        self._exchange.begin(call)
        return web.json_response({"sid": call.sid}, status=201)

    def _open(self, request: web.Request) -> Call:
        call = self._exchange.calls.get(request.match_info["sid"])
        if call is None or call.over:
            raise web.HTTPNotFound(text=json.dumps({"error": "no such call is open"}), content_type="application/json")
        return call


def _phone(request: web.Request) -> str:
    number = request.match_info["number"]
    if not is_phone(number):
        raise wrong("a phone is a number like +4799900001")
    return number


def shown(exchange: Exchange, search: str, most: int) -> dict[str, Any]:
    """The newest calls for the town square, those that are open first."""
    fitting = [
        call
        for call in reversed(exchange.calls.values())
        if not search or search in call.phone or any(search in what.lower() for _, what in call.said)
    ]
    by_state = sorted(fitting, key=lambda call: call.over)  # stable: newest first within each
    return {"calls": by_state[:most], "found": len(fitting)}
