"""The demo's people: users to sign in as, staff, press and residents to reach, and playbooks signed off by one of them.

Everybody is made up. Phones are from the range that the Swedish regulator keeps for fiction, because Norway keeps none,
and mailboxes end in .example. Run twice it adds nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import urlsplit

import pyotp
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit, passwords
from crisis.actor import SYSTEM, Actor
from crisis.embedded.persons import FAMILY_NAMES, GIVEN_NAMES, LANGUAGE_TURN, PRESS, SKILL_TURN
from crisis.embedded.ports import endpoint
from crisis.hosts import own_machine
from crisis.models import Destination, Grant, Group, Person, Unit, User
from crisis.playbooks import signoff
from crisis.playbooks.digest import ANSWERS
from crisis.playbooks.read import Shelf
from crisis.seal import Seal
from crisis.settings import Settings, SettingsError, UnitSettings
from crisis.states import Role

PASSWORD = "demo-demo-demo"  # noqa: S105 - public and worthless: `why_not` keeps it off anything that is not a demo
REFERENCE = "demo-"
FIRST_PHONE, LAST_PHONE = 46701740605, 46701740699  # Post- och telestyrelsen's mobile numbers for books and films
UNREACHABLE_PHONE = "+15005553003"  # the simulator's own: texts to it fail, as some do in real life
SIGNED_FOR = timedelta(days=365)
LEFT_UNSIGNED = {
    "hospital": "visitor-restrictions",
    "public_body": "pandemic-advice",
}  # to see what unsigned looks like
DUTIES = {
    "vakt": ("Vakthavende", (Role.VIEWER, Role.TRIAGER, Role.OFFICER)),
    "godkjenner": ("Godkjenner", (Role.VIEWER, Role.APPROVER)),
    "admin": ("Administrator", (Role.VIEWER, Role.ADMINISTRATOR)),
}
GROUPS = {"staff": "Ansatte", "press": "Presse", "residents": "Innbyggere"}
SIZES = {"hospital": {"staff": 57, "residents": 5}, "public_body": {"staff": 9, "residents": 18}}


@dataclass(frozen=True, slots=True)
class DemoUser:
    """Somebody to sign in as; `secret` is what an authenticator app wants to know."""

    login: str
    duty: str
    unit: str
    secret: str

    def code(self, ahead: int = 0) -> str:
        """What the app shows now, or some steps of 30 seconds ahead; the sign-in takes one step ahead as well."""
        return pyotp.TOTP(self.secret).at(datetime.now(UTC), counter_offset=ahead)


def why_not(settings: Settings) -> str | None:
    """Why this is no demo, or None when it is one: nothing in it may reach beyond this machine."""
    if not own_machine(settings.console.host):
        return f"the console listens on {settings.console.host}, which others can reach"
    for account in settings.accounts:
        host, _ = endpoint(account)
        public = urlsplit(getattr(account.options, "public_url", "") or "").hostname
        for reached in filter(None, (host, public)):
            if not own_machine(reached):
                return f"account '{account.key}' reaches {reached}"
    for unit in settings.units:
        for feed in unit.feeds:
            if not own_machine(read := urlsplit(feed.url).hostname or ""):
                return f"a news feed of unit '{unit.key}' is read from {read}"
    return None


def refusal(reason: str) -> SettingsError:
    """What to say when the demo's users are found where `why_not` gives a reason."""
    say = f"the demo's users, whose password everybody knows, are in this database, and {reason}; give the real"
    return SettingsError([f"{say} installation a data_dir or database_url of its own (docs/go-live.md)"])


def seed(session: Session, settings: Settings, seal: Seal, shelf: Shelf, now: datetime) -> bool:
    """Add what is missing of the demo; True when anything was added. The caller asked `why_not` before."""
    phones = (f"+{number}" for number in range(FIRST_PHONE, LAST_PHONE + 1))
    added = False
    for told in settings.units:
        unit = session.scalars(select(Unit).where(Unit.key == told.key)).one()
        sizes = SIZES[told.kind]
        taken = [next(phones, None) for _ in range(len(DUTIES) + sum(sizes.values()))]
        if session.scalar(select(Person.id).where(Person.unit_id == unit.id, Person.reference.startswith(REFERENCE))):
            added |= _sign(session, unit, told, shelf, now)
            continue
        groups = _groups(session, unit)
        for number, (duty, (title, roles)) in enumerate(DUTIES.items()):
            person = _person(unit, number, title, ("phone", taken[number]), ("mailbox", f"{duty}@{told.key}.example"))
            groups["staff"].persons.append(person)
            session.add(person)
            session.flush()
            user = _user(told, duty, seal)
            user.person_id = person.id
            user.grants = [Grant(unit_id=unit.id, role=role) for role in roles]
            session.add(user)
        number = len(DUTIES)
        for key, size in sizes.items():
            for _ in range(size):
                groups[key].persons.append(_somebody(unit, told, number, taken[number], key))
                number += 1
        for name, mailbox in PRESS:
            groups["press"].persons.append(_person(unit, number, name, ("mailbox", mailbox)))
            number += 1
        session.flush()
        audit.record(session, SYSTEM, "demo.seeded", f"unit:{unit.id}", unit_id=unit.id)
        _sign(session, unit, told, shelf, now)
        added = True
    return added


