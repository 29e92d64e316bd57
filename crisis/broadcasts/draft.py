"""Making and changing a draft: which message, which accounts, which audiences, what is in the slots.

Nothing here can leave: a draft has no frozen text and no deliveries.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts.compose import promised
from crisis.channels.registry import FACTS
from crisis.media import library
from crisis.models import Account, Broadcast, BroadcastMedia, Incident, MediaItem
from crisis.playbooks.playbook import Playbook
from crisis.sending.fallback import only_fallback
from crisis.settings import LANGUAGES
from crisis.states import BroadcastState, NotAllowed, Purpose, Role


def start(session: Session, actor: Actor, incident: Incident, playbook: Playbook, message_key: str) -> Broadcast:
    """A draft of one playbook message with the playbook's own channels and audiences.

    The actor's own untouched draft of it is handed out again: a second press makes no second draft.
    """
    _incident_is_open(actor, incident)
    message = playbook.messages.get(message_key)
    if message is None:
        raise NotAllowed("the playbook no longer has this message")
    if message.phase == "call_out":
        raise NotAllowed("this message calls our own people in; start a call-out with it")
    broadcast = Broadcast(
        incident_id=incident.id,
        unit_id=incident.unit_id,
        mode=incident.mode,
        purpose=Purpose.STATEMENT,
        playbook=playbook.id,
        message=message_key,
        phase=message.phase,
        audiences=list(message.audiences),
        accounts=[account.key for account in usable_accounts(session, incident) if account.channel in message.channels],
        authority="dual",  # until release decides
        created_by=actor.user_id,
    )
    if blank := _blank(session, broadcast):
        return blank
    session.add(broadcast)
    session.flush()
    attach(broadcast, library.by_keys(session, broadcast.unit_id, message.media))
    session.flush()
    _record(session, actor, "broadcast.drafted", broadcast, {"playbook": playbook.id, "message": message_key})
    return broadcast


def _blank(session: Session, like: Broadcast) -> Broadcast | None:
    rows = session.scalars(
        select(Broadcast).where(
            Broadcast.incident_id == like.incident_id,
            Broadcast.state == BroadcastState.DRAFT,
            Broadcast.playbook == like.playbook,
            Broadcast.message == like.message,
            Broadcast.created_by == like.created_by,
            Broadcast.follows_id.is_(None),
            Broadcast.rumour_id.is_(None),
        )
    )
    return next((row for row in rows if not row.slots and not row.edits and not row.approvals), None)


def again(session: Session, actor: Actor, original: Broadcast, incident: Incident, playbook: Playbook) -> Broadcast:
    """A fresh draft with everything the stopped or rejected `original` had, to be put right and released anew."""
    if original.state not in (BroadcastState.STOPPED, BroadcastState.REJECTED):
        raise NotAllowed("this one still stands; change or stop it first")
    broadcast = start(session, actor, incident, playbook, original.message)
    broadcast.slots, broadcast.audiences = dict(original.slots), list(original.audiences)
    usable = {account.key for account in usable_accounts(session, incident)}
    broadcast.accounts = [key for key in original.accounts if key in usable]
    broadcast.follows_id, broadcast.manners = original.follows_id, dict(original.manners or {})
    broadcast.rumour_id = original.rumour_id
    attach(broadcast, [row.item for row in original.media])
    return broadcast


def follow(
    session: Session, actor: Actor, original: Broadcast, incident: Incident, playbook: Playbook, message_key: str
) -> Broadcast:
    """An update, correction or all-clear of `original`, filled from it; it goes to exactly those who got it."""
    if original.state not in (BroadcastState.RELEASED, BroadcastState.CLOSED, BroadcastState.STOPPED):
        raise NotAllowed("only what has been released can be followed up")
    if original.purpose is not Purpose.STATEMENT:
        raise NotAllowed("a test or a notice has no follow-up")
    broadcast = start(session, actor, incident, playbook, message_key)
    used = playbook.slots_of(message_key)
    broadcast.follows_id = original.id
    broadcast.slots = {name: value for name, value in original.slots.items() if name in used}
    broadcast.audiences = list(original.audiences)
    broadcast.accounts = [key for key in original.accounts if key in set(broadcast.accounts)]
    return broadcast


def change(
    session: Session,
    actor: Actor,
    broadcast: Broadcast,
    incident: Incident,
    playbook: Playbook,
    *,
    slots: Mapping[str, str] | None = None,
    accounts: Sequence[str] | None = None,
    audiences: Sequence[str] | None = None,
    edits: Mapping[str, Mapping[str, str]] | None = None,
    media: Sequence[uuid.UUID] | None = None,
    now: datetime | None = None,
) -> None:
    """Fill in a draft. What is not given stays. Values are checked when they are composed, so half a form can be kept.

    `now` is when `edits` were written: the promised time they spell out is kept with them.

    Raises `NotAllowed` when the broadcast is no draft, or names an account the incident may not use.
    """
    _incident_is_open(actor, incident)
    if broadcast.state is not BroadcastState.DRAFT:
        raise NotAllowed("this is frozen; only a draft can be changed")
    if slots is not None:
        known = playbook.slots_of(broadcast.message)
        broadcast.slots = {name: str(value)[:500] for name, value in slots.items() if name in known}
    if accounts is not None:
        usable = [account.key for account in usable_accounts(session, incident)]
        if strange := set(accounts) - set(usable):
            raise NotAllowed("this incident has no account %(names)s", names=", ".join(sorted(strange)))
        broadcast.accounts = [key for key in usable if key in set(accounts)]
    if audiences is not None and broadcast.follows_id is None:
        broadcast.audiences = list(dict.fromkeys(audiences))
    if media is not None:
        _choose_media(session, broadcast, playbook, media)
    if edits is not None:
        broadcast.edits = {
            channel: {language: text for language, text in texts.items() if language in LANGUAGES and text.strip()}
            for channel, texts in edits.items()
        }
        broadcast.edits = {channel: texts for channel, texts in broadcast.edits.items() if texts}
        if not broadcast.edits:
            broadcast.next_update_at = None
        elif now is not None:
            broadcast.next_update_at = promised(now, playbook.messages[broadcast.message].next_update_minutes)


def _choose_media(session: Session, broadcast: Broadcast, playbook: Playbook, ids: Sequence[uuid.UUID]) -> None:
    """The playbook's own first, in its order, then the others in the order in which they were added."""
    told = library.by_keys(session, broadcast.unit_id, playbook.messages[broadcast.message].media)
    others = [item for item in reversed(library.items(session, broadcast.unit_id)) if item not in told]
    kept = {row.item_id for row in broadcast.media}
    chosen = [item for item in (*told, *others) if item.id in ids]
    if set(ids) - {item.id for item in chosen}:
        raise NotAllowed("this unit has no such picture or film")
    for item in chosen:
        why = library.why_not(item)
        if why is not None and item.id not in kept:
            raise NotAllowed("'%(title)s' may not be used: %(why)s", title=item.title, why=why)
    if [item.id for item in chosen] != [row.item_id for row in broadcast.media]:
        attach(broadcast, chosen)


