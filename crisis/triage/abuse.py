"""Abuse: hiding it from the public and reporting it to the network, where the network lets us, with the evidence kept.

A person asks, the listener does it. The evidence is a copy with a digest, made at the moment of asking, so that it stands
when the author or the network takes the words away. Hiding twice is harmless, and a second report reaches the same
moderators and nobody else, so what is unknown is done again.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast, get_args

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.channels.base import AbuseKind
from crisis.channels.registry import KINDS
from crisis.models import AbuseReport, Hiding, InboundRow
from crisis.states import Lane, NotAllowed, Role

LEASE = timedelta(minutes=2)  # longer than any call
TRIES = 8
MOST_AT_ONCE = 200  # of the same words by one press
_FIRST_PAUSE = timedelta(seconds=10)

Act = Literal["hide", "report"]
Asked = Hiding | AbuseReport
_TABLES: Mapping[Act, type[Hiding | AbuseReport]] = {"hide": Hiding, "report": AbuseReport}
_DONE: Mapping[Act, str] = {"hide": "hidden", "report": "reported"}
_ABILITIES: Mapping[Act, str] = {"hide": "hide", "report": "report_abuse"}
_RECORDED: Mapping[Act, str] = {"hide": "inbound.hiding_asked", "report": "inbound.report_asked"}


@dataclass(frozen=True, slots=True)
class Due:
    """One act to be done now, by the account it was said to. `kind` is what a report says it is; "" for hiding."""

    act: Act
    inbound_id: uuid.UUID
    account_id: uuid.UUID
    provider_id: str
    attempts: int
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an act on some that say the same stands: "asked" while one is under way, "failed" when one could not be done."""

    state: str
    say: str  # the network's words about the first that is not done
    done: int
    total: int
    copy: Asked | None  # the evidence that is kept longest


def can(act: Act, channel: str) -> bool:
    """Does the network let us hide what others write under our posts, or report it?"""
    kind = KINDS.get(channel)
    return kind is not None and hasattr(kind.open, _ABILITIES[act])


def hide(session: Session, actor: Actor, inbound_id: uuid.UUID, now: datetime) -> int:
    """Have it hidden, with all that says the same behind it, and keep what was said. Returns how many were asked for.

    A second press changes nothing. Raises `NotAllowed`, which says the way round.
    """
    return _ask(session, actor, "hide", inbound_id, now)


def report(session: Session, actor: Actor, inbound_id: uuid.UUID, kind: str, now: datetime) -> int:
    """Have it reported as `kind`, with all that says the same behind it. As `hide`."""
    if kind not in get_args(AbuseKind):
        raise NotAllowed("Choose what is wrong with it.")
    return _ask(session, actor, "report", inbound_id, now, kind=kind)


def able(act: Act, group: Iterable[InboundRow]) -> list[InboundRow]:
    """Those of `group` that the network lets us act on. A cry for help is never among them."""
    return [
        row
        for row in group
        if can(act, row.channel)
        and row.lane is not Lane.DANGER
        and row.erased_at is None
        and not (act == "hide" and row.private)
    ]


def together(session: Session, row: InboundRow) -> list[InboundRow]:
    """It and what says the same behind it: many write the same abuse, and each is a comment of its own there."""
    behind = select(InboundRow).where(InboundRow.folded_into_id == row.id, InboundRow.unit_id == row.unit_id)
    return [row, *session.scalars(behind.order_by(InboundRow.at).limit(MOST_AT_ONCE - 1))]


