"""What a release would do, before it is done: texts, receivers, cost and time. Reads only."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy.orm import Session

from crisis.broadcasts.authority import Authority, needed_for
from crisis.broadcasts.carry import carry
from crisis.broadcasts.compose import Composed, Piece, Problem, Words, channels_of, compose
from crisis.broadcasts.draft import chosen_accounts
from crisis.broadcasts.freeze import LONGEST_TITLE, Read, digest_of
from crisis.broadcasts.heads import heads
from crisis.broadcasts.reach import Audience, HeadCount, audiences
from crisis.channels.registry import FACTS
from crisis.media.store import kept_of
from crisis.models import Account, Broadcast
from crisis.playbooks.playbook import Playbook
from crisis.sending.pace import usual_burst
from crisis.settings import LANGUAGES, Language, Settings


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
    ails: str | None  # what its last check found wrong, in the provider's words; None while it is well


@dataclass(frozen=True, slots=True)
class Preview:
    composed: Composed
    needs: Authority
    accounts: Sequence[AccountPreview]
    audiences: Sequence[Audience]
    receivers: int  # deliveries in all
    persons: int  # different people on private channels
    parts: int
    slowest: AccountPreview | None
    read: Read  # what a press on the page that shows this vouches for

    @property
    def ready(self) -> bool:
        return self.composed.ready and self.receivers > 0

    @property
    def repeats(self) -> Mapping[tuple[str, str], str]:
        """By account key and language: the channel further up that shows the public just the same words.

        A dozen networks would otherwise be read a dozen times. What carries pictures, or was edited by hand, repeats
        nothing.
        """
        first: dict[tuple[str, ...], str] = {}
        found: dict[tuple[str, str], str] = {}
        for share in self.accounts:
            for words, _ in share.texts:
                if share.medium != "wall" or words.edited or self.composed.media.get((words.channel, words.language)):
                    continue
                title = "" if FACTS[words.channel].form == "short" else words.title
                same = first.setdefault((words.language, title, words.text), words.channel)
                if same != words.channel:
                    found[share.account.key, words.language] = same
        return found


def preview(
    session: Session, broadcast: Broadcast, settings: Settings, playbook: Playbook | None, now: datetime
) -> Preview:
    """Everything somebody should see before it leaves: a draft as it would be frozen now, else exactly what is frozen."""
    chosen = chosen_accounts(session, broadcast)
    if broadcast.digest is not None:
        composed = frozen(broadcast)
        needs = Authority("dual" if broadcast.authority == "dual" else "single", broadcast.authority_reason)
        read = Read(broadcast.digest, now)
    else:
        composed, needs = _as_of_now(session, broadcast, settings, playbook, chosen, now)
        chosen = [account for account in chosen if account.channel not in composed.left_out]
        texts = ((one.channel, one.language, one.title[:LONGEST_TITLE], one.text) for one in composed.texts.values())
        media = (
            (channel, language, position, piece.file.sha256, piece.alt)
            for (channel, language), pieces in composed.media.items()
            for position, piece in enumerate(pieces)
        )
        read = Read(digest_of(broadcast, [account.key for account in chosen], texts, media), now)
    original = session.get(Broadcast, broadcast.follows_id) if broadcast.follows_id else None
    listed = audiences(session, broadcast.unit_id, broadcast.audiences)
    counted = heads(session, broadcast, chosen, original, listed)
    shares = [_share(settings, account, composed, counted) for account in chosen]
    return Preview(
        composed=composed,
        needs=needs,
        accounts=shares,
        audiences=listed,
        receivers=sum(counted.deliveries.values()),
        persons=counted.persons,
        parts=sum(share.parts for share in shares),
        slowest=max(shares, key=lambda share: share.seconds, default=None),
        read=read,
    )


def frozen(broadcast: Broadcast) -> Composed:
    """The frozen texts, measured as they stand, with what they carry."""
    titles: dict[uuid.UUID | None, str] = {row.item_id: row.item.title for row in broadcast.media}
    texts = {
        (row.channel, cast("Language", row.language)): Words(
            row.channel,
            cast("Language", row.language),
            row.title,
            row.text,
            FACTS[row.channel].measure(row.text),
            plain=row.text,
        )
        for row in sorted(
            broadcast.texts, key=lambda row: (row.channel, LANGUAGES.index(cast("Language", row.language)))
        )
    }
    media = {
        (row.channel, cast("Language", row.language)): [
            Piece(kept_of(one), one.alt, titles.get(one.item_id, row.title), one.item_id) for one in row.media
        ]
        for row in broadcast.texts
    }
    return Composed(texts, next_update_at=broadcast.next_update_at, media={key: m for key, m in media.items() if m})


def _as_of_now(
    session: Session,
    broadcast: Broadcast,
    settings: Settings,
    playbook: Playbook | None,
    chosen: Sequence[Account],
    now: datetime,
) -> tuple[Composed, Authority]:
    unit = settings.unit(broadcast.unit.key)
    if playbook is None or broadcast.message not in playbook.messages:
        gone = Problem("the playbook of this draft cannot be read; an administrator must mend its file")
        return Composed(problems=(gone,)), Authority("dual", "the playbook cannot be read")
    composed = compose(settings, playbook, broadcast, unit.key, channels_of(chosen), now)
    composed = carry(session, settings, playbook, broadcast, composed, chosen, now)
    edited = any(words.edited for words in composed.texts.values())
    return composed, needed_for(session, broadcast, unit, playbook, now, edited=edited)


def _share(settings: Settings, account: Account, composed: Composed, counted: HeadCount) -> AccountPreview:
    facts = FACTS[account.channel]
    texts = [
        (words, counted.deliveries.get((account.id, words.language), 0))
        for (channel, language), words in composed.texts.items()
        if channel == account.channel and (facts.medium != "wall" or language in account.languages)
    ]
    texts.sort(key=lambda pair: -pair[1])
    count = sum(share for (account_id, _), share in counted.deliveries.items() if account_id == account.id)
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
        ails=account.health if account.healthy is False else None,
    )


def words_are_paid(channel: str) -> bool:
    """Is this channel paid by the part?"""
    return FACTS[channel].measure("x").unit == "parts"


def pace_of(settings: Settings, account: Account) -> float:
    """Messages a second: the account's own pace, else its channel's."""
    told = next((one.pace for one in settings.accounts if one.key == account.key), None)
    return told or FACTS[account.channel].pace
