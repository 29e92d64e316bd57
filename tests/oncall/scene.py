"""An escalation on the scene of the night: a rota of one, then a group, then a person, over SMS and e-mail."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select

from crisis.actor import SYSTEM
from crisis.models import Alert, Ask, Broadcast, Delivery, Group, Person, Rota, RotaTurn
from crisis.oncall import alerts, escalation, escalation_plan
from crisis.oncall.escalation_plan import Step
from crisis.states import EscalationPurpose, Mode, Purpose
from tests.broadcasts.scene import Scene

WAIT = 300


def person_id(scene: Scene, reference: str) -> uuid.UUID:
    with scene.runtime.database.reading() as session:
        return session.scalars(select(Person.id).where(Person.reference == reference)).one()


def a_rota(scene: Scene, *references: str, key: str = "leader") -> uuid.UUID:
    """A weekly rota that began long ago, in Oslo, handed over at eight."""
    turns = [RotaTurn(position=position, person_id=person_id(scene, one)) for position, one in enumerate(references)]
    with scene.runtime.database.writing() as session:
        rota = Rota(
            unit_id=scene.units["ous"],
            key=key,
            name=key.title(),
            zone="Europe/Oslo",
            every="week",
            length=1,
            handover="08:00",
            begins=date(2026, 1, 5),
            turns=turns,
        )
        session.add(rota)
        session.flush()
        return rota.id


def an_escalation(scene: Scene, *, repeats: int = 1) -> None:
    """First whoever is on call (Anne), then the group "staff", then Per."""
    rota_id = a_rota(scene, "own-anne")
    with scene.runtime.database.writing() as session:
        group = session.scalars(select(Group.id).where(Group.key == "staff")).one()
        steps = [
            Step("rota", rota_id, WAIT),
            Step("group", group, WAIT),
            Step("person", session.scalars(select(Person.id).where(Person.reference == "own-per")).one(), WAIT),
        ]
        escalation_plan.save(
            session, SYSTEM, scene.units["ous"], None,
            key="leader", name="Leader", purpose=EscalationPurpose.ALERT, repeats=repeats, steps=steps,
        )  # fmt: skip


def opened(scene: Scene, key: str = "disk", mode: Mode = Mode.LIVE, now: datetime | None = None) -> uuid.UUID:
    with scene.runtime.database.writing() as session:
        told = alerts.Opening(key=key, title="The oxygen pressure falls")
        alert, _ = alerts.open_alert(session, SYSTEM, scene.units["ous"], mode, told, now or datetime.now(UTC))
        return alert.id


def ticked(scene: Scene, now: datetime) -> int:
    with scene.runtime.database.writing() as session:
        return escalation.climb(session, scene.settings, now)


def asked(scene: Scene, alert_id: uuid.UUID) -> list[tuple[int, str, str]]:
    """(step, person, address) of everything queued to ask about this alert."""
    with scene.runtime.database.reading() as session:
        rows = session.execute(
            select(Delivery.round, Person.reference, Delivery.address)
            .join(Ask, Ask.id == Delivery.ask_id)
            .join(Person, Person.id == Ask.person_id)
            .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
            .where(Ask.alert_id == alert_id, Broadcast.purpose == Purpose.CALL_OUT)
            .order_by(Delivery.round, Person.reference, Delivery.due_at)
        )
        return [tuple(row) for row in rows]


def steps_asked(scene: Scene, alert_id: uuid.UUID) -> Counter[int]:
    return Counter(step for step, _, _ in asked(scene, alert_id))


def alert_now(scene: Scene, alert_id: uuid.UUID) -> Alert:
    with scene.runtime.database.reading() as session:
        alert = session.get_one(Alert, alert_id)
        session.expunge_all()
        return alert


def later(now: datetime, steps: int) -> datetime:
    """Just after so many steps have ended."""
    return now + timedelta(seconds=WAIT * steps + 1)
