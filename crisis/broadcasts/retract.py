"""Taking back what was said: what each network still allows, a correction that does it everywhere, and taking down alone.

A wrong post never loses its place before the right words stand. What people have in their phones and mailboxes cannot be
recalled; they get the correction.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts import draft, manners
from crisis.broadcasts.release import stop_rest
from crisis.channels.registry import FACTS
from crisis.models import Account, Broadcast, Delivery, Incident, Removal, Tally
from crisis.playbooks.playbook import Playbook
from crisis.sending import removals
from crisis.settings import Settings
from crisis.states import REACHED, STANDS, BroadcastState, Manner, NotAllowed, Purpose, RemovalState, Role


@dataclass(frozen=True, slots=True)
class Post:
    """One public post of the broadcast, and what has been asked for it already."""

    delivery: Delivery
    until: datetime | None  # it can be changed in place until then
    removal: Removal | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What is possible on one account now. `manners` in the order of what is best; empty where only a message helps."""

    account: Account
    label: str
    reached: int
    posts: Sequence[Post]
    manners: Sequence[Manner]
    until: datetime | None  # the first of its posts can no longer be changed after this; None: always, or never
    threads: bool
    deletes_per: tuple[int, timedelta] | None
    deletes_used: int = 0  # of what the network takes down in that time

    @property
    def best(self) -> Manner:
        return self.manners[0] if self.manners else Manner.UNDER

    @property
    def standing(self) -> Sequence[Post]:
        """Those that are there and that nobody has asked to take down."""
        asked = (RemovalState.FAILED, RemovalState.CANCELLED)
        return [one for one in self.posts if one.removal is None or one.removal.state in asked]


def choices(session: Session, settings: Settings, broadcast: Broadcast, now: datetime) -> Sequence[Choice]:
    """Account by account what can be done about a released broadcast, public walls first."""
    counts: Counter[uuid.UUID] = Counter()
    for tally in session.scalars(select(Tally).where(Tally.broadcast_id == broadcast.id, Tally.state.in_(REACHED))):
        counts[tally.account_id] += tally.count
    rows = session.scalars(select(Account).where(Account.id.in_(counts)).order_by(Account.key)).all()
    found = [_choice(session, settings, broadcast, account, counts[account.id], now) for account in rows]
    return sorted((one for one in found if one.reached), key=lambda one: not one.manners)


def _choice(
    session: Session, settings: Settings, broadcast: Broadcast, account: Account, reached: int, now: datetime
) -> Choice:
    facts = FACTS[account.channel]
    if facts.medium != "wall":
        return Choice(account, facts.label, reached, (), (), None, facts.threads, None)
    rows = session.execute(
        select(Delivery, Removal)
        .outerjoin(Removal, Removal.delivery_id == Delivery.id)
        .where(Delivery.broadcast_id == broadcast.id, Delivery.account_id == account.id, Delivery.state.in_(REACHED))
        .order_by(Delivery.id)
    )
    posts = [Post(row, manners.editable_until(session, settings, account, row, now), removal) for row, removal in rows]
    untils = [one.until for one in posts if one.until is not None]
    possible = [Manner.IN_PLACE] if untils else []
    possible += [Manner.APART] if facts.deletes else []
    soonest = min((one for one in untils if one.year < manners.ALWAYS.year), default=None)
    used = removals.used(session, account.id, facts.deletes_per, now) if facts.deletes_per else 0
    possible.append(Manner.UNDER)
    return Choice(
        account, facts.label, reached, posts, possible, soonest, facts.threads, facts.deletes_per, deletes_used=used
    )


def correct(
    session: Session,
    actor: Actor,
    original: Broadcast,
    incident: Incident,
    playbook: Playbook,
    message_key: str,
    chosen: Mapping[str, str],
) -> Broadcast:
    """A draft of the correction that also does what was `chosen` for the posts of each account (key -> manner).

    It is frozen, approved and released as any correction.
    """
    made = draft.follow(session, actor, original, incident, playbook, message_key)
    manners.choose(made, chosen)
    return made


