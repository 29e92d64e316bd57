"""The rules of what comes next, as tables, and the pace as properties."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.base import Accepted, Busy, Misconfigured, Rejected, SendError, Uncertain, Unreachable
from crisis.sending.outcomes import LONGEST_PAUSE, after_look, after_send, growing_pause
from crisis.sending.pace import Pace
from crisis.states import DELIVERY_MOVES, DeliveryState
from tests.sending.world import NOW, PRIVATE, PUBLIC

SAFE = replace(PUBLIC, repeat_safe=True)


@pytest.mark.parametrize(
    ("result", "state", "due_in"),
    [
        (Accepted("1"), DeliveryState.ACCEPTED, None),
        (Rejected("no"), DeliveryState.FAILED, None),
        (Rejected("stop", opted_out=True), DeliveryState.SUPPRESSED, None),
        (Busy("later", retry_after=42), DeliveryState.QUEUED, 42),
        (Busy("now is fine", retry_after=0), DeliveryState.QUEUED, 0),
        (Misconfigured("keys"), DeliveryState.QUEUED, 0),
        (Uncertain("timeout"), DeliveryState.UNCERTAIN, 5),
    ],
)
def test_after_send(result: Accepted | SendError, state: DeliveryState, due_in: float | None) -> None:
    what = after_send(result, facts=PRIVATE, now=NOW, attempt=1, first_attempt_at=NOW)
    assert what.state is state
    assert what.due_at == (None if due_in is None else NOW + timedelta(seconds=due_in))
    assert state in DELIVERY_MOVES[DeliveryState.SENDING]


def test_what_may_be_repeated_is_found_out_at_once() -> None:
    what = after_send(Uncertain("?"), facts=SAFE, now=NOW, attempt=1, first_attempt_at=NOW)
    assert (what.state, what.due_at) == (DeliveryState.UNCERTAIN, NOW)
    after = after_look(None, facts=SAFE, can_look=False, now=NOW, looks=1, repeat_after=None)
    assert (after.state, after.due_at) == (DeliveryState.QUEUED, NOW)


@given(st.integers(1, 10_000), st.integers(0, 2**32))
def test_pauses_grow_and_never_beyond_the_longest(times: int, seed: int) -> None:
    pause = growing_pause(times, random.Random(seed))
    assert 0.5 <= pause <= LONGEST_PAUSE


@given(st.integers(1, 200), st.booleans(), st.sampled_from([PRIVATE, PUBLIC, SAFE]))
def test_a_look_never_ends_in_silence(looks: int, can_look: bool, facts: object) -> None:
    """Whatever was found, the delivery is settled, looked at again, queued, or shown to a person."""
    what = after_look(None, facts=facts, can_look=can_look, now=NOW, looks=looks, repeat_after=None)  # type: ignore[arg-type]
    if what.state is DeliveryState.UNCERTAIN and what.due_at is None:
        assert "person" in what.say
        assert facts is PUBLIC
        assert not can_look
    else:
        assert what.state in (DeliveryState.UNCERTAIN, DeliveryState.QUEUED)


def test_not_being_able_to_look_is_never_taken_for_not_there() -> None:
    for looks in range(1, 50):
        what = after_look(Unreachable("no"), facts=PUBLIC, can_look=True, now=NOW, looks=looks, repeat_after=None)
        assert what.state is DeliveryState.UNCERTAIN
        assert what.due_at is not None


@given(
    rate=st.floats(0.05, 500),
    burst=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_the_pace_is_never_exceeded(rate: float, burst: int, gaps: list[float]) -> None:
    """In any window of t seconds at most rate * t + burst messages leave."""
    pace, now, left = Pace(rate, burst), 1000.0, []
    for gap in gaps:
        now += gap
        now += pace.wait(now)
        pace.take(now)
        left.append(now)
    for start in range(len(left)):
        for end in range(start, len(left)):
            assert end - start + 1 <= rate * (left[end] - left[start]) + burst + 1e-6


def test_a_hold_takes_the_saved_up_burst_away() -> None:
    pace = Pace(10.0, 10)
    pace.hold(100.0)
    assert pace.wait(99.0) == pytest.approx(1.0)
    pace.take(100.0)
    assert pace.wait(100.0) >= 0.0
