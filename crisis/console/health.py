"""Is the machine running? What is seen of it (`vital`) and what follows from that (`concerns`). Never mends, never sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.broadcasts import live_now, suggestions
from crisis.console import concerns, vital
from crisis.console.concerns import Concern
from crisis.console.here import UnitHere
from crisis.console.vital import AccountHealth, Pulse
from crisis.models import Account
from crisis.playbooks.read import Shelf
from crisis.settings import Settings


@dataclass(frozen=True, slots=True)
class Health:
    """`redis` is None when none is configured; `oldest_waiting` is how long the oldest due delivery has waited."""

    concerns: Sequence[Concern]
    pulses: Sequence[Pulse]
    accounts: Sequence[AccountHealth]
    oldest_waiting: timedelta | None
    redis: bool | None

    @property
    def level(self) -> Literal["good", "warn", "bad"]:
        levels = {concern.level for concern in self.concerns}
        return "bad" if "bad" in levels else "warn" if "warn" in levels else "good"


def look(
    session: Session, units: Sequence[UnitHere], shelf: Shelf, now: datetime, *, redis: bool | None, settings: Settings
) -> Health:
    """Judge the whole machine, and the accounts and playbooks of these units."""
    ids = [unit.id for unit in units]
    accounts = list(vital.accounts(session, ids, now))
    modes = set(session.scalars(select(Account.mode).where(Account.active).distinct()))
    pulses = list(vital.pulses(session, modes, now))
    oldest = vital.oldest_waiting(session, now)
    found = [
        *concerns.of_pulses(pulses),
        *concerns.of_waiting(oldest, pulses),
        *concerns.of_accounts(accounts, now),
        *concerns.of_redis(redis),
        *concerns.of_journals(session, now),
        *concerns.of_standings(live_now.alarms(session, ids)),
        *concerns.of_link_tests(session, ids, now),
        *concerns.of_playbooks(session, units, shelf, now),
        *concerns.of_feeds(suggestions.health(session, settings, ids)),
    ]
    found.sort(key=lambda concern: concern.level)  # "bad" before "warn"
    return Health(found, pulses, accounts, oldest, redis)
