"""Freezing a broadcast: from here on the words, the receivers and the time limit are fixed, and a digest names them.

The approver reads what is frozen, the senders send what is frozen, and the digest in both proves it is the same.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.broadcasts import authority
from crisis.broadcasts.carry import carry
from crisis.broadcasts.compose import Composed, Piece, channels_of, compose
from crisis.broadcasts.draft import chosen_accounts
from crisis.models import Broadcast, BroadcastText, FrozenMedia
from crisis.playbooks.playbook import Playbook
from crisis.settings import Settings
from crisis.states import BroadcastState, NotAllowed, Purpose

# Lower leaves first.
NOTICE_PRIORITY, FIRST_PRIORITY, CORRECTION_PRIORITY, USUAL_PRIORITY = 0, 1, 2, 5


READ_FOR = timedelta(minutes=10)  # a page read longer ago is composed anew
LONGEST_TITLE = 200


class NotReady(NotAllowed):
    """The draft cannot be sent as it is; `composed` says why, field by field."""

    def __init__(self, composed: Composed, say: str, **facts: object) -> None:
        super().__init__(say, **facts)
        self.composed = composed


class Changed(NotAllowed):
    """What would leave is not what the page showed; nothing was done."""


@dataclass(frozen=True, slots=True)
class Read:
    """What somebody had before their eyes when they pressed: its digest, and the moment it was composed."""

    digest: str
    at: datetime

    def moment(self, now: datetime) -> datetime:
        """When to compose: as it was read, so that a promised time does not move between reading and pressing."""
        return self.at if timedelta(0) <= now - self.at <= READ_FOR else now


def freeze(
    session: Session,
    broadcast: Broadcast,
    settings: Settings,
    playbook: Playbook | None,
    now: datetime,
    read: Read | None = None,
) -> authority.Authority:
    """Store the texts and their digest, decide the authority and the time limit. Returns what releasing it needs.

    Raises `NotReady` when a slot is wrong, a text does not fit or nobody would get it, and `Changed` when it is not
    what was `read`.
    """
    if broadcast.state is not BroadcastState.DRAFT:
        raise NotAllowed("this is frozen already")
    if playbook is None or broadcast.message not in playbook.messages:
        raise NotAllowed("the playbook of this draft cannot be read; an administrator must mend its file")
    unit = settings.unit(broadcast.unit.key)
    accounts = chosen_accounts(session, broadcast)
    if not accounts:
        raise NotReady(Composed(), "choose at least one channel")
    moment = read.moment(now) if read else now
    composed = compose(settings, playbook, broadcast, unit.key, channels_of(accounts), moment)
    composed = carry(session, settings, playbook, broadcast, composed, accounts, moment)
    accounts = [account for account in accounts if account.channel not in composed.left_out]
    if not composed.ready:
        problems = [*map(str, composed.problems), *(f"{name}: {bad.say}" for name, bad in composed.slot_errors.items())]
        everything = "; ".join(problems)
        raise NotReady(composed, everything) if everything else NotReady(composed, "there is nothing to send")
    edited = any(words.edited for words in composed.texts.values())
    needs = authority.needed_for(session, broadcast, unit, playbook, now, edited=edited)
    broadcast.texts = [
        BroadcastText(
            channel=words.channel,
            language=words.language,
            title=words.title[:LONGEST_TITLE],
            text=words.text,
            media=[frozen_media(piece, position) for position, piece in enumerate(composed.media.get(key, ()))],
        )
        for key, words in composed.texts.items()
    ]
    broadcast.accounts = [account.key for account in accounts]
    broadcast.authority, broadcast.authority_reason = needs.needs, str(needs.why)
    broadcast.expires_at = now + timedelta(minutes=playbook.messages[broadcast.message].sendable_minutes)
    broadcast.next_update_at = composed.next_update_at
    broadcast.priority = priority(session, broadcast)
    broadcast.digest = digest(broadcast)
    still_as_read(broadcast, read)
    return needs


def frozen_media(piece: Piece, position: int) -> FrozenMedia:
    file = piece.file
    return FrozenMedia(
        position=position,
        item_id=piece.item_id,
        kind=file.kind,
        content_type=file.content_type,
        sha256=file.sha256,
        size=file.size,
        width=file.width,
        height=file.height,
        seconds=file.seconds,
        alt=piece.alt,
        token=secrets.token_urlsafe(24),
    )


def still_as_read(broadcast: Broadcast, read: Read | None) -> None:
    """Raise `Changed` unless the frozen content is what was read."""
    if read is not None and read.digest != broadcast.digest:
        raise Changed("it changed since you read it; nothing was sent. Read it again")


def thaw(broadcast: Broadcast) -> None:
    """Back to a draft: the frozen texts are thrown away with everything that was decided about them."""
    broadcast.texts = []
    broadcast.digest = None
    broadcast.state = BroadcastState.DRAFT
    broadcast.submitted_at = broadcast.submitted_by = broadcast.expires_at = None
    if not broadcast.edits:
        broadcast.next_update_at = None


def digest(broadcast: Broadcast) -> str:
    """The digest of what is frozen."""
    texts = ((text.channel, text.language, text.title, text.text) for text in broadcast.texts)
    media = (
        (text.channel, text.language, row.position, row.sha256, row.alt)
        for text in broadcast.texts
        for row in text.media
    )
    return digest_of(broadcast, broadcast.accounts, texts, media)


def digest_of(
    broadcast: Broadcast,
    accounts: Sequence[str],
    texts: Iterable[tuple[str, str, str, str]],
    media: Iterable[tuple[str, str, int, str, str]] = (),
) -> str:
    """The SHA-256 of what leaves and to whom: texts, files with their alt texts, accounts, audiences, mode, what it
    follows.
    """
    content: dict[str, Any] = {
        "mode": broadcast.mode,
        "incident": str(broadcast.incident_id),
        "follows": str(broadcast.follows_id or ""),
        "accounts": list(accounts),
        "audiences": broadcast.audiences,
        "texts": sorted(list(text) for text in texts),
    }
    if broadcast.manners:
        content["manners"] = broadcast.manners
    if broadcast.rumour_id is not None:  # it stands among the rumours of the public page
        content["rumour"] = str(broadcast.rumour_id)
    if carried := sorted(list(one) for one in media):
        content["media"] = carried
    if broadcast.purpose is Purpose.ANSWER:
        content["answers"] = broadcast.slots.get("inbound", "")
    if broadcast.purpose is Purpose.PLANNED:
        content["post"], content["tags"] = str(broadcast.planned_post_id), broadcast.slots.get("tags", [])
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def priority(session: Session, broadcast: Broadcast) -> int:
    """The first words of an incident go before everything, corrections before updates."""
    if broadcast.phase == "correction":
        return CORRECTION_PRIORITY
    earlier = session.scalars(
        select(Broadcast.id).where(
            Broadcast.incident_id == broadcast.incident_id,
            Broadcast.id != broadcast.id,
            Broadcast.released_at.is_not(None),
            Broadcast.purpose == broadcast.purpose,
        )
    ).first()
    return FIRST_PRIORITY if earlier is None else USUAL_PRIORITY
