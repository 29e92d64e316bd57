"""What a person may repeat, and what would be the wrong last words."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from crisis.actor import Actor
from crisis.channels.base import Rejected
from crisis.db import Database
from crisis.models import Account, Broadcast
from crisis.sending import resolve
from crisis.sending.sweep import finished
from crisis.states import BroadcastState, DeliveryState, NotAllowed, Role
from tests.sending.world import Provider, World, world

PHONES = ["+4740000001", "+4740000002"]


@pytest.fixture
def here(database: Database) -> World:
    made = world(database)
    made.clock.now = datetime.now(UTC)  # a person's press is timed by the real clock
    return made


def failed(here: World) -> uuid.UUID:
    """A broadcast that one of two never got."""
    broadcast = here.release(PHONES)
    here.drain(Provider(answers={PHONES[0]: [Rejected("switched off", code="30003")]}))
    assert here.states(broadcast)[DeliveryState.FAILED] == 1
    return broadcast


def retry(here: World, broadcast_id: uuid.UUID) -> int:
    with here.database.writing() as session:
        officer = Actor(None, "officer", frozenset({(here.unit_id, Role.OFFICER)}))
        broadcast = session.get_one(Broadcast, broadcast_id)
        account = session.scalars(select(Account)).one()
        count = resolve.retry_failed(session, officer, broadcast, account)
    here.clock.now = datetime.now(UTC)
    return count


def phase(here: World, broadcast_id: uuid.UUID, word: str) -> None:
    with here.database.writing() as session:
        session.get_one(Broadcast, broadcast_id).phase = word


def test_only_what_failed_is_tried_again(here: World) -> None:
    broadcast = failed(here)
    assert retry(here, broadcast) == 1
    provider = Provider()
    here.drain(provider)
    assert [out.address for out in provider.said] == PHONES[:1]
    assert here.states(broadcast) == {DeliveryState.ACCEPTED: 2} == here.counted(broadcast)


@pytest.mark.parametrize("word", ["correction", "all_clear"])
def test_corrected_words_are_never_the_last_somebody_hears(here: World, word: str) -> None:
    """Who never got the first message gets no correction either, so the first must not reach them afterwards."""
    first = failed(here)
    update = here.release(PHONES[1:], follows=first)
    phase(here, update, "update")
    assert retry(here, first) == 1  # an update leaves the first true
    here.drain(Provider(answers={PHONES[0]: [Rejected("still off", code="30003")]}))
    phase(here, here.release(PHONES[1:], follows=update), word)
    with pytest.raises(NotAllowed):
        retry(here, first)
    assert here.states(first)[DeliveryState.FAILED] == 1


def test_a_stopped_broadcast_is_not_tried_again(here: World) -> None:
    broadcast = failed(here)
    with here.database.writing() as session:
        session.get_one(Broadcast, broadcast).state = BroadcastState.STOPPED
    with pytest.raises(NotAllowed):
        retry(here, broadcast)


def test_what_is_retried_while_the_clock_closes_the_broadcast_still_leaves(here: World) -> None:
    """Whoever comes second sees what the first did: else it would stand in the queue of something that is over."""
    broadcast, done = failed(here), threading.Event()
    later = here.clock() + timedelta(minutes=1)

    def close() -> None:
        with here.database.writing() as session:
            finished(session, later)
        done.set()

    clock = threading.Thread(target=close)
    with here.database.writing() as session:
        officer = Actor(None, "officer", frozenset({(here.unit_id, Role.OFFICER)}))
        row, account = session.get_one(Broadcast, broadcast), session.scalars(select(Account)).one()
        clock.start()
        if not here.database.is_sqlite:  # there the clock waits for us
            assert done.wait(10)
        assert resolve.retry_failed(session, officer, row, account) == 1
    clock.join()
    here.clock.now = datetime.now(UTC)
    here.drain(Provider())
    assert here.states(broadcast) == {DeliveryState.ACCEPTED: 2} == here.counted(broadcast)


def test_the_clock_does_not_close_what_is_just_being_retried(here: World) -> None:
    broadcast = failed(here)
    with here.database.writing() as session:
        officer = Actor(None, "officer", frozenset({(here.unit_id, Role.OFFICER)}))
        row, account = session.get_one(Broadcast, broadcast), session.scalars(select(Account)).one()
        assert resolve.retry_failed(session, officer, row, account) == 1
        if not here.database.is_sqlite:
            with here.database.writing() as clock:
                assert finished(clock, here.clock() + timedelta(minutes=1)) == 0
    with here.database.reading() as session:
        assert session.get_one(Broadcast, broadcast).state is BroadcastState.RELEASED
