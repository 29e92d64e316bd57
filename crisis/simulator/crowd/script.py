"""Who says what, decided from a seed: three people in danger, the families, the press, one rumour in many wordings, and
everybody else. Pure; the same seed gives the same crowd.
"""

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

SMALLEST, LARGEST = 12, 20_000
TRAPPED = 3
MOST_KIN = 40
LANGUAGES = {"nb": 62, "nn": 12, "en": 16, "pl": 5, "uk": 5}
# What the rest of the crowd is made of, in hundredths. Families stop at `MOST_KIN`, however large the crowd.
SHARES = {
    "kin": 12, "press": 5, "rumour": 10, "question": 15, "offer": 7, "complaint": 7, "thanks": 14, "noise": 20,
    "repost": 8, "abuse": 2,
}  # fmt: skip
PRIVATE = ("sms", "whatsapp", "email")
_IN_TROUBLE = ("nb", "en", "uk", "nb", "nn", "pl")  # the languages of those in danger, in turn


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing somebody says. `kind` is what it truly is; `author` a handle, a phone number or a mailbox."""

    number: int
    kind: str
    language: str
    channel: str
    author: str
    text: str


class BadCrowd(ValueError):
    """Such a crowd cannot be made; the text says why."""


@cache
def words() -> Mapping[str, Any]:
    """The word book."""
    return tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))


def crowd(*, seed: int, size: int, channels: Sequence[str], place: str) -> list[Remark]:
    """`size` remarks spread over `channels`, in the order they are said. Raises BadCrowd."""
    if not SMALLEST <= size <= LARGEST:
        raise BadCrowd(f"a crowd has {SMALLEST} to {LARGEST} people")
    if not channels:
        raise BadCrowd("this account has said nothing anywhere yet, so there is nothing to answer")
    dice = random.Random(f"{seed} {size} {place}")
    kinds = _kinds(size)
    dice.shuffle(kinds)
    made: list[Remark] = []
    channels = sorted(channels)
    in_trouble = 0
    for number, meant in enumerate(kinds):
        if meant == "repost" and (earlier := [one for one in made[-200:] if one.channel not in PRIVATE]):
            again = dice.choice(earlier)
            author = _author(dice, again.channel, again.language, number)
            made.append(replace(again, number=number, kind="repost", author=author))
            continue
        kind = "noise" if meant == "repost" else meant  # nothing to pass on yet
        language = dice.choices(list(LANGUAGES), list(LANGUAGES.values()))[0]
        channel = dice.choice(channels)
        if kind == "trapped":  # each on another channel
            language = _IN_TROUBLE[(seed + in_trouble) % len(_IN_TROUBLE)]
            channel = channels[(seed + in_trouble * 3) % len(channels)]
            in_trouble += 1
        text = _text(dice, kind, language, place, number)
        made.append(Remark(number, kind, language, channel, _author(dice, channel, language, number), text))
    return made


def _kinds(size: int) -> list[str]:
    rest = size - TRAPPED
    kinds = ["trapped"] * TRAPPED
    for kind, share in SHARES.items():
        count = max(1, rest * share // 100)
        kinds += [kind] * (min(count, MOST_KIN) if kind == "kin" else count)
    return (kinds + ["noise"] * size)[:size]


def _text(dice: random.Random, kind: str, language: str, place: str, number: int) -> str:
    book = words()
    template = str(dice.choice(book[kind][language]))
    slots = {name: dice.choice(some) for name, some in book["lists"][language].items()}
    text = template.format(place=place, number=number, **slots)
    return text[0].upper() + text[1:]


def _author(dice: random.Random, channel: str, language: str, number: int) -> str:
    if channel in ("sms", "whatsapp"):
        return f"+479{7_000_000 + number:07}"
    first = str(dice.choice(words()["lists"][language if language != "uk" else "pl"]["first"]))
    plain = first.lower().translate(str.maketrans("åæøłó", "aeolo"))
    return f"{plain}.{number}@people.example" if channel == "email" else f"{plain[:9]}_{number}"
