"""What a call-out came to, told afterwards: how fast, over which ways, and who never answered. Reads only."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crisis.models import Account as AccountRow
from crisis.models import Ask, CallOut, Delivery, Person, Reply, User
from crisis.oncall.callout_board import NOT_REACHED, Asked, Board, board
from crisis.states import AskState, DeliveryState

LEFT = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED)


@dataclass(frozen=True, slots=True)
class ByWay:
    """One way: how many tries left by it, how many failed, and how many answered on it how soon."""

    way: str
    tries: int
    failed: int
    answers: int
    yes: int
    soon: timedelta | None  # from the first try of a person to their answer, the middle one


@dataclass(frozen=True, slots=True)
class Report:
    """`told` is the board as it stands."""

    told: Board
    opened_by: str
    asked: int
    answered: int
    first_try_at: datetime | None
    first_yes_at: datetime | None
    last_place_at: datetime | None  # when the last of those who come said so
    ways: Sequence[ByWay]
    never: Sequence[Asked]  # tried, and not a word
    replies: int
    changed: int  # how many said one thing and later another


def report(session: Session, call_out: CallOut) -> Report:
    """May be read while it goes on; the numbers are then those of now."""
    told = board(session, call_out)
    asks = session.execute(
        select(Ask.id, Ask.state, Ask.way, Ask.asked_at, Ask.answered_at, Ask.reserve).where(
            Ask.call_out_id == call_out.id, Ask.tries > 0
        )
    ).all()
    opener = session.get(User, call_out.opened_by) if call_out.opened_by else None
    times = [row.asked_at for row in asks if row.asked_at]
    yes = [row.answered_at for row in asks if row.state is AskState.YES and row.answered_at]
    seated = [row.answered_at for row in asks if row.state is AskState.YES and not row.reserve and row.answered_at]
    replies, changed = _said(session, call_out)
    return Report(
        told=told,
        opened_by=opener.name if opener else "",
        asked=len(asks),
        answered=sum(row.state in (AskState.YES, AskState.NO) for row in asks),
        first_try_at=min(times, default=None),
        first_yes_at=min(yes, default=None),
        last_place_at=max(seated, default=None),
        ways=_ways(session, call_out, asks),
        never=_never(session, call_out),
        replies=replies,
        changed=changed,
    )


def _said(session: Session, call_out: CallOut) -> tuple[int, int]:
    rows = session.execute(
        select(Reply.ask_id, Reply.word)
        .join(Ask, Ask.id == Reply.ask_id)
        .where(Ask.call_out_id == call_out.id)
        .order_by(Reply.at)
    ).all()
    words: dict[uuid.UUID, set[str]] = {}
    for row in rows:
        if row.word in ("yes", "later", "no"):
            words.setdefault(row.ask_id, set()).add("no" if row.word == "no" else "yes")
    return len(rows), sum(len(said) > 1 for said in words.values())


def _ways(session: Session, call_out: CallOut, asks: Sequence[object]) -> list[ByWay]:
    tried: dict[str, list[int]] = {}
    for channel, state, count in session.execute(
        select(AccountRow.channel, Delivery.state, func.count())
        .join(AccountRow, AccountRow.id == Delivery.account_id)
        .where(Delivery.broadcast_id == call_out.broadcast_id)
        .group_by(AccountRow.channel, Delivery.state)
    ):
        pair = tried.setdefault(channel, [0, 0])
        pair[0] += count if state in LEFT or state is DeliveryState.FAILED else 0
        pair[1] += count if state is DeliveryState.FAILED else 0
    answered: dict[str, list[tuple[bool, timedelta | None]]] = {}
    for row in asks:
        if row.way:  # type: ignore[attr-defined]
            took = row.answered_at - row.asked_at if row.answered_at and row.asked_at else None  # type: ignore[attr-defined]
            answered.setdefault(row.way, []).append((row.state is AskState.YES, took))  # type: ignore[attr-defined]
    order = [*call_out.ways, *sorted({*tried, *answered} - set(call_out.ways))]
    found = []
    for way in order:
        said = answered.get(way, [])
        soon = [took for _, took in said if took is not None]
        tries, failed = tried.get(way, [0, 0])
        if tries or said:
            middle = timedelta(seconds=median(one.total_seconds() for one in soon)) if soon else None
            found.append(ByWay(way, tries, failed, len(said), sum(yes for yes, _ in said), middle))
    return found


def _never(session: Session, call_out: CallOut) -> list[Asked]:
    """Those who were tried and have said nothing at all; some were let off before they could, and their state says so."""
    spoke = select(Reply.ask_id).where(Reply.ask_id == Ask.id).exists()
    rows = session.execute(
        select(Ask, Person.name, Person.skills)
        .join(Person, Person.id == Ask.person_id)
        .where(Ask.call_out_id == call_out.id, Ask.tries > 0, ~spoke)
        .where(Ask.state.in_([*NOT_REACHED, AskState.RINGING, AskState.SPARED]))
        .order_by(Person.name)
    ).all()
    return [
        Asked(
            *(ask.id, ask.person_id, name, skills or (), ask.state, ask.why, False, False, ask.tries, "", ""),
            *(None, None, ask.due_at),
        )
        for ask, name, skills in rows
    ]