def users(session: Session, settings: Settings, seal: Seal) -> list[DemoUser]:
    """The demo's users, with their secrets; none when there is no demo."""
    names = {unit.key: unit.name for unit in settings.units}
    rows = session.execute(
        select(User, Unit.key)
        .join(Person, Person.id == User.person_id)
        .join(Unit, Unit.id == Person.unit_id)
        .where(Person.reference.startswith(REFERENCE), User.disabled_at.is_(None))
        .order_by(Unit.key.desc(), Person.reference)
    )
    return [
        DemoUser(user.login, user.name, names.get(key, key), seal.open(user.totp_secret))
        for user, key in rows
        if user.totp_secret
    ]


def _groups(session: Session, unit: Unit) -> dict[str, Group]:
    there = {group.key: group for group in session.scalars(select(Group).where(Group.unit_id == unit.id))}
    for key, name in GROUPS.items():
        if key not in there:
            there[key] = Group(unit_id=unit.id, key=key, name=name)
            session.add(there[key])
    return there


@cache
def _hash() -> str:
    """One for all: everybody knows the password, and hashing it anew for each user would only cost time."""
    return passwords.hashed(PASSWORD)


def _user(told: UnitSettings, duty: str, seal: Seal) -> User:
    return User(
        name=f"{DUTIES[duty][0]} {told.key.upper()}",
        login=f"{duty}-{told.key}",
        password_hash=_hash(),
        totp_secret=seal.close(pyotp.random_base32()),
        language=told.language,
    )


def _somebody(unit: Unit, told: UnitSettings, number: int, phone: str | None, group: str) -> Person:
    given = GIVEN_NAMES[number % len(GIVEN_NAMES)]
    family = FAMILY_NAMES[(number * 7 + len(told.key)) % len(FAMILY_NAMES)]
    if number == len(DUTIES):
        phone = UNREACHABLE_PHONE
    domain = f"{told.key}.example" if group == "staff" else "innbygger.example"
    reached = (("phone", phone), ("mailbox", f"p{number}@{domain}"))
    language = LANGUAGE_TURN[number % len(LANGUAGE_TURN)]
    person = _person(unit, number, f"{given} {family}", *reached, language=language)
    if group == "staff" and told.kind == "hospital":
        person.skills = [SKILL_TURN[number % len(SKILL_TURN)]]
    return person


def _person(unit: Unit, number: int, name: str, *reached: tuple[str, str | None], language: str = "nb") -> Person:
    return Person(
        unit_id=unit.id,
        reference=f"{REFERENCE}{number:03}",
        name=name,
        language=language,
        destinations=[
            Destination(medium=medium, address=address, position=position)
            for position, (medium, address) in enumerate(reached)
            if address
        ],
    )


def _sign(session: Session, unit: Unit, told: UnitSettings, shelf: Shelf, now: datetime) -> bool:
    """Sign off what one duty officer shall be able to release, unless it was ever signed before."""
    signer = session.scalar(select(User).where(User.login == f"godkjenner-{told.key}"))
    if signer is None:
        return False
    actor, signed = Actor(signer.id, signer.name), False
    for playbook in shelf.playbooks.values():
        if playbook.kind != told.kind or playbook.id == LEFT_UNSIGNED[told.kind]:
            continue
        alone = [key for key, message in playbook.messages.items() if message.authority == "single"]
        for key in (*alone, *((ANSWERS,) if playbook.answers else ())):
            if signoff.latest(session, unit.id, playbook.id, key) is None:
                row = signoff.sign(session, unit.id, playbook, key, signer.id, now + SIGNED_FOR, now)
                details = {"digest": row.digest, "until": row.expires_at.isoformat()}
                subject = f"playbook:{playbook.id}/{key}"
                audit.record(session, actor, "playbook.signed_off", subject, unit_id=unit.id, details=details)
                signed = True
    return signed
