"""Taking work: one drainer per account by a lease, and batches of its deliveries by compare-and-set.

What is checked at the moment of sending is checked here: the broadcast still stands, is not too old, the account is not
paused, the receiver has not said stop, and what this delivery follows has had its turn.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, func, literal_column, or_, select, tuple_, update
from sqlalchemy.orm import Session, aliased

from crisis.channels.base import Outgoing
from crisis.db import rows_changed
from crisis.models import (
    Account,
    Broadcast,
    BroadcastText,
    Delivery,
    Destination,
    Incident,
    OptOut,
    Unit,
)
from crisis.sending.outcomes import LONGEST_PAUSE
from crisis.sending.tally import Moves
from crisis.states import BroadcastState, DeliveryState

ACCOUNT_LEASE = timedelta(seconds=15)  # renewed while its drain lives
SPEAK_WITHIN = 20.0  # seconds after claiming; later it is given back unspoken
LONGEST_CALL = 55.0  # seconds; a call that is longer in the air is cut off and uncertain
DELIVERY_LEASE = timedelta(seconds=90)  # longer than the two together: whoever holds one is heard before it runs out
CLOCK_DOUBT = timedelta(minutes=1)  # between machines; what lies further ahead than it can was set by a wrong clock
LONGEST_THREAD = 20  # e-mail References; older ones add nothing

# Written out instead of bound: a partial index is used only for a constant.
_QUEUED = literal_column("delivery.state") == literal_column("'queued'")
# The second half says the words of the index of unfinished deliveries, without which SQLite does not use it.
UNFINISHED = literal_column("delivery.state").in_([literal_column("'sending'"), literal_column("'uncertain'")])
_UNCERTAIN = and_(literal_column("delivery.state") == literal_column("'uncertain'"), UNFINISHED)

# Plain columns: building an object for each of 20,000 rows would cost as much as sending them.
_NEEDED = (
    Delivery.id,
    Delivery.broadcast_id,
    Delivery.account_id,
    Delivery.through_id,
    Delivery.person_id,
    Delivery.address,
    Delivery.language,
    Delivery.text_id,
    Delivery.follows_id,
    Delivery.priority,
    Delivery.due_at,
    Delivery.attempts,
    Delivery.looks,
    Delivery.first_attempt_at,
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to send (or to look up) until its lease runs out."""

    out: Outgoing
    delivery_id: uuid.UUID
    broadcast_id: uuid.UUID
    account_id: uuid.UUID  # whose it is, also when another account speaks for it
    attempt: int
    looks: int
    first_attempt_at: datetime
    priority: int = 5


def ran_out(lease_until: ColumnElement[datetime | None], length: timedelta, now: datetime) -> ColumnElement[bool]:
    """Is this lease over? Also when it ends later than any lease can: then the clock was set back since."""
    return or_(lease_until < now, lease_until > now + length + CLOCK_DOUBT)


def due(now: datetime) -> ColumnElement[bool]:
    """Has the delivery's time come? No pause of ours is as long as the second line: the clock was set back since."""
    furthest = now + timedelta(seconds=LONGEST_PAUSE) + CLOCK_DOUBT
    return or_(Delivery.due_at <= now, and_(Delivery.attempts > 0, Delivery.due_at > furthest))


def take_account(session: Session, account_id: uuid.UUID, owner: str, now: datetime) -> Account | None:
    """Lease the account to `owner`, or renew the lease. None when it is paused, not free yet, or somebody else's."""
    taken = rows_changed(
        session,
        update(Account)
        .where(
            Account.id == account_id,
            Account.active,
            Account.paused_reason.is_(None),
            or_(
                Account.lease_owner.is_(None),
                Account.lease_owner == owner,
                ran_out(Account.lease_until, ACCOUNT_LEASE, now),  # type: ignore[arg-type]
            ),
        )
        .values(lease_owner=owner, lease_until=now + ACCOUNT_LEASE)
        .execution_options(synchronize_session=False),
    )
    return session.get(Account, account_id, populate_existing=True) if taken == 1 else None


def leave_account(
    session: Session,
    account_id: uuid.UUID,
    owner: str,
    free_at: datetime | None,
    busy_streak: int,
    troubled: dict[str, Any] | None = None,
) -> None:
    """Give the lease back and note when the account may speak next, and whether its calls come to something."""
    session.execute(
        update(Account)
        .where(Account.id == account_id, Account.lease_owner == owner)
        .values(lease_owner=None, lease_until=None, free_at=free_at, busy_streak=busy_streak, **(troubled or {}))
    )


