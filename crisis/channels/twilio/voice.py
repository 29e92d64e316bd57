"""Telephone calls through Twilio. How Twilio is called, and how its webhooks are proven, stands in `calls`.

What is said first travels with the order to call, so that nobody hears silence while our own web server is away. A call
that takes no key ends by saying the text once more, which is what a voicemail keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from pydantic import Field

from crisis.channels.base import (
    Accepted,
    Facts,
    Health,
    Hook,
    HookEvents,
    Misconfigured,
    Outgoing,
    Press,
    Rejected,
    Size,
    Speech,
)
from crisis.channels.opening import Opening
from crisis.channels.twilio.calls import Twilio
from crisis.channels.twilio.options import TwilioOptions
from crisis.channels.twilio.speaking import spoken
from crisis.channels.twilio.twiml import LONGEST, VOICES, Keys, Line, script
from crisis.channels.twilio.voice_words import is_machine, receipt, words
from crisis.settings import LANGUAGES, Language

LONGEST_TEXT = 1_500  # characters; it stands in the markup twice, beside the menu and all markup
PIN_DIGITS = 8
SILENCE = "<Response/>"


def measure(text: str) -> Size:
    """Characters as they are read out and marked up: numbers and abbreviations take more room spoken than written."""
    return Size(max(len(escape(spoken(text, one))) for one in LANGUAGES), LONGEST_TEXT, "characters")


FACTS = Facts(
    name="voice",
    label="Telephone",
    form="voice",
    medium="phone",
    public=False,
    repeat_safe=False,  # Twilio's POST Calls has no idempotency parameter
    threads=False,
    receipts=True,
    pace=1,  # Twilio docs, Voice: one call a second for each account, unless it was raised
    concurrency=50,
    measure=measure,
)


class Options(TwilioOptions):
    """The keys of a voice account in crisis.toml."""

    from_number: str = Field(pattern=r"^\+[1-9][0-9]{6,14}$", description="the number calls come from")
    ring_seconds: int = Field(default=30, ge=5, le=120, description="how long a phone rings")
    key_seconds: int = Field(default=8, ge=3, le=30, description="how long a key is waited for")
    detect_machines: bool = Field(default=True, description="let Twilio guess whether a machine answered")
    voices: Mapping[Language, str] = Field(default=VOICES, description="Twilio's voice of each language")
    fallback_url: str | None = Field(
        default=None, pattern=r"^https?://[^\s]+$", description="what Twilio says when our address is away"
    )


class Voice:
    """One open voice account. It belongs to the event loop that first calls with it."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        self._options: Options = opening.options
        self._voices: dict[str, str] = dict((*VOICES.items(), *self._options.voices.items()))
        self._twilio = Twilio(opening, FACTS.concurrency)

    async def send(self, out: Outgoing) -> Accepted:
        """Have one phone rung. Raises one of the five `SendError`s.

        Machines are told apart beside the call, which speaks at once: a guess may be wrong and costs seconds of
        silence (Twilio docs, answering machine detection). It labels the call; only a key is an answer.
        """
        options = self._options
        detect = options.detect_machines and self._twilio.hooks is not None
        call = await self._twilio.call(
            out,
            from_=options.from_number,
            twiml=self.prompt(out),
            timeout=options.ring_seconds,
            status_callback_event=["ringing", "answered", "completed"] if self._twilio.hooks else None,
            machine_detection="Enable" if detect else None,
            async_amd="true" if detect else None,
            async_amd_status_callback=self._twilio.address("machine", out.reference) if detect else None,
            fallback_url=options.fallback_url,
        )
        return Accepted(call.sid)

    def prompt(self, out: Outgoing) -> str:
        """What the phone says when it is taken. Raises `Rejected` when it is too long, `Misconfigured` when nobody could answer."""
        said, text = words(out.language), spoken(out.text, out.language)
        frame = [said.exercise] if out.mode == "drill" else []
        caller = said.caller.format(organisation=spoken(out.organisation, out.language)) if out.organisation else ""
        first = [Line(" ".join([*frame, caller]).strip()), Line(text, times=2)]
        last = [Line(sentence) for sentence in frame]
        if not out.asks:
            return _fitting(script([line for line in first if line.text] + last, out.language, self._voices, wait=True))
        step, digits = ("pin", PIN_DIGITS) if out.needs_pin else ("menu", 1)
        action = self._twilio.address("voice", out.reference, step)
        if action is None:
            say = "nobody could answer the call, because console.public_url is this machine only"
            raise Misconfigured(say, code="no_address")
        asked = Line(said.pin if out.needs_pin else said.menus[out.asks])
        closing = [Line(f"{said.unanswered} {said.call_back}"), *last]
        lines = [line for line in (*first, asked) if line.text]
        keys = Keys(action, digits, self._options.key_seconds)
        whole = script(lines, out.language, self._voices, keys=keys, then=[Line(text), *closing], wait=True)
        if len(whole) <= LONGEST:
            return whole
        # Too long to be said a third time, for a voicemail: what it kept of the first two must do.
        return _fitting(script(lines, out.language, self._voices, keys=keys, then=closing, wait=True))

    async def find(self, out: Outgoing) -> Accepted | None:
        """Look for an earlier attempt among the calls to this phone; two are not guessed between."""
        return await self._twilio.find_call(out)

    async def check(self) -> Health:
        return await self._twilio.check(calls=True)

    async def probe(self) -> Health:
        return await self._twilio.probe(self._options.from_number, "voice")

    def read_hook(self, hook: Hook) -> HookEvents:
        """Receipts at .../status, keys at .../voice, machines at .../machine, calls to us at .../inbound.

        Raises `BadSignature`. Anything else is proven and then ignored.
        """
        self._twilio.prove(hook)
        address, fields = urlsplit(hook.url), dict(hook.form)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        attempt, kind = query.get("attempt"), address.path.rstrip("/").rpartition("/")[2]
        if not fields.get("CallSid"):
            return HookEvents()
        if kind == "status":
            return HookEvents(receipts=(receipt(fields, attempt),))
        press = _press(kind, fields, attempt, query.get("step", ""))
        return HookEvents(presses=(press,), answer=SILENCE, content_type="text/xml") if press else HookEvents()

    def speech(self, hook: Hook, press: Press, next_: Speech) -> str:  # noqa: ARG002 - the contract gives it to all
        """What the caller hears next; the call ends with it unless something is asked."""
        lines = [Line(spoken(one, next_.language)) for one in next_.say if one.strip()]
        keys = None
        if next_.ask and (action := self._twilio.address("voice", press.reference, next_.ask)):
            keys = Keys(action, next_.digits, self._options.key_seconds, required=True)
        first = [Line(spoken(one, language), language=language) for language, one in next_.first if one.strip()]
        return script(lines, next_.language, self._voices, keys=keys, first=first)

    async def close(self) -> None:
        await self._twilio.close()


def _press(kind: str, fields: Mapping[str, str], attempt: str | None, step: str) -> Press | None:
    """What happened on the phone; None for what is no hook of calls."""
    incoming = fields.get("Direction", "").startswith("inbound")
    sid, author, digits = fields["CallSid"], fields.get("From" if incoming else "To", ""), fields.get("Digits", "")
    match kind:
        case "voice":
            return Press(sid, "digits" if digits else "none", attempt, author, digits[:20], step)
        case "machine" if answered_by := fields.get("AnsweredBy", ""):
            return Press(sid, "machine" if is_machine(answered_by) else "answered", attempt, author)
        case "inbound":
            return Press(sid, "incoming", None, fields.get("From", ""))
        case _:
            return None


def _fitting(markup: str) -> str:
    if len(markup) > LONGEST:
        over = len(markup) - LONGEST
        raise Rejected(f"{over} characters too long to be said in a call", code="too_long")
    return markup
