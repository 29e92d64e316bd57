"""Giving an answer: by whoever holds the inbound, once; taking it back while it has not left; a second person's yes.

An answer is a broadcast with one delivery, so it is frozen, sent, found out and recorded by the same code as everything
else. Takes a session and never commits.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts import freeze, notice, notice_words, release, submit
from crisis.broadcasts.reach import WALL, Receiver
from crisis.channels.registry import FACTS
from crisis.models import Answer, Approval, Broadcast, BroadcastText, InboundRow, Incident
from crisis.playbooks.playbook import Playbook
from crisis.settings import Language, Settings
from crisis.states import (
    BROADCAST_MOVES,
    INBOUND_MOVES,
    BroadcastState,
    InboundState,
    Mode,
    NotAllowed,
    Purpose,
    Role,
    check_move,
)
from crisis.triage import answers, queue
from crisis.triage.answers import Authority, Place, Words

PHASE = "answer"  # adapters know by it that this goes to one person
KEEP = timedelta(hours=4)  # not sent, and nobody's yes counts, after that
UNDONE = "taken back before it left"
BY_BOOK, BY_HAND = "ready answer", "written by hand"  # how it was settled


def give(
    session: Session,
    actor: Actor,
    inbound_id: uuid.UUID,
    settings: Settings,
    unit_key: str,
    playbook: Playbook | None,
    key: str,
    language: Language,
    read: str,
    now: datetime,
) -> Broadcast:
    """Give a ready answer of the incident's playbook, word for word as `read` names it; see `_give` for what is raised."""
    at = _place(session, actor, inbound_id, settings, unit_key, now)
    _incident_goes_on(session, at)
    found = next((one for one in answers.ready(session, at, settings, playbook, language, now) if one.key == key), None)
    if found is None or found.words is None:
        raise NotAllowed("This answer can't be given now. Look at the page again.")
    needs = answers.authority(session, at, playbook, now)
    return _give(session, actor, at, settings, found.words, found.words.text, key, needs, read, now)


def write(
    session: Session,
    actor: Actor,
    inbound_id: uuid.UUID,
    settings: Settings,
    unit_key: str,
    body: str,
    language: Language,
    read: str,
    now: datetime,
) -> Broadcast:
    """Answer in one's own words; only officers may, and a second person reads them where the unit says so."""
    at = _place(session, actor, inbound_id, settings, unit_key, now)
    actor.demand(Role.OFFICER, at.row.unit_id)
    words = answers.finished(at, language, body)
    return _give(session, actor, at, settings, words, body, "", answers.own_authority(at), read, now)


def pending(session: Session, inbound_id: uuid.UUID) -> Broadcast | None:
    """The answer that waits for a second person's yes."""
    return session.scalars(
        select(Broadcast)
        .join(Answer, Answer.broadcast_id == Broadcast.id)
        .where(Answer.inbound_id == inbound_id, Broadcast.state == BroadcastState.SUBMITTED)
    ).first()


def approve(session: Session, actor: Actor, broadcast: Broadcast, settings: Settings, read: str, now: datetime) -> None:
    """A second person's yes to exactly what they read: it leaves at once. Raises `NotAllowed`."""
    row, answer = _answered_by(session, broadcast)
    if row.state not in queue.STANDING:
        raise NotAllowed("It is settled already: %(state)s.", state=row.state.value)
    if broadcast.expires_at is not None and broadcast.expires_at <= now:
        raise NotAllowed("This answer is too old to be sent. Send it back, and a new one can be written.")
    at = answers.place(session, row, settings, broadcast.unit.key)
    if (why := answers.obstacle(session, at, now)) is not None:
        raise NotAllowed(why)
    submit.approve(session, actor, broadcast, read, now)
    _leave(session, actor, at, broadcast, now)
    queue.settle(session, actor, row, InboundState.ANSWERED, BY_BOOK if answer.key else BY_HAND, now)


def refuse(session: Session, actor: Actor, broadcast: Broadcast, reason: str, read: str, now: datetime) -> None:
    """A second person's no, with the reason: it waits in the queue again."""
    submit.reject(session, actor, broadcast, reason, read, now)
    end(session, broadcast, now)


def withdraw(session: Session, actor: Actor, broadcast: Broadcast, now: datetime) -> None:
    """Somebody in triage takes back what waits for a yes; it waits in the queue again."""
    actor.demand(Role.TRIAGER, broadcast.unit_id)
    check_move(BROADCAST_MOVES, broadcast.state, BroadcastState.REJECTED)
    broadcast.state = BroadcastState.REJECTED
    end(session, broadcast, now)
    audit.record(session, actor, "inbound.answer_withdrawn", f"broadcast:{broadcast.id}", unit_id=broadcast.unit_id)


def undo(session: Session, actor: Actor, broadcast: Broadcast, now: datetime) -> None:
    """Take back what has not left; the actor holds the inbound again. Raises `NotAllowed` when it has left."""
    actor.demand(Role.TRIAGER, broadcast.unit_id)
    row, answer = _answered_by(session, broadcast)
    if not release.stop_rest(session, broadcast, UNDONE, now):
        raise NotAllowed("It has left already and can't be taken back. Answer again to put something right.")
    answer.ended_at = now
    if row.state is InboundState.ANSWERED:
        queue.reopen(session, actor, row.id)
        queue.claim(session, actor, row.id, now)
    audit.record(session, actor, "inbound.answer_undone", f"inbound:{row.id}", unit_id=row.unit_id)


