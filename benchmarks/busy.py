"""While thousands of texts leave: how long the board takes, and when something urgent in another incident is out.

A real console with a signed-in officer who looks ten times a second, as ten officers would once. A new live message to a wall
and to twenty phones is released each second; it counts from before its release to the start of its first call.
"""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.bulk import crowd, unlimited
from benchmarks.looking import Looker
from benchmarks.pages import sign_in
from benchmarks.release import unpaced
from crisis.models import Account, Attempt, Delivery
from crisis.states import Mode
from tests.browser.demo import demo
from tests.stories.town import Town, eventually

FEW = 20
URGENT_SECONDS = 1.0


def measure(folder: Path, provider: str, database_url: str, people: int) -> tuple[list[float], dict[str, list[float]]]:
    """Milliseconds of every look at the board, and by channel from each urgent release to its first call."""
    with demo(folder, countdown=0, database_url=database_url) as (here, secrets):
        here.stop("sender-live")
        settings = folder / "crisis.toml"
        unlimited(settings, provider)
        settings.write_text(unpaced(settings.read_text()))
        here.cold = True
        here.start("sender-live")
        officer = sign_in(here, "vakt-ous", secrets["vakt-ous"])
        everybody, few = crowd(here, "everybody", people), crowd(here, "few", FEW)
        first, second = here.open(Mode.LIVE), here.open(Mode.LIVE, "En til, et annet sted")
        _urgent(here, second, few, 0)  # warm, as everywhere
        urgent: list[tuple[datetime, object]] = []
        with Looker(officer) as looker:
            broadcast = here.release(first, channels=("sms",), audiences=(everybody,))
            looker.look(f"{here.runtime.settings.console.public_url}/broadcasts/{broadcast}/board")
            for number in itertools.count(1):
                if here.counted(broadcast).get("accepted", 0) >= people:
                    break
                urgent.append(_urgent(here, second, few, number))
                time.sleep(URGENT_SECONDS)
        return looker.took, _waits(here, urgent)


def _urgent(here: Town, incident: object, few: str, number: int) -> tuple[datetime, object]:
    # X refuses the same words twice.
    slots = {"place": f"Oslo S spor {number}", "hospital": "ulleval", "kin_phone": "23 00 00 50"}
    drafted = here.draft(incident, channels=("x", "sms"), audiences=(few,), slots=slots)  # type: ignore[arg-type]
    start = datetime.now(UTC)
    return start, here.let_go(drafted)


def _waits(here: Town, urgent: list[tuple[datetime, object]]) -> dict[str, list[float]]:
    """From each release to the first call of each channel; the first of several languages counts."""
    waits: dict[str, list[float]] = {"sms": [], "x": []}
    for start, broadcast in urgent:
        for channel, seen in waits.items():
            asked = (
                select(func.min(Attempt.started_at))
                .join(Delivery, Delivery.id == Attempt.delivery_id)
                .join(Account, Account.id == Delivery.account_id)
                .where(Delivery.broadcast_id == broadcast, Account.channel == channel)
            )

            def begun(asked: object = asked) -> datetime | None:
                with here.runtime.database.reading() as session:
                    return session.scalar(asked)  # type: ignore[call-overload,no-any-return]

            seen.append((eventually(begun, within=60) - start).total_seconds() * 1000)
    return waits
