"""Alarms by mail open, count and close alerts; the same mail counts once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from crisis.channels.base import Reported
from crisis.models import Account, Alert, Escalation
from crisis.oncall import mailed
from crisis.states import AlertState, Mode
from tests.broadcasts.scene import Scene
from tests.oncall.scene import an_escalation

NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("subject", "key", "title", "over"),
    [
        ("[disk-7] Disk full on db2", "disk-7", "Disk full on db2", False),
        ("Re: SV: [disk-7] RESOLVED: Disk full", "disk-7", "Disk full", True),
        ("[disk-7] OK", "disk-7", "disk-7", True),
        ("[disk-7]", "disk-7", "disk-7", False),
        ("[port] Løst", "port", "port", True),
        ("Disk full", "Disk full", "Disk full", False),
        ("RESOLVED: Disk full", "Disk full", "Disk full", True),
        ("Okay is not over", "Okay is not over", "Okay is not over", False),
        ("[] nothing", "[] nothing", "[] nothing", False),
        ("", "", "", False),
    ],
)
def test_what_a_subject_says(subject: str, key: str, title: str, over: bool) -> None:
    assert mailed.read(subject) == (key, title, over)


def come(scene: Scene, subject: str, number: int, account: str = "email-live", **more: object) -> int:
    told = {"escalation": "", "at": NOW, **more}
    report = Reported(f"<{number}@s>", "vakt@example.org", str(told["escalation"]), subject, "more", told["at"])  # type: ignore[arg-type]
    with scene.runtime.database.writing() as session:
        row = session.scalars(select(Account).where(Account.key == account)).one()
        return mailed.obey(session, row, [report], NOW)


def all_alerts(scene: Scene) -> list[Alert]:
    with scene.runtime.database.reading() as session:
        rows = list(session.scalars(select(Alert).order_by(Alert.opened_at)))
        session.expunge_all()
        return rows


def test_opened_counted_and_closed_by_the_key(scene: Scene) -> None:
    an_escalation(scene)
    assert come(scene, "[disk-7] Disk full", 1) == 1
    assert come(scene, "[disk-7] Disk full", 1) == 0, "the same mail once more"
    assert come(scene, "[disk-7] Disk still full", 2) == 1
    (row,) = all_alerts(scene)
    assert (row.title, row.source, row.opened_again, row.mode) == ("Disk full", "mail", 1, Mode.LIVE)
    come(scene, "[disk-7] RESOLVED", 3)
    (row,) = all_alerts(scene)
    assert row.state is AlertState.CLOSED


def test_an_old_mail_and_an_empty_subject(scene: Scene) -> None:
    an_escalation(scene)
    assert come(scene, "[disk-7] Disk full", 1, at=NOW - mailed.OLDEST - timedelta(seconds=1)) == 0
    assert come(scene, "", 2) == 1
    (row,) = all_alerts(scene)
    assert row.title == "vakt@example.org"


def test_an_escalation_that_is_gone_keeps_no_alarm_from_anybody(scene: Scene) -> None:
    an_escalation(scene)
    come(scene, "[disk-7] Disk full", 1, escalation="gone")
    (row,) = all_alerts(scene)
    with scene.runtime.database.reading() as session:
        assert row.escalation_id == session.scalars(select(Escalation.id)).one()


def test_a_drill_account_raises_no_live_alert(scene: Scene) -> None:
    an_escalation(scene)
    come(scene, "[disk-7] Disk full", 1, account="email-drill")
    assert [row.mode for row in all_alerts(scene)] == [Mode.DRILL]
