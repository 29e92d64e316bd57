"""Reading what was stored: language, lane, urgency with reasons, what it belongs to, and what says the same.

Takes a batch, understands it outside any lock of other people's work, and writes it in one transaction. Several listeners
may read at once, and one may be killed at any moment: what it had not written is read again, and nothing is counted twice.
"""

from __future__ import annotations

import uuid
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis import bulk
from crisis.db import Database
from crisis.models import InboundBand, InboundCount, InboundRow, Unit, utcnow
from crisis.settings import Settings
from crisis.states import InboundState, Lane, Mode
from crisis.triage import folding, links
from crisis.triage.folding import Folding, New
from crisis.triage.glance import may_be_a_cry
from crisis.triage.rules import BadRules
from crisis.triage.understanding import Reader, Understood

log = structlog.get_logger()

BATCH = 300
MOST_FORGOTTEN = 1_000
GLANCED = 10_000  # looked at for cries before a batch is read
LATE = timedelta(seconds=1)  # what is committed after something that came later; those of it are looked at twice
_LANES = {"kin": Lane.NEXT_OF_KIN}
_SETTLED = frozenset({InboundState.ANSWERED, InboundState.HANDED_OVER, InboundState.CLOSED})
_RAW = (
    InboundRow.id,
    InboundRow.account_id,
    InboundRow.unit_id,
    InboundRow.mode,
    InboundRow.channel,
    InboundRow.author,
    InboundRow.text,
    InboundRow.at,
    InboundRow.received_at,
    InboundRow.in_reply_to,
    InboundRow.root,
    InboundRow.private,
    InboundRow.repost,
    InboundRow.consent,
    InboundRow.raw,
    InboundRow.language,
    InboundRow.state,
    InboundRow.folded,
    InboundRow.settled_at,
    InboundRow.delivery_id,
    InboundRow.broadcast_id,
    InboundRow.incident_id,
)
Where = tuple[uuid.UUID, Mode]


@dataclass(frozen=True, slots=True)
class Read:
    """A stored row, and what was understood of it."""

    row: Row[Any]
    seen: Understood
    lane: Lane

    @property
    def where(self) -> Where:
        return self.row.unit_id, self.row.mode


