"""Posts for calm times: frozen, approved, sent once at their time, and held back the moment a live incident opens."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, select, update
from sqlalchemy.exc import IntegrityError

from crisis.broadcasts import planned, planned_calendar, planned_release
from crisis.broadcasts.freeze import NotReady
from crisis.broadcasts.planned_words import Wording, campaign_link, compose
from crisis.models import Account, Approval, AuditRow, Broadcast, BroadcastText, Delivery, Incident, PlannedPost, Tally
from crisis.sending import claim, order, sweep
from crisis.settings import UnitSettings
from crisis.states import BroadcastState, DeliveryState, Mode, NotAllowed, PlannedState, Purpose
from tests.broadcasts.scene import Scene, a_scene

WORDS = Wording(
    "Vaksinekurs",
    {"nb": "Nytt kurs i høst.", "en": "A new course this autumn."},
    link="https://www.helse.example.org/kurs",
    tags=("#kurs", "Helse"),
    accounts=("x-live",),
)


def ours(asked: Select[Any]) -> Select[Any]:
    """Only what belongs to planned posts: approvers are told of each, too."""
    return asked.where(Broadcast.purpose == Purpose.PLANNED)


def written(scene: Scene, words: Wording = WORDS) -> uuid.UUID:
    with scene.runtime.database.writing() as session:
        return planned.write(session, scene.actor("kari"), scene.units["ous"], words, scene.now).id


def at(scene: Scene, minutes: float = 60) -> datetime:
    return scene.now + timedelta(minutes=minutes)


def handed_in(scene: Scene, minutes: float = 60, words: Wording = WORDS) -> uuid.UUID:
    post_id = written(scene, words)
    with scene.runtime.database.writing() as session:
        post = session.get_one(PlannedPost, post_id)
        planned.plan(session, scene.actor("kari"), post, at(scene, minutes), scene.settings, scene.now)
    return post_id


def say_yes(scene: Scene, post_id: uuid.UUID, who: str = "anne", read: str = "") -> None:
    with scene.runtime.database.writing() as session:
        post = session.get_one(PlannedPost, post_id)
        waiting = planned.unsent(session, post)
        assert waiting is not None
        planned.approve(session, scene.actor(who), post, read or waiting.digest or "", scene.settings, scene.now)


def approved(scene: Scene, minutes: float = 60, words: Wording = WORDS) -> uuid.UUID:
    post_id = handed_in(scene, minutes, words)
    say_yes(scene, post_id)
    return post_id


def let_go(scene: Scene, minutes: float = 60) -> int:
    """The clock's round, so many minutes from now."""
    with scene.runtime.database.reading() as session:
        due = planned_release.due(session, at(scene, minutes))
    count = 0
    for post_id in due:
        with scene.runtime.database.writing() as session:
            count += planned_release.let_go(session, post_id, at(scene, minutes))
    return count


def state(scene: Scene, post_id: uuid.UUID) -> PlannedState:
    with scene.runtime.database.reading() as session:
        return session.get_one(PlannedPost, post_id).state


def deliveries(scene: Scene, post_id: uuid.UUID) -> list[tuple[str, DeliveryState]]:
    with scene.runtime.database.reading() as session:
        rows = session.execute(
            select(Delivery.language, Delivery.state)
            .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
            .where(Broadcast.planned_post_id == post_id)
            .order_by(Delivery.language, Delivery.id)
        )
        return [(row.language, row.state) for row in rows]


def test_written_frozen_approved_and_sent_once(scene: Scene) -> None:
    post_id = approved(scene)
    assert let_go(scene, 59) == 0, "its time has not come"
    assert let_go(scene) == 2
    assert let_go(scene) == 0, "a second clock finds nothing to do"
    assert state(scene, post_id) is PlannedState.RELEASED
    with scene.runtime.database.reading() as session:
        row = session.scalars(select(Broadcast).where(Broadcast.planned_post_id == post_id)).one()
        assert (row.purpose, row.mode, row.incident_id) == (Purpose.PLANNED, Mode.LIVE, None)
        texts = {text.language: text.text for text in row.texts}
    assert texts["nb"] == "Nytt kurs i høst.\nhttps://www.helse.example.org/kurs\n#kurs #Helse"
    with scene.runtime.database.writing() as session:
        account = session.scalars(select(Account).where(Account.key == "x-live")).one()
        claimed = claim.claim(session, account.id, 10, at(scene, 61))
    assert sorted(one.out.text for one in claimed) == sorted(texts.values())
    assert {tuple(one.out.tags) for one in claimed} == {("kurs", "Helse")}


