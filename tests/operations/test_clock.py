"""The workers go on: trouble in one step of the clock, one account or one poll holds up no other."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import select

from crisis.channels.base import Channel
from crisis.models import Account, Heartbeat
from crisis.runtime import Runtime
from crisis.settings import AccountSettings
from crisis.states import Mode
from tests.broadcasts.scene import a_scene
from workers import clock
from workers.listener import Listener, pause
from workers.sender import Sender


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


def test_what_failed_for_weeks_is_asked_again_all_the_same() -> None:
    assert pause(60.0, 0) == 60.0
    assert pause(60.0, 1) == 120.0
    assert pause(0.5, 100_000) == pause(60.0, 100_000) == 300.0


def test_an_account_that_cannot_be_opened_keeps_no_other_from_speaking_and_listening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of one adapter must not end in a sender that opens nothing, again and again."""

    def picky(_runtime: Runtime, account: AccountSettings) -> Channel:
        if account.key == broken:
            raise ValueError("the library does not like this address")
        return cast("Channel", object())

    monkeypatch.setattr(Runtime, "open_channel", picky)
    with a_scene(tmp_path) as scene:
        runtime = scene.runtime
        live = {told.key for told in runtime.settings.accounts if told.mode == Mode.LIVE}
        broken = min(live)
        sender, listener = Sender(runtime, Mode.LIVE), Listener(runtime)
        sender._open()
        with runtime.database.reading() as session:
            rows = {row.id: row for row in session.scalars(select(Account))}
        assert {rows[one].key for one in sender._channels} == live - {broken} != set()
        assert live <= {rows[one].key for one in listener._open()} | {broken}
        reasons = {row.key: row.paused_reason for row in rows.values() if row.paused_reason}
        assert reasons == {broken: "stopped by itself: it cannot be opened (ValueError)"}
