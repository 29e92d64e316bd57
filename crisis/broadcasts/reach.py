"""Who gets a broadcast: walls, the people of the audiences, or exactly those who got the one it follows.

Nobody gets the same thing twice: a person has one delivery per channel, and two persons who share a phone share it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Uuid, case, cast, func, null, select, union
from sqlalchemy.orm import Session

from crisis.channels.registry import FACTS
from crisis.models import Account, Broadcast, Delivery, Destination, Group, OptOut, Person, membership
from crisis.settings import LANGUAGES
from crisis.states import REACHED, BroadcastState, DeliveryState

WALL = "wall"
STOPS_THE_REST = frozenset({"correction", "all_clear"})  # phases after which nobody new may get the old text


@dataclass(frozen=True, slots=True)
class Receiver:
    """One delivery to be: who, where and in which language; `follows_id` is the delivery it continues."""

    account_id: uuid.UUID
    channel: str
    address: str
    language: str
    person_id: uuid.UUID | None = None
    follows_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Crowd:
    """Those an account reaches, as a question: person_id, address, language, follows_id; `by` names their order.

    A whole county stays in the database; nobody needs its names in memory.
    """

    account_id: uuid.UUID
    channel: str
    who: Select[Any]
    by: str


def walls(accounts: Sequence[Account], original: Broadcast | None) -> list[Receiver]:
    """The public places a first message goes to. A follow-up goes where the first one got, which `crowds` knows."""
    if original is not None:
        return []
    return [
        Receiver(account.id, account.channel, WALL, language)
        for account in accounts
        if FACTS[account.channel].medium == "wall"
        for language in account.languages
    ]


def crowds(broadcast: Broadcast, accounts: Sequence[Account], original: Broadcast | None) -> list[Crowd]:
    """Everybody else, those who have said stop left out. `accounts` in the order they are to be used."""
    if original is None:
        return [
            Crowd(account.id, account.channel, _reached(broadcast, account), "person_id")
            for account in _speaking(accounts)
        ]
    # An update waits its turn behind what is still to come; a correction or all-clear stops that first.
    queued_too = broadcast.phase not in STOPS_THE_REST
    return [
        Crowd(account.id, account.channel, _got(original, [account], queued_too=queued_too), "follows_id")
        for account in accounts
    ]


def receivers(
    session: Session, broadcast: Broadcast, accounts: Sequence[Account], original: Broadcast | None
) -> list[Receiver]:
    """Everybody who gets it, one by one."""
    return walls(accounts, original) + [
        Receiver(crowd.account_id, crowd.channel, row.address, row.language, row.person_id, row.follows_id)
        for crowd in crowds(broadcast, accounts, original)
        for row in session.execute(crowd.who.order_by(crowd.by))
    ]


def _speaking(accounts: Sequence[Account]) -> list[Account]:
    """The first account of each channel that speaks to people; a second one of the same kind would say it twice."""
    first: dict[str, Account] = {}
    for account in accounts:
        if FACTS[account.channel].medium != "wall":
            first.setdefault(account.channel, account)
    return list(first.values())


def _reached(broadcast: Broadcast, account: Account) -> Select[Any]:
    """Whom the account reaches of the audiences: each person by the first destination they have not closed to us, and
    each destination once, in the language of the first of those who share it.
    """
    invited = (
        select(membership.c.person_id)
        .join(Group, Group.id == membership.c.group_id)
        .where(Group.unit_id == broadcast.unit_id, Group.key.in_(broadcast.audiences))
    )
    stopped = select(OptOut.address).where(OptOut.account_id == account.id, OptOut.ended_at.is_(None))
    turn = func.row_number().over(partition_by=Destination.person_id, order_by=(Destination.position, Destination.id))
    mine = (
        select(Destination.person_id, Destination.address, turn.label("turn"))
        .where(
            Destination.medium == FACTS[account.channel].medium,
            Destination.consent,
            Destination.person_id.in_(invited),
            Destination.address.not_in(stopped),
        )
        .subquery()
    )
    # Not min(person_id): PostgreSQL has none for ids before version 18.
    sharing = func.row_number().over(partition_by=mine.c.address, order_by=mine.c.person_id)
    first = select(mine.c.person_id, mine.c.address, sharing.label("turn")).where(mine.c.turn == 1).subquery()
    spoken = case((Person.language.in_(LANGUAGES), Person.language), else_=LANGUAGES[0])
    return (
        select(first.c.person_id, spoken.label("language"), first.c.address, cast(null(), Uuid()).label("follows_id"))
        .join(Person, Person.id == first.c.person_id)
        .where(first.c.turn == 1)
    )


def _got(original: Broadcast, accounts: Sequence[Account], *, queued_too: bool) -> Select[*tuple[Any, ...]]:
    states = set(REACHED)
    if queued_too and original.state is BroadcastState.RELEASED:
        states.add(DeliveryState.QUEUED)
    return select(
        Delivery.id.label("follows_id"), Delivery.account_id, Delivery.address, Delivery.language, Delivery.person_id
    ).where(
        Delivery.broadcast_id == original.id,
        Delivery.account_id.in_([account.id for account in accounts]),
        Delivery.state.in_(states),
    )


@dataclass(frozen=True, slots=True)
class HeadCount:
    """How many would get it, without naming anybody: by account and language, and different persons in all."""

    deliveries: Mapping[tuple[uuid.UUID, str], int]
    persons: int


def head_count(
    session: Session, broadcast: Broadcast, accounts: Sequence[Account], original: Broadcast | None
) -> HeadCount:
    """What `receivers` would give, counted by the database: a preview must not read 20,000 people to say so."""
    if original is not None:
        got = _got(original, accounts, queued_too=broadcast.phase not in STOPS_THE_REST).subquery()
        rows = session.execute(
            select(got.c.account_id, got.c.language, func.count()).group_by(got.c.account_id, got.c.language)
        )
        counted = {(account_id, language): count for account_id, language, count in rows}
        return HeadCount(counted, session.scalar(select(func.count(got.c.person_id.distinct()))) or 0)
    counted = {}
    reached: list[Select[Any]] = []
    for account in accounts:
        if FACTS[account.channel].medium == "wall":
            counted |= {(account.id, language): 1 for language in account.languages}
    for account in _speaking(accounts):
        people = _reached(broadcast, account).cte(f"reached_{len(reached)}")
        reached.append(select(people.c.person_id))
        for language, count in session.execute(select(people.c.language, func.count()).group_by(people.c.language)):
            counted[account.id, language] = count
    persons = session.scalar(select(func.count()).select_from(union(*reached).subquery())) if reached else 0
    return HeadCount(counted, persons or 0)


@dataclass(frozen=True, slots=True)
class Audience:
    """A group by name, and how many persons are in it."""

    key: str
    name: str
    persons: int


def audiences(session: Session, unit_id: uuid.UUID, keys: Iterable[str]) -> list[Audience]:
    """The named audiences of a unit; one that has no group is listed with its key and nobody in it."""
    wanted = list(keys)
    rows = {
        row.key: row
        for row in session.execute(
            select(Group.key, Group.name, func.count(membership.c.person_id).label("persons"))
            .outerjoin(membership, membership.c.group_id == Group.id)
            .where(Group.unit_id == unit_id, Group.key.in_(wanted))
            .group_by(Group.id, Group.key, Group.name)
        )
    }
    return [
        Audience(key, rows[key].name, rows[key].persons) if key in rows else Audience(key, key, 0) for key in wanted
    ]


def on_offer(session: Session, unit_id: uuid.UUID, first: Iterable[str]) -> list[Audience]:
    """Every group of the unit an officer may tick, those named in `first` before the others."""
    known = session.scalars(select(Group.key).where(Group.unit_id == unit_id).order_by(Group.name))
    return audiences(session, unit_id, dict.fromkeys([*first, *known]))
