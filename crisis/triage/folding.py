"""Folding what says the same into the row that said it first, over the tables, so that it holds across processes.

Never hides a person: what is private, and a short cry, folds only into what the same author wrote; a cry that somebody
has settled takes in no new one.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from sqlalchemy import ColumnElement, delete, func, insert, select, tuple_
from sqlalchemy.orm import Session

from crisis import bulk
from crisis.models import InboundBand, InboundRow
from crisis.states import InboundState, Lane, Mode
from crisis.triage.fold import Fold, same, words_of

WINDOW = timedelta(hours=24)  # what was first said longer ago stands anew
NEWEST = 20  # candidates that are compared, so that a flood of one wording stays cheap
CALLS = frozenset({Lane.DANGER, Lane.NEXT_OF_KIN})
IDLE = frozenset({Lane.THANKS, Lane.NOISE})  # nobody waits for an answer
_STANDING = frozenset({InboundState.WAITING, InboundState.CLAIMED, InboundState.SNOOZED})
_MOST_REMEMBERED = 20_000


@dataclass(slots=True)
class Lead:
    """A row that others may fold into."""

    id: uuid.UUID
    account_id: uuid.UUID
    author: str
    lane: Lane
    private: bool
    standing: bool
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class New:
    """A row that was just understood."""

    id: uuid.UUID
    account_id: uuid.UUID
    author: str
    lane: Lane
    private: bool
    repost: bool
    fold: Fold
    may_fold: bool  # nobody is on it, and nothing is folded into it


@dataclass(slots=True)
class Folded:
    into: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    bands: list[dict[str, object]] = field(default_factory=list)
    crowded: list[int] = field(default_factory=list)  # bands with more candidates than are looked at


class Folding:
    """Keep one per process: it remembers the words of what it compared."""

    def __init__(self) -> None:
        self._words: OrderedDict[uuid.UUID, tuple[str, ...]] = OrderedDict()

    def fold(self, session: Session, unit_id: uuid.UUID, mode: Mode, news: Sequence[New], now: datetime) -> Folded:
        """Into which earlier row each one folds. The caller holds the unit's lock, and writes what is found."""
        news = [_of_queue(new, _place(unit_id, mode)) for new in news]
        by_key = self._by_key(session, unit_id, mode, {new.fold.key for new in news}, now)
        # Most of a flood says the very words of something that stands already; only the others are looked for by bands.
        others = [new for new in news if not (new.may_fold and _of_same_words(new, by_key))]
        by_band, crowded = self._by_band(
            session, unit_id, mode, {band for new in others for band in new.fold.bands}, now
        )
        done = Folded(crowded=crowded)
        for new in news:
            lead = self._lead(new, by_key, by_band) if new.may_fold else None
            if lead is not None:
                done.into[new.id] = lead.id
                continue
            own = Lead(new.id, new.account_id, new.author, new.lane, new.private, standing=True, words=new.fold.words)
            self._remember(own)
            by_key.setdefault(new.fold.key, []).insert(0, own)
            for band in new.fold.bands:
                by_band.setdefault(band, []).insert(0, own)
                done.bands.append({"band": band, "inbound_id": new.id})
        return done

    def _lead(self, new: New, by_key: dict[int, list[Lead]], by_band: dict[int, list[Lead]]) -> Lead | None:
        if lead := _of_same_words(new, by_key):
            return lead
        seen: set[uuid.UUID] = {new.id}
        for band in new.fold.bands:
            for lead in by_band.get(band, ())[:NEWEST]:
                if lead.id not in seen and _may(new, lead) and same(new.fold.words, lead.words):
                    return lead
                seen.add(lead.id)
        return None

    def _by_key(
        self, session: Session, unit_id: uuid.UUID, mode: Mode, keys: set[int], now: datetime
    ) -> dict[int, list[Lead]]:
        place = func.row_number().over(partition_by=InboundRow.fold, order_by=InboundRow.id.desc()).label("place")
        found = (
            select(InboundRow.id, place)
            .where(*_leads(unit_id, mode, now), bulk.one_of(InboundRow.fold, keys, session.get_bind().dialect))
            .subquery()
        )
        ids = set(session.scalars(select(found.c.id).where(found.c.place <= NEWEST)))
        leads: dict[int, list[Lead]] = {}
        for key, lead in self._read(session, ids):
            leads.setdefault(key, []).append(lead)
        return leads

    def _by_band(
        self, session: Session, unit_id: uuid.UUID, mode: Mode, bands: set[int], now: datetime
    ) -> tuple[dict[int, list[Lead]], list[int]]:
        pairs: dict[int, list[uuid.UUID]] = {}
        if bands:
            told = session.execute(
                # Not joined with the rows: SQLite would walk through all of the unit's instead.
                select(InboundBand.band, InboundBand.inbound_id)
                .where(bulk.one_of(InboundBand.band, bands, session.get_bind().dialect))
                .order_by(InboundBand.inbound_id.desc())
            )
            for band, inbound_id in told:
                pairs.setdefault(band, []).append(inbound_id)
        crowded = [band for band, ids in pairs.items() if len(ids) > NEWEST]
        wanted = {inbound_id for ids in pairs.values() for inbound_id in ids[:NEWEST]}
        leads = {lead.id: lead for _key, lead in self._read(session, wanted, _leads(unit_id, mode, now))}
        return {band: [leads[one] for one in ids[:NEWEST] if one in leads] for band, ids in pairs.items()}, crowded

    def _read(
        self, session: Session, ids: set[uuid.UUID], only: Sequence[ColumnElement[bool]] = ()
    ) -> Iterable[tuple[int, Lead]]:
        """Newest first. The text is fetched only for rows whose words are not remembered."""
        if not ids:
            return
        row, dialect = InboundRow, session.get_bind().dialect
        columns = (row.id, row.fold, row.account_id, row.author, row.lane, row.private, row.state)
        known = session.execute(
            select(*columns).where(bulk.one_of(row.id, ids, dialect), *only).order_by(row.id.desc())
        ).all()
        unknown = [one.id for one in known if one.id not in self._words]
        texts = select(row.id, row.text).where(bulk.one_of(row.id, unknown, dialect))
        for inbound_id, text in session.execute(texts) if unknown else ():
            self._words[inbound_id] = words_of(text)
        for one in known:
            words = self._words.get(one.id, ())
            yield (
                one.fold,
                Lead(one.id, one.account_id, one.author, one.lane, one.private, one.state in _STANDING, words),
            )

    def _remember(self, lead: Lead) -> None:
        self._words[lead.id] = lead.words
        while len(self._words) > _MOST_REMEMBERED:
            self._words.popitem(last=False)


