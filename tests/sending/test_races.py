"""Two hands on one delivery: a process thought dead comes back, a commit's answer is lost, a person decides meanwhile."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from crisis.actor import Actor
from crisis.channels.base import Accepted, Outgoing, Rejected, Uncertain
from crisis.db import Database
from crisis.models import Account, Attempt, Broadcast, Delivery
from crisis.sending import drain as drain_module
from crisis.sending import notebook, resolve, sweep
from crisis.sending.claim import LONGEST_CALL, claim
from crisis.sending.consent import opt_out
from crisis.sending.desk import LONGEST_REST, Desk, until_written
from crisis.sending.drain import Drain
from crisis.sending.lease import take_account
from crisis.sending.outcomes import after_send
from crisis.sending.record import Ended, give_back, record
from crisis.states import BroadcastState, DeliveryState, NotAllowed, Role
from tests.sending.world import PRIVATE, Clock, Finder, Provider, World, world

PHONES = [f"+4740000{number:03}" for number in range(12)]


@pytest.fixture
def here(database: Database) -> World:
    return world(database)


def taken(here: World, limit: int = 50) -> list[drain_module.Claimed]:
    with here.database.writing() as session:
        return claim(session, here.account_id, limit, here.clock())


def ended(here: World, item: drain_module.Claimed, result: object) -> Ended:
    what = after_send(
        result, facts=PRIVATE, now=here.clock(), attempt=item.attempt, first_attempt_at=item.first_attempt_at
    )  # type: ignore[arg-type]
    return Ended(item, what, here.clock(), here.clock())


def write(here: World, *items: Ended) -> None:
    with here.database.writing() as session:
        record(session, session.get_one(Account, here.account_id), items)


def thought_lost(here: World) -> None:
    here.clock.forward(seconds=91)
    here.write(lambda session: sweep.lost_claims(session, here.clock()))


def attempts(here: World) -> list[str]:
    with here.database.reading() as session:
        rows = session.scalars(select(Attempt).order_by(Attempt.number, Attempt.kind))
        return [f"{row.number} {row.kind} {row.outcome}" for row in rows]


class TestTheSameTwice:
    def test_a_batch_written_again_after_its_commits_answer_was_lost(self, here: World) -> None:
        here.release(PHONES[:4])
        items = taken(here)
        results = (Accepted("1"), Rejected("no"), Uncertain("?"), Accepted("4"))
        batch = [ended(here, item, result) for item, result in zip(items, results, strict=True)]
        write(here, *batch)
        before = here.states()
        write(here, *batch)
        assert here.states() == before == here.counted()
        assert len(attempts(here)) == 4

    def test_a_lost_claim_found_by_two_clocks(self, here: World) -> None:
        here.release(PHONES[:3])
        taken(here)
        thought_lost(here)
        thought_lost(here)
        assert attempts(here) == ["1 lost uncertain"] * 3
        assert here.states() == {DeliveryState.UNCERTAIN: 3} == here.counted()


class TestThoughtDead:
    def test_what_was_claimed_again_is_not_given_back(self, here: World) -> None:
        """Frozen with a message unsaid; meanwhile it was found lost, looked for, queued and is being said by another."""
        here.release(PHONES[:1])
        (mine,) = taken(here)
        thought_lost(here)
        finder = Finder()
        during = Counter[DeliveryState]()

        def come_back(_out: object) -> None:
            with here.database.writing() as session:
                give_back(session, [mine], here.clock())
            during.update(here.states())

        finder.during = come_back
        for _ in range(5):
            here.clock.forward(seconds=61)
            here.drain(finder, owner="other")
        assert finder.heard() == {PHONES[0]: 1}
        assert DeliveryState.QUEUED not in during
        assert here.states() == {DeliveryState.ACCEPTED: 1} == here.counted()

    def test_what_it_never_said_is_given_back_even_when_found_lost(self, here: World) -> None:
        here.release(PHONES[:2])
        mine = taken(here)
        thought_lost(here)
        with here.database.writing() as session:
            give_back(session, mine, here.clock())
        assert here.states() == {DeliveryState.QUEUED: 2} == here.counted()
        provider = Provider()
        here.drain(provider)
        thought_lost(here)
        assert provider.heard() == Counter(PHONES[:2])
        assert {out.reference[-2:] for out in provider.said} == {".2"}  # the lost attempt keeps its number

    @pytest.mark.parametrize("again", [0, 1])
    def test_that_it_got_through_is_believed_late(self, here: World, again: int) -> None:
        """0: it is queued again; 1: a second attempt is in doubt as well. One yes settles both."""
        here.release(PHONES[:1])
        (mine,) = taken(here)
        thought_lost(here)
        here.write(lambda session: _requeue(session, here))
        if again:
            (second,) = taken(here)
            write(here, ended(here, second, Uncertain("?")))
        write(here, ended(here, mine, Accepted("there")))
        assert here.states() == {DeliveryState.ACCEPTED: 1} == here.counted()
        assert here.deliveries()[0].provider_id == "there"
        provider = Provider()
        here.clock.forward(hours=1)
        here.drain(provider)
        assert provider.said == []

    def test_that_it_failed_is_not_believed_late(self, here: World) -> None:
        here.release(PHONES[:1])
        (mine,) = taken(here)
        thought_lost(here)
        here.write(lambda session: _requeue(session, here))
        (_second,) = taken(here)
        write(here, ended(here, mine, Rejected("no")))
        assert here.states() == {DeliveryState.SENDING: 1} == here.counted()

    def test_whoever_lost_the_account_says_no_more(self, here: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drain_module, "RENEW_SECONDS", 0.05)
        here.release([f"+4741000{number:03}" for number in range(60)])
        provider = Provider()

        def taken_over(_out: object) -> None:
            provider.during = None
            here.clock.forward(seconds=16)
            with here.database.writing() as session:
                assert take_account(session, here.account_id, "other", here.clock()) is not None

        provider.during = taken_over
        here.drain(provider, pace=20, seconds=3)
        assert len(provider.said) <= 40  # its burst, and what was said until it noticed
        assert here.states() == here.counted()
        assert here.states()[DeliveryState.SENDING] == 0
        assert here.account().lease_owner == "other"

    def test_the_account_is_kept_while_a_long_call_is_in_the_air(
        self, here: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drain_module, "RENEW_SECONDS", 0.05)
        here.release(PHONES[:1])
        provider = Provider(takes=1.0)

        async def others_try() -> Account | None:
            drain = Drain(
                Desk(here.database, "me", now=here.clock), provider, here.account_id, pace=100, repeat_after=None
            )
            work = asyncio.create_task(drain.run(0.2))
            await asyncio.sleep(0.5)  # its slice is over: it claims no more, and waits for the call
            here.clock.forward(seconds=14)
            await asyncio.sleep(0.3)
            with here.database.writing() as session:
                taken_over = take_account(session, here.account_id, "other", here.clock() + timedelta(seconds=5))
            await work
            return taken_over

        assert asyncio.run(others_try()) is None
        assert here.account().lease_owner is None

    def test_a_machine_that_slept_says_nothing_it_claimed_before(self, here: World) -> None:
        """The steady clock stands still while a machine sleeps; the wall clock tells."""
        here.release(PHONES)
        provider = Provider()
        provider.facts = _one_at_a_time(provider)
        left: list[timedelta] = []

        def sleep(out: Outgoing) -> None:
            if len(provider.said) == 1:
                here.clock.forward(seconds=45)
            with here.database.reading() as session:
                lease = session.get_one(Delivery, uuid.UUID(out.delivery_id)).lease_until
            assert lease is not None
            left.append(lease - here.clock())

        provider.during = sleep
        here.drain(provider)
        here.drain(provider)
        assert provider.heard() == Counter(PHONES)
        assert min(left[1:]) > timedelta(seconds=LONGEST_CALL)  # nobody can think it lost while it is being said
        assert here.states() == {DeliveryState.ACCEPTED: len(PHONES)} == here.counted()


class TestWritingDown:
    def test_trouble_is_waited_out_and_speaking_stops(self) -> None:
        tries, hushed = iter([1, 1, 1]), []

        def busy() -> None:
            if next(tries, None):
                raise OperationalError("INSERT", {}, Exception("database is locked"))

        asyncio.run(until_written(busy, "test", lambda: hushed.append(1)))
        assert len(hushed) == 3

    def test_a_disk_that_is_full_for_hours_is_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tries = iter([1] * 2000)
        waited = []

        async def at_once(seconds: float) -> None:
            waited.append(seconds)

        def full() -> None:
            if next(tries, None):
                raise OperationalError("INSERT", {}, Exception("database or disk is full"))

        monkeypatch.setattr("crisis.sending.desk.asyncio.sleep", at_once)
        asyncio.run(until_written(full, "test"))
        assert len(waited) == 2000
        assert max(waited) == LONGEST_REST

    def test_nothing_more_is_said_while_nothing_can_be_written(
        self, here: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tries = iter([1, 1, 1])

        def full(session: Session, account: Account, batch: Sequence[Ended]) -> None:
            if next(tries, None):
                raise OperationalError("INSERT", {}, Exception("database or disk is full"))
            record(session, account, batch)

        monkeypatch.setattr(notebook, "record", full)
        phones = [f"+4742000{number:03}" for number in range(300)]
        here.release(phones)
        provider = Provider(takes=0.02)
        here.drain(provider)
        assert len(provider.said) < 150
        assert set(here.states()) == {DeliveryState.ACCEPTED, DeliveryState.QUEUED}
        here.drain(provider)
        assert provider.heard() == Counter(phones)
        assert here.states() == {DeliveryState.ACCEPTED: len(phones)} == here.counted()

    def test_what_no_waiting_mends_is_raised_at_once(self) -> None:
        with pytest.raises(ZeroDivisionError):
            asyncio.run(until_written(lambda: 1 // 0, "test"))

    @pytest.mark.parametrize("odd", ["nul \x00 in it", "half \ud83d a character", "x" * 5000])
    def test_odd_words_of_a_provider_are_stored_cleaned(self, here: World, odd: str) -> None:
        here.release(PHONES[:2])
        here.drain(Provider(answers={PHONES[0]: [Accepted(odd, odd)], PHONES[1]: [Rejected(odd, code=odd)]}))
        assert here.states() == {DeliveryState.ACCEPTED: 1, DeliveryState.FAILED: 1} == here.counted()
        assert all(row.code != "unwritten" for row in here.deliveries())

    def test_one_that_cannot_be_written_does_not_take_the_others_with_it(
        self, here: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def picky(session: object, account: object, batch: list[Ended]) -> None:
            if any(item.next.provider_id == "poison" for item in batch):
                raise ValueError("not storable")
            record(session, account, batch)  # type: ignore[arg-type]

        monkeypatch.setattr(notebook, "record", picky)
        here.release(PHONES)
        here.drain(Provider(answers={PHONES[3]: [Accepted("poison")]}))
        assert here.states() == {DeliveryState.ACCEPTED: len(PHONES)} == here.counted()


class TestStopped:
    @pytest.fixture
    def stopped_in_the_call(self, here: World) -> Provider:
        broadcast = here.release(PHONES[:1])

        def stop(_out: object) -> None:
            with here.database.writing() as session:
                session.get_one(Broadcast, broadcast).state = BroadcastState.STOPPED

        return Provider(during=stop)

    def test_what_comes_back_to_a_stopped_broadcast_is_cancelled(
        self, here: World, stopped_in_the_call: Provider
    ) -> None:
        from crisis.channels.base import Unreachable

        stopped_in_the_call.answers["*"] = [Unreachable("no connection", code="no_connection")]
        here.drain(stopped_in_the_call)
        assert here.states() == {DeliveryState.CANCELLED: 1} == here.counted()

    def test_what_may_have_left_is_not_called_cancelled(self, here: World, stopped_in_the_call: Provider) -> None:
        """A later correction goes to everybody who may have got it."""
        stopped_in_the_call.answers["*"] = [Uncertain("?")]
        for _ in range(4):
            here.drain(stopped_in_the_call)
            here.clock.forward(minutes=11)
        assert len(stopped_in_the_call.said) == 1
        assert here.states() == {DeliveryState.UNCERTAIN: 1} == here.counted()
        assert here.deliveries()[0].due_at is None

    def test_the_sweep_finds_what_was_given_back_too_late(self, here: World) -> None:
        broadcast = here.release(PHONES[:3])
        mine = taken(here)

        def stop(session: object) -> None:
            session.get_one(Broadcast, broadcast).state = BroadcastState.STOPPED  # type: ignore[attr-defined]

        here.write(stop)
        with here.database.writing() as session:
            give_back(session, mine, here.clock())
        assert here.write(lambda session: sweep.left_behind(session, here.clock())) == 3
        assert here.states() == {DeliveryState.CANCELLED: 3} == here.counted()


def test_a_person_and_a_receipt_decide_at_once(here: World) -> None:
    """The officer's page is older than the receipt: the decision is refused, not written over it."""
    here.release(PHONES[:1])
    (mine,) = taken(here)
    thought_lost(here)
    officer = Actor(None, "Vakt", frozenset({(here.unit_id, Role.OFFICER)}))
    with here.database.writing() as session:
        seen = here.deliveries()[0]
    write(here, ended(here, mine, Accepted("there")))
    for decide in (resolve.send_again, resolve.it_is_there):
        with pytest.raises(NotAllowed), here.database.writing() as session:
            decide(session, officer, seen)
    assert here.states() == {DeliveryState.ACCEPTED: 1} == here.counted()


