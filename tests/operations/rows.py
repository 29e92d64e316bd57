"""Many rows, made the way the service makes them: released, claimed, recorded, receipted, in batches.

`python -m tests.operations.rows 200000` prints what a row of each table and index takes, on SQLite and PostgreSQL; the
numbers in docs/scale.md come from it.
"""

from __future__ import annotations

import random
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text, update

from crisis.broadcasts.reach import Receiver
from crisis.broadcasts.release import queue
from crisis.channels.base import Accepted
from crisis.db import Database
from crisis.models import (
    Account,
    Base,
    Broadcast,
    BroadcastText,
    Delivery,
    Destination,
    Group,
    Incident,
    Person,
    ReceiptRow,
    Unit,
    membership,
    new_id,
    utcnow,
)
from crisis.sending import outcomes
from crisis.sending.claim import claim
from crisis.sending.record import Ended, record
from crisis.sending.tally import Moves
from crisis.states import BroadcastState, DeliveryState, Mode, Purpose
from tests.postgres import running_postgres
from tests.sending.world import PRIVATE

BATCH = 500
SPREAD = 20_000  # deliveries of one broadcast


def unit_and_account(
    database: Database, *, key: str = "sms-ous", mode: Mode = Mode.LIVE
) -> tuple[uuid.UUID, uuid.UUID]:
    """A unit with one SMS account; their ids."""
    with database.writing() as session:
        unit = Unit(key=f"unit-{key}", name="Oslo universitetssykehus")
        session.add(unit)
        session.flush()
        account = Account(key=key, unit_id=unit.id, channel="sms", mode=mode, languages=["nb"])
        session.add(account)
        session.flush()
        return unit.id, account.id


def people(database: Database, unit_id: uuid.UUID, count: int) -> list[tuple[uuid.UUID, str]]:
    """Persons with one phone each, in one group; (id, number) of each."""
    luck = random.Random(7)
    made = [(new_id(), f"+47{number}") for number in luck.sample(range(40_000_000, 99_999_999), count)]
    with database.writing() as session:
        group = Group(unit_id=unit_id, key="everybody", name="Alle innbyggere")
        session.add(group)
        session.flush()
        for part in batches(made, 5000):
            session.execute(
                insert(Person),
                [
                    {
                        "id": one,
                        "unit_id": unit_id,
                        "reference": f"OSL-{number[3:]}",
                        "name": f"Fornavn Etternavn {number[-4:]}",
                        "language": "nb",
                    }
                    for one, number in part
                ],
            )
            session.execute(
                insert(Destination),
                [
                    {
                        "id": new_id(),
                        "person_id": one,
                        "medium": "phone",
                        "address": number,
                        "position": 0,
                        "consent": True,
                    }
                    for one, number in part
                ],
            )
            session.execute(insert(membership), [{"group_id": group.id, "person_id": one} for one, _ in part])
    return made


def release(
    database: Database,
    unit_id: uuid.UUID,
    account_id: uuid.UUID,
    receivers: list[tuple[uuid.UUID | None, str]],
    *,
    leaves: datetime | None = None,
    mode: Mode = Mode.LIVE,
) -> uuid.UUID:
    """A released broadcast to these, all queued. Returns its id."""
    with database.writing() as session:
        now = leaves or utcnow()
        incident = Incident(unit_id=unit_id, mode=mode, title="Ulykke ved Oslo S", playbook="mass-casualty")
        session.add(incident)
        session.flush()
        broadcast = Broadcast(
            incident_id=incident.id, unit_id=unit_id, mode=mode, purpose=Purpose.STATEMENT, state=BroadcastState.RELEASED,
            playbook="mass-casualty", message="initial", phase="initial", authority="single", digest="0" * 64, released_at=now, leaves_at=now,
        )  # fmt: skip
        broadcast.texts = [BroadcastText(channel="sms", language="nb", title="Ulykke", text="Ulykke ved Oslo S. " * 8)]
        session.add(broadcast)
        session.flush()
        queue(
            session,
            broadcast,
            [Receiver(account_id, "sms", address, "nb", person_id=person) for person, address in receivers],
        )
        return broadcast.id


