"""Reads the markup a call is told to follow, and checks it against Twilio's published verbs and attributes.

Stricter than Twilio, which warns and carries on: a misspelt attribute must not pass here and be ignored for real.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

LONGEST_SAY = 4_096
_GATHER = (
    "input action method timeout speechTimeout maxSpeechTime profanityFilter finishOnKey numDigits partialResultCallback "
    "partialResultCallbackMethod language hints bargeIn debug actionOnEmptyResult speechModel enhanced"
)
ATTRIBUTES: dict[str, frozenset[str]] = {
    "Response": frozenset(),
    "Gather": frozenset(_GATHER.split()),
    "Say": frozenset({"voice", "loop", "language"}),
    "Play": frozenset({"loop", "digits"}),
    "Pause": frozenset({"length"}),
    "Redirect": frozenset({"method"}),
    "Hangup": frozenset(),
    "Reject": frozenset({"reason"}),
}
"""Twilio's TwiML reference for Programmable Voice: the verbs that are played here."""
UNPLAYED = frozenset(
    {"Connect", "Dial", "Echo", "Enqueue", "Leave", "Pay", "Prompt", "Queue", "Record", "Refer", "Sms", "Start", "Stop"}
)
IN_GATHER = frozenset({"Say", "Play", "Pause"})
LOCALES = frozenset({"nb-NO", "en-GB", "en-US", "sv-SE", "da-DK", "de-DE", "fi-FI", "fr-FR", "es-ES", "pl-PL"})
VOICES: dict[str, str] = {
    "Polly.Liv": "nb-NO",
    "Polly.Ida-Neural": "nb-NO",
    **dict.fromkeys(("Polly.Amy", "Polly.Amy-Neural", "Polly.Brian", "Polly.Brian-Neural"), "en-GB"),
    **dict.fromkeys(("Polly.Emma", "Polly.Emma-Neural"), "en-GB"),
    **dict.fromkeys(("Polly.Joanna", "Polly.Joanna-Neural", "Polly.Matthew", "Polly.Matthew-Neural"), "en-US"),
}
_GOOGLE = re.compile(r"Google\.([a-z]{2}-[A-Z]{2})-(?:Standard|Wavenet|Neural2|Chirp3-HD)-\w+")
_OLD_VOICES = {"man", "woman", "alice"}


class Broken(Exception):
    """The markup cannot be followed: Twilio's number and what is wrong."""

    def __init__(self, code: int, reason: str) -> None:
        """With the number of Twilio's error dictionary."""
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Verb:
    """One step of a call."""

    name: str
    given: dict[str, str]
    text: str = ""
    inner: tuple["Verb", ...] = field(default=())


def read(markup: str) -> tuple[Verb, ...]:
    """The steps of a call. Raises Broken."""
    if "<!DOCTYPE" in markup or "<!ENTITY" in markup:
        raise Broken(12100, "no document type is allowed")
    try:
        root = ET.fromstring(markup)  # noqa: S314 - entities were refused above
    except ET.ParseError as error:
        raise Broken(12100, f"not XML: {error}") from error
    if root.tag != "Response":
        raise Broken(12102, f"the root is <{root.tag}> and must be <Response>")
    return _verb(root, frozenset(ATTRIBUTES) - {"Response"}).inner


def _verb(element: ET.Element, allowed_inside: frozenset[str]) -> Verb:
    name, given = element.tag, dict(element.attrib)
    if unknown := sorted(set(given) - ATTRIBUTES[name]):
        raise Broken(12200, f"<{name}> has no attribute {', '.join(unknown)}")
    for attribute, value in given.items():
        code, good = _VALUES.get((name, attribute), (0, None))
        if good is not None and not good(value):
            raise Broken(code, f"<{name} {attribute}={value!r}> is not allowed")
    inner = []
    for child in element:
        if child.tag not in ATTRIBUTES and child.tag not in UNPLAYED:
            raise Broken(12200, f"there is no verb <{child.tag}>")
        if child.tag in UNPLAYED:
            raise Broken(12200, f"this simulator does not play <{child.tag}>")
        if child.tag not in allowed_inside:
            raise Broken(13320 if name == "Gather" else 12200, f"<{child.tag}> may not stand inside <{name}>")
        inner.append(_verb(child, IN_GATHER if child.tag == "Gather" else frozenset()))
    text = (element.text or "").strip()
    if name == "Say":
        _speakable(given, text)
    elif name in ("Redirect", "Play") and not text and "digits" not in given:
        raise Broken(11100, f"<{name}> needs an address")
    return Verb(name, given, text, tuple(inner))


def _speakable(given: dict[str, str], text: str) -> None:
    if not text:
        raise Broken(13520, "<Say> says nothing")
    if len(text) > LONGEST_SAY:
        raise Broken(13521, f"<Say> has more than {LONGEST_SAY} characters")
    language, voice = given.get("language", "en-US"), given.get("voice", "")
    google = _GOOGLE.fullmatch(voice)
    speaks = VOICES.get(voice) or (google[1] if google else "")
    if voice and not speaks and voice not in _OLD_VOICES:
        raise Broken(13511, f"there is no voice {voice}")
    if speaks and "language" in given and speaks != language:
        raise Broken(13512, f"the voice {voice} speaks {speaks}, not {language}")


def _whole(low: int, high: int) -> Callable[[str], bool]:
    return lambda value: value.isascii() and value.isdigit() and low <= int(value) <= high


def _one_of(*values: str) -> Callable[[str], bool]:
    return lambda value: value in values


_VALUES: dict[tuple[str, str], tuple[int, Callable[[str], bool]]] = {
    ("Gather", "input"): (13326, _one_of("dtmf", "speech", "dtmf speech")),
    ("Gather", "method"): (13312, _one_of("GET", "POST")),
    ("Gather", "timeout"): (13313, _whole(0, 600)),
    ("Gather", "numDigits"): (13314, _whole(1, 100)),
    ("Gather", "finishOnKey"): (13310, lambda value: len(value) <= 1 and value in "0123456789#*"),
    ("Gather", "actionOnEmptyResult"): (13338, _one_of("true", "false")),
    ("Say", "loop"): (13510, _whole(0, 1000)),
    ("Say", "language"): (13512, lambda value: value in LOCALES),
    ("Play", "loop"): (13410, _whole(0, 1000)),
    ("Pause", "length"): (13910, _whole(0, 600)),
    ("Redirect", "method"): (13710, _one_of("GET", "POST")),
    ("Reject", "reason"): (13810, _one_of("rejected", "busy")),
}