def test_nothing_leaves_without_a_yes(scene: Scene) -> None:
    post_id = handed_in(scene)
    assert let_go(scene) == 0
    assert state(scene, post_id) is PlannedState.PLANNED
    with scene.runtime.database.writing() as session:
        # Somebody with a hand in the database turns the state; the yes itself is still missing.
        session.execute(update(PlannedPost).values(state=PlannedState.APPROVED))
        session.execute(update(Broadcast).values(state=BroadcastState.APPROVED))
    assert let_go(scene) == 0
    assert state(scene, post_id) is PlannedState.PAUSED


def test_words_changed_behind_the_approval_do_not_leave(scene: Scene) -> None:
    post_id = approved(scene)
    with scene.runtime.database.writing() as session:
        session.execute(update(BroadcastText).values(text="something else"))
    assert let_go(scene) == 0
    assert state(scene, post_id) is PlannedState.PAUSED
    assert deliveries(scene, post_id) == []


def test_the_yes_is_to_what_was_read(scene: Scene) -> None:
    post_id = handed_in(scene)
    with pytest.raises(NotAllowed, match="changed while you were reading"):
        say_yes(scene, post_id, read="0" * 64)
    for stranger in ("vidar", "dag"):
        with pytest.raises(NotAllowed, match="needs the role"):
            say_yes(scene, post_id, stranger)


@pytest.mark.parametrize("asked", [True, False])
def test_a_second_person_where_the_unit_wants_one(scene: Scene, *, asked: bool) -> None:
    units = tuple(one.model_copy(update={"planned_second_person": asked}) for one in scene.settings.units)
    object.__setattr__(scene.runtime, "settings", scene.settings.model_copy(update={"units": units}))
    post_id = handed_in(scene)
    if asked:
        with pytest.raises(NotAllowed, match="second person"):
            say_yes(scene, post_id, "kari")
        say_yes(scene, post_id, "anne")
    else:
        say_yes(scene, post_id, "kari")
    assert let_go(scene) == 2


def test_a_yes_that_turns_out_to_be_the_authors_own_does_not_let_it_go(scene: Scene) -> None:
    """The row itself is changed, behind the rule that would have refused it."""
    units = tuple(one.model_copy(update={"planned_second_person": True}) for one in scene.settings.units)
    object.__setattr__(scene.runtime, "settings", scene.settings.model_copy(update={"units": units}))
    post_id = approved(scene)
    with scene.runtime.database.writing() as session:
        session.execute(update(Approval).values(user_id=scene.users["kari"]))
    assert let_go(scene) == 0
    assert state(scene, post_id) is PlannedState.PAUSED


def test_changing_a_word_takes_the_yes_away(scene: Scene) -> None:
    post_id = approved(scene)
    with scene.runtime.database.writing() as session:
        post = session.get_one(PlannedPost, post_id)
        planned.write(session, scene.actor("kari"), post.unit_id, WORDS, scene.now, post=post)
    assert state(scene, post_id) is PlannedState.DRAFT
    assert let_go(scene) == 0
    with scene.runtime.database.writing() as session:
        post = session.get_one(PlannedPost, post_id)
        planned.plan(session, scene.actor("kari"), post, at(scene), scene.settings, scene.now)
    assert let_go(scene) == 0, "an old yes to the same words does not count"
    say_yes(scene, post_id)
    assert let_go(scene) == 2


def test_moving_keeps_the_yes(scene: Scene) -> None:
    post_id = approved(scene)
    with scene.runtime.database.writing() as session:
        post = session.get_one(PlannedPost, post_id)
        planned.move(session, scene.actor("kari"), post, at(scene, 240), scene.settings, scene.now)
        with pytest.raises(NotAllowed, match="still to come"):
            planned.move(session, scene.actor("kari"), post, at(scene, -1), scene.settings, scene.now)
    assert let_go(scene, 200) == 0
    assert let_go(scene, 241) == 2


