"""The second person: submitting a broadcast, and the yes, the return with reason, or the no to it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts import notice, notice_words
from crisis.broadcasts.freeze import Read, freeze, thaw
from crisis.models import Approval, Broadcast
from crisis.playbooks.playbook import Playbook
from crisis.settings import Settings
from crisis.states import BROADCAST_MOVES, BroadcastState, NotAllowed, Purpose, Role, check_move


def submit(
    session: Session,
    actor: Actor,
    broadcast: Broadcast,
    settings: Settings,
    playbook: Playbook | None,
    now: datetime,
    *,
    read: Read | None = None,
) -> None:
    """Freeze it and ask for a second person, who is told at once. Raises `NotReady`, `Changed` or `NotAllowed`."""
    actor.demand(Role.OFFICER, broadcast.unit_id)
    if broadcast.purpose is Purpose.ANSWER:
        raise NotAllowed("an answer is given from the page of what it answers")
    check_move(BROADCAST_MOVES, broadcast.state, BroadcastState.SUBMITTED)
    if broadcast.incident is not None and broadcast.incident.closed_at is not None:
        raise NotAllowed("the incident is closed; open a new one")
    freeze(session, broadcast, settings, playbook, now, read)
    broadcast.state = BroadcastState.SUBMITTED
    broadcast.submitted_by, broadcast.submitted_at = actor.user_id, now
    broadcast.return_reason = None
    approvers = notice.users_with(session, broadcast.unit_id, Role.APPROVER, but=actor.user_id)
    notice.tell(session, notice_words.approval_wanted(broadcast, actor.name, settings), approvers, broadcast, now)
    audit.record(
        session,
        actor,
        "broadcast.submitted",
        f"broadcast:{broadcast.id}",
        unit_id=broadcast.unit_id,
        details={"digest": broadcast.digest, "why": broadcast.authority_reason},
    )


def approve(
    session: Session, actor: Actor, broadcast: Broadcast, digest: str, now: datetime, *, way: str = "console"
) -> None:
    """A second person's yes to exactly the text named by `digest`, which what they read or heard carried."""
    _judge(session, actor, broadcast, BroadcastState.APPROVED, "yes", "", digest, now, way)


def send_back(session: Session, actor: Actor, broadcast: Broadcast, reason: str, digest: str, now: datetime) -> None:
    """Return it to its author with a reason; it is a draft again."""
    _judge(session, actor, broadcast, BroadcastState.DRAFT, "returned", reason, digest, now)


def reject(session: Session, actor: Actor, broadcast: Broadcast, reason: str, digest: str, now: datetime) -> None:
    """No, for good."""
    _judge(session, actor, broadcast, BroadcastState.REJECTED, "rejected", reason, digest, now)


def withdraw(session: Session, actor: Actor, broadcast: Broadcast) -> None:
    """The officers' own change of mind before release: a draft again."""
    actor.demand(Role.OFFICER, broadcast.unit_id)
    if broadcast.purpose is Purpose.ANSWER:
        raise NotAllowed("an answer is given from the page of what it answers")
    check_move(BROADCAST_MOVES, broadcast.state, BroadcastState.DRAFT)
    thaw(broadcast)
    audit.record(session, actor, "broadcast.withdrawn", f"broadcast:{broadcast.id}", unit_id=broadcast.unit_id)


def _judge(
    session: Session,
    actor: Actor,
    broadcast: Broadcast,
    new: BroadcastState,
    decision: str,
    reason: str,
    digest: str,
    now: datetime,
    way: str = "console",
) -> None:
    actor.demand(Role.APPROVER, broadcast.unit_id)
    if broadcast.state is not BroadcastState.SUBMITTED:
        raise NotAllowed("somebody has decided this already; look at the broadcast again")
    check_move(BROADCAST_MOVES, broadcast.state, new)
    if actor.user_id is None or actor.user_id in (broadcast.submitted_by, broadcast.created_by):
        raise NotAllowed("a second person must decide; you wrote or submitted this yourself")
    if digest != broadcast.digest:
        raise NotAllowed("the text changed while you were reading; read it again")
    reason = reason.strip()[:500]
    if decision != "yes" and not reason:
        raise NotAllowed("say why, so that it can be mended")
    session.add(
        Approval(
            broadcast_id=broadcast.id,
            user_id=actor.user_id,
            decision=decision,
            reason=reason,
            digest=digest,
            at=now,
        )
    )
    if new is BroadcastState.DRAFT:
        thaw(broadcast)
        broadcast.return_reason = reason
    broadcast.state = new
    audit.record(
        session,
        actor,
        f"broadcast.{'approved' if decision == 'yes' else decision}",
        f"broadcast:{broadcast.id}",
        unit_id=broadcast.unit_id,
        details={"digest": digest, "reason": reason, "way": way},
    )
