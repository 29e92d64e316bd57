"""The clock jumps forward and back: nothing is said twice, and nothing waits for a time that will not come."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from crisis.channels.base import Busy, Unreachable
from crisis.db import Database
from crisis.sending import sweep
from crisis.sending.claim import claim
from crisis.sending.lease import take_account
from crisis.states import DeliveryState, Mode
from tests.sending.world import Finder, Provider, World, world

PHONES = [f"+4740000{number:03}" for number in range(30)]


@pytest.fixture
def here(database: Database) -> World:
    return world(database)


@pytest.mark.parametrize("hours", [1, 24, -1, -24])
def test_in_the_middle_of_a_send(here: World, hours: int) -> None:
    here.release(PHONES, expires=None)
    finder = Finder()

    def jump(_out: object) -> None:
        finder.during = None
        here.clock.forward(hours=hours)
        here.write(lambda session: sweep.lost_claims(session, here.clock()))  # another machine's clock process

    finder.during = jump
    for _ in range(6):
        here.drain(finder)
        here.write(lambda session: sweep.lost_claims(session, here.clock()))
        here.clock.forward(seconds=61)
    assert finder.heard() == Counter(PHONES)
    assert here.states() == {DeliveryState.ACCEPTED: len(PHONES)} == here.counted()


def test_back_the_lease_of_a_dead_sender_is_not_believed(here: World) -> None:
    here.release(PHONES[:3])
    with here.database.writing() as session:
        assert take_account(session, here.account_id, "dead", here.clock())
        claim(session, here.account_id, 3, here.clock())
    here.clock.forward(hours=-1)
    assert here.write(lambda session: sweep.lost_claims(session, here.clock())) == 3
    with here.database.writing() as session:
        assert take_account(session, here.account_id, "living", here.clock()) is not None


def test_back_an_account_is_not_silent_for_an_hour(here: World) -> None:
    here.release(PHONES)
    provider = Provider()
    assert here.drain(provider, pace=0.5, seconds=0.5) == 10
    here.clock.forward(hours=-1)
    here.release(PHONES[:1], expires=None)
    with here.database.reading() as session:
        assert sweep.idle_with_work(session, Mode.DRILL, here.clock()) == [here.account_id]
    here.drain(provider, pace=0.5, seconds=0.5)  # waits for its own pace at most
    here.clock.forward(seconds=3)
    assert here.drain(provider, pace=0.5, seconds=0.5) >= 1


def test_back_a_pause_the_provider_asked_for_is_kept(here: World) -> None:
    here.release(PHONES[:1], expires=None)
    here.drain(Provider(answers={"*": [Busy("later", retry_after=600)]}))
    here.clock.forward(minutes=-5)
    assert here.drain(Provider()) == 0
    here.clock.forward(minutes=16)
    assert here.drain(Provider()) == 1


def test_back_a_delivery_waiting_for_its_next_try_does_not_wait_for_an_hour(here: World) -> None:
    here.release(PHONES[:1], expires=None)
    here.drain(Provider(answers={"*": [Unreachable("450 mailbox busy", code="450")]}))
    here.clock.forward(hours=-1)
    provider = Provider()
    with here.database.reading() as session:
        assert sweep.idle_with_work(session, Mode.DRILL, here.clock()) == [here.account_id]
    assert here.drain(provider) == 1


def test_back_what_is_not_yet_due_is_still_not_due(here: World) -> None:
    here.release(PHONES[:1], delay=timedelta(seconds=30))
    here.clock.forward(minutes=-10)
    assert here.drain(Provider()) == 0
