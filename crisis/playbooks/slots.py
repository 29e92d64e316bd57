"""What a duty officer may write into a slot, and the greatest it can become.

Pure rules. A value that passes here takes no more room on any network than the check in peacetime allowed for, can't
turn into a link or another placeholder, and can't hide characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Literal
from urllib.parse import urlsplit

import phonenumbers

from crisis.channels.base import Size
from crisis.channels.text import counting
from crisis.playbooks.playbook import BUILT_IN, Playbook, Slot
from crisis.settings import Language

Key = Literal[
    "empty", "unknown", "too_long", "characters", "link_in_text", "time", "number", "phone", "choice", "url", "domain"
]

Measure = Callable[[str], Size]

WIDE_LETTER = "å"  # in the SMS alphabet, and as wide as any letter X counts once


class BadSlot(Exception):
    """A value that can't be used. `key` and `facts` are for translating, `say` is the English sentence."""

    def __init__(self, key: Key, say: str, **facts: str | int) -> None:
        super().__init__(say)
        self.key: Key = key
        self.say = say
        self.facts = facts


def check_value(slot: Slot, raw: str, language: Language, link_domains: Sequence[str] = ()) -> str:
    """The value as it will be read, in that language. Raises `BadSlot`."""
    value = unicodedata.normalize("NFC", raw).replace("\xa0", " ").strip(" ")
    if not value.isprintable():  # controls, line breaks, directions, joiners, and what has no shape yet
        raise BadSlot("characters", "no line breaks, tabs or invisible characters; type it on one line")
    value = re.sub(r" +", " ", value)
    if not value:
        raise BadSlot("empty", "this has to be filled in")
    if "{" in value or "}" in value:
        raise BadSlot("characters", "no { or } here; write plain words")
    match slot.type:
        case "text" | "place":
            return _words(slot, value)
        case "time":
            return _time(value)
        case "number":
            return _within(slot, _number(value))
        case "phone":
            return _within(slot, _phone(value))
        case "choice":
            return _choice(slot, value, language)
        case "url":
            return _within(slot, _address(value, slot.domains or tuple(link_domains)))


def check_all(
    playbook: Playbook,
    message_key: str,
    values: Mapping[str, str],
    language: Language,
    link_domains: Sequence[str] = (),
) -> tuple[dict[str, str], dict[str, BadSlot]]:
    """Clean values and errors, by slot, for one message in one language.

    Every slot the message uses must be filled; a name it does not use is an error: somebody expected it to show.
    """
    clean: dict[str, str] = {}
    errors: dict[str, BadSlot] = {}
    slots = playbook.slots_of(message_key)
    for name in values:
        if name not in slots:
            errors[name] = BadSlot("unknown", f"this message has no slot '{name}'")
    for name, slot in slots.items():
        try:
            clean[name] = check_value(slot, values.get(name, ""), language, link_domains)
        except BadSlot as bad:
            errors[name] = bad
    return clean, errors


def widest(slot: Slot, language: Language, measure: Measure, domain: str = "") -> str:
    """The value that takes most room: what the check in peacetime fills in.

    A value outside the SMS alphabet costs more there; the release screen counts it again and says so.
    """
    match slot.type:
        case "text" | "place":
            return WIDE_LETTER * slot.longest
        case "time":
            return "20:00"
        case "number":
            return "8" * slot.longest
        case "phone":
            return "2" * slot.longest
        case "choice":
            texts = [choice.text.in_(language) for choice in slot.choices]
            return max(texts, key=lambda text: (measure(text).alphabet == "UCS-2", _room(text), text))
        case "url":
            return _long_address(slot.domains[0] if slot.domains else domain, slot.longest)


def widest_built_in(name: str, domain: str = "") -> str:
    """The widest of {organisation}, {link} and {next_update}."""
    match name:
        case "link":
            return _long_address(domain, BUILT_IN[name])
        case "next_update":
            return "20:00"
        case _:
            return WIDE_LETTER * BUILT_IN[name]


def _long_address(domain: str, length: int) -> str:
    address = f"https://{domain or 'example.no'}/"
    return address + "x" * (length - len(address))


def _room(text: str) -> int:
    """Room on the network where it takes most: X weighs some characters double, SMS others."""
    return max(len(text), counting.x_weighted(text), counting.septets(text))


def _within(slot: Slot, value: str) -> str:
    over = (len(value) if slot.type == "url" else _room(value)) - slot.longest
    if over > 0:
        raise BadSlot("too_long", f"{over} too long; at most {slot.longest} characters", over=over, most=slot.longest)
    return value


def _words(slot: Slot, value: str) -> str:
    if counting.holds_link(value):
        raise BadSlot("link_in_text", "no web address here; a link needs a slot of its own in the playbook")
    return _within(slot, value)


def _time(value: str) -> str:
    found = re.fullmatch(r"([01]?\d|2[0-3])[:.]?([0-5]\d)", value)
    if not found or not value.isascii():
        raise BadSlot("time", "write the time as 14:30")
    return f"{int(found[1]):02}:{found[2]}"


def _number(value: str) -> str:
    digits = value.replace(" ", "")
    if not re.fullmatch(r"[0-9]+", digits):
        raise BadSlot("number", "write a whole number in digits")
    return str(int(digits))


def _phone(value: str) -> str:
    try:
        number = phonenumbers.parse(value, "NO")
    except phonenumbers.NumberParseException:
        raise BadSlot("phone", "this is no phone number; write it like 23 00 00 50") from None
    if number.extension:
        raise BadSlot("phone", "no extension; write a number people can call directly")
    if number.country_code == 47 and phonenumbers.is_valid_short_number_for_region(number, "NO"):
        return phonenumbers.national_significant_number(number)  # 113, 116117: said as they are
    if not phonenumbers.is_valid_number(number):
        raise BadSlot("phone", "nobody has this number; look at the digits again")
    home = number.country_code == 47
    shape = phonenumbers.PhoneNumberFormat.NATIONAL if home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, shape)


def _choice(slot: Slot, value: str, language: Language) -> str:
    for choice in slot.choices:
        if choice.key == value:
            return choice.text.in_(language)
    raise BadSlot("choice", f"choose one of: {', '.join(choice.text.in_(language) for choice in slot.choices)}")


def _address(value: str, domains: Sequence[str]) -> str:
    try:
        parts = urlsplit(value)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise BadSlot("url", "this is no web address; copy it from the browser") from None
    if parts.scheme != "https" or not host:
        raise BadSlot("url", "write a web address that starts with https://")
    # Characters outside these end the link early on some network, or make it look like another site.
    if parts.username is not None or port is not None or not re.fullmatch(r"[A-Za-z0-9._~:/?#@!$&()*+,;=%-]+", value):
        raise BadSlot("url", "no user name, port or unusual letters in the address; copy it from the browser")
    if not any(host == domain or host.endswith(f".{domain}") for domain in (d.lower() for d in domains)):
        known = ", ".join(domains) or "none"
        raise BadSlot("domain", f"only our own web sites may be linked to: {known}", domains=known)
    return value
