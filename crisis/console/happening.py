"""What is going on now in somebody's units: open incidents, broadcasts that wait for them, what people write to us.

A question to the database answered with frozen records; it changes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from crisis.actor import Actor
from crisis.broadcasts import planned_calendar
from crisis.models import Alert, Broadcast, InboundRow, Incident, Spike, Tally, Unit, User
from crisis.oncall import callout_board, roster, rota_watch
from crisis.states import AlertState, BroadcastState, DeliveryState, Mode, Purpose, Role
from crisis.triage import spikes, views

MOST_ALERTS = 20
NEWS = timedelta(days=2)  # so long the first page tells of planned posts that did not get through


@dataclass(frozen=True, slots=True)
class OpenIncident:
    id: uuid.UUID
    title: str
    mode: Mode
    unit: str
    opened_at: datetime
    released: int
    last_released_at: datetime | None
    failed: int = 0
    uncertain: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A broadcast that waits for a second person, who may be you."""

    id: uuid.UUID
    incident: str
    mode: Mode
    unit: str
    submitted_at: datetime | None
    submitted_by: str


@dataclass(frozen=True, slots=True)
class Queue:
    """What people wrote to one unit and nobody has settled, lane by lane, and whether more is said than usual."""

    unit_id: uuid.UUID
    unit: str
    mode: Mode
    lanes: Sequence[views.LaneNow]  # those where something waits
    spike: Spike | None


@dataclass(frozen=True, slots=True)
class Happening:
    incidents: Sequence[OpenIncident]
    approvals: Sequence[Waiting]
    inbound_hour: int
    inbound_last: datetime | None
    alerts: Sequence[Alert] = ()
    duties: Sequence[roster.Duty] = ()
    held_back: int = 0  # planned posts somebody must decide on
    planned: int = 0  # those that wait for a yes, for those who may give it
    not_through: int = 0  # those of the last two days that did not get through everywhere
    troubles: Sequence[rota_watch.Trouble] = ()
    queues: Sequence[Queue] = ()
    call_outs: Sequence[callout_board.Standing] = ()


def look(session: Session, actor: Actor, now: datetime) -> Happening:
    """Live incidents stand before drills, the newest first."""
    last, mine = _inbound(session, actor, now)
    posts, mine_to_judge = planned_calendar.counts(session, actor), actor.units(Role.APPROVER)
    alerts = session.scalars(
        select(Alert)
        .where(Alert.unit_id.in_(actor.units()), Alert.state.in_([AlertState.OPEN, AlertState.EXHAUSTED]))
        .order_by(Alert.mode.desc(), Alert.opened_at)
        .limit(MOST_ALERTS)
    ).all()
    duties = roster.duties(session, actor.units(), now)
    troubles = rota_watch.troubles(session, actor.units(), now)
    return Happening(
        _incidents(session, actor),
        _approvals(session, actor),
        mine,
        last,
        alerts,
        duties,
        held_back=sum(paused for paused, _ in posts.values()),
        planned=sum(planned for unit_id, (_, planned) in posts.items() if unit_id in mine_to_judge),
        not_through=planned_calendar.gone_wrong(session, actor, now - NEWS),
        troubles=troubles,
        queues=_queues(session, actor, now),
        call_outs=callout_board.standings(session, now, units=actor.units()),
    )


def _queues(session: Session, actor: Actor, now: datetime) -> list[Queue]:
    """Of every unit where somebody waits or more is said than usual, live before drills."""
    spiking = {(one.unit_id, one.mode): one for one in spikes.seen(session, actor.units(), now)}
    units = session.execute(select(Unit.id, Unit.name).where(Unit.id.in_(actor.units())).order_by(Unit.name)).all()
    found = []
    for mode in (Mode.LIVE, Mode.DRILL):
        for unit_id, name in units:
            lanes = [one for one in views.lanes(session, unit_id, mode) if one.count]
            spike = spiking.get((unit_id, mode))
            if lanes or spike:
                found.append(Queue(unit_id, name, mode, lanes, spike))
    return found


def _incidents(session: Session, actor: Actor) -> list[OpenIncident]:
    released = func.count(Broadcast.released_at)
    rows = session.execute(
        select(Incident, Unit.name, released, func.max(Broadcast.released_at))
        .join(Unit, Unit.id == Incident.unit_id)
        .outerjoin(Broadcast, (Broadcast.incident_id == Incident.id) & (Broadcast.purpose == Purpose.STATEMENT))
        .where(Incident.unit_id.in_(actor.units()), Incident.closed_at.is_(None))
        .group_by(Incident.id, Unit.name)
        .order_by(Incident.mode.desc(), Incident.opened_at.desc())
    )
    found = rows.all()
    wrong = _gone_wrong(session, [one.id for one, *_ in found])
    return [
        OpenIncident(one.id, one.title, one.mode, unit, one.opened_at, count, latest, *wrong.get(one.id, (0, 0)))
        for one, unit, count, latest in found
    ]


def _gone_wrong(session: Session, incidents: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[int, int]]:
    """How many deliveries of each incident's statements failed, and how many are uncertain."""
    rows = session.execute(
        select(Broadcast.incident_id, Tally.state, func.sum(Tally.count))
        .join(Tally, Tally.broadcast_id == Broadcast.id)
        .where(
            Broadcast.incident_id.in_(incidents),
            Broadcast.purpose == Purpose.STATEMENT,
            Tally.state.in_([DeliveryState.FAILED, DeliveryState.UNCERTAIN]),
        )
        .group_by(Broadcast.incident_id, Tally.state)
    )
    counts = {(incident, state): int(count) for incident, state, count in rows}
    return {
        one: (counts.get((one, DeliveryState.FAILED), 0), counts.get((one, DeliveryState.UNCERTAIN), 0))
        for one in incidents
    }


def _approvals(session: Session, actor: Actor) -> list[Waiting]:
    rows = session.execute(
        select(Broadcast, Incident.title, Unit.name, User.name)
        .join(Incident, Incident.id == Broadcast.incident_id)
        .join(Unit, Unit.id == Incident.unit_id)
        .outerjoin(User, User.id == Broadcast.submitted_by)
        .where(
            Broadcast.state == BroadcastState.SUBMITTED,
            Incident.unit_id.in_(actor.units(Role.APPROVER)),
            Broadcast.submitted_by.is_distinct_from(actor.user_id),  # never one's own
        )
        .order_by(Broadcast.mode.desc(), Broadcast.submitted_at)
    )
    return [Waiting(one.id, title, one.mode, unit, one.submitted_at, who or "") for one, title, unit, who in rows]


def _inbound(session: Session, actor: Actor, now: datetime) -> tuple[datetime | None, int]:
    """When somebody wrote last, and how many in the last hour. Each queue is asked by itself, from the end of its index."""
    queues = [(InboundRow.unit_id == unit_id, InboundRow.mode == mode) for unit_id in actor.units() for mode in Mode]
    if not queues:
        return None, 0
    told = union_all(
        *(
            select(
                select(func.max(InboundRow.at)).where(*mine).scalar_subquery().label("last"),
                select(func.count())
                .where(*mine, InboundRow.at > now - timedelta(hours=1))
                .scalar_subquery()
                .label("lately"),
            )
            for mine in queues
        )
    ).subquery()
    last, count = session.execute(select(func.max(told.c.last), func.sum(told.c.lately))).one()
    return last, int(count or 0)
