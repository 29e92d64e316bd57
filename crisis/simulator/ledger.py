"""What happened, for people and tests to read: requests counted, requests refused and why, webhooks called.

Every list is bounded, so a simulator left running for a week does not grow without end.
"""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

KEPT = 2_000


def now() -> str:
    """The time as the state view shows it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Refused:
    """One request a provider turned down by its own rules (never because of a fault someone switched on)."""

    at: str
    provider: str
    what: str
    code: int
    reason: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One call we made to a webhook: `answer` is the HTTP status, or None when nobody answered."""

    at: str
    url: str
    what: str
    answer: int | None
    problem: str = ""


class Ledger:
    """Counts and short histories. `version` grows at every change, so the town square knows when to redraw."""

    def __init__(self) -> None:
        """Start empty."""
        self.version = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything; the version still grows, so that the page notices."""
        self.version += 1
        self.requests: Counter[str] = Counter()
        self.refused: deque[Refused] = deque(maxlen=KEPT)
        self.webhooks: deque[Webhook] = deque(maxlen=KEPT)
        self.troubles: deque[str] = deque(maxlen=KEPT)

    def count(self, provider: str, what: str) -> None:
        """Count a request by provider and kind."""
        self.requests[f"{provider} {what}"] += 1

    def refuse(self, provider: str, what: str, code: int, reason: str, account: str = "") -> None:
        """Write down why a provider said no."""
        self.version += 1
        self.requests[f"{provider} refused"] += 1
        self.refused.append(Refused(now(), provider, what, code, reason, account))

    def hooked(self, url: str, what: str, answer: int | None, problem: str = "") -> None:
        """Write down how a webhook went."""
        self.version += 1
        self.requests["webhooks answered" if answer and answer < 300 else "webhooks failed"] += 1
        self.webhooks.append(Webhook(now(), url, what, answer, problem))

    def trouble(self, text: str) -> None:
        """Write down that a switched-on fault was used."""
        self.version += 1
        self.troubles.append(f"{now()} {text}")

    def snapshot(self) -> dict[str, Any]:
        """Plain values for the state view."""
        return {
            "requests": dict(self.requests),
            "refused": [asdict(one) for one in self.refused],
            "webhooks": [asdict(one) for one in self.webhooks],
            "troubles": list(self.troubles),
        }