def attach(broadcast: Broadcast, chosen: Sequence[MediaItem]) -> None:
    """Make these what the broadcast carries. Rows that stay are kept, since their key is the pair."""
    rows = {row.item_id: row for row in broadcast.media}
    kept = [rows.get(item.id) or BroadcastMedia(item_id=item.id, item=item) for item in chosen]
    for position, row in enumerate(kept):
        row.position = position
    broadcast.media = kept


def discard(session: Session, actor: Actor, broadcast: Broadcast) -> None:
    """Throw a draft away."""
    actor.demand(Role.OFFICER, broadcast.unit_id)
    if broadcast.state is not BroadcastState.DRAFT or broadcast.approvals:
        raise NotAllowed("only a draft that nobody has judged can be thrown away")
    _record(session, actor, "broadcast.discarded", broadcast, {})
    session.delete(broadcast)


def usable_accounts(session: Session, incident: Incident) -> list[Account]:
    """The accounts of the incident's unit and mode, in a steady order: what everybody can read comes first.

    Those that are only kept for another of their channel are left out; they speak by themselves when it cannot.
    """
    rows = session.scalars(
        select(Account)
        .where(Account.unit_id == incident.unit_id, Account.mode == incident.mode, Account.active, ~only_fallback())
        .order_by(Account.key)
    )
    order = ("wall", "phone", "mailbox")
    return sorted(rows, key=lambda account: order.index(FACTS[account.channel].medium))


def chosen_accounts(session: Session, broadcast: Broadcast) -> list[Account]:
    """The accounts a broadcast names, in its order; those that are gone or of another mode are left out."""
    rows = {
        account.key: account
        for account in session.scalars(
            select(Account).where(
                Account.key.in_(broadcast.accounts),
                Account.mode == broadcast.mode,
                Account.unit_id == broadcast.unit_id,
                Account.active,
            )
        )
    }
    return [rows[key] for key in broadcast.accounts if key in rows]


def _incident_is_open(actor: Actor, incident: Incident) -> None:
    actor.demand(Role.OFFICER, incident.unit_id)
    if incident.closed_at is not None:
        raise NotAllowed("the incident is closed; open a new one")


def _record(session: Session, actor: Actor, act: str, broadcast: Broadcast, details: dict[str, Any]) -> None:
    audit.record(session, actor, act, f"broadcast:{broadcast.id}", unit_id=broadcast.unit_id, details=details)
