"""Changing posts in place and taking them down: repeated without harm, in the network's pace, never before the words."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from crisis.broadcasts.manners import put_down
from crisis.channels.base import Accepted, Busy, Misconfigured, Outgoing, Rejected, SendError, Uncertain, Unreachable
from crisis.db import Database
from crisis.models import Attempt, Delivery, Removal
from crisis.sending import removals, sweep
from crisis.states import DeliveryState, Manner, Mode, Outcome, RemovalState
from tests.sending.world import PUBLIC, Provider, World, world

WALL = replace(PUBLIC, name="mastodon", edits=timedelta.max, deletes=True)


@dataclass
class Network(Provider):
    """A provider that also changes and takes down; keeps what happened in order."""

    edited: list[SendError] = field(default_factory=list)  # how the next changes end; afterwards they work
    deleted: list[SendError] = field(default_factory=list)
    did: list[str] = field(default_factory=list)

    async def send(self, out: Outgoing) -> Accepted:
        self.did.append(f"post under {out.reply_to}" if out.reply_to else "post")
        return await super().send(out)

    async def edit(self, provider_id: str, out: Outgoing) -> Accepted:
        self.did.append(f"edit {provider_id}")
        if self.edited:
            raise self.edited.pop(0)
        return Accepted(provider_id)

    async def delete(self, provider_id: str) -> None:
        self.did.append(f"delete {provider_id}")
        if self.deleted:
            raise self.deleted.pop(0)


@pytest.fixture
def town(database: Database) -> World:
    return world(database)


def corrected(town: World, provider: Network, manner: Manner) -> tuple[Delivery, Delivery]:
    """A post that stands, and a correction of it that is queued in this manner."""
    first = town.release(["wall"])
    town.drain(provider)
    provider.did.clear()
    second = town.release(["wall"], follows=first)
    town.write(
        lambda session: session.execute(update(Delivery).where(Delivery.broadcast_id == second).values(manner=manner))
    )
    old, new = town.deliveries()
    if manner is Manner.APART:
        town.write(
            lambda session: put_down(
                session, session.get_one(Delivery, old.id), None, "wrong", town.clock(), after_id=new.id
            )
        )
    return old, new


def removal(town: World) -> Removal:
    with town.database.reading() as session:
        return session.scalars(select(Removal)).one()


def attempts(town: World, delivery_id: uuid.UUID, kind: str) -> list[Outcome]:
    with town.database.reading() as session:
        asked = select(Attempt.outcome).where(Attempt.delivery_id == delivery_id, Attempt.kind == kind)
        return list(session.scalars(asked.order_by(Attempt.number)))


def test_where_it_can_the_post_itself_gets_the_new_words(town: World) -> None:
    network = Network(WALL)
    old, _ = corrected(town, network, Manner.IN_PLACE)
    town.drain(network)
    assert network.did == [f"edit {old.provider_id}"]
    assert [row.provider_id for row in town.deliveries()] == [old.provider_id] * 2


def test_a_change_nobody_knows_about_is_made_again_without_a_person(town: World) -> None:
    network = Network(replace(WALL, repeat_safe=False), edited=[Uncertain("read timeout")])
    corrected(town, network, Manner.IN_PLACE)
    for _ in range(3):
        town.drain(network)
        town.clock.forward(seconds=10)
    assert town.states() == {DeliveryState.ACCEPTED: 2}
    assert [one.split()[0] for one in network.did] == ["edit", "edit"]


def test_words_whose_change_is_refused_are_posted_instead(town: World) -> None:
    network = Network(WALL, edited=[Rejected("too late to change", code="window")])
    old, _ = corrected(town, network, Manner.IN_PLACE)
    town.drain(network)
    assert network.did == [f"edit {old.provider_id}", f"post under {old.provider_id}"]
    assert town.deliveries()[1].manner is Manner.UNDER
    assert town.deliveries()[1].provider_id != old.provider_id


def test_a_post_of_another_account_is_not_changed_through_this_one(town: World) -> None:
    network = Network(WALL)
    old, _ = corrected(town, network, Manner.IN_PLACE)
    town.write(lambda session: session.execute(update(Delivery).where(Delivery.id == old.id).values(provider_id=None)))
    town.drain(network)
    assert network.did == ["post"]


def test_the_wrong_post_comes_down_only_after_the_right_one_stands(town: World) -> None:
    network = Network(WALL)
    old, _ = corrected(town, network, Manner.APART)
    network.answers["wall"] = [Unreachable("no connection")]
    town.drain(network)
    assert network.did == ["post"]  # and never under what is to go
    assert removal(town).state is RemovalState.QUEUED
    town.clock.forward(seconds=60)
    for _ in range(2):
        town.drain(network)
    assert network.did == ["post", "post", f"delete {old.provider_id}"]
    assert removal(town).state is RemovalState.GONE
    assert attempts(town, old.id, "delete") == [Outcome.ACCEPTED]


def test_what_replaces_it_was_cancelled_so_it_stays(town: World) -> None:
    network = Network(WALL)
    _, new = corrected(town, network, Manner.APART)
    town.write(
        lambda session: sweep.end_queued(session, [new.broadcast_id], DeliveryState.CANCELLED, "x", town.clock())
    )
    assert town.write(lambda session: removals.pointless(session, town.clock())) == 1
    town.drain(network)
    assert network.did == []
    assert (removal(town).state, removal(town).say) == (RemovalState.CANCELLED, removals.LEFT_STANDING)


def asked_down(town: World, count: int, network: Network) -> list[Delivery]:
    town.release([f"wall{number}" for number in range(count)])
    town.drain(network)
    network.did.clear()
    rows = town.deliveries()
    for row in rows:
        town.write(
            lambda session, row=row: put_down(
                session, session.get_one(Delivery, row.id), None, "wrong", town.clock(), after_id=None
            )
        )
    return rows


@pytest.mark.parametrize(
    ("error", "state", "then"),
    [
        (Rejected("may not be deleted here"), RemovalState.FAILED, RemovalState.FAILED),
        (Busy("slow down", retry_after=5), RemovalState.QUEUED, RemovalState.GONE),
        (Unreachable("no connection"), RemovalState.QUEUED, RemovalState.GONE),
        (Misconfigured("no right to delete"), RemovalState.QUEUED, RemovalState.QUEUED),  # until a person resumes
        (Uncertain("read timeout"), RemovalState.UNCERTAIN, RemovalState.GONE),
    ],
)
def test_how_a_call_can_end(town: World, error: SendError, state: RemovalState, then: RemovalState) -> None:
    network = Network(WALL)
    asked_down(town, 1, network)
    network.deleted = [error]
    town.drain(network)
    assert removal(town).state is state
    town.clock.forward(seconds=70)
    town.drain(network)
    assert removal(town).state is then
    assert (town.account().paused_reason is not None) == isinstance(error, Misconfigured)


def test_no_faster_than_the_network_allows_and_none_forgotten(town: World) -> None:
    network = Network(replace(WALL, deletes_per=(3, timedelta(minutes=30))))
    rows = asked_down(town, 7, network)
    taken = []
    for _ in range(3):
        for _ in range(3):
            town.drain(network)
        taken.append(len(network.did))
        with town.database.reading() as session:
            waiting = session.scalars(select(Removal).where(Removal.state == RemovalState.QUEUED)).all()
        assert all(one.due_at > town.clock() for one in waiting)
        town.clock.forward(minutes=31)
    assert taken == [3, 6, 7]
    assert sorted(network.did) == sorted(f"delete {row.provider_id}" for row in rows)


def test_those_in_the_air_count_against_what_the_network_allows(town: World) -> None:
    asked_down(town, 5, Network(WALL))
    limit = (3, timedelta(minutes=30))
    claimed = [
        town.write(lambda session: removals.claim(session, town.account_id, limit, town.clock())) for _ in range(2)
    ]
    assert [len(one) for one in claimed] == [3, 0]


def test_a_sender_that_died_in_the_call_is_made_up_for(town: World) -> None:
    network = Network(WALL)
    rows = asked_down(town, 1, network)
    town.write(lambda session: removals.claim(session, town.account_id, None, town.clock()))
    town.drain(network)
    assert network.did == []  # somebody may be at it
    town.clock.forward(minutes=5)
    assert town.write(lambda session: sweep.idle_with_work(session, Mode.DRILL, town.clock())) == [town.account_id]
    town.drain(network)
    assert removal(town).state is RemovalState.GONE
    assert attempts(town, rows[0].id, removals.LOST) == [Outcome.UNCERTAIN]
    assert town.write(lambda session: sweep.idle_with_work(session, Mode.DRILL, town.clock())) == []


def test_a_sender_that_comes_back_says_nothing_about_a_later_attempt(town: World) -> None:
    asked_down(town, 1, Network(WALL))

    def claim() -> removals.Claimed:
        (one,) = town.write(lambda session: removals.claim(session, town.account_id, None, town.clock()))
        return one

    def settle(one: removals.Claimed, result: Accepted | SendError) -> None:
        now = town.clock()
        town.write(lambda session: removals.settle(session, one, result, now, now))

    old = claim()
    town.clock.forward(minutes=5)
    new = claim()
    settle(old, Rejected("not found"))
    assert removal(town).state is RemovalState.DELETING
    settle(new, Accepted(new.provider_id))
    settle(old, Rejected("not found"))
    assert removal(town).state is RemovalState.GONE


def test_two_senders_take_a_post_down_once(town: World) -> None:
    network = Network(WALL)
    asked_down(town, 5, network)
    claimed = [
        town.write(lambda session: removals.claim(session, town.account_id, None, town.clock())) for _ in range(2)
    ]
    assert [len(one) for one in claimed] == [5, 0]  # type: ignore[arg-type]


def test_a_paused_account_takes_nothing_down(town: World) -> None:
    from crisis.actor import Actor
    from crisis.models import Account
    from crisis.sending.pause import pause, resume

    network, somebody = Network(WALL), Actor(None, "Vakt", frozenset())
    asked_down(town, 1, network)
    town.write(lambda session: pause(session, somebody, session.get_one(Account, town.account_id), "wait"))
    town.drain(network)
    assert network.did == []
    town.write(lambda session: resume(session, somebody, session.get_one(Account, town.account_id)))
    town.drain(network)
    assert removal(town).state is RemovalState.GONE


def test_told_to_stop_it_gives_back_what_it_has_not_asked_for(town: World) -> None:
    from crisis.sending.drain import Desk
    from crisis.sending.pace import Pace
    from crisis.sending.removing import Removing

    network = Network(WALL)
    asked_down(town, 2, network)
    removing = Removing(
        Desk(town.database, "me", now=town.clock), network, town.account(), Pace(1000, 10), lambda _: None
    )
    asyncio.run(removing.run(lambda: not network.did))
    assert len(network.did) == 1
    with town.database.reading() as session:
        rows = sorted((row.state, row.attempts) for row in session.scalars(select(Removal)))
    assert rows == [(RemovalState.GONE, 1), (RemovalState.QUEUED, 0)]


def test_what_follows_a_post_that_was_taken_down_stands_by_itself(town: World) -> None:
    network = Network(WALL)
    rows = asked_down(town, 1, network)
    town.drain(network)
    town.release(["wall0"], follows=rows[0].broadcast_id)
    town.drain(network)
    assert network.did == [f"delete {rows[0].provider_id}", "post"]
