"""Who is on call when: turns by the clock on the wall, public holidays, and those who stand in. Pure.

A rota passes on at a local time every so many days or weeks; the clock's summer jump makes one turn an hour shorter or
longer and moves no hand-over. What somebody changed by hand wins over the turns, and of two changes the one made later.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

Who = uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody stands in from `starts` until `ends` (UTC); `person` None: knowingly nobody."""

    person: Who
    starts: datetime
    ends: datetime
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """A rota as values. `turns` in order, the first one begins on `begins` at `handover`; `length` in days."""

    zone: ZoneInfo
    length: int
    handover: time
    begins: date
    turns: Sequence[uuid.UUID]
    changes: Sequence[Change] = ()
    country: str = ""  # ISO code: whose public holidays; empty: none are looked at
    holiday_turns: Sequence[uuid.UUID] = ()  # who takes the public holidays, one each in turn; empty: the usual ones


@dataclass(frozen=True, slots=True)
class Shift:
    """One stretch with the same person, UTC, `ends` excluded. `changed`: by hand; `holiday`: its name, or empty."""

    starts: datetime
    ends: datetime
    person: Who
    changed: bool = False
    holiday: str = ""


def on_call(plan: Plan, at: datetime) -> Who:
    """Who has the duty at this moment; None: nobody."""
    return next((shift.person for shift in shifts(plan, at, at + timedelta(seconds=1))), None)


def shifts(plan: Plan, starts: datetime, ends: datetime) -> list[Shift]:
    """What the rota says from `starts` until `ends`, without a gap: stretches with nobody have `person` None.

    Neighbours with the same person are one shift, unless one of them is a holiday or was changed.
    """
    if starts >= ends:
        return []
    pieces = [_cut(turn, starts, ends) for turn in _turns(plan, starts, ends)]
    for change in sorted(plan.changes, key=lambda one: one.made_at):
        if change.starts < ends and change.ends > starts and change.starts < change.ends:
            over = Shift(max(change.starts, starts), min(change.ends, ends), change.person, changed=True)
            pieces = [rest for piece in pieces for rest in _around(piece, over)]
            pieces.append(over)
            pieces.sort(key=lambda piece: piece.starts)
    joined: list[Shift] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and (last.person, last.changed, last.holiday) == (piece.person, piece.changed, piece.holiday):
            joined[-1] = replace(last, ends=piece.ends)
        else:
            joined.append(piece)
    return joined


def _turns(plan: Plan, starts: datetime, ends: datetime) -> Iterator[Shift]:
    """The turns as planned, day by day where holidays are taken by others, covering `starts` until `ends`."""
    first = _boundary(plan, 0)
    if starts < first:
        yield Shift(starts, min(first, ends), None)
    if not plan.turns:
        if ends > first:
            yield Shift(max(starts, first), ends, None)
        return
    days = (starts.astimezone(plan.zone).date() - plan.begins).days - 1
    day = max(0, days)
    while (begin := _boundary(plan, day)) < ends:
        end = _boundary(plan, day + 1)
        if end > starts:
            today = plan.begins + timedelta(days=day)
            name = _holidays(plan.country, today.year).get(today, "") if plan.country else ""
            person = plan.turns[(day // plan.length) % len(plan.turns)]
            if name and plan.holiday_turns:
                person = plan.holiday_turns[_number(plan, today) % len(plan.holiday_turns)]
            yield Shift(begin, end, person, holiday=name)
        day += 1


def _boundary(plan: Plan, day: int) -> datetime:
    """When the duty of the `day`th day begins. A time that the summer jump leaves out is an hour later on the wall."""
    local = datetime.combine(plan.begins + timedelta(days=day), plan.handover, plan.zone)
    return local.astimezone(UTC)


def _cut(shift: Shift, starts: datetime, ends: datetime) -> Shift:
    return replace(shift, starts=max(shift.starts, starts), ends=min(shift.ends, ends))


def _around(piece: Shift, over: Shift) -> Iterator[Shift]:
    """What is left of `piece` beside `over`."""
    if piece.starts < over.starts:
        yield replace(piece, ends=min(piece.ends, over.starts))
    if piece.ends > over.ends:
        yield replace(piece, starts=max(piece.starts, over.ends))


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> dict[date, str]:
    """Public holidays by date, named in the country's own language."""
    kind = getattr(holidays, country)
    found = holidays.country_holidays(country, years=year, language=kind.default_language)
    return {day: str(name) for day, name in found.items()}


def _number(plan: Plan, day: date) -> int:
    """How many public holidays the rota has seen before this one."""
    return sum(
        1
        for year in range(plan.begins.year, day.year + 1)
        for one in _holidays(plan.country, year)
        if plan.begins <= one < day
    )
