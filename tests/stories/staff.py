"""A call-out in a town of real processes: nurses with telephones, what their phones do, and what has become of it."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from crisis import passwords
from crisis.actor import SYSTEM
from crisis.models import (
    Ask,
    AuditRow,
    Broadcast,
    CallOut,
    Delivery,
    Destination,
    Grant,
    Group,
    Incident,
    Person,
    Reply,
    Unit,
    User,
)
from crisis.oncall import callout, callout_plan, escalation_plan
from crisis.oncall.callout_plan import Wanted
from crisis.oncall.escalation_plan import Step
from crisis.states import AskState, CallOutState, EscalationPurpose, Mode, Role
from tests.stories.proof import with_lines
from tests.stories.town import SLOTS, Town

NOBODY = uuid.UUID(int=0)
FAST_LINE = with_lines(voice_ous="pace = 50")


@dataclass
class Ward:
    """The people of one call-out. `start` asks them."""

    here: Town
    call_out_id: uuid.UUID = NOBODY
    broadcast_id: uuid.UUID = NOBODY
    pressed: float = 0.0  # when it was released, in seconds since 1970

    def nurses(self, count: int) -> list[str]:
        """More people with the skill; gives their phone numbers."""
        phones = []
        with self.here.runtime.database.writing() as session:
            unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
            for _ in range(count):
                self.here.people += 1
                number = self.here.people
                phones.append(f"+4741{number:06}")
                person = Person(
                    unit_id=unit_id, reference=f"r{number:05}", name=f"Person {number}", language="nb", skills=["nurse"]
                )
                person.destinations.append(Destination(medium="phone", address=phones[-1]))
                session.add(person)
        return phones

    def officer_phone(self) -> str:
        """The officer who calls out has a phone, too."""
        with self.here.runtime.database.writing() as session:
            user = session.scalars(select(User).where(User.login == "vakt")).one()
            unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
            person = Person(unit_id=unit_id, reference="vakt", name=user.name, language="nb")
            person.destinations.append(Destination(medium="phone", address="+4742000001"))
            session.add(person)
            session.flush()
            user.person_id = person.id
        return "+4742000001"

    def approver(self, login: str, phone: str, pin: str) -> uuid.UUID:
        """A colleague who may approve, has a phone and has set a PIN; the user's id."""
        digest = passwords.hashed(pin)
        with self.here.runtime.database.writing() as session:
            unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
            person = Person(unit_id=unit_id, reference=login, name=login.title(), language="nb", pin=digest)
            person.destinations.append(Destination(medium="phone", address=phone))
            user = User(name=login.title(), login=login, password_hash="-")
            user.grants.append(Grant(unit_id=unit_id, role=Role.APPROVER))
            session.add_all([person, user])
            session.flush()
            user.person_id, person.pin_by = person.id, user.id
            return user.id

    def escalation(self, purpose: EscalationPurpose, *references: str) -> None:
        """All of them are asked at once, by telephone."""
        with self.here.runtime.database.writing() as session:
            unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
            group = Group(unit_id=unit_id, key=f"{purpose}-group", name=str(purpose))
            group.persons = list(session.scalars(select(Person).where(Person.reference.in_(references))))
            session.add(group)
            session.flush()
            step = Step("group", group.id, 300, ("voice",))
            escalation_plan.save(
                session, SYSTEM, unit_id, None,
                key=str(purpose), name=str(purpose), purpose=purpose, repeats=0, steps=[step],
            )  # fmt: skip

    def heard(self, phone: str) -> str:
        """Everything that was said to this phone, in all its calls."""
        calls = [one for one in self.here.simulator.state("calls")["calls"] if one["to"] == phone]
        return " ".join(what for call in calls for who, what in call["said"] if who == "line")

    def crowd(self, **given: Any) -> None:
        """What phones do: `shares`, and how much faster than life."""
        self._control("/control/calls/crowd", {"speed": 40, "calls_per_second": 100, **given})

    def habit(self, phone: str, **given: Any) -> None:
        """What one phone does."""
        self._control(f"/control/phones/{phone}/habit", given)

    def _control(self, path: str, given: dict[str, Any]) -> None:
        address = f"{self.here.simulator.url}{path}"
        request = urllib.request.Request(address, json.dumps(given).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()

    def pin(self, phone: str, pin: str) -> None:
        """Whoever has this phone has set a PIN."""
        digest = passwords.hashed(pin)
        with self.here.runtime.database.writing() as session:
            theirs = select(Destination.person_id).where(Destination.address == phone)
            session.scalars(select(Person).where(Person.id.in_(theirs))).one().pin = digest

    def became(self, phone: str) -> tuple[AskState, bool, list[str]]:
        """What has become of whoever has this phone: the state, whether a person must look, and everything they said."""
        with self.here.runtime.database.reading() as session:
            theirs = select(Destination.person_id).where(Destination.address == phone)
            ask = session.scalars(
                select(Ask).where(Ask.call_out_id == self.call_out_id, Ask.person_id.in_(theirs))
            ).one()
            said = session.scalars(select(Reply.word).where(Reply.ask_id == ask.id).order_by(Reply.at, Reply.id)).all()
            return ask.state, ask.unclear, list(said)

    def start(self, number: int, **more: Any) -> None:
        """Call out so many nurses, by telephone unless other ways are named."""
        wanted = Wanted("Mange skadde", [("nurse", number, None)], **{"ways": ("voice",), "again_seconds": 10, **more})
        parts, actor = self.here.runtime, self.here.officer()
        playbook = parts.playbooks.shelf().playbooks["mass-casualty"]
        incident_id = self.here.open(Mode.LIVE)
        with parts.database.writing() as session:
            incident = session.get_one(Incident, incident_id)
            made = callout_plan.plan(session, actor, incident, playbook, "call_out", wanted)
            self.call_out_id, self.broadcast_id = made.id, made.broadcast_id
            session.get_one(Broadcast, made.broadcast_id).slots = {name: SLOTS[name] for name in ("place", "hospital")}
            session.flush()
            self.pressed = time.time()
            callout.release(session, actor, made, parts.settings, playbook, parts.answers, datetime.now(UTC))

    # -- what has become of it ---------------------------------------------------------------------------------

    def state(self) -> CallOutState:
        with self.here.runtime.database.reading() as session:
            return session.scalars(select(CallOut.state).where(CallOut.id == self.call_out_id)).one()

    def asks(self) -> Counter[AskState]:
        with self.here.runtime.database.reading() as session:
            return Counter(session.scalars(select(Ask.state).where(Ask.call_out_id == self.call_out_id)))

    def coming(self) -> int:
        with self.here.runtime.database.reading() as session:
            return (
                session.scalar(
                    select(func.count())
                    .select_from(Ask)
                    .where(Ask.call_out_id == self.call_out_id, Ask.state == AskState.YES, ~Ask.reserve)
                )
                or 0
            )

    def replies(self) -> int:
        with self.here.runtime.database.reading() as session:
            asked = select(func.count()).select_from(Reply).join(Ask, Ask.id == Reply.ask_id)
            return session.scalar(asked.where(Ask.call_out_id == self.call_out_id)) or 0

    def calls(self) -> Counter[str]:
        """How often each phone rang for us."""
        return Counter(one["to"] for one in self.here.simulator.state("calls")["calls"])

    def tries(self) -> Counter[str]:
        """How often each phone was to be rung, by our own record."""
        with self.here.runtime.database.reading() as session:
            return Counter(
                session.scalars(
                    select(Delivery.address).where(Delivery.broadcast_id == self.broadcast_id, Delivery.attempts > 0)
                )
            )

    def recorded(self, act: str) -> int:
        with self.here.runtime.database.reading() as session:
            return session.scalar(select(func.count()).select_from(AuditRow).where(AuditRow.act == act)) or 0
