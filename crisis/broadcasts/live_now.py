"""What each public account shows this minute: when to look, what was seen, and who says that it is all right.

The listener looks (workers/looking); a button only leaves a wish in the account's row, which the listener sees within
seconds. Networks that bill reading are asked rarely, and not at all when half of the day's budget is used.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, case, exists, func, or_, select, update
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts.standing import Expected, Found, compare
from crisis.channels.base import Shown
from crisis.db import rows_changed
from crisis.models import Account, BroadcastText, Delivery, Removal, ShownPost
from crisis.states import STANDS, DeliveryState, Manner, Mode, NotAllowed, RemovalState, Role, Standing

EVERY = timedelta(minutes=5)
EVERY_BILLED = timedelta(hours=1)  # where reading is counted
LOOK_BACK = timedelta(days=2)
OWN_WORDS = timedelta(days=1)  # an account that said nothing since is looked at rarely too
MOST = 2000
ALARMING = (Standing.MISSING, Standing.CHANGED, Standing.STRANGER, Standing.STILL_THERE)


def take(session: Session, account_ids: Iterable[uuid.UUID], now: datetime) -> list[uuid.UUID]:
    """Of these accounts those to be looked at now, taken so that only one listener looks. A wish goes before the rest."""
    ids = list(account_ids)
    spoke = exists().where(
        Delivery.through_id == Account.id, Delivery.state.in_(STANDS), Delivery.changed_at > now - OWN_WORDS
    )
    billed = Account.budget_limit.is_not(None)
    spare = or_(~billed, Account.budget_used * 2 < Account.budget_limit, Account.budget_until <= now)
    by_itself = or_(
        Account.looked_at.is_(None),
        Account.looked_at > now,  # the clock was set back since
        and_(~billed, spoke, Account.looked_at <= now - EVERY),
        Account.looked_at <= now - EVERY_BILLED,
    )
    due = session.scalars(
        select(Account.id).where(
            Account.id.in_(ids), Account.active, or_(Account.look_asked_at.is_not(None), and_(spare, by_itself))
        )
    ).all()
    taken = []
    for account_id in due:
        mine = rows_changed(
            session,
            update(Account)
            .where(
                Account.id == account_id,
                or_(Account.look_asked_at.is_not(None), Account.looked_at.is_(None), Account.looked_at < now),
            )
            .values(looked_at=now, look_asked_at=None)
            .execution_options(synchronize_session=False),
        )
        taken += [account_id] * mine
    return taken


def since(account: Account, now: datetime) -> datetime:
    """From when on an account is looked at."""
    return now - (OWN_WORDS if account.budget_limit is not None else LOOK_BACK)


def store(session: Session, account: Account, shown: Sequence[Shown], since_: datetime, now: datetime) -> None:
    """Keep what one look found. A post that stands as before keeps who accepted it."""
    rows = {
        row.provider_id: row for row in session.scalars(select(ShownPost).where(ShownPost.account_id == account.id))
    }
    before = frozenset(row.provider_id for row in rows.values() if row.was_shown)
    for one in compare(expected(session, account, since_), shown, before, since_, now)[:MOST]:
        row = rows.pop(one.provider_id, None)
        if row is None:
            row = ShownPost(account_id=account.id, provider_id=one.provider_id[:200], since=now)
            session.add(row)
        elif (row.word, row.text) != (one.word, clean(one.text)):
            row.since, row.accepted_by, row.accepted_at = now, None, None
        _fill(row, one)
    for row in rows.values():  # too old to be looked at any more
        session.delete(row)
    account.look_say = ""


def _fill(row: ShownPost, one: Found) -> None:
    row.word, row.text, row.at, row.delivery_id = one.word, clean(one.text), one.at, one.delivery_id
    row.url = one.url[:500] if one.url else None
    row.was_shown = row.was_shown or one.word is not Standing.MISSING


def clean(text: str) -> str:
    """A network's words as both databases take them."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def could_not(session: Session, account_id: uuid.UUID, say: str) -> None:
    """A look that failed changes nothing but says why."""
    session.execute(update(Account).where(Account.id == account_id).values(look_say=clean(say)[:500]))


