"""A calendar file laid into a rota: the same UID again changes what it made, and doubles nothing. Never commits."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.models import Destination, Person, Rota, RotaChange
from crisis.oncall import people, rota_ical
from crisis.states import NotAllowed


def lay_in(session: Session, actor: Actor, rota: Rota, raw: bytes, now: datetime) -> dict[str, int]:
    """Counts of new, changed and removed stretches. Raises `NotAllowed`, and then nothing has changed."""
    people.demand(actor, rota.unit_id)
    found, uids = rota_ical.read(raw, ZoneInfo(rota.zone), time.fromisoformat(rota.handover), now)
    known = _persons(session, rota.unit_id)
    strangers = sorted({one.who for one in found if one.who.casefold() not in known})
    if strangers:
        raise NotAllowed("the file names people who are not here: %(names)s", names=", ".join(strangers[:5])[:200])
    hashed = {rota_ical.reference(uid) for uid in uids}
    held = {
        one.reference: one for one in rota.changes if one.kind == "import" and one.reference.partition(":")[0] in hashed
    }
    counts = {"new": 0, "changed": 0, "removed": 0}
    for one in found:
        person_id, row = known[one.who.casefold()], held.pop(one.reference, None)
        if row is None:
            counts["new"] += 1
            rota.changes.append(
                RotaChange(
                    kind="import",
                    reference=one.reference,
                    person_id=person_id,
                    starts=one.starts,
                    ends=one.ends,
                    made_by=actor.user_id,
                    made_at=now,
                )
            )
        elif (row.person_id, row.starts, row.ends) != (person_id, one.starts, one.ends):
            counts["changed"] += 1
            row.person_id, row.starts, row.ends, row.made_at = person_id, one.starts, one.ends, now
    for gone in held.values():
        if gone.ends > now:  # what lies behind us was so, whatever the file says today
            counts["removed"] += 1
            rota.changes.remove(gone)
    session.flush()
    details = {"key": rota.key, **counts}
    audit.record(session, actor, "rota.imported", f"rota:{rota.id}", unit_id=rota.unit_id, details=details)
    return counts


def _persons(session: Session, unit_id: uuid.UUID) -> dict[str, uuid.UUID]:
    """Persons by reference, mailbox and name; a name that two have names nobody."""
    rows = session.execute(select(Person.id, Person.name, Person.reference).where(Person.unit_id == unit_id)).all()
    names = Counter(row.name.casefold() for row in rows)
    known = {row.name.casefold(): row.id for row in rows if names[row.name.casefold()] == 1}
    mailboxes = session.execute(
        select(Destination.address, Destination.person_id)
        .join(Person, Person.id == Destination.person_id)
        .where(Person.unit_id == unit_id, Destination.medium == "mailbox")
    )
    known |= {row.address.casefold(): row.person_id for row in mailboxes}
    return known | {row.reference.casefold(): row.id for row in rows}
