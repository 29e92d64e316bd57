"""Two people never hold the same; a claim ends by itself; what was settled says by whom and why."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from crisis.models import AuditRow, InboundRow
from crisis.states import InboundState, Lane, Mode, NotAllowed
from crisis.triage import queue
from tests.triage.hall import Hall


def test_of_many_at_once_one_gets_it(hall: Hall) -> None:
    (one,) = hall.put(1)
    got: list[str] = []
    refused: list[str] = []

    def take(who: str) -> None:
        try:
            with hall.database.writing() as session:
                queue.claim(session, hall.users[who], one, hall.now)
            got.append(who)
        except NotAllowed as error:
            refused.append(str(error))

    threads = [threading.Thread(target=take, args=(who,)) for who in ("kari", "ola") for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 1
    assert all("is on it" in say for say in refused)


def test_next_never_gives_the_same_to_two(hall: Hall) -> None:
    ids = hall.put(20)
    got: list[object] = []

    def work(who: str) -> None:
        for _ in range(10):
            with hall.database.writing() as session:
                row = queue.next_one(session, hall.users[who], ids, hall.now)
                assert row is not None
                got.append(row.id)

    threads = [threading.Thread(target=work, args=(who,)) for who in ("kari", "ola")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, got)) == sorted(map(str, ids))
    with hall.database.writing() as session:
        assert queue.next_one(session, hall.users["kari"], ids, hall.now) is None


def test_a_claim_ends_by_itself_unless_it_is_renewed(hall: Hall) -> None:
    (one,) = hall.put(1)
    kari, ola, soon = hall.users["kari"], hall.users["ola"], hall.now + timedelta(minutes=4)
    late = soon + timedelta(minutes=6)
    with hall.database.writing() as session:
        queue.claim(session, kari, one, hall.now)
        assert queue.renew(session, kari, one, soon)
        with pytest.raises(NotAllowed, match="Kari is on it"):
            queue.claim(session, ola, one, hall.now + timedelta(minutes=6))
        queue.claim(session, ola, one, late)
        assert not queue.renew(session, kari, one, late)
        with pytest.raises(NotAllowed, match="Take it first"):
            queue.held(session, kari, one)
        with pytest.raises(NotAllowed, match="Ola is on it"):
            queue.close(session, kari, one, "ikke noe", late)


def test_close_says_why_and_is_recorded_and_can_be_opened(hall: Hall) -> None:
    (one,) = hall.put(1)
    kari = hall.users["kari"]
    with hall.database.writing() as session:
        with pytest.raises(NotAllowed, match="why"):
            queue.close(session, kari, one, "  ", hall.now)
        queue.close(session, kari, one, "svart på telefon", hall.now)
    row = hall.rows()[0]
    assert (row.state, row.settled_by, row.settled_why) == (InboundState.CLOSED, kari.user_id, "svart på telefon")
    with hall.database.writing() as session:
        with pytest.raises(NotAllowed, match="Kari has settled it"):
            queue.claim(session, hall.users["ola"], one, hall.now)
        queue.reopen(session, hall.users["ola"], one)
    row = hall.rows()[0]
    assert (row.state, row.settled_by, row.claimed_by) == (InboundState.WAITING, None, None)
    with hall.database.reading() as session:
        acts = session.scalars(select(AuditRow.act).order_by(AuditRow.number)).all()
    assert acts == ["inbound.closed", "inbound.reopened"]


def test_snoozed_it_is_away_and_comes_back(hall: Hall) -> None:
    (one,) = hall.put(1)
    kari, until = hall.users["kari"], hall.now + timedelta(hours=1)
    with hall.database.writing() as session:
        with pytest.raises(NotAllowed, match="24 hours"):
            queue.snooze(session, kari, one, hall.now + timedelta(days=2), hall.now)
        queue.snooze(session, kari, one, until, hall.now)
        assert queue.next_one(session, kari, [one], hall.now) is None
        assert queue.to_wake(session, until - timedelta(seconds=1)) == []
        assert queue.wake(session, queue.to_wake(session, until), until) == 1
        assert queue.next_one(session, kari, [one], until) is not None
        queue.give_back(session, kari, one)
    assert hall.rows()[0].state is InboundState.WAITING


def test_danger_is_never_put_off(hall: Hall) -> None:
    (one,) = hall.put(1, Lane.DANGER, 95)
    with hall.database.writing() as session, pytest.raises(NotAllowed, match="does not wait"):
        queue.snooze(session, hall.users["kari"], one, hall.now + timedelta(hours=1), hall.now)


def test_another_units_people_touch_nothing(hall: Hall) -> None:
    (one,) = hall.put(1)
    with hall.database.writing() as session:
        for act in (
            lambda: queue.claim(session, hall.users["per"], one, hall.now),
            lambda: queue.close(session, hall.users["per"], one, "nei", hall.now),
            lambda: queue.close_idle(session, hall.users["per"], hall.units["ous"], Mode.LIVE, hall.now),
        ):
            with pytest.raises(NotAllowed, match="role"):
                act()
        assert queue.next_one(session, hall.users["per"], [one], hall.now) is None


def test_closing_together_takes_only_what_nobody_waits_for_and_can_be_undone(hall: Hall) -> None:
    noise, urgent = hall.put(3, Lane.NOISE, 5), hall.put(1, Lane.NOISE, 60)
    asked, mine = hall.put(1, Lane.QUESTION, 5), hall.put(1, Lane.THANKS, 5)
    kari = hall.users["kari"]
    with hall.database.writing() as session:
        queue.claim(session, hall.users["ola"], mine[0], hall.now)
        assert queue.close_idle(session, kari, hall.units["ous"], Mode.DRILL, hall.now) == 0
        assert queue.close_idle(session, kari, hall.units["ous"], Mode.LIVE, hall.now) == 3
    states = {row.id: row.state for row in hall.rows()}
    assert {states[one] for one in noise} == {InboundState.CLOSED}
    assert states[urgent[0]] is states[asked[0]] is InboundState.WAITING
    with hall.database.writing() as session:
        assert queue.undo(session, hall.users["ola"], hall.units["ous"], Mode.LIVE, hall.now) == 0
        assert queue.undo(session, kari, hall.units["ous"], Mode.LIVE, hall.now) == 3
    with hall.database.reading() as session:
        asked_for = select(func.count()).where(InboundRow.state == InboundState.CLOSED)
        assert session.scalar(asked_for) == 0


def test_a_repeat_stands_for_the_one_it_folds_into(hall: Hall) -> None:
    text = "Jeg har hørt at hele akuttmottaket på Ullevål er stengt etter brannen i natt, stemmer det"
    first, again = hall.said(text), hall.said(text)
    hall.hear(first, again)
    with hall.database.writing() as session:
        assert queue.claim(session, hall.users["kari"], hall.row(again).id, hall.now).id == hall.row(first).id
