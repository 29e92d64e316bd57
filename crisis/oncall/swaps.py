"""Swaps between two people of a rota: one offers a time of theirs, the other accepts; until then nothing has changed.

Takes a session and never commits; every step is recorded.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from crisis import audit
from crisis.actor import Actor
from crisis.models import Person, Rota, RotaChange, RotaSwap
from crisis.oncall import asking, own_details, roster, wordings
from crisis.oncall.rota import shifts
from crisis.settings import Settings
from crisis.states import Mode, NotAllowed, Purpose

KEEP_WORD = timedelta(hours=12)
Stretch = tuple[datetime, datetime]


def offer(
    session: Session,
    actor: Actor,
    rota: Rota,
    taker_id: uuid.UUID | None,
    given: Stretch,
    back: Stretch | None,
    reason: str,
    settings: Settings,
    now: datetime,
) -> RotaSwap:
    """Offer my time to somebody, perhaps for one of theirs; they get to know. Raises `NotAllowed`."""
    giver = own_details.demand(session, actor)
    taker = session.get(Person, taker_id) if taker_id else None
    if taker is None or giver.unit_id != rota.unit_id or taker.unit_id != rota.unit_id or taker.id == giver.id:
        raise NotAllowed("choose a colleague of this unit")
    _demand_theirs(rota, giver, given, now)
    if back is not None:
        _demand_theirs(rota, taker, back, now)
    row = RotaSwap(
        rota=rota,
        giver=giver,
        taker=taker,
        starts=given[0],
        ends=given[1],
        back_starts=back[0] if back else None,
        back_ends=back[1] if back else None,
        reason=" ".join(reason.split())[:200],
        offered_at=now,
    )
    session.add(row)
    session.flush()
    _tell(session, taker, wordings.swap(row, "offered", settings), now)
    _record(session, actor, row, "offered")
    return row


def accept(session: Session, actor: Actor, swap_id: uuid.UUID, settings: Settings, now: datetime) -> RotaSwap:
    """The other says yes: from now on the rota says so. Raises `NotAllowed` when the duty has passed on meanwhile."""
    row = _open(session, actor, swap_id, taker=True)
    _demand_theirs(row.rota, row.giver, (row.starts, row.ends), now)
    changes = [(row.taker_id, row.starts, row.ends)]
    if row.back_starts is not None and row.back_ends is not None:
        _demand_theirs(row.rota, row.taker, (row.back_starts, row.back_ends), now)
        changes.append((row.giver_id, row.back_starts, row.back_ends))
    for person_id, starts, ends in changes:
        row.rota.changes.append(
            RotaChange(
                person_id=person_id,
                starts=starts,
                ends=ends,
                kind="swap",
                reason=row.reason,
                made_by=actor.user_id,
                made_at=now,
            )
        )
    _settle(session, actor, row, "accepted", now)
    _tell(session, row.giver, wordings.swap(row, "accepted", settings), now)
    return row


def decline(session: Session, actor: Actor, swap_id: uuid.UUID, settings: Settings, now: datetime) -> RotaSwap:
    """The other says no; the duty stays where it was. Raises `NotAllowed`."""
    row = _open(session, actor, swap_id, taker=True)
    _settle(session, actor, row, "declined", now)
    _tell(session, row.giver, wordings.swap(row, "declined", settings), now)
    return row


def withdraw(session: Session, actor: Actor, swap_id: uuid.UUID, now: datetime) -> RotaSwap:
    """Whoever offered it changes their mind. Raises `NotAllowed`."""
    row = _open(session, actor, swap_id, taker=False)
    _settle(session, actor, row, "withdrawn", now)
    return row


def offered(session: Session, rota_id: uuid.UUID, now: datetime) -> Sequence[RotaSwap]:
    """What is offered and still ahead, the next first."""
    return session.scalars(
        select(RotaSwap)
        .where(RotaSwap.rota_id == rota_id, RotaSwap.state == "offered", RotaSwap.starts > now)
        .options(selectinload(RotaSwap.giver), selectinload(RotaSwap.taker))
        .order_by(RotaSwap.starts)
    ).all()


def waiting_for(session: Session, person_id: uuid.UUID, now: datetime) -> Sequence[RotaSwap]:
    """What somebody is to answer, and what they have offered."""
    mine = or_(RotaSwap.taker_id == person_id, RotaSwap.giver_id == person_id)
    return session.scalars(select(RotaSwap).where(mine, RotaSwap.state == "offered", RotaSwap.starts > now)).all()


def _open(session: Session, actor: Actor, swap_id: uuid.UUID, *, taker: bool) -> RotaSwap:
    row = session.get(RotaSwap, swap_id, with_for_update=True, populate_existing=True)
    me = own_details.demand(session, actor)
    if row is None or me.id != (row.taker_id if taker else row.giver_id):
        raise NotAllowed("this offer is not yours to answer")
    if row.state != "offered":
        raise NotAllowed("this offer has been settled already; look again")
    return row


def _demand_theirs(rota: Rota, person: Person, stretch: Stretch, now: datetime) -> None:
    starts, ends = stretch
    if not now < starts < ends <= starts + timedelta(days=62):
        raise NotAllowed("a swap lies ahead, ends after it starts, and lasts two months at most")
    if any(one.person != person.id for one in shifts(roster.plan_of(rota), starts, ends)):
        raise NotAllowed("%(name)s does not have the duty all of that time; look at the rota", name=person.name)


def _settle(session: Session, actor: Actor, row: RotaSwap, state: str, now: datetime) -> None:
    row.state, row.settled_at = state, now
    session.flush()
    _record(session, actor, row, state)


def _tell(session: Session, person: Person, wording: asking.Wording, now: datetime) -> None:
    """By text or mail, never by a ringing phone."""
    accounts = asking.speaking_accounts(session, person.unit_id, Mode.LIVE)
    accounts.pop("voice", None)
    own = asking.ways_of(session, [person.id], accounts).get(person.id, [])[:1]
    asking.say(
        session,
        wording,
        [asking.Way(account, address, language, person.id, None, now) for account, address, language in own],
        unit_id=person.unit_id,
        mode=Mode.LIVE,
        purpose=Purpose.NOTICE,
        kind="rota_swap",
        incident_id=None,
        now=now,
        expires_at=now + KEEP_WORD,
    )


def _record(session: Session, actor: Actor, row: RotaSwap, what: str) -> None:
    facts = {"key": row.rota.key, "giver": row.giver.reference, "taker": row.taker.reference}
    unit_id = row.rota.unit_id
    audit.record(session, actor, f"rota.swap_{what}", f"rota:{row.rota_id}", unit_id=unit_id, details=facts)
