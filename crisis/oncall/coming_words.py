"""Writing to those who have said yes in words of one's own: a broadcast that a second person reads before it leaves.

It follows the call-out's own words and asks nothing. Who gets it is decided when it leaves: whoever is coming then.
Takes a session and never commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts import notice, notice_words, submit
from crisis.broadcasts import release as letting_go
from crisis.broadcasts.draft import chosen_accounts
from crisis.broadcasts.freeze import Read
from crisis.models import Account, Ask, Broadcast, CallOut, Incident, Person
from crisis.oncall import callout_plan, callout_words, own_need, tries
from crisis.oncall.candidates import addresses_of
from crisis.settings import LANGUAGES, Settings
from crisis.states import AskState, BroadcastState, CallOutState, NotAllowed, Purpose, Role


def ask(
    session: Session, actor: Actor, call_out: CallOut, words: Mapping[str, str], settings: Settings, now: datetime
) -> Broadcast:
    """Freeze these words (`words_nb` and so on) and ask a second person. Raises `NotReady` or `NotAllowed`."""
    actor.demand(Role.OFFICER, call_out.unit_id)
    if call_out.state in (CallOutState.PLANNED, CallOutState.CLOSED):
        raise NotAllowed("the call-out is over")
    accounts = _read_ways(session, call_out)
    if not accounts:
        raise NotAllowed("no account of this unit can reach a person's phone or mailbox; an administrator must add one")
    slots = own_need.slots(words)
    if not any(slots.values()):
        raise NotAllowed("write what they shall know")
    broadcast = Broadcast(
        incident_id=call_out.incident_id,
        unit_id=call_out.unit_id,
        mode=call_out.mode,
        purpose=Purpose.CALL_OUT,
        playbook=own_need.ID,
        message=own_need.MESSAGE,
        phase="call_out",
        follows_id=call_out.broadcast_id,
        accounts=[account.key for account in accounts],
        slots=slots,
        authority="dual",
        created_by=actor.user_id,
    )
    session.add(broadcast)
    session.flush()
    submit.submit(session, actor, broadcast, settings, own_need.PLAYBOOK, now)
    return broadcast


def _read_ways(session: Session, call_out: CallOut) -> list[Account]:
    incident = session.get_one(Incident, call_out.incident_id)
    found = {account.channel: account for account in callout_plan.speaking(session, incident)}
    return [found[channel] for channel in callout_words.READ if channel in found]


def waiting(session: Session, call_out: CallOut) -> list[Broadcast]:
    """What was written to those who come: the newest first, thrown-away drafts left out."""
    return list(
        session.scalars(
            select(Broadcast)
            .where(
                Broadcast.follows_id == call_out.broadcast_id,
                Broadcast.message == own_need.MESSAGE,
                Broadcast.state != BroadcastState.DRAFT,
            )
            .order_by(Broadcast.created_at.desc())
        )
    )


def let_go(
    session: Session,
    actor: Actor,
    call_out: CallOut,
    broadcast: Broadcast,
    settings: Settings,
    now: datetime,
    *,
    break_glass: str | None = None,
    read: Read | None = None,
) -> int:
    """Send it to everybody who is coming now, each on the first way that is read. Returns how many.

    Raises `Changed`, `SecondPerson` or `NotAllowed`.
    """
    reason = letting_go.cleared(
        session, actor, broadcast, settings, own_need.PLAYBOOK, now, break_glass=break_glass, read=read
    )
    broadcast.state = BroadcastState.RELEASED
    broadcast.released_by, broadcast.released_at, broadcast.leaves_at = actor.user_id, now, now
    broadcast.break_glass_reason = reason or None
    session.flush()
    count = len(tries.queue(session, broadcast, _wanted(session, call_out, broadcast), now))
    if not count:
        raise NotAllowed("nobody who is coming can be written to")
    if reason:
        told = notice.users_with(session, call_out.unit_id, Role.APPROVER, but=None)
        notice.tell(session, notice_words.glass_broken(broadcast, actor.name, reason), told, broadcast, now)
    details = {"people": count, "digest": broadcast.digest, "reason": reason}
    subject = f"call_out:{call_out.id}"
    audit.record(session, actor, "call_out.messaged", subject, unit_id=call_out.unit_id, details=details)
    return count


def _wanted(session: Session, call_out: CallOut, broadcast: Broadcast) -> list[tries.Try]:
    accounts = {account.channel: account for account in chosen_accounts(session, broadcast)}
    channels = [channel for channel in callout_words.READ if channel in accounts]
    rows = session.execute(
        select(Ask.id, Ask.person_id, Person.language)
        .join(Person, Person.id == Ask.person_id)
        .where(Ask.call_out_id == call_out.id, Ask.state == AskState.YES, ~Ask.reserve)
        .order_by(Ask.answered_at)
    ).all()
    ways = addresses_of(session, [row.person_id for row in rows], channels)
    wanted = []
    for row in rows:
        channel = next((one for one in channels if ways.get(row.person_id, {}).get(one)), None)
        if channel is not None:
            language = row.language if row.language in LANGUAGES else LANGUAGES[0]
            address = ways[row.person_id][channel][0]
            wanted.append(tries.Try(row.id, row.person_id, accounts[channel], address, language, 0))
    return wanted


def coming(session: Session, call_out: CallOut) -> int:
    """How many would get it now."""
    asked = select(func.count()).where(Ask.call_out_id == call_out.id, Ask.state == AskState.YES, ~Ask.reserve)
    return session.scalar(asked) or 0