class Reading:
    """Open one in each listener and keep it: opening a reader takes a fifth of a second."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._rules = {unit.key: unit.triage.rules_dir for unit in settings.units}
        self._keys: dict[uuid.UUID, str] = {}
        self._readers: dict[tuple[Path | None, tuple[str, ...]], Reader] = {}
        self._folding = Folding()
        self._cries: deque[uuid.UUID] = (
            deque()
        )  # what may be one, not read yet; lost with the process, and then read in turn
        self._glanced = datetime.min.replace(tzinfo=UTC) + LATE
        self._reader(None, ()).understand("hei")  # the library of languages is loaded before the first cry

    def read_some(self) -> int:
        """Read what may be a cry, and the oldest `BATCH` unread. Returns how many it took; `BATCH` or more: there may be more."""
        if self._database.is_sqlite:
            # One writer at a time: nobody who stores a message waits while it is understood.
            with self._database.reading() as session:
                taken, going_on = self._take(session)
            read = self._understand(taken, going_on)
            if read:
                with self._database.writing() as session:
                    self._write(session, self._still_raw(session, read), going_on, utcnow())
            return len(taken)
        with self._database.writing() as session:
            taken, going_on = self._take(session, locked=True)
            read = self._understand(taken, going_on)
            self._write(session, read, going_on, utcnow())
        return len(taken)

    def _take(
        self, session: Session, *, locked: bool = False
    ) -> tuple[Sequence[Row[Any]], dict[Where, list[links.OpenIncident]]]:
        asked = select(*_RAW).where(InboundRow.understood_at.is_(None))
        if locked:
            asked = asked.with_for_update(skip_locked=True)
        rows: list[Row[Any]] = []
        if cries := self._may_be_cries(session):
            rows += session.execute(asked.where(bulk.one_of(InboundRow.id, cries, session.get_bind().dialect)))
        taken = {row.id for row in rows}
        oldest = asked.order_by(InboundRow.received_at, InboundRow.id).limit(BATCH)
        rows += [row for row in session.execute(oldest) if row.id not in taken]
        if not rows:
            return rows, {}
        if not self._keys.keys() >= {row.unit_id for row in rows}:
            self._keys = {one.id: one.key for one in session.execute(select(Unit.id, Unit.key))}
        return rows, links.open_incidents(session)

    def _may_be_cries(self, session: Session) -> list[uuid.UUID]:
        """The next of those that may be cries, at most a batch, so that the others are read as well."""
        new = session.execute(
            select(InboundRow.id, InboundRow.received_at, InboundRow.text)
            .where(
                InboundRow.understood_at.is_(None),
                InboundRow.received_at >= self._glanced - LATE,
            )
            .order_by(InboundRow.received_at, InboundRow.id)
            .limit(GLANCED)
        ).all()
        if new:
            self._glanced = max(self._glanced, new[-1].received_at)
            known = set(self._cries)
            self._cries += [row.id for row in new if row.id not in known and may_be_a_cry(row.text)]
        return [self._cries.popleft() for _ in range(min(len(self._cries), BATCH))]

    def _understand(self, rows: Sequence[Row[Any]], going_on: dict[Where, list[links.OpenIncident]]) -> list[Read]:
        read = []
        for row in rows:
            titles = tuple(one.title for one in going_on.get((row.unit_id, row.mode), ()))
            reader = self._reader(self._rules.get(self._keys[row.unit_id]), titles)
            seen = reader.understand(row.text, (row.raw or {}).get("language"))
            read.append(Read(row, seen, _LANES.get(seen.lane) or Lane(seen.lane)))
        return read

    def _reader(self, rules: Path | None, words: tuple[str, ...]) -> Reader:
        if (known := self._readers.get((rules, words))) is None:
            if len(self._readers) > 32:
                self._readers.clear()
            try:
                known = Reader(rules, words)
            except BadRules as error:
                # Reading with our own words is better than not reading.
                log.error("rules.not_used", where=error.where, say=error.say)
                known = Reader(None, words)
            self._readers[rules, words] = known
        return known

    def _still_raw(self, session: Session, read: Sequence[Read]) -> list[Read]:
        """Those nobody has read or changed since they were taken."""
        texts = dict(
            session.execute(
                select(InboundRow.id, InboundRow.text).where(
                    bulk.one_of(InboundRow.id, [one.row.id for one in read], session.get_bind().dialect),
                    InboundRow.understood_at.is_(None),
                )
            ).all()
        )
        return [one for one in read if texts.get(one.row.id) == one.row.text]

    def _write(
        self,
        session: Session,
        read: Sequence[Read],
        going_on: dict[Where, list[links.OpenIncident]],
        now: datetime,
    ) -> None:
        if not read:
            return
        # One at a time folds in a unit, so that two listeners do not both let the same words stand.
        units = sorted({one.row.unit_id for one in read})
        session.execute(select(Unit.id).where(Unit.id.in_(units)).order_by(Unit.id).with_for_update(key_share=True))
        links_of = links.link(session, [one.row for one in read], going_on)
        into: dict[uuid.UUID, uuid.UUID] = {}
        for where in sorted({one.where for one in read}):
            done = self._folding.fold(session, *where, [_new(one) for one in read if one.where == where], now)
            folding.write(session, done)
            into |= done.into
        session.connection().execute(_WRITE, [_values(one, links_of[one.row.id], into, now) for one in read])
        if counted := Counter(into.values()):
            session.connection().execute(
                _COUNT_FOLDED, [{"b_id": lead, "b_more": more} for lead, more in sorted(counted.items())]
            )
        _count(session, read)


def old_bands(session: Session, now: datetime) -> Sequence[uuid.UUID]:
    """Rows that have bands and take in nothing any more."""
    # An id begins with the moment it was made (RFC 9562, UUIDv7), so the oldest stand first and no row is looked at.
    before = uuid.UUID(int=(int((now - folding.WINDOW - timedelta(hours=1)).timestamp() * 1000) << 80))
    return session.scalars(
        select(InboundBand.inbound_id).where(InboundBand.inbound_id < before).distinct().limit(MOST_FORGOTTEN)
    ).all()


def forget_bands(session: Session, old: Sequence[uuid.UUID], _now: datetime) -> None:
    session.execute(delete(InboundBand).where(bulk.one_of(InboundBand.inbound_id, old, session.get_bind().dialect)))


def _new(one: Read) -> New:
    row = one.row
    return New(
        id=row.id,
        account_id=row.account_id,
        author=row.author,
        lane=one.lane,
        private=row.private,
        repost=row.repost,
        fold=one.seen.fold,
        may_fold=row.state == InboundState.WAITING and not row.folded,
    )


_TABLE = InboundRow.__table__
_WRITE = (
    update(_TABLE)  # type: ignore[arg-type]
    .where(_TABLE.c.id == bindparam("b_id"), _TABLE.c.understood_at.is_(None))
    .values(
        {
            name: bindparam(f"b_{name}")
            for name in (
                "understood_at", "language", "lane", "urgency", "rank", "reasons", "fold", "folded_into_id",
                "delivery_id", "broadcast_id", "incident_id", "state", "settled_at",
            )
        }
    )
)  # fmt: skip
_COUNT_FOLDED = (
    update(_TABLE)  # type: ignore[arg-type]
    .where(_TABLE.c.id == bindparam("b_id"))
    .values(folded=_TABLE.c.folded + bindparam("b_more"))
)


def _values(one: Read, to: links.Link, into: dict[uuid.UUID, uuid.UUID], now: datetime) -> dict[str, Any]:
    row, seen = one.row, one.seen
    # A settled one whose author has made a cry of it stands in the queue again.
    anew = row.state in _SETTLED and row.consent is None and row.language != "" and one.lane in folding.CALLS
    return {
        "b_id": row.id,
        "b_understood_at": now,
        "b_language": seen.language[:8],
        "b_lane": one.lane,
        "b_urgency": seen.urgency,
        "b_rank": 100 - seen.urgency,
        "b_reasons": [reason.kept() for reason in seen.reasons],
        "b_fold": seen.fold.key,
        "b_folded_into_id": into.get(row.id),
        "b_delivery_id": row.delivery_id or to.delivery_id,
        "b_broadcast_id": row.broadcast_id or to.broadcast_id,
        "b_incident_id": row.incident_id or to.incident_id,
        "b_state": InboundState.WAITING if anew else row.state,
        "b_settled_at": None if anew else row.settled_at,
    }


def _count(session: Session, read: Sequence[Read]) -> None:
    """How much was said a minute. A changed text was counted when it was first read."""
    counted = Counter(
        (*one.where, one.row.channel, one.lane, one.row.received_at.replace(second=0, microsecond=0))
        for one in read
        if one.row.language == ""
    )
    if not counted:
        return
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(InboundCount)
    names = ("unit_id", "mode", "channel", "lane", "minute")
    session.connection().execute(
        insert.on_conflict_do_update(
            index_elements=[InboundCount.__table__.c[name] for name in names],
            set_={"count": InboundCount.__table__.c.count + insert.excluded.count},
        ),
        [{**dict(zip(names, key, strict=True)), "count": count} for key, count in sorted(counted.items())],
    )
