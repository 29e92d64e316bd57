"""What the board of a broadcast shows: counters per account, links, and what needs a person. Reads counters only.

With 20,000 deliveries it costs the same as with twenty: rows are read only where there are few of them.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import literal_column, select
from sqlalchemy.orm import Session

from crisis.channels.registry import FACTS
from crisis.models import Account, Attempt, Broadcast, Delivery, Tally
from crisis.states import OPEN, DeliveryState

SHOWN = 20  # troubled deliveries shown per account; the counters tell how many more there are

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
class AccountBoard:
    """One account's row on the board."""

    account: Account
    label: str
    counts: Mapping[DeliveryState, int]
    links: Sequence[tuple[str, str]]  # (language, address) of what everybody can see
    troubles: Sequence[Trouble]
    gives_receipts: bool

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


def board(session: Session, broadcast: Broadcast) -> Board:
    """The board of one broadcast, in the order of its accounts."""
    counts: dict[uuid.UUID, dict[DeliveryState, int]] = {}
    for tally in session.scalars(select(Tally).where(Tally.broadcast_id == broadcast.id, Tally.count != 0)):
        counts.setdefault(tally.account_id, {})[tally.state] = tally.count
    accounts = {account.id: account for account in session.scalars(select(Account).where(Account.id.in_(counts)))}
    rank = {key: position for position, key in enumerate(broadcast.accounts)}
    rows = [
        _row(session, broadcast, account, counts[account.id])
        for account in sorted(accounts.values(), key=lambda one: (rank.get(one.key, len(rank)), one.key))
    ]
    total, still_open = sum(row.total for row in rows), sum(row.open for row in rows)
    done = sum(row.done for row in rows)
    marks = [broadcast.state, *(f"{row.account.paused_reason}{sorted(row.counts.items())}" for row in rows)]
    marks.extend(f"{row.links}{[(one.id, one.say, one.for_a_person) for one in row.troubles]}" for row in rows)
    # Not hash(): two console processes must give the same page the same name.
    version = hashlib.sha256("|".join(map(str, marks)).encode()).hexdigest()[:16]
    return Board(broadcast, rows, total, done, still_open, version)


def _row(session: Session, broadcast: Broadcast, account: Account, counts: Mapping[DeliveryState, int]) -> AccountBoard:
    facts = FACTS[account.channel]
    mine = select(Delivery).where(Delivery.broadcast_id == broadcast.id, Delivery.account_id == account.id)
    links = []
    if facts.medium == "wall":
        links = [(row.language, row.url) for row in session.scalars(mine.order_by(Delivery.id)) if row.url]
    troubles: list[Trouble] = []
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
    return AccountBoard(account, facts.label, counts, links, troubles, facts.receipts)


@dataclass(frozen=True, slots=True)
class Story:
    """One delivery with its attempts, for whoever asks what happened."""

    delivery: Delivery
    account: Account
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
    return Story(delivery, account, attempts)
