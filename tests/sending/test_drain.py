"""A drain claims, sends and records; whatever the provider answers, nothing is lost and nothing is said twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from crisis.broadcasts.release import stop_rest
from crisis.channels.base import Accepted, Busy, Misconfigured, Rejected, Uncertain, Unreachable
from crisis.db import Database
from crisis.models import Attempt, Broadcast, Delivery, OptOut
from crisis.sending import outcomes, sweep
from crisis.sending.claim import claim
from crisis.sending.drain import Desk, Drain
from crisis.sending.lease import take_account
from crisis.states import BroadcastState, DeliveryState, Outcome
from tests.sending.world import PRIVATE, PUBLIC, Finder, Provider, World, world

PHONES = [f"+4740000{number:03}" for number in range(40)]


@pytest.fixture
def here(database: Database) -> World:
    return world(database)


def attempts(here: World) -> list[Attempt]:
    with here.database.reading() as session:
        return list(session.scalars(select(Attempt).order_by(Attempt.number, Attempt.kind)))


def test_everybody_gets_it_once_and_the_counters_agree(here: World) -> None:
    broadcast = here.release(PHONES)
    provider = Provider()
    assert here.drain(provider) == len(PHONES)
    assert provider.heard() == Counter(PHONES)
    assert here.states(broadcast) == {DeliveryState.ACCEPTED: len(PHONES)} == here.counted(broadcast)
    assert len(attempts(here)) == len(PHONES)
    assert here.drain(provider) == 0  # a second wake-up finds nothing


def test_what_leaves_names_the_attempt(here: World) -> None:
    here.release(PHONES[:1])
    provider = Provider()
    here.drain(provider)
    out, delivery = provider.said[0], here.deliveries()[0]
    assert out.reference == f"{delivery.id.hex}.1"
    assert (out.text, out.mode, out.address) == ("ØVELSE hei ØVELSE", "drill", PHONES[0])
    assert delivery.provider_id == f"id-{out.reference}"


def test_refused_for_ever_is_failed_with_the_providers_words(here: World) -> None:
    here.release(PHONES[:2])
    here.drain(Provider(answers={PHONES[0]: [Rejected("no such number", code="21211")]}))
    failed = next(row for row in here.deliveries() if row.address == PHONES[0])
    assert (failed.state, failed.code, failed.say) == (DeliveryState.FAILED, "21211", "no such number")
    assert here.states() == here.counted()


def test_opted_out_is_suppressed_and_remembered(here: World) -> None:
    here.release(PHONES[:1])
    here.drain(Provider(answers={"*": [Rejected("has said stop", code="21610", opted_out=True)]}))
    assert here.states() == {DeliveryState.SUPPRESSED: 1} == here.counted()
    here.release(PHONES[:2])
    provider = Provider()
    here.drain(provider)
    assert provider.heard() == Counter(PHONES[1:2])  # asked again at the moment of sending


def test_busy_pauses_the_account_and_queues_again(here: World) -> None:
    here.release(PHONES[:5])
    provider = Provider(answers={PHONES[0]: [Busy("slow down", retry_after=30)]})
    here.drain(provider)
    account = here.account()
    assert account.free_at is not None
    assert timedelta(seconds=28) < account.free_at - here.clock() <= timedelta(seconds=30)
    assert account.lease_owner is None
    assert here.drain(provider) == 0  # not yet
    here.clock.forward(seconds=31)
    here.drain(provider)
    assert here.states() == {DeliveryState.ACCEPTED: 5} == here.counted()
    assert provider.heard()[PHONES[0]] == 2
    assert sum(provider.heard().values()) == 6


def test_a_used_up_window_is_waited_for_before_anybody_says_no(here: World) -> None:
    here.release(PHONES[:5])
    one_by_one = replace(PRIVATE, concurrency=1)
    provider = Provider(one_by_one, answers={"*": [Accepted("1"), Accepted("2", wait=900)]})
    assert here.drain(provider) == 2
    assert here.states() == {DeliveryState.ACCEPTED: 2, DeliveryState.QUEUED: 3} == here.counted()
    free_at = here.account().free_at
    assert free_at is not None
    assert timedelta(seconds=898) < free_at - here.clock() <= timedelta(seconds=900)
    here.clock.forward(seconds=600)
    assert here.drain(provider) == 0
    here.clock.forward(seconds=301)
    here.drain(provider)
    assert here.states() == {DeliveryState.ACCEPTED: 5} == here.counted()
    assert here.account().busy_streak == 0


def test_what_costs_several_calls_takes_several_turns_of_the_pace(here: World) -> None:
    here.release(PHONES[:12])
    provider = Provider(replace(PRIVATE, concurrency=1), answers={"*": [Accepted("1", calls=5)] * 12})
    here.drain(provider, pace=1.0, seconds=0.5)  # ten at once, then one a second
    assert len(provider.said) == 2
    assert here.states() == here.counted()


def test_never_left_is_tried_again_after_a_pause(here: World) -> None:
    here.release(PHONES[:1])
    provider = Provider(answers={"*": [Unreachable("connection refused")]})
    here.drain(provider)
    assert here.states() == {DeliveryState.QUEUED: 1} == here.counted()
    assert here.drain(provider) == 0
    here.clock.forward(seconds=2)
    here.drain(provider)
    assert here.states() == {DeliveryState.ACCEPTED: 1}
    assert [one.outcome for one in attempts(here)] == [Outcome.UNREACHABLE, Outcome.ACCEPTED]


def test_never_left_ends_after_two_hours(here: World) -> None:
    here.release(PHONES[:1])
    here.drain(Provider(answers={"*": [Unreachable("refused")]}))
    here.clock.forward(hours=2, minutes=1)
    here.drain(Provider(answers={"*": [Unreachable("refused")]}))
    assert here.states() == {DeliveryState.FAILED: 1}


def test_wrong_keys_pause_the_account_until_a_person_resumes(here: World) -> None:
    here.release(PHONES[:20])
    provider = Provider(answers={"*": [Misconfigured("authenticate", code="20003")] * 20})
    here.drain(provider)
    assert len(provider.said) <= provider.facts.concurrency  # those in the air, then no more
    assert here.states() == {DeliveryState.QUEUED: 20} == here.counted()
    assert "authenticate" in (here.account().paused_reason or "")
    assert here.drain(Provider()) == 0


def test_a_defect_in_an_adapter_is_uncertain_not_lost(here: World) -> None:
    here.release(PHONES[:1])
    here.drain(Provider(answers={"*": [ZeroDivisionError()]}))
    assert here.states() == {DeliveryState.UNCERTAIN: 1} == here.counted()


class TestFindingOut:
    def uncertain(self, here: World, provider: Provider) -> None:
        here.release(PHONES[:1])
        provider.answers["*"] = [Uncertain("read timeout", code="timeout")]
        here.drain(provider)
        assert here.states() == {DeliveryState.UNCERTAIN: 1} == here.counted()

    def test_found_at_the_provider_is_accepted_without_a_second_send(self, here: World) -> None:
        provider = Finder(found=[None, Accepted("there", "https://provider.example/there")])
        self.uncertain(here, provider)
        for _ in range(2):
            here.clock.forward(seconds=16)
            here.drain(provider)
        assert here.states() == {DeliveryState.ACCEPTED: 1} == here.counted()
        assert len(provider.said) == 1
        assert provider.looked == 2
        assert here.deliveries()[0].provider_id == "there"

    def test_what_is_in_doubt_is_looked_for_before_anything_new_is_said(self, here: World) -> None:
        provider = Finder()
        self.uncertain(here, provider)
        here.clock.forward(seconds=16)
        here.release(PHONES[1:2])
        looks: list[int] = []
        provider.during = lambda _: looks.append(provider.looked)
        here.drain(provider)
        assert looks == [1]

    def test_looked_thoroughly_and_not_there_is_sent_again(self, here: World) -> None:
        provider = Finder()
        self.uncertain(here, provider)
        for _ in outcomes.LOOKS_AFTER:
            assert len(provider.said) == 1
            here.clock.forward(seconds=61)
            here.drain(provider)
        here.drain(provider)
        assert provider.looked == len(outcomes.LOOKS_AFTER)
        assert here.states() == {DeliveryState.ACCEPTED: 1} == here.counted()
        assert len(provider.said) == 2

    def test_cannot_look_now_never_counts_as_not_there(self, here: World) -> None:
        provider = Finder(found=[Unreachable("no connection")] * 20)
        self.uncertain(here, provider)
        for _ in range(20):
            here.clock.forward(seconds=61)
            here.drain(provider)
        assert here.states() == {DeliveryState.UNCERTAIN: 1}
        assert len(provider.said) == 1

    def test_public_that_nobody_can_look_up_waits_for_a_person(self, here: World) -> None:
        provider = Provider(facts=PUBLIC)
        self.uncertain(here, provider)
        for _ in range(3):
            here.clock.forward(hours=1)
            here.drain(provider)
        assert here.states() == {DeliveryState.UNCERTAIN: 1}
        assert here.deliveries()[0].due_at is None
        assert len(provider.said) == 1

    def test_private_that_nobody_can_look_up_is_repeated_after_a_while(self, here: World) -> None:
        provider = Provider()
        self.uncertain(here, provider)
        here.clock.forward(seconds=10)
        here.drain(provider)
        assert here.states() == {DeliveryState.UNCERTAIN: 1}
        here.clock.forward(minutes=11)
        here.drain(provider)
        here.drain(provider)
        assert len(provider.said) == 2
        assert here.states() == {DeliveryState.ACCEPTED: 1} == here.counted()


class TestClaiming:
    def test_two_senders_never_share_an_account(self, here: World) -> None:
        here.release(PHONES)
        with here.database.writing() as session:
            assert take_account(session, here.account_id, "other", here.clock()) is not None
        assert here.drain(Provider()) == 0
        here.clock.forward(seconds=31)  # the other one died: its lease ran out
        assert here.drain(Provider()) == len(PHONES)

    def test_two_drains_at_once_say_it_once(self, here: World) -> None:
        here.release(PHONES)
        provider = Provider(takes=0.01)

        async def both() -> None:
            drains = [
                Drain(
                    Desk(here.database, owner, now=here.clock),
                    provider,
                    here.account_id,
                    pace=1000,
                    repeat_after=None,
                )
                for owner in ("a", "b")
            ]
            await asyncio.gather(*(drain.run(5) for drain in drains))

        asyncio.run(both())
        assert provider.heard() == Counter(PHONES)

    def test_urgent_before_bulk(self, here: World) -> None:
        here.release(PHONES[:5], priority=5)
        here.release(PHONES[5:10], priority=1)
        with here.database.writing() as session:
            first = claim(session, here.account_id, 5, here.clock())
        assert {one.out.address for one in first} == set(PHONES[5:10])

    def test_an_update_never_overtakes_what_it_updates(self, here: World) -> None:
        first = here.release(PHONES[:2])
        here.release(PHONES[:2], follows=first, priority=0)
        with here.database.writing() as session:
            taken = claim(session, here.account_id, 10, here.clock())
        assert {one.broadcast_id for one in taken} == {first}

    def test_an_update_knows_the_thread_it_continues(self, here: World) -> None:
        first = here.release(PHONES[:1])
        provider = Provider()
        here.drain(provider)
        here.release(PHONES[:1], follows=first)
        here.drain(provider)
        assert provider.said[1].reply_to == f"id-{provider.said[0].reference}"

    def test_nothing_leaves_before_its_time(self, here: World) -> None:
        here.release(PHONES, delay=timedelta(seconds=10))
        assert here.drain(Provider()) == 0
        here.clock.forward(seconds=10)
        assert here.drain(Provider()) == len(PHONES)

    def test_too_old_is_not_sent(self, here: World) -> None:
        broadcast = here.release(PHONES, expires=timedelta(minutes=5))
        here.clock.forward(minutes=5)
        assert here.drain(Provider()) == 0
        here.write(lambda session: sweep.too_old(session, here.clock()))
        assert here.states(broadcast) == {DeliveryState.EXPIRED: len(PHONES)} == here.counted(broadcast)

    def test_a_stopped_broadcast_is_not_sent_even_if_rows_were_left_queued(self, here: World) -> None:
        broadcast = here.release(PHONES)

        def stop(session: object) -> None:
            session.get(Broadcast, broadcast).state = BroadcastState.STOPPED  # type: ignore[attr-defined]

        here.write(stop)
        assert here.drain(Provider()) == 0


class TestSweep:
    def test_a_sender_that_died_in_the_call_leaves_it_uncertain(self, here: World) -> None:
        broadcast = here.release(PHONES[:3])
        with here.database.writing() as session:
            claim(session, here.account_id, 3, here.clock())
        here.clock.forward(seconds=89)
        assert here.write(lambda session: sweep.lost_claims(session, here.clock())) == 0
        here.clock.forward(seconds=2)
        assert here.write(lambda session: sweep.lost_claims(session, here.clock())) == 3
        assert here.states(broadcast) == {DeliveryState.UNCERTAIN: 3} == here.counted(broadcast)
        assert {one.kind for one in attempts(here)} == {"lost"}

    def test_a_sender_thought_dead_that_comes_back_tells_the_truth(self, here: World) -> None:
        broadcast = here.release(PHONES[:1])

        def meanwhile(_out: object) -> None:
            here.clock.forward(seconds=120)
            here.write(lambda session: sweep.lost_claims(session, here.clock()))

        here.drain(Provider(during=meanwhile))
        assert here.states(broadcast) == {DeliveryState.ACCEPTED: 1} == here.counted(broadcast)

    def test_a_broadcast_with_nothing_left_to_do_is_closed(self, here: World) -> None:
        broadcast = here.release(PHONES[:2])
        here.clock.forward(seconds=1)
        assert here.write(lambda session: sweep.finished(session, here.clock())) == 0
        here.drain(Provider())
        assert here.write(lambda session: sweep.finished(session, here.clock())) == 1
        with here.database.reading() as session:
            assert session.get_one(Broadcast, broadcast).state is BroadcastState.CLOSED

    def test_forgotten_work_is_found(self, here: World) -> None:
        from crisis.states import Mode

        here.release(PHONES[:1])
        with here.database.reading() as session:
            assert sweep.idle_with_work(session, Mode.DRILL, here.clock()) == [here.account_id]
            assert sweep.idle_with_work(session, Mode.LIVE, here.clock()) == []
            late = sweep.idle_with_work(session, Mode.DRILL, here.clock(), overdue=timedelta(seconds=2))
            assert late == []


def test_news_are_looked_at_while_much_is_claimed(here: World) -> None:
    """An urgent message does not wait until half of what is claimed is said."""
    here.release([f"+4790{number:06}" for number in range(240)])
    provider = Provider(takes=0.15)
    drain = Drain(Desk(here.database, "me", now=here.clock), provider, here.account_id, pace=200.0, repeat_after=None)

    def urgent(_: object) -> None:
        if len(provider.said) == 11:
            here.release([PHONES[0]], priority=0)
            drain.nudge()

    provider.during = urgent
    asyncio.run(drain.run(30))
    said = [out.address for out in provider.said]
    assert len(said) == 241
    assert said.index(PHONES[0]) < 110


def test_the_account_and_its_first_words_are_taken_together(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """While thousands of texts leave, every transaction that writes waits for its turn: one is enough to begin."""
    here.release(PHONES[:3])
    monkeypatch.setattr(Drain, "_claim", lambda _self, _limit: ())
    provider = Provider()
    here.drain(provider)
    assert provider.heard() == Counter(PHONES[:3])
    assert here.states() == {DeliveryState.ACCEPTED: 3} == here.counted()


def test_stopping_gives_back_what_was_not_said(here: World) -> None:
    broadcast = here.release(PHONES)
    provider = Provider(takes=0.05)

    async def interrupted() -> None:
        drain = Drain(
            Desk(here.database, "me", now=here.clock), provider, here.account_id, pace=1000, repeat_after=None
        )
        work = asyncio.create_task(drain.run(10))
        while len(provider.said) <= provider.facts.concurrency:  # noqa: ASYNC110 - the first have been said, the last have not
            await asyncio.sleep(0.002)
        drain.stop()
        await work

    asyncio.run(interrupted())
    states = here.states(broadcast)
    assert 0 < states[DeliveryState.ACCEPTED] < len(PHONES)
    assert states == here.counted(broadcast)
    assert set(states) == {DeliveryState.ACCEPTED, DeliveryState.QUEUED}
    with here.database.reading() as session:
        untouched = session.scalars(select(Delivery).where(Delivery.state == DeliveryState.QUEUED)).all()
        assert {row.attempts for row in untouched} == {0}
        assert session.scalars(select(OptOut)).all() == []
    here.drain(provider)
    assert provider.heard() == Counter(PHONES)


def test_the_pace_is_kept_from_one_slice_to_the_next(here: World) -> None:
    """A slow account that has used its burst does not get a new one because a new slice began."""
    here.release(PHONES)
    provider = Provider()
    first = here.drain(provider, pace=0.5, seconds=1)
    assert first == 10  # the usual burst
    assert here.drain(provider, pace=0.5, seconds=1) == 0
    here.clock.forward(seconds=2.1)
    assert here.drain(provider, pace=0.5, seconds=1) == 1


def test_a_slow_account_claims_only_what_it_says_at_once(here: World) -> None:
    """Should the process die, nobody knows of what was claimed whether it has left: so nothing lies about claimed."""
    here.release([f"+4740{number:06}" for number in range(120)])
    claimed_only: list[int] = []

    def count(_out: object) -> None:
        with here.database.reading() as session:
            sending = set(session.scalars(select(Delivery.address).where(Delivery.state == DeliveryState.SENDING)))
        claimed_only.append(len(sending - set(provider.heard())))

    provider = Provider(facts=replace(PRIVATE, concurrency=4), during=count)
    here.drain(provider, pace=60.0, seconds=10)
    assert set(provider.heard().values()) == {1}
    assert len(provider.said) > 60
    assert max(claimed_only) <= 3  # the other speakers' turns; a second's worth would be 60


class TestEndedWhileItWaitsToBeRepeated:
    """What may have left is not called unsaid: a correction still goes to it, and a post can be taken down."""

    @pytest.fixture
    def doubted(self, here: World) -> Broadcast:
        """The first call ended nobody knows how, and what repeats it does not get through."""
        broadcast = here.release(PHONES[:2])
        never = [Unreachable("no connection", code="no_connection")] * 3
        provider = Provider(answers={PHONES[0]: [Uncertain("no answer in time"), *never], PHONES[1]: list(never)})
        for _ in range(3):
            here.drain(provider)
            here.clock.forward(minutes=11)
        assert here.states() == {DeliveryState.QUEUED: 2}
        with here.database.reading() as session:
            return session.get_one(Broadcast, broadcast)

    @pytest.mark.parametrize(
        ("end", "state"),
        [
            (lambda session, row, now: stop_rest(session, row, "stopped", now), DeliveryState.CANCELLED),
            (lambda session, row, now: _past(row, now) or sweep.too_old(session, now), DeliveryState.EXPIRED),
        ],
        ids=["stopped", "too old"],
    )
    def test_it_is_uncertain(self, here: World, doubted: Broadcast, end: Any, state: DeliveryState) -> None:
        count = here.write(lambda session: end(session, session.merge(doubted), here.clock()))
        assert count == 1, "what never left"
        assert here.states() == {DeliveryState.UNCERTAIN: 1, state: 1} == here.counted()
        (row,) = [one for one in here.deliveries() if one.state is DeliveryState.UNCERTAIN]
        assert (row.address, row.due_at) == (PHONES[0], None)
        here.clock.forward(hours=1)
        provider = Provider()
        here.drain(provider)
        assert provider.said == []

    def test_it_is_uncertain_when_nobody_could_be_reached_for_two_hours(self, here: World, doubted: Broadcast) -> None:
        here.clock.forward(hours=2)
        here.drain(Provider(answers={"*": [Unreachable("no connection", code="no_connection")] * 2}))
        assert here.states() == {DeliveryState.UNCERTAIN: 1, DeliveryState.FAILED: 1} == here.counted()
        (row,) = [one for one in here.deliveries() if one.state is DeliveryState.UNCERTAIN]
        assert (row.address, row.due_at) == (PHONES[0], None)

    def test_what_was_looked_for_in_vain_is_cancelled(self, here: World) -> None:
        broadcast = here.release(PHONES[:1])
        provider = Finder(answers={"*": [Uncertain("?"), Unreachable("no connection", code="no_connection")]})
        for _ in range(6):
            here.drain(provider)
            here.clock.forward(minutes=2)
            if len(provider.said) == 2:
                break
        here.write(lambda session: stop_rest(session, session.get_one(Broadcast, broadcast), "stopped", here.clock()))
        assert here.states() == {DeliveryState.CANCELLED: 1} == here.counted()


def _past(row: Broadcast, now: datetime) -> None:
    row.expires_at = now
