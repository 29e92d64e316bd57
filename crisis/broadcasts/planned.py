"""Posts for calm times: writing one, giving it a time, the yes to it, moving and cancelling it, deciding after a pause.

What is handed in is frozen as a broadcast of its own; changing a word throws that away. Leaving, and being held back by
an incident, stand in planned_release.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts import notice, notice_words
from crisis.broadcasts.carry import carry
from crisis.broadcasts.compose import Composed
from crisis.broadcasts.draft import attach, chosen_accounts
from crisis.broadcasts.freeze import NotReady, digest, frozen_media, thaw
from crisis.broadcasts.planned_words import Wording, compose
from crisis.channels.registry import FACTS
from crisis.media import library
from crisis.models import (
    Account,
    Approval,
    Broadcast,
    BroadcastMedia,
    BroadcastText,
    Incident,
    MediaItem,
    PlannedPost,
)
from crisis.sending import order
from crisis.sending.fallback import only_fallback
from crisis.settings import Settings
from crisis.states import PLANNED_MOVES, BroadcastState, Mode, NotAllowed, PlannedState, Purpose, Role, check_move

LONGEST_AHEAD = timedelta(days=400)
ASK_AGAIN = timedelta(minutes=30)  # a calm day is no reason for a text every minute
_UNSENT = (BroadcastState.DRAFT, BroadcastState.SUBMITTED, BroadcastState.APPROVED)
_OPEN = frozenset({PlannedState.DRAFT, PlannedState.PLANNED, PlannedState.APPROVED, PlannedState.PAUSED})


def accounts_for(session: Session, unit_id: uuid.UUID) -> list[Account]:
    """Where a unit may plan posts: its live public accounts, but for the page of an incident, which has none."""
    rows = session.scalars(
        select(Account)
        .where(Account.unit_id == unit_id, Account.mode == Mode.LIVE, Account.active, ~only_fallback())
        .order_by(Account.key)
    )
    return [row for row in rows if FACTS[row.channel].medium == "wall" and row.channel != "page"]


def wording_of(post: PlannedPost) -> Wording:
    return Wording(post.title, post.texts, post.own, post.link, post.tags, post.accounts, post.media)


def write(
    session: Session,
    actor: Actor,
    unit_id: uuid.UUID,
    wording: Wording,
    now: datetime,
    *,
    post: PlannedPost | None = None,
) -> PlannedPost:
    """A new post, or `post` with these words: a draft, whatever was decided about the old ones. Raises `NotAllowed`."""
    actor.demand(Role.OFFICER, unit_id)
    wording = wording.clean()
    if strange := set(wording.accounts) - {account.key for account in accounts_for(session, unit_id)}:
        raise NotAllowed("this unit has no account %(names)s for planned posts", names=", ".join(sorted(strange)))
    _chosen_media(session, unit_id, wording.media)
    if post is None:
        post = PlannedPost(unit_id=unit_id, created_by=actor.user_id, created_at=now)
        session.add(post)
    elif post.state not in _OPEN:
        raise NotAllowed("what has left or was cancelled is not changed; plan a new post")
    elif post.state is not PlannedState.DRAFT:
        _take_back(session, post)
    post.title, post.link = wording.title, wording.link
    post.texts, post.own = dict(wording.texts), {channel: dict(words) for channel, words in wording.own.items()}
    post.tags, post.accounts, post.media = list(wording.tags), list(wording.accounts), list(wording.media)
    post.changed_by, post.changed_at = actor.user_id, now
    session.flush()
    _record(session, actor, "planned.written", post, {"title": post.title, "accounts": post.accounts})
    return post


def composed(session: Session, post: PlannedPost, settings: Settings) -> Composed:
    """What each channel would show: the frozen words' twin, made now. Reads only."""
    accounts = [one for one in accounts_for(session, post.unit_id) if one.key in post.accounts]
    made = compose(settings.unit(post.unit.key), wording_of(post), accounts)
    shape = _blank(post)
    shape.media = _rows(_chosen_media(session, post.unit_id, post.media))
    try:
        return carry(session, settings, None, shape, made, accounts, post.at or post.changed_at)
    finally:
        shape.media = []  # or the items would drag it into the session


def plan(session: Session, actor: Actor, post: PlannedPost, at: datetime, settings: Settings, now: datetime) -> None:
    """Freeze a draft for `at`; somebody must still say yes. Raises `NotReady` or `NotAllowed`."""
    actor.demand(Role.OFFICER, post.unit_id)
    check_move(PLANNED_MOVES, post.state, PlannedState.PLANNED)
    if post.state is not PlannedState.DRAFT:
        raise NotAllowed("say what becomes of this one: send it at a new time, or cancel it")
    _freeze(session, actor, post, _in_time(at, now), settings, now)
    post.state = PlannedState.PLANNED
    _ask(session, actor, post, settings, now)
    _record(session, actor, "planned.planned", post, _when(post))


