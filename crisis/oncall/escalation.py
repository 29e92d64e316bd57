"""The climb: whom an alert asks next, and when. Driven by the clock through due times in the database.

Each move is a compare-and-set on the alert together with the rows of the asking, in one transaction: a clock that dies
asks nobody or everybody of a step, and two clocks never ask twice for one. Takes a session and never commits.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session, selectinload

from crisis.db import rows_changed
from crisis.models import Account, Alert, Ask, Escalation, EscalationStep, Rota, Unit, membership, new_id
from crisis.oncall import alerts, approving, asking, flood, roster, wordings
from crisis.sending.desk import trouble
from crisis.settings import Language, Settings
from crisis.states import AlertState, AskState, Mode, Purpose

log = structlog.get_logger()
Ways = dict[uuid.UUID, list[tuple[Account, str, Language]]]
AT_ONCE = 5  # alerts moved in one transaction; the clock comes again while more are due
ASK_ANEW = timedelta(seconds=30)  # after a step that ended in a defect
LATEST_WORD = timedelta(minutes=10)  # a question may still leave so long after its step has ended


@dataclass(slots=True)
class Known:
    """What many alerts of one transaction share, read once: steps, accounts, and whom a step means now."""

    escalations: dict[uuid.UUID | None, Escalation | None] = field(default_factory=dict)
    accounts: dict[tuple[uuid.UUID, Mode], dict[str, Account]] = field(default_factory=dict)
    persons: dict[uuid.UUID, list[uuid.UUID]] = field(default_factory=dict)
    ways: dict[tuple[uuid.UUID, Mode], Ways] = field(default_factory=dict)


def climb(session: Session, settings: Settings, now: datetime, limit: int = AT_ONCE) -> int:
    """Move up to `limit` alerts whose time has come one step on, the longest waiting first. Returns how many."""
    flood.bundle(session, now)
    due = session.scalars(
        select(Alert).where(Alert.due_at <= now).order_by(Alert.due_at).limit(limit).with_for_update(skip_locked=True)
    ).all()
    known = Known()
    for alert in due:
        if alert.state is AlertState.OPEN:
            try:
                with session.begin_nested():
                    _step(session, alert, known, settings, now)
            except Exception as error:  # one that can't be asked about must not keep the others from being heard
                if trouble(error):
                    raise
                log.exception("alert.not_asked_about", alert=str(alert.id))
                alert.due_at, known = now + ASK_ANEW, Known()
        else:  # taken or closed by somebody whose change this is only catching up with
            alert.due_at = None
    session.flush()
    return len(due)


def _step(session: Session, alert: Alert, known: Known, settings: Settings, now: datetime) -> None:
    if alert.escalation_id not in known.escalations:
        known.escalations[alert.escalation_id] = _escalation(session, alert)
    escalation = known.escalations[alert.escalation_id]
    steps, repeats = (escalation.steps, escalation.repeats) if escalation else ((), 0)
    number, round_ = alert.step, alert.round
    if number >= len(steps) and steps and round_ < repeats:
        number, round_ = 0, round_ + 1
    if number >= len(steps):
        if _move(session, alert, now, state=AlertState.EXHAUSTED, due_at=None):
            alerts.exhausted(session, alert, settings, now)
        return
    step = steps[number]
    wait = timedelta(seconds=step.wait_seconds)
    persons, ways = _whom(session, step, alert, known, settings, now)
    # A step that reaches nobody is passed over at once: waiting for nobody would cost minutes.
    due_at = now + wait if ways else now
    if _move(session, alert, now, step=number + 1, round=round_, due_at=due_at):
        _ask(session, alert, persons, ways, wait, settings, now)


def _whom(
    session: Session, step: EscalationStep, alert: Alert, known: Known, settings: Settings, now: datetime
) -> tuple[list[uuid.UUID], Ways]:
    if step.id not in known.persons:
        known.persons[step.id] = _persons(session, step, settings, now)
    side = (alert.unit_id, alert.mode)
    if side not in known.accounts:
        known.accounts[side] = asking.speaking_accounts(session, *side)
    if (step.id, alert.mode) not in known.ways:
        found = asking.ways_of(session, known.persons[step.id], known.accounts[side], step.ways)
        known.ways[step.id, alert.mode] = found
    persons, ways = known.persons[step.id], known.ways[step.id, alert.mode]
    if (only := approving.readers(session, alert)) is not None:
        persons = [one for one in persons if one in only]
        ways = {one: own for one, own in ways.items() if one in only}
    return persons, ways


def _move(session: Session, alert: Alert, now: datetime, **values: object) -> bool:
    """The compare-and-set: mine only when nobody has moved, taken or closed it since it was read."""
    moved = rows_changed(
        session,
        update(Alert)
        .where(
            Alert.id == alert.id,
            Alert.climbed == alert.climbed,
            Alert.state == AlertState.OPEN,
            Alert.due_at <= now,
        )
        .values(climbed=alert.climbed + 1, **values)
        .execution_options(synchronize_session=False),
    )
    session.refresh(alert)
    return moved == 1


def _ask(
    session: Session,
    alert: Alert,
    persons: Sequence[uuid.UUID],
    ways: Ways,
    wait: timedelta,
    settings: Settings,
    now: datetime,
) -> None:
    known = {
        ask.person_id: ask
        for ask in session.scalars(select(Ask).where(Ask.alert_id == alert.id, Ask.person_id.in_(persons)))
    }
    wanted: list[asking.Way] = []
    for person_id in persons:
        ask = known.get(person_id)
        if ask is None:
            ask = Ask(id=new_id(), alert_id=alert.id, person_id=person_id)
            session.add(ask)
        own = ways.get(person_id, [])
        ask.wave, ask.tries = alert.climbed, (ask.tries or 0) + bool(own)
        ask.state = AskState.RINGING if own else AskState.UNREACHABLE
        ask.why = "" if own else "no phone or mailbox that we can reach"
        ask.asked_at, ask.answered_at = now, None
        for (account, address, language), at in zip(own, asking.spread(now, wait, len(own)), strict=True):
            wanted.append(asking.Way(account, address, language, person_id, ask.id, at))
    session.flush()
    approval = alert.source == approving.APPROVAL
    asking.say(
        session,
        wordings.ask_to_approve(alert, settings)
        if approval
        else wordings.ask_to_take(alert, settings, flood.size(session, alert.id)),
        wanted,
        unit_id=alert.unit_id,
        mode=alert.mode,
        purpose=Purpose.CALL_OUT,
        kind="approval" if approval else "alert",
        incident_id=alert.incident_id,
        now=now,
        expires_at=now + wait + LATEST_WORD,
        number=alert.climbed,
    )


def _escalation(session: Session, alert: Alert) -> Escalation | None:
    if alert.escalation_id is None:
        return None
    return session.get(Escalation, alert.escalation_id, options=[selectinload(Escalation.steps)])


def _persons(session: Session, step: EscalationStep, settings: Settings, now: datetime) -> list[uuid.UUID]:
    """Whom the step means at this moment, without those who are absent and, where that counts, in their quiet hours."""
    if step.rota_id is not None:
        rota = session.get(Rota, step.rota_id)
        on_duty = roster.person_on_call(rota, now) if rota else None
        persons = [on_duty] if on_duty else []
    elif step.group_id is not None:
        members = select(membership.c.person_id).where(membership.c.group_id == step.group_id)
        persons = list(session.scalars(members.order_by(membership.c.person_id)))
    else:
        persons = [step.person_id] if step.person_id else []
    away = roster.absent(session, persons, now) if persons else set()
    escalation = step.escalation
    if persons and not escalation.override_quiet:
        unit = session.get_one(Unit, escalation.unit_id)
        away |= roster.in_quiet_hours(session, persons, settings.unit(unit.key).tz, now)
    return [one for one in persons if one not in away]
