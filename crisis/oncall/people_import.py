"""What an import file means for a unit's people: who is new, who changes, and then making it so in bulk.

Looking changes nothing. Applying takes the rows again under the caller's transaction, so that what happened since the
look is respected; it never commits and never removes a person.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.models import Destination, Group, Person, membership, new_id
from crisis.oncall.people import Details, Reach
from crisis.oncall.people_csv import Row
from crisis.states import Role

CHUNK = 500  # how many ids one statement names
Verified = dict[tuple[uuid.UUID, str, str], datetime | None]  # by person, medium and address


@dataclass(slots=True)
class Plan:
    """What applying would do. Lists are (id or None, as it is, as it will be)."""

    new: list[Details] = field(default_factory=list)
    changed: list[tuple[uuid.UUID, Details, Details]] = field(default_factory=list)
    unchanged: int = 0
    new_groups: list[str] = field(default_factory=list)


def plan(session: Session, unit_id: uuid.UUID, rows: Iterable[Row]) -> Plan:
    """Compare the file with what is known."""
    known = {details.reference: (person_id, details) for person_id, details in everybody(session, unit_id)}
    found = Plan()
    named: set[str] = set()
    for row in rows:
        person_id, before = known.get(row.reference, (None, None))
        after = _wanted(row, before)
        named |= after.groups
        if person_id is None or before is None:
            found.new.append(after)
        elif before != after:
            found.changed.append((person_id, before, after))
        else:
            found.unchanged += 1
    existing = set(session.scalars(select(Group.key).where(Group.unit_id == unit_id)))
    found.new_groups = sorted(named - existing)
    return found


def apply(session: Session, actor: Actor, unit_id: uuid.UUID, rows: Sequence[Row]) -> Plan:
    """Make it so, in a handful of statements whatever the size, and record it once."""
    if actor.user_id is not None:
        actor.demand(Role.ADMINISTRATOR, unit_id)
    found = plan(session, unit_id, rows)
    session.add_all(Group(unit_id=unit_id, key=key, name=key) for key in found.new_groups)
    session.flush()
    groups = dict(session.execute(select(Group.key, Group.id).where(Group.unit_id == unit_id)).all())
    verified = _update(session, found)
    _insert(session, unit_id, found, groups, verified)
    counts = {"new": len(found.new), "changed": len(found.changed), "unchanged": found.unchanged}
    audit.record(session, actor, "people.imported", f"unit:{unit_id}", unit_id=unit_id, details=counts)
    return found


def everybody(session: Session, unit_id: uuid.UUID) -> Iterator[tuple[uuid.UUID, Details]]:
    """All persons of the unit by name, read in three statements: as many objects would take seconds."""
    reaches: dict[uuid.UUID, list[Reach]] = defaultdict(list)
    groups: dict[uuid.UUID, set[str]] = defaultdict(set)
    mine = select(Person.id).where(Person.unit_id == unit_id)
    for person_id, medium, address, consent in session.execute(
        select(Destination.person_id, Destination.medium, Destination.address, Destination.consent)
        .where(Destination.person_id.in_(mine))
        .order_by(Destination.person_id, Destination.position)
    ):
        reaches[person_id].append(Reach(medium, address, consent))
    for person_id, key in session.execute(
        select(membership.c.person_id, Group.key).join(Group).where(Group.unit_id == unit_id)
    ):
        groups[person_id].add(key)
    for row in session.execute(
        select(*(Person.id, Person.reference, Person.name, Person.language, Person.skills, Person.sites))
        .add_columns(Person.quiet_from, Person.quiet_to)
        .where(Person.unit_id == unit_id)
        .order_by(Person.name, Person.id)
    ):
        yield (
            row.id,
            Details(
                row.reference,
                row.name,
                row.language,
                frozenset(groups[row.id]),
                tuple(row.skills),
                tuple(reaches[row.id]),
                tuple(row.sites),
                (row.quiet_from, row.quiet_to) if row.quiet_from and row.quiet_to else None,
            ),
        )


def _wanted(row: Row, before: Details | None) -> Details:
    """The row laid over what is known: a column that is not in the file changes nothing."""
    return Details(
        row.reference,
        row.name,
        row.language or (before.language if before else "nb"),
        row.groups if row.groups is not None else before.groups if before else frozenset(),
        row.skills if row.skills is not None else before.skills if before else (),
        _reaches(row, before.reaches if before else ()),
        row.sites if row.sites is not None else before.sites if before else (),
        before.quiet if before else None,  # a file knows nothing of it
    )


def _reaches(row: Row, before: Sequence[Reach]) -> tuple[Reach, ...]:
    """A file has room for two phones and two mailboxes; further ones that we know are kept, and so is their order."""
    consents = {(one.medium, one.address): one.consent for one in before}
    wanted: list[tuple[str, str]] = []
    for medium, told in (("phone", row.phones), ("mailbox", row.mailboxes)):
        known = [one.address for one in before if one.medium == medium]
        addresses = known if told is None else [*told, *(one for one in known[2:] if one not in told)]
        wanted += [(medium, address) for address in addresses]
    order = list(consents)
    if sorted(order, key=lambda one: one[0] != "phone") == wanted:
        wanted = order  # only the mixing of phones and mailboxes differs, which the file can't tell
    return tuple(Reach(*one, row.consent if row.consent is not None else consents.get(one, True)) for one in wanted)


def _update(session: Session, found: Plan) -> Verified:
    """Returns when the addresses that are written anew were verified."""
    if found.changed:
        session.execute(
            update(Person),
            [
                {
                    "id": id_,
                    "name": new.name,
                    "language": new.language,
                    "skills": list(new.skills),
                    "sites": list(new.sites),
                }
                for id_, _, new in found.changed
            ],
        )
    moved = [id_ for id_, old, new in found.changed if old.reaches != new.reaches]
    regrouped = [id_ for id_, old, new in found.changed if old.groups != new.groups]
    verified: Verified = {}
    for at in range(0, len(moved), CHUNK):
        proven = select(Destination.person_id, Destination.medium, Destination.address, Destination.verified_at).where(
            Destination.person_id.in_(moved[at : at + CHUNK]), Destination.verified_at.is_not(None)
        )
        verified |= {(row.person_id, row.medium, row.address): row.verified_at for row in session.execute(proven)}
        session.execute(delete(Destination).where(Destination.person_id.in_(moved[at : at + CHUNK])))
    for at in range(0, len(regrouped), CHUNK):
        session.execute(delete(membership).where(membership.c.person_id.in_(regrouped[at : at + CHUNK])))
    return verified


def _insert(
    session: Session, unit_id: uuid.UUID, found: Plan, groups: dict[str, uuid.UUID], verified: Verified
) -> None:
    made = [(new_id(), details) for details in found.new]
    persons = [
        {
            "id": id_,
            "unit_id": unit_id,
            "reference": one.reference,
            "name": one.name,
            "language": one.language,
            "skills": list(one.skills),
            "sites": list(one.sites),
        }
        for id_, one in made
    ]
    moved = made + [(id_, new) for id_, old, new in found.changed if old.reaches != new.reaches]
    regrouped = made + [(id_, new) for id_, old, new in found.changed if old.groups != new.groups]
    destinations = [
        {
            "person_id": id_,
            "medium": reach.medium,
            "address": reach.address,
            "position": position,
            "consent": reach.consent,
            "verified_at": verified.get((id_, reach.medium, reach.address)),
        }
        for id_, one in moved
        for position, reach in enumerate(one.reaches)
    ]
    members = [{"group_id": groups[key], "person_id": id_} for id_, one in regrouped for key in one.groups]
    for table, values in ((Person, persons), (Destination, destinations), (membership, members)):
        if values:
            session.execute(insert(table), values)
