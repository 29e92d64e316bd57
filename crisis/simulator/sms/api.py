"""The HTTP face of the pretend Twilio, under /twilio: create, list, read, change and delete messages; the balance.

Plans the fate of each accepted message; `callbacks` then lets it happen.
"""

import asyncio
import base64
import binascii
import hmac
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from crisis.simulator import trouble
from crisis.simulator.accounts import SmsAccount
from crisis.simulator.faults import CALLBACK_KINDS, HTTP_KINDS, Faults
from crisis.simulator.ledger import Ledger
from crisis.simulator.sms import listing, rules, whatsapp
from crisis.simulator.sms.callbacks import Callbacks, Step
from crisis.simulator.sms.carrier import API_VERSION, Carrier, Message

BASE = f"/{API_VERSION}/Accounts"


class TwilioApi:
    """Handlers over one carrier."""

    def __init__(
        self,
        *,
        accounts: tuple[SmsAccount, ...],
        undelivered: dict[str, int],
        carrier: Carrier,
        callbacks: Callbacks,
        faults: Faults,
        ledger: Ledger,
        delay: float,
    ) -> None:
        """`delay` seconds pass between acceptance and delivery."""
        self._accounts = {account.sid: account for account in accounts}
        self._undelivered = undelivered
        self._carrier = carrier
        self._callbacks = callbacks
        self._faults = faults
        self._ledger = ledger
        self._delay = delay

    def routes(self) -> list[web.RouteDef]:
        """The addresses served."""
        answers = (
            ("POST", "/{sid}/Messages.json", self._create),
            ("GET", "/{sid}/Messages.json", self._read),
            ("GET", "/{sid}/Messages/{message}.json", self._read),
            ("POST", "/{sid}/Messages/{message}.json", self._change),
            ("DELETE", "/{sid}/Messages/{message}.json", self._change),
            ("GET", "/{sid}/Balance.json", self._read),
            ("GET", "/{sid}/IncomingPhoneNumbers.json", self._read),
            ("GET", "/{sid}.json", self._read),
        )
        templates = ("/v1/Content/{template}", "/v1/Content/{template}/ApprovalRequests")
        # Also without /twilio, for a client whose address may hold no path.
        return [
            *(
                web.route(method, prefix + BASE + path, work)
                for prefix in ("/twilio", "")
                for method, path, work in answers
            ),
            *(web.get(prefix + path, self._template) for prefix in ("/twilio", "") for path in templates),
            *(web.route("*", prefix + "/{rest:.*}", self._nowhere) for prefix in ("/twilio", f"/{API_VERSION}")),
        ]

    async def _create(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self._ledger.count("twilio", "create")
        account = self.account(request)
        if account is None:
            return self.refused(rules.Refusal(20003, status=401), "create")
        if request.content_type != "application/x-www-form-urlencoded":
            return self.refused(rules.Refusal(20001, "the body is not form encoded"), "create", account)
        try:
            pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True)
        except UnicodeDecodeError:
            return self.refused(rules.Refusal(20001, "the body is not UTF-8"), "create", account)
        to = next((value for name, value in pairs if name == "To"), "")
        fault = self._faults.pick("twilio", HTTP_KINDS, to)
        if fault is None:
            return await self._accept(account, pairs)
        self._ledger.trouble(f"twilio create {to}: {fault.kind}")
        return await trouble.answer(request, fault, Dialect(), lambda: self._accept(account, pairs))

    async def _accept(self, account: SmsAccount, pairs: list[tuple[str, str]]) -> web.Response:
        try:
            texted = not dict(pairs).get("To", "").startswith(whatsapp.PREFIX)
            order = (rules if texted else whatsapp).order(pairs, account)
            late = not texted and whatsapp.outside_window(self._carrier, order)
            message = self._carrier.accept(account, order)
        except rules.Refusal as refusal:
            return self.refused(refusal, "create", account)
        self._ledger.version += 1
        answer = as_json(201, message.resource())  # worded now: the status at this moment, whatever comes next
        if order.scheduled:
            return answer
        kinds = self._faults.pick_all("twilio", CALLBACK_KINDS, message.to)
        for kind in kinds:
            self._ledger.trouble(f"twilio {message.to}: {kind}")
        steps = (Step(self._delay * 0.5, "failed", whatsapp.OUTSIDE),) if late else self._fate(message, kinds)
        if not texted and steps[-1].status == "delivered":
            steps = (*steps, Step(self._delay, "read", None, steps[-1].times))
        if "callbacks_early" in kinds and "callbacks_none" not in kinds:
            await self._callbacks.walk_now(message, steps)
        else:
            self._callbacks.plan(message, steps, tell="callbacks_none" not in kinds)
        return answer

    def _fate(self, message: Message, kinds: set[str]) -> tuple[Step, ...]:
        error = 30003 if "undelivered" in kinds else self._undelivered.get(message.to)
        times = 2 if "callbacks_duplicate" in kinds else 1
        last = Step(self._delay * 0.8, "undelivered" if error else "delivered", error, times)
        first = Step(self._delay * 0.2, "sent", None, times)
        if "callbacks_out_of_order" in kinds:
            return (last, first)
        return (first, last)

    async def _read(self, request: web.Request) -> web.StreamResponse:
        self._ledger.count("twilio", "read")
        account = self.account(request)
        if account is None:
            return self.refused(rules.Refusal(20003, status=401), "read")
        fault = self._faults.pick("twilio", HTTP_KINDS, request.query.get("To", ""), write=False)
        return await trouble.answer(request, fault, Dialect(), lambda: self._found(request, account))

    async def _found(self, request: web.Request, account: SmsAccount) -> web.Response:
        await asyncio.sleep(0)
        path = request.path
        if path.endswith("/Messages.json"):
            try:
                return as_json(200, listing.page(self._carrier, account, dict(request.query), BASE))
            except rules.Refusal as refusal:
                return self.refused(refusal, "read", account)
        if path.endswith("/Balance.json"):
            return as_json(200, {"account_sid": account.sid, "balance": "100.00", "currency": "USD"})
        if path.endswith("/IncomingPhoneNumbers.json"):
            return as_json(200, listing.numbers(account, request.query.get("PhoneNumber", ""), BASE))
        if "message" in request.match_info:
            message = self._carrier.messages.get(request.match_info["message"])
            if message is None or message.account is not account:
                return self.refused(rules.Refusal(20404, status=404), "read", account)
            return as_json(200, message.resource())
        return as_json(200, {"sid": account.sid, "friendly_name": account.name, "status": "active", "type": "Full"})

    async def _template(self, request: web.Request) -> web.Response:
        self._ledger.count("twilio", "template")
        account = self.account(request)
        if account is None:
            return self.refused(rules.Refusal(20003, status=401), "template")
        told = whatsapp.approval if request.path.endswith("/ApprovalRequests") else whatsapp.content
        try:
            return as_json(200, told(account, request.match_info["template"]))
        except rules.Refusal as refusal:
            return self.refused(refusal, "template", account)

    async def _change(self, request: web.Request) -> web.StreamResponse:
        form = dict(parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True))
        self._ledger.count("twilio", "change")
        account = self.account(request)
        if account is None:
            return self.refused(rules.Refusal(20003, status=401), "change")
        message = self._carrier.messages.get(request.match_info["message"])
        if message is None or message.account is not account:
            return self.refused(rules.Refusal(20404, status=404), "change", account)
        self._ledger.version += 1
        if request.method == "DELETE":
            self._carrier.forget(message)
            return web.Response(status=204)
        if form == {"Body": ""}:
            message.body = ""
        elif form == {"Status": "canceled"} and message.status == "scheduled":
            message.status = "canceled"
        else:
            return self.refused(
                rules.Refusal(20001, "only Body='' or Status=canceled of a scheduled message"), "change", account
            )
        return as_json(200, message.resource())

    def account(self, request: web.Request) -> SmsAccount | None:
        """Who calls: the account the address names, or where it names none, the one whose keys these are."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        for account in self._accounts.values():
            expected = {account.sid: account.auth_token, account.api_key: account.api_secret}.get(name, "")
            if expected and hmac.compare_digest(expected.encode(), secret.encode()):
                return account if request.match_info.get("sid", account.sid) == account.sid else None
        return None

    def refused(self, refusal: rules.Refusal, what: str, account: SmsAccount | None = None) -> web.Response:
        """Write a refusal down, and word it."""
        self._ledger.refuse("twilio", what, refusal.code, str(refusal), account.name if account else "")
        return _error(refusal.status, refusal.code, refusal.message)

    async def _nowhere(self, request: web.Request) -> web.Response:
        return self.refused(rules.Refusal(20404, f"{request.method} {request.path}", 404), "read")


class Dialect:
    """Twilio's way of wording the switched-on faults."""

    def busy(self, seconds: float) -> web.Response:
        """429, never processed."""
        return _error(429, 20429, rules.MESSAGES[20429], {"Retry-After": str(int(seconds + 0.999))})

    def broken(self) -> web.Response:
        """500."""
        return _error(500, 20500, rules.MESSAGES[20500])

    def unknown_keys(self) -> web.Response:
        """401."""
        return _error(401, 20003, rules.MESSAGES[20003])

    def not_allowed(self) -> web.Response:
        """403."""
        return _error(403, 20008, rules.MESSAGES[20008])


def _error(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return as_json(status, {"code": code, "message": message, "more_info": more, "status": status}, headers)


def as_json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    """An answer of Twilio's."""
    return web.json_response(body, status=status, headers=headers)
