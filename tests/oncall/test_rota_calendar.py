"""Rotas in the database: holes seen ahead, told once; calendar files laid in, bounded, and never doubled."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from crisis.actor import SYSTEM
from crisis.models import Absence, Rota, RotaChange
from crisis.oncall import roster, rota_ical, rota_import, rota_plan, rota_watch
from crisis.oncall.rota import Shift
from crisis.states import NotAllowed
from tests.broadcasts.scene import Scene
from tests.oncall.scene import a_rota, person_id

OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


def ics(*events: str) -> bytes:
    inside = "".join(f"BEGIN:VEVENT\r\n{one}\r\nEND:VEVENT\r\n" for one in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{inside}END:VCALENDAR\r\n".encode()


def event(
    rule: str = "", *, uid: str = "a", start: str = "20260323T080000", end: str = "20260324T080000", who: str = "Anne"
) -> str:
    lines = [f"UID:{uid}", f"SUMMARY:{who}", f"DTSTART;TZID=Europe/Oslo:{start}", f"DTEND;TZID=Europe/Oslo:{end}"]
    return "\r\n".join([*lines, *([rule] if rule else [])])


def read(raw: bytes) -> list[rota_ical.Time]:
    return rota_ical.read(raw, OSLO, time(8), NOW)[0]


def test_an_endless_rule_ends_and_keeps_its_hour_over_summer_time() -> None:
    found = read(ics(event("RRULE:FREQ=WEEKLY")))
    assert 50 < len(found) < 60
    assert all(one.starts.astimezone(OSLO).hour == 8 for one in found)
    assert {one.ends - one.starts for one in found} == {timedelta(hours=24)}
    daily = {one.ends - one.starts for one in read(ics(event("RRULE:FREQ=DAILY")))}
    assert daily == {timedelta(hours=23), timedelta(hours=24), timedelta(hours=25)}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        ics(),
        b"x" * (rota_ical.LARGEST + 1),
        ics(event("RRULE:FREQ=SECONDLY")),
        ics(event("RRULE:FREQ=DAILY;BYHOUR=1,2,3")),
        ics(event("RRULE:FREQ=DAILY", start="00010101T080000", end="00010102T080000")),
        ics(event(start="20260324T080000", end="20260323T080000")),
        ics(event(end="20280101T080000")),
        ics("UID:1\r\nSUMMARY:x"),
        ics(*(event(uid=str(n)) for n in range(rota_ical.MOST_EVENTS + 1))),
    ],
)
def test_a_bad_file_is_refused_with_words(raw: bytes) -> None:
    with pytest.raises(NotAllowed) as refused:
        read(raw)
    assert str(refused.value)


def test_a_rule_that_never_comes_true_is_given_up() -> None:
    assert read(ics(event("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=3"))) == []


def test_times_left_out_moved_and_cancelled() -> None:
    master = event("RRULE:FREQ=DAILY;COUNT=4\r\nEXDATE;TZID=Europe/Oslo:20260324T080000")
    moved = event(
        "RECURRENCE-ID;TZID=Europe/Oslo:20260325T080000", start="20260325T100000", end="20260326T080000", who="Per"
    )
    found = read(ics(master, moved, event("STATUS:CANCELLED", uid="c")))
    assert [(one.starts.astimezone(OSLO).strftime("%d %H"), one.who) for one in found] == [
        ("23 08", "Anne"),
        ("25 10", "Per"),
        ("26 08", "Anne"),
    ]


def test_a_feed_is_the_same_bytes_and_can_be_read_back() -> None:
    who = uuid.UUID(int=1)
    planned = [Shift(NOW, NOW + timedelta(days=1), who), Shift(NOW + timedelta(days=1), NOW + timedelta(days=2), None)]
    raw = rota_ical.write(uuid.UUID(int=2), "Leder", planned, {who: "Åse"}, "ingen")
    assert raw == rota_ical.write(uuid.UUID(int=2), "Leder", planned, {who: "Åse"}, "ingen")
    assert [(one.who, one.starts) for one in read(raw)] == [("Åse", NOW), ("ingen", NOW + timedelta(days=1))]


def test_the_same_file_again_doubles_nothing_and_a_changed_one_changes(scene: Scene) -> None:
    rota_id = a_rota(scene, "own-anne")

    def lay(raw: bytes) -> dict[str, int]:
        with scene.runtime.database.writing() as session:
            return rota_import.lay_in(session, SYSTEM, session.get_one(Rota, rota_id), raw, NOW)

    first = ics(
        event("RRULE:FREQ=DAILY;COUNT=3", who="Per"), event(uid="b", start="20260401T080000", end="20260402T080000")
    )
    assert lay(first) == {"new": 4, "changed": 0, "removed": 0}
    assert lay(first) == {"new": 0, "changed": 0, "removed": 0}
    assert lay(ics(event("RRULE:FREQ=DAILY;COUNT=2", who="own-kari"))) == {"new": 0, "changed": 2, "removed": 1}
    with pytest.raises(NotAllowed, match="Nobody We Know"):
        lay(ics(event(who="Nobody We Know")))
    with scene.runtime.database.reading() as session:
        held = session.scalars(select(RotaChange).order_by(RotaChange.starts)).all()
        assert [one.person.name for one in held] == ["Kari", "Kari", "Anne"]
        rota = session.get_one(Rota, rota_id)
        assert roster.person_on_call(rota, datetime(2026, 3, 23, 12, tzinfo=UTC)) == person_id(scene, "own-kari")


def test_holes_absences_and_people_out_of_reach_are_seen_ahead_and_told_once(scene: Scene) -> None:
    rota_id = a_rota(scene, "own-anne", "own-vidar")  # Vidar has no destination
    now = datetime(2026, 3, 16, 12, tzinfo=UTC)  # a Monday, Anne's or Vidar's week
    with scene.runtime.database.writing() as session:
        rota = session.get_one(Rota, rota_id)
        hole = now + timedelta(days=5)
        rota_plan.stand_in(session, SYSTEM, rota, None, hole, hole + timedelta(hours=6), "course", now)
        anne = person_id(scene, "own-anne")
        session.add(Absence(person_id=anne, starts=now - timedelta(days=1), ends=now + timedelta(days=20)))
    with scene.runtime.database.writing() as session:
        found = rota_watch.troubles(session, [scene.units["ous"]], now)
        assert {one.kind for one in found} == {"hole", "absent", "unreachable"}
        assert {one.who for one in found if one.kind == "unreachable"} == {"Vidar"}
        assert found == sorted(found, key=lambda one: one.starts)
        told = rota_watch.untold(session, found, now)
        assert len(told) == len(found)
        assert rota_watch.untold(session, rota_watch.troubles(session, [scene.units["ous"]], now), now) == []
    near = hole - timedelta(hours=10)
    with scene.runtime.database.writing() as session:
        again = rota_watch.untold(session, rota_watch.troubles(session, [scene.units["ous"]], near), near)
        assert "hole" in {one.kind for one in again if one.near}, "and once more when it is a day away"


def test_a_rota_without_trouble_says_nothing(scene: Scene) -> None:
    a_rota(scene, "own-anne", "own-per")
    with scene.runtime.database.reading() as session:
        assert rota_watch.troubles(session, [scene.units["ous"]], NOW) == []


def test_bad_changes_are_refused(scene: Scene) -> None:
    rota_id = a_rota(scene, "own-anne")
    for starts, ends, who in (
        (NOW, NOW, person_id(scene, "own-per")),
        (NOW, NOW + timedelta(days=400), None),
        (NOW, NOW + timedelta(days=1), person_id(scene, "own-dag")),
    ):
        with pytest.raises(NotAllowed), scene.runtime.database.writing() as session:
            rota_plan.stand_in(session, SYSTEM, session.get_one(Rota, rota_id), who, starts, ends, "", NOW)
    wanted = rota_plan.Wanted("Leder", "week", 1, "25:00", date(2026, 1, 5), [])
    with pytest.raises(NotAllowed), scene.runtime.database.writing() as session:
        rota_plan.save(session, SYSTEM, scene.units["ous"], None, "ny", wanted)