# What follows these has had its turn, or is having it.
LEFT = (DeliveryState.SENDING, DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.UNCERTAIN)


def overtaken() -> ColumnElement[bool]:
    """Has what follows this delivery on the same destination left already? Then the older words must not come after."""
    later = aliased(Delivery)
    return exists().where(later.follows_id == Delivery.id, later.state.in_(LEFT))


def _may_leave(now: datetime) -> list[object]:
    earlier = aliased(Delivery)
    return [
        _QUEUED,
        due(now),
        exists().where(
            Broadcast.id == Delivery.broadcast_id,
            Broadcast.state == BroadcastState.RELEASED,
            or_(Broadcast.expires_at.is_(None), Broadcast.expires_at > now),
        ),
        # An update never overtakes what it updates on the same destination.
        ~exists().where(
            earlier.id == Delivery.follows_id,
            earlier.state.in_([DeliveryState.QUEUED, DeliveryState.SENDING]),
        ),
        or_(Delivery.attempts == 0, ~overtaken()),  # nothing can have passed one that was never tried
    ]


def claim(
    session: Session,
    account_id: uuid.UUID,
    limit: int,
    now: datetime,
    unsubscribe_url: Callable[[uuid.UUID], str] | None = None,
) -> list[Claimed]:
    """Take up to `limit` due deliveries of the account, urgent first; they are `sending` from the commit on."""
    chosen = (
        select(Delivery.id)
        .where(Delivery.through_id == account_id, *_may_leave(now))  # type: ignore[arg-type]
        .order_by(Delivery.priority, Delivery.due_at, Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Delivery)
    )
    rows = session.execute(
        update(Delivery)
        .where(Delivery.id.in_(chosen))
        .values(
            state=DeliveryState.SENDING,
            attempts=Delivery.attempts + 1,
            looks=0,
            lease_until=now + DELIVERY_LEASE,
            first_attempt_at=func.coalesce(Delivery.first_attempt_at, now),
            changed_at=now,
        )
        .returning(*_NEEDED)
        .execution_options(synchronize_session=False)
    ).all()
    deliveries = sorted(rows, key=lambda row: (row.priority, row.due_at, row.id.int))
    moves = Moves()
    for (broadcast_id, whose), count in Counter((row.broadcast_id, row.account_id) for row in deliveries).items():
        moves.move(broadcast_id, whose, DeliveryState.QUEUED, DeliveryState.SENDING, count)
    willing = _suppress_unwilling(session, deliveries, moves, now)
    moves.write(session)
    return _outgoing(session, willing, unsubscribe_url)


def claim_uncertain(session: Session, account_id: uuid.UUID, limit: int, now: datetime) -> list[Claimed]:
    """Uncertain deliveries whose time to be found out has come. They stay uncertain; the look is counted."""
    chosen = (
        select(Delivery.id)
        .where(Delivery.through_id == account_id, _UNCERTAIN, Delivery.due_at <= now)
        .order_by(Delivery.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Delivery)
    )
    rows = session.execute(
        update(Delivery)
        .where(Delivery.id.in_(chosen))
        # If this process dies while looking, the next one looks when this time has come.
        .values(looks=Delivery.looks + 1, due_at=now + DELIVERY_LEASE)
        .returning(*_NEEDED)
        .execution_options(synchronize_session=False)
    ).all()
    return _outgoing(session, list(rows), None)


