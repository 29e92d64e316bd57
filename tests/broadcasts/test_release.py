"""Letting go: one officer or two, never what changed, never too late, and the board counts what really happened."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import literal_column, select

from crisis import audit
from crisis.broadcasts import board, draft, incidents, notice, preview, release, self_test, submit
from crisis.broadcasts.freeze import Changed, NotReady, Read
from crisis.broadcasts.release import SecondPerson
from crisis.models import Account, AuditRow, Broadcast, Delivery, Incident, User
from crisis.states import BroadcastState, DeliveryState, Mode, NotAllowed, Purpose, Role
from tests.broadcasts.scene import SLOTS, Scene


def _submitted(scene: Scene, who: str = "kari") -> uuid.UUID:
    made = scene.drafted(scene.incident(Mode.LIVE, who), who=who)
    with scene.runtime.database.writing() as session:
        submit.submit(
            session, scene.actor(who), session.get_one(Broadcast, made), scene.settings, scene.playbook, scene.now
        )
    return made


def _judge(scene: Scene, broadcast_id: uuid.UUID, who: str, how: str) -> None:
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, broadcast_id)
        parts = (session, scene.actor(who), row)
        if how == "yes":
            submit.approve(*parts, row.digest or "", datetime.now(UTC))
        else:
            submit.send_back(*parts, "not so", row.digest or "", datetime.now(UTC))


def _set(scene: Scene, broadcast_id: uuid.UUID, **values: object) -> None:
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, broadcast_id)
        for name, value in values.items():
            setattr(row, name, value)


def test_signed_off_content_needs_one_officer(scene: Scene) -> None:
    scene.sign_off("initial")
    made = scene.drafted(scene.incident())
    assert scene.release(made) == 18
    row = scene.broadcast(made)
    assert row.state is BroadcastState.RELEASED
    assert row.leaves_at == row.released_at + timedelta(seconds=10)
    with scene.runtime.database.reading() as session:
        assert list(audit.verify(session)) == []


def test_unsigned_content_needs_two(scene: Scene) -> None:
    with pytest.raises(SecondPerson, match="nobody has signed"):
        scene.release(scene.drafted(scene.incident()))


@pytest.mark.parametrize("who", ["vidar", "anne", "dag"])
def test_only_officers_of_the_unit_release(scene: Scene, who: str) -> None:
    scene.sign_off()
    with pytest.raises(NotAllowed, match="role officer"):
        scene.release(scene.drafted(scene.incident()), who)


def test_only_what_was_read_leaves(scene: Scene) -> None:
    scene.sign_off()
    made = scene.drafted(scene.incident())
    with scene.runtime.database.reading() as session:
        row = session.get_one(Broadcast, made)
        seen = preview.preview(session, row, scene.settings, scene.playbook, datetime.now(UTC))
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, made)
        incident = session.get_one(Incident, row.incident_id)
        draft.change(session, scene.actor("kari"), row, incident, scene.playbook, slots={**SLOTS, "place": "Bislett"})
    with pytest.raises(Changed):
        scene.release(made, read=seen.read)
    assert scene.deliveries(made) == []
    with scene.runtime.database.reading() as session:
        row = session.get_one(Broadcast, made)
        seen = preview.preview(session, row, scene.settings, scene.playbook, datetime.now(UTC))
    assert scene.release(made, read=seen.read) == 18
    assert scene.broadcast(made).digest == seen.read.digest  # the preview names exactly what is frozen


def test_what_was_read_long_ago_is_composed_anew() -> None:
    now = datetime.now(UTC)
    assert Read("", now - timedelta(minutes=3)).moment(now) == now - timedelta(minutes=3)
    assert Read("", now - timedelta(hours=3)).moment(now) == now
    assert Read("", now + timedelta(hours=3)).moment(now) == now


def test_a_frozen_text_that_was_touched_is_not_sent(scene: Scene) -> None:
    made = _submitted(scene)
    _judge(scene, made, "anne", "yes")
    with scene.runtime.database.writing() as session:
        session.get_one(Broadcast, made).texts[0].text += "!"
    with pytest.raises(NotAllowed, match="not what was frozen"):
        scene.release(made)


def test_approved_is_released_without_its_playbook(scene: Scene) -> None:
    made = _submitted(scene)
    _judge(scene, made, "anne", "yes")
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, made)
        assert release.release(session, scene.actor("kari"), row, scene.settings, None, datetime.now(UTC)) == 18


@pytest.mark.parametrize(
    ("field", "words"), [("expires_at", "too old"), ("next_update_at", "promises an update at a time that has passed")]
)
def test_too_late_is_not_sent(scene: Scene, field: str, words: str) -> None:
    made = _submitted(scene)
    _judge(scene, made, "anne", "yes")
    _set(scene, made, **{field: datetime.now(UTC) - timedelta(seconds=1)})
    with pytest.raises(NotAllowed, match=words):
        scene.release(made)


def test_an_old_yes_counts_no_more_after_a_return(scene: Scene) -> None:
    """Yes, taken back, submitted word for word again, returned, submitted again: nobody has said yes to this one."""
    made = _submitted(scene)
    _judge(scene, made, "anne", "yes")
    for _ in range(2):
        with scene.runtime.database.writing() as session:
            row = session.get_one(Broadcast, made)
            submit.withdraw(session, scene.actor("kari"), row)
            submit.submit(session, scene.actor("kari"), row, scene.settings, scene.playbook, scene.now)
    with pytest.raises(SecondPerson):
        scene.release(made)
    _judge(scene, made, "per", "returned")
    assert scene.broadcast(made).return_reason == "not so"
    with pytest.raises(SecondPerson):
        scene.release(made)


@pytest.mark.parametrize("who", ["kari", "per"])
def test_the_author_never_approves(scene: Scene, who: str) -> None:
    made = _submitted(scene, who)
    with pytest.raises(NotAllowed, match="role approver" if who == "kari" else "second person must decide"):
        _judge(scene, made, who, "yes")


def test_breaking_the_glass(scene: Scene) -> None:
    made = scene.drafted(scene.incident())
    with pytest.raises(NotAllowed, match="needs a reason"):
        scene.release(made, break_glass=" ")
    assert scene.release(made, break_glass="Nobody answers") == 18
    with scene.runtime.database.reading() as session:
        acts = [row.act for row in session.scalars(select(AuditRow).where(AuditRow.subject == f"broadcast:{made}"))]
        told = session.scalars(
            select(Delivery)
            .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
            .where(Broadcast.purpose == Purpose.NOTICE)
        ).all()
        assert acts[-1] == "broadcast.glass_broken"
        assert {row.address for row in told} == {"+4790000002", "+4790000003"}
        assert all(row.mode is Mode.LIVE for row in told)


def test_nobody_to_reach_is_not_released(scene: Scene) -> None:
    scene.sign_off()
    made = scene.drafted(scene.incident())
    _set(scene, made, accounts=["sms-live"], audiences=[])
    with pytest.raises(NotReady, match="nobody would get this"):
        scene.release(made)


def test_a_correction_before_anybody_got_it_is_no_correction(scene: Scene) -> None:
    scene.sign_off()
    original = scene.released(scene.incident())
    correction = scene.follow(original, "correction")
    with pytest.raises(NotReady, match="stop that one instead"):
        scene.release(correction)
    assert scene.broadcast(original).state is BroadcastState.RELEASED  # the refused release stopped nothing


def test_a_correction_stops_the_rest_and_follows_each_delivery(scene: Scene) -> None:
    scene.sign_off()
    original = scene.released(scene.incident())
    scene.deliver("sms-live", "x-live", most=2)
    correction = scene.follow(original, "correction")
    assert scene.release(correction) == 4
    rows = {row.id: row for row in scene.deliveries(original)}
    assert all(rows[row.follows_id].address == row.address for row in scene.deliveries(correction))
    assert scene.broadcast(original).state is BroadcastState.STOPPED
    with scene.runtime.database.reading() as session:
        seen = board.board(session, session.get_one(Broadcast, original))
        assert (seen.done, seen.open, seen.total) == (4, 0, 18)
        assert sum(row.counts.get(DeliveryState.CANCELLED, 0) for row in seen.accounts) == 14


def test_rows_lie_in_the_order_in_which_they_leave(scene: Scene) -> None:
    scene.sign_off()
    scene.released(scene.incident())
    with scene.runtime.database.reading() as session:
        place = literal_column("delivery.rowid" if scene.runtime.database.is_sqlite else "delivery.ctid")
        texts = select(Delivery).join(Account, Account.id == Delivery.account_id).where(Account.channel == "sms")
        lying = session.scalars(texts.order_by(place)).all()
    assert len(lying) > 5
    assert lying == sorted(lying, key=lambda row: (row.priority, row.due_at, row.id))
    assert {row.id.version for row in lying} == {7}


def test_stopped_can_be_put_right_and_released_anew(scene: Scene) -> None:
    scene.sign_off()
    original = scene.released(scene.incident())
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, original)
        assert release.stop(session, scene.actor("kari"), row, "typo", datetime.now(UTC)) == 18
        incident = session.get_one(Incident, row.incident_id)
        made = draft.again(session, scene.actor("kari"), row, incident, scene.playbook)
        assert (made.slots, made.accounts, made.audiences) == (row.slots, row.accounts, row.audiences)
        with pytest.raises(NotAllowed, match="still stands"):
            draft.again(session, scene.actor("kari"), made, incident, scene.playbook)
    assert scene.release(made.id) == 18


def test_the_boards_name_changes_with_what_it_shows(scene: Scene) -> None:
    scene.sign_off()
    made = scene.released(scene.incident())
    names = []
    for step in (
        lambda: None,
        lambda: scene.deliver("sms-live", most=1),
        lambda: scene.deliver("x-live", state=DeliveryState.UNCERTAIN),
    ):
        step()
        with scene.runtime.database.reading() as session:
            names += [board.board(session, session.get_one(Broadcast, made)).version for _ in range(2)]
    assert names[0] == names[1] != names[2] == names[3] != names[4] == names[5]


def test_a_notice_that_cannot_arrive_keeps_no_incident_open(scene: Scene) -> None:
    made = _submitted(scene)
    with scene.runtime.database.writing() as session:
        incident = session.get_one(Incident, session.get_one(Broadcast, made).incident_id)
        incidents.close_incident(session, scene.actor("kari"), incident)
        assert incident.closed_at is not None
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, made)
        submit.withdraw(session, scene.actor("kari"), row)
        parts = (session, scene.actor("kari"), row, scene.settings, scene.playbook, scene.now)
        with pytest.raises(NotAllowed, match="incident is closed"):
            submit.submit(*parts)


def test_a_test_goes_only_to_oneself_and_needs_an_address(scene: Scene) -> None:
    made = scene.drafted(scene.incident(Mode.DRILL))
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, made)
        test = self_test.send_to_myself(
            session, scene.actor("kari"), row, scene.settings, scene.playbook, datetime.now(UTC)
        )
    assert [(row.address, row.mode) for row in scene.deliveries(test.id)] == [("+4790000001", Mode.DRILL)]
    scene.user("ola", Role.OFFICER)
    with scene.runtime.database.writing() as session:
        parts = (
            session,
            scene.actor("ola"),
            session.get_one(Broadcast, made),
            scene.settings,
            scene.playbook,
            scene.now,
        )
        with pytest.raises(NotAllowed, match="no phone or mailbox"):
            self_test.send_to_myself(*parts)


def test_only_people_with_the_role_are_told(scene: Scene) -> None:
    with scene.runtime.database.reading() as session:
        told = notice.users_with(session, scene.units["ous"], Role.APPROVER, but=scene.users["per"])
        assert [user.login for user in told] == ["anne"]
        assert isinstance(told[0], User)


def test_lights(scene: Scene) -> None:
    scene.sign_off()
    made = scene.released(scene.incident())
    scene.deliver("sms-live")
    scene.deliver("x-live", state=DeliveryState.UNCERTAIN)
    scene.deliver("page-live", state=DeliveryState.FAILED)

    def lights() -> dict[str, str]:
        with scene.runtime.database.reading() as session:
            seen = board.board(session, session.get_one(Broadcast, made))
            return {row.account.channel: row.light for row in seen.accounts}

    assert lights() == {"sms": "green", "x": "yellow", "page": "red", "email": "moving"}
    with scene.runtime.database.writing() as session:
        release.stop(session, scene.actor("kari"), session.get_one(Broadcast, made), "", datetime.now(UTC))
    assert lights()["email"] == "grey"
