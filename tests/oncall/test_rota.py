"""Rotas: turns by the wall's clock, holidays, and those who stand in."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.console.rotas import local_moment
from crisis.oncall.rota import Change, Plan, on_call, shifts
from crisis.states import NotAllowed

OSLO = ZoneInfo("Europe/Oslo")
ANNE, BERIT, CARL, DAG = (uuid.UUID(int=number) for number in range(1, 5))
WEEKLY = Plan(OSLO, 7, time(8), date(2026, 1, 5), (ANNE, BERIT, CARL))  # a Monday


def oslo(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=OSLO).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "who"),
    [
        (oslo(2026, 1, 5, 7, 59), None),  # the rota has not begun
        (oslo(2026, 1, 5, 8), ANNE),
        (oslo(2026, 1, 12, 7, 59), ANNE),
        (oslo(2026, 1, 12, 8), BERIT),
        (oslo(2026, 1, 19, 8), CARL),
        (oslo(2026, 1, 26, 8), ANNE),
    ],
)
def test_the_turn_passes_on_at_the_hand_over(at: datetime, who: uuid.UUID | None) -> None:
    assert on_call(WEEKLY, at) == who


def test_summer_time_moves_no_hand_over() -> None:
    """Clocks jump on 29 March and 25 October 2026: one week of 167 hours, one of 169, each handed over at eight."""
    spring = shifts(WEEKLY, oslo(2026, 3, 23, 8), oslo(2026, 4, 6, 8))
    assert [(s.ends - s.starts) for s in spring] == [timedelta(hours=167), timedelta(hours=168)]
    autumn = shifts(WEEKLY, oslo(2026, 10, 19, 8), oslo(2026, 10, 26, 8))
    assert [(s.ends - s.starts) for s in autumn] == [timedelta(hours=169)]
    assert all(s.starts.astimezone(OSLO).hour == 8 for s in spring + autumn)


def test_a_hand_over_in_the_hour_that_is_left_out_is_an_hour_later() -> None:
    nightly = Plan(OSLO, 1, time(2, 30), date(2026, 3, 28), (ANNE, BERIT))
    found = shifts(nightly, oslo(2026, 3, 28, 12), oslo(2026, 3, 29, 12))
    assert found[1].starts == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert found[1].starts.astimezone(OSLO).hour == 3


def test_somebody_stands_in_and_the_later_change_wins() -> None:
    first = Change(DAG, oslo(2026, 1, 6), oslo(2026, 1, 9), made_at=oslo(2026, 1, 1))
    second = Change(CARL, oslo(2026, 1, 7), oslo(2026, 1, 8), made_at=oslo(2026, 1, 2))
    changed = replace(WEEKLY, changes=(second, first))
    found = shifts(changed, oslo(2026, 1, 5, 8), oslo(2026, 1, 12, 8))
    assert [(s.person, s.changed) for s in found] == [
        (ANNE, False),
        (DAG, True),
        (CARL, True),
        (DAG, True),
        (ANNE, False),
    ]


def test_a_change_to_nobody_is_a_hole() -> None:
    hole = Change(None, oslo(2026, 1, 6), oslo(2026, 1, 7), made_at=oslo(2026, 1, 1))
    assert on_call(replace(WEEKLY, changes=(hole,)), oslo(2026, 1, 6, 12)) is None


def test_a_rota_without_turns_is_one_hole() -> None:
    found = shifts(replace(WEEKLY, turns=()), oslo(2026, 1, 1), oslo(2026, 2, 1))
    assert [(s.starts, s.ends, s.person) for s in found] == [(oslo(2026, 1, 1), oslo(2026, 2, 1), None)]


def test_public_holidays_are_taken_in_turn_by_others_and_named() -> None:
    plan = replace(WEEKLY, country="NO", holiday_turns=(DAG, CARL))
    easter = shifts(plan, oslo(2026, 4, 1, 8), oslo(2026, 4, 7, 8))
    named = [(s.person, s.holiday) for s in easter if s.holiday]
    assert [person for person, _ in named] == [DAG, CARL, DAG, CARL]
    assert "Første påskedag" in " ".join(name for _, name in named)
    assert on_call(plan, oslo(2026, 4, 4, 12)) == on_call(WEEKLY, oslo(2026, 4, 4, 12))  # Saturday is none


people = st.sampled_from([ANNE, BERIT, CARL, DAG, None])
moments = st.integers(0, 366 * 24 * 60).map(lambda minutes: oslo(2026, 1, 1) + timedelta(minutes=minutes))
changes = st.builds(Change, person=people, starts=moments, ends=moments, made_at=moments)
plans = st.builds(
    Plan,
    zone=st.sampled_from([OSLO, ZoneInfo("UTC"), ZoneInfo("America/St_Johns"), ZoneInfo("Australia/Lord_Howe")]),
    length=st.integers(1, 14),
    handover=st.times(),
    begins=st.dates(date(2025, 12, 1), date(2026, 12, 1)),
    turns=st.lists(st.sampled_from([ANNE, BERIT, CARL]), max_size=4).map(tuple),
    changes=st.lists(changes, max_size=4).map(tuple),
    country=st.sampled_from(["", "NO"]),
    holiday_turns=st.sampled_from([(), (DAG,)]),
)


@given(plans, moments, st.integers(1, 60))
def test_shifts_cover_the_time_asked_for_once_and_agree_with_each_moment(
    plan: Plan, starts: datetime, days: int
) -> None:
    ends = starts + timedelta(days=days)
    found = shifts(plan, starts, ends)
    assert found[0].starts == starts
    assert found[-1].ends == ends
    assert all(one.ends == two.starts for one, two in pairwise(found))
    for shift in found:
        assert on_call(plan, shift.starts) == shift.person
        assert on_call(
            plan, shift.ends - timedelta(seconds=1)
        ) == shift.person or shift.ends - shift.starts < timedelta(seconds=1)


@pytest.mark.parametrize("told", ["", "x", "0001-01-01T00:00", "2026-13-01T00:00"])
def test_a_time_nobody_means_is_refused_in_words(told: str) -> None:
    with pytest.raises(NotAllowed, match="from when"):
        local_moment(told, ZoneInfo("Europe/Oslo"))
