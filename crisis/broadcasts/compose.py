"""The words of a broadcast: a playbook message with its slots filled, per channel and language, exactly as they leave.

The same function makes the preview and the frozen text, so what was seen is what is sent. Nothing is stored here.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from crisis.broadcasts.questions import as_long_as_sent, with_question
from crisis.channels.base import Facts, Size
from crisis.channels.page.adapter import page_url
from crisis.channels.registry import FACTS
from crisis.media.store import Kept
from crisis.models import Account, Broadcast
from crisis.playbooks.fill import Rendered, Unfilled, Unwritten, as_drill, render
from crisis.playbooks.playbook import PLACEHOLDER, Playbook
from crisis.playbooks.slots import BadSlot, check_all
from crisis.settings import LANGUAGES, Language, Settings
from crisis.states import Mode, Purpose

ROUND_MINUTES = 5  # a promise of 04:12 sounds like a machine; 04:15 can be kept

UNREADABLE = frozenset("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\u202a\u202b\u202d\u202e\u2066\u2067\u2068")


@dataclass(frozen=True, slots=True)
class Words:
    """One text as it leaves, and how much room it takes."""

    channel: str
    language: Language
    title: str
    text: str
    size: Size
    plain: str = ""  # without the exercise words: what an officer edits
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that stands in the way, and where. A sentence apart from its facts can be said in any language."""

    say: str
    facts: Mapping[str, str | int] = field(default_factory=dict)
    channel: str = ""
    language: str = ""

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.channel and FACTS[self.channel].label, self.language) if part)
        said = self.say % self.facts
        return f"{where}: {said}" if where else said


@dataclass(frozen=True, slots=True)
class Piece:
    """One picture or film as it leaves with a text. `item_id` is None for a card drawn of the words."""

    file: Kept
    alt: str
    title: str
    item_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """All texts of a broadcast by channel and language, what they carry, and all that stands in the way of sending them."""

    texts: Mapping[tuple[str, Language], Words] = field(default_factory=dict)
    slot_errors: Mapping[str, BadSlot] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    next_update_at: datetime | None = None
    media: Mapping[tuple[str, Language], Sequence[Piece]] = field(default_factory=dict)
    notes: Sequence[Problem] = ()  # what stands in nobody's way, but somebody should know
    left_out: frozenset[str] = frozenset()  # channels that can't take this broadcast; the rest goes on

    @property
    def ready(self) -> bool:
        return not self.slot_errors and not self.problems and bool(self.texts)


def compose(
    settings: Settings, playbook: Playbook, broadcast: Broadcast, unit_key: str, channels: Iterable[str], now: datetime
) -> Composed:
    """Every channel in every language. Mistakes are gathered, not raised, so that a screen can show them all."""
    message = playbook.messages[broadcast.message]
    unit = settings.unit(unit_key)
    next_update_at = promised(now, message.next_update_minutes)
    if broadcast.edits and broadcast.next_update_at is not None:
        next_update_at = broadcast.next_update_at  # a text written by hand has the clock time in it
    texts: dict[tuple[str, Language], Words] = {}
    slot_errors: dict[str, BadSlot] = {}
    problems: list[Problem] = []
    link = incident_link(settings, unit_key, broadcast.mode, broadcast.incident_id.hex if broadcast.incident_id else "")
    for language in LANGUAGES:
        values, errors = check_all(playbook, broadcast.message, broadcast.slots, language, unit.link_domains)
        slot_errors.update(errors)
        values["organisation"] = unit.name
        if link:
            values["link"] = link
        if next_update_at is not None:
            values["next_update"] = next_update_at.astimezone(unit.tz).strftime("%H:%M")
        if errors:
            continue
        for channel in channels:
            facts = FACTS[channel]
            try:
                rendered = render(playbook, broadcast.message, facts, language, values)
            except Unfilled as unfilled:
                problems.append(Problem("no value for %(names)s", {"names": ", ".join(unfilled.names)}, channel))
                continue
            except Unwritten:
                problems.append(Problem("the playbook has no text for this channel", channel=channel))
                continue
            words = _finish(broadcast, facts, language, rendered, settings.console.public_url)
            if words.size.over:
                over: dict[str, str | int] = {"over": words.size.over, "unit": words.size.unit}
                problems.append(Problem("%(over)d %(unit)s too many", over, channel, language))
            if UNREADABLE & set(words.text):
                problems.append(Problem("invisible control characters in the text", {}, channel, language))
            texts[channel, language] = words
    if next_update_at is not None and next_update_at <= now:
        problems.append(Problem("the text edited by hand promises an update at a time that has passed; edit it again"))
    unique = {str(problem): problem for problem in problems}
    return Composed(texts, slot_errors, tuple(unique.values()), next_update_at)


def _finish(broadcast: Broadcast, facts: Facts, language: Language, rendered: Rendered, public_url: str) -> Words:
    """An officer's own edit in place of the playbook's words, a call-out's question, the exercise words around a drill."""
    edit = broadcast.edits.get(facts.name, {}).get(language)
    edited = edit is not None and edit.strip() != rendered.text.strip()
    if edited:
        rendered = Rendered(rendered.title, edit.strip())
    plain = rendered.text
    if broadcast.purpose is Purpose.CALL_OUT and broadcast.follows_id is None:  # those who come are not asked again
        rendered = with_question(rendered, facts, language)
    if broadcast.mode is Mode.DRILL:
        rendered = as_drill(rendered, language, facts.form)
    size = facts.measure(as_long_as_sent(rendered.text, public_url))
    return Words(facts.name, language, rendered.title, rendered.text, size, plain=plain, edited=edited)


def promised(now: datetime, minutes: int) -> datetime | None:
    """When the next update is promised: `minutes` from now, rounded up to a time people say; None for no promise."""
    if minutes == 0:
        return None
    exact = now + timedelta(minutes=minutes)
    step = timedelta(minutes=ROUND_MINUTES)
    whole = exact.replace(minute=0, second=0, microsecond=0)
    return whole + -(-(exact - whole) // step) * step


def incident_link(settings: Settings, unit_key: str, mode: Mode, incident_id: str) -> str:
    """The address of the incident's own page in the unit; empty when the unit has no page account of that mode."""
    for account in settings.accounts:
        if account.unit == unit_key and account.channel == "page" and account.mode == mode and account.options:
            return page_url(account.options.public_url, incident_id)
    return ""


def loosely(text: str, values: Mapping[str, str]) -> str:
    """A text for our own people with what is known filled in, and dots for the rest. Never leaves the house."""
    return PLACEHOLDER.sub(lambda found: values.get(found[1], "\u2026"), text).strip()


def channels_of(accounts: Iterable[Account]) -> list[str]:
    """The channels of some accounts, each once, in order."""
    return list(dict.fromkeys(account.channel for account in accounts))
