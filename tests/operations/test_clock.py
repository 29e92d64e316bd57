"""The clock goes on: trouble in one of its steps holds up no other."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from crisis.models import Heartbeat
from crisis.runtime import Runtime
from workers import clock


def test_trouble_in_one_step_holds_up_no_other(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    went_on = []

    def broken(*_: object) -> None:
        raise RuntimeError("a notice that cannot be written")

    for name in ("tell_of_stopped_accounts", "climb"):
        monkeypatch.setattr(clock, name, broken)
    for name in ("let_planned_go", "ask_on", "wake_forgotten"):
        monkeypatch.setattr(clock, name, lambda _, name=name: went_on.append(name))
    broken.__name__ = "broken"
    clock.tick(runtime, "clock@here:1")
    assert went_on == ["let_planned_go", "ask_on", "wake_forgotten"]
    with runtime.database.reading() as session:
        assert session.scalars(select(Heartbeat.process)).all() == ["clock@here:1"]
