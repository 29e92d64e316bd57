"""Rotas as calendars: the feed others subscribe to, and reading a calendar file into changes of a rota. Pure.

Everything a stranger's file may hold is bounded: its size, its events, how far back and ahead a rule is followed, and
how often. The format: RFC 5545.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Calendar, Event

from crisis.oncall.rota import Shift
from crisis.states import NotAllowed

LARGEST = 512 * 1024
MOST_EVENTS, MOST_TIMES = 2000, 4200  # in a file; of one rule, which is eleven years of days
BEFORE, AHEAD = timedelta(days=1), timedelta(days=400)
OLDEST = timedelta(days=3660)
LONGEST = timedelta(days=62)
# Rules that say more often than daily are no duty, and could keep a machine busy for ever.
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
REFUSED = ("BYHOUR", "BYMINUTE", "BYSECOND")


@dataclass(frozen=True, slots=True)
class Time:
    """One stretch out of a file. `reference` is made of the UID and stays the same in the next file."""

    reference: str
    uid: str
    who: str
    starts: datetime
    ends: datetime


def write(
    rota_id: uuid.UUID, name: str, planned: Sequence[Shift], names: Mapping[uuid.UUID, str], nobody: str
) -> bytes:
    """The rota's calendar. The same plan gives the same bytes."""
    calendar = Calendar()
    calendar.add("prodid", "-//Crisis//Rota//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for shift in planned:
        who = names.get(shift.person, "") if shift.person else ""
        event = Event()
        event.add("uid", f"{rota_id}-{shift.starts:%Y%m%dT%H%M%SZ}@crisis")
        event.add("dtstamp", shift.starts)
        event.add("dtstart", shift.starts)
        event.add("dtend", shift.ends)
        event.add("summary", f"{name}: {who or nobody}")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def read(raw: bytes, zone: ZoneInfo, handover: time, now: datetime) -> tuple[list[Time], set[str]]:
    """The stretches in a file from yesterday until 400 days ahead, and the UIDs of all its events.

    Whole days go from hand-over to hand-over. Raises `NotAllowed` with what is wrong and where.
    """
    if len(raw) > LARGEST:
        raise NotAllowed("the file is larger than 512 KB")
    try:
        events = [one for one in Calendar.from_ical(raw).walk("VEVENT") if isinstance(one, Event)]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise NotAllowed("this is no iCalendar file; export it again as .ics") from None
    if not events:
        raise NotAllowed("the file has no events")
    if len(events) > MOST_EVENTS:
        raise NotAllowed("the file has more than %(most)d events; export fewer weeks", most=MOST_EVENTS)
    moved: dict[str, set[datetime]] = {}
    for event in events:
        if (instead := event.get("RECURRENCE-ID")) is not None:
            moved.setdefault(_uid(event), set()).add(_moment(instead.dt, zone, handover))
    found: dict[str, Time] = {}
    for event in events:
        for one in _times(event, zone, handover, now, moved):
            found[one.reference] = one
    return sorted(found.values(), key=lambda one: one.starts), {_uid(event) for event in events}


def _times(
    event: Event, zone: ZoneInfo, handover: time, now: datetime, moved: Mapping[str, set[datetime]]
) -> Iterator[Time]:
    uid, summary = _uid(event), " ".join(str(event.get("SUMMARY", "")).split())[:120]
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    start = event.get("DTSTART")
    if start is None:
        raise NotAllowed("'%(name)s' has no start", name=summary)
    end, lasts = event.get("DTEND"), event.get("DURATION")
    first = _local(start.dt, zone, handover)
    if end is not None:
        last = _local(end.dt, zone, handover)
    elif lasts is not None:
        last = first + lasts.dt
    else:
        last = first + timedelta(days=1)
    length = last - first  # by the wall's clock, so that summer time moves no hand-over
    if not timedelta() < length <= LONGEST:
        raise NotAllowed("'%(name)s' ends before it starts or lasts longer than two months", name=summary)
    who = _who(event, summary)
    for begin in _begins(event, first, zone, now, summary):
        starts = begin.replace(tzinfo=zone).astimezone(UTC)
        ends = (begin + length).replace(tzinfo=zone).astimezone(UTC)
        if event.get("RECURRENCE-ID") is None and starts in moved.get(uid, ()):
            continue
        if ends <= now - BEFORE or starts > now + AHEAD or starts >= ends:
            continue
        instead = event.get("RECURRENCE-ID")
        named = _moment(instead.dt, zone, handover) if instead is not None else starts
        yield Time(reference(uid, named if event.get("RRULE") or instead is not None else None), uid, who, starts, ends)


def _begins(event: Event, first: datetime, zone: ZoneInfo, now: datetime, summary: str) -> Iterator[datetime]:
    """The local starts, without zone: a rule of eight in the morning means the clock on the wall."""
    rule: Any = event.get("RRULE")
    if rule is None:
        yield first
        return
    told = {str(name).upper(): value for name, value in rule.items()} if not isinstance(rule, list) else {}
    frequency = str((told.get("FREQ") or [""])[0]).upper()
    if frequency not in FREQUENCIES or any(name in told for name in REFUSED):
        raise NotAllowed(
            "'%(name)s' repeats in a way that is no rota; use daily, weekly, monthly or yearly", name=summary
        )
    if first < (now - OLDEST).replace(tzinfo=None):
        raise NotAllowed("'%(name)s' began more than ten years ago; export it with a later start", name=summary)
    horizon = (now + AHEAD).astimezone(zone).replace(tzinfo=None)
    until = (told.pop("UNTIL", None) or [None])[0]
    # The count is ours to keep: a rule that never comes true would be followed to the end of the calendar for it.
    count = int(str((told.pop("COUNT", None) or [MOST_TIMES])[0]))
    written = ";".join(f"{name}={','.join(map(_plain, value))}" for name, value in told.items())
    if until is not None:
        horizon = min(horizon, _local(until, zone, time(23, 59, 59)))
    written += f";UNTIL={horizon:%Y%m%dT%H%M%S}"
    try:
        rows = rrulestr(written, dtstart=first)
    except (ValueError, TypeError):
        raise NotAllowed("'%(name)s' repeats by a rule we can't read", name=summary) from None
    left_out = _left_out(event, zone, first.time())
    for begin in islice(rows, max(0, min(count, MOST_TIMES))):
        if begin > horizon:
            return
        if begin not in left_out:
            yield begin


def _left_out(event: Event, zone: ZoneInfo, at: time) -> set[datetime]:
    told: Any = event.get("EXDATE") or []
    lists = told if isinstance(told, list) else [told]
    return {_local(one.dt, zone, at) for each in lists for one in each.dts}


def _plain(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _who(event: Event, summary: str) -> str:
    """An attendee's mailbox when there is exactly one, else the summary after a colon, if any."""
    told: Any = event.get("ATTENDEE") or []
    attendees = told if isinstance(told, list) else [told]
    if len(attendees) == 1:
        return str(attendees[0]).lower().removeprefix("mailto:").strip()
    return summary.rpartition(": ")[2]


def _uid(event: Event) -> str:
    return str(event.get("UID", "")) or hashlib.sha256(bytes(event.to_ical())).hexdigest()


def reference(uid: str, begin: datetime | None = None) -> str:
    """What a stretch is known by from one file to the next; with a start, one time of an event that repeats."""
    kept = hashlib.sha256(uid.encode()).hexdigest()
    return kept if begin is None else f"{kept}:{begin:%Y%m%dT%H%M%SZ}"


def _local(told: date | datetime, zone: ZoneInfo, handover: time) -> datetime:
    """The wall's time without zone; a whole day begins at the hand-over."""
    if isinstance(told, datetime):
        return told.astimezone(zone).replace(tzinfo=None) if told.tzinfo else told
    return datetime.combine(told, handover)


def _moment(told: date | datetime, zone: ZoneInfo, handover: time) -> datetime:
    return _local(told, zone, handover).replace(tzinfo=zone).astimezone(UTC)
