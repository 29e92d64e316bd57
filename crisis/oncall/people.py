"""The persons a unit may reach: their details, groups and destinations in the order they want to be tried.

Owns what a right phone number, mailbox and name is. Takes a session and never commits; every change is recorded, by the
names of what changed, because the record is kept for ever and must not hold people's numbers.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import phonenumbers
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, selectinload

from crisis import audit
from crisis.actor import Actor
from crisis.models import Destination, Group, Person
from crisis.settings import LANGUAGES
from crisis.states import NotAllowed, Role

HOME_REGION = "NO"  # a number written without +47 is Norwegian
PAGE_SIZE = 50
MEDIA = ("phone", "mailbox")

_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
# One @, no spaces, a domain with a dot. Whether anybody reads it only a message can tell.
_MAILBOX = re.compile(
    r"[^\s@,;<>\"()]{1,64}@(?:[a-z0-9æøå](?:[a-z0-9æøå-]{0,61}[a-z0-9æøå])?\.)+[a-zæøå][a-z0-9-]{1,62}", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Reach:
    """One way to reach somebody."""

    medium: str
    address: str
    consent: bool = True


@dataclass(frozen=True, slots=True)
class Details:
    """Everything we keep about a person. Phones are E.164, mailboxes as written, groups are keys."""

    reference: str
    name: str
    language: str
    groups: frozenset[str]
    skills: tuple[str, ...]
    reaches: tuple[Reach, ...]
    sites: tuple[str, ...] = ()
    quiet: tuple[str, str] | None = None  # from and until, as "22:00"; None: no quiet hours


class NotFilledIn(NotAllowed):
    """What must be mended, by field."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("Something in the form must be mended.")
        self.fields = fields


def mend(field: str, say: str) -> NotFilledIn:
    """For one field alone."""
    return NotFilledIn({field: say})


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search."""

    persons: Sequence[Person]
    total: int
    number: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_SIZE))


def phone(written: str) -> str:
    """E.164, as it is stored. Raises `NotAllowed`."""
    try:
        number = phonenumbers.parse(written, HOME_REGION)
    except phonenumbers.NumberParseException:
        raise NotAllowed("This is no phone number. Write eight digits, or + and the country code first.") from None
    if not phonenumbers.is_valid_number(number):
        raise NotAllowed("No such phone number can exist. Count the digits; foreign numbers start with +.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def shown_phone(address: str) -> str:
    """Grouped for reading: +47 22 33 44 55."""
    try:
        number = phonenumbers.parse(address, HOME_REGION)
    except phonenumbers.NumberParseException:
        return address
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def mailbox(written: str) -> str:
    """The address with its domain in small letters. Raises `NotAllowed`."""
    local, _, domain = written.strip().rpartition("@")
    address = f"{local}@{domain.lower()}"
    if len(address) > 254 or ".." in address or not _MAILBOX.fullmatch(address):
        raise NotAllowed("This is no e-mail address. It looks like name@example.no.")
    return address


def address(medium: str, written: str) -> str:
    return phone(written) if medium == "phone" else mailbox(written)


def words(written: str) -> tuple[str, ...]:
    """A list somebody typed, parted by commas, semicolons or bars; each word once, in order."""
    return tuple(dict.fromkeys(" ".join(part.split()) for part in re.split(r"[,;|\n]", written) if part.strip()))


def key(written: str) -> str:
    """A group's key: what playbooks and import files name it by. Raises `NotAllowed`."""
    wanted = written.strip().lower()
    if not _KEY.fullmatch(wanted):
        raise NotAllowed("A group's key is 1 to 40 small letters a-z, digits, _ and -, such as staff or on-call.")
    return wanted


