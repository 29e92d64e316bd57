"""A unit's media library: adding, describing, recording rights and consent, withdrawing. Every act is recorded.

An item may be used when somebody has recorded by what right we publish it and what the people shown have said. Takes a
session and never commits; files are the store's.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.media.store import Kept
from crisis.models import Broadcast, BroadcastMedia, FrozenMedia, MediaItem
from crisis.models.incident import BroadcastText
from crisis.sentence import Sentence
from crisis.settings import LANGUAGES
from crisis.states import NotAllowed, Role

Consent = Literal["yes", "nobody", "no"]
CONSENTS: tuple[Consent, ...] = ("yes", "nobody", "no")
LONGEST_ALT = 1000  # X takes no more (X API docs, media metadata), and nobody listens longer
EDITORS = (Role.OFFICER, Role.APPROVER, Role.ADMINISTRATOR)
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def demand_editor(actor: Actor, unit_id: uuid.UUID) -> None:
    """Raise `NotAllowed` unless this actor may change the unit's library: officers, approvers and administrators."""
    if not any(actor.has(role, unit_id) for role in EDITORS):
        actor.demand(Role.OFFICER, unit_id)


def items(session: Session, unit_id: uuid.UUID, *, withdrawn: bool = True) -> Sequence[MediaItem]:
    """The unit's items, newest first."""
    wanted = select(MediaItem).where(MediaItem.unit_id == unit_id).order_by(MediaItem.added_at.desc())
    if not withdrawn:
        wanted = wanted.where(MediaItem.withdrawn_at.is_(None))
    return session.scalars(wanted).all()


def by_keys(session: Session, unit_id: uuid.UUID, keys: Iterable[str]) -> list[MediaItem]:
    """The items a playbook names, in its order; those that are not there are left out."""
    wanted = list(keys)
    found = {
        item.key: item
        for item in session.scalars(select(MediaItem).where(MediaItem.unit_id == unit_id, MediaItem.key.in_(wanted)))
    }
    return [found[key] for key in wanted if key in found]


def why_not(item: MediaItem) -> Sentence | None:
    """Why this may not be used now; None when it may."""
    if item.withdrawn_at is not None:
        return Sentence("it was withdrawn")
    if item.rights_at is None:
        return Sentence("nobody has recorded by what right we publish it")
    if item.consent_at is None or not item.consent:
        return Sentence("nobody has recorded whether the people shown agree")
    if item.consent == "no":
        return Sentence("somebody shown in it does not agree")
    return None


def add(
    session: Session, actor: Actor, unit_id: uuid.UUID, kept: Kept, key: str, title: str, now: datetime
) -> MediaItem:
    """A new item for a file that is safe on disk. Raises `NotAllowed`."""
    demand_editor(actor, unit_id)
    title = " ".join(title.split())
    if not title or len(title) > 120:
        raise NotAllowed("write a title, at most %(most)d characters", most=120)
    key = key.strip() or _key_of(title)
    if not _KEY.fullmatch(key):
        raise NotAllowed("a key is small letters a-z, digits, _ and -, starting with a letter, at most 40")
    if session.scalar(select(MediaItem.id).where(MediaItem.unit_id == unit_id, MediaItem.sha256 == kept.sha256)):
        raise NotAllowed("this very file is in the library already; use that one")
    if session.scalar(select(MediaItem.id).where(MediaItem.unit_id == unit_id, MediaItem.key == key)):
        raise NotAllowed("the key '%(key)s' is taken, and a key never changes its file; choose another", key=key)
    item = MediaItem(
        unit_id=unit_id,
        key=key,
        title=title,
        kind=kept.kind,
        content_type=kept.content_type,
        sha256=kept.sha256,
        size=kept.size,
        width=kept.width,
        height=kept.height,
        seconds=kept.seconds,
        added_by=actor.user_id,
        added_at=now,
        changed_at=now,
    )
    session.add(item)
    session.flush()
    _record(session, actor, "media.added", item, {"key": key, "title": title, "digest": kept.sha256})
    return item