def take_down(
    session: Session, actor: Actor, broadcast: Broadcast, accounts: Collection[str], reason: str, now: datetime
) -> int:
    """Take the posts on these accounts down without other words in their place. What is still queued is stopped.

    Returns how many posts are to come down. Raises `NotAllowed`, also without a reason.
    """
    actor.demand(Role.OFFICER, broadcast.unit_id)
    reason = reason.strip()[:500]
    if not reason:
        raise NotAllowed("say why it is taken down; it is kept in the record")
    if broadcast.state not in (BroadcastState.RELEASED, BroadcastState.CLOSED, BroadcastState.STOPPED):
        raise NotAllowed("only what has been released can be taken down")
    if broadcast.purpose not in (Purpose.STATEMENT, Purpose.PLANNED):
        raise NotAllowed("a test or a notice is no post")
    stop_rest(session, broadcast, reason, now)
    rows = session.execute(
        select(Delivery, Account)
        .join(Account, Account.id == Delivery.account_id)
        .where(Delivery.broadcast_id == broadcast.id, Account.key.in_(accounts), Delivery.state.in_(REACHED))
        .order_by(Delivery.id)
    ).all()
    count, keys = 0, set()
    for delivery, account in rows:
        facts = FACTS[account.channel]
        if facts.medium == "wall" and facts.deletes:
            down = manners.put_down(session, delivery, actor.user_id, reason, now, after_id=None)
            count += down
            keys |= {account.key} if down else set()
    if not count:
        raise NotAllowed("there is nothing left to take down on these accounts")
    audit.record(
        session,
        actor,
        "broadcast.taken_down",
        f"broadcast:{broadcast.id}",
        unit_id=broadcast.unit_id,
        details={"accounts": sorted(keys), "posts": count, "reason": reason},
    )
    return count


@dataclass(frozen=True, slots=True)
class Down:
    """How far the taking down of one account's posts is."""

    account: Account
    gone: int
    total: int
    failed: int
    waits_for_words: int  # the correction does not stand yet
    left: int  # cancelled: they stay, or never were there
    say: str
    next_at: datetime | None


def progress(session: Session, broadcast: Broadcast, now: datetime) -> Sequence[Down]:
    """What is being taken down of a broadcast, by account."""
    after = aliased(Delivery)
    words = select(after.state).where(after.id == Removal.after_id).correlate(Removal).scalar_subquery()
    rows = session.execute(
        select(Removal, Account, words.label("words"))
        .join(Delivery, Delivery.id == Removal.delivery_id)
        .join(Account, Account.id == Delivery.account_id)
        .where(Delivery.broadcast_id == broadcast.id)
        .order_by(Account.key, Removal.id)
    ).all()
    found: dict[uuid.UUID, list[tuple[Removal, bool]]] = {}
    accounts: dict[uuid.UUID, Account] = {}
    for removal, account, state in rows:
        accounts[account.id] = account
        waits = removal.after_id is not None and state not in STANDS
        found.setdefault(account.id, []).append((removal, waits))
    return [_down(accounts[key], pairs, now) for key, pairs in found.items()]


def _down(account: Account, pairs: Sequence[tuple[Removal, bool]], now: datetime) -> Down:
    states = Counter(removal.state for removal, _ in pairs)
    open_ = [(removal, waits) for removal, waits in pairs if removal.state in _OPEN]
    said = next((removal.say for removal, _ in pairs if removal.say and removal.state is not RemovalState.GONE), "")
    later = [removal.due_at for removal, waits in open_ if not waits and removal.due_at > now]
    return Down(
        account,
        gone=states[RemovalState.GONE],
        total=len(pairs),
        failed=states[RemovalState.FAILED],
        waits_for_words=sum(waits for _, waits in open_),
        left=states[RemovalState.CANCELLED],
        say=said,
        next_at=min(later, default=None),
    )


_OPEN = (RemovalState.QUEUED, RemovalState.DELETING, RemovalState.UNCERTAIN)
