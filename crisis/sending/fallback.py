"""The fallback of an account: another one, fixed in crisis.toml, that speaks for it while it cannot speak itself.

A delivery stays its account's, with its identity, counters and consent; only the account it leaves through changes, by
compare-and-set, and only while nothing of it can have left. Over and back are damped, recorded and shown; the clock
calls `watch`, and a person may switch by hand. Never talks to a provider and never commits.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, case, exists, func, literal_column, or_, select, update
from sqlalchemy.orm import Session, aliased

from crisis import audit
from crisis.actor import SYSTEM, Actor
from crisis.channels.registry import FACTS
from crisis.db import rows_changed
from crisis.models import Account, Attempt, Broadcast, BroadcastText, Delivery
from crisis.queues import wake
from crisis.sending.pause import stopped_itself
from crisis.settings import Settings
from crisis.states import DeliveryState, NotAllowed, Outcome

_QUEUED = literal_column("delivery.state") == literal_column("'queued'")  # in the words of the queue's index
IS_OVER: ColumnElement[bool] = and_(Account.over_at.is_not(None), Account.back_at.is_(None))

# After these the provider has nothing of it: saying it elsewhere says it for the first time.
NEVER_LEFT = (Outcome.UNREACHABLE, Outcome.BUSY, Outcome.MISCONFIGURED, Outcome.GIVEN_BACK)


@dataclass(frozen=True, slots=True)
class Switched:
    """An account whose messages began to leave elsewhere ("over"), or leave from itself again ("back")."""

    account: Account
    fallback: Account
    to: Literal["over", "back"]
    reason: str


def is_over(account: Account) -> bool:
    """Do its messages leave through its fallback now?"""
    return account.over_at is not None and account.back_at is None


def watch(session: Session, settings: Settings, now: datetime) -> list[Switched]:
    """Switch what must be switched, and take along what was queued since. Returns what was switched."""
    minutes = {one.key: one.fallback_after_minutes for one in settings.accounts}
    rows = session.scalars(
        select(Account)
        .where(Account.active, Account.fallback_id.is_not(None))
        .order_by(Account.id)
        .with_for_update(skip_locked=True)
    )
    switched = []
    for account in rows.all():
        fallback, wait = session.get_one(Account, account.fallback_id), timedelta(minutes=minutes.get(account.key, 5))
        if is_over(account):
            if reason := _why_back(account, fallback, wait, now):
                _back(session, SYSTEM, account, fallback, reason, now)
                switched.append(Switched(account, fallback, "back", reason))
            else:
                _move(session, account, account, fallback, now)
        elif reason := _why_over(session, account, fallback, wait, now):
            _over(session, SYSTEM, account, fallback, reason, now)
            switched.append(Switched(account, fallback, "over", reason))
    return switched


def switch_over(session: Session, actor: Actor, account: Account, reason: str, now: datetime) -> int:
    """A person lets the fallback speak, until a person switches back. Returns how many deliveries went along.

    Raises `NotAllowed`.
    """
    fallback = _fallback(session, account)
    if not reason.strip():
        raise NotAllowed("say why, so that whoever comes next knows")
    if not fallback.active or fallback.paused_reason is not None:
        raise NotAllowed("the fallback cannot speak either; resume it first")
    return _over(session, actor, account, fallback, reason.strip()[:500], now)


def switch_back(session: Session, actor: Actor, account: Account, reason: str, now: datetime) -> int:
    """A person lets the account speak for itself again. Returns how many deliveries came back. Raises `NotAllowed`."""
    fallback = _fallback(session, account)
    if not reason.strip():
        raise NotAllowed("say why, so that whoever comes next knows")
    if not is_over(account):
        raise NotAllowed("this account speaks for itself already")
    return _back(session, actor, account, fallback, reason.strip()[:500], now)


def name_fallback(session: Session, account: Account, fallback: Account | None, now: datetime) -> None:
    """What crisis.toml says now. One that has changed while it spoke gives back what has not left."""
    new = fallback.id if fallback else None
    if account.fallback_id is not None and account.fallback_id != new and is_over(account):
        old = session.get_one(Account, account.fallback_id)
        _back(session, SYSTEM, account, old, "the settings name another fallback", now)
    account.fallback_id = new


def ways_out(session: Session, account_ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, uuid.UUID]:
    """Of these accounts those whose messages leave through another of the same channel now, and through which."""
    other = aliased(Account)
    rows = session.execute(
        select(Account.id, other.id.label("way"))
        .join(other, other.id == Account.fallback_id)
        .where(Account.id.in_(set(account_ids)), IS_OVER, other.channel == Account.channel)
    )
    return {row.id: row.way for row in rows}


def only_fallback() -> ColumnElement[bool]:
    """Is this account kept for another of the same channel? Then nobody chooses it: it would say everything twice."""
    other = aliased(Account)
    return exists().where(other.fallback_id == Account.id, other.channel == Account.channel, other.active)


def condition(*, troubled: bool | None, now: datetime) -> dict[str, Any]:
    """What a slice of work says about the account (None: nothing), as values for its row."""
    if troubled is None:
        return {}
    if troubled:
        return {"troubled_at": func.coalesce(Account.troubled_at, now), "well_at": None}
    return {"troubled_at": None, "well_at": func.coalesce(Account.well_at, now)}


# -- when ----------------------------------------------------------------------------------------------------------


def _why_over(session: Session, account: Account, fallback: Account, wait: timedelta, now: datetime) -> str:
    if not fallback.active or fallback.paused_reason is not None:
        return ""
    if account.paused_reason is not None:
        # A pause by a person may mean silence; one that a person has switched back from stays as it is.
        fresh = account.back_at is None or (account.paused_at is not None and account.paused_at > account.back_at)
        return account.paused_reason if stopped_itself(account) and fresh else ""
    since = max(filter(None, (account.troubled_at, account.back_at)), default=None)
    if account.troubled_at is None or since is None or since > now - wait:
        return ""
    waiting = exists().where(
        Delivery.through_id == account.id,
        _QUEUED,
        Broadcast.id == Delivery.broadcast_id,
        Broadcast.leaves_at <= now - wait,
    )
    minutes = max(1, int((now - account.troubled_at).total_seconds() // 60))
    return f"it has not got through for {minutes} minutes" if session.scalar(select(waiting)) else ""


def _why_back(account: Account, fallback: Account, wait: timedelta, now: datetime) -> str:
    if account.over_by or account.paused_reason is not None:
        return ""
    if not fallback.active or fallback.paused_reason is not None:
        return "the fallback has stopped"
    if account.well_at is not None and account.well_at <= now - wait:
        return "it can send again"
    return ""


# -- switching -----------------------------------------------------------------------------------------------------


def _over(session: Session, actor: Actor, account: Account, fallback: Account, reason: str, now: datetime) -> int:
    by = "" if actor is SYSTEM else actor.name[:80]
    account.over_at, account.back_at, account.well_at = now, None, None
    account.over_reason, account.over_by = reason[:500], by
    session.flush()
    moved = _move(session, account, account, fallback, now)
    _record(session, actor, "account.switched_over", account, fallback, reason, moved)
    return moved


def _back(session: Session, actor: Actor, account: Account, fallback: Account, reason: str, now: datetime) -> int:
    account.back_at, account.troubled_at = now, None
    session.flush()
    moved = _move(session, account, fallback, account, now)
    _record(session, actor, "account.switched_back", account, fallback, reason, moved)
    return moved


def _move(session: Session, whose: Account, here: Account, there: Account, now: datetime) -> int:
    """Let what is queued of `whose` and waits at `here` leave through `there`. Returns how many.

    Compare-and-set: what a sender claims in the same moment is left to it. What is tried anew elsewhere begins anew;
    what was never tried keeps its countdown.
    """
    chosen = select(Delivery.id).where(*_may_move(session, whose, here, there))
    moved = rows_changed(
        session,
        update(Delivery)
        .where(Delivery.id.in_(chosen), Delivery.state == DeliveryState.QUEUED, Delivery.through_id == here.id)
        .values(
            through_id=there.id,
            due_at=case((Delivery.attempts > 0, now), else_=Delivery.due_at),
            first_attempt_at=None,
            changed_at=now,
        )
        .execution_options(synchronize_session=False),
    )
    if moved:
        wake(session, there.mode, [there.id])
    return moved


def _may_move(session: Session, whose: Account, here: Account, there: Account) -> Sequence[ColumnElement[bool]]:
    mine = (Delivery.through_id == here.id, Delivery.account_id == whose.id, _QUEUED)
    never_left = (
        select(func.count(Attempt.number.distinct()))
        .where(Attempt.delivery_id == Delivery.id, Attempt.kind == "send", Attempt.outcome.in_(NEVER_LEFT))
        .correlate(Delivery)
        .scalar_subquery()
    )
    may_have_left = exists().where(Attempt.delivery_id == Delivery.id, Attempt.outcome.not_in(NEVER_LEFT))
    twin = aliased(Delivery)  # the broadcast says it there anyway
    conditions = [
        *mine,
        or_(Delivery.attempts == 0, and_(Delivery.attempts == never_left, ~may_have_left)),
        ~exists().where(
            twin.broadcast_id == Delivery.broadcast_id,
            twin.account_id == there.id,
            twin.id != Delivery.id,
            twin.address == Delivery.address,
            twin.language == Delivery.language,
        ),
    ]
    if here.channel != there.channel:
        measure = FACTS[there.channel].measure
        texts = session.scalars(
            select(BroadcastText).where(BroadcastText.id.in_(select(Delivery.text_id).where(*mine).distinct()))
        )
        conditions.append(Delivery.text_id.in_([text.id for text in texts if not measure(text.text).over]))
    return conditions


def _fallback(session: Session, account: Account) -> Account:
    if account.fallback_id is None:
        raise NotAllowed("the settings name no fallback for this account")
    return session.get_one(Account, account.fallback_id)


def _record(
    session: Session, actor: Actor, act: str, account: Account, fallback: Account, reason: str, moved: int
) -> None:
    audit.record(
        session,
        actor,
        act,
        f"account:{account.key}",
        unit_id=account.unit_id,
        details={"fallback": fallback.key, "reason": reason, "deliveries": moved},
    )
