"""One hospital in the middle of the night: accounts of both modes, two groups of people, a signed-off playbook, and
colleagues with roles. Nothing is pretended but the providers: `deliver` says what they answered."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from crisis.actor import Actor
from crisis.broadcasts import draft, incidents, release
from crisis.channels.email import options as email
from crisis.channels.page import adapter as page
from crisis.channels.twilio import sms
from crisis.channels.x import adapter as x
from crisis.db import Database
from crisis.models import (
    Account,
    Broadcast,
    Delivery,
    Destination,
    Grant,
    Group,
    Incident,
    Person,
    Unit,
    User,
)
from crisis.playbooks import signoff
from crisis.playbooks.playbook import Playbook
from crisis.runtime import Runtime, start
from crisis.sending import claim, record
from crisis.sending.outcomes import Next
from crisis.settings import AccountSettings, ConsoleSettings, SecretRef, Settings, UnitSettings
from crisis.states import DeliveryState, Mode, Outcome, Role
from tests.tables import make_tables

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
SLOTS = {"place": "Oslo S", "hospital": "ulleval", "kin_phone": "23 00 00 50"}
PUBLIC_URL = "https://crisis.example.org"
TOKEN = "a token for tests only"  # what the pretend Twilio signs with


def _settings(folder: Path, database_url: str) -> Settings:
    secret = folder / "secret"
    secret.write_text(TOKEN)
    ref = SecretRef(file=secret)
    keys = {"consumer_key": ref, "consumer_secret": ref, "access_token": ref, "access_token_secret": ref}
    accounts = []
    for mode in ("drill", "live"):
        options = {
            "page": page.Options(public_url=f"https://{mode}.example.org", directory=folder / mode),
            "x": x.Options(handle=f"ous_{mode}", **keys),
            "sms": sms.Options(account_sid="AC" + "0" * 32, auth_token=ref, from_number="OUS"),
            "email": email.Options(host="localhost", tls="none", sender="OUS <ous@example.org>"),
        }
        for channel, told in options.items():
            languages = ("nb", "en") if channel in ("x", "page") else ("nb",)
            accounts.append(
                AccountSettings(
                    key=f"{channel}-{mode}", unit="ous", channel=channel, mode=mode, languages=languages, options=told
                )
            )
    return Settings(
        data_dir=folder / "var",
        playbooks_dir=folder / "playbooks",
        database_url=database_url,
        console=ConsoleSettings(secret_key=ref, public_url=PUBLIC_URL),
        units=(
            UnitSettings(key="ous", name="Oslo sykehus", kind="hospital"),
            UnitSettings(key="dep", name="Departementet", kind="public_body"),
        ),
        accounts=tuple(accounts),
    )


@dataclass
class Scene:
    """Keeps ids, never rows; ask `actor("kari")` for somebody to act as."""

    runtime: Runtime
    folder: Path
    units: dict[str, uuid.UUID] = field(default_factory=dict)
    users: dict[str, uuid.UUID] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    born: int = 0

    @property
    def playbook(self) -> Playbook:
        return self.runtime.playbooks.shelf().playbooks["mass-casualty"]

    @property
    def settings(self) -> Settings:
        return self.runtime.settings

    def user(self, name: str, *roles: Role, unit: str = "ous", phone: str = "") -> uuid.UUID:
        with self.runtime.database.writing() as session:
            person = Person(unit_id=self.units[unit], reference=f"own-{name}", name=name.title())
            if phone:
                person.destinations = [Destination(medium="phone", address=phone)]
            session.add(person)
            session.flush()
            grants = [Grant(unit_id=self.units[unit], role=role) for role in roles]
            user = User(name=name.title(), login=name, password_hash="-", totp_secret="-", language="en", grants=grants)
            user.person_id = person.id
            session.add(user)
            session.flush()
            self.users[name] = user.id
        return self.users[name]

    def actor(self, name: str) -> Actor:
        with self.runtime.database.reading() as session:
            user = session.get_one(User, self.users[name])
            return Actor(user.id, user.name, frozenset((grant.unit_id, grant.role) for grant in user.grants))

    def sign_off(self, *messages: str) -> None:
        with self.runtime.database.writing() as session:
            for key in messages or tuple(self.playbook.messages):
                until = self.now + timedelta(days=300)
                by = self.users["anne"]
                signoff.sign(session, self.units["ous"], self.playbook, key, by, until, self.now - timedelta(days=1))

    def people(self, count: int, group: str = "staff", language: str = "nb") -> None:
        with self.runtime.database.writing() as session:
            row = session.scalars(select(Group).where(Group.key == group)).first()
            if row is None:
                row = Group(unit_id=self.units["ous"], key=group, name=group.title())
                session.add(row)
            for _ in range(count):
                self.born += 1
                reference = f"{group}-{self.born}"
                person = Person(unit_id=self.units["ous"], reference=reference, name=reference, language=language)
                phone = f"+47{91_000_000 + self.born}"
                person.destinations = [
                    Destination(medium="phone", address=phone),
                    Destination(medium="mailbox", address=f"{reference}@example.org"),
                ]
                row.persons.append(person)

    def incident(self, mode: Mode = Mode.LIVE, who: str = "kari") -> uuid.UUID:
        with self.runtime.database.writing() as session:
            unit = session.get_one(Unit, self.units["ous"])
            return incidents.open_incident(session, self.actor(who), unit, mode, "Oslo S", self.playbook).id

    def drafted(self, incident_id: uuid.UUID, message: str = "initial", who: str = "kari") -> uuid.UUID:
        """A draft with everything filled in."""
        with self.runtime.database.writing() as session:
            incident = session.get_one(Incident, incident_id)
            made = draft.start(session, self.actor(who), incident, self.playbook, message)
            draft.change(session, self.actor(who), made, incident, self.playbook, slots=SLOTS)
            return made.id

    def released(self, incident_id: uuid.UUID, message: str = "initial", who: str = "kari") -> uuid.UUID:
        broadcast_id = self.drafted(incident_id, message, who)
        self.release(broadcast_id, who)
        return broadcast_id

    def release(self, broadcast_id: uuid.UUID, who: str = "kari", **more: object) -> int:
        with self.runtime.database.writing() as session:
            row = session.get_one(Broadcast, broadcast_id)
            now = datetime.now(UTC)
            return release.release(session, self.actor(who), row, self.settings, self.playbook, now, **more)  # type: ignore[arg-type]

    def follow(self, original_id: uuid.UUID, message: str, who: str = "kari") -> uuid.UUID:
        with self.runtime.database.writing() as session:
            original = session.get_one(Broadcast, original_id)
            incident = session.get_one(Incident, original.incident_id)
            return draft.follow(session, self.actor(who), original, incident, self.playbook, message).id

    def deliver(
        self,
        *accounts: str,
        most: int = 1000,
        state: DeliveryState = DeliveryState.ACCEPTED,
        say: str = "",
        due_at: datetime | None = None,
    ) -> int:
        """The senders take up to `most` of each account, after the countdown, and every call ends in `state`."""
        outcomes = {DeliveryState.ACCEPTED: Outcome.ACCEPTED, DeliveryState.FAILED: Outcome.REJECTED}
        count, now = 0, datetime.now(UTC) + timedelta(minutes=1)
        with self.runtime.database.writing() as session:
            for account in session.scalars(select(Account).where(Account.key.in_(accounts))).all():
                claimed = claim.claim(session, account.id, most, now)
                ended = [
                    record.Ended(
                        one,
                        Next(
                            state,
                            outcomes.get(state, Outcome.UNCERTAIN),
                            due_at=due_at,
                            provider_id=f"p-{one.delivery_id.hex}" if state is DeliveryState.ACCEPTED else None,
                            url="https://x.example/1" if account.channel == "x" else None,
                            say=say,
                        ),
                        now,
                        now,
                    )
                    for one in claimed
                ]
                if ended:
                    record.record(session, account, ended)
                count += len(ended)
        return count

    def deliveries(self, broadcast_id: uuid.UUID) -> Sequence[Delivery]:
        with self.runtime.database.reading() as session:
            rows = session.scalars(select(Delivery).where(Delivery.broadcast_id == broadcast_id)).all()
            session.expunge_all()
            return rows

    def broadcast(self, broadcast_id: uuid.UUID) -> Broadcast:
        with self.runtime.database.reading() as session:
            row = session.get_one(Broadcast, broadcast_id)
            session.expunge_all()
            return row


@contextmanager
def a_scene(folder: Path, database_url: str = "") -> Iterator[Scene]:
    """Kari is officer, Anne approver, Per officer and approver, Vidar viewer; Dag is officer of another unit."""
    settings = _settings(folder, database_url)
    (folder / "playbooks").mkdir()
    for name in ("mass-casualty", "it-outage"):
        shutil.copy(PLAYBOOKS / f"{name}.toml", folder / "playbooks")
    made = Database(database_url or f"sqlite:///{settings.data_dir / 'crisis.db'}")
    make_tables(made)
    made.close()
    runtime = start(settings)
    scene = Scene(runtime, folder)
    with runtime.database.reading() as session:
        scene.units = {unit.key: unit.id for unit in session.scalars(select(Unit))}
    scene.user("kari", Role.OFFICER, phone="+4790000001")
    scene.user("anne", Role.APPROVER, phone="+4790000002")
    scene.user("per", Role.OFFICER, Role.APPROVER, phone="+4790000003")
    scene.user("vidar", Role.VIEWER)
    scene.user("dag", Role.OFFICER, Role.APPROVER, unit="dep")
    scene.people(5)
    scene.people(2, "press", "en")
    yield scene
    runtime.close()
