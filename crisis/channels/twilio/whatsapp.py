"""WhatsApp through Twilio: statements inside approved templates, free text to people who wrote within a day.

WhatsApp lets an organisation begin only with a template it has approved beforehand, so each language has one template
with a single place, and the frozen text goes into that place whole. The words around it stand in crisis.toml, are
compared with the template at Twilio, and are as fixed as the rest: nothing that was not read beforehand is said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from crisis.channels.base import Accepted, Facts, Health, Hook, HookEvents, Outgoing, Rejected, SendError, Size
from crisis.channels.calling import Caller
from crisis.channels.opening import Opening
from crisis.channels.twilio.calls import Twilio, comparable
from crisis.channels.twilio.http import basic
from crisis.channels.twilio.options import TWILIO, TextOptions, one_sender
from crisis.channels.twilio.sms_words import refusal
from crisis.sentence import Sentence
from crisis.settings import Frozen, Language

PLACE = "{{1}}"
LONGEST_BODY = 1024  # characters of a template with its values (WhatsApp docs, template body)
ROOM = 900  # of those for the frozen text; the rest is for the fixed words around it
STATEMENTS = frozenset({"initial", "update", "correction", "all_clear", "call_out"})  # we begin; else we answer
_REFUSED_IN_PLACE = re.compile(r"[\n\r\t]| {5,}")  # WhatsApp docs, template parameters


def measure(text: str) -> Size:
    """Characters for the place in a template. A line break does not fit at all: WhatsApp refuses it there."""
    if _REFUSED_IN_PLACE.search(text):
        note = Sentence("a WhatsApp template takes no line breaks; write the short text as one paragraph")
        return Size(max(len(text), ROOM + 1), ROOM, "characters", note=note)
    return Size(len(text), ROOM, "characters")


FACTS = Facts(
    name="whatsapp",
    label="WhatsApp",
    form="short",
    medium="phone",
    public=False,
    repeat_safe=False,  # Twilio's POST Messages has no idempotency parameter
    threads=False,
    receipts=True,
    pace=80,  # Twilio docs, WhatsApp: 80 messages a second for each sender
    concurrency=50,
    measure=measure,
)


class Template(Frozen):
    """One approved template: its name at Twilio and the words it must hold, with {{1}} where the text goes."""

    sid: str = Field(pattern=r"^HX[0-9a-fA-F]{32}$", description="the content template")
    body: str = Field(max_length=LONGEST_BODY - ROOM + len(PLACE), description="its words, with {{1}} for the text")

    @model_validator(mode="after")
    def _one_place(self) -> Template:
        if self.body.count(PLACE) != 1 or "{{" in self.body.replace(PLACE, ""):
            msg = "write the template's words with exactly one place, {{1}}, where the statement goes"
            raise ValueError(msg)
        return self

    def around(self, text: str) -> str:
        """What the receiver reads."""
        return self.body.replace(PLACE, text)


class Options(TextOptions):
    """The keys of a WhatsApp account in crisis.toml."""

    from_number: str | None = Field(default=None, pattern=r"^\+[1-9][0-9]{6,14}$", description="the sender's number")
    messaging_service_sid: str | None = Field(default=None, pattern=r"^MG[0-9a-fA-F]{32}$", description="sender pool")
    templates: Mapping[Language, Template] = Field(min_length=1, description="the approved template of each language")
    content_url: str | None = Field(default=None, pattern=r"^https?://[^\s/]+$", description="where templates are kept")

    @model_validator(mode="after")
    def _one_sender(self) -> Options:
        one_sender(self.from_number, self.messaging_service_sid)
        return self


class WhatsApp:
    """One open WhatsApp sender. It belongs to the event loop that first sends with it."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        self._options: Options = opening.options
        self._languages = opening.languages
        self._twilio = Twilio(opening, FACTS.concurrency)
        self._contents = Caller(
            _content_url(self._options),
            connect=self._options.connect_seconds,
            read=self._options.read_seconds,
            connections=2,
            headers={"Authorization": basic(*self._twilio.credentials)},
        )

    async def send(self, out: Outgoing) -> Accepted:
        """Hand one message to Twilio: a statement in its template, an answer as free text.

        Whether the person wrote within a day only WhatsApp knows; outside of it the answer is refused with 63016, at
        once or in a receipt. Raises one of the five `SendError`s.
        """
        number = self._options.from_number
        sender = {
            "from_": f"whatsapp:{number}" if number else None,
            "messaging_service_sid": self._options.messaging_service_sid,
        }
        message = await self._twilio.create(f"whatsapp:{out.address}", out, **sender, **self._content(out))
        return Accepted(message.sid)

    async def find(self, out: Outgoing) -> Accepted | None:
        """Look for an earlier attempt among the messages to this person; two that fit are not guessed between.

        Twilio shows a template filled in; should it show only what went into it, that is recognised too.
        """
        wanted = {comparable(out.text)}
        if out.phase in STATEMENTS:
            wanted.add(comparable(self._template(out.language).around(out.text)))
        return await self._twilio.find(f"whatsapp:{out.address}", out, lambda body: comparable(body) in wanted)

    async def check(self) -> Health:
        """Are the keys alive, and is every template approved, in its language and word for word what we expect?"""
        health = await self._twilio.check()
        if not health.ok:
            return health
        try:
            wrong = [say for language in self._languages if (say := await self._wrong(language))]
        except SendError as error:
            return Health(ok=False, say=f"could not read the templates: {error.say}")
        return Health(ok=False, say="; ".join(wrong)) if wrong else health

    def read_hook(self, hook: Hook) -> HookEvents:
        """Receipts and messages from people. Raises `BadSignature`."""
        return self._twilio.read_hook(hook)

    async def close(self) -> None:
        await self._twilio.close()
        await self._contents.close()

    def _content(self, out: Outgoing) -> dict[str, str]:
        if out.phase not in STATEMENTS:
            return {"body": out.text}
        if _REFUSED_IN_PLACE.search(out.text):
            raise Rejected(
                "a WhatsApp template takes no line breaks; write the short text as one paragraph", code="shape"
            )
        variables = json.dumps({"1": out.text}, ensure_ascii=False)
        return {"content_sid": self._template(out.language).sid, "content_variables": variables}

    def _template(self, language: str) -> Template:
        found: Template | None = dict(self._options.templates).get(language)  # type: ignore[call-overload]
        if found is None:
            raise Rejected(
                f"no WhatsApp template for the language {language}; name one in crisis.toml", code="template"
            )
        return found

    async def _wrong(self, language: str) -> str:
        """Why the template of one language can't be used; empty when it can."""
        try:
            expected = self._template(language)
            content = await self._contents.ask("GET", f"/v1/Content/{expected.sid}", codes=refusal)
            path = f"/v1/Content/{expected.sid}/ApprovalRequests"
            approval = (await self._contents.ask("GET", path, codes=refusal)).get("whatsapp") or {}
        except Rejected as error:
            return f"template {language}: {error.say}"
        if body_of(content) != expected.body:
            return f"template {language}: its words at Twilio are not those in crisis.toml; compare the two"
        if not str(content.get("language") or "").lower().startswith(("no", "nb", "nn") if language != "en" else "en"):
            return f"template {language}: Twilio has it as language {content.get('language')}"
        if (status := str(approval.get("status") or "unsubmitted")) != "approved":
            return f"template {language}: WhatsApp says {status}; until it says approved, nothing leaves in {language}"
        return ""


def body_of(content: Mapping[str, Any]) -> str:
    """The words of a content template (Twilio Content API, types): plain text, or text under another form of ours."""
    types = content.get("types")
    text = types.get("twilio/text") if isinstance(types, dict) and len(types) == 1 else None
    return str(text.get("body", "")) if isinstance(text, dict) else ""


def _content_url(options: Options) -> str:
    """Twilio's own for Twilio's own; a stand-in serves both."""
    if options.content_url:
        return options.content_url
    if options.base_url == TWILIO:
        return "https://content.twilio.com"
    parts = urlsplit(options.base_url)
    return f"{parts.scheme}://{parts.netloc}"
