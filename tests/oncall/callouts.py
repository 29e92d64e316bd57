"""A call-out at the hospital of `tests.broadcasts.scene`: nurses and doctors, and what they answer."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from crisis.channels.base import Inbound
from crisis.models import Account, Ask, Broadcast, BroadcastText, CallOut, Delivery, Destination, Incident, Person
from crisis.oncall import answering, callout, callout_plan, filling
from crisis.oncall.answering import Said
from crisis.oncall.callout_plan import Wanted
from crisis.sending import claim, record
from crisis.sending.outcomes import Next
from crisis.sending.sweep import finished
from crisis.states import AskState, DeliveryState, Mode, Outcome
from crisis.triage import inbox
from tests.broadcasts.scene import SLOTS, Scene

NOBODY = uuid.UUID(int=0)


@dataclass
class Night:
    """Keeps ids, never rows. `now` moves only when told."""

    scene: Scene
    call_out_id: uuid.UUID = NOBODY
    broadcast_id: uuid.UUID = NOBODY
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    texts: int = 0

    def staff(self, *skills: str, count: int = 1, mailbox: bool = True) -> list[uuid.UUID]:
        made = []
        with self.scene.runtime.database.writing() as session:
            for _ in range(count):
                self.scene.born += 1
                number = self.scene.born
                person = Person(
                    unit_id=self.scene.units["ous"],
                    reference=f"s-{number:04}",
                    name=f"Person {number}",
                    language="nb",
                    skills=list(skills),
                )
                person.destinations = [Destination(medium="phone", address=f"+47{92_000_000 + number}")]
                if mailbox:
                    person.destinations.append(
                        Destination(medium="mailbox", address=f"s{number}@example.org", position=1)
                    )
                session.add(person)
                session.flush()
                made.append(person.id)
        return made

    def plan(self, *needs: tuple[str, int], mode: Mode = Mode.LIVE, by: datetime | None = None, **more: object) -> None:
        incident_id = self.scene.incident(mode)
        wanted = Wanted("Mange skadde", [(skill, number, by) for skill, number in needs], **more)  # type: ignore[arg-type]
        with self.scene.runtime.database.writing() as session:
            incident = session.get_one(Incident, incident_id)
            actor, playbook = self.scene.actor("kari"), self.scene.playbook
            made = callout_plan.plan(session, actor, incident, playbook, "call_out", wanted)
            self.call_out_id, self.broadcast_id = made.id, made.broadcast_id
            session.get_one(Broadcast, made.broadcast_id).slots = {name: SLOTS[name] for name in ("place", "hospital")}

    def release(self, who: str = "kari", **more: object) -> int:
        parts = self.scene.runtime
        with parts.database.writing() as session:
            row = session.get_one(CallOut, self.call_out_id)
            count = callout.release(
                session,
                self.scene.actor(who),
                row,
                parts.settings,
                self.scene.playbook,
                parts.answers,
                self.now,
                **more,  # type: ignore[arg-type]
            )
        self.now += timedelta(seconds=11)  # the countdown
        return count

    def step(self, **forward: float) -> None:
        """Time passes, and the clock ticks."""
        self.now += timedelta(**forward)
        with self.scene.runtime.database.writing() as session:
            finished(session, self.now)
        with self.scene.runtime.database.writing() as session:
            filling.step(session, self.call_out_id, self.scene.settings, self.now)

    def send(self, *, most: int = 1000, state: DeliveryState = DeliveryState.ACCEPTED) -> int:
        """The senders take up to `most` of each live account, and every call ends in `state`. Counts the call-out's own."""
        count, outcome = 0, Outcome.ACCEPTED if state is DeliveryState.ACCEPTED else Outcome.REJECTED
        with self.scene.runtime.database.writing() as session:
            for account in session.scalars(select(Account).where(Account.key.in_(["sms-live", "email-live"]))).all():
                claimed = claim.claim(session, account.id, most, self.now)
                given = [
                    record.Ended(one, Next(state, outcome, provider_id=one.out.delivery_id), self.now, self.now)
                    for one in claimed
                ]
                record.record(session, account, given)
                count += sum(one.broadcast_id == self.broadcast_id for one in claimed)
        return count

    def says(self, person_id: uuid.UUID, word: str, minutes: int | None = None, reference: str = "") -> str:
        self.texts += 1
        with self.scene.runtime.database.writing() as session:
            ask_id = session.scalars(
                select(Ask.id).where(Ask.call_out_id == self.call_out_id, Ask.person_id == person_id)
            ).one()
            said = Said(word, "sms", reference or f"t{self.texts}", minutes)
            return answering.answer(session, ask_id, said, self.now)

    def writes(self, person_id: uuid.UUID, text: str, *, provider_id: str = "", account: str = "sms-live") -> int:
        """A text from the person's own phone, through the same door as any other."""
        self.texts += 1
        with self.scene.runtime.database.writing() as session:
            row = session.scalars(select(Account).where(Account.key == account)).one()
            phone = session.scalars(select(Destination.address).where(Destination.person_id == person_id)).first()
            inbound = Inbound(
                provider_id or f"SM{self.texts}", phone or "", text, self.now, kind="message", private=True
            )
            inbox.receive(session, row, [inbound], self.now)
            return answering.written(session, row, [inbound], self.now)

    # -- what has become of it ---------------------------------------------------------------------------------

    def call_out(self) -> CallOut:
        with self.scene.runtime.database.reading() as session:
            row = session.get_one(CallOut, self.call_out_id)
            _ = row.needs
            session.expunge_all()
            return row

    def ask(self, person_id: uuid.UUID) -> Ask:
        with self.scene.runtime.database.reading() as session:
            row = session.scalars(
                select(Ask).where(Ask.call_out_id == self.call_out_id, Ask.person_id == person_id)
            ).one()
            session.expunge_all()
            return row

    def states(self) -> Counter[AskState]:
        with self.scene.runtime.database.reading() as session:
            return Counter(session.scalars(select(Ask.state).where(Ask.call_out_id == self.call_out_id)))

    def tried(self) -> Sequence[uuid.UUID]:
        with self.scene.runtime.database.reading() as session:
            return session.scalars(
                select(Ask.person_id).where(Ask.call_out_id == self.call_out_id, Ask.tries > 0).order_by(Ask.position)
            ).all()

    def told(self, person_id: uuid.UUID) -> list[str]:
        """The kinds of our own words queued to somebody, in order."""
        with self.scene.runtime.database.reading() as session:
            return list(
                session.scalars(
                    select(Broadcast.message)
                    .join(Delivery, Delivery.broadcast_id == Broadcast.id)
                    .where(Delivery.person_id == person_id, Broadcast.follows_id == self.broadcast_id)
                    .order_by(Delivery.id)
                )
            )

    def queued(self) -> int:
        return sum(row.state is DeliveryState.QUEUED for row in self.scene.deliveries(self.broadcast_id))

    def words(self, channel: str, language: str = "nb") -> str:
        with self.scene.runtime.database.reading() as session:
            return session.scalars(
                select(BroadcastText.text).where(
                    BroadcastText.broadcast_id == self.broadcast_id,
                    BroadcastText.channel == channel,
                    BroadcastText.language == language,
                )
            ).one()
