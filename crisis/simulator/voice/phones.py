"""What phones do when they ring: as a person with buttons, or as one of a crowd that follows a script.

A crowd is drawn once from shares and a seed, phone by phone, so that the same crowd does the same every time.
"""

import math
import random
from dataclasses import dataclass
from typing import Any, Literal

Does = Literal["answer", "voicemail", "ignore", "busy", "failed", "hang_up"]
PUTS_DOWN = ("words", "question", "typing", "key", "confirmation")
"""When a phone is put down: while the words are said, before a key, with a number half typed, right after the last key,
or while its answer is said."""
SHARES = ("yes", "no", "later", "silent", "voicemail", "ignore", "busy", "failed", "hang_up")
"""What a crowd's phones may do. "silent" takes the call and presses nothing; "hang_up" takes it and ends it at once."""


class BadScript(ValueError):
    """The script cannot be played; the text says why."""


@dataclass(frozen=True, slots=True)
class Habit:
    """What one phone does. `keys` are pressed one question after another. Seconds pass at the exchange's speed."""

    does: Does
    keys: tuple[str, ...] = ()
    after: float = 0.0
    """Seconds the phone rings before it is taken."""
    thinks: float = 0.0
    """Seconds before each key."""
    taken_for: str = ""
    """What the machine detection guesses; empty: what is true."""
    puts_down: str = ""
    """One of PUTS_DOWN, once its keys are used up; empty: it listens to the end."""


class Crowd:
    """Shares of habits, for every phone that has none of its own. `numbers` is a beginning ("+4791")."""

    def __init__(self, given: dict[str, Any]) -> None:
        """From plain values. Raises BadScript."""
        known = {"shares", "seed", "after", "thinks", "minutes", "misheard", "numbers"}
        if unknown := sorted(set(given) - known):
            raise BadScript(f"unknown {', '.join(unknown)}; a crowd has {', '.join(sorted(known))}")
        shares = given.get("shares")
        if not isinstance(shares, dict) or not shares or set(shares) - set(SHARES):
            raise BadScript(f"shares is an object of {', '.join(SHARES)}")
        self._what = tuple(shares)
        self._weights = tuple(_number(shares[name], f"share of {name}", 0, 1e6) for name in shares)
        if not sum(self._weights):
            raise BadScript("at least one share is more than nothing")
        self._seed = int(_number(given.get("seed", 1), "seed", 0, 2**53))
        self._after = _range(given.get("after", (2, 15)), "after")
        self._thinks = _range(given.get("thinks", (3, 20)), "thinks")
        self._minutes = _range(given.get("minutes", (10, 60)), "minutes")
        self._misheard = _number(given.get("misheard", 0), "misheard", 0, 1)
        self.numbers = str(given.get("numbers") or "")

    def habit(self, phone: str, calls_before: int = 0) -> Habit:
        """What this phone does with its first, second, ... call."""
        draw = random.Random(f"{self._seed} {phone} {calls_before}")
        what = draw.choices(self._what, self._weights)[0]
        after, thinks = draw.uniform(*self._after), draw.uniform(*self._thinks)
        misheard = draw.random() < self._misheard
        if what in ("yes", "no", "later"):
            minutes = f"{round(draw.uniform(*self._minutes))}#"
            keys = {"yes": ("1",), "no": ("2",), "later": ("3", minutes)}[what]
            return Habit("answer", keys, after, thinks, "machine_start" if misheard else "")
        if what == "silent":
            return Habit("answer", (), after, thinks)
        if what == "voicemail":
            return Habit("voicemail", (), after, thinks, "human" if misheard else "")
        does: Does = what  # the rest are called the same
        return Habit(does, (), after, thinks)


def habit(given: dict[str, Any]) -> Habit:
    """One phone's habit from plain values. Raises BadScript."""
    known = {"does", "keys", "after", "thinks", "taken_for", "puts_down"}
    if unknown := sorted(set(given) - known):
        raise BadScript(f"unknown {', '.join(unknown)}; a phone has {', '.join(sorted(known))}")
    does = given.get("does", "answer")
    if does not in ("answer", "voicemail", "ignore", "busy", "failed", "hang_up"):
        raise BadScript("does is answer, voicemail, ignore, busy, failed or hang_up")
    keys = given.get("keys", ())
    keys = (keys,) if isinstance(keys, str) else tuple(keys)
    if any(not isinstance(one, str) or not one or set(one) - set("0123456789#*") for one in keys):
        raise BadScript("keys are texts of 0 to 9, # and *")
    after, thinks = (_number(given.get(name, 0), name, 0, 3600) for name in ("after", "thinks"))
    puts_down = str(given.get("puts_down") or "")
    if puts_down and puts_down not in PUTS_DOWN:
        raise BadScript(f"puts_down is {', '.join(PUTS_DOWN)}")
    return Habit(does, keys, after, thinks, str(given.get("taken_for") or ""), puts_down)


def _number(value: Any, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadScript(f"{name} is a number")
    if not low <= value <= high:
        raise BadScript(f"{name} lies between {low:g} and {high:g}")
    return float(value)


def _range(value: Any, name: str) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise BadScript(f"{name} is two numbers, the least and the most")
    low, high = (_number(one, name, 0, 3600) for one in value)
    if low > high:
        raise BadScript(f"{name} begins with the smaller number")
    return low, high
