"""Receiving what people say: stored once as it came, STOP and START obeyed at once. Nothing is judged or linked here.

That is done by `reading`, outside every webhook request.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, func, literal, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis import bulk
from crisis.channels.base import Inbound
from crisis.models import Account, Delivery, InboundRow, Incident, new_id
from crisis.sending.consent import opt_in, opt_out
from crisis.sentence import Sentence
from crisis.states import InboundState, Lane
from crisis.triage import counts

LONGEST = 20_000  # characters kept of one inbound
MOST_EARLIER = 10  # earlier texts kept of one that is changed again and again: the first and the newest
CHUNK = 500
OBEYED = Sentence("the word was obeyed")
GONE = Sentence("taken away before it was read")


@dataclass(frozen=True, slots=True)
class Heard:
    """What people said during an incident: how much in all, and the newest rows with their accounts."""

    count: int
    rows: Sequence[tuple[InboundRow, Account]]


def heard(session: Session, incident: Incident, limit: int = 50) -> Heard:
    """What answers the incident's broadcasts, and what came unasked to its unit while it was open; newest first."""
    unasked = [InboundRow.incident_id.is_(None), InboundRow.at >= incident.opened_at]
    if incident.closed_at is not None:
        unasked.append(InboundRow.at <= incident.closed_at)
    mine = or_(
        InboundRow.incident_id == incident.id,
        and_(InboundRow.unit_id == incident.unit_id, InboundRow.mode == incident.mode, *unasked),
    )
    count = session.scalar(select(func.count()).select_from(InboundRow).where(mine)) or 0
    newest = session.execute(
        select(InboundRow, Account)
        .join(Account, Account.id == InboundRow.account_id)
        .where(mine)
        .order_by(InboundRow.at.desc(), InboundRow.id.desc())
        .limit(limit)
    )
    return Heard(count, [(row, account) for row, account in newest])


def receive(session: Session, account: Account, inbounds: Sequence[Inbound], now: datetime) -> int:
    """Store what is new, keep both texts of what was changed, mark what was taken away. Returns how many were new.

    Safe to be told the same again, by several processes at once: one row stays for each provider id of the account.
    """
    new = again = 0
    for start in range(0, len(inbounds), CHUNK):
        stored, known = _receive(session, account, inbounds[start : start + CHUNK], now)
        new, again = new + stored, again + known
    if again:
        counts.add(session, account.key, "again", again)
    return new


def _receive(session: Session, account: Account, inbounds: Sequence[Inbound], now: datetime) -> tuple[int, int]:
    first: dict[str, Inbound] = {}
    later: list[Inbound] = []
    for one in inbounds:
        if (key := one.provider_id[:200]) in first:
            later.append(one)
        else:
            first[key] = one
    is_sqlite = bulk.is_sqlite(session.get_bind().dialect)
    asked = {"account": account.id, "given": bulk.pack([key] for key in first)}
    there = set(session.connection().scalars(_THERE[is_sqlite], asked))
    # By provider id, so that two who are told the same at once never wait for each other in a circle.
    rows = [_row(account, one, now) for key, one in sorted(first.items()) if key not in there]
    mine = _insert(session, rows)
    stored = [one for key, one in first.items() if key in mine]
    for inbound in stored:
        if inbound.consent is not None:  # an old STOP told again must not undo a later START
            _obey(session, account, inbound, now)
    changes = sorted([one for key, one in first.items() if key not in mine] + later, key=lambda one: one.provider_id)
    again = sum(not _change(session, account, one, now) for one in changes)
    return len(stored), again


def _insert(session: Session, rows: list[dict[str, Any]]) -> set[str]:
    """The provider ids of those that were not there yet, whoever else is storing the same at this moment."""
    if not rows:
        return set()
    is_sqlite = bulk.is_sqlite(session.get_bind().dialect)
    told = bulk.pack([[_cell(row[name], sqlite=is_sqlite) for name in _GIVEN] for row in rows])
    return set(session.connection().scalars(_INSERT[is_sqlite], {"given": told}))


def _cell(value: Any, *, sqlite: bool) -> Any:
    if isinstance(value, uuid.UUID):
        return bulk.of_id(value)
    return bulk.of_time(value, sqlite=sqlite) if isinstance(value, datetime) else value


_TABLE = InboundRow.__table__
# What a new row is given, as `_row` makes it, and what every new row begins with.
_GIVEN = (
    "id", "account_id", "unit_id", "mode", "channel", "provider_id", "kind", "author", "author_name", "text", "at",
    "received_at", "url", "in_reply_to", "root", "private", "repost", "consent", "raw", "state", "settled_at",
    "settled_why", "deleted_at",
)  # fmt: skip
_FIRST: dict[str, Any] = {
    "language": "", "earlier_texts": [], "reasons": [], "lane": Lane.QUESTION, "urgency": 50, "rank": 50, "folded": 0,
}  # fmt: skip