def test_too_late_is_held_back_for_a_person(scene: Scene) -> None:
    post_id = approved(scene)
    assert let_go(scene, 60 + 61) == 0
    with scene.runtime.database.reading() as session:
        post = session.get_one(PlannedPost, post_id)
        assert (post.state, post.pause_reason) == (PlannedState.PAUSED, planned_release.TOO_LATE)


def test_queued_too_long_expires(scene: Scene) -> None:
    post_id = approved(scene)
    let_go(scene)
    with scene.runtime.database.writing() as session:
        assert sweep.too_old(session, at(scene, 121)) == 2
    assert {one for _, one in deliveries(scene, post_id)} == {DeliveryState.EXPIRED}


def test_it_leaves_after_everything_of_incidents(scene: Scene) -> None:
    approved(scene)
    let_go(scene)
    with scene.runtime.database.reading() as session:
        lowest = min(session.scalars(ours(select(Delivery.priority).join(Broadcast))))
    assert lowest > order.priority(9, 1_000_000)


def test_a_live_incident_holds_everything_back_at_once(scene: Scene) -> None:
    waiting, ready, gone = handed_in(scene, 90), approved(scene, 90), approved(scene, 60)
    assert let_go(scene, 60) == 2
    draft = written(scene)
    incident_id = scene.incident(Mode.LIVE)
    assert [state(scene, one) for one in (waiting, ready, gone)] == [PlannedState.PAUSED] * 3
    assert state(scene, draft) is PlannedState.DRAFT
    assert {one for _, one in deliveries(scene, gone)} == {DeliveryState.CANCELLED}
    assert let_go(scene, 91) == 0
    with scene.runtime.database.reading() as session:
        post = session.get_one(PlannedPost, gone)
        assert (post.paused_by, post.pause_reason) == (incident_id, planned_release.INCIDENT_OPENED)
        told = session.scalars(select(AuditRow).where(AuditRow.act == "planned.paused")).one()
        assert told.details == {"posts": 3, "cancelled": 2, "reason": planned_release.INCIDENT_OPENED}
        counted = {row.state: row.count for row in session.scalars(ours(select(Tally).join(Broadcast))) if row.count}
    assert counted == {DeliveryState.CANCELLED: 2}


def test_one_planned_while_an_incident_is_open_does_not_leave(scene: Scene) -> None:
    incident_id = scene.incident(Mode.LIVE)
    post_id = approved(scene)
    assert let_go(scene) == 0
    assert state(scene, post_id) is PlannedState.PAUSED
    assert deliveries(scene, post_id) == []
    with scene.runtime.database.reading() as session:
        assert session.get_one(PlannedPost, post_id).paused_by == incident_id


def test_a_drill_holds_nothing_back(scene: Scene) -> None:
    post_id = approved(scene)
    scene.incident(Mode.DRILL)
    assert state(scene, post_id) is PlannedState.APPROVED
    assert let_go(scene) == 2


def test_another_units_incident_holds_nothing_back(scene: Scene) -> None:
    post_id = approved(scene)
    with scene.runtime.database.writing() as session:
        incident = Incident(unit_id=scene.units["dep"], mode=Mode.LIVE, title="X", playbook="-")
        session.add(incident)
        session.flush()
        assert planned_release.hold_back(session, scene.actor("dag"), incident, scene.now) == 0
    assert state(scene, post_id) is PlannedState.APPROVED


def test_nothing_resumes_by_itself_and_each_is_decided(scene: Scene) -> None:
    again, never = approved(scene), approved(scene)
    incident_id = scene.incident()
    with scene.runtime.database.writing() as session:
        post = session.get_one(PlannedPost, again)
        with pytest.raises(NotAllowed, match="live incident is open"):
            planned.resume(session, scene.actor("kari"), post, at(scene, 90), scene.settings, scene.now)
    with scene.runtime.database.writing() as session:
        session.get_one(Incident, incident_id).closed_at = scene.now
    assert let_go(scene, 61) == 0
    with scene.runtime.database.reading() as session:
        assert {one.id for one in planned_calendar.to_decide(session, scene.units["ous"])} == {again, never}
    with scene.runtime.database.writing() as session:
        kari = scene.actor("kari")
        planned.resume(session, kari, session.get_one(PlannedPost, again), at(scene, 90), scene.settings, scene.now)
        planned.cancel(session, kari, session.get_one(PlannedPost, never), "over")
    assert state(scene, again) is PlannedState.APPROVED, "a yes to the same words stands"
    assert let_go(scene, 90) == 2
    assert (state(scene, again), state(scene, never)) == (PlannedState.RELEASED, PlannedState.CANCELLED)


