"""A journal: a database file on this machine that stands in for the main one, and is merged into it later.

It begins as the local copy and has the same tables, so the same code works on it. Its record of acts begins with a row that
names it and proves that this installation made it.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crisis import audit, migrations
from crisis.breakglass import local_copy
from crisis.breakglass.folder import (
    WAITING,
    Busy,
    Folder,
    demand_private,
    open_file,
    settle,
    side_files,
    stamp,
    sync,
)
from crisis.breakglass.machine import Machine
from crisis.breakglass.proof import Proof, same
from crisis.broadcasts.freeze import digest
from crisis.db import Database
from crisis.models import AuditRow, Broadcast, Delivery, Heartbeat, Incident
from crisis.states import BroadcastState, Purpose

OPENED = "journal.opened"
RELEASED = "broadcast.from_terminal"  # beside the release: which machine, which user of it, and the proof


class Forged(Exception):
    """The journal is not as this installation wrote it; nothing of it may be used."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A journal's first row: its id, and how old what it knew was."""

    journal_id: uuid.UUID
    opened_at: datetime
    copied_at: datetime | None


@contextlib.contextmanager
def for_writing(folder: Folder, machine: Machine, proof: Proof, now: datetime) -> Iterator[Path]:
    """The journal to write to, held: the newest that grew from the present copy, else a new one.

    Going on in the same one keeps in sight what was released in it a moment ago. One that is just being merged is left
    alone. Raises `NotTrusted`.
    """
    with contextlib.ExitStack() as held:
        path = _present(folder, held)
        if path is None:
            journal_id = uuid.uuid4()
            path = folder.root / f"{stamp(now)}-{journal_id.hex[:8]}{WAITING}"
            held.callback(drop_empty, folder, path)
            held.enter_context(folder.speaking(path))
            _begin(folder, path, journal_id, machine, proof)
        yield path


def _present(folder: Folder, held: contextlib.ExitStack) -> Path | None:
    copied_at = local_copy.seen_at(folder)
    for path in reversed(folder.waiting()):
        demand_private(path)
        with contextlib.suppress(Busy):
            held.enter_context(folder.speaking(path))
            if path.exists() and _copied_at(path) == copied_at:
                return path
            held.close()
    return None


def _begin(folder: Folder, path: Path, journal_id: uuid.UUID, machine: Machine, proof: Proof) -> None:
    new = path.with_suffix(".new")  # invisible to merging until its first row is in it
    local_copy.take(folder, new.name)
    database = open_file(new)
    try:
        migrations.upgrade(database)  # the program may be newer than the copy
        with database.writing() as session:
            details = {"proof": proof.of_journal(journal_id), "host": machine.host, "os_user": machine.os_user}
            audit.record(session, machine.itself, OPENED, f"journal:{journal_id}", details=details)
    finally:
        database.close()
    settle(new)
    new.rename(path)
    sync(folder.root)


def drop_empty(folder: Folder, path: Path) -> None:
    """A typing mistake need not leave a journal behind: it goes when nothing but its opening is in it."""
    with contextlib.suppress(Busy), folder.alone(path):
        if path.exists() and _nothing_done(path):
            for file in (path, *side_files(path)):
                file.unlink(missing_ok=True)
        if not path.exists():
            folder.forget_lock(path)


def beginning(session: Session, proof: Proof) -> Beginning:
    """Who this journal is. Raises `Forged` when its first row does not prove it."""
    first = session.get(AuditRow, 1)
    if first is None or first.act != OPENED:
        raise Forged("its record does not begin with its own opening")
    try:
        journal_id = uuid.UUID(first.subject.removeprefix("journal:"))
    except ValueError:
        raise Forged("it has no id") from None
    if not same(first.details.get("proof"), proof.of_journal(journal_id)):
        raise Forged("this installation did not open it")
    mark = session.get(Heartbeat, local_copy.MARK)
    return Beginning(journal_id, first.at, mark.at if mark else None)


def demand_whole(session: Session, proof: Proof) -> Beginning:
    """Raise `Forged` unless the record is unbroken and every release in it is proven, text and receivers alike."""
    begun = beginning(session, proof)
    for finding in audit.verify(session):
        raise Forged(f"its record is broken: {finding}")
    for broadcast in released(session):
        if not _as_released(session, broadcast, begun, proof):
            raise Forged(f"broadcast {broadcast.id} was not released by this installation as it stands there")
    released_ids = select(Broadcast.id).where(Broadcast.released_at.is_not(None))
    if session.scalar(select(func.count()).select_from(Delivery).where(Delivery.broadcast_id.not_in(released_ids))):
        raise Forged("it holds deliveries that nobody released")
    return begun


def _as_released(session: Session, broadcast: Broadcast, begun: Beginning, proof: Proof) -> bool:
    """Are words, receivers and limits what they were at the release, and might one officer release it alone?"""
    row = session.scalar(
        select(AuditRow).where(AuditRow.act == RELEASED, AuditRow.subject == f"broadcast:{broadcast.id}")
    )
    return (
        row is not None
        and broadcast.purpose is Purpose.STATEMENT
        and broadcast.authority == "single"
        and broadcast.digest == digest(broadcast)
        and same(row.details.get("proof"), proof.of_release(session, broadcast, begun.journal_id))
    )


def released(session: Session) -> list[Broadcast]:
    """What left, or is to leave, from this journal."""
    return list(
        session.scalars(select(Broadcast).where(Broadcast.released_at.is_not(None)).order_by(Broadcast.released_at))
    )


def unfinished(session: Session) -> list[Broadcast]:
    return [broadcast for broadcast in released(session) if broadcast.state is BroadcastState.RELEASED]


def own_incidents(session: Session) -> list[Incident]:
    """Incidents opened in this journal; the others came with the copy."""
    rows = session.scalars(select(AuditRow.subject).where(AuditRow.act == "incident.opened"))
    ids = [uuid.UUID(subject.removeprefix("incident:")) for subject in rows]
    return list(session.scalars(select(Incident).where(Incident.id.in_(ids))))


def _nothing_done(path: Path) -> bool:
    with closing_file(path) as database, database.reading() as session:
        return session.scalar(select(func.count()).select_from(AuditRow)) == 1


def _copied_at(path: Path) -> datetime | None:
    with closing_file(path) as database, database.reading() as session:
        mark = session.get(Heartbeat, local_copy.MARK)
        return mark.at if mark else None


@contextlib.contextmanager
def closing_file(path: Path) -> Iterator[Database]:
    """A journal's database for as long as the block lasts."""
    database = open_file(path)
    try:
        yield database
    finally:
        database.close()
