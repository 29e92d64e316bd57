"""The faults a person or a test can switch on: which kinds there are, and picking the one that fits a request.

It only decides; `trouble` and the mail server carry a fault out.
"""

import itertools
import math
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

HTTP_KINDS: dict[str, str] = {
    "slow": "answer normally, but only after the seconds given",
    "hang": "accept nothing and never answer",
    "hang_after": "accept, then never answer",
    "429": "too many requests; come back after the seconds given",
    "429_bare": "too many requests, and not a word about when to come back",
    "401": "the keys are wrong",
    "403": "the keys are right but not allowed",
    "500_before": "server error, nothing accepted",
    "500_after": "server error, although it was accepted",
    "reset_before": "connection reset, nothing accepted",
    "reset_after": "connection reset, although it was accepted",
    "cut_off": "accepted, but the answer stops half way",
    "html": "a 503 page of HTML where JSON was expected, nothing accepted",
}
CALLBACK_KINDS: dict[str, str] = {
    "callbacks_duplicate": "each status callback comes twice",
    "callbacks_out_of_order": "the last status comes before the first",
    "callbacks_early": "status callbacks come before the answer to the request",
    "callbacks_none": "no status callbacks at all",
    "undelivered": "accepted, then undelivered with 30003",
}
SMTP_KINDS: dict[str, str] = {
    "slow": "accept normally, but only after the seconds given",
    "hang": "accept nothing and never answer",
    "hang_after": "store the mail, then never answer",
    "421": "service not available, closing (at RCPT)",
    "450": "mailbox busy, try later (at RCPT)",
    "451": "local error, try later (after DATA, nothing stored)",
    "550": "no such mailbox (at RCPT)",
    "535": "login refused",
    "554": "refused after DATA",
    "reset_before": "the line drops in DATA, nothing stored",
    "reset_after": "the line drops after DATA, although it was stored",
}
KINDS: dict[str, dict[str, str]] = {
    "x": HTTP_KINDS,
    "twilio": {**HTTP_KINDS, **CALLBACK_KINDS},
    "smtp": SMTP_KINDS,
    "flickr": HTTP_KINDS,
    "youtube": HTTP_KINDS,
    "linkedin": HTTP_KINDS,
    "mastodon": HTTP_KINDS,
    "bluesky": HTTP_KINDS,
    "wordpress": HTTP_KINDS,
    "facebook": HTTP_KINDS,
    "instagram": HTTP_KINDS,
    "threads": HTTP_KINDS,
    "apprise": HTTP_KINDS,
}

ALLOWED = {"provider", "kind", "times", "seconds", "match", "scope"}
MOST_FAULTS = 200


class BadFault(ValueError):
    """The fault asked for does not exist; the text says what does."""


@dataclass(slots=True)
class Fault:
    """One switched-on fault. `times` None lasts until cleared."""

    provider: str
    kind: str
    times: int | None = None
    seconds: float = 2.0
    match: str = ""
    scope: str = "writes"
    used: int = 0
    number: int = field(default_factory=itertools.count(1).__next__)

    def fits(self, destination: str) -> bool:
        """Whether `match` (a pattern with * and ?) covers this phone, handle or mailbox."""
        return not self.match or fnmatchcase(
            destination.lower().removeprefix("@"), self.match.lower().removeprefix("@")
        )


class Faults:
    """The switched-on faults, oldest first."""

    def __init__(self) -> None:
        """Start with none."""
        self.active: list[Fault] = []

    def add(self, given: dict[str, Any]) -> Fault:
        """Switch one on from plain values. Raises BadFault."""
        if unknown := sorted(set(given) - ALLOWED):
            raise BadFault(f"unknown fields {', '.join(unknown)}; a fault has {', '.join(sorted(ALLOWED))}")
        provider, kind = str(given.get("provider", "")), str(given.get("kind", ""))
        if provider not in KINDS:
            raise BadFault(f"no provider {provider!r}; there are {', '.join(KINDS)}")
        if kind not in KINDS[provider]:
            raise BadFault(f"{provider} has no fault {kind!r}; it has {', '.join(KINDS[provider])}")
        times = given.get("times")
        if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
            raise BadFault("times is a whole number from 1, or null to last until cleared")
        try:
            seconds = 2.0 if given.get("seconds") is None else float(given["seconds"])
        except (TypeError, ValueError) as error:
            raise BadFault("seconds is a number") from error
        if not math.isfinite(seconds) or not 0 <= seconds <= 3600:
            raise BadFault("seconds lies between 0 and 3600")
        scope = given.get("scope") or "writes"
        if scope not in ("writes", "all"):
            raise BadFault("scope is 'writes' (sending, deleting) or 'all' (looking things up too)")
        if len(self.active) >= MOST_FAULTS:
            raise BadFault("too many faults at once; clear some")
        fault = Fault(provider, kind, times, seconds, str(given.get("match") or ""), scope)
        self.active.append(fault)
        return fault

    def pick(self, provider: str, kinds: dict[str, str], destination: str = "", *, write: bool = True) -> Fault | None:
        """Take the oldest fault that fits, and use it up by one."""
        if not self.active:
            return None
        for fault in self.active:
            if (
                fault.provider == provider
                and fault.kind in kinds
                and (write or fault.scope == "all")
                and fault.fits(destination)
            ):
                self._use(fault)
                return fault
        return None

    def pick_all(self, provider: str, kinds: dict[str, str], destination: str) -> set[str]:
        """Take every kind that fits (callback faults combine), each used up by one."""
        if not self.active:
            return set()
        taken: dict[str, Fault] = {}
        for fault in self.active:
            if fault.provider == provider and fault.kind in kinds and fault.fits(destination):
                taken.setdefault(fault.kind, fault)
        for fault in taken.values():
            self._use(fault)
        return set(taken)

    def clear(self, number: int | None = None) -> int:
        """Switch off one, or all; says how many went."""
        kept = [] if number is None else [fault for fault in self.active if fault.number != number]
        gone = len(self.active) - len(kept)
        self.active = kept
        return gone

    def snapshot(self) -> list[dict[str, Any]]:
        """Plain values for the state view."""
        return [asdict(fault) for fault in self.active]

    def _use(self, fault: Fault) -> None:
        fault.used += 1
        if fault.times is not None and fault.used >= fault.times:
            self.active = [one for one in self.active if one is not fault]
