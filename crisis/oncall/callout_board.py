"""How a call-out stands this second: what is needed, who comes when, who can't, who was not reached and why.

Reads only. `version` is a small question that changes whenever the board would: a page that asks each second and finds
it unchanged costs neither rows nor rendering.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from crisis.models import Ask, Broadcast, CallOut, Need, Person, Reply
from crisis.oncall.candidates import wants_of
from crisis.states import AskState, CallOutState

NOT_REACHED = (AskState.NO_ANSWER, AskState.BUSY, AskState.VOICEMAIL, AskState.UNREACHABLE)
SHOWN_AFTER_END = timedelta(hours=12)  # a filled one is part of what is going on for so long
THROWN_AWAY = and_(CallOut.state == CallOutState.CLOSED, CallOut.wave == 0)  # nobody was ever asked


@dataclass(frozen=True, slots=True)
class Place:
    """One need and how far it is filled."""

    skill: str
    number: int
    by: datetime | None
    coming: int

    @property
    def lacking(self) -> int:
        return max(0, self.number - self.coming)


@dataclass(frozen=True, slots=True)
class Asked:
    """One person of a call-out, for a list."""

    id: uuid.UUID
    person_id: uuid.UUID
    name: str
    skills: Sequence[str]
    state: AskState
    why: str
    reserve: bool
    unclear: bool
    tries: int
    way: str
    need: str  # the skill they fill
    arrives_at: datetime | None
    answered_at: datetime | None
    tried_again_at: datetime | None
    heard: str = ""  # what they wrote last, when nobody understood it
    claims: str = ""  # yes | no | later: said without proof; begun: yes, but the phone was put down before the minutes


@dataclass(frozen=True, slots=True)
class Board:
    call_out: CallOut
    needs: Sequence[Place]
    coming: Sequence[Asked]  # in the order in which they arrive
    reserve: Sequence[Asked]
    declined: Sequence[Asked]
    unclear: Sequence[Asked]
    ringing: Sequence[Asked]
    not_reached: Sequence[Asked]
    not_tried: int
    spared: int

    @property
    def needed(self) -> int:
        return sum(one.number for one in self.needs)

    @property
    def lacking(self) -> int:
        return sum(one.lacking for one in self.needs)

    @property
    def filled(self) -> int:
        return self.needed - self.lacking


def version(session: Session, call_out: CallOut) -> str:
    """Changes with everything the board shows, times that pass apart."""
    asks = session.execute(
        select(
            func.count(),
            func.sum(Ask.tries),
            *(func.sum(case((Ask.state == state, 1), else_=0)) for state in AskState),
            func.sum(case((Ask.reserve, 1), else_=0)),
            func.sum(case((Ask.unclear, 1), else_=0)),
            func.max(Ask.answered_at),
            func.count(Ask.due_at),
        ).where(Ask.call_out_id == call_out.id)
    ).one()
    replies = session.scalar(
        select(func.count()).select_from(Reply).join(Ask, Ask.id == Reply.ask_id).where(Ask.call_out_id == call_out.id)
    )
    words = session.execute(
        select(Broadcast.id, Broadcast.state)
        .where(Broadcast.follows_id == call_out.broadcast_id)
        .order_by(Broadcast.id)
    ).all()
    parts = [call_out.state, call_out.wave, *asks, replies, *(f"{row.id.hex[-6:]}{row.state}" for row in words)]
    return "-".join(str(part) for part in parts)


def board(session: Session, call_out: CallOut) -> Board:
    """Those not tried yet and those not needed any more are only counted; they may be thousands."""
    rows = _asked(session, call_out)
    coming = [one for one in rows if one.state is AskState.YES and not one.reserve]
    coming.sort(key=lambda one: (one.arrives_at or one.answered_at or call_out.opened_at, one.name))
    counted = dict(
        session.execute(select(Ask.state, func.count()).where(Ask.call_out_id == call_out.id).group_by(Ask.state)).all()
    )
    return Board(
        call_out=call_out,
        needs=_places(session, call_out),
        coming=coming,
        reserve=[one for one in rows if one.state is AskState.YES and one.reserve],
        declined=[one for one in rows if one.state is AskState.NO],
        unclear=[one for one in rows if one.unclear],
        ringing=[one for one in rows if one.state is AskState.RINGING and not one.unclear],
        not_reached=[one for one in rows if one.state in NOT_REACHED and not one.unclear],
        not_tried=counted.get(AskState.WAITING, 0),
        spared=counted.get(AskState.SPARED, 0),
    )


def one(session: Session, call_out: CallOut, ask_id: uuid.UUID) -> Asked | None:
    """One asked person of it."""
    return next(iter(_read(session, call_out, Ask.id == ask_id)), None)


def _asked(session: Session, call_out: CallOut) -> list[Asked]:
    return _read(session, call_out, Ask.state.not_in([AskState.WAITING, AskState.SPARED]) | Ask.unclear)


def _read(session: Session, call_out: CallOut, which: ColumnElement[bool]) -> list[Asked]:
    """Columns and no rows of the model: a thousand people are read twice as fast."""
    rows = session.execute(
        select(
            *(Ask.id, Ask.person_id, Person.name, Person.skills, Ask.state, Ask.why, Ask.reserve, Ask.unclear),
            *(Ask.tries, Ask.way, Need.skill.label("need"), Ask.arrives_at, Ask.answered_at, Ask.due_at),
        )
        .join(Person, Person.id == Ask.person_id)
        .outerjoin(Need, Need.id == Ask.need_id)
        .where(Ask.call_out_id == call_out.id, which)
        .order_by(Ask.answered_at, Ask.position)
    ).all()
    heard = _heard(session, [row.id for row in rows if row.unclear])
    return [
        Asked(
            id=row.id,
            person_id=row.person_id,
            name=row.name,
            skills=row.skills or (),
            state=row.state,
            why=row.why,
            reserve=row.reserve,
            unclear=row.unclear,
            tries=row.tries,
            way=row.way,
            need=row.need or "",
            arrives_at=row.arrives_at,
            answered_at=row.answered_at,
            tried_again_at=row.due_at,
            heard=heard[row.id].heard if row.id in heard else "",
            claims=heard[row.id].claims if row.id in heard else "",
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class _Last:
    heard: str = ""
    claims: str = ""


def _heard(session: Session, ask_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, _Last]:
    """The last thing each of them said that nobody may count by itself."""
    if not ask_ids:
        return {}
    rows = session.execute(
        select(Reply.ask_id, Reply.raw, Reply.word, Reply.minutes)
        .where(Reply.ask_id.in_(ask_ids), Reply.word.in_(["unclear", "unproven", "begun"]))
        .order_by(Reply.at, Reply.id)
    )
    return {
        row.ask_id: _Last(row.raw) if row.word == "unclear" else _Last(claims=claim(row.word, row.raw, row.minutes))
        for row in rows
    }


def claim(word: str, raw: str, minutes: int | None) -> str:
    """What was said and does not count by itself: `Asked.claims`. Without proof, a key on the telephone or a text for yes."""
    if word == "begun":
        return word
    return "later" if minutes else "no" if raw == "2" else "yes"


def _places(session: Session, call_out: CallOut) -> list[Place]:
    filled = dict(
        session.execute(
            select(Ask.need_id, func.count())
            .where(Ask.call_out_id == call_out.id, Ask.state == AskState.YES, ~Ask.reserve)
            .group_by(Ask.need_id)
        ).all()
    )
    return [Place(want.skill, want.number, want.by, filled.get(want.id, 0)) for want in wants_of(call_out)]


@dataclass(frozen=True, slots=True)
class Standing:
    """One call-out in a list: how many of how many come."""

    call_out: CallOut
    coming: int
    needed: int
    unclear: int

    @property
    def lacking(self) -> int:
        return max(0, self.needed - self.coming)


def standings(
    session: Session,
    now: datetime,
    *,
    units: Sequence[uuid.UUID] | frozenset[uuid.UUID] = (),
    incident_id: uuid.UUID | None = None,
) -> list[Standing]:
    """Those of one incident, or those going on in some units; live ones before drills, the newest first."""
    asked = select(CallOut).order_by(CallOut.mode.desc(), CallOut.opened_at.desc())
    if incident_id is not None:
        asked = asked.where(CallOut.incident_id == incident_id, ~THROWN_AWAY)
    else:
        recent = (CallOut.state == CallOutState.OPEN) | (
            CallOut.state.in_([CallOutState.FILLED, CallOutState.EXHAUSTED])
            & (CallOut.opened_at > now - SHOWN_AFTER_END)
        )
        asked = asked.where(CallOut.unit_id.in_(list(units)), recent)
    rows = session.scalars(asked).all()
    ids = [row.id for row in rows]
    needed = dict(
        session.execute(
            select(Need.call_out_id, func.sum(Need.number)).where(Need.call_out_id.in_(ids)).group_by(Need.call_out_id)
        ).all()
    )
    came = {
        row[0]: (row[1], row[2])
        for row in session.execute(
            select(
                Ask.call_out_id,
                func.sum(case(((Ask.state == AskState.YES) & ~Ask.reserve, 1), else_=0)),
                func.sum(case((Ask.unclear, 1), else_=0)),
            )
            .where(Ask.call_out_id.in_(ids))
            .group_by(Ask.call_out_id)
        )
    }
    return [
        Standing(row, int(came.get(row.id, (0, 0))[0]), int(needed.get(row.id, 0)), int(came.get(row.id, (0, 0))[1]))
        for row in rows
    ]
