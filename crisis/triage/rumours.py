"""Rumours: one claim in its many wordings, what we know about it, and the statement that says what is true.

A rumour belongs to one incident and shares its mode. What people read about it is never written here: it is a draft from
a playbook, frozen and released like every other statement.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log, sqrt

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts import draft
from crisis.db import rows_changed
from crisis.models import Broadcast, InboundRow, Incident, Rumour
from crisis.playbooks.playbook import Playbook
from crisis.states import BroadcastState, InboundState, Lane, Mode, NotAllowed, Role
from crisis.triage.fold import words_of

VERDICTS = ("unknown", "true", "false")
LONGEST_CLAIM, LONGEST_SOURCE = 300, 300
LOOKED_THROUGH = 2_000  # rows that may say the same
MOST_ALIKE = 40
LIKELY, POSSIBLE = 0.2, 0.12  # `likeness` from which a row is chosen beforehand, and shown at all
_AS_IF = 50  # so many other texts are thought of beside few, so that what two share does not count as common
_STEM = 5  # letters: "stenger" and "stengt" differ, "avviser" and "avvisning" count as one word
# What frames a rumour in any claim: "is it true that", "people say".
_FRAME = frozenset(
    word[:_STEM]
    for word in [
        "at",
        "den",
        "der",
        "det",
        "dere",
        "dette",
        "du",
        "en",
        "er",
        "et",
        "fordi",
        "for",
        "fra",
        "har",
        "i",
        "ikke",
        "jeg",
        "kan",
        "med",
        "meg",
        "min",
        "mitt",
        "og",
        "om",
        "på",
        "som",
        "så",
        "til",
        "var",
        "vi",
        "sant",
        "stemmer",
        "riktig",
        "hørt",
        "hørte",
        "noen",
        "folk",
        "sier",
        "sies",
        "rykte",
        "ryktet",
        "rykter",
        "visstnok",
        "angivelig",
        "bekrefte",
        "virkelig",
        "naboen",
        "ikkje",
        "eg",
        "ein",
        "eit",
        "frå",
        "høyrde",
        "høyrt",
        "seier",
        "nokon",
        "rett",
        "the",
        "that",
        "and",
        "are",
        "has",
        "have",
        "for",
        "from",
        "with",
        "its",
        "this",
        "you",
        "your",
        "they",
        "true",
        "heard",
        "people",
        "say",
        "says",
        "apparently",
        "rumour",
        "rumor",
        "confirm",
        "really",
        "someone",
        "somebody",
        "czy",
        "prawda",
        "to",
        "podobno",
        "ludzie",
        "mówią",
        "słyszałem",
        "słyszałam",
        "że",
        "чи",
        "правда",
        "що",
        "кажуть",
        "люди",
        "чула",
        "чув",
    ]
)


@dataclass(frozen=True, slots=True)
class Alike:
    """A row that may say the same; `likely` ones are chosen beforehand."""

    row: InboundRow
    likely: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A rumour with how many said it: the chosen rows and everything folded into them."""

    rumour: Rumour
    said: int
    waiting: int  # chosen rows nobody has settled
    first: datetime | None
    last: datetime | None


def likeness(one: Sequence[str], other: Sequence[str], rare: dict[str, float]) -> float:
    """0 to 1: the cosine of what two texts say, rare words counting more. `rare` comes from `rarity`."""
    a, b = _stems(one), _stems(other)
    both, left, right = (sum(rare.get(word, rare[""]) ** 2 for word in words) for words in (a & b, a, b))
    return both / sqrt(left * right) if both else 0.0


def rarity(texts: Sequence[Sequence[str]]) -> dict[str, float]:
    """What each word weighs among these texts; under "" what a word weighs that stands in none of them."""
    found = Counter(word for text in texts for word in _stems(text))
    many = len(texts) + _AS_IF
    return {"": log(1 + many), **{word: log(1 + many / (1 + count)) for word, count in found.items()}}


