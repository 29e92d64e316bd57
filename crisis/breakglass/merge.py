"""Bringing journals into the main database: whole or not at all, once, and only those that are proven ours.

A journal is renamed before it is merged, so that nobody writes to it any more, and moved away after. A merge that dies
between leaves either nothing or everything in the database, and the next one sees which.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, insert, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from crisis import audit, migrations
from crisis.actor import Actor
from crisis.breakglass import journal
from crisis.breakglass.folder import MERGING, Busy, Folder, NotTrusted, demand_private, settle, side_files, sync
from crisis.breakglass.machine import Machine
from crisis.breakglass.proof import Proof
from crisis.db import Database
from crisis.models import (
    Attempt,
    AuditRow,
    Broadcast,
    BroadcastMedia,
    BroadcastText,
    Delivery,
    FrozenMedia,
    Incident,
    OptOut,
    Person,
    ReceiptRow,
    Tally,
    User,
)
from crisis.queues import wake
from crisis.states import DeliveryState

MANY = 1000
MERGED = "journal.merged"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Merged:
    """One journal's end. `trouble` says why it was left where it is; else `counts` says what came in."""

    path: Path
    counts: Counter[str]
    already: bool = False
    trouble: str = ""


def merge_all(main: Database, folder: Folder, machine: Machine, proof: Proof) -> Iterator[Merged]:
    """Every waiting journal, oldest first. One that can't be merged stays and hinders no other.

    Raises what the main database raises when it is away.
    """
    if not folder.root.exists():
        return
    folder.prepare()
    for path in folder.to_merge():
        try:
            with folder.alone(path):
                if path.exists():
                    yield _merge(main, folder, path, machine, proof)
                    folder.forget_lock(path)
        except Busy:
            yield Merged(path, Counter(), trouble="something is still being sent from it; it is merged afterwards")
        except (NotTrusted, journal.Forged) as error:
            yield Merged(path, Counter(), trouble=f"refused: {error}")
        except (IntegrityError, DataError) as error:  # it names what the main database no longer has
            yield Merged(path, Counter(), trouble=f"it does not fit the database: {str(error.orig).splitlines()[0]}")


def _merge(main: Database, folder: Folder, path: Path, machine: Machine, proof: Proof) -> Merged:
    for known in (path, *side_files(path)):
        if known.exists() or known.is_symlink():
            demand_private(known)
    begun = _proven(path, proof)
    if path.suffix != MERGING:
        settle(path)
        path = path.rename(path.with_suffix(MERGING))  # nobody writes to it from here on
        sync(folder.root)
    with journal.closing_file(path) as database, database.reading() as source, main.writing() as target:
        already = _is_merged(target, begun)
        counts = Counter[str]() if already else _bring(source, target, begun, machine)
    settle(path)
    path.rename(folder.merged / path.with_suffix(".db").name)
    sync(folder.root)
    return Merged(path, counts, already)


def _proven(path: Path, proof: Proof) -> journal.Beginning:
    """Whose journal it is, brought to the present tables. Raises `Forged`."""
    try:
        with journal.closing_file(path) as database:
            migrations.upgrade(database)
            with database.reading() as session:
                return journal.demand_whole(session, proof)
    except journal.Forged:
        raise
    except Exception as error:  # whatever a strange file can make the libraries say, it is not one of ours
        raise journal.Forged(
            f"it can't be read ({type(error).__name__}: {str(error).splitlines()[0][:120]})"
        ) from error


def _is_merged(target: Session, begun: journal.Beginning) -> bool:
    asked = select(AuditRow.number).where(AuditRow.subject == f"journal:{begun.journal_id}", AuditRow.act == MERGED)
    return target.scalar(asked) is not None