def test_what_was_held_back_half_way_is_not_said_twice(scene: Scene) -> None:
    post_id = approved(scene)
    let_go(scene)
    with scene.runtime.database.writing() as session:
        first = session.scalars(ours(select(Delivery).join(Broadcast)).order_by(Delivery.language)).first()
        assert first is not None
        assert first.language == "en"
        first.state = DeliveryState.ACCEPTED
        for tally in session.scalars(ours(select(Tally).join(Broadcast))):
            tally.count = 1
    incident_id = scene.incident()
    with scene.runtime.database.writing() as session:
        session.get_one(Incident, incident_id).closed_at = scene.now
        post = session.get_one(PlannedPost, post_id)
        planned.resume(session, scene.actor("kari"), post, at(scene, 90), scene.settings, scene.now)
    assert state(scene, post_id) is PlannedState.PLANNED, "the rest needs a yes of its own"
    say_yes(scene, post_id)
    assert let_go(scene, 90) == 1
    assert deliveries(scene, post_id) == [
        ("en", DeliveryState.ACCEPTED),
        ("nb", DeliveryState.CANCELLED),
        ("nb", DeliveryState.QUEUED),
    ]


def test_an_incident_and_a_post_in_the_very_same_moment(scene: Scene) -> None:
    """Whoever comes first, nothing is left queued once both are done: ten times, two threads."""
    for turn in range(10):
        post_id, start = approved(scene, 60), threading.Barrier(2)
        troubles: list[BaseException] = []

        def clock(start: threading.Barrier = start, troubles: list[BaseException] = troubles) -> None:
            start.wait()
            try:
                let_go(scene)
            except BaseException as error:  # noqa: BLE001 - told to the test
                troubles.append(error)

        thread = threading.Thread(target=clock)
        thread.start()
        start.wait()
        incident_id = scene.incident()
        thread.join()
        assert troubles == [], turn
        assert state(scene, post_id) is PlannedState.PAUSED
        assert {one for _, one in deliveries(scene, post_id)} <= {DeliveryState.CANCELLED}
        with scene.runtime.database.writing() as session:
            session.get_one(Incident, incident_id).closed_at = scene.now
            planned.cancel(session, scene.actor("kari"), session.get_one(PlannedPost, post_id), "")


@pytest.mark.parametrize("first", ["clock", "officer"])
def test_one_waits_for_the_other(tmp_path: Path, postgres_server: str, first: str) -> None:
    """On PostgreSQL, where two write at once: the second sees what the first did, whichever it is."""
    with a_scene(tmp_path, postgres_server) as scene:
        post_id = approved(scene)
        done = threading.Event()

        def other() -> None:
            if first == "clock":
                scene.incident()
            else:
                let_go(scene)
            done.set()

        thread = threading.Thread(target=other)
        with scene.runtime.database.writing() as session:
            if first == "clock":
                assert planned_release.let_go(session, post_id, at(scene)) == 2
            else:
                incident = Incident(unit_id=scene.units["ous"], mode=Mode.LIVE, title="X", playbook="-")
                session.add(incident)
                session.flush()
                assert planned_release.hold_back(session, scene.actor("kari"), incident, scene.now) == 1
            thread.start()
            assert not done.wait(0.5), "the second must wait"
        thread.join(20)
        assert done.is_set()
        assert state(scene, post_id) is PlannedState.PAUSED
        assert {one for _, one in deliveries(scene, post_id)} <= {DeliveryState.CANCELLED}


@pytest.fixture
def postgres_server(request: pytest.FixtureRequest) -> Iterator[str]:
    from tests.databases import clean_postgres

    with clean_postgres(request.getfixturevalue("postgres_url")) as url:
        yield url


def test_the_database_keeps_planned_posts_apart(scene: Scene) -> None:
    incident_id = scene.incident(Mode.DRILL)
    post_id = handed_in(scene)
    for wrong in ({"mode": Mode.DRILL}, {"incident_id": incident_id, "mode": Mode.DRILL}, {"planned_post_id": None}):
        with pytest.raises(IntegrityError), scene.runtime.database.writing() as session:
            session.execute(update(Broadcast).where(Broadcast.planned_post_id == post_id).values(**wrong))