def line(written: str, most: int) -> str:
    """One line of plain text. Raises `NotAllowed` when it is empty or too long."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in written).split())
    if not text:
        raise NotAllowed("Fill this in.")
    if len(text) > most:
        raise NotAllowed("This is too long.")
    return text


def check(form: Mapping[str, str], groups: frozenset[str], destinations: Sequence[tuple[str, str, bool]]) -> Details:
    """Details from what was typed. Raises `NotFilledIn` with every field that must be mended."""
    wrong: dict[str, str] = {}
    said: dict[str, str] = {}
    blame = wrong.setdefault
    for name, most in (("reference", 60), ("name", 80)):
        try:
            said[name] = line(form.get(name, ""), most)
        except NotAllowed as error:
            wrong[name] = error.say
    if form.get("language") not in LANGUAGES:
        blame("language", "Choose a language.")
    quiet = None
    try:
        quiet = quiet_hours(form.get("quiet_from", ""), form.get("quiet_to", ""))
    except NotAllowed as error:
        wrong["quiet_from"] = error.say
    reaches: list[Reach] = []
    for index, (medium, written, consent) in enumerate(destinations):
        if not written.strip():
            continue
        try:
            reach = Reach(medium, address(medium, written), consent)
        except NotAllowed as error:
            wrong[f"address-{index}"] = error.say
            continue
        if any((one.medium, one.address) == (medium, reach.address) for one in reaches):
            blame(f"address-{index}", "This is there twice.")
        reaches.append(reach)
    if wrong:
        raise NotFilledIn(wrong)
    return Details(
        said["reference"],
        said["name"],
        form["language"],
        groups,
        words(form.get("skills", "")),
        tuple(reaches),
        words(form.get("sites", "")),
        quiet,
    )


def quiet_hours(since: str, until: str) -> tuple[str, str] | None:
    """The two times on the wall between which somebody is left alone; both empty: none. Raises `NotAllowed`."""
    since, until = since.strip(), until.strip()
    if not since and not until:
        return None
    if not (_TIME.fullmatch(since) and _TIME.fullmatch(until)) or since == until:
        raise NotAllowed("Quiet hours need two different times, such as 22:00 and 07:00; or leave both empty.")
    return since, until


def search(session: Session, unit_id: uuid.UUID, asked: str = "", group: str = "", number: int = 1) -> Found:
    """Persons of the unit whose name, reference or address holds the words, by name."""
    wanted = select(Person).where(Person.unit_id == unit_id)
    if asked := asked.strip():
        digits = re.sub(r"[\s()-]", "", asked)
        holds = Destination.address.icontains(digits, autoescape=True)
        wanted = wanted.where(
            or_(
                Person.name.icontains(asked, autoescape=True),
                Person.reference.icontains(asked, autoescape=True),
                Person.destinations.any(holds),
            )
        )
    if group:
        wanted = wanted.where(Person.groups.any(Group.key == group))
    total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    number = max(1, min(number, -(-total // PAGE_SIZE)))
    rows = session.scalars(
        wanted.order_by(Person.name, Person.id)
        .offset((number - 1) * PAGE_SIZE)
        .limit(PAGE_SIZE)
        .options(selectinload(Person.destinations), selectinload(Person.groups))
    )
    return Found(rows.all(), total, number)


def by_reference(session: Session, unit_id: uuid.UUID, reference: str) -> Person:
    """Raises `NotAllowed`."""
    found = session.scalars(select(Person).where(Person.unit_id == unit_id, Person.reference == reference)).first()
    if found is None:
        raise NotAllowed("Nobody in this unit has the reference %(reference)s. Look under People.", reference=reference)
    return found


def details_of(person: Person) -> Details:
    return Details(
        person.reference,
        person.name,
        person.language,
        frozenset(group.key for group in person.groups),
        tuple(person.skills),
        tuple(Reach(one.medium, one.address, one.consent) for one in person.destinations),
        tuple(person.sites),
        (person.quiet_from, person.quiet_to) if person.quiet_from and person.quiet_to else None,
    )


def save(session: Session, actor: Actor, unit_id: uuid.UUID, person: Person | None, wanted: Details) -> Person:
    """Make a person, or make this one be as wanted. Raises `NotAllowed`."""
    demand(actor, unit_id)
    same = session.scalar(select(Person.id).where(Person.unit_id == unit_id, Person.reference == wanted.reference))
    if same is not None and (person is None or same != person.id):
        raise mend("reference", "Somebody else has this reference.")
    before = details_of(person) if person else None
    if person is None:
        person = Person(unit_id=unit_id, reference=wanted.reference, name=wanted.name)
        session.add(person)
    person.reference, person.name, person.language = wanted.reference, wanted.name, wanted.language
    person.skills, person.sites = list(wanted.skills), list(wanted.sites)
    person.quiet_from, person.quiet_to = wanted.quiet or (None, None)
    person.groups = list(session.scalars(select(Group).where(Group.unit_id == unit_id, Group.key.in_(wanted.groups))))
    _set_reaches(person, wanted.reaches)
    session.flush()
    changed = [name for name in Details.__slots__ if before is None or getattr(before, name) != getattr(wanted, name)]
    if changed:
        act = "person.changed" if before else "person.created"
        details = {"reference": person.reference, "changed": changed}
        audit.record(session, actor, act, f"person:{person.id}", unit_id=unit_id, details=details)
    return person


def _set_reaches(person: Person, reaches: Sequence[Reach]) -> None:
    """Rows that stay are kept, not made anew: an address is unique for a person, and rows are inserted before deleted."""
    held = {(one.medium, one.address): one for one in person.destinations}
    wanted = []
    for position, reach in enumerate(reaches):
        row = held.get((reach.medium, reach.address)) or Destination(medium=reach.medium, address=reach.address)
        row.position, row.consent = position, reach.consent
        wanted.append(row)
    person.destinations = wanted


def remove(session: Session, actor: Actor, person: Person) -> None:
    """Forget somebody. What was sent to them stays in the record, without their name."""
    demand(actor, person.unit_id)
    audit.record(session, actor, "person.removed", f"person:{person.id}", unit_id=person.unit_id)
    session.delete(person)


def demand(actor: Actor, unit_id: uuid.UUID) -> None:
    """Raise `NotAllowed` unless the actor may change people here."""
    if actor.user_id is not None:  # the system acts from the command line, which has rights of its own
        actor.demand(Role.ADMINISTRATOR, unit_id)
