"""The order of the queue, its filters and counts, and views with names."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crisis.states import InboundState, Lane, Mode, NotAllowed
from crisis.triage import queue, views
from crisis.triage.views import Filters
from tests.triage.hall import Hall


def seen(hall: Hall, who: str = "kari", number: int = 1, **told: str) -> views.Page:
    with hall.database.reading() as session:
        unit, at = hall.units["ous"], hall.now + timedelta(hours=1)
        return views.page(session, hall.users[who], unit, Mode.LIVE, Filters.read(told), at, number)


def ids(page: views.Page) -> list[object]:
    return [item.row.id for item in page.items]


def test_worst_first_then_longest_waiting(hall: Hall) -> None:
    mild, worst, also = hall.put(2, Lane.QUESTION, 30), hall.put(2, Lane.NOISE, 90), hall.put(1, Lane.DANGER, 60)
    hall.hear(hall.said("I øvelsen"), account="x-ous-drill")
    assert ids(seen(hall)) == [*worst, *also, *mild]


def test_pages(hall: Hall) -> None:
    all_ids = hall.put(views.PAGE + 3)
    first, second = seen(hall), seen(hall, number=2)
    assert (ids(first), first.more) == (all_ids[: views.PAGE], True)
    assert (ids(second), second.more) == (all_ids[views.PAGE :], False)


def test_filters_search_and_states(hall: Hall) -> None:
    kari, now = hall.users["kari"], hall.now + timedelta(hours=1)
    danger, asked = hall.put(1, Lane.DANGER, 90), hall.put(2)
    told = hall.said("Is the emergency room open for visitors tonight? 100% sure?", "@visitor")
    hall.hear(told)
    other = hall.row(told).id
    assert ids(seen(hall, lane="danger")) == danger
    assert ids(seen(hall, language="en")) == [other]
    assert ids(seen(hall, search="ROOM visitor")) == [other]
    assert ids(seen(hall, search="100% sure")) == [other]
    assert ids(seen(hall, search="1%0 sure")) == []
    assert ids(seen(hall, channel="sms")) == []
    assert len(ids(seen(hall, older="10m"))) == 4
    with hall.database.writing() as session:
        queue.claim(session, kari, asked[0], now)
        queue.close(session, kari, asked[1], "ferdig", now)
        queue.snooze(session, kari, other, now + timedelta(hours=2), now)
    assert ids(seen(hall, state="mine")) == [asked[0]]
    assert ids(seen(hall, who="ola", state="mine")) == []
    assert ids(seen(hall, state="closed")) == [asked[1]]
    assert ids(seen(hall, state="snoozed")) == [other]
    assert [(item.holder, item.mine) for item in seen(hall).items] == [("", False), ("Kari", True)]
    assert [item.holder for item in seen(hall, who="ola").items] == ["", "Kari"]


def test_next_takes_from_the_view(hall: Hall) -> None:
    hall.put(1, Lane.NOISE, 99)
    (asked,) = hall.put(1, Lane.QUESTION, 10)
    with hall.database.writing() as session:
        unit, kari = hall.units["ous"], hall.users["kari"]
        for _ in range(2):
            found = views.first_free(session, kari, unit, Mode.LIVE, Filters(lane="question"), hall.now)
            row = queue.next_one(session, kari, found, hall.now)
        assert row is None
        session.expire_all()
        assert seen(hall, lane="question") is not None
    with hall.database.reading() as session:
        assert [item.row.id for item in seen(hall, state="mine").items] == [asked]


def test_lanes_count_what_waits_and_since_when(hall: Hall) -> None:
    first, _second = hall.put(2, Lane.DANGER, 80)
    (gone,) = hall.put(1, Lane.PRESS)
    with hall.database.writing() as session:
        queue.close(session, hall.users["kari"], gone, "ferdig", hall.now)
    with hall.database.reading() as session:
        told = {one.lane: one for one in views.lanes(session, hall.units["ous"], Mode.LIVE)}
    oldest = next(row.at for row in hall.rows() if row.id == first)
    assert (told[Lane.DANGER].count, told[Lane.DANGER].oldest, told[Lane.DANGER].worst) == (2, oldest, 80)
    assert (told[Lane.PRESS].count, told[Lane.PRESS].oldest) == (0, None)
    assert list(told) == list(Lane)


@pytest.mark.parametrize(
    "told",
    [{"lane": "nope"}, {"broadcast": "'; drop"}, {"older": "1y"}, {"state": "waiting"}, {"unknown": "x"}],
)
def test_what_makes_no_sense_filters_nothing(told: dict[str, str]) -> None:
    assert Filters.read(told) == Filters()


def test_views_have_names_and_owners(hall: Hall) -> None:
    kari, ola, unit = hall.users["kari"], hall.users["ola"], hall.units["ous"]
    with hall.database.writing() as session:
        with pytest.raises(NotAllowed, match="name"):
            views.save(session, kari, unit, " ", Filters(lane="press"))
        with pytest.raises(NotAllowed, match="filter"):
            views.save(session, kari, unit, "alt", Filters())
        made = views.save(session, kari, unit, "Pressen", Filters(lane="press"))
        assert views.save(session, kari, unit, "Pressen", Filters(lane="press", language="en")).id == made.id
        assert [Filters.read(one.filters) for one in views.saved(session, kari, unit)] == [
            Filters(lane="press", language="en")
        ]
        assert views.saved(session, ola, unit) == []
        assert not views.forget(session, ola, made.id)
        assert views.forget(session, kari, made.id)


def test_unread_is_seen(hall: Hall) -> None:
    hall.hear(hall.said("Hei"), hall.said("Hallo"), read=False)
    with hall.database.reading() as session:
        assert views.unread(session).count == 2
    hall.read()
    with hall.database.reading() as session:
        assert views.unread(session) == views.Unread(0, None)
    assert {row.state for row in hall.rows()} == {InboundState.WAITING}
