"""One try of one person: a delivery of the call-out's frozen words over their next way, and what became of it.

Each try has a number, which is the delivery's round, and is made in the transaction that counts it: a clock that dies
has made it or has not, and nobody is tried twice for one number. The senders do the speaking.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis.broadcasts.draft import chosen_accounts
from crisis.channels.registry import FACTS
from crisis.models import Account, Ask, Broadcast, CallOut, Delivery, Person, ReceiptRow, Reply, new_id
from crisis.oncall.candidates import addresses_of
from crisis.oncall.waves import way_of
from crisis.queues import wake
from crisis.sending import order
from crisis.sending.fallback import ways_out
from crisis.sending.tally import Moves
from crisis.sentence import Sentence
from crisis.settings import LANGUAGES
from crisis.states import AskState, BroadcastState, DeliveryState

CHUNK = 500
ANSWER_IN_FLIGHT = timedelta(seconds=5)  # a call has ended, and what was pressed may still be on its way to us
LONGEST_RING = timedelta(minutes=3)  # a call of which we hear nothing more has ended by then
REACHED_NOBODY = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.SUPPRESSED, DeliveryState.CANCELLED)
ASKING = (AskState.RINGING, AskState.NO_ANSWER, AskState.BUSY, AskState.VOICEMAIL, AskState.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Try:
    """A delivery to be made."""

    ask_id: uuid.UUID
    person_id: uuid.UUID
    account: Account
    address: str
    language: str
    number: int
    position: int = 0


def queue(session: Session, broadcast: Broadcast, wanted: Sequence[Try], now: datetime) -> set[uuid.UUID]:
    """Write the deliveries, count them and wake the senders after the commit. Returns the asks that got one.

    The others share their address with somebody who is asked in the same round.
    """
    if not wanted:
        return set()
    session.refresh(broadcast, ["state"], with_for_update=True)  # so that nobody closes it meanwhile
    if broadcast.state is BroadcastState.CLOSED:  # everything so far was done; now there is more
        broadcast.state, broadcast.ended_at = BroadcastState.RELEASED, None
        session.flush()
    texts = {(text.channel, text.language): text.id for text in broadcast.texts}
    through = {one.account.id: one.account.id for one in wanted} | dict(
        ways_out(session, {one.account.id for one in wanted})
    )
    rows = [
        {
            "id": new_id(),
            "broadcast_id": broadcast.id,
            "mode": broadcast.mode,
            "account_id": one.account.id,
            "through_id": through[one.account.id],
            "person_id": one.person_id,
            "address": one.address,
            "language": one.language,
            "text_id": texts[one.account.channel, one.language],
            "round": one.number,
            "ask_id": one.ask_id,
            "state": DeliveryState.QUEUED,
            "priority": order.priority(broadcast.priority, one.position),
            "due_at": max(now, broadcast.leaves_at or now),
            "attempts": 0,
            "looks": 0,
            "code": "",
            "say": "",
            "changed_at": now,
        }
        for one in wanted
        if (one.account.channel, one.language) in texts
    ]
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(Delivery.__table__)
    writing = insert.on_conflict_do_nothing().returning(Delivery.ask_id, Delivery.account_id)
    made: set[uuid.UUID] = set()
    counted: Counter[uuid.UUID] = Counter()
    for start in range(0, len(rows), CHUNK):
        # Rows beside the statement, not in it: a thousand people of twenty cells each would be built into it for half a second.
        written = session.connection().execute(writing, rows[start : start + CHUNK]).all()
        made.update(row.ask_id for row in written if row.ask_id)
        counted.update(row.account_id for row in written)
    moves = Moves()
    for account_id, count in counted.items():
        moves.add(broadcast.id, account_id, DeliveryState.QUEUED, count)
    moves.write(session)
    wake(session, broadcast.mode, set(counted) | {through[one] for one in counted})
    return made


def next_tries(
    session: Session, call_out: CallOut, broadcast: Broadcast, ask_ids: Collection[uuid.UUID], now: datetime
) -> None:
    """Try these persons once more, each over their next way; who has none left is not tried again by itself."""
    if not ask_ids:
        return
    accounts = {account.channel: account for account in reversed(chosen_accounts(session, broadcast))}
    channels = [channel for channel in call_out.ways if channel in accounts]
    patience = timedelta(seconds=call_out.again_seconds)
    last = (
        select(Delivery.changed_at)
        .where(Delivery.ask_id == Ask.id, Delivery.round == Ask.tries, Delivery.broadcast_id == broadcast.id)
        .limit(1)
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            *(Ask.id, Ask.person_id, Ask.tries, Ask.position, Ask.asked_at, Person.language),
            last.label("last_ended"),
        )
        .join(Person, Person.id == Ask.person_id)
        .where(Ask.id.in_(list(ask_ids)))
        .order_by(Ask.position)
    ).all()
    ways = addresses_of(session, [row.person_id for row in rows], channels)
    wanted, ended, pauses = [], [], []
    for row in rows:
        found = way_of(row.tries + 1, channels, ways.get(row.person_id, {}), call_out.tries)
        if found is None:
            why = Sentence("no phone or mailbox we can use") if not ways.get(row.person_id) else ""
            ended.append((row, why))
            continue
        way, new_round = found
        if new_round and row.last_ended is not None and row.last_ended > now - patience:
            pauses.append({"id": row.id, "due_at": row.last_ended + patience})
            continue
        language = row.language if row.language in LANGUAGES else LANGUAGES[0]
        wanted.append(
            Try(row.id, row.person_id, accounts[way.channel], way.address, language, row.tries + 1, row.position)
        )
    made = queue(session, broadcast, wanted, now)
    numbers = {one.ask_id: one.number for one in wanted}
    changes: list[dict[str, Any]] = []
    for row in rows:
        if row.id in made:
            change = {"state": AskState.RINGING, "why": "", "due_at": None, "asked_at": row.asked_at or now}
        elif row.id in numbers:
            shared = Sentence("shares a phone or mailbox with somebody who is asked")
            change = {"state": AskState.UNREACHABLE, "why": shared, "due_at": now, "asked_at": row.asked_at}
        else:
            continue
        changes.append({"id": row.id, "tries": numbers[row.id], **change})
    for several in (changes, pauses):
        if several:
            session.execute(update(Ask), several)
    for row, why in ended:
        values: dict[str, Any] = {"due_at": None}
        if row.tries == 0:
            values |= {"state": AskState.UNREACHABLE, "why": why}
        session.execute(update(Ask).where(Ask.id == row.id).values(**values))


def conclude(session: Session, call_out: CallOut, broadcast: Broadcast, now: datetime) -> None:
    """What became of the tries that are out: ended, failed, or unanswered for long enough. Sets when the next is due."""
    patience = timedelta(seconds=call_out.again_seconds)
    word = (
        select(ReceiptRow.word)
        .where(ReceiptRow.delivery_id == Delivery.id, ReceiptRow.means == "failed")
        .limit(1)
        .scalar_subquery()
    )
    least = min(patience, LONGEST_RING)
    stuck = and_(
        Delivery.state == DeliveryState.QUEUED,
        or_(
            Account.paused_reason.is_not(None), and_(Delivery.attempts > 0, Delivery.first_attempt_at <= now - patience)
        ),
    )
    begun = (
        select(Reply.id)
        .where(Reply.ask_id == Ask.id, Reply.word == "begun", Reply.at >= Delivery.first_attempt_at)
        .exists()
    )
    rows = session.execute(
        select(
            *(Ask.id, Ask.tries, Delivery.id.label("delivery_id"), Delivery.state, Delivery.say, Delivery.changed_at),
            *(Delivery.account_id, Account.channel, word.label("word"), begun.label("begun")),
        )
        .join(Delivery, and_(Delivery.ask_id == Ask.id, Delivery.round == Ask.tries))
        .join(Account, Account.id == Delivery.account_id)
        .where(
            Ask.call_out_id == call_out.id,
            Ask.state == AskState.RINGING,
            Delivery.broadcast_id == broadcast.id,
            or_(
                Delivery.state.in_([*REACHED_NOBODY, DeliveryState.DELIVERED]),
                and_(
                    Delivery.state.in_([DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN]),
                    Delivery.changed_at <= now - least,
                ),
                stuck,
            ),
        )
    ).all()
    changes = []
    for row in rows:
        if row.state is DeliveryState.QUEUED and not withdraw(session, [row.delivery_id], "another way is tried", now):
            continue  # a sender has just taken it
        rings = FACTS[row.channel].form == "voice"
        became = outcome(row.state, row.word or "", row.say, now - row.changed_at, patience, rings=rings)
        if became is None:
            continue
        state, why = became
        # Whoever began to answer and put the phone down is not rung again: a person finds out what they meant.
        due_at = now if row.tries < call_out.tries and not row.begun else None
        changes.append({"id": row.id, "state": state, "why": why[:200], "due_at": due_at, "unclear": row.begun})
    if changes:
        # Compare-and-set: an answer that came meanwhile stays.
        changed = update(Ask.__table__).where(  # type: ignore[arg-type]
            Ask.__table__.c.id == bindparam("ask"), Ask.__table__.c.state == AskState.RINGING
        )
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("state", "why", "due_at", "unclear")}
        session.connection().execute(
            changed.values(**values),
            [{"ask": one.pop("id"), **{f"new_{name}": value for name, value in one.items()}} for one in changes],
        )


def outcome(
    state: DeliveryState, word: str, say: str, age: timedelta, patience: timedelta, *, rings: bool
) -> tuple[AskState, str] | None:
    """What a try has come to, and why it reached nobody; None: wait on. `word` is the provider's for a failure."""
    if state in REACHED_NOBODY or state is DeliveryState.QUEUED:
        if rings and word == "busy":
            return AskState.BUSY, ""
        if rings and word == "no-answer":
            return AskState.NO_ANSWER, ""
        return AskState.UNREACHABLE, say or word or Sentence("the account could not send")
    if state is DeliveryState.UNCERTAIN:
        return (AskState.UNREACHABLE, Sentence("not known whether it got there")) if age >= patience else None
    if rings:
        enough = ANSWER_IN_FLIGHT if state is DeliveryState.DELIVERED else LONGEST_RING
        return (AskState.NO_ANSWER, "") if age >= enough else None
    return (AskState.NO_ANSWER, "") if age >= patience else None


def withdraw(session: Session, delivery_ids: Collection[uuid.UUID], say: str, now: datetime) -> int:
    """Cancel what is still queued of these; what a sender holds stays its own. Returns how many."""
    return _cancel(session, Delivery.id.in_(list(delivery_ids)), say, now)


def withdraw_asks(session: Session, ask_ids: Collection[uuid.UUID], say: str, now: datetime) -> int:
    """Cancel what is still queued for these asked persons."""
    return _cancel(session, Delivery.ask_id.in_(list(ask_ids)), say, now)


def _cancel(session: Session, which: Any, say: str, now: datetime) -> int:
    ended = session.execute(
        update(Delivery)
        .where(which, Delivery.state == DeliveryState.QUEUED)
        .values(state=DeliveryState.CANCELLED, say=say, changed_at=now)
        .returning(Delivery.broadcast_id, Delivery.account_id)
        .execution_options(synchronize_session=False)
    ).all()
    moves = Moves()
    for broadcast_id, account_id in ended:
        moves.move(broadcast_id, account_id, DeliveryState.QUEUED, DeliveryState.CANCELLED)
    moves.write(session)
    return len(ended)
