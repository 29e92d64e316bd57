"""The groups of a unit: named sets of persons, which playbooks and import files name by key.

Takes a session and never commits; every change is recorded. Who is in a group is set with the person, in people.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.models import Group, Person
from crisis.oncall.people import demand, key, line
from crisis.states import NotAllowed


def groups_of(session: Session, unit_id: uuid.UUID) -> Sequence[tuple[Group, int]]:
    """Each group with how many are in it."""
    rows = session.execute(
        select(Group, func.count(Person.id))
        .outerjoin(Group.persons)
        .where(Group.unit_id == unit_id)
        .group_by(Group.id)
        .order_by(Group.name)
    )
    return [(group, count) for group, count in rows]


def create_group(session: Session, actor: Actor, unit_id: uuid.UUID, wanted_key: str, name: str) -> Group:
    """Raises `NotAllowed`."""
    demand(actor, unit_id)
    wanted_key, name = key(wanted_key), line(name, 80)
    if session.scalar(select(Group.id).where(Group.unit_id == unit_id, Group.key == wanted_key)):
        raise NotAllowed("There is a group with that key already.")
    group = Group(unit_id=unit_id, key=wanted_key, name=name)
    session.add(group)
    session.flush()
    audit.record(session, actor, "group.created", f"group:{group.id}", unit_id=unit_id, details={"key": wanted_key})
    return group


def rename_group(session: Session, actor: Actor, group: Group, name: str) -> None:
    """The key never changes: playbooks name it."""
    demand(actor, group.unit_id)
    before, group.name = group.name, line(name, 80)
    details = {"before": before, "after": group.name}
    audit.record(session, actor, "group.renamed", f"group:{group.id}", unit_id=group.unit_id, details=details)
