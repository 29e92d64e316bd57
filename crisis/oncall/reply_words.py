"""What somebody means who answers a call-out in writing: yes, no, yes in so many minutes, or nothing we may guess at.

Pure. Every word must be known: "yes, but ..." with anything else in it is left to a person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

LONGEST_WAIT = 24 * 60  # minutes; more is a misreading
Word = Literal["yes", "no", "later", "unclear"]


@dataclass(frozen=True, slots=True)
class Meaning:
    word: Word
    minutes: int | None = None


UNCLEAR = Meaning("unclear")

_YES = frozenset(
    [
        "1",
        "ja",
        "jaa",
        "jada",
        "jo",
        "jepp",
        "japp",
        "yes",
        "yep",
        "yeah",
        "y",
        "j",
        "kommer",
        "kjem",
        "coming",
        "on-my-way",
        "selvsagt",
        "sjølvsagt",
        "sure",
        "klart",
        "👍",
    ]
)
_NO = frozenset(
    [
        "2",
        "nei",
        "neida",
        "nope",
        "no",
        "n",
        "ikke",
        "ikkje",
        "not",
        "cannot",
        "can't",
        "cant",
        "kan-ikke",
        "forhindret",
        "forhindra",
        "👎",
    ]
)
_FILLERS = frozenset(  # an "ok" alone may only mean that it was read
    [
        "ok",
        "okay",
        "okei",
        "greit",
        "jeg",
        "eg",
        "ej",
        "i'm",
        "im",
        "i",
        "am",
        "er",
        "kan",
        "can",
        "og",
        "and",
        "om",
        "ca",
        "cirka",
        "rundt",
        "omtrent",
        "about",
        "around",
        "in",
        "på",
        "der",
        "there",
        "here",
        "her",
        "frå",
        "fra",
        "takk",
        "thanks",
        "thank",
        "you",
        "hei",
        "hi",
        "hallo",
        "god",
        "kveld",
        "morgen",
        "natt",
        "to",
        "the",
        "be",
        "will",
        "skal",
        "me",
        "meg",
        "det",
        "å",
        "at",
        "will'be",
        "come",
        "komme",
        "kome",
        "dessverre",
        "diverre",
        "sorry",
        "desverre",
        "beklager",
        "svar",
        "answer",
        "på-vei",
        "på-veg",
        "vei",
        "veg",
        "way",
        "on",
        "my",
        "nå",
        "no-now",
        "now",
        "med",
        "ein",
        "en",
        "et",
    ]
)
# "no" is "now" in nynorsk as well as "no" in English; alone it is a refusal, beside a yes nobody can know.
_MINUTES = frozenset(["min", "mins", "minutt", "minutter", "minutts", "minute", "minutes", "m"])
_HOURS = frozenset(["t", "time", "timer", "timar", "hour", "hours", "h"])
_HALF = frozenset(["halvtime", "halvtimes", "half-hour"])
_DOUBT = frozenset(
    [
        "kanskje",
        "kanskje?",
        "maybe",
        "perhaps",
        "tror",
        "trur",
        "think",
        "prøver",
        "prøve",
        "prøvar",
        "try",
        "trying",
        "usikker",
        "usikkert",
        "unsure",
        "hvis",
        "viss",
        "if",
        "kan-hende",
        "men",
        "but",
        "however",
        "mulig",
        "mogleg",
        "possible",
        "sannsynligvis",
        "truleg",
        "probably",
        "når",
        "when",
        "hvor",
        "kvar",
        "where",
        "hva",
        "kva",
        "what",
    ]
)
_SIGNATURE = re.compile(
    r"^\s*(--|mvh|vennlig hilsen|venleg helsing|med vennlig|med venleg|hilsen|helsing|regards|best regards|sent from|sendt fra|sendt frå)",
    re.IGNORECASE,
)
_QUOTE = re.compile(r"^\s*(>|on .* wrote:|den .* skrev|fra:|frå:|from:|-{3,})", re.IGNORECASE)
_MARKS = frozenset(".,!:;-–()\"'+🏻🏼🏽🏾🏿")
_TOKEN = re.compile(r"\d+|[^\W\d_][\w'’-]*|👍|👎|\S", re.UNICODE)


def meaning(text: str) -> Meaning:
    """What `text` says, in Norwegian or English. Unclear rather than guessed."""
    said = _own_words(text)
    if not said or "?" in said or len(said) > 160:
        return UNCLEAR
    tokens = [token.replace("’", "'") for token in _TOKEN.findall(said.casefold()) if token not in _MARKS]
    if not tokens or _DOUBT & set(tokens):
        return UNCLEAR
    return _chosen_key(tokens) or _in_words(tokens)


def _own_words(text: str) -> str:
    """What they wrote themselves: up to the quoted message or the signature."""
    kept = []
    for line in text.splitlines():
        if _SIGNATURE.match(line) or _QUOTE.match(line):
            break
        kept.append(line)
    return " ".join(" ".join(kept).split())


def _chosen_key(tokens: list[str]) -> Meaning | None:
    """1, 2, or 3 and minutes, as the question offers."""
    if tokens == ["1"]:
        return Meaning("yes")
    if tokens == ["2"]:
        return Meaning("no")
    if tokens[0] == "3":
        if len(tokens) == 1:
            return Meaning("later")
        minutes = _minutes(tokens[1:])
        return Meaning("later", minutes) if minutes is not None else UNCLEAR
    return None


def _in_words(tokens: list[str]) -> Meaning:
    numbers = [token for token in tokens if token.isdecimal()]
    words = [token for token in tokens if not token.isdecimal()]
    units = _MINUTES | _HOURS | _HALF
    if any(word not in _YES | _NO | _FILLERS | units for word in words):
        return UNCLEAR
    yes, no = bool(_YES & set(words)), bool(_NO & set(words))
    timed = bool(units & set(words)) or bool(numbers)
    if no:
        # "kan ikke komme": the word for coming is refused along with the rest; a plain yes beside a no is anybody's guess.
        firm = (_YES - {"kommer", "kjem", "coming"}) & set(words)
        return UNCLEAR if firm or timed else Meaning("no")
    if timed and not yes and not units & set(words):
        return UNCLEAR  # a bare number may be two keys
    if timed:
        minutes = _minutes([token for token in tokens if token.isdecimal() or token in units])
        return Meaning("later", minutes) if minutes is not None else UNCLEAR
    return Meaning("yes") if yes else UNCLEAR


def _minutes(tokens: list[str]) -> int | None:
    """One stretch of time: 45, 45 min, 2 timer, en halvtime. None when it is none, or too long to be meant."""
    numbers = [int(token) for token in tokens if token.isdecimal()]
    units = [token for token in tokens if not token.isdecimal()]
    if not numbers and units and set(units) <= _HALF:
        return 30
    if len(numbers) != 1 or len(units) > 1:
        return None
    minutes = numbers[0] * (60 if units and units[0] in _HOURS else 1)
    return minutes if 0 < minutes <= LONGEST_WAIT and not (units and units[0] in _HALF) else None
