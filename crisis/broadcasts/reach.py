"""Who gets a broadcast: walls, the people of the audiences, or exactly those who got the one it follows.

Nobody gets the same thing twice: a person has one delivery per channel, and two persons who share a phone share it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
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


def receivers(
    session: Session, broadcast: Broadcast, accounts: Sequence[Account], original: Broadcast | None
) -> list[Receiver]:
    """Everybody who gets it, those who have said stop left out. `accounts` in the order they are to be used."""
    if original is not None:
        # An update waits its turn behind what is still to come; a correction or all-clear stops that first.
        return _those_who_got(session, original, accounts, queued_too=broadcast.phase not in STOPS_THE_REST)
    walls = [account for account in accounts if FACTS[account.channel].medium == "wall"]
    found = [
        Receiver(account.id, account.channel, WALL, language) for account in walls for language in account.languages
    ]
    used: set[str] = set()
    for account in accounts:
        # The first account of a channel speaks to people; a second one of the same kind would say it twice.
        if FACTS[account.channel].medium != "wall" and account.channel not in used:
            used.add(account.channel)
            found.extend(_people(session, broadcast, account))
    return found


def _people(session: Session, broadcast: Broadcast, account: Account) -> list[Receiver]:
    medium = FACTS[account.channel].medium
    rows = session.execute(
        select(Person.id, Person.language, Destination.address)
        .join(Destination, Destination.person_id == Person.id)
        .join(membership, membership.c.person_id == Person.id)
        .join(Group, Group.id == membership.c.group_id)
        .where(
            Group.unit_id == broadcast.unit_id,
            Group.key.in_(broadcast.audiences),
            Destination.medium == medium,
            Destination.consent,
        )
        .order_by(Person.id, Destination.position)
    )
    stopped = set(
        session.scalars(select(OptOut.address).where(OptOut.account_id == account.id, OptOut.ended_at.is_(None)))
    )
    found: list[Receiver] = []
    persons: set[uuid.UUID] = set()
    addresses: set[str] = set()
    for person_id, language, address in rows:
        if person_id in persons or address in stopped:
            continue
        persons.add(person_id)
        if address not in addresses:
            addresses.add(address)
            spoken = language if language in LANGUAGES else LANGUAGES[0]
            found.append(Receiver(account.id, account.channel, address, spoken, person_id))
    return found


def _those_who_got(
    session: Session, original: Broadcast, accounts: Sequence[Account], *, queued_too: bool
) -> list[Receiver]:
    channel_of = {account.id: account.channel for account in accounts}
    states = set(REACHED)
    if queued_too and original.state is BroadcastState.RELEASED:
        states.add(DeliveryState.QUEUED)
    rows = session.execute(
        select(Delivery.id, Delivery.account_id, Delivery.address, Delivery.language, Delivery.person_id)
        .where(
            Delivery.broadcast_id == original.id,
            Delivery.account_id.in_(channel_of),
            Delivery.state.in_(states),
        )
        .order_by(Delivery.id)
    )
    return [
        Receiver(row.account_id, channel_of[row.account_id], row.address, row.language, row.person_id, row.id)
        for row in rows
    ]


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
