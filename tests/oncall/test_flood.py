"""Five hundred alerts in a minute: one person is asked a handful of times, nothing is lost, nobody takes what they were not told."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from crisis.actor import SYSTEM
from crisis.channels.base import Inbound
from crisis.models import Account, Alert, Ask, Broadcast, BroadcastText, Delivery
from crisis.oncall import alerts, answering, escalation, flood
from crisis.states import AlertState, Mode, Purpose
from crisis.triage import inbox
from tests.broadcasts.scene import Scene
from tests.oncall.scene import WAIT, an_escalation, person_id

NOW = datetime.now(UTC)
ANNE = "+4790000002"


def many(scene: Scene, count: int, now: datetime, name: str = "disk") -> list[uuid.UUID]:
    with scene.runtime.database.writing() as session:
        made = []
        for number in range(count):
            told = alerts.Opening(key=f"{name}-{number}", title=f"{name} {number}")
            made.append(alerts.open_alert(session, SYSTEM, scene.units["ous"], Mode.LIVE, told, now)[0].id)
        return made


def ticks(scene: Scene, now: datetime) -> None:
    for _ in range(200):
        with scene.runtime.database.writing() as session:
            if escalation.climb(session, scene.settings, now) < escalation.AT_ONCE:
                return


def asked_of(scene: Scene, address: str = ANNE) -> list[str]:
    """What was asked at this phone, in order."""
    with scene.runtime.database.reading() as session:
        return list(
            session.scalars(
                select(BroadcastText.text)
                .join(Delivery, Delivery.text_id == BroadcastText.id)
                .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
                .where(Delivery.address == address, Broadcast.purpose == Purpose.CALL_OUT)
                .order_by(Delivery.id)
            )
        )


def states(scene: Scene) -> dict[AlertState, int]:
    with scene.runtime.database.reading() as session:
        return {row.state: row[1] for row in session.execute(select(Alert.state, func.count()).group_by(Alert.state))}


def says(scene: Scene, text: str, now: datetime, number: int = 1) -> None:
    with scene.runtime.database.writing() as session:
        account = session.scalars(select(Account).where(Account.key == "sms-live")).one()
        inbound = Inbound(f"SM{number}", ANNE, text, now, kind="message", private=True)
        inbox.receive(session, account, [inbound], now)
        answering.written(session, account, [inbound], now)


def news(scene: Scene) -> list[str]:
    with scene.runtime.database.reading() as session:
        return list(
            session.scalars(
                select(BroadcastText.text)
                .join(Delivery, Delivery.text_id == BroadcastText.id)
                .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
                .where(Delivery.address == ANNE, Broadcast.message == "alert_news")
                .order_by(Delivery.id)
            )
        )


def test_a_few_are_asked_about_one_by_one(scene: Scene) -> None:
    an_escalation(scene)
    many(scene, flood.SINGLY, NOW)
    ticks(scene, NOW)
    assert len(asked_of(scene)) == flood.SINGLY
    assert not any("til" in one for one in asked_of(scene))


def test_five_hundred_are_one_text_and_one_yes_takes_them_all(scene: Scene) -> None:
    an_escalation(scene)
    many(scene, 500, NOW)
    ticks(scene, NOW)
    (text,) = asked_of(scene)
    assert "disk 0 og 499 til" in text
    assert "ta alle" in text
    with scene.runtime.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Ask)) == 1
    says(scene, "1", NOW + timedelta(seconds=30))
    assert states(scene) == {AlertState.TAKEN: 500}
    (told,) = news(scene)
    assert "Du har tatt alarmen: disk 0 og 499 til" in told
    ticks(scene, NOW + timedelta(seconds=WAIT * 3))
    assert len(asked_of(scene)) == 1


def test_over_a_minute_a_phone_rings_a_handful_of_times(scene: Scene) -> None:
    an_escalation(scene)
    for second in range(60):
        now = NOW + timedelta(seconds=second)
        many(scene, 8 if second else 3, now, f"s{second}")
        ticks(scene, now)
    assert len(asked_of(scene)) <= flood.SINGLY + 1
    with scene.runtime.database.reading() as session:
        lost = select(Alert.id).where(Alert.due_at.is_(None), Alert.bundled_with.is_(None))
        assert session.scalars(lost).all() == [], "each is asked about, by itself or with another"


def test_nobody_takes_what_came_after_they_were_asked(scene: Scene) -> None:
    an_escalation(scene)
    many(scene, 20, NOW)
    ticks(scene, NOW)
    later = NOW + timedelta(seconds=20)
    many(scene, 7, later, "late")
    ticks(scene, later)
    assert len(asked_of(scene)) == 1
    says(scene, "1", later + timedelta(seconds=5))
    assert states(scene) == {AlertState.TAKEN: 20, AlertState.OPEN: 7}
    ticks(scene, later + timedelta(seconds=6))
    assert "late 0 og 6 til" in asked_of(scene)[-1], "the rest is asked about at once"


def test_when_the_one_that_speaks_is_closed_another_speaks_for_the_rest(scene: Scene) -> None:
    an_escalation(scene)
    ids = many(scene, 10, NOW)
    ticks(scene, NOW)
    with scene.runtime.database.writing() as session:
        assert alerts.close_by_key(session, scene.units["ous"], Mode.LIVE, "disk-3", "resolved", NOW)
        assert alerts.close_by_key(session, scene.units["ous"], Mode.LIVE, "disk-0", "resolved", NOW)
    ticks(scene, NOW + timedelta(seconds=1))
    assert "disk 1 og 7 til" in asked_of(scene)[-1]
    with scene.runtime.database.reading() as session:
        rest = select(func.count()).select_from(Alert).where(Alert.bundled_with == ids[1])
        assert session.scalar(rest.where(Alert.state == AlertState.OPEN)) == 7


def test_nobody_takes_any_and_all_of_them_stay_to_be_taken(scene: Scene) -> None:
    an_escalation(scene, repeats=0)
    many(scene, 10, NOW)
    for step in range(5):
        ticks(scene, NOW + timedelta(seconds=(WAIT + 1) * step))
    assert states(scene) == {AlertState.EXHAUSTED: 10}


def test_a_drill_and_another_escalation_are_no_part_of_it(scene: Scene) -> None:
    an_escalation(scene)
    many(scene, 10, NOW)
    with scene.runtime.database.writing() as session:
        told = alerts.Opening(key="drill", title="A drill")
        alerts.open_alert(session, SYSTEM, scene.units["ous"], Mode.DRILL, told, NOW)
    ticks(scene, NOW)
    with scene.runtime.database.reading() as session:
        drill = session.scalars(select(Alert).where(Alert.mode == Mode.DRILL)).one()
        assert drill.bundled_with is None
        assert session.scalars(select(Ask.id).where(Ask.alert_id == drill.id)).one()


def test_whoever_was_slower_reads_who_has_it(scene: Scene) -> None:
    an_escalation(scene)
    (alert_id,) = many(scene, 1, NOW)
    ticks(scene, NOW)
    with scene.runtime.database.writing() as session:
        alert = session.get_one(Alert, alert_id)
        alerts.take(session, scene.actor("per"), alert, None, NOW)
    says(scene, "ja", NOW + timedelta(seconds=9))
    assert "Per har tatt alarmen" in news(scene)[-1]
    assert person_id(scene, "own-anne")


def test_many_clocks_at_once_lose_none_and_ask_once(scene: Scene) -> None:
    an_escalation(scene)
    many(scene, 40, NOW)
    clocks = [threading.Thread(target=ticks, args=(scene, NOW)) for _ in range(4)]
    for one in clocks:
        one.start()
    for one in clocks:
        one.join()
    assert len(asked_of(scene)) == 1
    with scene.runtime.database.reading() as session:
        (lead,) = session.scalars(select(Alert.id).where(Alert.bundled_with.is_(None)))
        assert flood.size(session, lead) == 39