def approve(session: Session, actor: Actor, post: PlannedPost, read: str, settings: Settings, now: datetime) -> None:
    """Somebody's yes to exactly the words named by `read`. Where the unit says so, not their author's."""
    if not actor.has(Role.APPROVER, post.unit_id):
        actor.demand(Role.OFFICER, post.unit_id)
    check_move(PLANNED_MOVES, post.state, PlannedState.APPROVED)
    broadcast = unsent(session, post)
    if post.state is not PlannedState.PLANNED or broadcast is None or broadcast.digest is None:
        raise NotAllowed("this does not wait for a yes; look at it again")
    unit = settings.unit(post.unit.key)
    authors = {post.created_by, post.changed_by, broadcast.submitted_by}
    if unit.planned_second_person and (actor.user_id is None or actor.user_id in authors):
        raise NotAllowed("a second person must decide; you wrote or submitted this yourself")
    if read != broadcast.digest or digest(broadcast) != broadcast.digest:
        raise NotAllowed("the text changed while you were reading; read it again")
    if post.at is None or post.at <= now:
        raise NotAllowed("its time has passed; choose a new one first")
    session.add(
        Approval(broadcast_id=broadcast.id, user_id=actor.user_id, decision="yes", digest=broadcast.digest, at=now)
    )
    broadcast.state, post.state = BroadcastState.APPROVED, PlannedState.APPROVED
    _record(session, actor, "planned.approved", post, {"digest": broadcast.digest, **_when(post)})


def move(session: Session, actor: Actor, post: PlannedPost, at: datetime, settings: Settings, now: datetime) -> None:
    """Another time for the same words; a yes to them stands."""
    actor.demand(Role.OFFICER, post.unit_id)
    if post.state not in (PlannedState.PLANNED, PlannedState.APPROVED):
        raise NotAllowed("only what is planned can be moved")
    before = post.at
    _give_time(session, post, _in_time(at, now), settings)
    _record(session, actor, "planned.moved", post, {"before": before and before.isoformat(), **_when(post)})


def resume(session: Session, actor: Actor, post: PlannedPost, at: datetime, settings: Settings, now: datetime) -> None:
    """A person's decision after a pause: it goes out after all, at a new time.

    An approval of the very same words stands. What was held back half-way is frozen anew, for the rest of its accounts,
    and needs a new yes.
    """
    actor.demand(Role.OFFICER, post.unit_id)
    if post.state is not PlannedState.PAUSED:
        raise NotAllowed("somebody has decided this already; look at it again")
    if live_incident(session, post.unit_id) is not None:
        raise NotAllowed("a live incident is open; nothing planned leaves before it is closed")
    at, broadcast = _in_time(at, now), unsent(session, post)
    if broadcast is not None and broadcast.digest is not None:
        _give_time(session, post, at, settings)
        stands = broadcast.state is BroadcastState.APPROVED and digest(broadcast) == broadcast.digest
        post.state = PlannedState.APPROVED if stands else PlannedState.PLANNED
    else:
        _freeze(session, actor, post, at, settings, now)
        post.state = PlannedState.PLANNED
    _end_pause(post)
    if post.state is PlannedState.PLANNED:
        _ask(session, actor, post, settings, now)
    _record(session, actor, "planned.resumed", post, _when(post))


def to_draft(session: Session, actor: Actor, post: PlannedPost) -> None:
    """Take it back to work on it; a yes to it is gone."""
    actor.demand(Role.OFFICER, post.unit_id)
    check_move(PLANNED_MOVES, post.state, PlannedState.DRAFT)
    _take_back(session, post)
    _record(session, actor, "planned.withdrawn", post, {})


def cancel(session: Session, actor: Actor, post: PlannedPost, reason: str) -> None:
    """Never. What has left already stays where it is."""
    actor.demand(Role.OFFICER, post.unit_id)
    check_move(PLANNED_MOVES, post.state, PlannedState.CANCELLED)
    if post.state is not PlannedState.DRAFT:
        _take_back(session, post)
    post.state = PlannedState.CANCELLED
    _record(session, actor, "planned.cancelled", post, {"reason": reason.strip()[:500]})


def unsent(session: Session, post: PlannedPost) -> Broadcast | None:
    """The broadcast of a post that has not been let go, if there is one."""
    return session.scalars(
        select(Broadcast).where(Broadcast.planned_post_id == post.id, Broadcast.state.in_(_UNSENT))
    ).first()


def live_incident(session: Session, unit_id: uuid.UUID) -> Incident | None:
    """The unit's live incident that is open, the newest."""
    return session.scalars(
        select(Incident)
        .where(Incident.unit_id == unit_id, Incident.mode == Mode.LIVE, Incident.closed_at.is_(None))
        .order_by(Incident.opened_at.desc())
        .limit(1)
    ).first()


