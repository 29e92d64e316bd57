"""What a correction does with the posts it follows: change them in place, take them down once it stands, or stand under them.

The choice is made with the draft, is part of what is approved, and is carried out in the transaction of the release.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from crisis.channels.registry import FACTS
from crisis.models import Account, Broadcast, Delivery, Removal
from crisis.queues import wake
from crisis.settings import Settings
from crisis.states import REACHED, STANDS, DeliveryState, Manner, NotAllowed, RemovalState

LONGEST_CHAIN = 50
ALWAYS = datetime(9999, 1, 1, tzinfo=UTC)


def window(settings: Settings, account: Account) -> timedelta | None:
    """How long after posting this account may change a post; None: never."""
    told = next((one.options for one in settings.accounts if one.key == account.key), None)
    minutes = getattr(told, "edit_minutes", 0)  # what the network sells to some accounts only
    return timedelta(minutes=minutes) if minutes else FACTS[account.channel].edits


def editable_until(
    session: Session, settings: Settings, account: Account, delivery: Delivery, now: datetime
) -> datetime | None:
    """Until when the post can be changed in place; `ALWAYS`, None when not (any more)."""
    long = window(settings, account)
    if long is None or delivery.state not in STANDS or delivery.provider_id is None:
        return None
    if delivery.through_id != account.id:  # its fallback posted it, and is asked about its own limits
        return None
    if long == timedelta.max:
        return ALWAYS
    until = _posted_at(session, delivery) + long
    return until if until > now else None


def _posted_at(session: Session, delivery: Delivery) -> datetime:
    """When the post itself appeared: words put in the place of others do not make it younger."""
    first = delivery
    for _ in range(LONGEST_CHAIN):
        earlier = (
            session.get(Delivery, first.follows_id) if first.manner is Manner.IN_PLACE and first.follows_id else None
        )
        if earlier is None:
            break
        first = earlier
    return first.first_attempt_at or first.changed_at


def choose(broadcast: Broadcast, manners: Mapping[str, str]) -> None:
    """Keep what was chosen for each account of the draft. Raises `NotAllowed` for what its network can't do."""
    wanted = {}
    for key, word in manners.items():
        if word not in set(Manner):
            raise NotAllowed("choose what becomes of each post")
        if word != Manner.UNDER and key in broadcast.accounts:
            wanted[key] = Manner(word).value
    broadcast.manners = wanted


def carry_out(
    session: Session, settings: Settings, broadcast: Broadcast, user_id: uuid.UUID | None, now: datetime
) -> None:
    """After the deliveries are queued: each gets its manner, and posts that are to come down get their removals."""
    if not broadcast.manners:
        return
    old = aliased(Delivery)
    rows = session.execute(
        select(Delivery, old, Account)
        .join(old, old.id == Delivery.follows_id)
        .join(Account, Account.id == Delivery.account_id)
        .where(Delivery.broadcast_id == broadcast.id, Account.key.in_(broadcast.manners))
    ).all()
    for new, before, account in rows:
        facts = FACTS[account.channel]
        if facts.medium != "wall":
            continue  # what is in somebody's phone stays there
        manner = broadcast.manners[account.key]
        if manner == Manner.IN_PLACE and editable_until(session, settings, account, before, now):
            new.manner, new.through_id = Manner.IN_PLACE, before.through_id
        elif manner == Manner.APART and facts.deletes and before.state in REACHED:
            new.manner = Manner.APART
            reason = f"replaced by: {broadcast.phase}"
            put_down(session, before, user_id, reason, now, after_id=new.id)
    session.flush()


def put_down(
    session: Session,
    delivery: Delivery,
    user_id: uuid.UUID | None,
    reason: str,
    now: datetime,
    *,
    after_id: uuid.UUID | None,
) -> bool:
    """Ask for one post to be taken down, once `after_id` stands. False when that is under way or done already."""
    row = session.scalar(select(Removal).where(Removal.delivery_id == delivery.id).with_for_update())
    if row is None:
        row = Removal(delivery_id=delivery.id, mode=delivery.mode, through_id=delivery.through_id)
        session.add(row)
    elif row.state is RemovalState.QUEUED and after_id is None and row.after_id is not None:
        pass  # it waits for words, and somebody will not wait for them any more
    elif row.state not in (RemovalState.FAILED, RemovalState.CANCELLED):
        return False
    row.state, row.after_id, row.due_at, row.lease_until = RemovalState.QUEUED, after_id, now, None
    row.reason, row.asked_by, row.asked_at, row.changed_at = reason[:500], user_id, now, now
    row.code = row.say = ""
    if delivery.state is not DeliveryState.QUEUED:
        wake(session, delivery.mode, [delivery.through_id])
    return True