def test_a_call_without_end_is_cut_off_when_told_to_stop(here: World) -> None:
    here.release(PHONES[:3])
    provider = Provider(takes=60)

    async def interrupted() -> None:
        drain = Drain(
            Desk(here.database, "me", now=Clock(here.clock())), provider, here.account_id, pace=100, repeat_after=None
        )
        work = asyncio.create_task(drain.run(10))
        await asyncio.sleep(0.5)
        drain.stop(within=0.2)
        await asyncio.wait_for(work, 5)

    asyncio.run(interrupted())
    assert here.states() == {DeliveryState.UNCERTAIN: 3} == here.counted()
    assert attempts(here) == ["1 send uncertain"] * 3


def _requeue(session: object, here: World) -> None:
    """As after looks that found nothing."""
    from crisis.sending.tally import Moves

    for row in session.scalars(select(Delivery)):  # type: ignore[attr-defined]
        row.state, row.due_at = DeliveryState.QUEUED, here.clock() - timedelta(seconds=1)
        moves = Moves()
        moves.move(row.broadcast_id, row.account_id, DeliveryState.UNCERTAIN, DeliveryState.QUEUED)
        moves.write(session)  # type: ignore[arg-type]


def _one_at_a_time(provider: Provider) -> object:
    from dataclasses import replace

    return replace(provider.facts, concurrency=1)


def test_stop_heard_by_several_at_once_is_kept_once(here: World) -> None:
    """By a text, by the provider's refusal and by a link: none of them may fail with what else it writes."""
    start, new = threading.Barrier(6), []

    def hear(_: int) -> None:
        start.wait(10)
        with here.database.writing() as session:
            new.append(opt_out(session, here.account_id, PHONES[0], "stop", here.clock()))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(hear, range(6)))
    assert sorted(new) == [False] * 5 + [True]
    here.release(PHONES[:2])
    provider = Provider()
    here.drain(provider)
    assert [out.address for out in provider.said] == PHONES[1:2]
