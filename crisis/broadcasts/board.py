"""What the board of a broadcast shows: counters per account, links, and what needs a person. Reads counters only.

With 20,000 deliveries it costs the same as with twenty: rows are read only where there are few of them.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, literal_column, or_, select
from sqlalchemy.orm import Session

from crisis.channels.registry import FACTS
from crisis.models import Account, Attempt, Broadcast, Delivery, Tally, utcnow
from crisis.sending.fallback import is_over
from crisis.states import OPEN, BroadcastState, DeliveryState

SHOWN = 20  # troubled deliveries shown per account; the counters tell how many more there are
COUNTED = 2000  # of them are sorted by reason

_DONE = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED)
_TROUBLED = (DeliveryState.FAILED, DeliveryState.UNCERTAIN)
# Written out instead of bound: a partial index is used only for a constant.
_IN_TROUBLE = literal_column("delivery.state").in_([literal_column("'failed'"), literal_column("'uncertain'")])


@dataclass(frozen=True, slots=True)
class Trouble:
    """A delivery that failed or is uncertain, with the provider's words."""

    id: uuid.UUID
    address: str
    language: str
    state: DeliveryState
    code: str
    say: str
    attempts: int
    for_a_person: bool  # uncertain, and nobody but a person can find out


@dataclass(frozen=True, slots=True)
class Alike:
    """Troubled deliveries with one and the same reason, that nobody but ourselves is asked about."""

    state: DeliveryState
    code: str
    say: str
    count: int
    example: uuid.UUID
    look_at: datetime | None  # uncertain: when we look next


@dataclass(frozen=True, slots=True)
class Wait:
    """Why what is queued does not leave, in the provider's words or ours (empty: only its limits), and until when."""

    say: str
    code: str
    until: datetime


@dataclass(frozen=True, slots=True)
class AccountBoard:
    """One account's row on the board."""

    account: Account
    label: str
    counts: Mapping[DeliveryState, int]
    links: Sequence[tuple[str, str]]  # (language, address) of what everybody can see
    troubles: Sequence[Trouble]
    gives_receipts: bool
    alike: Sequence[Alike] = ()
    wait: Wait | None = None
    over: bool = False  # what waits leaves through the account's fallback now

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def open(self) -> int:
        return sum(self.counts.get(state, 0) for state in OPEN)

    @property
    def done(self) -> int:
        """With the provider or further."""
        return sum(self.counts.get(state, 0) for state in _DONE)

    @property
    def light(self) -> str:
        """One word for the whole row: red, yellow, moving, green, or grey when nothing of it has left."""
        # A pause of today says nothing about a row of yesterday that is done.
        if self.counts.get(DeliveryState.FAILED) or (self.account.paused_reason and self.open):
            return "red"
        if self.counts.get(DeliveryState.UNCERTAIN):
            return "yellow"
        if self.open:
            return "moving"
        return "green" if self.done else "grey"


@dataclass(frozen=True, slots=True)
class Board:
    broadcast: Broadcast
    accounts: Sequence[AccountBoard]
    total: int
    done: int  # with the provider or further
    open: int
    version: str  # changes when anything shown changes: the page's ETag


def board(session: Session, broadcast: Broadcast, now: datetime | None = None) -> Board:
    """The board of one broadcast, in the order of its accounts."""
    now = now or utcnow()
    counts: dict[uuid.UUID, dict[DeliveryState, int]] = {}
    for tally in session.scalars(select(Tally).where(Tally.broadcast_id == broadcast.id, Tally.count != 0)):
        counts.setdefault(tally.account_id, {})[tally.state] = tally.count
    accounts = {account.id: account for account in session.scalars(select(Account).where(Account.id.in_(counts)))}
    rank = {key: position for position, key in enumerate(broadcast.accounts)}
    rows = [
        _row(session, broadcast, account, counts[account.id], now)
        for account in sorted(accounts.values(), key=lambda one: (rank.get(one.key, len(rank)), one.key))
    ]
    total, still_open = sum(row.total for row in rows), sum(row.open for row in rows)
    done = sum(row.done for row in rows)
    marks = [broadcast.state, *(f"{row.account.paused_reason}{sorted(row.counts.items())}" for row in rows)]
    marks.extend(f"{row.links}{[(one.id, one.say, one.for_a_person) for one in row.troubles]}" for row in rows)
    marks.extend(f"{row.alike}{row.wait and (row.wait, _tens(row.wait, now))}{row.over}" for row in rows)
    # Not hash(): two console processes must give the same page the same name.
    version = hashlib.sha256("|".join(map(str, marks)).encode()).hexdigest()[:16]
    return Board(broadcast, rows, total, done, still_open, version)


