"""A second person is asked by an escalation: only who may judge it, never the author, and closed when it is judged."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from crisis.actor import SYSTEM
from crisis.broadcasts import submit
from crisis.models import Alert, Broadcast, Group, Person
from crisis.oncall import approving, escalation_plan
from crisis.oncall.escalation_plan import Step
from crisis.states import AlertState, EscalationPurpose
from tests.broadcasts.scene import Scene
from tests.oncall.scene import WAIT, asked, person_id, ticked

NOW = datetime.now(UTC)


def planned(scene: Scene, *, quiet: bool = True) -> None:
    """Everybody of a group in one step: the author, two approvers, an officer without the right."""
    with scene.runtime.database.writing() as session:
        group = Group(unit_id=scene.units["ous"], key="leaders", name="Leaders")
        group.persons = [session.get_one(Person, person_id(scene, f"own-{who}")) for who in ("kari", "anne", "per")]
        session.add(group)
        session.flush()
        escalation_plan.save(
            session, SYSTEM, scene.units["ous"], None,
            key="approvals", name="Approvals", purpose=EscalationPurpose.APPROVAL, repeats=1,
            steps=[Step("group", group.id, WAIT)], override_quiet=quiet,
        )  # fmt: skip


def submitted(scene: Scene, who: str = "kari") -> uuid.UUID:
    broadcast_id = scene.drafted(scene.incident(who=who), who=who)
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, broadcast_id)
        submit.submit(session, scene.actor(who), row, scene.settings, scene.playbook, NOW)
    return broadcast_id


def looked(scene: Scene, now: datetime = NOW) -> int:
    with scene.runtime.database.writing() as session:
        return approving.ask(session, scene.settings, now)


def only_alert(scene: Scene) -> Alert:
    with scene.runtime.database.reading() as session:
        alert = session.scalars(select(Alert).order_by(Alert.opened_at.desc())).first()
        assert alert is not None
        session.expunge_all()
        return alert


def test_approvers_are_asked_never_the_author_and_once(scene: Scene) -> None:
    planned(scene)
    broadcast_id = submitted(scene, "per")  # Per is officer and approver, and wrote this
    assert looked(scene) == 1
    assert looked(scene) == 0
    ticked(scene, NOW)
    alert = only_alert(scene)
    assert (alert.broadcast_id, alert.source) == (broadcast_id, "approval")
    assert [who for _, who, _ in asked(scene, alert.id)] == ["own-anne"]


def test_nothing_opens_where_no_escalation_is_planned(scene: Scene) -> None:
    submitted(scene)
    assert looked(scene) == 0


def test_judged_in_the_console_nobody_is_asked_any_more(scene: Scene) -> None:
    planned(scene)
    broadcast_id = submitted(scene)
    looked(scene)
    ticked(scene, NOW)
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, broadcast_id)
        submit.send_back(session, scene.actor("anne"), row, "the place is wrong", row.digest or "", NOW)
    looked(scene)
    assert only_alert(scene).state is AlertState.CLOSED
    with scene.runtime.database.writing() as session:  # the same words once more are asked for once more
        row = session.get_one(Broadcast, broadcast_id)
        later = NOW + timedelta(minutes=1)
        submit.submit(session, scene.actor("kari"), row, scene.settings, scene.playbook, later)
    assert looked(scene, NOW + timedelta(minutes=1)) == 1


def test_persons_told_of_a_broken_glass_are_asked_to_look(scene: Scene) -> None:
    planned(scene)
    broadcast_id = scene.drafted(scene.incident())
    scene.release(broadcast_id, break_glass="nobody answers and people are in danger")
    assert looked(scene) == 1
    assert looked(scene) == 0
    alert = only_alert(scene)
    assert (alert.source, alert.text) == ("break-glass", "nobody answers and people are in danger")
    ticked(scene, datetime.now(UTC))
    assert [who for _, who, _ in asked(scene, alert.id)] == ["own-anne", "own-per"]
    looked(scene)
    assert only_alert(scene).state is AlertState.OPEN, "it stays until somebody takes it"


def test_quiet_hours_hold_where_the_escalation_says_so(scene: Scene) -> None:
    planned(scene, quiet=False)
    local = NOW.astimezone(scene.settings.units[0].tz)
    with scene.runtime.database.writing() as session:
        anne = session.get_one(Person, person_id(scene, "own-anne"))
        anne.quiet_from = (local - timedelta(hours=1)).strftime("%H:%M")
        anne.quiet_to = (local + timedelta(hours=1)).strftime("%H:%M")
    submitted(scene)
    looked(scene)
    ticked(scene, NOW)
    assert [who for _, who, _ in asked(scene, only_alert(scene).id)] == ["own-per"]
