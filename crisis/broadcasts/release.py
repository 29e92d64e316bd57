"""Letting a broadcast go: allowed? Then its deliveries, counters and audit row in one transaction, and a wake-up after.

From the commit on it is the senders' business; a console that dies now changes nothing.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, insert, literal, select, update
from sqlalchemy.orm import Session, aliased

from crisis import audit, bulk
from crisis.actor import Actor
from crisis.broadcasts import manners, notice, notice_words
from crisis.broadcasts.compose import Composed
from crisis.broadcasts.draft import chosen_accounts
from crisis.broadcasts.freeze import NotReady, Read, digest, freeze, still_as_read
from crisis.broadcasts.reach import STOPS_THE_REST, Crowd, Receiver, crowds, walls
from crisis.models import Broadcast, Delivery, new_id
from crisis.playbooks.playbook import Playbook
from crisis.queues import wake
from crisis.sending import journal, order
from crisis.sending.fallback import ways_out
from crisis.sending.sweep import end_queued
from crisis.sending.tally import Moves
from crisis.settings import Settings
from crisis.states import BROADCAST_MOVES, BroadcastState, DeliveryState, Mode, NotAllowed, Purpose, Role, check_move


class SecondPerson(NotAllowed):
    """One officer may not release this; `say` tells why a second person is needed."""


def release(
    session: Session,
    actor: Actor,
    broadcast: Broadcast,
    settings: Settings,
    playbook: Playbook | None,
    now: datetime,
    *,
    break_glass: str | None = None,
    read: Read | None = None,
) -> int:
    """Release a draft (single authority), an approved broadcast, or anything at all with a `break_glass` reason.

    `read` is what the officer had on the screen; anything else is not sent. `playbook` is needed for a draft only: what
    is frozen can be released when the file is gone. Returns how many deliveries were queued. Raises `NotReady`,
    `Changed`, `SecondPerson` or `NotAllowed`.
    """
    if broadcast.purpose is Purpose.ANSWER:
        raise NotAllowed("an answer is given from the page of what it answers")
    if broadcast.purpose is Purpose.CALL_OUT:
        raise NotAllowed("a call-out is started from its own page, which says who is asked")
    reason = cleared(session, actor, broadcast, settings, playbook, now, break_glass=break_glass, read=read)
    count = _let_go(session, actor, broadcast, settings, now, reason)
    journal.released(session, broadcast, count, now)
    return count


def cleared(
    session: Session,
    actor: Actor,
    broadcast: Broadcast,
    settings: Settings,
    playbook: Playbook | None,
    now: datetime,
    *,
    break_glass: str | None = None,
    read: Read | None = None,
) -> str:
    """Everything that is asked before words may leave; a draft is frozen by it. Returns why the glass was broken, or "".

    Parameters and what is raised: as `release`.
    """
    actor.demand(Role.OFFICER, broadcast.unit_id)
    if broadcast.purpose is Purpose.PLANNED:
        raise NotAllowed("a planned post leaves at its time; change it in the calendar")
    check_move(BROADCAST_MOVES, broadcast.state, BroadcastState.RELEASED)
    if broadcast.incident is not None and broadcast.incident.closed_at is not None:
        raise NotAllowed("the incident is closed; open a new one")
    reason = (break_glass or "").strip()[:500]
    if break_glass is not None and not reason:
        raise NotAllowed("breaking the glass needs a reason; everybody with the right is told it")
    if broadcast.state is BroadcastState.DRAFT:
        needs = freeze(session, broadcast, settings, playbook, now, read)
        if needs.needs == "dual" and not reason:
            raise SecondPerson(needs.why)
    still_as_read(broadcast, read)
    _still_what_was_approved(broadcast, reason, now)
    return reason


def _still_what_was_approved(broadcast: Broadcast, break_glass: str, now: datetime) -> None:
    """Checked again at the last moment: the frozen text is untouched, somebody with the right read it, it is in time."""
    if broadcast.digest != digest(broadcast):
        raise NotAllowed("the text is not what was frozen; nothing was sent. Tell an administrator")
    if broadcast.expires_at is not None and broadcast.expires_at <= now:
        raise NotAllowed("this is too old to be sent; take it back to a draft and look at it again")
    if broadcast.next_update_at is not None and broadcast.next_update_at <= now:
        raise NotAllowed(
            "it promises an update at a time that has passed; take it back to a draft and look at it again"
        )
    if broadcast.authority == "dual" and not break_glass:
        authors = (broadcast.submitted_by, broadcast.created_by)
        yes = [approval for approval in broadcast.approvals if approval.decision == "yes"]
        read = any(approval.digest == broadcast.digest and approval.user_id not in authors for approval in yes)
        # An old yes to the same words does not outlive being taken back or returned.
        if not read or broadcast.state is not BroadcastState.APPROVED:
            raise SecondPerson(broadcast.authority_reason or "a second person has not said yes")


def _let_go(
    session: Session, actor: Actor, broadcast: Broadcast, settings: Settings, now: datetime, reason: str
) -> int:
    accounts = chosen_accounts(session, broadcast)
    original = session.get(Broadcast, broadcast.follows_id) if broadcast.follows_id else None
    if original is not None and broadcast.phase in STOPS_THE_REST:
        # Whoever has not got the wrong or outdated text yet shall not get it now.
        stop_rest(session, original, f"followed by: {broadcast.phase}", now)
    unit = settings.unit(broadcast.unit.key)
    countdown = unit.countdown_live_seconds if broadcast.mode is Mode.LIVE else unit.countdown_drill_seconds
    if broadcast.purpose is not Purpose.STATEMENT:
        countdown = 0
    broadcast.state = BroadcastState.RELEASED
    broadcast.released_by, broadcast.released_at = actor.user_id, now
    broadcast.leaves_at = now + timedelta(seconds=countdown)
    broadcast.break_glass_reason = reason or None
    session.flush()
    count = queue(session, broadcast, walls(accounts, original), crowds(broadcast, accounts, original))
    if original is not None:
        manners.carry_out(session, settings, broadcast, actor.user_id, now)
    if not count and original is not None:
        raise NotReady(Composed(), "nobody has got the first message yet; stop that one instead")
    if not count:
        raise NotReady(Composed(), "nobody would get this; choose audiences or channels")
    if reason:
        told = notice.users_with(session, broadcast.unit_id, Role.APPROVER, but=None)
        notice.tell(session, notice_words.glass_broken(broadcast, actor.name, reason), told, broadcast, now)
    audit.record(
        session,
        actor,
        "broadcast.glass_broken" if reason else "broadcast.released",
        f"broadcast:{broadcast.id}",
        unit_id=broadcast.unit_id,
        details={
            "digest": broadcast.digest,
            "mode": broadcast.mode,
            "deliveries": count,
            "accounts": broadcast.accounts,
            "authority": broadcast.authority,
            "reason": reason,
        },
    )
    return count


def queue(session: Session, broadcast: Broadcast, found: Sequence[Receiver], asked: Sequence[Crowd] = ()) -> int:
    """Write one delivery for each receiver, count them, and note whom to wake after the commit. Returns how many.

    What is asked for is written by the database itself, in this transaction, whether it is ten people or a million.
    """
    texts = {(text.channel, text.language): text.id for text in broadcast.texts}
    accounts = {receiver.account_id for receiver in found} | {crowd.account_id for crowd in asked}
    through = {account_id: account_id for account_id in accounts} | dict(ways_out(session, accounts))
    counted: Counter[uuid.UUID] = Counter()
    rows = []
    for receiver in found:
        rows.append(
            {
                **_shared(broadcast, receiver.account_id, through[receiver.account_id]),
                "id": new_id(),
                "person_id": receiver.person_id,
                "address": receiver.address,
                "language": receiver.language,
                "text_id": texts[receiver.channel, receiver.language],
                "follows_id": receiver.follows_id,
                "priority": order.priority(broadcast.priority, counted[receiver.account_id]),
            }
        )
        counted[receiver.account_id] += 1
    if rows:
        session.execute(insert(Delivery), rows)
    for crowd in asked:
        counted[crowd.account_id] += _queue_crowd(session, broadcast, crowd, texts, through[crowd.account_id])
    _not_twice(session, broadcast, through)
    moves = Moves()
    for account_id, count in counted.items():
        moves.add(broadcast.id, account_id, DeliveryState.QUEUED, count)
    moves.write(session)
    queued = {account_id for account_id, count in counted.items() if count}
    wake(session, broadcast.mode, queued | {through[account_id] for account_id in queued})
    return counted.total()


def _not_twice(session: Session, broadcast: Broadcast, through: Mapping[uuid.UUID, uuid.UUID]) -> None:
    """Nothing goes through an account that says the same there by itself: it waits for its own account instead."""
    same = aliased(Delivery)
    for account_id, way in through.items():
        if way != account_id and way in through:
            session.execute(
                update(Delivery)
                .where(Delivery.broadcast_id == broadcast.id, Delivery.account_id == account_id)
                .where(
                    exists().where(
                        same.broadcast_id == broadcast.id,
                        same.account_id == way,
                        same.address == Delivery.address,
                        same.language == Delivery.language,
                    )
                )
                .values(through_id=account_id)
                .execution_options(synchronize_session=False)
            )


def _shared(broadcast: Broadcast, account_id: uuid.UUID, through_id: uuid.UUID) -> dict[str, Any]:
    return {
        "broadcast_id": broadcast.id,
        "mode": broadcast.mode,
        "account_id": account_id,
        "through_id": through_id,
        "state": DeliveryState.QUEUED,
        "due_at": broadcast.leaves_at,
        "changed_at": broadcast.released_at,
    }


def _queue_crowd(
    session: Session,
    broadcast: Broadcast,
    crowd: Crowd,
    texts: dict[tuple[str, str], uuid.UUID],
    way: uuid.UUID,
) -> int:
    columns = Delivery.__table__.c
    asked = crowd.who.subquery()
    who = select(asked, func.row_number().over(order_by=asked.c[crowd.by]).label("turn")).subquery()
    turn: ColumnElement[int] = who.c.turn
    own = {language: text_id for (channel, language), text_id in texts.items() if channel == crowd.channel}
    if not own:
        return 0
    values: dict[str, Any] = {
        name: literal(value, columns[name].type) for name, value in _shared(broadcast, crowd.account_id, way).items()
    } | {
        "id": bulk.fresh_id(turn, sqlite=bulk.is_sqlite(session.get_bind().dialect)),
        "person_id": who.c.person_id,
        "address": who.c.address,
        "language": who.c.language,
        "text_id": case(own, value=who.c.language),
        "follows_id": who.c.follows_id,
        "priority": case(
            *((turn <= head, broadcast.priority + step) for head, step in zip(order.HEADS, order.STEPS, strict=False)),
            else_=broadcast.priority + order.STEPS[-1],
        ),
        "attempts": literal(0),
        "looks": literal(0),
        "code": literal(""),
        "say": literal(""),
    }
    chosen = select(*values.values()).order_by(turn)
    written = insert(Delivery).from_select([*values], chosen)
    return session.connection().execute(written, execution_options={"preserve_rowcount": True}).rowcount


def stop(session: Session, actor: Actor, broadcast: Broadcast, reason: str, now: datetime) -> int:
    """Cancel what is still queued, at once. What has left is not recalled. Returns how many were cancelled."""
    actor.demand(Role.OFFICER, broadcast.unit_id)
    check_move(BROADCAST_MOVES, broadcast.state, BroadcastState.STOPPED)
    cancelled = stop_rest(session, broadcast, reason.strip() or "stopped by an officer", now)
    audit.record(
        session,
        actor,
        "broadcast.stopped",
        f"broadcast:{broadcast.id}",
        unit_id=broadcast.unit_id,
        details={"cancelled": cancelled, "reason": reason.strip()[:500]},
    )
    return cancelled


def stop_rest(session: Session, broadcast: Broadcast, reason: str, now: datetime) -> int:
    """Stop a released broadcast; nothing happens to one that is over. Returns how many were cancelled."""
    if broadcast.state is not BroadcastState.RELEASED:
        return 0
    broadcast.state = BroadcastState.STOPPED
    broadcast.stop_reason, broadcast.ended_at = reason[:500], now
    session.flush()
    return end_queued(session, [broadcast.id], DeliveryState.CANCELLED, reason[:500], now)