def expected(session: Session, account: Account, since_: datetime) -> list[Expected]:
    """What this account posted since then, or changed since, in the order in which it left."""
    gone = exists().where(Removal.delivery_id == Delivery.id, Removal.state == RemovalState.GONE)
    rows = session.execute(
        select(Delivery, BroadcastText.text, BroadcastText.title, case((gone, 1), else_=0).label("gone"))
        .join(BroadcastText, BroadcastText.id == Delivery.text_id)
        .where(
            Delivery.through_id == account.id,
            Delivery.provider_id.is_not(None),
            Delivery.state.in_((*STANDS, DeliveryState.UNCERTAIN)),
            Delivery.changed_at >= since_ - timedelta(hours=1),
        )
        .order_by(Delivery.id)
    ).all()
    down = {row.provider_id for row, _, _, is_gone in rows if is_gone}  # words put in its place stood on the same post
    return [
        Expected(
            provider_id=row.provider_id or "",
            delivery_id=row.id,
            text=text,
            at=row.first_attempt_at or row.changed_at,
            under=row.follows_id is not None and row.manner is Manner.UNDER,
            gone=row.provider_id in down,
            title=title,
        )
        for row, text, title, _ in rows
    ]


def ask(session: Session, actor: Actor, unit_id: uuid.UUID, now: datetime) -> int:
    """Somebody wants to know now: every account of the unit is looked at within seconds. Returns how many."""
    if unit_id not in actor.units(*Role):
        raise NotAllowed("you have no role in this unit")
    return rows_changed(
        session,
        update(Account).where(Account.unit_id == unit_id, Account.active).values(look_asked_at=now),
    )


def accept(session: Session, actor: Actor, post: ShownPost, now: datetime) -> None:
    """A person looked and says that it is all right as it stands."""
    account = session.get_one(Account, post.account_id)
    actor.demand(Role.OFFICER, account.unit_id)
    if post.word not in ALARMING:
        raise NotAllowed("it is as it was approved already")
    post.accepted_by, post.accepted_at = actor.user_id, now
    details = {"account": account.key, "word": post.word, "text": post.text[:500]}
    audit.record(session, actor, "post.accepted", f"shown:{post.id}", unit_id=account.unit_id, details=details)


@dataclass(frozen=True, slots=True)
class AccountNow:
    """One account of the live-now page. `tells`: can this channel say what it shows?"""

    account: Account
    tells: bool
    posts: Sequence[ShownPost]  # what needs somebody first, then the newest

    @property
    def alarming(self) -> int:
        return sum(one.word in ALARMING and one.accepted_at is None for one in self.posts)


def board(session: Session, unit_id: uuid.UUID, telling: frozenset[str]) -> list[AccountNow]:
    """Every public account of a unit; `telling` names the channels that can be looked at."""
    accounts = session.scalars(
        select(Account).where(Account.unit_id == unit_id, Account.active).order_by(Account.mode.desc(), Account.key)
    ).all()
    rows: dict[uuid.UUID, list[ShownPost]] = {}
    asked = select(ShownPost).where(ShownPost.account_id.in_([one.id for one in accounts]))
    for row in session.scalars(asked.order_by(ShownPost.at.desc())):
        rows.setdefault(row.account_id, []).append(row)
    found = [AccountNow(one, one.channel in telling, sorted(rows.get(one.id, ()), key=_calm)) for one in accounts]
    return sorted(found, key=lambda one: not one.alarming)


def _calm(row: ShownPost) -> bool:
    return row.word not in ALARMING or row.accepted_at is not None


@dataclass(frozen=True, slots=True)
class Alarm:
    account: str
    mode: Mode
    word: Standing
    count: int


def alarms(session: Session, unit_ids: Sequence[uuid.UUID]) -> list[Alarm]:
    """What somebody should look at, by account and kind."""
    rows = session.execute(
        select(Account.key, Account.mode, ShownPost.word, func.count().label("many"))
        .join(ShownPost, ShownPost.account_id == Account.id)
        .where(
            Account.unit_id.in_(unit_ids),
            Account.active,
            ShownPost.word.in_(ALARMING),
            ShownPost.accepted_at.is_(None),
        )
        .group_by(Account.key, Account.mode, ShownPost.word)
        .order_by(Account.key, ShownPost.word)
    )
    return [Alarm(row.key, row.mode, row.word, row.many) for row in rows]
