"""The monthly practice call-out: once a month, always a drill, with the planner's rights, and its figures."""

from __future__ import annotations

import shutil
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from crisis.models import Ask, Broadcast, CallOut, Delivery, Grant, Incident, Practice, User
from crisis.oncall import answering, filling, practice
from crisis.oncall.answering import Said
from crisis.oncall.practice import Wish
from crisis.playbooks import signoff
from crisis.states import CallOutState, Mode, NotAllowed
from tests.broadcasts.scene import PLAYBOOKS, Scene

PLANNED = datetime(2026, 3, 1, 12, tzinfo=UTC)
DUE = datetime(2026, 3, 10, 9, 0, 5, tzinfo=UTC)  # ten o'clock in Oslo
WISH = Wish("practice-hospital", "call_out", ["staff"], 10, "10:00")


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """With the practice playbook, signed off."""
    shutil.copy(PLAYBOOKS / "practice-hospital.toml", scene.folder / "playbooks")
    playbook = scene.runtime.playbooks.shelf().playbooks["practice-hospital"]
    with scene.runtime.database.writing() as session:
        until, ous = PLANNED + timedelta(days=300), scene.units["ous"]
        signoff.sign(session, ous, playbook, "call_out", scene.users["anne"], until, PLANNED)
    return scene


def planned(scene: Scene, wish: Wish = WISH, who: str = "kari", now: datetime = PLANNED) -> None:
    with scene.runtime.database.writing() as session:
        told, shelf = scene.settings.unit("ous"), scene.runtime.playbooks.shelf()
        practice.plan(session, scene.actor(who), scene.units["ous"], told, shelf, wish, now)


def ticked(scene: Scene, now: datetime) -> list[uuid.UUID]:
    """What the clock does."""
    parts, made = scene.runtime, []
    with parts.database.reading() as session:
        due = practice.due(session, scene.settings, now)
    for unit_id, day in due:
        with parts.database.writing() as session:
            shelf = parts.playbooks.shelf()
            made.append(practice.begin(session, unit_id, day, scene.settings, shelf, parts.answers, now).id)
    with parts.database.writing() as session:
        for one in filling.going_on(session):
            filling.step(session, one, scene.settings, now)
        practice.end_finished(session, now)
    return made


def held(scene: Scene) -> Practice:
    with scene.runtime.database.reading() as session:
        row = session.scalars(select(Practice)).one()
        session.expunge_all()
        return row


def test_it_leaves_once_at_its_time_as_a_drill_to_the_group(scene: Scene) -> None:
    planned(scene)
    assert ticked(scene, DUE - timedelta(minutes=1)) == []
    assert len(ticked(scene, DUE)) == 1
    assert ticked(scene, DUE + timedelta(seconds=30)) == []
    with scene.runtime.database.reading() as session:
        call_out = session.scalars(select(CallOut)).one()
        incident = session.get_one(Incident, call_out.incident_id)
        assert (call_out.mode, incident.mode, call_out.needs[0].number) == (Mode.DRILL, Mode.DRILL, 5)
        assert set(session.scalars(select(Delivery.mode))) == {Mode.DRILL}
        assert len(session.scalars(select(Ask)).all()) == 5
        assert session.get_one(Broadcast, call_out.broadcast_id).released_by == scene.users["kari"]
    assert len(ticked(scene, DUE + timedelta(days=31))) == 1, "the next month again"


def test_its_figures_say_who_was_reached_how_fast_and_who_never(scene: Scene) -> None:
    planned(scene)
    ticked(scene, DUE)
    with scene.runtime.database.reading() as session:
        asks = session.scalars(select(Ask).order_by(Ask.position)).all()
        ids, persons = [one.id for one in asks], [one.person_id for one in asks]
    for number, (word, after) in enumerate([("yes", 40), ("no", 200), ("yes", 900)]):
        with scene.runtime.database.writing() as session:
            said = Said(word, "sms", f"t{number}")
            answering.answer(session, ids[number], said, DUE + timedelta(seconds=after))
    ticked(scene, DUE + practice.LONGEST - timedelta(minutes=1))
    ticked(scene, DUE + practice.LONGEST + timedelta(seconds=1))
    row = held(scene)
    assert row.ended_at is not None
    told = row.figures
    assert (told["asked"], told["answered"], told["yes"], told["median"]) == (5, 3, 2, 200)
    assert told["within"] == {"60": 1, "180": 1, "300": 2, "600": 2}
    assert told["ways"] == {"sms": 3}
    assert told["silent"] == sorted(map(str, persons[3:]))
    with scene.runtime.database.reading() as session:
        assert session.scalars(select(CallOut.state)).one() is CallOutState.CLOSED
        assert session.scalars(select(Incident.closed_at)).one() is not None
        assert {id_ for id_, _, _ in practice.never(session, [row])} == set(persons[3:])
        told_people = select(Broadcast.id).where(Broadcast.message.in_(["too_few_come", "cancelled"]))
        assert session.scalars(told_people).all() == [], "nobody is alarmed by a practice"


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (Wish("mass-casualty", "call_out", [], 10, "10:00"), "nothing to fill in"),
        (Wish("nowhere", "call_out", [], 10, "10:00"), "nothing to fill in"),
        (Wish("practice-hospital", "call_out", [], 29, "10:00"), "1 to 28"),
        (Wish("practice-hospital", "call_out", [], 10, "ten"), "write the time"),
        (Wish("practice-hospital", "call_out", ["strangers"], 10, "10:00"), "no such group"),
    ],
)
def test_a_plan_that_will_not_do(scene: Scene, wish: Wish, says: str) -> None:
    with pytest.raises(NotAllowed, match=says):
        planned(scene, wish)


def test_an_approver_alone_plans_none(scene: Scene) -> None:
    with pytest.raises(NotAllowed):
        planned(scene, who="anne")


@pytest.mark.parametrize("what", ["right", "user", "signoff", "group"])
def test_what_stands_in_its_way_is_written_down_and_nothing_leaves(scene: Scene, what: str) -> None:
    wish = Wish("practice-hospital", "call_out", ["press" if what == "group" else "staff"], 10, "10:00")
    planned(scene, wish)
    with scene.runtime.database.writing() as session:
        match what:
            case "right":
                for grant in session.scalars(select(Grant).where(Grant.user_id == scene.users["kari"])):
                    session.delete(grant)
            case "user":
                session.get_one(User, scene.users["kari"]).disabled_at = PLANNED
            case "signoff":
                signed = signoff.latest(session, scene.units["ous"], "practice-hospital", "call_out")
                assert signed is not None
                signoff.revoke(signed, PLANNED)
            case _:
                from crisis.models import membership

                session.execute(membership.delete())
    assert len(ticked(scene, DUE)) == 1
    assert held(scene).why_not
    assert held(scene).call_out_id is None
    with scene.runtime.database.reading() as session:
        assert session.scalars(select(Delivery)).all() == []
        assert session.scalars(select(Incident)).all() == [], "no half of it stays"
    assert ticked(scene, DUE + timedelta(minutes=1)) == []


def test_planned_too_late_this_month_or_a_clock_that_slept_holds_none(scene: Scene) -> None:
    planned(scene, now=DUE + timedelta(minutes=5))
    assert ticked(scene, DUE + timedelta(minutes=6)) == []
    planned(scene)
    assert ticked(scene, DUE + practice.TOO_LATE) == []
    with scene.runtime.database.reading() as session:
        assert session.scalars(select(Practice)).all() == []
