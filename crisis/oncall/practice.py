"""The monthly practice call-out: planned once, let go by the clock as an exercise, and what became of it as figures.

It is a call-out like any other, in an incident that was born a drill, with the words of a signed-off playbook. Whoever
planned it releases it with the rights they have on that day. Takes a session and never commits.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts import incidents
from crisis.models import Ask, CallOut, Group, Incident, Person, Practice, PracticePlan, Unit, User, membership
from crisis.oncall import approving, callout, callout_plan
from crisis.oncall.callout_plan import MOST_NEEDED, Wanted
from crisis.playbooks.playbook import Playbook
from crisis.playbooks.read import Shelf
from crisis.sending.answer_links import AnswerLinks
from crisis.settings import Language, Settings, UnitSettings
from crisis.states import AskState, CallOutState, Mode, NotAllowed, Role

TOO_LATE = timedelta(days=1)  # a practice nobody expects any more teaches nothing
LONGEST = timedelta(hours=4)  # then it is over, whoever has not answered
TITLES: dict[Language, str] = {"nb": "Prøve av innkalling", "nn": "Prøve av innkalling", "en": "Practice call-out"}
WITHIN = (60, 180, 300, 600)  # seconds that are counted
ANSWERED = (AskState.YES, AskState.NO)
OVER = (CallOutState.FILLED, CallOutState.EXHAUSTED, CallOutState.CLOSED)


@dataclass(frozen=True, slots=True)
class Wish:
    """A plan as somebody fills it in."""

    playbook: str
    message: str
    groups: Sequence[str]
    day: int
    at: str


def messages(shelf: Shelf, unit: UnitSettings) -> list[tuple[Playbook, str]]:
    """The call-outs that need nothing filled in: nobody is there to fill it in when the day comes."""
    return [
        (playbook, key)
        for playbook in shelf.playbooks.values()
        if playbook.kind == unit.kind
        for key, message in playbook.messages.items()
        if message.phase == "call_out" and not playbook.slots_of(key)
    ]


def plan(
    session: Session, actor: Actor, unit_id: uuid.UUID, settings: UnitSettings, shelf: Shelf, wish: Wish, now: datetime
) -> PracticePlan:
    """Plan it, or plan it anew. Raises `NotAllowed`."""
    actor.demand(Role.OFFICER, unit_id)
    if actor.user_id is None:
        raise NotAllowed("somebody must answer for it; sign in")
    if (wish.playbook, wish.message) not in {(one.id, key) for one, key in messages(shelf, settings)}:
        raise NotAllowed("choose a call-out from a playbook that has nothing to fill in")
    if not 1 <= wish.day <= 28:
        raise NotAllowed("choose a day from 1 to 28, which every month has")
    try:
        time.fromisoformat(wish.at)
    except ValueError:
        raise NotAllowed("write the time as 10:00") from None
    known = set(session.scalars(select(Group.key).where(Group.unit_id == unit_id, Group.key.in_(wish.groups))))
    if set(wish.groups) - known:
        raise NotAllowed("there is no such group; choose again")
    if not known and session.scalar(select(Group.id).where(Group.unit_id == unit_id).limit(1)) is not None:
        raise NotAllowed("choose at least one group: otherwise press and residents of your list would be called, too")
    row = session.get(PracticePlan, unit_id) or PracticePlan(unit_id=unit_id)
    row.playbook, row.message, row.groups = wish.playbook, wish.message, list(dict.fromkeys(wish.groups))
    row.day, row.at = wish.day, wish.at[:5]
    row.planned_by, row.planned_at, row.paused = actor.user_id, now, False
    session.add(row)
    session.flush()
    facts = {"playbook": row.playbook, "day": row.day, "at": row.at, "groups": row.groups}
    audit.record(session, actor, "practice.planned", f"unit:{unit_id}", unit_id=unit_id, details=facts)
    return row


def pause(session: Session, actor: Actor, row: PracticePlan) -> None:
    """No more by itself, until somebody plans it anew."""
    actor.demand(Role.OFFICER, row.unit_id)
    row.paused = True
    audit.record(session, actor, "practice.paused", f"unit:{row.unit_id}", unit_id=row.unit_id)


def moment(row: PracticePlan, unit: UnitSettings, month: date) -> datetime:
    """When it is due in this month."""
    return datetime.combine(month.replace(day=row.day), time.fromisoformat(row.at), unit.tz)


def next_moment(row: PracticePlan, unit: UnitSettings, now: datetime) -> datetime:
    today = now.astimezone(unit.tz).date()
    here = moment(row, unit, today)
    return here if here > now else moment(row, unit, (today.replace(day=28) + timedelta(days=7)).replace(day=1))


def due(session: Session, settings: Settings, now: datetime) -> list[tuple[uuid.UUID, date]]:
    """Units whose practice of this month is due and has not been, each with its day."""
    found = []
    for row, key in session.execute(select(PracticePlan, Unit.key).join(Unit, Unit.id == PracticePlan.unit_id)):
        if row.paused or key not in {unit.key for unit in settings.units}:
            continue
        unit = settings.unit(key)
        at = moment(row, unit, now.astimezone(unit.tz).date())
        if not row.planned_at < at <= now < at + TOO_LATE:
            continue
        day = at.date()
        held = select(Practice.id).where(Practice.unit_id == row.unit_id, Practice.planned_for == day)
        if session.scalar(held) is None:
            found.append((row.unit_id, day))
    return found


def begin(
    session: Session, unit_id: uuid.UUID, day: date, settings: Settings, shelf: Shelf, links: AnswerLinks, now: datetime
) -> Practice:
    """Let it go, once. What stands in its way is written down, and the page says it."""
    session.execute(select(Unit.id).where(Unit.id == unit_id).with_for_update())  # two clocks, one practice
    held = session.scalars(select(Practice).where(Practice.unit_id == unit_id, Practice.planned_for == day)).first()
    if held is not None:
        return held
    row = Practice(unit_id=unit_id, planned_for=day, at=now)
    try:
        with session.begin_nested():
            row.call_out_id = _let_go(session, session.get_one(PracticePlan, unit_id), settings, shelf, links, now).id
    except NotAllowed as error:
        row.why_not, row.ended_at = str(error)[:300], now
    session.add(row)
    session.flush()
    return row


def _let_go(
    session: Session, planned: PracticePlan, settings: Settings, shelf: Shelf, links: AnswerLinks, now: datetime
) -> CallOut:
    user = session.get_one(User, planned.planned_by)
    if user.disabled_at is not None:
        raise NotAllowed("%(name)s, who planned it, can't sign in any more; plan it anew", name=user.name)
    actor, playbook = approving.acting(session, user), shelf.playbooks.get(planned.playbook)
    if playbook is None:
        raise NotAllowed("the playbook is gone or broken; choose another one")
    unit = session.get_one(Unit, planned.unit_id)
    title = f"{TITLES[settings.unit(unit.key).language]} {now.astimezone(settings.unit(unit.key).tz):%m.%Y}"
    count = _staff(session, planned)
    if not count:
        raise NotAllowed("nobody is in the groups that were chosen")
    incident = incidents.open_incident(session, actor, unit, Mode.DRILL, title, playbook)
    wanted = Wanted(
        title,
        [("", min(count, MOST_NEEDED), None)],
        groups=planned.groups,
        surplus=100,
        tries=3,
        override_quiet=False,
    )
    made = callout_plan.plan(session, actor, incident, playbook, planned.message, wanted)
    callout.release(session, actor, made, settings, playbook, links, now)
    return made


def _staff(session: Session, planned: PracticePlan) -> int:
    asked = select(func.count(func.distinct(Person.id))).where(Person.unit_id == planned.unit_id)
    if planned.groups:
        asked = asked.where(
            Person.id.in_(
                select(membership.c.person_id)
                .join(Group, Group.id == membership.c.group_id)
                .where(Group.unit_id == planned.unit_id, Group.key.in_(planned.groups))
            )
        )
    return session.scalar(asked) or 0


def end_finished(session: Session, now: datetime) -> int:
    """Practices whose call-out is over, or has gone on for long enough: their figures stand still. Returns how many."""
    rows = session.execute(
        select(Practice, CallOut)
        .join(CallOut, CallOut.id == Practice.call_out_id)
        .where(Practice.ended_at.is_(None))
        .with_for_update(of=Practice, skip_locked=True)
    ).all()
    ended = 0
    for row, call_out in rows:
        if call_out.state not in OVER and now < row.at + LONGEST:
            continue
        row.figures, row.ended_at = figures(session, call_out.id), now
        user = session.get(User, call_out.opened_by) if call_out.opened_by else None
        actor = Actor(None, user.name if user else "system", frozenset([(row.unit_id, Role.OFFICER)]))
        if call_out.state is CallOutState.OPEN:
            callout.expire(session, actor, call_out, now)
        elif call_out.state in (CallOutState.FILLED, CallOutState.EXHAUSTED):
            callout.finish(session, actor, call_out, now)
        incident = session.get_one(Incident, call_out.incident_id)
        if incident.closed_at is None:
            incidents.close_incident(session, actor, incident)
        ended += 1
    session.flush()
    return ended


def figures(session: Session, call_out_id: uuid.UUID) -> dict[str, Any]:
    """What became of everybody who was asked. Seconds count from the first try of each."""
    rows = session.execute(
        select(Ask.person_id, Ask.state, Ask.way, Ask.tries, Ask.asked_at, Ask.answered_at).where(
            Ask.call_out_id == call_out_id
        )
    ).all()
    answered = [row for row in rows if row.state in ANSWERED and row.asked_at and row.answered_at]
    seconds = sorted(max(0, int((row.answered_at - row.asked_at).total_seconds())) for row in answered)
    return {
        "asked": sum(row.tries > 0 for row in rows),
        "answered": len(answered),
        "yes": sum(row.state is AskState.YES for row in answered),
        "median": int(median(seconds)) if seconds else None,
        "within": {str(most): sum(one <= most for one in seconds) for most in WITHIN},
        "ways": dict(Counter(row.way for row in answered)),
        "silent": sorted(str(row.person_id) for row in rows if row.tries > 0 and row.state not in ANSWERED),
    }


def of_unit(session: Session, unit_id: uuid.UUID, most: int = 12) -> Sequence[Practice]:
    """The latest first."""
    return session.scalars(
        select(Practice).where(Practice.unit_id == unit_id).order_by(Practice.planned_for.desc()).limit(most)
    ).all()


def never(session: Session, held: Sequence[Practice], times: int = 3) -> list[tuple[uuid.UUID, str, int]]:
    """Who was silent in each of the last `times` practices (or of all, when there were fewer), by name, and how often."""
    last = [row for row in held if row.figures.get("asked")][:times]
    counts = Counter(one for row in last for one in row.figures["silent"])
    always = [uuid.UUID(one) for one, count in counts.items() if count == len(last)]
    rows = session.execute(select(Person.id, Person.name).where(Person.id.in_(always)).order_by(Person.name))
    return [(row.id, row.name, len(last)) for row in rows]
