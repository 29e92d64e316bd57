"""Alerts climbing their escalation: to the end, taken in the middle, and clocks that die or run twice."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from crisis.actor import SYSTEM
from crisis.channels.base import Inbound
from crisis.models import Absence, Account, Alert, Ask, AuditRow, Broadcast, Delivery, Destination, InboundRow, Person
from crisis.oncall import alerts, answering, approving, escalation, escalation_plan
from crisis.oncall.alerts import Opening
from crisis.oncall.escalation_plan import Step
from crisis.states import (
    AlertState,
    AskState,
    BroadcastState,
    DeliveryState,
    EscalationPurpose,
    InboundState,
    Mode,
    NotAllowed,
    Purpose,
    Role,
)
from crisis.triage import inbox
from tests.broadcasts.scene import Scene
from tests.oncall.scene import alert_now, an_escalation, asked, later, opened, person_id, steps_asked, ticked


def notices(scene: Scene, kind: str) -> list[tuple[str, str]]:
    """(address, text) of what was said beside the asking."""
    with scene.runtime.database.reading() as session:
        rows = session.scalars(
            select(Delivery)
            .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
            .where(Broadcast.purpose == Purpose.NOTICE, Broadcast.message == kind)
        ).all()
        from crisis.models import BroadcastText

        return sorted((one.address, session.get_one(BroadcastText, one.text_id).text) for one in rows)


def take(scene: Scene, alert_id, who: str = "anne", now: datetime | None = None) -> bool:
    with scene.runtime.database.writing() as session:
        alert = session.get_one(Alert, alert_id)
        person = session.get_one(Person, person_id(scene, f"own-{who}"))
        return alerts.take(session, scene.actor(who), alert, person, now or datetime.now(UTC))


def test_nobody_answers_and_it_climbs_to_the_end_and_the_alarm(scene: Scene) -> None:
    scene.user("ada", Role.ADMINISTRATOR, phone="+4790000009")
    an_escalation(scene, repeats=1)
    now = datetime.now(UTC)
    alert_id = opened(scene, now=now)
    for number in range(6):  # three steps, twice
        assert ticked(scene, later(now, number)) == 1
        assert ticked(scene, later(now, number)) == 0, "nothing more is due before the wait is over"
    assert alert_now(scene, alert_id).state is AlertState.OPEN
    ticked(scene, later(now, 6))
    ended = alert_now(scene, alert_id)
    assert (ended.state, ended.due_at) == (AlertState.EXHAUSTED, None)
    assert sorted(steps_asked(scene, alert_id)) == [1, 2, 3, 4, 5, 6]
    assert [who for step, who, _ in asked(scene, alert_id) if step in (1, 4)] == ["own-anne", "own-anne"]
    ((address, text),) = notices(scene, "alert_exhausted")
    assert address == "+4790000009"
    assert "INGEN har tatt" in text
    assert ticked(scene, later(now, 60)) == 0


def test_a_person_is_tried_by_their_ways_in_order(scene: Scene) -> None:
    an_escalation(scene)
    now = datetime.now(UTC)
    alert_id = opened(scene, now=now)
    ticked(scene, now)
    ticked(scene, later(now, 1))
    with scene.runtime.database.reading() as session:
        rows = session.execute(
            select(Delivery.address, Delivery.due_at)
            .join(Ask, Ask.id == Delivery.ask_id)
            .where(Ask.person_id == person_id(scene, "staff-1"))
            .order_by(Delivery.due_at)
        ).all()
    assert [row.address for row in rows] == ["+4791000001", "staff-1@example.org"]
    assert rows[1].due_at - rows[0].due_at == timedelta(seconds=60)
    assert len(asked(scene, alert_id)) == 1 + 5 * 2


def test_taken_in_the_middle_it_stops_and_the_others_are_told(scene: Scene) -> None:
    an_escalation(scene)
    now = datetime.now(UTC)
    alert_id = opened(scene, now=now)
    ticked(scene, now)
    scene.deliver("sms-live")  # Anne's text has left
    ticked(scene, later(now, 1))  # the group is queued
    assert take(scene, alert_id, "per", now)
    assert not take(scene, alert_id, "anne", now), "somebody was faster"
    taken = alert_now(scene, alert_id)
    assert (taken.state, taken.taken_name, taken.due_at) == (AlertState.TAKEN, "Per", None)
    with scene.runtime.database.reading() as session:
        asking = select(Delivery.state, func.count()).where(Delivery.ask_id.is_not(None)).group_by(Delivery.state)
        assert dict(session.execute(asking).all()) == {DeliveryState.ACCEPTED: 1, DeliveryState.CANCELLED: 10}
        assert set(session.scalars(select(Ask.state))) == {AskState.SPARED}
    told = notices(scene, "alert_news")
    assert [address for address, _ in told] == ["+4790000002"], "only whom something has left to"
    assert "Per" in told[0][1]
    assert ticked(scene, later(now, 30)) == 0


def test_the_same_key_is_one_alert_that_is_counted_and_closed_by_it(scene: Scene) -> None:
    an_escalation(scene)
    first = opened(scene)
    assert opened(scene) == first
    assert alert_now(scene, first).opened_again == 1
    drill = opened(scene, mode=Mode.DRILL)
    assert drill != first, "a drill never touches what is live"
    with scene.runtime.database.writing() as session:
        assert alerts.close_by_key(session, scene.units["ous"], Mode.LIVE, "disk", "resolved", datetime.now(UTC))
        assert not alerts.close_by_key(session, scene.units["ous"], Mode.LIVE, "disk", "resolved", datetime.now(UTC))
    assert alert_now(scene, first).state is AlertState.CLOSED
    assert alert_now(scene, drill).state is AlertState.OPEN
    assert opened(scene) != first, "after the end the key opens a new one"
    with pytest.raises(NotAllowed):
        take(scene, first)


def test_a_clock_killed_before_its_commit_has_asked_nobody_and_the_next_asks_once(scene: Scene) -> None:
    an_escalation(scene)
    now = datetime.now(UTC)
    alert_id = opened(scene, now=now)

    class Killed(BaseException):
        pass

    def killed() -> None:
        with scene.runtime.database.writing() as session:
            assert escalation.climb(session, scene.settings, now) == 1
            raise Killed

    with pytest.raises(Killed):
        killed()
    assert asked(scene, alert_id) == []
    assert ticked(scene, now) == 1
    assert ticked(scene, now) == 0
    assert asked(scene, alert_id) == [(1, "own-anne", "+4790000002")]


def test_many_clocks_at_once_ask_nobody_twice_for_one_step(scene: Scene) -> None:
    an_escalation(scene)
    now = datetime.now(UTC)
    ids = [opened(scene, key=f"k{n}", now=now) for n in range(5)]  # more are a flood
    wrong: list[BaseException] = []

    def clock() -> None:
        try:
            for step in range(4):
                for _ in range(4):
                    ticked(scene, later(now, step))
        except BaseException as error:  # noqa: BLE001
            wrong.append(error)

    clocks = [threading.Thread(target=clock) for _ in range(4)]
    for one in clocks:
        one.start()
    for one in clocks:
        one.join()
    assert wrong == []
    for alert_id in ids:
        told = asked(scene, alert_id)
        assert len(told) == len(set(told)), "one step asks each address once"
        assert [who for step, who, _ in told if step == 1] == ["own-anne"]


def test_whoever_is_absent_is_passed_over_at_once(scene: Scene) -> None:
    an_escalation(scene)
    now = datetime.now(UTC)
    with scene.runtime.database.writing() as session:
        anne = person_id(scene, "own-anne")
        session.add(Absence(person_id=anne, starts=now - timedelta(hours=1), ends=now + timedelta(hours=1)))
    alert_id = opened(scene, now=now)
    ticked(scene, now)
    ticked(scene, now + timedelta(seconds=1))
    assert {who for _, who, _ in asked(scene, alert_id)} == {f"staff-{n}" for n in range(1, 6)}


def test_a_person_without_a_destination_is_shown_and_the_climb_goes_on(scene: Scene) -> None:
    an_escalation(scene)
    now = datetime.now(UTC)
    with scene.runtime.database.writing() as session:
        session.query(Destination).filter(Destination.person_id == person_id(scene, "own-anne")).delete()
    alert_id = opened(scene, now=now)
    ticked(scene, now)
    ticked(scene, now + timedelta(seconds=1))
    assert sorted(steps_asked(scene, alert_id)) == [2]
    with scene.runtime.database.reading() as session:
        ask = session.scalars(select(Ask).where(Ask.person_id == person_id(scene, "own-anne"))).one()
        assert (ask.state, bool(ask.why)) == (AskState.UNREACHABLE, True)


def test_without_an_escalation_the_alarm_is_raised_at_once(scene: Scene) -> None:
    scene.user("ada", Role.ADMINISTRATOR, phone="+4790000009")
    now = datetime.now(UTC)
    alert_id = opened(scene, now=now)
    ticked(scene, now)
    assert alert_now(scene, alert_id).state is AlertState.EXHAUSTED
    assert len(notices(scene, "alert_exhausted")) == 1
    assert take(scene, alert_id), "what is exhausted can still be taken"


def test_when_all_have_said_no_the_next_step_comes_at_once(scene: Scene) -> None:
    an_escalation(scene)
    now = datetime.now(UTC)
    alert_id = opened(scene, now=now)
    ticked(scene, now)
    with scene.runtime.database.writing() as session:
        ask = session.scalars(select(Ask).where(Ask.alert_id == alert_id)).one()
        assert alerts.answered(session, ask, "no", "sms", now) is AlertState.OPEN
    ticked(scene, now + timedelta(seconds=1))
    assert 2 in steps_asked(scene, alert_id)
    with scene.runtime.database.writing() as session:
        ask = session.scalars(select(Ask).where(Ask.person_id == person_id(scene, "staff-2"))).one()
        assert alerts.answered(session, ask, "yes", "voice", now) is AlertState.TAKEN
    assert alert_now(scene, alert_id).taken_by == person_id(scene, "staff-2")


def test_what_is_asked_in_a_drill_leaves_through_drill_accounts_and_says_so(scene: Scene) -> None:
    an_escalation(scene)
    now = datetime.now(UTC)
    opened(scene, mode=Mode.DRILL, now=now)
    ticked(scene, now)
    with scene.runtime.database.reading() as session:
        broadcast = session.scalars(select(Broadcast).where(Broadcast.purpose == Purpose.CALL_OUT)).one()
        assert broadcast.mode is Mode.DRILL
        assert all(text.text.startswith(("ØVELSE", "EXERCISE")) for text in broadcast.texts)


def test_every_act_is_recorded_and_bad_words_are_refused(scene: Scene) -> None:
    alert_id = opened(scene)
    take(scene, alert_id)
    with scene.runtime.database.writing() as session:
        alerts.close(session, SYSTEM, session.get_one(Alert, alert_id), "over", datetime.now(UTC))
        acts = list(
            session.scalars(select(AuditRow.act).where(AuditRow.act.startswith("alert.")).order_by(AuditRow.number))
        )
    assert acts == ["alert.opened", "alert.taken", "alert.closed"]
    for told in (Opening(key="k", title=" \n "), Opening(key="k", title="t", escalation="none")):
        with pytest.raises(NotAllowed), scene.runtime.database.writing() as session:
            alerts.open_alert(session, SYSTEM, scene.units["ous"], Mode.LIVE, told, datetime.now(UTC))


@pytest.mark.parametrize(
    ("text", "state", "waits"),
    [("1", AlertState.TAKEN, []), ("2", AlertState.OPEN, []), ("kanskje", AlertState.OPEN, ["kanskje"])],
)
def test_an_alert_is_answered_by_text_as_it_says_itself(
    scene: Scene, text: str, state: AlertState, waits: list[str]
) -> None:
    an_escalation(scene)
    now = datetime.now(UTC)
    alert_id = opened(scene, now=now)
    ticked(scene, now)
    ticked(scene, later(now, 1))
    with scene.runtime.database.writing() as session:
        asked_one = person_id(scene, "staff-1")
        phone = session.scalars(select(Destination.address).where(Destination.person_id == asked_one)).first()
        account = session.scalars(select(Account).where(Account.key == "sms-live")).one()
        said = [Inbound("SM1", phone or "", text, now, kind="message", private=True)]
        inbox.receive(session, account, said, now)
        assert answering.written(session, account, said, now) == 1
    alert = alert_now(scene, alert_id)
    assert (alert.state, alert.taken_by) == (state, asked_one if state is AlertState.TAKEN else None)
    with scene.runtime.database.reading() as session:
        found = session.scalars(select(InboundRow.text).where(InboundRow.state == InboundState.WAITING)).all()
    assert found == waits


def test_an_alert_that_cannot_be_asked_about_keeps_no_other_from_being_heard(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one of a unit that crisis.toml names no more. It is tried again, and the others climb."""
    an_escalation(scene)
    now = datetime.now(UTC)
    odd = opened(scene, "odd", now=now - timedelta(seconds=1))
    others = [opened(scene, key, now=now) for key in ("disk", "door")]
    right = escalation._whom

    def broken(session, step, alert, *rest):
        if alert.id == odd:
            raise StopIteration
        return right(session, step, alert, *rest)

    monkeypatch.setattr(escalation, "_whom", broken)
    assert ticked(scene, now) == 3
    assert [len(asked(scene, one)) > 0 for one in (odd, *others)] == [False, True, True]
    monkeypatch.undo()
    assert ticked(scene, now + timedelta(seconds=20)) == 0, "nobody turns in circles about it"
    ticked(scene, now + escalation.ASK_ANEW)
    assert asked(scene, odd)


def test_an_approval_that_waits_in_a_unit_we_know_no_more_is_no_trouble_of_the_others(scene: Scene) -> None:
    with scene.runtime.database.writing() as session:
        escalation_plan.save(
            session, SYSTEM, scene.units["ous"], None, key="yes", name="Yes",
            purpose=EscalationPurpose.APPROVAL, repeats=1,
            steps=[Step("person", person_id(scene, "own-anne"), 300)],
        )  # fmt: skip
        session.add(
            Broadcast(
                unit_id=scene.units["ous"], mode=Mode.LIVE, purpose=Purpose.CALL_OUT, state=BroadcastState.SUBMITTED,
                playbook="p", message="m", phase="call_out", authority="dual", digest="d", submitted_at=scene.now, submitted_by=scene.users["kari"],
            )
        )  # fmt: skip
    known = tuple(one for one in scene.settings.units if one.key != "ous")
    with scene.runtime.database.writing() as session:
        assert approving.ask(session, scene.settings.model_copy(update={"units": known}), scene.now) == 0
    with scene.runtime.database.writing() as session:
        assert approving.ask(session, scene.settings, scene.now) == 1