def send(database: Database, account_id: uuid.UUID, *, most: int, after: timedelta = timedelta(seconds=1)) -> int:
    """Claim and record up to `most` deliveries as accepted, through the drain's own functions."""
    done = 0
    with database.reading() as session:
        account = session.get_one(Account, account_id)
    while done < most:
        now = utcnow()
        with database.writing() as session:
            claimed = claim(session, account_id, min(BATCH, most - done), now)
        if not claimed:
            break
        ended = []
        for item in claimed:
            result = Accepted(f"SM{new_id().hex}", None)
            what = outcomes.after_send(
                result, facts=PRIVATE, now=now, attempt=item.attempt, first_attempt_at=item.first_attempt_at
            )
            ended.append(Ended(item, what, now, now + after))
        with database.writing() as session:
            record(session, account, ended)
        done += len(claimed)
    return done


def receipts(database: Database, account_id: uuid.UUID) -> None:
    """Two receipts for each accepted delivery ("sent", "delivered"), and the deliveries moved by them."""
    with database.reading() as session:
        rows = session.execute(
            text("SELECT id, provider_id, broadcast_id FROM delivery WHERE state = 'accepted'")
        ).all()
    for part in batches(rows, BATCH):
        with database.writing() as session:
            moves = Moves()
            for word, means in (("sent", "accepted"), ("delivered", "delivered")):
                session.execute(
                    insert(ReceiptRow),
                    [
                        {
                            "id": new_id(),
                            "account_id": account_id,
                            "delivery_id": uuid.UUID(str(row.id)),
                            "provider_id": row.provider_id,
                            "word": word,
                            "means": means,
                            "at": utcnow(),
                        }
                        for row in part
                    ],
                )
            ids = [uuid.UUID(str(row.id)) for row in part]
            session.execute(
                update(Delivery).where(Delivery.id.in_(ids)).values(state=DeliveryState.DELIVERED, changed_at=utcnow())
            )
            for row in part:
                moves.move(
                    uuid.UUID(str(row.broadcast_id)), account_id, DeliveryState.ACCEPTED, DeliveryState.DELIVERED
                )
            moves.write(session)


def batches(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    step = iter(items)
    while part := list(islice(step, size)):
        yield part


def sizes(database: Database) -> dict[str, int]:
    """Bytes of every table and index."""
    with database.engine.connect() as connection:
        if database.is_sqlite:
            rows = connection.execute(text("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
        else:
            rows = connection.execute(
                text(
                    "SELECT relname, pg_relation_size(oid) FROM pg_class"
                    " WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace"
                )
            )
        return {str(name): int(size) for name, size in rows if size}


def show(database: Database, count: int) -> None:
    began = utcnow()
    unit_id, account_id = unit_and_account(database)
    known = people(database, unit_id, count)
    for part in batches(known, SPREAD):
        release(database, unit_id, account_id, list(part))
        send(database, account_id, most=SPREAD)
        receipts(database, account_id)
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    print(f"\n{database.engine.dialect.name}: {count:,} deliveries in {(utcnow() - began).total_seconds():.0f} s")
    found = sizes(database)
    for name, size in sorted(found.items(), key=lambda item: -item[1]):
        if size > 100_000:
            print(f"{name:45} {size / 1e6:9.1f} MB {size / count:8.1f} bytes for each delivery")
    print(f"{'all':45} {sum(found.values()) / 1e6:9.1f} MB {sum(found.values()) / count:8.1f}")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder, 'rows.db')}")
        Base.metadata.create_all(database.engine)
        show(database, count)
        database.close()
    with running_postgres() as server:
        database = Database(server)
        Base.metadata.create_all(database.engine)
        show(database, count)
        database.close()


if __name__ == "__main__":
    main()