def _place(
    session: Session, actor: Actor, inbound_id: uuid.UUID, settings: Settings, unit_key: str, now: datetime
) -> Place:
    """The inbound, locked and held by the actor, where it may be answered."""
    at = answers.place(session, queue.held(session, actor, inbound_id), settings, unit_key)
    if pending(session, at.row.id) is not None:
        raise NotAllowed("An answer waits for a second person already. Take that one back first.")
    if (why := answers.obstacle(session, at, now)) is not None:
        raise NotAllowed(why)
    return at


def _incident_goes_on(session: Session, at: Place) -> None:
    incident = session.get(Incident, at.row.incident_id) if at.row.incident_id else None
    if incident is not None and incident.closed_at is not None:
        raise NotAllowed(
            "The incident is closed, and what was prepared for it may be true no longer. Write your own words."
        )


def _give(
    session: Session,
    actor: Actor,
    at: Place,
    settings: Settings,
    words: Words,
    body: str,
    key: str,
    needs: Authority,
    read: str,
    now: datetime,
) -> Broadcast:
    """Freeze it, and let it go or ask for a second person. Raises `NotAllowed`, `Changed` when it is not what was read."""
    if (why := answers.complaint(words, body)) is not None:
        raise NotAllowed(why)
    if read != words.digest:
        raise freeze.Changed("it changed since you read it; nothing was sent. Read it again")
    broadcast = _frozen(session, actor, at, words, key, needs, now)
    if needs.needs == "single":
        _leave(session, actor, at, broadcast, now)
        queue.settle(session, actor, at.row, InboundState.ANSWERED, BY_BOOK if key else BY_HAND, now)
        return broadcast
    broadcast.state = BroadcastState.SUBMITTED
    broadcast.submitted_by, broadcast.submitted_at = actor.user_id, now
    # Out of the queue while it waits for a yes; if none comes, it stands there again by itself.
    check_move(INBOUND_MOVES, at.row.state, InboundState.SNOOZED)
    at.row.state, at.row.snoozed_until = InboundState.SNOOZED, now + KEEP
    at.row.claimed_by = at.row.claimed_until = None
    session.flush()
    approvers = notice.users_with(session, broadcast.unit_id, Role.APPROVER, but=actor.user_id)
    notice.tell(session, notice_words.approval_wanted(broadcast, actor.name, settings), approvers, broadcast, now)
    audit.record(
        session, actor, "inbound.answer_written", f"inbound:{at.row.id}", unit_id=at.row.unit_id,
        details={"digest": broadcast.digest, "why": broadcast.authority_reason},
    )  # fmt: skip
    return broadcast


def _frozen(
    session: Session, actor: Actor, at: Place, words: Words, key: str, needs: Authority, now: datetime
) -> Broadcast:
    row = at.row
    broadcast = Broadcast(
        incident_id=row.incident_id,
        unit_id=row.unit_id,
        mode=row.mode,
        purpose=Purpose.ANSWER,
        state=BroadcastState.DRAFT,
        playbook="",
        message=key,
        phase=PHASE,
        slots={"inbound": str(row.id)},
        accounts=[at.account.key],
        authority=needs.needs,
        authority_reason=str(needs.why),
        expires_at=now + KEEP,
        priority=freeze.CORRECTION_PRIORITY,  # one person who asks does not wait behind a crowd
        created_by=actor.user_id,
        texts=[BroadcastText(channel=row.channel, language=words.language, title=words.title, text=words.text)],
    )
    session.add(broadcast)
    session.flush()
    broadcast.digest = freeze.digest(broadcast)
    session.add(Answer(broadcast_id=broadcast.id, inbound_id=row.id, key=key))
    session.flush()
    return broadcast


def _leave(session: Session, actor: Actor, at: Place, broadcast: Broadcast, now: datetime) -> None:
    """One delivery, to the writer's own address, or onto the thread they wrote in; with time to undo where all can see."""
    if broadcast.digest != freeze.digest(broadcast):
        raise NotAllowed("the text is not what was frozen; nothing was sent. Tell an administrator")
    if broadcast.authority == "dual" and not _read_by_another(session, broadcast):
        raise release.SecondPerson(broadcast.authority_reason or "a second person has not said yes")
    check_move(BROADCAST_MOVES, broadcast.state, BroadcastState.RELEASED)
    facts, text = FACTS[at.row.channel], broadcast.texts[0]
    seconds = at.unit.countdown_live_seconds if broadcast.mode is Mode.LIVE else at.unit.countdown_drill_seconds
    broadcast.state = BroadcastState.RELEASED
    broadcast.released_by, broadcast.released_at = actor.user_id, now
    broadcast.leaves_at = now + timedelta(seconds=seconds if facts.public else 0)
    session.flush()
    address = WALL if facts.medium == "wall" else at.row.author
    release.queue(session, broadcast, [Receiver(at.account.id, facts.name, address, text.language)])


def _read_by_another(session: Session, broadcast: Broadcast) -> bool:
    authors = (broadcast.submitted_by, broadcast.created_by)
    said = session.scalars(select(Approval).where(Approval.broadcast_id == broadcast.id))
    return any(one.decision == "yes" and one.digest == broadcast.digest and one.user_id not in authors for one in said)


def _answered_by(session: Session, broadcast: Broadcast) -> tuple[InboundRow, Answer]:
    answer = session.get_one(Answer, broadcast.id)
    return session.get_one(InboundRow, answer.inbound_id, with_for_update=True, populate_existing=True), answer


def end(session: Session, broadcast: Broadcast, now: datetime) -> None:
    """Nothing will leave: whoever asked waits again, unless somebody has taken it up meanwhile."""
    row, answer = _answered_by(session, broadcast)
    answer.ended_at = broadcast.ended_at = now
    if row.state is InboundState.SNOOZED:
        row.state, row.snoozed_until = InboundState.WAITING, None
    session.flush()
