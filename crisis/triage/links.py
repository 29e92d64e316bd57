"""What an inbound belongs to: the delivery it answers, that one's broadcast and incident, else the one open incident.

Asked when it is read, and again a while later: people may answer before we have written down what we said.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import ColumnElement, func, select, tuple_, update
from sqlalchemy.orm import Session

from crisis.db import rows_changed
from crisis.models import Broadcast, Delivery, InboundRow, Incident
from crisis.states import Mode

ANSWERS_WITHIN = timedelta(days=7)  # an older message is hardly what somebody's text answers
TRIED_AGAIN = timedelta(minutes=15)  # so long an inbound may be ahead of our own record
MOST_LATE, MOST = 50_000, 2_000  # answers looked through, and threads looked up at once, the newest


class Linkable(Protocol):
    """What is asked about; a row, or the few columns of one."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def account_id(self) -> uuid.UUID: ...
    @property
    def unit_id(self) -> uuid.UUID: ...
    @property
    def mode(self) -> Mode: ...
    @property
    def author(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def in_reply_to(self) -> str | None: ...
    @property
    def root(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Link:
    delivery_id: uuid.UUID | None = None
    broadcast_id: uuid.UUID | None = None
    incident_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class OpenIncident:
    id: uuid.UUID
    title: str
    opened_at: datetime


Where = tuple[uuid.UUID, Mode]
Late = tuple[uuid.UUID, str, Link]  # account, what was answered, and what that is


def open_incidents(session: Session) -> dict[Where, list[OpenIncident]]:
    """All that are open now, by unit and mode."""
    found: dict[Where, list[OpenIncident]] = {}
    for one in session.scalars(select(Incident).where(Incident.closed_at.is_(None)).order_by(Incident.opened_at)):
        found.setdefault((one.unit_id, one.mode), []).append(OpenIncident(one.id, one.title, one.opened_at))
    return found


def link(
    session: Session, rows: Sequence[Linkable], going_on: Mapping[Where, Sequence[OpenIncident]]
) -> dict[uuid.UUID, Link]:
    """What each row belongs to, by its id."""
    said = _said(session, {key for row in rows for key in _keys(row)})
    written = _written(session, rows)
    found: dict[uuid.UUID, Link] = {}
    for row in rows:
        known = next((said[key] for key in _keys(row) if key in said), None)
        if known is None and (to := written.get((row.account_id, row.author))) and row.at - to[1] < ANSWERS_WITHIN:
            known = to[0]
        found[row.id] = known or _beside(row, going_on.get((row.unit_id, row.mode), ()))
    return found


def late(session: Session, now: datetime) -> list[Late]:
    """What can be linked now and could not when it was read: it came before our own record of what it answers."""
    asked = select(InboundRow.account_id, InboundRow.in_reply_to, InboundRow.root, InboundRow.received_at)
    newest = asked.where(*_late(now)).order_by(InboundRow.received_at.desc()).limit(MOST_LATE).subquery().c
    # Asked for what was answered, not for each answer: thousands under one strange post are one question.
    said = (newest.account_id, newest.in_reply_to, newest.root)
    threads = session.execute(
        select(*said).group_by(*said).order_by(func.max(newest.received_at).desc()).limit(MOST)
    ).all()
    keys = {(one.account_id, key) for one in threads for key in (one.in_reply_to, one.root) if key}
    return [(*key, to) for key, to in _said(session, keys).items() if to.delivery_id is not None]


def link_late(session: Session, found: Sequence[Late], now: datetime) -> int:
    """Link what `late` found. Returns how many were linked. What a text answers counts before where its thread began."""
    return sum(
        rows_changed(
            session,
            update(InboundRow)
            .where(*_late(now), InboundRow.account_id == account_id, column == key)
            .values(
                delivery_id=to.delivery_id,
                broadcast_id=to.broadcast_id,
                incident_id=to.incident_id or InboundRow.incident_id,
            )
            .execution_options(synchronize_session=False),
        )
        for column in (InboundRow.in_reply_to, InboundRow.root)
        for account_id, key, to in found
    )


def _late(now: datetime) -> list[ColumnElement[bool]]:
    return [
        InboundRow.delivery_id.is_(None),
        InboundRow.in_reply_to.is_not(None),
        InboundRow.received_at > now - TRIED_AGAIN,
        InboundRow.understood_at.is_not(None),
    ]


def _keys(row: Linkable) -> list[tuple[uuid.UUID, str]]:
    return [(row.account_id, told) for told in (row.in_reply_to, row.root) if told]


def _said(session: Session, asked: set[tuple[uuid.UUID, str]]) -> dict[tuple[uuid.UUID, str], Link]:
    """Posts of ours, and what others wrote under them, by account and provider id."""
    if not asked:
        return {}
    found = {
        (account, provider): Link(delivery, broadcast, incident)
        for account, provider, delivery, broadcast, incident in session.execute(
            select(Delivery.through_id, Delivery.provider_id, Delivery.id, Delivery.broadcast_id, Broadcast.incident_id)
            .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
            .where(tuple_(Delivery.through_id, Delivery.provider_id).in_(asked))
        )
        if provider is not None
    }
    if left := asked - found.keys():
        others = session.execute(
            select(
                InboundRow.account_id,
                InboundRow.provider_id,
                InboundRow.delivery_id,
                InboundRow.broadcast_id,
                InboundRow.incident_id,
            ).where(
                tuple_(InboundRow.account_id, InboundRow.provider_id).in_(left),
                InboundRow.delivery_id.is_not(None),
            )
        )
        for account, provider, delivery, broadcast, incident in others:
            found[(account, provider)] = Link(delivery, broadcast, incident)
    return found


def _written(session: Session, rows: Iterable[Linkable]) -> dict[tuple[uuid.UUID, str], tuple[Link, datetime]]:
    """The last thing we said to each of these phones and mailboxes."""
    asked = {(row.account_id, row.author) for row in rows if row.author.startswith("+") or "@" in row.author[1:]}
    if not asked:
        return {}
    told = session.execute(
        select(
            Delivery.through_id,
            Delivery.address,
            Delivery.id,
            Delivery.broadcast_id,
            Broadcast.incident_id,
            Delivery.changed_at,
        )
        .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
        .where(tuple_(Delivery.through_id, Delivery.address).in_(asked))
        .order_by(Delivery.id)
    )
    return {
        (account, address): (Link(one, broadcast, incident), at)
        for account, address, one, broadcast, incident, at in told
    }


def _beside(row: Linkable, going_on: Sequence[OpenIncident]) -> Link:
    """Unasked: it belongs to the one incident that is going on there. With two, nobody can say which."""
    here = [one for one in going_on if one.opened_at <= row.at]
    return Link(incident_id=here[0].id) if len(here) == 1 else Link()
