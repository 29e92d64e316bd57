"""The form of a call-out: what was typed, turned into what the domain understands, and back for showing it again.

Decides nothing: what a call-out may be stands in oncall/callout_plan.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from werkzeug.datastructures import MultiDict

from crisis.models import Broadcast, CallOut, Incident
from crisis.oncall import own_need
from crisis.oncall.callout_plan import Wanted
from crisis.playbooks.playbook import Playbook
from crisis.states import NotAllowed

PLACES = 4  # rows for needs that are shown; filled ones and two empty ones at least
MOST_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One need as it is typed."""

    skill: str = ""
    number: str = ""
    by: str = ""


def wanted(form: MultiDict[str, str], message: str, zone: tzinfo, now: datetime) -> Wanted:
    """What the form asks for. Raises `NotAllowed` for what can't be read."""
    slots = {name.removeprefix("slot-"): value for name, value in form.items() if name.startswith("slot-")}
    return Wanted(
        title=form.get("title", ""),
        needs=[need for row in rows_of(form) if (need := _need(row, zone, now))],
        groups=form.getlist("group"),
        site=form.get("site", ""),
        ways=form.getlist("way"),
        tries=_number(form.get("tries", ""), 4),
        again_seconds=60 * _number(form.get("again", ""), 3),
        surplus=_number(form.get("surplus", ""), 150),
        widen_seconds=60 * _number(form.get("widen", ""), 2),
        override_quiet=form.get("override_quiet") == "yes",
        needs_pin=form.get("needs_pin") == "yes",
        slots=own_need.slots(slots) if message == own_need.NEED else slots,
    )


def rows_of(form: MultiDict[str, str]) -> list[Row]:
    """The rows as they were typed."""
    told = zip(form.getlist("skill"), form.getlist("number"), form.getlist("by"), strict=False)
    return [Row(skill.strip(), number.strip(), by.strip()) for skill, number, by in told]


def _need(row: Row, zone: tzinfo, now: datetime) -> tuple[str, int, datetime | None] | None:
    if not row.number:
        if row.skill:
            raise NotAllowed("say how many with the skill %(skill)s are needed", skill=row.skill)
        return None
    if not (row.number.isascii() and row.number.isdecimal() and len(row.number) <= MOST_DIGITS):
        raise NotAllowed("write how many people are needed as a number, such as 12")
    return row.skill, int(row.number), moment(row.by, zone, now)


def moment(told: str, zone: tzinfo, now: datetime) -> datetime | None:
    """The next time the clock on the wall shows this; None for nothing typed. Raises `NotAllowed`."""
    if not told:
        return None
    try:
        at = time.fromisoformat(told)
    except ValueError:
        raise NotAllowed("write by when as a time, such as 05:00") from None
    local = now.astimezone(zone)
    on = datetime.combine(local.date(), at.replace(tzinfo=None), tzinfo=zone)
    return on if on > local else datetime.combine(local.date() + timedelta(days=1), at, tzinfo=zone)


def _number(told: str, usual: int) -> int:
    if not told.strip():
        return usual
    if not (told.strip().isascii() and told.strip().isdecimal() and len(told.strip()) <= MOST_DIGITS):
        raise NotAllowed("write the limits as whole numbers")
    return int(told)


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in the fields."""

    title: str
    rows: Sequence[Row]
    groups: Sequence[str]
    site: str
    ways: Sequence[str]
    tries: int | str
    again: int | str
    surplus: int | str
    widen: int | str
    override_quiet: bool
    needs_pin: bool
    slots: Mapping[str, str]


def fresh(incident: Incident, playbook: Playbook, message: str, usable: Sequence[str], groups: Sequence[str]) -> Shown:
    """A new one: the playbook's own groups, as far as the unit has them, and the usual limits."""
    told = playbook.messages[message].audiences
    chosen = [one for one in groups if one in told]
    return Shown(incident.title, _padded([]), chosen, "", usable, 4, 3, 150, 2, True, False, {})


def again(form: MultiDict[str, str]) -> Shown:
    """What was typed, after a mistake."""
    slots = {name.removeprefix("slot-"): value for name, value in form.items() if name.startswith("slot-")}
    return Shown(
        form.get("title", ""),
        _padded(rows_of(form)),
        form.getlist("group"),
        form.get("site", ""),
        form.getlist("way"),
        form.get("tries", ""),
        form.get("again", ""),
        form.get("surplus", ""),
        form.get("widen", ""),
        form.get("override_quiet") == "yes",
        form.get("needs_pin") == "yes",
        slots,
    )


def planned(call_out: CallOut, broadcast: Broadcast, zone: tzinfo) -> Shown:
    """One that is being prepared."""
    rows = [
        Row(need.skill, str(need.number), f"{need.by.astimezone(zone):%H:%M}" if need.by else "")
        for need in call_out.needs
    ]
    return Shown(
        call_out.title,
        _padded(rows),
        broadcast.audiences,
        call_out.site,
        call_out.ways,
        call_out.tries,
        max(1, call_out.again_seconds // 60),
        call_out.surplus,
        max(1, call_out.widen_seconds // 60),
        call_out.override_quiet,
        call_out.needs_pin,
        {name: str(value) for name, value in broadcast.slots.items()},
    )


def _padded(rows: Sequence[Row]) -> list[Row]:
    there = [row for row in rows if row.number or row.skill]
    return [*there, *[Row()] * max(2, PLACES - len(there))]
