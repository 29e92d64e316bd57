"""The silent test of every way out: planned once a day for each unit, or asked for by hand. Its results stay as rows.

Nothing is sent to anybody. Asking the providers is the listener's; this file says what is due and keeps what was found.
Takes a session and never commits.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.channels.base import Health
from crisis.db import rows_changed
from crisis.models import Account, LinkTest, TestedWay, Unit, new_id
from crisis.settings import Settings
from crisis.states import Mode, NotAllowed, Role

LONGEST = timedelta(minutes=10)  # a test that has not ended by then died with its listener
MOST_A_DAY = 20  # asked for by hand


@dataclass(frozen=True, slots=True)
class Failed:
    """A way that the last test of its unit found not to work."""

    account: str
    mode: Mode
    say: str
    at: datetime


def plan(session: Session, settings: Settings, now: datetime) -> None:
    """Write down each unit's test of today once its time has come. Safe to do twice."""
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(LinkTest)
    ids = {key: unit_id for unit_id, key in session.execute(select(Unit.id, Unit.key))}
    for unit in settings.units:
        here = now.astimezone(unit.tz)
        if unit.key in ids and here.time() >= time.fromisoformat(unit.link_test_at):
            row = {"id": new_id(), "unit_id": ids[unit.key], "planned_for": here.date(), "number": 0}
            session.execute(insert.values(**row).on_conflict_do_nothing())


def wish(session: Session, actor: Actor, unit_id: uuid.UUID, settings: Settings, now: datetime) -> LinkTest:
    """Test now, beside the planned one. Raises `NotAllowed` when one is on its way or there were too many today."""
    if not actor.has(Role.ADMINISTRATOR, unit_id):
        actor.demand(Role.OFFICER, unit_id)
    unit = session.get_one(Unit, unit_id)
    session.execute(select(Unit.id).where(Unit.id == unit_id).with_for_update())
    today = now.astimezone(settings.unit(unit.key).tz).date()
    mine = select(LinkTest).where(LinkTest.unit_id == unit_id)
    if session.scalars(mine.where(LinkTest.ended_at.is_(None)).limit(1)).first() is not None:
        raise NotAllowed("a test is on its way already; look again in a moment")
    last = session.scalar(
        select(func.max(LinkTest.number)).where(LinkTest.unit_id == unit_id, LinkTest.planned_for == today)
    )
    if (last or 0) >= MOST_A_DAY:
        raise NotAllowed("that is enough for today; providers count what they are asked")
    made = LinkTest(unit_id=unit_id, planned_for=today, number=(last or 0) + 1)
    session.add(made)
    session.flush()
    audit.record(session, actor, "link_test.wished", f"link_test:{made.id}", unit_id=unit_id)
    return made


def take(session: Session, now: datetime) -> Sequence[uuid.UUID]:
    """The tests that are mine to run, so that of several listeners one runs each. Those whose listener died are ended."""
    session.execute(
        update(LinkTest)
        .where(LinkTest.ended_at.is_(None), LinkTest.began_at <= now - LONGEST)
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )
    waiting = session.scalars(select(LinkTest.id).where(LinkTest.began_at.is_(None), LinkTest.ended_at.is_(None))).all()
    return [
        one
        for one in waiting
        if rows_changed(
            session,
            update(LinkTest).where(LinkTest.id == one, LinkTest.began_at.is_(None)).values(began_at=now),
        )
    ]


def accounts_of(session: Session, test_id: uuid.UUID) -> Sequence[Account]:
    """The ways a test looks at: every active account of the unit, also those that nothing has left through for a year."""
    test = session.get_one(LinkTest, test_id)
    return session.scalars(
        select(Account)
        .where(Account.unit_id == test.unit_id, Account.active)
        .order_by(Account.mode.desc(), Account.key)
    ).all()


def keep(session: Session, test_id: uuid.UUID, account_id: uuid.UUID, found: Health | None, now: datetime) -> None:
    """What was found about one way. None: its channel has nothing that could be asked."""
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(TestedWay)
    details: Mapping[str, str] = dict(found.details) if found else {}
    row = {
        "id": new_id(),
        "test_id": test_id,
        "account_id": account_id,
        "ok": found.ok if found else None,
        "say": found.say[:500] if found else "",
        "details": dict(details),
        "at": now,
    }
    session.execute(insert.values(**row).on_conflict_do_nothing())


def end(session: Session, test_id: uuid.UUID, now: datetime) -> list[Failed]:
    """It has looked at everything. Returns what failed."""
    session.execute(update(LinkTest).where(LinkTest.id == test_id).values(ended_at=now))
    return _failed(session, [test_id])


def failed(session: Session, units: Sequence[uuid.UUID]) -> list[Failed]:
    """What the last ended test of each of these units found not to work, live ways first."""
    return _failed(session, [test.id for test in (last(session, unit) for unit in units) if test is not None])


def last(session: Session, unit_id: uuid.UUID) -> LinkTest | None:
    """The test that ended last."""
    ended = select(LinkTest).where(LinkTest.unit_id == unit_id, LinkTest.ended_at.is_not(None))
    return session.scalars(ended.order_by(LinkTest.ended_at.desc()).limit(1)).first()


def _failed(session: Session, test_ids: Sequence[uuid.UUID]) -> list[Failed]:
    rows = session.execute(
        select(Account.key, Account.mode, TestedWay.say, TestedWay.at)
        .join(Account, Account.id == TestedWay.account_id)
        .where(TestedWay.test_id.in_(test_ids), TestedWay.ok.is_(False), Account.active)
        .order_by(Account.mode.desc(), Account.key)
    )
    return [Failed(row.key, row.mode, row.say, row.at) for row in rows]


def unfinished(session: Session, units: Sequence[uuid.UUID], now: datetime) -> bool:
    """Has a test waited for a listener, or run, for longer than it may?"""
    late = or_(LinkTest.began_at <= now - LONGEST, LinkTest.began_at.is_(None) & (LinkTest.wished_at <= now - LONGEST))
    asked = select(LinkTest.id).where(LinkTest.unit_id.in_(units), LinkTest.ended_at.is_(None), late)
    return session.scalars(asked.limit(1)).first() is not None