def _suppress_unwilling(
    session: Session, deliveries: Sequence[Row[*tuple[Any, ...]]], moves: Moves, now: datetime
) -> list[Row[*tuple[Any, ...]]]:
    """Take out those who have said stop since the broadcast was released, to its account or the one that speaks for it."""
    addresses = [row.address for row in deliveries]
    asked = {row.account_id for row in deliveries} | {row.through_id for row in deliveries}
    stopped = {
        (row.account_id, row.address)
        for row in session.execute(
            select(OptOut.account_id, OptOut.address).where(
                OptOut.account_id.in_(asked), OptOut.ended_at.is_(None), OptOut.address.in_(addresses)
            )
        )
    }
    pairs = [(row.person_id, row.address) for row in deliveries if row.person_id]
    withdrawn = set(
        session.execute(
            select(Destination.person_id, Destination.address).where(
                ~Destination.consent, tuple_(Destination.person_id, Destination.address).in_(pairs)
            )
        )
        if pairs
        else ()
    )
    unwilling = {
        row.id
        for row in deliveries
        if not stopped.isdisjoint({(row.account_id, row.address), (row.through_id, row.address)})
        or (row.person_id, row.address) in withdrawn
    }
    if not unwilling:
        return list(deliveries)
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_(unwilling))
        .values(state=DeliveryState.SUPPRESSED, lease_until=None, say="the receiver has said stop", changed_at=now)
        .execution_options(synchronize_session=False)
    )
    for row in deliveries:
        if row.id in unwilling:
            moves.move(row.broadcast_id, row.account_id, DeliveryState.SENDING, DeliveryState.SUPPRESSED)
    return [row for row in deliveries if row.id not in unwilling]


def _outgoing(
    session: Session, deliveries: Sequence[Row[*tuple[Any, ...]]], unsubscribe_url: Callable[[uuid.UUID], str] | None
) -> list[Claimed]:
    """Turn rows into the values an adapter gets."""
    if not deliveries:
        return []
    texts = {
        text.id: text
        for text in session.scalars(
            select(BroadcastText).where(BroadcastText.id.in_({row.text_id for row in deliveries}))
        )
    }
    context = {
        broadcast.id: (broadcast, incident, name)
        for broadcast, incident, name in session.execute(
            select(Broadcast, Incident, Unit.name)
            .outerjoin(Incident, Incident.id == Broadcast.incident_id)  # a notice may have none
            .join(Unit, Unit.id == Broadcast.unit_id)
            .where(Broadcast.id.in_({row.broadcast_id for row in deliveries}))
        )
    }
    threads = _threads(session, deliveries)
    claimed = []
    for row in deliveries:
        broadcast, incident, organisation = context[row.broadcast_id]
        text, thread = texts[row.text_id], threads.get(row.id, ())
        first = row.first_attempt_at
        out = Outgoing(
            reference=f"{row.id.hex}.{row.attempts}",
            delivery_id=row.id.hex,
            address=row.address,
            language=row.language,
            text=text.text,
            title=text.title,
            mode=broadcast.mode.value,
            phase=broadcast.phase,
            incident_id=incident.id.hex if incident else "",
            incident_title=incident.title if incident else "",
            organisation=organisation,
            released_at=broadcast.released_at,
            expires_at=broadcast.expires_at,
            reply_to=thread[-1] if thread else None,
            thread=thread,
            first_attempt_at=first,
            unsubscribe_url=unsubscribe_url(row.id) if unsubscribe_url else None,
        )
        claimed.append(
            Claimed(out, row.id, row.broadcast_id, row.account_id, row.attempts, row.looks, first, row.priority)
        )
    return claimed


def _threads(session: Session, deliveries: Sequence[Row[*tuple[Any, ...]]]) -> dict[uuid.UUID, tuple[str, ...]]:
    """For each delivery the provider ids of those before it in its thread, oldest first.

    Only what left through the same account: a provider's id means nothing to another provider.
    """
    earlier: dict[uuid.UUID, tuple[str | None, uuid.UUID | None, uuid.UUID]] = {}
    wanted = {row.follows_id for row in deliveries if row.follows_id}
    for _ in range(LONGEST_THREAD):
        if not wanted:
            break
        found = session.execute(
            select(Delivery.id, Delivery.provider_id, Delivery.follows_id, Delivery.through_id).where(
                Delivery.id.in_(wanted)
            )
        )
        wanted = set()
        for delivery_id, provider_id, follows_id, through_id in found:
            earlier[delivery_id] = (provider_id, follows_id, through_id)
            if follows_id and follows_id not in earlier:
                wanted.add(follows_id)
    threads = {}
    for row in deliveries:
        thread: list[str] = []
        step = row.follows_id
        while step in earlier and len(thread) < LONGEST_THREAD:
            provider_id, step, through_id = earlier[step]
            if provider_id and through_id == row.through_id:
                thread.insert(0, provider_id)
        if thread:
            threads[row.id] = tuple(thread)
    return threads