def _ask(session: Session, actor: Actor, act: Act, inbound_id: uuid.UUID, now: datetime, **more: str) -> int:
    row = session.get(InboundRow, inbound_id, with_for_update=True)
    if row is None:
        raise NotAllowed("It is not here any more.")
    actor.demand(Role.TRIAGER, row.unit_id)
    if row.lane is Lane.DANGER:
        raise NotAllowed("A cry for help is never hidden and never reported.")
    some = able(act, together(session, row))
    if not some:
        if row.erased_at is not None:
            raise NotAllowed("Its words are erased; there is nothing left to act on.")
        if act == "hide":
            raise NotAllowed("This network does not let us hide it. Open it there and report it to the network.")
        raise NotAllowed(
            "This network takes no reports from us. Open it there and report it with the network's own button."
        )
    return sum(_ask_one(session, actor, act, one, now, more) for one in some)


def _ask_one(session: Session, actor: Actor, act: Act, row: InboundRow, now: datetime, more: Mapping[str, str]) -> bool:
    table = _TABLES[act]
    known = cast("Asked | None", session.get(table, row.id))
    if known is not None and known.state != "failed":
        return False
    if known is None:
        known = table(
            inbound_id=row.id,
            account_id=row.account_id,
            provider_id=row.provider_id,
            author=row.author,
            text=row.text,
            sha256=hashlib.sha256(row.text.encode()).hexdigest(),
            url=row.url,
            said_at=row.at,
        )
        session.add(known)
    known.state, known.say, known.attempts, known.due_at = "asked", "", 0, now
    known.asked_by, known.asked_at = actor.user_id, now
    for name, value in more.items():
        setattr(known, name, value)
    session.flush()
    audit.record(
        session, actor, _RECORDED[act], f"inbound:{row.id}", unit_id=row.unit_id,
        details={"sha256": known.sha256, "mode": str(row.mode), **more},
    )  # fmt: skip
    return True


def take(session: Session, act: Act, accounts: Collection[uuid.UUID], now: datetime) -> Sequence[Due]:
    """What these accounts should do now; nobody else takes it before the lease runs out."""
    table = _TABLES[act]
    wanted = select(table).where(table.state == "asked", table.due_at <= now, table.account_id.in_(accounts))
    due = wanted.order_by(table.due_at).limit(20).with_for_update(skip_locked=True)
    found = cast("Sequence[Asked]", session.scalars(due).all())
    for one in found:
        one.attempts, one.due_at = one.attempts + 1, now + LEASE
    return [
        Due(act, one.inbound_id, one.account_id, one.provider_id, one.attempts, getattr(one, "kind", ""))
        for one in found
    ]


def done(session: Session, due: Due, now: datetime) -> None:
    """The public no longer sees it, or the network's moderators have it."""
    table = _TABLES[due.act]
    ended = {"state": _DONE[due.act], "say": "", "done_at": now}
    session.execute(update(table).where(table.inbound_id == due.inbound_id).values(**ended))
    if due.act == "hide":
        session.execute(update(InboundRow).where(InboundRow.id == due.inbound_id).values(hidden_at=now))


def could_not(session: Session, due: Due, say: str, *, final: bool, now: datetime) -> None:
    """Tried again after a growing pause, unless the network said never or it was tried often enough."""
    table, over = _TABLES[due.act], final or due.attempts >= TRIES
    values = {"state": "failed" if over else "asked", "say": say[:500], "due_at": now + _FIRST_PAUSE * 2**due.attempts}
    session.execute(update(table).where(table.inbound_id == due.inbound_id, table.state == "asked").values(**values))


def of(session: Session, group: Iterable[InboundRow], act: Act) -> Outcome | None:
    """What became of it and of all that says the same; None where nobody asked."""
    table = _TABLES[act]
    ids = [row.id for row in group]
    asked = cast("Sequence[Asked]", session.scalars(select(table).where(table.inbound_id.in_(ids))).all())
    if not asked:
        return None
    states = [one.state for one in asked]
    state = next((one for one in ("asked", "failed") if one in states), _DONE[act])
    say = next((one.say for one in asked if one.state == state), "")
    copies = sorted((one for one in asked if one.text), key=lambda one: one.asked_at)
    return Outcome(state, say, states.count(_DONE[act]), len(asked), copies[-1] if copies else None)
