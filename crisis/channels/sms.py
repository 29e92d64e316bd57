"""SMS through Twilio: sending, finding out, and reading what Twilio reports back.

The Twilio client builds the calls over its asynchronous interface; the small HTTP client below carries them, so that
there is one session, bounded connections, two timeouts, no log of phone numbers and one place that judges answers.
"""

from __future__ import annotations

import logging
import unicodedata
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import aiohttp
from multidict import MultiDict
from pydantic import Field, model_validator
from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
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
    Facts,
    Health,
    Hook,
    HookEvents,
    Outgoing,
    Rejected,
    SendError,
    Uncertain,
)
from crisis.channels.calling import proxy
from crisis.channels.counting import sms_size
from crisis.channels.errors import accepted_body, answer, as_promised, transport
from crisis.channels.opening import Opening, own_machine
from crisis.channels.sms_words import inbound, receipt, refusal
from crisis.settings import Frozen, SecretRef

FACTS = Facts(
    name="sms",
    label="SMS",
    form="short",
    medium="phone",
    public=False,
    repeat_safe=False,  # Twilio's POST Messages has no idempotency parameter
    threads=False,
    receipts=True,
    pace=10,  # Twilio docs, queueing and rates: an alphanumeric sender; a US long code does 1, a short code 100
    concurrency=50,
    measure=sms_size,
)
TWILIO = "https://api.twilio.com"
LONGEST_VALIDITY = 36_000  # seconds; Twilio docs, ValidityPeriod
CLOCK_DOUBT = timedelta(minutes=1)  # our clock against Twilio's
MOST_FOUND = 200  # messages to one number that `find` looks through
RETRIES = "#rc=3&rp=all"  # Twilio docs, webhook connection overrides: three more tries, on any failure
TRIAL = "Sent from your Twilio trial account - "  # put before every text of an account that has not been paid for


class Options(Frozen):
    """The keys of an SMS account in crisis.toml."""

    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$", description="the Twilio account")
    auth_token: SecretRef = Field(description="proves webhooks, and signs calls when there is no API key")
    api_key_sid: str | None = Field(default=None, pattern=r"^SK[0-9a-fA-F]{32}$", description="an API key for calls")
    api_key_secret: SecretRef | None = Field(default=None, description="the secret of that API key")
    shared_key: SecretRef | None = Field(default=None, description="for webhooks that Twilio signs with SHA-256")
    from_number: str | None = Field(default=None, min_length=3, max_length=20, description="number, short code or name")
    messaging_service_sid: str | None = Field(default=None, pattern=r"^MG[0-9a-fA-F]{32}$", description="sender pool")
    base_url: str = Field(default=TWILIO, pattern=r"^https?://[^\s/]+$", description="where the API is")
    validity_minutes: int | None = Field(default=None, ge=1, le=600, description="older texts are not sent")
    smart_encoded: bool = Field(default=False, description="let Twilio replace look-alikes outside the SMS alphabet")
    message_intent: str | None = Field(default=None, description="MessageIntent, so that US quiet hours do not hold it")
    risk_check: Literal["enable", "disable"] | None = Field(default=None, description="Twilio's fraud guard")
    connect_seconds: float = Field(default=5, gt=0, le=60, description="longest wait for a connection")
    read_seconds: float = Field(default=15, gt=0, le=120, description="longest wait for an answer")

    @model_validator(mode="after")
    def _one_sender(self) -> Options:
        if (self.from_number is None) == (self.messaging_service_sid is None):
            msg = "give one sender: from_number or messaging_service_sid"
            raise ValueError(msg)
        if (self.api_key_sid is None) != (self.api_key_secret is None):
            msg = "api_key_sid and api_key_secret belong together; give both or neither"
            raise ValueError(msg)
        return self


