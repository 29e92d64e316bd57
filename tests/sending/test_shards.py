"""An account that is split: each receiver is in one shard, each shard has its part of the pace, quiet is for all of them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from crisis.channels.base import Accepted, Busy
from crisis.db import Database
from crisis.models import Account, Delivery, ShardRow
from crisis.sending import sweep
from crisis.sending.drain import Desk, Drain
from crisis.sending.lease import take_account
from crisis.sending.pause import pause_misconfigured
from crisis.sending.shards import Shard, in_shard
from crisis.states import DeliveryState
from tests.sending.world import Provider, World, world

PHONES = [f"+4740000{number:03}" for number in range(60)]


@pytest.fixture
def here(database: Database) -> World:
    return world(database)


def shard_drain(here: World, provider: Provider, number: int, *, pace: float = 1000.0) -> Drain:
    """The work for one of two shards, by a sender of its own."""
    return Drain(
        Desk(here.database, f"sender {number}", now=here.clock),
        provider,
        here.account_id,
        pace=pace,
        repeat_after=timedelta(minutes=10),
        shard=Shard(number, 2),
    )


def idle(here: World) -> set[int]:
    with here.database.reading() as session:
        return {shard.number for _, shard in sweep.idle_shards(session, {here.account_id: 2}, here.clock())}


def test_every_address_is_in_one_shard_and_they_are_even(here: World) -> None:
    luck = random.Random(1)
    anywhere = {f"+474{luck.randrange(10**7):07}" for _ in range(1_000)}
    one_series = {f"+4791{number:06}" for number in range(1_000)}
    mailboxes = {f"{''.join(luck.choices('abcdefghijklmnop', k=6))}@ous.example" for _ in range(1_000)}
    short = {"a", "ab", "abc", "wall", "ø@å.no"}
    here.release(sorted(anywhere | one_series | mailboxes | short))
    for of in (2, 3, 4, 7, 16):
        with here.database.reading() as session:
            shards = [
                set(session.scalars(select(Delivery.address).where(in_shard(Delivery.address, number, of))))  # type: ignore[arg-type]
                for number in range(of)
            ]
        assert Counter(address for shard in shards for address in shard) == Counter(
            anywhere | one_series | mailboxes | short
        )
        for kind in (anywhere, one_series, mailboxes):
            assert min(len(shard & kind) for shard in shards) > 0.5 * len(kind) / of


def test_each_shard_says_its_own_and_together_they_say_everything_once(here: World) -> None:
    broadcast = here.release(PHONES)
    one, two = Provider(), Provider()
    assert idle(here) == {0, 1}
    asyncio.run(shard_drain(here, one, 0).run(5))
    assert 0 < len(one.said) < len(PHONES)
    assert idle(here) == {1}
    asyncio.run(shard_drain(here, two, 1).run(5))
    assert one.heard() + two.heard() == Counter(PHONES)
    assert here.states(broadcast) == {DeliveryState.ACCEPTED: len(PHONES)} == here.counted(broadcast)
    assert idle(here) == set()


def test_a_shard_is_one_senders_until_its_lease_runs_out(here: World) -> None:
    here.release(PHONES)
    with here.database.writing() as session:
        assert take_account(session, here.account_id, "dead", here.clock(), Shard(0, 2)) is not None
    assert idle(here) == {1}
    with here.database.writing() as session:
        assert take_account(session, here.account_id, "other", here.clock(), Shard(0, 2)) is None
        assert take_account(session, here.account_id, "other", here.clock(), Shard(1, 2)) is not None
    here.clock.forward(seconds=16)
    assert idle(here) == {0, 1}
    with here.database.writing() as session:
        assert take_account(session, here.account_id, "other", here.clock(), Shard(0, 2)) is not None


def test_nobody_calls_a_split_account_forgotten_while_a_shard_is_worked_for(here: World) -> None:
    here.release(PHONES)

    def forgotten() -> list[object]:
        with here.database.reading() as session:
            return [*sweep.idle_with_work(session, here.account().mode, here.clock())]

    assert forgotten() == [here.account_id]
    with here.database.writing() as session:
        take_account(session, here.account_id, "me", here.clock(), Shard(1, 2))
    assert forgotten() == []


def test_a_pause_stops_every_shard(here: World) -> None:
    here.release(PHONES)
    here.write(
        lambda session: pause_misconfigured(session, session.get_one(Account, here.account_id), "no", here.clock())
    )
    provider = Provider()
    drain = shard_drain(here, provider, 1)
    assert (asyncio.run(drain.run(5)), drain.refused, provider.said) == (0, True, [])


def test_a_provider_that_asks_one_shard_for_quiet_gets_it_from_all(here: World) -> None:
    """The other shard hears of it while it speaks, and nobody begins before the time has come."""
    here.release([f"+47400{number:05}" for number in range(600)])
    refusing, slow = Provider(answers={"*": [Busy("slow down", retry_after=30)] * 50}), Provider(takes=0.05)

    begun = asyncio.Event()
    slow.during = lambda _out: begun.set()

    async def both() -> None:
        other = asyncio.create_task(shard_drain(here, slow, 1, pace=60).run(8))
        await begun.wait()
        await shard_drain(here, refusing, 0, pace=60).run(5)
        await other

    asyncio.run(both())
    account = here.account()
    assert account.busy_streak == 1
    assert account.free_at is not None
    assert timedelta(seconds=28) < account.free_at - here.clock() <= timedelta(seconds=30)
    assert len(slow.said) < 150  # in eight seconds it would have said all 300
    assert idle(here) == set()
    before = len(slow.said)
    asyncio.run(shard_drain(here, slow, 1).run(1))
    assert len(slow.said) == before
    here.clock.forward(seconds=31)
    assert idle(here) == {0, 1}
    asyncio.run(shard_drain(here, slow, 1).run(5))
    assert here.account().busy_streak == 0
    assert len(slow.said) > before


def test_quiet_asked_for_later_is_not_ended_by_an_older_answer(here: World) -> None:
    """A shard that was answered ends the quiet it came out of; what another one was told meanwhile stands."""
    here.release(PHONES)

    def told_meanwhile(_out: object) -> None:
        until = here.clock() + timedelta(seconds=40)
        here.write(lambda session: session.get_one(Account, here.account_id).__setattr__("busy_streak", 3))
        here.write(lambda session: session.get_one(Account, here.account_id).__setattr__("free_at", until))

    here.write(lambda session: session.get_one(Account, here.account_id).__setattr__("busy_streak", 2))
    asyncio.run(shard_drain(here, Provider(answers={"*": [Accepted("1")]}, during=told_meanwhile), 0).run(2))
    assert here.account().busy_streak == 3
    assert idle(here) == set()


def test_the_pace_is_shared_and_each_shard_remembers_its_own(here: World) -> None:
    here.release([f"+47400{number:05}" for number in range(200)])
    provider = Provider()
    paces = [shard_drain(here, provider, number, pace=40)._pace for number in range(2)]
    assert (sum(one.rate for one in paces), sum(one.burst for one in paces)) == (40, 40)
    asyncio.run(shard_drain(here, provider, 0, pace=40).run(0.5))
    assert len(provider.said) <= 20 + 20  # its burst and one second, never the account's
    with here.database.reading() as session:
        row = session.get_one(ShardRow, (here.account_id, 0))
        assert row.free_at is not None
        assert row.lease_owner is None
    assert here.account().free_at is None
