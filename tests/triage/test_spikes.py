"""A crowd, a rising word, and nothing in an ordinary hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crisis.models import InboundCount
from crisis.states import Lane, Mode
from crisis.triage import spikes
from tests.triage.hall import Hall


@pytest.mark.parametrize(
    ("lately", "usual", "loud"),
    [(19, 0, False), (20, 0, True), (40, 20, False), (60, 20, True), (22, 10.0, True), (21, 10.5, False)],
)
def test_what_stands_out(lately: int, usual: float, loud: bool) -> None:
    assert spikes.stands_out(lately, usual) is loud


def test_a_word_rises_against_the_texts_before() -> None:
    before = ["Når åpner sykehuset igjen", "Takk for hjelpen i kveld"] * 20
    lately = ["Er det gasslekkasje på Ullevål", *before[:10]] * 10
    told = spikes.rising(lately, before)
    assert {"gasslekkasje", "ullevål"} == {word for word, _count, _usual in told}
    assert spikes.rising(before, before) == []


def test_an_ordinary_hour_and_a_crowd(hall: Hall) -> None:
    now = datetime.now(UTC).replace(second=30, microsecond=0)
    count(hall, now, dict.fromkeys(range(65), 2))
    with hall.database.writing() as session:
        assert spikes.write(session, spikes.look(session, now), now) == 0
        assert spikes.seen(session, [hall.units["ous"]], now) == []
    count(hall, now, {0: 80}, lane=Lane.DANGER)
    with hall.database.writing() as session:
        assert spikes.write(session, spikes.look(session, now), now) == 1
        (seen,) = spikes.seen(session, [hall.units["ous"]], now)
        assert (seen.loud, seen.mode, seen.count) == (True, Mode.LIVE, 90)
        assert spikes.seen(session, [hall.units["dep"]], now) == []
        assert spikes.seen(session, [hall.units["ous"]], now + timedelta(minutes=10)) == []


def count(hall: Hall, now: datetime, minutes: dict[int, int], lane: Lane = Lane.QUESTION) -> None:
    minute = now.replace(second=0)
    with hall.database.writing() as session:
        for ago, told in minutes.items():
            session.add(
                InboundCount(
                    unit_id=hall.units["ous"], mode=Mode.LIVE, channel="x", lane=lane,
                    minute=minute - timedelta(minutes=ago), count=told,
                )
            )  # fmt: skip
