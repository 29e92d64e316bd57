"""The HTTP face of the pretend Twilio's calls: create, list, read, take back and hang up.

Accepts a call; `exchange` lets it wait its turn and `ringing` plays it.
"""

from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from crisis.simulator import trouble
from crisis.simulator.accounts import SmsAccount
from crisis.simulator.faults import CALLBACK_KINDS, HTTP_KINDS, Faults
from crisis.simulator.ledger import Ledger
from crisis.simulator.sms.api import BASE, Dialect, TwilioApi, as_json
from crisis.simulator.sms.rules import Refusal
from crisis.simulator.voice import rules
from crisis.simulator.voice.exchange import Call, Exchange

_LISTED_BY = {"To", "From", "Status", "PageSize", "Page", "PageToken"}
GREATEST_PAGE = 1_000


class VoiceApi:
    """Handlers over one exchange; accounts and refusals are those of the texts."""

    def __init__(self, twilio: TwilioApi, exchange: Exchange, faults: Faults, ledger: Ledger) -> None:
        """Serve this exchange."""
        self._twilio = twilio
        self._exchange = exchange
        self._faults = faults
        self._ledger = ledger

    def routes(self) -> list[web.RouteDef]:
        """The addresses served, with and without /twilio in front."""
        answers = (
            ("POST", "/{sid}/Calls.json", self._create),
            ("GET", "/{sid}/Calls.json", self._list),
            ("GET", "/{sid}/Calls/{call}.json", self._read),
            ("POST", "/{sid}/Calls/{call}.json", self._change),
        )
        return [
            web.route(method, prefix + BASE + path, work)
            for prefix in ("/twilio", "")
            for method, path, work in answers
        ]

    async def _create(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self._ledger.count("twilio", "call")
        account = self._twilio.account(request)
        if account is None:
            return self._twilio.refused(Refusal(20003, status=401), "call")
        try:
            pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True)
        except UnicodeDecodeError:
            return self._twilio.refused(Refusal(20001, "the body is not UTF-8"), "call", account)
        to = next((value for name, value in pairs if name == "To"), "")
        fault = self._faults.pick("twilio", HTTP_KINDS, to)

        async def accept() -> web.Response:
            return self._accept(account, pairs)

        if fault:
            self._ledger.trouble(f"twilio call {to}: {fault.kind}")
        return await trouble.answer(request, fault, Dialect(), accept)

    def _accept(self, account: SmsAccount, pairs: list[tuple[str, str]]) -> web.Response:
        try:
            call = self._exchange.accept(account, rules.order(pairs, account))
        except Refusal as refusal:
            return self._twilio.refused(refusal, "call", account)
        call.troubles = frozenset(self._faults.pick_all("twilio", CALLBACK_KINDS, call.phone))
        self._ledger.version += 1
        return as_json(201, call.resource())

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self._ledger.count("twilio", "read")
        account = self._twilio.account(request)
        if account is None:
            return self._twilio.refused(Refusal(20003, status=401), "read")
        fault = self._faults.pick("twilio", HTTP_KINDS, request.query.get("To", ""), write=False)

        async def accept() -> web.Response:
            try:
                return as_json(200, self._page(account, dict(request.query)))
            except Refusal as refusal:
                return self._twilio.refused(refusal, "read", account)

        return await trouble.answer(request, fault, Dialect(), accept)

    def _page(self, account: SmsAccount, query: dict[str, str]) -> dict[str, Any]:
        if unknown := sorted(query.keys() - _LISTED_BY):
            raise Refusal(20001, f"this simulator does not list by {', '.join(unknown)}")
        size, number = (query.get(name, str(default)) for name, default in (("PageSize", 50), ("Page", 0)))
        if not size.isdigit() or not number.isdigit() or int(size) < 1:
            raise Refusal(20001, "PageSize and Page are whole numbers")
        count, page = min(int(size), GREATEST_PAGE), int(number)
        to, sender, status = (query.get(name, "") for name in ("To", "From", "Status"))

        def fits(call: Call) -> bool:
            wanted = ((to, call.order.to), (sender, call.order.sender), (status, call.status))
            return call.account is account and all(not asked or asked == has for asked, has in wanted)

        found = list(islice(filter(fits, self._exchange.find(to, sender)), page * count, (page + 1) * count + 1))
        kept = {name: value for name, value in query.items() if name not in ("Page", "PageToken")}

        def uri(at: int) -> str:
            return f"{BASE}/{account.sid}/Calls.json?" + urlencode({**kept, "PageSize": count, "Page": at})

        return {
            "end": page * count + max(min(len(found), count) - 1, 0),
            "first_page_uri": uri(0),
            "next_page_uri": uri(page + 1) if len(found) > count else None,
            "page": page,
            "page_size": count,
            "previous_page_uri": uri(page - 1) if page else None,
            "start": page * count,
            "uri": uri(page),
            "calls": [call.resource() for call in found[:count]],
        }

    async def _read(self, request: web.Request) -> web.StreamResponse:
        self._ledger.count("twilio", "read")
        return (
            self._own(request) if not isinstance(call := self._found(request), Call) else as_json(200, call.resource())
        )

    async def _change(self, request: web.Request) -> web.StreamResponse:
        """Take a call back before it is answered, or hang it up."""
        form = dict(parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True))
        self._ledger.count("twilio", "change")
        call = self._found(request)
        if not isinstance(call, Call):
            return self._own(request)
        if form not in ({"Status": "canceled"}, {"Status": "completed"}):
            return self._twilio.refused(Refusal(20001, "only Status=canceled or completed"), "change", call.account)
        if call.over or (form["Status"] == "canceled" and call.status not in ("queued", "ringing")):
            return self._twilio.refused(Refusal(21220), "change", call.account)
        if call.status == "queued":
            call.status = "canceled"
        call.hung.set()
        self._ledger.version += 1
        return as_json(200, call.resource())

    def _found(self, request: web.Request) -> Call | None:
        account, call = self._twilio.account(request), self._exchange.calls.get(request.match_info["call"])
        return call if account is not None and call is not None and call.account is account else None

    def _own(self, request: web.Request) -> web.Response:
        """Why there is nothing to see: the keys, or the name."""
        account = self._twilio.account(request)
        refusal = Refusal(20003, status=401) if account is None else Refusal(20404, status=404)
        return self._twilio.refused(refusal, "read", account)
