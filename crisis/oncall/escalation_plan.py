"""Making and changing escalations: who is tried in which order, how long each step waits, how often all begins again.

What a climb under way does with a change: it goes on at the number of its next step in the new order. Takes a session
and never commits.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from crisis import audit
from crisis.actor import Actor
from crisis.models import Escalation, EscalationStep, Group, Person, Rota
from crisis.oncall import people
from crisis.states import EscalationPurpose, NotAllowed

MOST_STEPS = 20
MOST_REPEATS = 10
WAITS = (30, 24 * 3600)  # seconds, shortest and longest

Kind = Literal["person", "rota", "group"]


@dataclass(frozen=True, slots=True)
class Step:
    """Whom a step asks; `ways` are channel names in order, empty: all the person has."""

    kind: Kind
    target: uuid.UUID
    wait_seconds: int = 300
    ways: tuple[str, ...] = ()


def escalations_of(session: Session, unit_id: uuid.UUID) -> Sequence[Escalation]:
    return session.scalars(
        select(Escalation)
        .where(Escalation.unit_id == unit_id)
        .options(selectinload(Escalation.steps))
        .order_by(Escalation.purpose, Escalation.key)
    ).all()


def save(
    session: Session,
    actor: Actor,
    unit_id: uuid.UUID,
    escalation: Escalation | None,
    *,
    key: str,
    name: str,
    purpose: EscalationPurpose,
    repeats: int,
    steps: Sequence[Step],
    override_quiet: bool = True,
) -> Escalation:
    """Make an escalation or make this one be as wanted; its key never changes. Raises `NotAllowed`."""
    people.demand(actor, unit_id)
    name = people.line(name, 80)
    if not 0 <= repeats <= MOST_REPEATS:
        raise NotAllowed("an escalation begins again 0 to %(most)d times", most=MOST_REPEATS)
    if not 1 <= len(steps) <= MOST_STEPS:
        raise NotAllowed("an escalation has 1 to %(most)d steps", most=MOST_STEPS)
    for step in steps:
        _check(session, unit_id, step)
    if escalation is None:
        wanted = people.key(key)
        taken = select(Escalation.id).where(Escalation.unit_id == unit_id, Escalation.key == wanted)
        if session.scalar(taken):
            raise NotAllowed("there is an escalation with that key already")
        escalation = Escalation(unit_id=unit_id, key=wanted)
        session.add(escalation)
    escalation.name, escalation.purpose, escalation.repeats = name, purpose, repeats
    escalation.override_quiet = override_quiet
    escalation.steps = []
    session.flush()  # a place in the order is unique, and rows are inserted before others are deleted
    escalation.steps = [_row(position, step) for position, step in enumerate(steps)]
    session.flush()
    details = {"key": escalation.key, "name": name}
    audit.record(session, actor, "escalation.saved", f"escalation:{escalation.id}", unit_id=unit_id, details=details)
    return escalation


def remove(session: Session, actor: Actor, escalation: Escalation) -> None:
    """Alerts that climb it end as exhausted, which is told."""
    people.demand(actor, escalation.unit_id)
    details = {"key": escalation.key}
    audit.record(
        session,
        actor,
        "escalation.removed",
        f"escalation:{escalation.id}",
        unit_id=escalation.unit_id,
        details=details,
    )
    session.delete(escalation)


def _check(session: Session, unit_id: uuid.UUID, step: Step) -> None:
    kinds = {"person": Person, "rota": Rota, "group": Group}
    found = cast("Person | Rota | Group | None", session.get(kinds[step.kind], step.target))
    if found is None or found.unit_id != unit_id:
        raise NotAllowed("a step names somebody who is not in this unit; choose again")
    if not WAITS[0] <= step.wait_seconds <= WAITS[1]:
        raise NotAllowed("a step waits between 30 seconds and 24 hours")


def _row(position: int, step: Step) -> EscalationStep:
    row = EscalationStep(position=position, wait_seconds=step.wait_seconds, ways=list(step.ways))
    setattr(row, f"{step.kind}_id", step.target)
    return row