def alike(session: Session, unit_id: uuid.UUID, mode: Mode, texts: Sequence[str]) -> list[Alike]:
    """What stands in the queue, belongs to no rumour, and may say what one of `texts` says; the likeliest first."""
    rows = session.scalars(
        select(InboundRow)
        .where(
            InboundRow.unit_id == unit_id,
            InboundRow.mode == mode,
            InboundRow.state.in_([InboundState.WAITING, InboundState.CLAIMED, InboundState.SNOOZED]),
            InboundRow.folded_into_id.is_(None),
            InboundRow.rumour_id.is_(None),
            InboundRow.lane.in_([Lane.RUMOUR, Lane.QUESTION, Lane.COMPLAINT, Lane.NOISE]),
        )
        .order_by((InboundRow.lane == Lane.RUMOUR).desc(), InboundRow.at.desc())
        .limit(LOOKED_THROUGH)
    ).all()
    said, wanted = [words_of(row.text) for row in rows], [words_of(text) for text in texts]
    rare = rarity([*said, *wanted])
    scored = [(max(likeness(words, one, rare) for one in wanted), row) for words, row in zip(said, rows, strict=True)]
    scored.sort(key=lambda one: (-one[0], one[1].at))
    return [Alike(row, score >= LIKELY) for score, row in scored[:MOST_ALIKE] if score >= POSSIBLE]


def start(
    session: Session, actor: Actor, incident: Incident, claim: str, rows: Sequence[uuid.UUID], now: datetime
) -> Rumour:
    """A new rumour of an open incident, said by these rows. Raises `NotAllowed`."""
    actor.demand(Role.TRIAGER, incident.unit_id)
    claim = " ".join(claim.split())[:LONGEST_CLAIM]
    if not claim:
        raise NotAllowed("Write in one sentence what is being said.")
    if incident.closed_at is not None:
        raise NotAllowed("the incident is closed; open a new one")
    rumour = Rumour(unit_id=incident.unit_id, incident_id=incident.id, mode=incident.mode, claim=claim, made_at=now)
    session.add(rumour)
    session.flush()
    add(session, actor, rumour, rows)
    record(session, actor, "rumour.started", rumour, {"claim": claim})
    return rumour


def add(session: Session, actor: Actor, rumour: Rumour, rows: Sequence[uuid.UUID]) -> int:
    """These rows say it, too. Only of its own unit and mode, and of no other rumour. Returns how many were added."""
    actor.demand(Role.TRIAGER, rumour.unit_id)
    return rows_changed(
        session,
        update(InboundRow)
        .where(
            InboundRow.id.in_(rows),
            InboundRow.unit_id == rumour.unit_id,
            InboundRow.mode == rumour.mode,
            InboundRow.rumour_id.is_(None),
            InboundRow.lane != Lane.DANGER,  # a cry is no rumour
        )
        .values(rumour_id=rumour.id)
        .execution_options(synchronize_session=False),
    )


def take_out(session: Session, actor: Actor, rumour: Rumour, inbound_id: uuid.UUID) -> None:
    """Let it stand by itself: it says something else."""
    actor.demand(Role.TRIAGER, rumour.unit_id)
    session.execute(
        update(InboundRow)
        .where(InboundRow.id == inbound_id, InboundRow.rumour_id == rumour.id)
        .values(rumour_id=None)
        .execution_options(synchronize_session=False)
    )


def judge(session: Session, actor: Actor, rumour: Rumour, verdict: str, source: str, now: datetime) -> None:
    """Write down what we know, and from whom. True and false need a source: whoever asks later wants to know."""
    actor.demand(Role.TRIAGER, rumour.unit_id)
    source = " ".join(source.split())[:LONGEST_SOURCE]
    if verdict not in VERDICTS:
        raise NotAllowed("Choose true, false or not known.")
    if verdict != "unknown" and not source:
        raise NotAllowed("Write who confirmed it, and how.")
    rumour.verdict, rumour.source = verdict, source
    rumour.decided_by, rumour.decided_at = actor.user_id, now
    record(session, actor, "rumour.judged", rumour, {"verdict": verdict, "source": source})


