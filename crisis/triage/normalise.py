"""One inbound's text made ready for reading: what hides is taken away, what counts is counted, words stand apart.

Owns how a text becomes words; judges nothing. Works on any string in bounded time: what stands after `LONGEST`
characters is not read, because a plea stands at the beginning and a bomb does not end.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass

LONGEST = 3_000  # characters read
MOST_WORDS = 400

# Soft hyphen, joiners, direction marks, overrides and isolates, variation selectors, tags, controls: they change what a
# person sees, and not what was said.
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e0fff\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
_ARABIC_MARKS = re.compile("[\u0640\u064b-\u065f\u0670]")
_REPOST = re.compile(r"(?:^|[\s\"“”])(?:RT|MT)\s*:?\s*@?\w|[“\"]@\w+:|\bvia @\w+", re.ASCII)
_LINK = re.compile(r"(?:https?://|www\.)\S+|\bhttps?\b…?", re.IGNORECASE)
_MAILBOX = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}")
_NAME = re.compile(r"@\w{1,64}(?:@[\w.-]{1,80})?")
_TAG = re.compile(r"#(\w{1,140})")
_PHONE = re.compile(r"(?<![\w.])\+?\d(?:[ .\-/]?\d){7,12}(?!\w)")
_HUMPS = re.compile(r"(?<=[a-zæøåäöü])(?=[A-ZÆØÅÄÖÜ])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)")
_RESCUE = re.compile(
    r"^(?:rescue|sos)(?=\w{2})|(?<!dog)(?<!cat)(?<!pet)(?<!animal)(?<=\w{3})(?:rescue|sos)$", re.IGNORECASE
)
RESCUE_TAG = "rescuetag"  # a tag that people agreed on for calls, as #SomePlaceRescue
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[.!?;,\n…]|[🙏❤💔😂🤣🆘]")
_STOPS = frozenset(".!?;\n…")
_COMMA = ","
STOP = "."  # one token for every end of a sentence


@dataclass(frozen=True, slots=True)
class Clean:
    """A text taken apart. `words` are in lower case, with `.` and `,` between parts; `prose` is for telling languages."""

    words: tuple[str, ...]
    prose: str
    repost: bool
    links: int
    names: int  # people or accounts called by @
    tags: int
    phone: bool
    asks: bool  # there is a question mark
    loud: bool  # mostly capital letters


def visible(text: str) -> str:
    """The text without what hides in it, letters in their plain form; at most `LONGEST` characters of it."""
    text = text[:LONGEST]
    if text.isascii() and text.isprintable():
        return text
    text = unicodedata.normalize("NFKC", _HIDDEN.sub("", text))[:LONGEST]
    return _ARABIC_MARKS.sub("", text).replace("’", "'").replace("`", "'").replace("ʼ", "'")


def clean(text: str) -> Clean:
    """Take a text apart; never raises."""
    seen = visible(text)
    if "&" in seen:
        seen = html.unescape(seen)
    repost = _REPOST.search(seen) is not None
    seen, links = _LINK.subn(" ", seen)
    names = tags = 0
    if "@" in seen:
        seen, boxes = _MAILBOX.subn(" ", seen)
        seen, names = _NAME.subn(" ", seen)
        names += boxes
    prose = seen
    if "#" in seen:
        prose, tags = _TAG.subn(" ", seen)
        seen = _TAG.sub(_apart, seen)
    phone = _PHONE.search(seen) is not None
    if phone:
        seen = _PHONE.sub(" ", seen)
    capitals = sum(map(str.isupper, prose))
    lowered = _DRAWN_OUT.sub(r"\1", seen.lower())
    words: list[str] = []
    for word in _WORD.findall(lowered):
        if word in _STOPS:
            if words and words[-1] != STOP:
                words.append(STOP)
        elif word == "🆘":
            words.append("sos")
        else:
            words.append(word)
        if len(words) >= MOST_WORDS:
            break
    if words and words[0] == "rt":
        del words[0]
    return Clean(
        tuple(words),
        prose,
        repost,
        links,
        names,
        tags,
        phone,
        "?" in seen or "؟" in seen,
        capitals * 2 > len(prose) > 20,
    )


def _apart(tag: re.Match[str]) -> str:
    """`#PrayForBoston` says three words; `#PlaceRescue` says that it is a call."""
    said = " " + _HUMPS.sub(" ", tag[1].replace("_", " ")) + " "
    return said + RESCUE_TAG + " " if _RESCUE.search(tag[1]) else said
