"""What a call says, in Twilio's markup: text escaped, the language's own voice, and where pressed keys are sent.

Pure. Only verbs and attributes of Twilio's TwiML reference for Programmable Voice: Response, Gather, Say, Pause, Hangup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from crisis.settings import Language

LONGEST = 4_000  # characters of inline TwiML (Twilio docs, Calls, Twiml)
LONGEST_SAY = 4_096  # characters of one Say (Twilio docs, error 13521)
LOCALES: Mapping[str, str] = {"nb": "nb-NO", "nn": "nb-NO", "en": "en-GB"}  # no provider has a voice for nynorsk
VOICES: Mapping[Language, str] = {"nb": "Polly.Ida-Neural", "nn": "Polly.Ida-Neural", "en": "Polly.Amy-Neural"}


@dataclass(frozen=True, slots=True)
class Line:
    """Something said, so many times."""

    text: str
    times: int = 1
    language: str = ""  # where it is not that of the whole call


@dataclass(frozen=True, slots=True)
class Keys:
    """Where pressed keys go. `required`: also tell when none came; else the call goes on with what follows."""

    address: str
    digits: int = 1
    seconds: int = 8
    required: bool = False


def script(
    lines: Sequence[Line],
    language: str,
    voices: Mapping[str, str],
    *,
    keys: Keys | None = None,
    then: Sequence[Line] = (),
    wait: bool = False,
    first: Sequence[Line] = (),
) -> str:
    """A whole answer: `first`, `lines`, keys waited for while and after these are said, `then`, and the call ends.

    `wait`: a breath of silence first, while the telephone is lifted to the ear.
    """
    response = Element("Response")
    if wait:
        SubElement(response, "Pause", {"length": "1"})
    for line in first:
        _say(response, line, language, voices)
    where = response
    if keys is not None:
        given = {"input": "dtmf", "action": keys.address, "method": "POST", "timeout": str(keys.seconds)}
        given |= {"numDigits": str(keys.digits)}
        if keys.required:
            given["actionOnEmptyResult"] = "true"
        where = SubElement(response, "Gather", given)
    for line in lines:
        _say(where, line, language, voices)
    for line in then:
        _say(response, line, language, voices)
    SubElement(response, "Hangup")
    return tostring(response, encoding="unicode")


def _say(parent: Element, line: Line, language: str, voices: Mapping[str, str]) -> None:
    language = line.language or language
    given = {"language": LOCALES.get(language, LOCALES["en"])}
    if voice := voices.get(language):
        given["voice"] = voice
    if line.times > 1:
        given["loop"] = str(line.times)
    SubElement(parent, "Say", given).text = line.text[:LONGEST_SAY]
