"""Call-outs: filled and stopped, widened, exhausted, tried over several ways, and never twice for one try."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from crisis.broadcasts.release import SecondPerson, release
from crisis.models import (
    Absence,
    Account,
    Ask,
    AuditRow,
    Broadcast,
    CallOut,
    Delivery,
    InboundRow,
    Person,
    Reply,
    Tally,
)
from crisis.oncall import answering, callout, filling
from crisis.sending.answer_links import MARK
from crisis.states import AskState, BroadcastState, CallOutState, DeliveryState, InboundState, Mode, NotAllowed
from tests.oncall.callouts import Night


def test_a_quota_is_filled_and_asking_stops(night: Night) -> None:
    nurses = night.staff("intensive", count=8)
    night.plan(("intensive", 2))
    assert night.release() == 8
    assert len(night.tried()) == 3  # 150 per cent of what is missing
    night.send(most=2)
    first, second, third = night.tried()
    assert night.says(first, "yes") == "coming"
    assert night.says(second, "later", 40) == "coming"
    assert night.call_out().state is CallOutState.FILLED
    assert night.queued() == 0
    assert night.states() == {AskState.YES: 2, AskState.SPARED: 6}
    assert night.told(third) == []  # nothing had left to them yet
    night.step(seconds=600)
    assert len(night.tried()) == 3
    assert night.ask(second).arrives_at == night.ask(second).answered_at + timedelta(minutes=40)
    assert set(night.tried()) < set(nurses)


def test_those_who_were_asked_are_thanked_and_a_late_yes_is_in_reserve(night: Night) -> None:
    night.staff("intensive", count=4)
    night.plan(("intensive", 1), surplus=300)
    night.release()
    night.send()
    first, second, third = night.tried()
    night.says(first, "yes")
    assert night.told(second) == night.told(third) == ["enough"]
    assert night.says(second, "yes") == "reserve"
    assert night.ask(second).reserve
    # The one who is coming can't after all: the reserve is called, and nobody else.
    assert night.says(first, "no") == "no"
    assert night.told(second) == ["enough", "needed"]
    assert not night.ask(second).reserve
    assert night.call_out().state is CallOutState.FILLED


def test_a_filled_one_opens_again_when_somebody_can_not_come(night: Night) -> None:
    night.staff("intensive", count=2)
    night.plan(("intensive", 1), surplus=100)
    night.release()
    night.send()
    (first,) = night.tried()
    night.says(first, "yes")
    night.says(first, "no")
    assert night.call_out().state is CallOutState.OPEN
    night.step(seconds=1)
    assert len(night.tried()) == 2
    assert night.send() == 1


def test_waves_widen_when_the_time_has_come_and_when_too_few_can_still_answer(night: Night) -> None:
    night.staff("intensive", count=12)
    night.plan(("intensive", 4), surplus=100, widen_seconds=60, again_seconds=600)
    night.release()
    night.send()
    assert len(night.tried()) == 4
    night.step(seconds=30)
    assert len(night.tried()) == 4
    night.says(night.tried()[0], "no")
    night.step(seconds=1)
    assert len(night.tried()) == 8  # three could not fill four
    night.step(seconds=61)
    assert len(night.tried()) == 12


def test_everybody_ignores_it_until_it_is_exhausted_and_somebody_is_told(night: Night) -> None:
    people = night.staff("intensive", count=3)
    night.plan(("intensive", 2), tries=2, again_seconds=60, widen_seconds=30)
    night.release()
    for _ in range(40):
        night.send()
        night.step(seconds=15)
    assert night.call_out().state is CallOutState.EXHAUSTED
    assert night.states() == {AskState.NO_ANSWER: 3}
    rounds = [(row.person_id, row.round) for row in night.scene.deliveries(night.broadcast_id)]
    assert sorted(rounds) == sorted((person, number) for person in people for number in (1, 2))
    with night.scene.runtime.database.reading() as session:
        notices = session.scalars(select(Broadcast).where(Broadcast.message == "too_few_come")).all()
        assert [one.purpose for one in notices] == ["notice"]
        assert "2" in notices[0].texts[0].text
    assert night.says(people[0], "yes") == "coming"  # late, and it counts
    assert night.call_out().state is CallOutState.EXHAUSTED
    assert night.says(people[1], "yes") == "coming"
    assert night.call_out().state is CallOutState.FILLED


def test_each_person_is_tried_over_their_ways_in_order(night: Night) -> None:
    (one,) = night.staff("intensive")
    night.plan(("intensive", 1), tries=3, again_seconds=60, ways=("sms", "email"))
    night.release()
    for _ in range(30):
        night.send()
        night.step(seconds=10)
    rows = sorted(night.scene.deliveries(night.broadcast_id), key=lambda row: row.round)
    with night.scene.runtime.database.reading() as session:
        channels = dict(session.execute(select(Account.id, Account.channel)).all())
    assert [channels[row.account_id] for row in rows] == ["sms", "email", "sms"]
    assert night.ask(one).tries == 3


def test_a_way_that_fails_is_followed_by_the_next_at_once(night: Night) -> None:
    (one,) = night.staff("intensive")
    night.plan(("intensive", 1), ways=("sms", "email"))
    night.release()
    night.send(state=DeliveryState.FAILED)
    night.step(seconds=1)
    assert night.ask(one).tries == 2
    assert night.ask(one).state is AskState.RINGING


def test_a_paused_account_does_not_hold_anybody_up(night: Night) -> None:
    (one,) = night.staff("intensive")
    night.plan(("intensive", 1), ways=("sms", "email"))
    with night.scene.runtime.database.writing() as session:
        session.execute(update(Account).where(Account.key == "sms-live").values(paused_reason="no money"))
    night.release()
    night.step(seconds=1)
    assert night.ask(one).tries == 2
    states = {row.round: row.state for row in night.scene.deliveries(night.broadcast_id)}
    assert states == {1: DeliveryState.CANCELLED, 2: DeliveryState.QUEUED}


def test_two_clocks_and_a_clock_that_comes_back_try_nobody_twice(night: Night) -> None:
    night.staff("intensive", count=5)
    night.plan(("intensive", 2))
    night.release()
    for _ in range(3):
        night.step(seconds=0)
    assert len(night.scene.deliveries(night.broadcast_id)) == len(night.tried())


def test_people_with_several_skills_fill_the_need_that_is_shortest(night: Night) -> None:
    night.staff("nurse", count=3)
    both = night.staff("nurse", "doctor", count=2)
    night.plan(("nurse", 2), ("doctor", 1), surplus=400)
    night.release()
    night.send()
    needs = {need.skill: need.id for need in night.call_out().needs}
    night.says(both[0], "yes")
    assert night.ask(both[0]).need_id == needs["nurse"]
    night.says(both[1], "yes")
    nurses = [one for one in night.tried() if one not in both]
    night.says(nurses[0], "yes")
    assert night.call_out().state is CallOutState.FILLED
    filled = sorted(str(night.ask(one).need_id) for one in (*both, nurses[0]))
    assert filled == sorted(str(need) for need in (needs["nurse"], needs["nurse"], needs["doctor"]))


def test_whoever_arrives_too_late_is_in_reserve(night: Night) -> None:
    night.staff("nurse", count=2)
    night.plan(("nurse", 1), by=night.now + timedelta(minutes=60), surplus=200)
    night.release()
    night.send()
    one, other = night.tried()
    assert night.says(one, "later", 90) == "reserve"
    assert night.call_out().state is CallOutState.OPEN
    assert night.says(other, "later", 30) == "coming"
    assert night.call_out().state is CallOutState.FILLED


def test_absent_people_and_quiet_hours(night: Night) -> None:
    absent, quiet, there = night.staff("nurse", count=3)
    with night.scene.runtime.database.writing() as session:
        session.add(Absence(person_id=absent, starts=night.now - timedelta(days=1), ends=night.now + timedelta(days=1)))
        session.execute(update(Person).where(Person.id == quiet).values(quiet_from="00:00", quiet_to="23:59"))
    night.plan(("nurse", 3), override_quiet=False)
    assert night.release() == 1
    assert night.tried() == [there]


def test_a_shared_phone_rings_once(night: Night) -> None:
    one, other = night.staff("nurse", count=2, mailbox=False)
    with night.scene.runtime.database.writing() as session:
        rows = [session.get_one(Person, person).destinations[0] for person in (one, other)]
        rows[1].address = rows[0].address
    night.plan(("nurse", 2), tries=1)
    night.release()
    assert night.send() == 1
    assert sorted(night.states().elements()) == [AskState.RINGING, AskState.UNREACHABLE]


def test_the_words_ask_and_each_gets_an_address_of_their_own(night: Night) -> None:
    people = night.staff("nurse", count=2)
    night.plan(("nurse", 2))
    night.release()
    assert MARK in night.words("sms")
    assert "1 = ja" in night.words("sms")
    links = night.scene.runtime.answers
    with night.scene.runtime.database.reading() as session:
        rows = session.scalars(select(Ask).where(Ask.person_id.in_(people))).all()
        assert {row.token_hash for row in rows} == {links.kept(row.id) for row in rows}
        assert not any(links.token(row.id) in (row.token_hash or "") for row in rows)


def test_a_drill_says_so_first_and_last(night: Night) -> None:
    night.staff("nurse")
    night.plan(("nurse", 1), mode=Mode.DRILL)
    night.release()
    text = night.words("sms")
    assert text.startswith("ØVELSE")
    assert text.endswith("ØVELSE")


def test_edited_words_need_a_second_person(night: Night) -> None:
    night.staff("nurse")
    night.plan(("nurse", 1))
    with night.scene.runtime.database.writing() as session:
        session.get_one(Broadcast, night.broadcast_id).edits = {"sms": {"nb": "Kom nå!"}}
    with pytest.raises(SecondPerson):
        night.release()
    assert night.scene.deliveries(night.broadcast_id) == []
    night.release(break_glass="nobody answers")
    assert len(night.scene.deliveries(night.broadcast_id)) == 1


def test_it_can_not_be_released_as_a_statement_or_by_somebody_else(night: Night) -> None:
    night.staff("nurse")
    night.plan(("nurse", 1))
    scene = night.scene
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, night.broadcast_id)
        with pytest.raises(NotAllowed):
            release(session, scene.actor("kari"), row, scene.settings, scene.playbook, night.now)
    for who in ("anne", "vidar", "dag"):
        with pytest.raises(NotAllowed):
            night.release(who)


def test_cancelling_tells_everybody_who_was_asked_or_comes(night: Night) -> None:
    night.staff("nurse", count=5)
    night.plan(("nurse", 3), surplus=100)
    night.release()
    night.send(most=2)
    coming, refused = night.tried()[:2]
    waiting = night.tried()[2]
    night.says(coming, "yes")
    night.says(refused, "no")
    with night.scene.runtime.database.writing() as session:
        row = filling.held(session, night.call_out_id)
        callout.cancel(session, night.scene.actor("kari"), row, "false alarm", night.now)
    assert night.call_out().state is CallOutState.CLOSED
    assert night.told(coming) == ["cancelled"]
    assert night.told(refused) == []
    assert night.told(waiting) == []
    assert night.queued() == 0
    assert night.scene.broadcast(night.broadcast_id).state is BroadcastState.STOPPED
    assert night.says(waiting, "yes") == "over"


def test_people_are_added_by_hand_and_open_an_exhausted_one_again(night: Night) -> None:
    night.staff("nurse")
    (cook,) = night.staff("cook")
    (stranger,) = night.staff()
    night.plan(("nurse", 2), tries=1, again_seconds=10)
    night.release()
    night.send()
    night.step(seconds=11)
    assert night.call_out().state is CallOutState.EXHAUSTED
    parts = night.scene.runtime
    with parts.database.writing() as session:
        row = filling.held(session, night.call_out_id)
        assert (
            callout.add(session, night.scene.actor("kari"), row, [cook], parts.settings, parts.answers, night.now) == 1
        )
    assert night.call_out().state is CallOutState.OPEN
    assert night.send() == 1
    with parts.database.writing() as session:
        session.get_one(Person, stranger).unit_id = night.scene.units["dep"]
    with parts.database.writing() as session:
        row, who = filling.held(session, night.call_out_id), night.scene.actor("kari")
        with pytest.raises(NotAllowed):
            callout.add(session, who, row, [stranger], parts.settings, parts.answers, night.now)


def test_answers_in_writing_are_counted_once_and_leave_triage_when_they_are_understood(night: Night) -> None:
    night.staff("nurse", count=3)
    night.plan(("nurse", 3))
    night.release()
    night.send()
    one, other, third = night.tried()
    assert night.writes(one, "Ja, kommer om 20 min", provider_id="SM-1") == 1
    assert night.writes(one, "Ja, kommer om 20 min", provider_id="SM-1") == 1
    assert night.told(one) == ["coming"]
    assert night.writes(other, "maybe 20 min") == 1
    assert night.ask(other).unclear
    assert night.told(other) == ["unclear"]
    assert night.writes(third, "ja") == 1
    assert night.writes(third, "nei, kan ikke") == 1
    assert night.ask(third).state is AskState.NO
    with night.scene.runtime.database.reading() as session:
        kept = session.scalars(select(Reply.word).order_by(Reply.at, Reply.id)).all()
        waits = session.scalars(select(InboundRow.text).where(InboundRow.state == InboundState.WAITING)).all()
    assert kept == ["later", "unclear", "yes", "no"]
    assert waits == ["maybe 20 min"]  # what nobody has understood is still where people look
    with night.scene.runtime.database.writing() as session:
        ask = session.scalars(select(Ask).where(Ask.person_id == other)).one()
        assert answering.settle(session, night.scene.actor("kari"), ask, "later", 20, night.now) == "coming"
    assert not night.ask(other).unclear
    (nobody,) = night.staff("nurse")
    assert night.writes(nobody, "ja") == 0


def test_a_pin_is_demanded_where_the_call_out_says_so(night: Night) -> None:
    (one,) = night.staff("nurse")
    night.plan(("nurse", 1), needs_pin=True)
    night.release()
    night.send()
    assert night.says(one, "yes") == "unproven"
    assert night.ask(one).state is AskState.RINGING
    assert night.says(one, "no") == "no"


def test_the_counters_are_right_at_the_end(night: Night) -> None:
    night.staff("nurse", count=6)
    night.plan(("nurse", 2))
    night.release()
    night.send(most=1)
    for person in night.tried()[:2]:
        night.says(person, "yes")
    with night.scene.runtime.database.reading() as session:
        counted = {
            row.state: row.count
            for row in session.scalars(select(Tally).where(Tally.broadcast_id == night.broadcast_id))
            if row.count
        }
        states: dict[DeliveryState, int] = {}
        for row in session.scalars(select(Delivery).where(Delivery.broadcast_id == night.broadcast_id)):
            states[row.state] = states.get(row.state, 0) + 1
        acts = set(session.scalars(select(AuditRow.act)))
    assert counted == states
    assert {"call_out.planned", "call_out.released", "call_out.filled"} <= acts


def test_nonsense_needs_are_refused(night: Night) -> None:
    for needs in ([], [("nurse", 0)], [("nurse", 9_999)]):
        with pytest.raises(NotAllowed):
            night.plan(*needs)
    night.plan(("nobody has this", 3))
    with pytest.raises(NotAllowed):
        night.release()


def test_a_call_out_of_another_mode_can_not_be_stored(night: Night) -> None:
    night.staff("nurse")
    night.plan(("nurse", 1), mode=Mode.DRILL)
    with pytest.raises(Exception, match=r"(?i)foreign"), night.scene.runtime.database.writing() as session:
        session.execute(update(CallOut).values(mode=Mode.LIVE))


def test_unknown_people_answer_nothing(night: Night) -> None:
    with night.scene.runtime.database.writing() as session:
        assert answering.answer(session, uuid.uuid4(), answering.Said("yes", "web", "x"), night.now) == "over"
