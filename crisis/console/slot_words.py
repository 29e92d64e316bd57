"""What is wrong with a filled-in value, said in the reader's language. The rules themselves stand in playbooks/slots.py."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext

from crisis.playbooks.slots import BadSlot, Key
from crisis.sentence import N_

WORDS: Mapping[Key, str] = {
    "empty": N_("This has to be filled in."),
    "unknown": N_("This message has no such field."),
    "too_long": N_("%(over)d too long; at most %(most)d characters."),
    "characters": N_("Plain words on one line: no line breaks, braces or invisible characters."),
    "link_in_text": N_("No web address here; a link needs a field of its own in the playbook."),
    "time": N_("Write the time as 14:30."),
    "number": N_("Write a whole number in digits."),
    "phone": N_("This is no phone number that people can call. Write it like 23 00 00 50."),
    "choice": N_("Choose one of these."),
    "url": N_("This is no web address we can send. Copy it from the browser; it starts with https://"),
    "domain": N_("Only our own web sites may be linked to: %(domains)s"),
}


def in_words(bad: BadSlot) -> str:
    return str(gettext(WORDS[bad.key], **bad.facts))
