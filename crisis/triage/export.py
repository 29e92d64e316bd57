"""What people said during an incident, for the report afterwards: CSV for a spreadsheet, JSON for a program."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.models import Account, HandOver, InboundRow

COLUMNS = (
    "at",
    "received_at",
    "channel",
    "account",
    "kind",
    "author",
    "author_name",
    "language",
    "lane",
    "urgency",
    "state",
    "settled_at",
    "settled_why",
    "handed_over_to",
    "folded",
    "url",
    "text",
)
_RUNS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs what begins so (OWASP, CSV injection)


def rows(session: Session, incident_id: uuid.UUID) -> Iterator[dict[str, Any]]:
    """Everything said in an incident, oldest first, as plain values."""
    handed = {
        row.inbound_id: row.to
        for row in session.execute(
            select(HandOver.inbound_id, HandOver.to)
            .join(InboundRow, InboundRow.id == HandOver.inbound_id)
            .where(InboundRow.incident_id == incident_id)
            .order_by(HandOver.at)
        )
    }
    found = session.execute(
        select(InboundRow, Account.key)
        .join(Account, Account.id == InboundRow.account_id)
        .where(InboundRow.incident_id == incident_id)
        .order_by(InboundRow.at, InboundRow.id)
        .execution_options(yield_per=500)
    )
    for row, key in found:
        yield {
            **{name: getattr(row, name) for name in COLUMNS if hasattr(InboundRow, name) and name != "account"},
            "at": row.at.isoformat(),
            "received_at": row.received_at.isoformat(),
            "settled_at": row.settled_at.isoformat() if row.settled_at else "",
            "account": key,
            "lane": row.lane.value,
            "state": row.state.value,
            "url": row.url or "",
            "handed_over_to": handed.get(row.id, ""),
        }


def as_csv(session: Session, incident_id: uuid.UUID) -> Iterator[str]:
    """UTF-8 with a mark that spreadsheets need; nothing in it can run as a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    yield "\ufeff"
    writer.writerow(COLUMNS)
    for row in rows(session, incident_id):
        writer.writerow([_harmless(row[name]) for name in COLUMNS])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    yield out.getvalue()


def as_json(session: Session, incident_id: uuid.UUID) -> Iterator[str]:
    """One JSON array, a row at a time."""
    yield "["
    for number, row in enumerate(rows(session, incident_id)):
        yield (",\n" if number else "\n") + json.dumps(row, ensure_ascii=False)
    yield "\n]\n"


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_RUNS) else value
