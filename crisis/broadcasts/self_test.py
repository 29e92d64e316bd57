"""Sending a draft to oneself first: the same text, to the officer's own phone and mailbox, marked as a test.

It goes the way the real one will, so it also proves that the way works. Nobody else can be named as receiver.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts.compose import channels_of, compose
from crisis.broadcasts.draft import chosen_accounts
from crisis.broadcasts.freeze import NOTICE_PRIORITY, NotReady
from crisis.broadcasts.reach import Receiver
from crisis.broadcasts.release import queue
from crisis.channels.registry import FACTS
from crisis.models import Account, Broadcast, BroadcastText, Destination, Person, User
from crisis.playbooks.playbook import Playbook
from crisis.settings import LANGUAGES, Settings
from crisis.states import BroadcastState, NotAllowed, Purpose, Role

KEEP = timedelta(minutes=15)
MARK = {"nb": "PRØVE", "nn": "PRØVE", "en": "TEST"}


def send_to_myself(
    session: Session, actor: Actor, broadcast: Broadcast, settings: Settings, playbook: Playbook, now: datetime
) -> Broadcast:
    """Queue the draft's private texts to the actor's own destinations. Returns the test broadcast.

    Raises `NotAllowed` when the actor has no phone or mailbox here, or the draft speaks on no private channel.
    """
    actor.demand(Role.OFFICER, broadcast.unit_id)
    accounts: dict[str, Account] = {}
    for account in chosen_accounts(session, broadcast):
        if FACTS[account.channel].medium != "wall":
            accounts.setdefault(FACTS[account.channel].medium, account)
    composed = compose(settings, playbook, broadcast, broadcast.unit.key, channels_of(accounts.values()), now)
    if not accounts:
        raise NotAllowed("a test to yourself needs SMS or e-mail among the channels")
    if not composed.ready:
        raise NotReady(composed, "fill in the slots first")
    mine = session.execute(
        select(Destination.medium, Destination.address, Person.id, Person.language)
        .join(Person, Person.id == Destination.person_id)
        .join(User, User.person_id == Person.id)
        .where(User.id == actor.user_id)
        .order_by(Destination.position)
    ).all()
    found: dict[str, Receiver] = {}
    for row in mine:
        if row.medium in accounts:
            account = accounts[row.medium]
            language = row.language if row.language in LANGUAGES else "nb"
            found.setdefault(row.medium, Receiver(account.id, account.channel, row.address, language, row.id))
    if not found:
        raise NotAllowed("you have no phone or mailbox of your own here; an administrator can add them under People")
    test = Broadcast(
        incident_id=broadcast.incident_id,
        unit_id=broadcast.unit_id,
        mode=broadcast.mode,
        purpose=Purpose.SELF_TEST,
        state=BroadcastState.RELEASED,
        playbook=broadcast.playbook,
        message=broadcast.message,
        phase=broadcast.phase,
        slots=dict(broadcast.slots),
        accounts=[account.key for account in accounts.values()],
        authority="single",
        authority_reason="a test to oneself",
        expires_at=now + KEEP,
        priority=NOTICE_PRIORITY,
        created_by=actor.user_id,
        released_by=actor.user_id,
        released_at=now,
        leaves_at=now,
        follows_id=None,
    )
    test.texts = [
        BroadcastText(
            channel=words.channel,
            language=words.language,
            title=f"{MARK[words.language]}: {words.title}"[:200],
            text=f"{MARK[words.language]}: {words.text}",
        )
        for words in composed.texts.values()
    ]
    test.digest = hashlib.sha256("".join(text.text for text in test.texts).encode()).hexdigest()
    session.add(test)
    session.flush()
    queue(session, test, list(found.values()))
    audit.record(
        session,
        actor,
        "broadcast.tested",
        f"broadcast:{broadcast.id}",
        unit_id=broadcast.unit_id,
        details={"test": str(test.id), "destinations": len(found)},
    )
    return test
