"""SMS through Twilio. How Twilio is called, and how its webhooks are proven, stands in `calls`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from crisis.channels.base import Accepted, Facts, Health, Hook, HookEvents, Outgoing
from crisis.channels.opening import Opening
from crisis.channels.text.counting import sms_size
from crisis.channels.twilio.calls import Twilio, comparable
from crisis.channels.twilio.options import TextOptions, one_sender

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


class Options(TextOptions):
    """The keys of an SMS account in crisis.toml."""

    from_number: str | None = Field(default=None, min_length=3, max_length=20, description="number, short code or name")
    messaging_service_sid: str | None = Field(default=None, pattern=r"^MG[0-9a-fA-F]{32}$", description="sender pool")
    smart_encoded: bool = Field(default=False, description="let Twilio replace look-alikes outside the SMS alphabet")
    message_intent: str | None = Field(default=None, description="MessageIntent, so that US quiet hours do not hold it")
    risk_check: Literal["enable", "disable"] | None = Field(default=None, description="Twilio's fraud guard")

    @model_validator(mode="after")
    def _one_sender(self) -> Options:
        one_sender(self.from_number, self.messaging_service_sid)
        return self


class Sms:
    """One open SMS account. It belongs to the event loop that first sends with it."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        self._options: Options = opening.options
        self._twilio = Twilio(opening, FACTS.concurrency)

    async def send(self, out: Outgoing) -> Accepted:
        """Hand one text to Twilio. Raises one of the five `SendError`s."""
        options = self._options
        message = await self._twilio.create(
            out.address,
            out,
            body=out.text,
            from_=options.from_number,
            messaging_service_sid=options.messaging_service_sid,
            smart_encoded=options.smart_encoded or None,
            message_intent=options.message_intent,
            risk_check=options.risk_check,
        )
        parts = int(message.num_segments) if str(message.num_segments).isdigit() else 0
        return Accepted(message.sid, parts=parts or sms_size(out.text).parts)  # a service says 0 at first

    async def find(self, out: Outgoing) -> Accepted | None:
        """Look for an earlier attempt among the messages to this number; two that fit are not guessed between."""
        wanted = self._comparable(out.text)
        return await self._twilio.find(out.address, out, lambda body: self._comparable(body) == wanted)

    async def check(self) -> Health:
        return await self._twilio.check()

    async def probe(self) -> Health:
        return await self._twilio.probe(self._options.from_number, "sms")

    def read_hook(self, hook: Hook) -> HookEvents:
        """Receipts and texts from people. Raises `BadSignature`."""
        return self._twilio.read_hook(hook)

    async def close(self) -> None:
        await self._twilio.close()

    def _comparable(self, text: str) -> str:
        """Smart encoding swaps punctuation, so then only letters are compared."""
        plain = comparable(text)
        return "".join(filter(str.isalnum, plain)) if self._options.smart_encoded else plain
