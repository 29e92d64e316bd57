"""What exactly a sign-off signs: one message's content in a fixed shape, and its fingerprint.

Pure. Everything that decides what the public reads, who gets it and who may release it is inside; examples, dates and
the names of owners are not. The ready answers of a playbook are signed together, under a key no message can have.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crisis.playbooks.playbook import Playbook, Slot, Texts, placeholders

ANSWERS = "-answers"  # what is signed under this name are the ready answers, all at once


def content(playbook: Playbook, message_key: str) -> dict[str, Any]:
    """One message, or the answers, as signed, in plain JSON values. The order of channels and audiences means nothing."""
    if message_key == ANSWERS:
        return _answers(playbook)
    message = playbook.messages[message_key]
    # Without pictures there is no such line, so that what was signed before there were any still counts.
    media = {"media": list(message.media)} if message.media else {}
    return {
        **media,
        "playbook": playbook.id,
        "for": playbook.kind,
        "message": message_key,
        "phase": message.phase,
        "authority": message.authority,
        "sendable_minutes": message.sendable_minutes,
        "next_update_minutes": message.next_update_minutes,
        "corrected_by": message.corrected_by,
        "ended_by": message.ended_by,
        "channels": sorted(message.channels),
        "audiences": sorted(message.audiences),
        "texts": {".".join(where): _languages(texts) for where, texts in message.texts()},
        "slots": {name: _slot(slot) for name, slot in playbook.slots_of(message_key).items()},
    }


def _answers(playbook: Playbook) -> dict[str, Any]:
    texts = [text for one in playbook.answers.values() for text in (one.nb, one.nn, one.en)]
    used = {name for text in texts for name in placeholders(text)}
    return {
        "playbook": playbook.id,
        "for": playbook.kind,
        "message": ANSWERS,
        "lanes": {key: one.lane for key, one in playbook.answers.items()},
        "texts": {key: _languages(one) for key, one in playbook.answers.items()},
        "slots": {name: _slot(slot) for name, slot in playbook.slots.items() if name in used},
    }


def canonical(signed: Mapping[str, Any]) -> str:
    """The one JSON text of a content: keys sorted, no spaces, letters as they are."""
    return json.dumps(signed, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(playbook: Playbook, message_key: str) -> str:
    """The fingerprint of one message: SHA-256 of its canonical content, in hex."""
    return digest_of(content(playbook, message_key))


def digest_of(signed: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(signed).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; None where there was or is nothing."""

    where: str
    old: str | None
    new: str | None


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What differs between a signed content and today's, place by place, for a person to read."""
    was, is_ = dict(_flat(old)), dict(_flat(new))
    places = [*was, *(place for place in is_ if place not in was)]
    return [Change(place, was.get(place), is_.get(place)) for place in places if was.get(place) != is_.get(place)]


def _flat(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from _flat(inner, f"{place}.{key}" if place else str(key))
        case list():
            yield place, ", ".join(map(str, value))
        case None:
            pass
        case _:
            yield place, str(value)


def _languages(texts: Texts) -> dict[str, str]:
    # Outer blank lines never leave the house, so they are not signed.
    return {"nb": texts.nb.strip(), "nn": texts.nn.strip(), "en": texts.en.strip()}


def _slot(slot: Slot) -> dict[str, Any]:
    # The label is signed too: it is the question the duty officer answers.
    return {
        "type": slot.type,
        "longest": slot.longest,
        "label": _languages(slot.label),
        "choices": {choice.key: _languages(choice.text) for choice in slot.choices},
        "domains": sorted(slot.domains),
    }
