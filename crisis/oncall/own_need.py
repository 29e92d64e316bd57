"""Calling people in, and writing to those who come, in words of one's own: a playbook that stands here and in no file.

Nobody ever signs it off, and its messages ask for a second person, so its words never leave on one officer's yes. It
works when the playbook of the incident cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping

from crisis.playbooks.playbook import Playbook
from crisis.settings import LANGUAGES

ID = "own-need"  # what its broadcasts name as their playbook
NEED, MESSAGE = "own_need", "to_those_coming"
LONGEST = 140  # characters of one's own words: with the question and the exercise words they still fit a text

_LABEL = {"nb": "Med dine ord", "nn": "Med dine ord", "en": "In your own words"}


def _message(title: Mapping[str, str]) -> dict[str, object]:
    said = {language: f"{{organisation}}: {{words_{language}}}" for language in LANGUAGES}
    return {
        "phase": "call_out",
        "authority": "dual",
        "sendable_minutes": 720,
        "next_update_minutes": 0,
        "channels": ["sms", "whatsapp", "email", "voice"],
        "title": title,
        "short": said,
        "full": said,
        "voice": {language: f"{{words_{language}}}" for language in LANGUAGES},
    }


PLAYBOOK = Playbook.model_validate(
    {
        "id": ID,
        "for": "hospital",  # any unit may use it; the field is there for files
        "owner": "Crisis",
        "reviewed": "2026-01-01",
        "valid_until": "9999-12-31",
        "title": {"nb": "Med egne ord", "nn": "Med eigne ord", "en": "In your own words"},
        "slots": {f"words_{language}": {"type": "text", "max": LONGEST, "label": _LABEL} for language in LANGUAGES},
        "messages": {
            NEED: _message({"nb": "Innkalling", "nn": "Innkalling", "en": "Call-out"}),
            MESSAGE: _message(
                {"nb": "Til deg som kommer", "nn": "Til deg som kjem", "en": "To you who are coming"},
            ),
        },
        "staff_note": {"nb": "–", "nn": "–", "en": "–"},
    }
)


def slots(told: Mapping[str, str]) -> dict[str, str]:
    """What was typed, by language; a language left empty takes the words of the first that was filled in."""
    typed = {language: told.get(f"words_{language}", "").strip() for language in LANGUAGES}
    first = next((words for words in typed.values() if words), "")
    return {f"words_{language}": words or first for language, words in typed.items()}
