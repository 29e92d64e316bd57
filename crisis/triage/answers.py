"""The words of an answer to one inbound, exactly as they would leave: ready ones from the playbook, or somebody's own.

Slots are filled with what the incident's broadcasts have said last. Nothing is stored and nothing leaves here; that is
done by `answering`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.broadcasts.compose import UNREADABLE, incident_link
from crisis.channels.base import Size
from crisis.channels.registry import FACTS
from crisis.models import Account, Answer, Broadcast, BroadcastText, Delivery, HandOver, InboundRow, Incident, OptOut
from crisis.playbooks import signoff, slots
from crisis.playbooks.digest import ANSWERS, digest
from crisis.playbooks.fill import Rendered, as_drill, fill
from crisis.playbooks.playbook import Playbook, placeholders
from crisis.sentence import Sentence
from crisis.settings import LANGUAGES, Language, Settings, UnitSettings
from crisis.states import BroadcastState, Lane, Mode, Purpose
from crisis.triage import handover
from crisis.triage.likeness import Candidate, Suggestion, suggest
from crisis.triage.obstacles import may_answer

LONGEST = 5_000  # characters of an answer written by hand
MOST_EARLIER = 50  # earlier questions read for each ready answer
# Nobody is told of an answer that does not name them (Mastodon docs, mentions); X refuses equal words to the next person
# (X API docs, 403 duplicate content). Handles only: a name of one's own choice would be a stranger's words in our mouth.
NAMED_FIRST = frozenset({"mastodon", "x"})
_HANDLE = re.compile(r"[A-Za-z0-9_.-]{1,60}(?:@[A-Za-z0-9.-]{1,120})?")
_TITLES: Mapping[Language, str] = {"nb": "Svar fra %s", "nn": "Svar frå %s", "en": "Answer from %s"}


@dataclass(frozen=True, slots=True)
class Words:
    """An answer as it would leave. `digest` names exactly this."""

    language: Language
    title: str
    text: str
    size: Size
    digest: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A ready answer for this inbound. `words` is None while something is `lacking`."""

    key: str
    lane: str
    words: Words | None
    lacking: Sequence[str]
    suggestion: Suggestion


@dataclass(frozen=True, slots=True)
class Authority:
    """One person, or a second one's yes first, and why."""

    needs: Literal["single", "dual"]
    why: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer to this inbound would leave from."""

    row: InboundRow
    account: Account
    unit: UnitSettings  # whose queue it stands in
    subject: str = ""  # of the mail of ours that it answers; mailboxes hold a thread together by it, too


def place(session: Session, row: InboundRow, settings: Settings, unit_key: str) -> Place:
    unit = settings.unit(unit_key)
    return Place(row, session.get_one(Account, row.account_id), unit, _subject(session, row, unit))


def obstacle(session: Session, at: Place, now: datetime) -> Sentence | None:
    """Why this can't be answered from here at all, with the way round it; None: it can."""
    row, facts = at.row, FACTS[at.row.channel]
    if row.lane is Lane.DANGER and not _handed_over(session, row):
        return Sentence(
            "Danger to life is never answered from here first. Read the card to 110, 112 or 113;"
            " after that you may write to them."
        )
    if at.account.unit_id != row.unit_id:
        return Sentence("It came to an account of another unit. Hand it back to them, and they can answer it there.")
    if not at.account.active:
        return Sentence("Its account is no longer in use. Use another way to reach them.")
    if facts.medium != "wall" and _stopped(session, row):
        return Sentence("They have said STOP, so nothing is sent to them. If it matters, call them.")
    return may_answer(facts, row, now, _heard_at(session, row))


def language_of(row: InboundRow, unit: UnitSettings) -> Language:
    """The writer's, when we speak it; else the unit's."""
    return row.language if row.language in LANGUAGES else unit.language


def ready(
    session: Session, at: Place, settings: Settings, playbook: Playbook | None, language: Language, now: datetime
) -> list[Ready]:
    """The ready answers of its incident's playbook, likest first; none for danger to life or without an incident."""
    if playbook is None or at.row.incident_id is None or at.row.lane is Lane.DANGER:
        return []
    before = _given_before(session, at.row)
    candidates = [
        Candidate(key, one.lane, one.in_(language), before.get(key, ())) for key, one in playbook.answers.items()
    ]
    values = _values(session, at, settings, playbook, language, now)
    found = []
    for suggestion in suggest(at.row.text, at.row.lane, candidates):
        answer = playbook.answers[suggestion.key]
        lacking = [name for name in placeholders(answer.in_(language)) if name not in values]
        words = None if lacking else finished(at, language, fill(answer.in_(language), values))
        found.append(Ready(suggestion.key, answer.lane, words, lacking, suggestion))
    return found


def authority(session: Session, at: Place, playbook: Playbook | None, now: datetime) -> Authority:
    """What giving a ready answer needs: signed off beforehand, or a second person."""
    if playbook is None:
        return Authority("dual", Sentence("the playbook can't be read"))
    signed = signoff.latest(session, at.row.unit_id, playbook.id, ANSWERS)
    stands = signoff.standing(digest(playbook, ANSWERS), signed, now.astimezone(at.unit.tz), playbook.valid_until)
    return Authority("single" if stands.ok else "dual", stands.say)


