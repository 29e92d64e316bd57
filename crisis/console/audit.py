"""The page of the record: who did what, when, and whether the chain is whole. Read only, by construction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, Select, func, or_, select

from crisis import audit
from crisis.console.act_words import acts_like
from crisis.console.guard import may
from crisis.console.here import runtime, unit
from crisis.console.lists import Pager, asked_page
from crisis.models import AuditRow, Grant, utcnow
from crisis.states import Role

pages = Blueprint("audit", __name__, url_prefix="/record")
PAGE_SIZE = 50
MOST_FINDINGS = 20


@pages.get("/")
@may(Role.ADMINISTRATOR, Role.APPROVER)
def index() -> ResponseReturnValue:
    wanted = _wanted()
    with runtime().database.reading() as session:
        total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
        pager = Pager(asked_page(), max(1, -(-total // PAGE_SIZE)))
        offset = (pager.number - 1) * PAGE_SIZE
        rows: Sequence[Any] = session.scalars(
            wanted.order_by(AuditRow.number.desc()).offset(offset).limit(PAGE_SIZE)
        ).all()
        return _page(rows, total=total, pager=pager, findings=None)


@pages.get("/chain")
@may(Role.ADMINISTRATOR, Role.APPROVER)
def chain() -> ResponseReturnValue:
    """Walk the whole chain, of every unit: a hole anywhere is everybody's business."""
    with runtime().database.reading() as session:
        findings = list(islice(audit.verify(session), MOST_FINDINGS))
        total = session.scalar(select(func.count()).select_from(AuditRow)) or 0
        return _page([], total=total, pager=Pager(1, 1), findings=findings, checked_at=utcnow())


def _page(rows: Sequence[Any], **values: object) -> str:
    return render_template("console/audit.html", rows=rows, asked=request.args, **values)


def _wanted() -> Select[AuditRow]:
    asked = request.args
    wanted = select(AuditRow).where(_mine(unit().id))
    if who := asked.get("who", "").strip():
        wanted = wanted.where(AuditRow.who.icontains(who, autoescape=True))
    if what := asked.get("what", "").strip():
        wanted = wanted.where(
            or_(
                AuditRow.act.icontains(what, autoescape=True),
                AuditRow.act.in_(acts_like(what)),
                AuditRow.subject.icontains(what, autoescape=True),
            )
        )
    if start := _midnight(asked.get("from", "")):
        wanted = wanted.where(AuditRow.at >= start)
    if end := _midnight(asked.get("to", ""), days=1):
        wanted = wanted.where(AuditRow.at < end)
    return wanted


def _mine(unit_id: uuid.UUID) -> ColumnElement[bool]:
    """Acts in this unit, and acts of its users that belong to no unit, such as signing in."""
    colleagues = select(Grant.user_id).where(Grant.unit_id == unit_id)
    return or_(AuditRow.unit_id == unit_id, AuditRow.unit_id.is_(None) & AuditRow.user_id.in_(colleagues))


def _midnight(written: str, days: int = 0) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(written) + timedelta(days=days), time(), unit().settings.tz)
    except ValueError:
        return None