def draft_answer(
    session: Session,
    actor: Actor,
    rumour: Rumour,
    incident: Incident,
    playbook: Playbook,
    message: str,
    follows: Broadcast | None,
) -> Broadcast:
    """A draft that says what is true: a message of a playbook, or a follow-up of what was said last. It is not released
    here, and what approves it is what approves every statement. A second press gives the same draft.
    """
    mine = session.scalars(
        select(Broadcast).where(
            Broadcast.rumour_id == rumour.id,
            Broadcast.state == BroadcastState.DRAFT,
            Broadcast.playbook == playbook.id,
            Broadcast.message == message,
            Broadcast.created_by == actor.user_id,
        )
    ).first()
    if mine is not None:
        return mine
    if follows is not None:
        made = draft.follow(session, actor, follows, incident, playbook, message)
    else:
        made = draft.start(session, actor, incident, playbook, message)
    made.rumour_id = rumour.id
    record(session, actor, "rumour.answer_drafted", rumour, {"broadcast": str(made.id)})
    return made


def of_incident(session: Session, incident_id: uuid.UUID) -> list[Told]:
    """Those of one incident, the newest first."""
    return _told(session, session.scalars(_newest().where(Rumour.incident_id == incident_id)).all())


def of_unit(session: Session, unit_id: uuid.UUID, mode: Mode, most: int = 50) -> list[Told]:
    """Those of a unit's queue, the newest first."""
    return _told(
        session, session.scalars(_newest().where(Rumour.unit_id == unit_id, Rumour.mode == mode).limit(most)).all()
    )


def told(session: Session, rumour: Rumour) -> Told:
    return _told(session, [rumour])[0]


def wordings(session: Session, rumour: Rumour) -> Sequence[InboundRow]:
    """The rows that say it, the loudest first."""
    return session.scalars(
        select(InboundRow)
        .where(InboundRow.rumour_id == rumour.id)
        .order_by(InboundRow.folded.desc(), InboundRow.at)
        .limit(200)
    ).all()


def answers(session: Session, rumour: Rumour) -> Sequence[Broadcast]:
    """The statements about it, drafts too, the newest first."""
    return session.scalars(
        select(Broadcast).where(Broadcast.rumour_id == rumour.id).order_by(Broadcast.created_at.desc())
    ).all()


def _newest() -> Select[Rumour]:
    return select(Rumour).order_by(Rumour.made_at.desc(), Rumour.id)


def _told(session: Session, some: Sequence[Rumour]) -> list[Told]:
    standing = InboundRow.state.in_([InboundState.WAITING, InboundState.CLAIMED, InboundState.SNOOZED])
    counted = {
        row[0]: row[1:]
        for row in session.execute(
            select(
                InboundRow.rumour_id,
                func.sum(InboundRow.folded + 1),
                func.count().filter(standing & InboundRow.folded_into_id.is_(None)),
                func.min(InboundRow.at),
                func.max(InboundRow.at),
            )
            .where(InboundRow.rumour_id.in_([one.id for one in some]))
            .group_by(InboundRow.rumour_id)
        )
    }
    found = []
    for one in some:
        said, waiting, first, last = counted.get(one.id, (0, 0, None, None))
        found.append(Told(one, int(said), int(waiting), first, last))
    return found


def _stems(words: Sequence[str]) -> set[str]:
    return {word[:_STEM] for word in words if len(word) > 1} - _FRAME


def record(session: Session, actor: Actor, act: str, rumour: Rumour, details: dict[str, object]) -> None:
    """Into the audit, under the rumour's name."""
    session.flush()
    audit.record(
        session,
        actor,
        act,
        f"rumour:{rumour.id}",
        unit_id=rumour.unit_id,
        details={**details, "mode": str(rumour.mode)},
    )