def own_authority(at: Place) -> Authority:
    """What sending one's own words needs."""
    if at.unit.triage.free_text_second_person:
        return Authority("dual", Sentence("written by hand"))
    return Authority("single", Sentence("written by hand, by somebody with the right"))


def finished(at: Place, language: Language, body: str) -> Words:
    """The words around the words: whom it is to, where the network needs that, and the exercise word in a drill."""
    facts, row = FACTS[at.row.channel], at.row
    text = body.strip()
    if facts.name in NAMED_FIRST and _HANDLE.fullmatch(handle := row.author.removeprefix("@")):
        text = f"@{handle} {text}"
    title = at.subject or _TITLES[language] % at.unit.name if facts.medium == "mailbox" else ""
    rendered = Rendered(title, text)
    if row.mode is Mode.DRILL:
        marked = as_drill(rendered, language, facts.form)
        rendered = replace(marked, title=title) if at.subject else marked  # the mail that it answers is marked already
    told = [str(row.id), facts.name, language, rendered.title if title else "", rendered.text]
    named = hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()
    return Words(language, rendered.title if title else "", rendered.text, facts.measure(rendered.text), named)


def complaint(words: Words, body: str) -> Sentence | None:
    """What stands in the way of these words; None: they may leave."""
    if not body.strip():
        return Sentence("Write the answer first.")
    if len(body) > LONGEST:
        return Sentence("The answer is longer than %(most)d characters.", most=LONGEST)
    if UNREADABLE & set(words.text):
        return Sentence("There are invisible characters in the answer. Type it again without them.")
    if words.size.over:
        return Sentence("%(over)d %(unit)s too many", over=words.size.over, unit=Sentence(words.size.unit))
    return None


def _values(
    session: Session, at: Place, settings: Settings, playbook: Playbook, language: Language, now: datetime
) -> dict[str, str]:
    """What slots hold after the incident's last broadcast; a promise that has passed is none."""
    said = session.execute(
        select(Broadcast.slots, Broadcast.next_update_at)
        .where(
            Broadcast.incident_id == at.row.incident_id,
            Broadcast.playbook == playbook.id,
            Broadcast.purpose == Purpose.STATEMENT,
            Broadcast.state.in_([BroadcastState.RELEASED, BroadcastState.CLOSED]),
        )
        .order_by(Broadcast.released_at, Broadcast.id)
    ).all()
    raw = {name: value for one in said for name, value in one.slots.items() if isinstance(value, str)}
    values = {"organisation": at.unit.name}
    for name, slot in playbook.slots.items():
        try:
            values[name] = slots.check_value(slot, raw.get(name, ""), language, at.unit.link_domains)
        except slots.BadSlot:
            continue
    incident = session.get_one(Incident, at.row.incident_id)
    if link := incident_link(settings, at.unit.key, at.row.mode, incident.id.hex):
        values["link"] = link
    promised = said[-1].next_update_at if said else None
    if promised is not None and promised > now:
        values["next_update"] = promised.astimezone(at.unit.tz).strftime("%H:%M")
    return values


def _given_before(session: Session, row: InboundRow) -> dict[str, list[str]]:
    """What each ready answer was given to in this incident: what was asked then is what it answers."""
    found: dict[str, list[str]] = {}
    asked = session.execute(
        select(Answer.key, InboundRow.text)
        .join(InboundRow, InboundRow.id == Answer.inbound_id)
        .where(InboundRow.incident_id == row.incident_id, Answer.key != "", InboundRow.id != row.id)
        .order_by(Answer.broadcast_id.desc())
        .limit(MOST_EARLIER * 4)
    )
    for key, text in asked:
        if len(texts := found.setdefault(key, [])) < MOST_EARLIER:
            texts.append(text)
    return found


def _subject(session: Session, row: InboundRow, unit: UnitSettings) -> str:
    if FACTS[row.channel].medium != "mailbox" or row.delivery_id is None:
        return ""
    said = select(BroadcastText.title).join(Delivery, Delivery.text_id == BroadcastText.id)
    title = session.scalars(said.where(Delivery.id == row.delivery_id)).one() or unit.name  # as the mail itself did
    return f"Re: {title}"[:200]


def _handed_over(session: Session, row: InboundRow) -> bool:
    wanted = select(HandOver.id).where(HandOver.inbound_id == row.id, HandOver.to.in_(handover.EMERGENCY))
    return session.scalars(wanted.limit(1)).first() is not None


def _stopped(session: Session, row: InboundRow) -> bool:
    said = select(OptOut.address).where(
        OptOut.account_id == row.account_id, OptOut.address == row.author, OptOut.ended_at.is_(None)
    )
    return session.scalars(said.limit(1)).first() is not None


def _heard_at(session: Session, row: InboundRow) -> datetime:
    last = session.scalars(
        select(InboundRow.at)
        .where(InboundRow.account_id == row.account_id, InboundRow.author == row.author)
        .order_by(InboundRow.at.desc())
        .limit(1)
    ).first()
    return last or row.at
