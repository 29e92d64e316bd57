"""An approved text as it should be heard: times, telephone numbers and abbreviations written the way they are read out.

Pure, and meaning nothing else than the text did: only how it is written changes. No markup: not every voice knows any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TIME = re.compile(r"(?<![\d.,:])([01]?\d|2[0-3])[.:]([0-5])(\d)(?![.:,]?\d)")
_LONG = re.compile(r"(?<![\d.,:+])\+?\d[\d\u00a0\u202f ]{5,}\d(?![.,:]?\d)")
_THOUSANDS = re.compile(r"\d{1,3}(?:\s\d{3})+")  # 120 000 people are a number, not somebody's number
_SHORT = re.compile(
    r"(?i)\b(ring|ringe|telefon|nummer|nummeret|nødnummer|nødnummeret|call|dial|phone|number)(\s+)(\d{3}\s\d{3}|\d{3,5})(?![.,:]?\d)"
)
_SHOUTED = re.compile(r"\b[A-ZÆØÅ]{5,}\b")
_SPACES = re.compile(r"\s+")

# Read out wrongly, or as a pause, by voices that take a full stop for the end.
_NORWEGIAN = {
    "kl.": "klokka", "ca.": "cirka", "bl.a.": "blant annet", "f.eks.": "for eksempel", "nr.": "nummer",
    "tlf.": "telefon", "ev.": "eventuelt", "evt.": "eventuelt", "mv.": "med videre",
    "osv.": "og så videre", "dvs.": "det vil si", "pga.": "på grunn av",
}  # fmt: skip
ABBREVIATIONS: Mapping[str, Mapping[str, str]] = {
    "nb": {**_NORWEGIAN, "kl.": "klokken"},
    "nn": {**_NORWEGIAN, "dvs.": "det vil seie", "osv.": "og så vidare"},
    "en": {"e.g.": "for example", "i.e.": "that is", "approx.": "approximately", "tel.": "telephone"},
}
SIGNS: Mapping[str, Mapping[str, str]] = {
    "nb": {"&": " og ", "%": " prosent", "§": "paragraf "},
    "nn": {"&": " og ", "%": " prosent", "§": "paragraf "},
    "en": {"&": " and ", "%": " per cent", "§": "section "},
}


def spoken(text: str, language: str) -> str:
    """`text` with everything written out that a voice would stumble over. Doing it twice changes nothing more."""
    text = "".join(letter for letter in text if letter.isprintable() or letter.isspace())
    for short, whole in ABBREVIATIONS.get(language, {}).items():
        text = re.sub(rf"(?<![\w.]){re.escape(short)}(?=\W|$)", whole, text, flags=re.IGNORECASE)
    text = _LONG.sub(lambda found: found[0] if _THOUSANDS.fullmatch(found[0]) else _digits(found[0]), text)
    text = _SHORT.sub(lambda found: found[1] + found[2] + _digits(found[3]), text)
    if language != "en":  # English voices read 14:05 by themselves
        text = _TIME.sub(_clock, text)
    text = _SHOUTED.sub(lambda found: found[0].capitalize(), text)  # voices spell what is all capitals
    for sign, word in SIGNS.get(language, {}).items():
        text = text.replace(sign, word)
    return _SPACES.sub(" ", text).strip()


def _clock(found: re.Match[str]) -> str:
    """14.05 as 14 0 5: a point would be read as a decimal."""
    hour, ten, one = found.groups()
    return f"{int(hour)} {ten} {one}" if ten == "0" else f"{int(hour)} {ten}{one}"


def _digits(number: str) -> str:
    """23 00 00 50 as "2 3, 0 0, 0 0, 5 0": one figure at a time, in the groups it was written in."""
    return ", ".join(" ".join(group) for group in number.split())