class Sms:
    """One open Twilio account. It belongs to the event loop that first sends with it."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        self._options = options
        token = options.auth_token.reveal()
        self._validators = {HMAC_SHA1: RequestValidator(token)}
        if options.shared_key:
            self._validators[HMAC_SHA256] = RequestValidator(options.shared_key.reveal())
        self._http = _Http(options.connect_seconds, options.read_seconds, FACTS.concurrency)
        client = Client(
            options.api_key_sid or options.account_sid,
            options.api_key_secret.reveal() if options.api_key_secret else token,
            options.account_sid,
            http_client=self._http,
            environment={"TWILIO_EDGE": "", "TWILIO_REGION": ""},  # the machine's own would bend base_url
        )
        client.api.base_url = options.base_url
        self._messages = client.api.v2010.accounts(options.account_sid).messages
        self._hooks = _hooks(opening)

    async def send(self, out: Outgoing) -> Accepted:
        """Hand one text to Twilio. Raises one of the five `SendError`s."""
        options = self._options
        fields: dict[str, Any] = {
            "from_": options.from_number,
            "messaging_service_sid": options.messaging_service_sid,
            "validity_period": self._validity(out),
            "smart_encoded": options.smart_encoded or None,
            "message_intent": options.message_intent,
            "risk_check": options.risk_check,
            # The reference comes back with every receipt, also with one that outruns our own record.
            "status_callback": self._hooks and f"{self._hooks}/status?attempt={quote(out.reference, safe='')}{RETRIES}",
        }
        given = {name: value for name, value in fields.items() if value is not None}
        with as_promised(TwilioException):
            message = await self._messages.create_async(to=out.address, body=out.text, **given)
        if not message.sid:
            raise Uncertain("Twilio took the call but named no message")
        parts = int(message.num_segments) if str(message.num_segments).isdigit() else 0
        return Accepted(message.sid, parts=parts or sms_size(out.text).parts)  # a service says 0 at first

    async def find(self, out: Outgoing) -> Accepted | None:
        """Look for an earlier attempt among the messages to this number.

        Not filtered by DateSent: a message that still waits in Twilio's queue has none yet and would be missed, which
        is how somebody is told twice. Two that fit are not guessed between.
        """
        if out.first_attempt_at is None:
            raise Uncertain("cannot look for a message without the time of its first attempt")
        since = out.first_attempt_at - CLOCK_DOUBT
        with as_promised(TwilioException):
            messages = await self._messages.list_async(to=out.address, limit=MOST_FOUND, page_size=MOST_FOUND)
        recent = [m for m in messages if m.date_created is not None and m.date_created >= since]
        fitting = [m for m in recent if self._comparable(m.body or "") == self._comparable(out.text)]
        outgoing = [m for m in fitting if str(m.direction).startswith("outbound")]
        if len(outgoing) > 1:
            raise Uncertain(f"{len(outgoing)} messages with this text went to this number", code="two_found")
        if not outgoing and len(recent) == MOST_FOUND:
            raise Uncertain(f"more than {MOST_FOUND} messages with this number since the first attempt")
        return Accepted(str(outgoing[0].sid)) if outgoing else None

    async def check(self) -> Health:
        """List one message: works with the auth token and with a standard API key, and sends nothing."""
        try:
            with as_promised(TwilioException):
                await self._messages.list_async(limit=1, page_size=1)
        except SendError as error:
            return Health(ok=False, say=error.say)
        receipts = "" if self._hooks else "; no receipts, because console.public_url is this machine only"
        return Health(ok=True, say=f"keys are alive{receipts}")

    def read_hook(self, hook: Hook) -> HookEvents:
        """Receipts at .../status, texts from people at .../inbound; anything else is proven and then ignored."""
        self._prove(hook)
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

    async def close(self) -> None:
        await self._http.close()

    def _validity(self, out: Outgoing) -> int | None:
        """Seconds after which Twilio should no longer send it: what is left of the statement's own life, at most."""
        limits = [self._options.validity_minutes * 60] if self._options.validity_minutes else []
        if out.expires_at is not None:
            left = int((out.expires_at - datetime.now(UTC)).total_seconds())
            if left < 1:
                raise Rejected("too old to send", code="expired")
            limits.append(left)
        return min(*limits, LONGEST_VALIDITY) if limits else None

    def _comparable(self, text: str) -> str:
        """Equal for texts that read the same. Smart encoding swaps punctuation, so then only letters are compared."""
        plain = unicodedata.normalize("NFC", " ".join(text.removeprefix(TRIAL).split()))
        return "".join(filter(str.isalnum, plain)) if self._options.smart_encoded else plain

    def _prove(self, hook: Hook) -> None:
        """Twilio docs, webhook security. The header that names the algorithm only chooses between secrets we hold."""
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


class _Http(AsyncHttpClient):  # type: ignore[misc]
    """The Twilio client's way out. Its own asynchronous one has no connect timeout and logs every phone number."""

    def __init__(self, connect: float, read: float, connections: int) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True)
        self._patience = aiohttp.ClientTimeout(total=connect + 2 * read, connect=connect, sock_read=read)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002
        allow_redirects: bool = False,  # noqa: ARG002
    ) -> Response:
        """One call; returns only a success that holds JSON, and raises a `SendError` for everything else."""
        if self._session is None:  # a session belongs to a running loop, and opening happens outside of one
            connector = aiohttp.TCPConnector(limit=self._connections)
            # Not trust_env: it would read ~/.netrc from disk for every single message.
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._patience, proxy=proxy(uri))
        headers = dict(headers or {})
        if auth:
            headers["Authorization"] = "Basic " + b64encode(":".join(auth).encode()).decode()
        try:
            async with self._session.request(
                method,
                uri,
                params=params,
                data=urlencode(data) if data else None,
                headers=headers,
                allow_redirects=False,
            ) as response:
                given = answer(response.status, response.headers, await response.text(errors="replace"))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise transport(error) from None  # the chain would carry the request, with its address and keys
        accepted_body(given, refusal)
        return Response(given.status, given.text, dict(given.headers))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _hooks(opening: Opening) -> str | None:
    """Where Twilio can reach this account's webhooks; None when a real Twilio would be told a local address, which it
    refuses together with the message (Twilio docs, error 21609).
    """
    if opening.options.base_url == TWILIO and own_machine(urlsplit(opening.public_url).hostname or ""):
        return None
    return f"{opening.public_url}/hooks/{opening.key}"