def _inserting(*, is_sqlite: bool) -> Any:
    given = bulk.table({name: _TABLE.c[name].type for name in _GIVEN}, sqlite=is_sqlite)
    first = [literal(value, _TABLE.c[name].type) for name, value in _FIRST.items()]
    # SQLite takes ON CONFLICT for a join without the WHERE.
    rows = select(*given.c, *first).where(literal_column("1") == 1)
    insert = sqlite if is_sqlite else postgresql
    made = insert.insert(_TABLE).from_select([*_GIVEN, *_FIRST], rows, include_defaults=False)
    return made.on_conflict_do_nothing().returning(_TABLE.c.provider_id)


def _asking(*, is_sqlite: bool) -> Any:
    given = bulk.table({"provider_id": _TABLE.c.provider_id.type}, sqlite=is_sqlite)
    mine = _TABLE.c.account_id == bindparam("account")
    return select(_TABLE.c.provider_id).where(mine, _TABLE.c.provider_id.in_(select(given.c.provider_id)))


_INSERT = {is_sqlite: _inserting(is_sqlite=is_sqlite) for is_sqlite in (True, False)}  # built once
_THERE = {is_sqlite: _asking(is_sqlite=is_sqlite) for is_sqlite in (True, False)}


def _row(account: Account, inbound: Inbound, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": new_id(),
        "account_id": account.id,
        "unit_id": account.unit_id,
        "mode": account.mode,
        "channel": account.channel,
        "provider_id": inbound.provider_id[:200],
        "kind": inbound.kind,
        "author": inbound.author[:254],
        "author_name": inbound.author_name[:120],
        "text": inbound.text[:LONGEST],
        # Nobody writes tomorrow: a wrong clock must not put somebody at the end of the queue.
        "at": min(inbound.at, now),
        "received_at": now,
        "url": inbound.url[:500] if inbound.url else None,
        "in_reply_to": inbound.in_reply_to[:200] if inbound.in_reply_to else None,
        "root": inbound.root[:200] if inbound.root else None,
        "private": inbound.private,
        "repost": inbound.repost,
        "consent": inbound.consent,
        "raw": {"language": inbound.language} if inbound.language else {},
        "state": InboundState.WAITING,
        "settled_at": None,
        "settled_why": "",
        "deleted_at": now if inbound.deleted else None,
    }
    if inbound.consent is not None or (inbound.deleted and not inbound.text):
        why = OBEYED if inbound.consent is not None else GONE
        row |= {"state": InboundState.CLOSED, "settled_at": now, "settled_why": why}
    return row


def _obey(session: Session, account: Account, inbound: Inbound, now: datetime) -> None:
    if inbound.consent == "start":
        opt_in(session, account.id, inbound.author, now)
        return
    spoke_for = session.scalar(
        select(Delivery.account_id)
        .where(Delivery.through_id == account.id, Delivery.address == inbound.author)
        .order_by(Delivery.id.desc())
        .limit(1)
    )
    # They answer whoever spoke; what they want no more is the account it spoke for, too.
    for whom in {account.id, spoke_for or account.id}:
        opt_out(session, whom, inbound.author, "stop", now)


def _change(session: Session, account: Account, inbound: Inbound, now: datetime) -> bool:
    """Something told of before: changed, taken away, or just told again (False)."""
    if not (inbound.edited or inbound.deleted):
        return False
    row = session.scalars(
        select(InboundRow)
        .where(InboundRow.account_id == account.id, InboundRow.provider_id == inbound.provider_id[:200])
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None or row.erased_at is not None:
        return False
    if inbound.deleted:
        if row.deleted_at is not None:
            return False
        row.deleted_at = now  # the words stay: they may have been a cry for help
        return True
    text = inbound.text[:LONGEST]
    if text == row.text:
        return False
    earlier = [*row.earlier_texts, row.text]
    row.earlier_texts = earlier if len(earlier) <= MOST_EARLIER else [earlier[0], *earlier[-MOST_EARLIER + 1 :]]
    row.text, row.understood_at = text, None  # read again
    if row.folded_into_id is not None:
        _unfold(session, row)
    session.flush()
    return True


def _unfold(session: Session, row: InboundRow) -> None:
    """It no longer says what the one it was folded into says."""
    session.execute(
        update(InboundRow)
        .where(InboundRow.id == row.folded_into_id, InboundRow.folded > 0)
        .values(folded=InboundRow.folded - 1)
    )
    row.folded_into_id = None