@pytest.mark.parametrize(
    ("words", "say"),
    [
        ({"title": " "}, "write a title"),
        ({"link": "javascript:alert(1)"}, "whole address"),
        ({"link": "https://user:pass@example.org/"}, "whole address"),
        ({"tags": ("two words",)}, "'two words' is none"),
        ({"accounts": ("sms-live",)}, "no account sms-live"),
        ({"accounts": ("page-live",)}, "no account page-live"),
        ({"accounts": ("x-drill",)}, "no account x-drill"),
        ({"media": ("nothing",)}, "no such picture"),
    ],
)
def test_bad_input_says_what_to_do(scene: Scene, words: dict[str, object], say: str) -> None:
    from dataclasses import replace

    with pytest.raises(NotAllowed, match=say):
        written(scene, replace(WORDS, **words))  # type: ignore[arg-type]


def test_a_text_that_does_not_fit_is_not_cut(scene: Scene) -> None:
    with pytest.raises(NotReady, match="too many"):
        handed_in(scene, words=Wording("T", {"nb": "å" * 300}, accounts=("x-live",)))
    with pytest.raises(NotReady, match="no text in a language"):
        handed_in(scene, words=Wording("T", {"nn": "Hei."}, accounts=("x-live",)))


def test_the_calendar_warns(scene: Scene) -> None:
    night = (scene.now + timedelta(days=2)).astimezone(UTC).replace(hour=1, minute=0)
    minutes = (night - scene.now).total_seconds() / 60
    first, second = handed_in(scene, minutes), handed_in(scene, minutes + 30)
    zone = scene.settings.unit("ous").tz
    with scene.runtime.database.reading() as session:
        found = [str(one) for one in planned_calendar.warnings(session, session.get_one(PlannedPost, first), zone)]
        assert found == ["it leaves in the night", "close to 'Vaksinekurs' on x-live"]
        days = planned_calendar.between(
            session, scene.units["ous"], scene.now, scene.now + timedelta(days=7), tag="KURS"
        )
        assert [one.id for one in days] == [first, second]
        assert planned_calendar.between(session, scene.units["dep"], scene.now, scene.now + timedelta(days=7)) == []


UNIT = UnitSettings(key="ous", name="OUS", kind="hospital", link_domains=("helse.no",), planned_utm=True)


@pytest.mark.parametrize(
    ("link", "becomes"),
    [
        ("https://www.helse.no/a?b=1", "https://www.helse.no/a?b=1&utm_source=x&utm_medium=social&utm_campaign=kurs"),
        (
            "https://www.helse.no/a?utm_source=me",
            "https://www.helse.no/a?utm_source=x&utm_medium=social&utm_campaign=kurs",
        ),
        ("https://nothelse.no/a", "https://nothelse.no/a"),
        ("", ""),
    ],
)
def test_campaign_links(link: str, becomes: str) -> None:
    assert campaign_link(UNIT, link, "x", ["kurs"]) == becomes


def test_tags_give_way_to_the_text() -> None:
    account = Account(key="x", channel="x", mode=Mode.LIVE, languages=["nb"])
    made = compose(UNIT, Wording("T", {"nb": "a" * 270}, tags=("kurs", "helse")), [account])
    assert made.texts["x", "nb"].text == "a" * 270 + "\n#kurs"
    assert [str(note) for note in made.notes] == ["X, nb: no room for #helse"]
    own = compose(UNIT, Wording("T", {"nb": "to all"}, {"x": {"nb": "to X #Kurs"}}, tags=("kurs",)), [account])
    assert own.texts["x", "nb"].text == "to X #Kurs", "a tag that stands in the text is not repeated"


def test_nobody_lets_a_planned_post_go_by_hand(scene: Scene) -> None:
    """Not even with the glass broken: its time, its approval and a live incident would all be passed over."""
    approved(scene)
    with scene.runtime.database.reading() as session:
        broadcast_id = session.scalars(select(Broadcast.id).where(Broadcast.purpose == Purpose.PLANNED)).one()
    for reason in (None, "now!"):
        with pytest.raises(NotAllowed, match="in the calendar"):
            scene.release(broadcast_id, break_glass=reason)
    assert scene.deliveries(broadcast_id) == []