def write(session: Session, done: Folded) -> None:
    """Bands of what stands by itself, and no more of one band than anybody looks at."""
    if done.bands:
        ids = {one["inbound_id"] for one in done.bands}
        session.execute(
            delete(InboundBand).where(bulk.one_of(InboundBand.inbound_id, ids, session.get_bind().dialect))
        )  # of a text that was changed since
        session.execute(insert(InboundBand), done.bands)
    if done.crowded:
        place = func.row_number().over(partition_by=InboundBand.band, order_by=InboundBand.inbound_id.desc())
        ranked = select(InboundBand.band, InboundBand.inbound_id, place.label("place")).where(
            InboundBand.band.in_(done.crowded)
        )
        old = ranked.subquery()
        session.execute(
            delete(InboundBand).where(
                tuple_(InboundBand.band, InboundBand.inbound_id).in_(
                    select(old.c.band, old.c.inbound_id).where(old.c.place > NEWEST)
                )
            )
        )


def _leads(unit_id: uuid.UUID, mode: Mode, now: datetime) -> list[ColumnElement[bool]]:
    return [
        InboundRow.unit_id == unit_id,
        InboundRow.mode == mode,
        InboundRow.folded_into_id.is_(None),
        InboundRow.fold.is_not(None),
        InboundRow.understood_at.is_not(None),
        InboundRow.erased_at.is_(None),
        InboundRow.received_at > now - WINDOW,
    ]


def _place(unit_id: uuid.UUID, mode: Mode) -> int:
    """What is mixed into the bands of one queue: a drill's burst can't crowd out live candidates, nor one unit another's."""
    return int.from_bytes(blake2b(unit_id.bytes + mode.encode(), digest_size=7).digest(), "little")


def _of_queue(new: New, place: int) -> New:
    return replace(new, fold=replace(new.fold, bands=tuple(band ^ place for band in new.fold.bands)))


def _of_same_words(new: New, by_key: dict[int, list[Lead]]) -> Lead | None:
    leads = by_key.get(new.fold.key, ())[:NEWEST]
    return next((lead for lead in leads if lead.id != new.id and _may(new, lead)), None)


def _may(new: New, lead: Lead) -> bool:
    if new.repost:
        return True
    if new.lane in CALLS and not lead.standing:
        return False
    personal = (new.private or lead.private) and new.lane not in IDLE
    if personal or (new.lane in CALLS and not new.fold.bands):
        return (new.account_id, new.author) == (lead.account_id, lead.author)
    return True
