"""What a release would do, before it is done: texts, receivers, cost and time. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from crisis.broadcasts import authority
from crisis.broadcasts.compose import Composed, Words, channels_of, compose
from crisis.broadcasts.draft import chosen_accounts
from crisis.broadcasts.reach import Audience, Receiver, audiences, receivers
from crisis.channels.registry import FACTS
from crisis.models import Account, Broadcast
from crisis.playbooks.playbook import Playbook
from crisis.sending.pace import usual_burst
from crisis.settings import Settings


@dataclass(frozen=True, slots=True)
class AccountPreview:
    """One account's share: its texts by language with how many get each, what it costs and how long it takes."""

    account: Account
    label: str
    medium: str  # wall | phone | mailbox
    texts: Sequence[tuple[Words, int]]  # (what they get, how many get it)
    receivers: int
    parts: int  # SMS parts in all; 0 where nothing is paid by part
    seconds: float  # how long the account needs at its pace
    paused: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    composed: Composed
    needs: authority.Authority
    accounts: Sequence[AccountPreview]
    audiences: Sequence[Audience]
    receivers: int  # deliveries in all
    persons: int  # different people on private channels
    parts: int
    slowest: AccountPreview | None

    @property
    def ready(self) -> bool:
        return self.composed.ready and self.receivers > 0


def preview(session: Session, broadcast: Broadcast, settings: Settings, playbook: Playbook, now: datetime) -> Preview:
    """Everything the officer should see before releasing a draft."""
    unit = settings.unit(broadcast.unit.key)
    chosen = chosen_accounts(session, broadcast)
    composed = compose(settings, playbook, broadcast, unit.key, channels_of(chosen), now)
    original = session.get(Broadcast, broadcast.follows_id) if broadcast.follows_id else None
    found = receivers(session, broadcast, chosen, original)
    shares = [_share(settings, account, composed, found) for account in chosen]
    edited = any(words.edited for words in composed.texts.values())
    return Preview(
        composed=composed,
        needs=authority.needed_for(session, broadcast, unit, playbook, now, edited=edited),
        accounts=shares,
        audiences=audiences(session, broadcast.unit_id, broadcast.audiences),
        receivers=len(found),
        persons=len({receiver.person_id for receiver in found if receiver.person_id}),
        parts=sum(share.parts for share in shares),
        slowest=max(shares, key=lambda share: share.seconds, default=None),
    )


def _share(settings: Settings, account: Account, composed: Composed, found: Sequence[Receiver]) -> AccountPreview:
    facts = FACTS[account.channel]
    by_language = Counter(receiver.language for receiver in found if receiver.account_id == account.id)
    texts = [
        (words, by_language[words.language])
        for (channel, language), words in composed.texts.items()
        if channel == account.channel and (facts.medium != "wall" or language in account.languages)
    ]
    texts.sort(key=lambda pair: -pair[1])
    count = sum(by_language.values())
    pace = pace_of(settings, account)
    return AccountPreview(
        account=account,
        label=facts.label,
        medium=facts.medium,
        texts=texts,
        receivers=count,
        parts=sum(words.size.parts * share for words, share in texts) if words_are_paid(account.channel) else 0,
        seconds=max(0.0, (count - usual_burst(pace)) / pace),
        paused=account.paused_reason,
    )


def words_are_paid(channel: str) -> bool:
    """Is this channel paid by the part?"""
    return FACTS[channel].measure("x").unit == "parts"


def pace_of(settings: Settings, account: Account) -> float:
    """Messages a second: the account's own pace, else its channel's."""
    told = next((one.pace for one in settings.accounts if one.key == account.key), None)
    return told or FACTS[account.channel].pace