def describe(
    session: Session, actor: Actor, item: MediaItem, title: str, alt: Mapping[str, str], now: datetime
) -> bool:
    """Title and alt texts; True when that changed something. Raises `NotAllowed`."""
    _demand_standing(actor, item)
    title = " ".join(title.split())
    if not title or len(title) > 120:
        raise NotAllowed("write a title, at most %(most)d characters", most=120)
    told = {str(language): " ".join(alt.get(language, "").split()) for language in LANGUAGES}
    words = {language: text for language, text in told.items() if text}
    if any(len(text) > LONGEST_ALT for text in words.values()):
        raise NotAllowed("an alt text has at most %(most)d characters", most=LONGEST_ALT)
    if (title, words) == (item.title, item.alt):
        return False
    before = dict(item.alt)
    item.title, item.alt, item.changed_at = title, words, now
    session.flush()
    _record(session, actor, "media.described", item, {"title": title, "before": before, "after": words})
    return True


def record_rights(
    session: Session, actor: Actor, item: MediaItem, owner: str, source: str, licence: str, now: datetime
) -> None:
    """By what right we publish it. All three are needed. Raises `NotAllowed`."""
    _demand_standing(actor, item)
    told = [" ".join(one.split()) for one in (owner, source, licence)]
    if not all(told):
        raise NotAllowed("write whose it is, where it comes from and by what right we publish it")
    if len(told[0]) > 200 or len(told[1]) > 300 or len(told[2]) > 200:
        raise NotAllowed("keep each of them under 200 characters")
    item.owner, item.source, item.licence = told
    item.rights_by, item.rights_at, item.changed_at = actor.user_id, now, now
    session.flush()
    _record(session, actor, "media.rights_recorded", item, {"owner": told[0], "source": told[1], "licence": told[2]})


def record_consent(session: Session, actor: Actor, item: MediaItem, consent: str, now: datetime) -> None:
    """What the people shown have said: yes, nobody can be recognised, or no. Raises `NotAllowed`."""
    _demand_standing(actor, item)
    if consent not in CONSENTS:
        raise NotAllowed("say whether the people shown agree")
    item.consent, item.consent_by, item.consent_at, item.changed_at = consent, actor.user_id, now, now
    session.flush()
    _record(session, actor, "media.consent_recorded", item, {"consent": consent})


def withdraw(session: Session, actor: Actor, item: MediaItem, reason: str, now: datetime) -> None:
    """From the commit on it leaves nowhere, also where it is queued. What has left is not recalled by this."""
    _demand_standing(actor, item)
    reason = " ".join(reason.split())[:500]
    if not reason:
        raise NotAllowed("say why it is withdrawn")
    item.withdrawn_at, item.withdrawn_reason, item.changed_at = now, reason, now
    session.flush()
    _record(session, actor, "media.withdrawn", item, {"reason": reason})


def uses(session: Session, item: MediaItem) -> Sequence[Broadcast]:
    """The broadcasts that carry it or have carried it, newest first."""
    drafted = select(BroadcastMedia.broadcast_id).where(BroadcastMedia.item_id == item.id)
    frozen = (
        select(BroadcastText.broadcast_id)
        .join(FrozenMedia, FrozenMedia.text_id == BroadcastText.id)
        .where(FrozenMedia.item_id == item.id)
    )
    return session.scalars(
        select(Broadcast).where(Broadcast.id.in_(drafted.union(frozen))).order_by(Broadcast.created_at.desc()).limit(50)
    ).all()


def _demand_standing(actor: Actor, item: MediaItem) -> None:
    demand_editor(actor, item.unit_id)
    if item.withdrawn_at is not None:
        raise NotAllowed("it was withdrawn, and stays so; add the file again under another key if it is right now")


def _key_of(title: str) -> str:
    """A key made of a title: "Kart over møteplass" becomes kart-over-moteplass."""
    plain = title.lower().translate(str.maketrans("æøåáčđŋšŧžéöäü", "aoaacdnstzeoau"))
    made = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    return made if made[:1].isalpha() else f"m-{made}"[:40].strip("-")


def _record(session: Session, actor: Actor, act: str, item: MediaItem, details: dict[str, object]) -> None:
    audit.record(session, actor, act, f"media:{item.id}", unit_id=item.unit_id, details=details)
