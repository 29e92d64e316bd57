"""What every channel through Twilio shares: keys, calls, finding a message again, proving a webhook.

The Twilio client builds the calls over its asynchronous interface; `http` carries them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from multidict import MultiDict
from twilio.base.exceptions import TwilioException
from twilio.request_validator import (
    HMAC_SHA1,
    HMAC_SHA256,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)
from twilio.rest import Client

from crisis.channels.base import (
    Accepted,
    BadSignature,
    Health,
    Hook,
    HookEvents,
    Outgoing,
    Rejected,
    SendError,
    Uncertain,
)
from crisis.channels.errors import as_promised
from crisis.channels.opening import Opening
from crisis.channels.twilio.http import Http
from crisis.channels.twilio.options import TWILIO, TwilioOptions
from crisis.channels.twilio.sms_words import inbound, receipt
from crisis.hosts import own_machine

LONGEST_VALIDITY = 36_000  # seconds; Twilio docs, ValidityPeriod
CLOCK_DOUBT = timedelta(minutes=1)  # our clock against Twilio's
MOST_FOUND = 200  # messages or calls to one address that `find` looks through
KNOWN_CALLS = 20_000  # calls whose attempt this process remembers
RETRIES = "#rc=3&rp=all"  # Twilio docs, webhook connection overrides: three more tries, on any failure
TRIAL = "Sent from your Twilio trial account - "  # put before every text of an account that has not been paid for


class Twilio:
    """One open Twilio account. It belongs to the event loop that first sends with it."""

    def __init__(self, opening: Opening, connections: int) -> None:
        options: TwilioOptions = opening.options
        self._validity_minutes: int | None = getattr(options, "validity_minutes", None)
        token = options.auth_token.reveal()
        self._validators = {HMAC_SHA1: RequestValidator(token)}
        if options.shared_key:
            self._validators[HMAC_SHA256] = RequestValidator(options.shared_key.reveal())
        self.http = Http(options.connect_seconds, options.read_seconds, connections)
        self.credentials = (
            options.api_key_sid or options.account_sid,
            options.api_key_secret.reveal() if options.api_key_secret else token,
        )
        client = Client(
            *self.credentials,
            options.account_sid,
            http_client=self.http,
            environment={"TWILIO_EDGE": "", "TWILIO_REGION": ""},  # the machine's own would bend base_url
        )
        client.api.base_url = options.base_url
        account = client.api.v2010.accounts(options.account_sid)
        self._account, self._low_balance = account, options.low_balance
        self._messages, self._calls = account.messages, account.calls
        self._known: dict[str, str] = {}  # a call's SID -> the attempt it was made for
        self.hooks = _hooks(opening)

    async def create(self, to: str, out: Outgoing, **fields: Any) -> Any:
        """Hand one message to Twilio; its resource, with a SID. Raises one of the five `SendError`s."""
        fields |= {
            "validity_period": self._validity(out),
            "status_callback": self.address("status", out.reference),
        }
        given = {name: value for name, value in fields.items() if value is not None}
        with as_promised(TwilioException):
            message = await self._messages.create_async(to=to, **given)
        if not message.sid:
            raise Uncertain("Twilio took the call but named no message")
        return message

    async def call(self, out: Outgoing, **fields: Any) -> Any:
        """Have Twilio ring one phone; the call's resource, with a SID. Raises one of the five `SendError`s."""
        if out.expires_at is not None and out.expires_at <= datetime.now(UTC):
            raise Rejected("too old to send", code="expired")
        fields |= {"status_callback": self.address("status", out.reference)}
        given = {name: value for name, value in fields.items() if value is not None}
        with as_promised(TwilioException):
            call = await self._calls.create_async(to=out.address, **given)
        if not call.sid:
            raise Uncertain("Twilio took the order but named no call")
        self._known[call.sid] = out.reference
        if len(self._known) > KNOWN_CALLS:
            del self._known[next(iter(self._known))]
        return call

    async def find_call(self, out: Outgoing) -> Accepted | None:
        """Look for an earlier attempt among the calls to this phone.

        A call's resource holds none of our words, so any call to this phone since then may be ours, but those that are
        known to be another attempt's. Two are not guessed between. Not filtered by StartTime: a call that waits in
        Twilio's queue has none yet and would be missed.
        """
        if out.first_attempt_at is None:
            raise Uncertain("cannot look for a call without the time of its first attempt")
        since = out.first_attempt_at - CLOCK_DOUBT
        with as_promised(TwilioException):
            calls = await self._calls.list_async(to=out.address, limit=MOST_FOUND, page_size=MOST_FOUND)
        recent = [call for call in calls if call.date_created is not None and call.date_created >= since]
        ours = [
            call
            for call in recent
            if str(call.direction).startswith("outbound")
            and self._known.get(call.sid, out.reference).partition(".")[0] == out.delivery_id
        ]
        if len(ours) > 1:
            raise Uncertain(f"{len(ours)} calls went to this number", code="two_found")
        if not ours and len(recent) == MOST_FOUND:
            raise Uncertain(f"more than {MOST_FOUND} calls with this number since the first attempt")
        return Accepted(str(ours[0].sid)) if ours else None

    async def find(self, to: str, out: Outgoing, says: Callable[[str], bool]) -> Accepted | None:
        """Look for an earlier attempt among the messages to this address; `says` knows our text.

        Not filtered by DateSent: a message that still waits in Twilio's queue has none yet and would be missed, which
        is how somebody is told twice. Two that fit are not guessed between.
        """
        if out.first_attempt_at is None:
            raise Uncertain("cannot look for a message without the time of its first attempt")
        since = out.first_attempt_at - CLOCK_DOUBT
        with as_promised(TwilioException):
            messages = await self._messages.list_async(to=to, limit=MOST_FOUND, page_size=MOST_FOUND)
        recent = [m for m in messages if m.date_created is not None and m.date_created >= since]
        outgoing = [m for m in recent if str(m.direction).startswith("outbound") and says(m.body or "")]
        if len(outgoing) > 1:
            raise Uncertain(f"{len(outgoing)} messages with this text went to this number", code="two_found")
        if not outgoing and any(str(m.direction).startswith("outbound") and not m.body for m in recent):
            # How a template's message is listed is not documented: one without words may well be ours.
            raise Uncertain("a message went to this number whose words Twilio does not show", code="no_words")
        if not outgoing and len(recent) == MOST_FOUND:
            raise Uncertain(f"more than {MOST_FOUND} messages with this number since the first attempt")
        return Accepted(str(outgoing[0].sid)) if outgoing else None

    async def check(self, *, calls: bool = False) -> Health:
        """List one message or call: works with the auth token and with a standard API key, and sends nothing."""
        try:
            with as_promised(TwilioException):
                await (self._calls if calls else self._messages).list_async(limit=1, page_size=1)
        except SendError as error:
            return Health(ok=False, say=error.say)
        if self.hooks:
            return Health(ok=True, say="keys are alive")
        return Health(ok=True, say="keys are alive; no receipts, because console.public_url is this machine only")

    async def probe(self, number: str | None, able: Literal["sms", "voice"]) -> Health:
        """`check`, and then the balance and whether our number can do what we want of it.

        Not every key may read them (Twilio docs, API keys; a child account has no balance): what can't be read is said
        and is no failure. A voice call may come from a verified caller's number, which is not in the list.
        """
        health = await self.check(calls=able == "voice")
        if not health.ok:
            return health
        wrong, details = [], {}
        try:
            with as_promised(TwilioException):
                told = await self._account.balance.fetch_async()
            details["balance"] = f"{told.balance} {told.currency}"
            if float(told.balance or 0) < self._low_balance:
                wrong.append(f"the balance is low: {told.balance} {told.currency}")
        except (SendError, ValueError):
            details["balance"] = "these keys may not read it"
        if number and number.startswith("+"):
            try:
                with as_promised(TwilioException):
                    found = await self._account.incoming_phone_numbers.list_async(phone_number=number, limit=1)
                details["number"] = number if found else f"{number} is not among this account's own"
                if found and not _able(found[0].capabilities, able):
                    wrong.append(f"the number {number} has no {able}")
                if not found and able == "sms":
                    wrong.append(f"the number {number} is not this account's any more")
            except SendError:
                details["number"] = "these keys may not read the list"
        say = "; ".join(wrong) or health.say
        return Health(ok=not wrong, say=say, details=details)

    def read_hook(self, hook: Hook) -> HookEvents:
        """Receipts at .../status, texts from people at .../inbound; anything else is proven and then ignored."""
        self.prove(hook)
        address = urlsplit(hook.url)
        fields = dict(hook.form)
        match address.path.rstrip("/").rpartition("/")[2]:
            case "status" if fields.get("MessageSid"):
                return HookEvents(receipts=(receipt(fields, parse_qs(address.query)),))
            case "inbound" if fields.get("MessageSid"):
                return HookEvents(
                    inbounds=(inbound(fields, datetime.now(UTC)),), answer="<Response/>", content_type="text/xml"
                )
            case _:
                return HookEvents()

    def address(self, kind: str, reference: str | None = None, step: str = "") -> str | None:
        """Where Twilio reports about an attempt; None where it cannot reach us. Each report is tried four times.

        The reference comes back with every report, also with one that outruns our own record.
        """
        named = {name: value for name, value in (("attempt", reference), ("step", step)) if value}
        query = f"?{urlencode(named)}" if named else ""
        return self.hooks and f"{self.hooks}/{kind}{query}{RETRIES}"

    async def close(self) -> None:
        await self.http.close()

    def _validity(self, out: Outgoing) -> int | None:
        """Seconds after which Twilio should no longer send it: what is left of the statement's own life, at most."""
        limits = [self._validity_minutes * 60] if self._validity_minutes else []
        if out.expires_at is not None:
            left = int((out.expires_at - datetime.now(UTC)).total_seconds())
            if left < 1:
                raise Rejected("too old to send", code="expired")
            limits.append(left)
        return min(*limits, LONGEST_VALIDITY) if limits else None

    def prove(self, hook: Hook) -> None:
        """Raises `BadSignature`. Twilio docs, webhook security. The header that names the algorithm only chooses between secrets we hold."""
        headers = {name.lower(): value for name, value in hook.headers.items()}
        algorithm = get_signature_algorithm(headers.get(SIGNATURE_SETTINGS_HEADER.lower())).upper()
        validator = self._validators.get(algorithm)
        signature = headers.get(SIGNATURE_HEADER.lower(), "")
        signed: Any = MultiDict(hook.form)
        if not hook.form and "bodySHA256" in parse_qs(urlsplit(hook.url).query):
            signed = hook.body.decode("utf-8", "replace")
        if validator is None or not validator.validate(hook.url, signed, signature, algorithm):
            msg = "the signature does not prove that this came from Twilio"
            raise BadSignature(msg)


def _able(capabilities: Any, what: str) -> bool:
    """A number's capabilities (Twilio docs, IncomingPhoneNumber): a mapping, or an object of the client's."""
    return bool(capabilities.get(what) if isinstance(capabilities, dict) else getattr(capabilities, what, False))


def comparable(text: str) -> str:
    """Equal for texts that read the same, as Twilio gives them back."""
    return unicodedata.normalize("NFC", " ".join(text.removeprefix(TRIAL).split()))


def _hooks(opening: Opening) -> str | None:
    """Where Twilio can reach this account's webhooks; None when a real Twilio would be told a local address, which it
    refuses together with the message (Twilio docs, error 21609).
    """
    if opening.options.base_url == TWILIO and own_machine(urlsplit(opening.public_url).hostname or ""):
        return None
    return f"{opening.public_url}/hooks/{opening.key}"