def _bring(source: Session, target: Session, begun: journal.Beginning, machine: Machine) -> Counter[str]:
    counts: Counter[str] = Counter()
    released = [broadcast.id for broadcast in journal.released(source)]
    own = [incident.id for incident in journal.own_incidents(source)]

    def bring(model: Any, wanted: Select[Any], *links: tuple[str, Any]) -> None:
        rows = source.connection().execute(wanted).mappings()
        for batch in rows.partitions(MANY):
            fresh = [dict(row) for row in batch]
            for column, kind in links:
                _unlink_unknown(target, fresh, column, kind)
            target.execute(insert(model), fresh)
            counts[model.__tablename__] += len(fresh)

    incidents, broadcasts, texts = Incident.__table__, Broadcast.__table__, BroadcastText.__table__
    deliveries, attempts, receipts, tallies = (
        Delivery.__table__, Attempt.__table__, ReceiptRow.__table__, Tally.__table__,
    )  # fmt: skip
    mine = select(deliveries.c.id).where(deliveries.c.broadcast_id.in_(released))
    users = tuple((column, User) for column in ("created_by", "submitted_by", "released_by"))
    bring(Incident, select(incidents).where(incidents.c.id.in_(own)), ("opened_by", User))
    bring(Broadcast, select(broadcasts).where(broadcasts.c.id.in_(released)), *users)
    bring(BroadcastText, select(texts).where(texts.c.broadcast_id.in_(released)))
    carried, frozen = BroadcastMedia.__table__, FrozenMedia.__table__
    spoken = select(texts.c.id).where(texts.c.broadcast_id.in_(released))
    bring(BroadcastMedia, select(carried).where(carried.c.broadcast_id.in_(released)))
    bring(FrozenMedia, select(frozen).where(frozen.c.text_id.in_(spoken)))
    bring(Delivery, select(deliveries).where(deliveries.c.broadcast_id.in_(released)), ("person_id", Person))
    bring(Attempt, select(attempts).where(attempts.c.delivery_id.in_(mine)))
    bring(ReceiptRow, select(receipts).where(receipts.c.delivery_id.in_(mine)))
    bring(Tally, select(tallies).where(tallies.c.broadcast_id.in_(released)))
    counts["opt_out"] = _bring_opt_outs(source, target, begun)
    _wake(source, target, released)
    counts["audit"] = _chain(source, target, begun)
    audit.record(
        target,
        machine.itself,
        MERGED,
        f"journal:{begun.journal_id}",
        details={"host": machine.host, "opened_at": _written(begun.opened_at), "rows": dict(counts)},
    )
    return counts


def _unlink_unknown(target: Session, rows: list[Row], column: str, model: Any) -> None:
    """Somebody erased since the copy was made: the row stays, its link to them goes, as if erased after it."""
    named = {row[column] for row in rows} - {None}
    known = set(target.scalars(select(model.id).where(model.id.in_(named)))) if named else set()
    for row in rows:
        if row[column] not in known:
            row[column] = None


def _bring_opt_outs(source: Session, target: Session, begun: journal.Beginning) -> int:
    """Who said stop while the journal was written. Known already, from either side, stays one row."""
    fresh = source.scalars(select(OptOut).where(OptOut.since >= begun.opened_at)).all()
    count = 0
    for row in fresh:
        in_force = select(OptOut.id).where(
            OptOut.account_id == row.account_id, OptOut.address == row.address, OptOut.ended_at.is_(None)
        )
        if target.get(OptOut, row.id) is None and target.scalar(in_force) is None:
            target.add(
                OptOut(id=row.id, account_id=row.account_id, address=row.address, source=row.source, since=row.since)
            )
            target.flush()
            count += 1
    return count


def _wake(source: Session, target: Session, released: Iterable[uuid.UUID]) -> None:
    rows = source.execute(
        select(Delivery.mode, Delivery.through_id)
        .where(Delivery.broadcast_id.in_(list(released)), Delivery.state == DeliveryState.QUEUED)
        .distinct()
    )
    for mode, account_id in rows:
        wake(target, mode, [account_id])


def _chain(source: Session, target: Session, begun: journal.Beginning) -> int:
    """The journal's record becomes part of the main one: new links, with the old time and hash kept in each."""
    count = 0
    for row in source.scalars(select(AuditRow).order_by(AuditRow.number)):
        kept = {"id": str(begun.journal_id), "number": row.number, "at": _written(row.at), "hash": row.hash}
        audit.record(
            target,
            Actor(row.user_id, row.who),
            row.act,
            row.subject,
            unit_id=row.unit_id,
            details={**row.details, "journal": kept},
        )
        count += 1
    return count


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