def _ask(session: Session, actor: Actor, post: PlannedPost, settings: Settings, now: datetime) -> None:
    """Tell those who may say yes that this waits: approvers, and where there are none, the other officers.

    Whoever plans a whole week asks once: the page Approvals shows the rest.
    """
    told = notice_words.planned_wanted(post, actor.name, settings)
    lately = select(Broadcast.id).where(
        Broadcast.unit_id == post.unit_id,
        Broadcast.purpose == Purpose.NOTICE,
        Broadcast.message == told.kind,
        Broadcast.released_at > now - ASK_AGAIN,
    )
    if session.scalar(lately.limit(1)) is not None:
        return
    for role in (Role.APPROVER, Role.OFFICER):
        if people := notice.users_with(session, post.unit_id, role, but=actor.user_id):
            notice.send(session, told, people, unit_id=post.unit_id, mode=Mode.LIVE, incident_id=None, now=now)
            return


def _in_time(at: datetime, now: datetime) -> datetime:
    if at <= now:
        raise NotAllowed("choose a time that is still to come")
    if at > now + LONGEST_AHEAD:
        raise NotAllowed("that is more than a year ahead; check the date")
    return at


def _freeze(session: Session, actor: Actor, post: PlannedPost, at: datetime, settings: Settings, now: datetime) -> None:
    unit = settings.unit(post.unit.key)
    broadcast = unsent(session, post)
    if broadcast is None:
        broadcast = _blank(post)
        broadcast.created_by, broadcast.created_at = post.created_by, now
        session.add(broadcast)
    broadcast.accounts, broadcast.slots = list(post.accounts), {"tags": list(post.tags)}
    attach(broadcast, _chosen_media(session, post.unit_id, post.media))
    session.flush()
    usable = {account.key for account in accounts_for(session, post.unit_id)}
    accounts = [account for account in chosen_accounts(session, broadcast) if account.key in usable]
    made = carry(session, settings, None, broadcast, compose(unit, wording_of(post), accounts), accounts, at)
    if not made.ready:
        everything = "; ".join(map(str, made.problems))
        raise NotReady(made, everything) if everything else NotReady(made, "there is nothing to send")
    broadcast.texts = [
        BroadcastText(
            channel=words.channel,
            language=words.language,
            title=words.title,
            text=words.text,
            media=[frozen_media(piece, position) for position, piece in enumerate(made.media.get(key, ()))],
        )
        for key, words in made.texts.items()
    ]
    broadcast.accounts = [account.key for account in accounts if account.channel not in made.left_out]
    broadcast.authority = "dual" if unit.planned_second_person else "single"
    broadcast.authority_reason = "planned for calm times"
    broadcast.state = BroadcastState.SUBMITTED
    broadcast.submitted_by, broadcast.submitted_at = actor.user_id, now
    _give_time(session, post, at, settings)
    session.flush()
    broadcast.digest = digest(broadcast)


def _give_time(session: Session, post: PlannedPost, at: datetime, settings: Settings) -> None:
    post.at = at
    broadcast = unsent(session, post)
    if broadcast is not None:
        broadcast.expires_at = at + timedelta(minutes=settings.unit(post.unit.key).planned_late_minutes)


def _blank(post: PlannedPost) -> Broadcast:
    made = Broadcast(
        unit_id=post.unit_id,
        mode=Mode.LIVE,
        purpose=Purpose.PLANNED,
        state=BroadcastState.DRAFT,
        playbook="",
        message="planned",
        phase="initial",
        authority="dual",  # until it is frozen
        priority=order.LAST,
        planned_post_id=post.id,
    )
    made.unit = post.unit
    return made


def _chosen_media(session: Session, unit_id: uuid.UUID, ids: Sequence[str]) -> list[MediaItem]:
    found = {item.id.hex: item for item in library.items(session, unit_id)} if ids else {}
    if set(ids) - found.keys():
        raise NotAllowed("this unit has no such picture or film")
    return [found[one] for one in ids]


def _rows(items: Sequence[MediaItem]) -> list[BroadcastMedia]:
    return [BroadcastMedia(item_id=item.id, item=item, position=position) for position, item in enumerate(items)]


def _take_back(session: Session, post: PlannedPost) -> None:
    broadcast = unsent(session, post)
    if broadcast is not None and broadcast.state is not BroadcastState.DRAFT:
        thaw(broadcast)
    post.state = PlannedState.DRAFT
    _end_pause(post)


def _end_pause(post: PlannedPost) -> None:
    post.pause_reason, post.paused_at, post.paused_by = "", None, None


def _when(post: PlannedPost) -> dict[str, Any]:
    return {"title": post.title, "at": post.at.isoformat() if post.at else ""}


def _record(session: Session, actor: Actor, act: str, post: PlannedPost, details: dict[str, Any]) -> None:
    session.flush()
    audit.record(session, actor, act, f"planned_post:{post.id}", unit_id=post.unit_id, details=details)
