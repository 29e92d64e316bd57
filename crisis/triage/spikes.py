"""Is more being said than usual, and which words rise? The last five minutes against the hour before, once every ten
seconds, written down so that a page only reads it.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis.models import InboundCount, InboundRow, Spike
from crisis.states import Mode
from crisis.triage.fold import words_of

NOW = timedelta(minutes=5)
BEFORE = timedelta(hours=1)
FRESH = timedelta(minutes=2)  # an older look says nothing about now
LEAST = 20  # fewer are no crowd
SAMPLE = 400  # texts that words are counted in, now and before
LEAST_WORD = 8  # texts that hold a word before it counts as rising
MOST_WORDS = 5
_SHORTEST = 4  # letters: small words rise with everything


@dataclass(frozen=True, slots=True)
class Look:
    """What was said in one unit and mode: how much lately, how much is usual, and which words rise."""

    unit_id: uuid.UUID
    mode: Mode
    count: int
    usual: float
    rising: Sequence[dict[str, object]]

    @property
    def loud(self) -> bool:
        return stands_out(self.count, self.usual)


def look(session: Session, now: datetime) -> list[Look]:
    """Of each unit and mode that somebody wrote to lately."""
    minute = now.replace(second=0, microsecond=0)
    start, cut = minute - BEFORE - NOW, minute - NOW
    counted: dict[tuple[uuid.UUID, Mode], list[int]] = {}
    recently = (InboundCount.minute > cut).label("recently")
    told = session.execute(
        select(InboundCount.unit_id, InboundCount.mode, recently, func.sum(InboundCount.count))
        .where(InboundCount.minute > start, InboundCount.minute <= minute)
        .group_by(InboundCount.unit_id, InboundCount.mode, recently)
    )
    for unit_id, mode, recent, count in told:
        counted.setdefault((unit_id, mode), [0, 0])[bool(recent)] += int(count)
    return [
        Look(
            unit_id,
            mode,
            lately,
            before * (NOW / BEFORE),
            _rising(session, unit_id, mode, now) if lately >= LEAST else [],
        )
        for (unit_id, mode), (before, lately) in sorted(counted.items())
    ]


def write(session: Session, looks: Sequence[Look], now: datetime) -> int:
    """Write down what stands out. Returns how many are loud."""
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(Spike)
    for one in looks:
        values = {
            "at": now, "count": one.count, "usual": round(one.usual, 1), "loud": one.loud, "rising": one.rising,
        }  # fmt: skip
        session.execute(
            insert.values(unit_id=one.unit_id, mode=one.mode, **values).on_conflict_do_update(
                index_elements=[Spike.unit_id, Spike.mode], set_=values
            )
        )
    return sum(one.loud for one in looks)


def stands_out(lately: int, usual: float, least: int = LEAST) -> bool:
    """Twice as much as usual, and more than chance explains: three standard deviations of a count around `usual`."""
    return lately >= least and lately > 2 * usual and lately > usual + 3 * sqrt(usual)


def rising(lately: Sequence[str], before: Sequence[str]) -> list[tuple[str, int, float]]:
    """Words that stand in more of the texts than before: word, texts now, texts expected. The steepest first."""
    now, then = _texts_with(lately), _texts_with(before)
    scale = len(lately) / len(before) if before else 0.0
    found = [
        (word, count, round(then[word] * scale, 1))
        for word, count in now.items()
        if stands_out(count, then[word] * scale, LEAST_WORD)
    ]
    found.sort(key=lambda one: (-(one[1] - one[2]) / sqrt(one[2] + 1), one[0]))
    return found[:MOST_WORDS]


def seen(session: Session, unit_ids: Sequence[uuid.UUID] | frozenset[uuid.UUID], now: datetime) -> Sequence[Spike]:
    """What stands out now in these units, live before drills."""
    rows = session.scalars(
        select(Spike).where(Spike.unit_id.in_(unit_ids), Spike.at > now - FRESH).order_by(Spike.mode.desc())
    )
    return [row for row in rows if row.loud or (row.rising and row.usual > 0)]


def _rising(session: Session, unit_id: uuid.UUID, mode: Mode, now: datetime) -> list[dict[str, object]]:
    mine = (InboundRow.unit_id == unit_id, InboundRow.mode == mode)
    asked = select(InboundRow.text).where(*mine).order_by(InboundRow.at.desc()).limit(SAMPLE)
    lately = session.scalars(asked.where(InboundRow.at > now - NOW)).all()
    before = session.scalars(asked.where(InboundRow.at <= now - NOW, InboundRow.at > now - NOW - BEFORE)).all()
    return [{"word": word, "count": count, "usual": usual} for word, count, usual in rising(lately, before)]


def _texts_with(texts: Sequence[str]) -> Counter[str]:
    return Counter(
        word for text in texts for word in set(words_of(text)) if len(word) >= _SHORTEST and not word.isdigit()
    )
