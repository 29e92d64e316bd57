"""When an account goes quiet, for how long, and how it comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.base import Accepted, Busy, Misconfigured, Rejected, SendError, Uncertain, Unreachable
from crisis.db import Database
from crisis.sending import order
from crisis.sending.outcomes import LONGEST_PAUSE
from crisis.sending.patience import QUIET_STREAK, Patience
from crisis.states import DeliveryState
from tests.sending.world import Provider, world

AWAY = Unreachable("no connection", code="no_connection")
DOUBT = Uncertain("HTTP 500")
ANSWERS = (Accepted("1"), Rejected("no"), Busy("later"), Busy("later", retry_after=9), AWAY, DOUBT)


@pytest.mark.parametrize("error", [AWAY, DOUBT])
def test_a_few_calls_without_an_answer_make_it_quiet(error: SendError) -> None:
    patience = Patience()
    heeded = [patience.heed(error) for _ in range(QUIET_STREAK)]
    assert heeded[:-1] == [None] * (QUIET_STREAK - 1)
    assert heeded[-1] is not None


def test_an_answer_in_between_begins_the_count_anew() -> None:
    patience = Patience()
    for _ in range(20):
        assert patience.heed(DOUBT) is None
        assert patience.heed(Rejected("no such number")) is None


def test_a_full_mailbox_says_nothing_about_the_server() -> None:
    patience = Patience()
    assert all(patience.heed(Unreachable("450 mailbox full", code="4.2.2")) is None for _ in range(50))


def test_fifty_refused_side_by_side_are_one_trouble() -> None:
    patience = Patience()
    pauses = [patience.heed(Busy("slow down")) or 0 for _ in range(50)]
    assert patience.streak == 1
    assert max(pauses) <= 1.0


def test_coming_back_one_call_without_an_answer_is_enough() -> None:
    assert Patience(3).recovering
    assert Patience(3).heed(DOUBT) is not None


def test_answers_to_calls_made_before_the_trouble_do_not_end_it() -> None:
    patience = Patience()
    patience.heed(Busy("slow down", retry_after=900))
    patience.heed(Accepted("1"))
    assert patience.streak == 1


@given(st.lists(st.sampled_from(ANSWERS), max_size=200), st.integers(0, 30))
def test_no_pause_of_ours_is_longer_than_the_longest(answers: list[Accepted | SendError], streak: int) -> None:
    patience = Patience(streak)
    for one in answers:
        pause = patience.heed(one)
        assert pause is None or pause <= LONGEST_PAUSE
    assert patience.streak <= streak + 1


def test_a_provider_that_is_down_is_not_fed_the_queue(database: Database) -> None:
    here = world(database)
    phones = [f"+4740000{number:03}" for number in range(200)]
    here.release(phones)
    provider = Provider(answers={"*": [DOUBT] * 500})
    for _ in range(10):
        here.drain(provider)
        here.clock.forward(seconds=3)
    assert len(provider.said) < 40
    assert here.states()[DeliveryState.QUEUED] > 160
    assert here.states() == here.counted()


def test_wrong_keys_are_not_a_reason_to_wait() -> None:
    assert Patience().heed(Misconfigured("keys")) is None  # the account is paused instead, until a person acts


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 99), st.integers(100, 10**7))
def test_the_head_of_anything_goes_before_the_tail_of_everything(a: int, b: int, head: int, tail: int) -> None:
    assert order.priority(a, head) < order.priority(b, tail)
    assert order.priority(a, head) == a