def _tens(wait: Wait, now: datetime) -> int:
    return int((wait.until - now).total_seconds() // 10)


def _row(
    session: Session, broadcast: Broadcast, account: Account, counts: Mapping[DeliveryState, int], now: datetime
) -> AccountBoard:
    facts = FACTS[account.channel]
    mine = select(Delivery).where(Delivery.broadcast_id == broadcast.id, Delivery.account_id == account.id)
    links = []
    if facts.medium == "wall":
        links = [(row.language, row.url) for row in session.scalars(mine.order_by(Delivery.id)) if row.url]
    troubles: list[Trouble] = []
    alike: list[Alike] = []
    if any(counts.get(state) for state in _TROUBLED):
        troubles = [
            Trouble(
                id=row.id,
                address=row.address,
                language=row.language,
                state=row.state,
                code=row.code,
                say=row.say,
                attempts=row.attempts,
                for_a_person=row.state is DeliveryState.UNCERTAIN and row.due_at is None,
            )
            for row in session.scalars(mine.where(_IN_TROUBLE).order_by(Delivery.id).limit(SHOWN))
        ]
        alike = _alike(session, mine)
    over = is_over(account)
    through = session.get_one(Account, account.fallback_id) if over and account.fallback_id else account
    queued = counts.get(DeliveryState.QUEUED, 0)
    wait = _wait(session, mine, through, queued, now) if queued and broadcast.state == BroadcastState.RELEASED else None
    return AccountBoard(account, facts.label, counts, links, troubles, facts.receipts, alike, wait, over)


def _alike(session: Session, mine: Select[Delivery]) -> list[Alike]:
    """What went wrong, by reason, the commonest first; of the first two thousand, so that a look stays cheap."""
    rows = mine.where(_IN_TROUBLE, or_(Delivery.state == DeliveryState.FAILED, Delivery.due_at.is_not(None)))
    some = rows.order_by(Delivery.id).limit(COUNTED).subquery()
    grouped = (
        select(some.c.state, some.c.code, some.c.say, func.count().label("many"), func.min(some.c.due_at).label("next"))
        .group_by(some.c.state, some.c.code, some.c.say)
        .order_by(func.count().desc(), some.c.say)
        .limit(SHOWN)
    )
    found = []
    for row in session.execute(grouped):
        one = rows.where(Delivery.state == row.state, Delivery.code == row.code, Delivery.say == row.say)
        example = session.scalars(one.with_only_columns(Delivery.id).order_by(Delivery.id).limit(1)).first()
        if example is not None:
            look_at = row.next if row.state == DeliveryState.UNCERTAIN else None
            found.append(Alike(row.state, row.code, row.say, row.many, example, look_at))
    return found


def _wait(session: Session, mine: Select[Delivery], through: Account, queued: int, now: datetime) -> Wait | None:
    """The account's pause, or the next try of what did not get through; None when it is merely this account's turn."""
    if through.paused_reason is not None:
        return None
    ailing = through.busy_streak > 0 or through.troubled_at is not None
    tried = None
    if ailing or queued <= SHOWN:  # else all that wait would be walked through for one that was tried
        asked = mine.where(Delivery.state == DeliveryState.QUEUED, Delivery.attempts > 0, Delivery.say != "")
        tried = session.scalars(asked.order_by(Delivery.due_at).limit(1)).first()
    quiet = through.free_at if through.busy_streak > 0 else None
    due = tried.due_at if tried is not None else None
    until = max((at for at in (quiet, due) if at is not None), default=None)
    if until is None or until <= now:
        return None
    return Wait(tried.say if tried else "", tried.code if tried else "", until)


@dataclass(frozen=True, slots=True)
class Story:
    """One delivery with its attempts, for whoever asks what happened."""

    delivery: Delivery
    account: Account
    through: Account  # the account itself, or its fallback
    attempts: Sequence[Attempt]


def story(session: Session, delivery_id: uuid.UUID) -> Story | None:
    """Everything we know about one delivery."""
    delivery = session.get(Delivery, delivery_id)
    if delivery is None:
        return None
    account = session.get_one(Account, delivery.account_id)
    attempts = session.scalars(
        select(Attempt).where(Attempt.delivery_id == delivery_id).order_by(Attempt.started_at)
    ).all()
    return Story(delivery, account, session.get_one(Account, delivery.through_id), attempts)
