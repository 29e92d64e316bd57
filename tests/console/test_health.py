"""What the first page calls wrong, and how wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crisis.console import health
from crisis.console.here import UnitHere
from crisis.models import Account, Heartbeat, utcnow
from crisis.playbooks.read import Mistake, Shelf
from crisis.runtime import Runtime
from crisis.sending import pulse
from crisis.states import Role

NOW = utcnow()
KINDS = ("sender-live", "sender-drill", "listener", "clock")


@pytest.fixture
def healthy(runtime: Runtime) -> Runtime:
    with runtime.database.writing() as session:
        session.add_all(Heartbeat(process=f"{kind}@a:1", kind=kind, at=NOW) for kind in KINDS)
        for account in session.query(Account):
            account.healthy, account.checked_at = True, NOW
    return runtime


def look(runtime: Runtime, units: Any, shelf: Shelf | None = None, redis: bool | None = True) -> health.Health:
    here = UnitHere(units["ous"], runtime.settings.unit("ous"), frozenset(Role))
    with runtime.database.reading() as session:
        return health.look(session, [here], shelf or Shelf(), NOW, redis=redis, settings=runtime.settings)


def test_all_is_well(healthy: Runtime, units: Any) -> None:
    seen = look(healthy, units)
    assert (seen.level, list(seen.concerns), seen.oldest_waiting) == ("good", [], None)


@pytest.mark.parametrize(
    ("kind", "level"), [("sender-live", "bad"), ("sender-drill", "warn"), ("listener", "bad"), ("clock", "bad")]
)
def test_a_process_that_is_late_is_named(healthy: Runtime, units: Any, kind: str, level: str) -> None:
    with healthy.database.writing() as session:
        session.query(Heartbeat).filter_by(kind=kind).one().at = NOW - timedelta(seconds=11)
    seen = look(healthy, units)
    assert seen.level == level
    assert [pulse.kind for pulse in seen.pulses if pulse.late] == [kind]


def test_a_dead_process_beside_a_living_one_is_no_concern(healthy: Runtime, units: Any) -> None:
    with healthy.database.writing() as session:
        session.add(Heartbeat(process="clock@b:2", kind="clock", at=NOW - timedelta(days=1)))
    assert look(healthy, units).level == "good"


@pytest.mark.parametrize(
    ("values", "level"),
    [
        ({"paused_reason": "wrong name"}, "bad"),
        ({"healthy": False, "health": "401"}, "bad"),
        ({"healthy": None}, "warn"),
        ({"checked_at": NOW - timedelta(hours=3)}, "warn"),
    ],
)
def test_an_account_that_ails(healthy: Runtime, units: Any, values: dict[str, Any], level: str) -> None:
    for key, expected in (("sms-ous-live", level), ("sms-ous-drill", "warn"), ("sms-dep-live", "good")):
        with healthy.database.writing() as session:
            account = session.query(Account).filter_by(key=key).one()
            before = {name: getattr(account, name) for name in values}
            for name, value in values.items():
                setattr(account, name, value)
        assert look(healthy, units).level == expected, f"{key}: drills and other units weigh less"
        with healthy.database.writing() as session:
            account = session.query(Account).filter_by(key=key).one()
            for name, value in before.items():
                setattr(account, name, value)


def test_a_journal_that_is_not_merged_is_named_while_it_waits(healthy: Runtime, units: Any) -> None:
    with healthy.database.writing() as session:
        pulse.beat(session, "20261122T0312@vaktrommet", pulse.STUCK_JOURNAL, NOW, "refused: it has no id")
    (concern,) = look(healthy, units).concerns
    assert concern.level == "warn"
    assert concern.values == {"machine": "vaktrommet", "reason": "refused: it has no id", "journal": "20261122T0312"}
    with healthy.database.writing() as session:
        session.query(Heartbeat).filter_by(kind=pulse.STUCK_JOURNAL).one().at = NOW - timedelta(minutes=4)
    assert look(healthy, units).level == "good"


def test_redis_away_is_no_catastrophe(healthy: Runtime, units: Any) -> None:
    assert look(healthy, units, redis=False).level == "warn"
    assert look(healthy, units, redis=None).level == "good"


def test_playbooks_broken_and_unsigned(healthy: Runtime, units: Any) -> None:
    good = healthy.playbooks.shelf()
    broken = Shelf(good.playbooks, {"flood.toml": [Mistake(3, "title", "is missing")]}, good.sources)
    seen = look(healthy, units, broken)
    assert seen.level == "warn"
    assert {concern.values.get("file") for concern in seen.concerns} >= {"flood.toml"}
    assert any(concern.values.get("count") == 5 for concern in seen.concerns), "five messages are unsigned"
