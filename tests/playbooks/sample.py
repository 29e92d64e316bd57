"""A small playbook that is right in every way, as text to spoil and as a record to use."""

from __future__ import annotations

from datetime import date

from crisis.playbooks.playbook import Playbook
from crisis.playbooks.read import read_text

TODAY = date(2026, 11, 1)


def _message(key: str, phase: str, more: str = "") -> str:
    ended = "" if phase == "all_clear" else 'ended_by = "all_clear"\n'
    return f"""
[messages.{key}]
phase = "{phase}"
authority = "single"
sendable_minutes = 180
next_update_minutes = 60
corrected_by = "correction"
{ended}channels = ["page", "x", "sms", "email"]
audiences = ["staff", "press"]
title = {{ nb = "Brann ved {{place}}", nn = "Brann ved {{place}}", en = "Fire at {{place}}" }}
[messages.{key}.short]
nb = "{{organisation}}: Brann ved {{place}}. {{ward}} er stengt. Ring {{phone}}. Nytt kl. {{next_update}}. {{link}}"
nn = "{{organisation}}: Brann ved {{place}}. {{ward}} er stengd. Ring {{phone}}. Nytt kl. {{next_update}}. {{link}}"
en = "{{organisation}}: Fire at {{place}}. {{ward}} is closed. Call {{phone}}. Next update {{next_update}}. {{link}}"
[messages.{key}.full]
nb = \"\"\"
Det brenner ved {{place}}.

Gå ut. Se {{link}}.
\"\"\"
nn = "Det brenn ved {{place}}. Sjå {{link}}."
en = "There is a fire at {{place}}. See {{link}}."
[messages.{key}.voice]
nb = "Det brenner ved {{place}}."
nn = "Det brenn ved {{place}}."
en = "There is a fire at {{place}}."
{more}"""


HEAD = """
id = "fire"
for = "hospital"
owner = "Kommunikasjonsdirektøren"
reviewed = 2026-10-01
valid_until = 2027-10-01
title = { nb = "Brann", nn = "Brann", en = "Fire" }
staff_note = { nb = "Si lite.", nn = "Sei lite.", en = "Say little." }

[slots.place]
type = "place"
max = 20
label = { nb = "Hvor?", nn = "Kvar?", en = "Where?" }

[slots.phone]
type = "phone"
label = { nb = "Telefon", nn = "Telefon", en = "Phone" }

[slots.ward]
type = "choice"
label = { nb = "Hva er stengt?", nn = "Kva er stengt?", en = "What is closed?" }
[[slots.ward.choices]]
key = "maternity"
text = { nb = "Føden", nn = "Føden", en = "The maternity ward" }
[[slots.ward.choices]]
key = "er"
text = { nb = "Akutten", nn = "Akutten", en = "The ER" }
"""

TAIL = """
[answers.safe]
lane = "question"
nb = "Alle er trygge. Ring {phone}."
nn = "Alle er trygge. Ring {phone}."
en = "Everybody is safe. Call {phone}."

[[checklist]]
minute = 0
nb = "Slipp første melding."
nn = "Slepp første melding."
en = "Release the first message."
"""

OVERRIDE = """[messages.initial.override.x]
nb = "Brann ved {place}. {link}"
nn = "Brann ved {place}. {link}"
en = "Fire at {place}. {link}"
"""

SOURCE = (
    HEAD
    + _message("initial", "initial", OVERRIDE)
    + _message("update", "update")
    + _message("correction", "correction")
    + _message("all_clear", "all_clear")
    + TAIL
)

VALUES = {
    "organisation": "Helse Nord",
    "link": "https://helse.no/i/1",
    "next_update": "14:30",
    "place": "Oslo S",
    "phone": "23 00 00 50",
    "ward": "Føden",
}


def playbook(old: str = "", new: str = "", count: int = -1) -> Playbook:
    """The sample, or the sample with `old` replaced by `new`."""
    return read_text(spoiled(old, new, count), "fire")


def spoiled(old: str, new: str, count: int = -1) -> str:
    assert old in SOURCE, "the sample no longer holds the words this test replaces"
    return SOURCE.replace(old, new, count) if old else SOURCE
