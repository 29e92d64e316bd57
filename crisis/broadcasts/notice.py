"""What the system tells its own users: an approval waits, the glass was broken, an account stopped.

A notice is a broadcast like any other, so it is sent, retried and shown by the same code; its words are ours, fixed
here, and it goes only to users' own phones and mailboxes.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.broadcasts.notice_words import Notice
from crisis.channels.registry import FACTS
from crisis.models import (
    Account,
    Broadcast,
    BroadcastText,
    Delivery,
    Destination,
    Grant,
    Person,
    User,
    new_id,
)
from crisis.playbooks.fill import Rendered, as_drill
from crisis.queues import wake
from crisis.sending.fallback import only_fallback
from crisis.sending.tally import Moves
from crisis.settings import LANGUAGES, Language
from crisis.states import BroadcastState, DeliveryState, Mode, Purpose, Role

KEEP = timedelta(hours=12)  # an older notice helps nobody


def users_with(session: Session, unit_id: uuid.UUID, role: Role, but: uuid.UUID | None) -> list[User]:
    """Everybody who holds `role` in the unit, `but` one."""
    return list(
        session.scalars(
            select(User)
            .join(Grant, Grant.user_id == User.id)
            .where(Grant.unit_id == unit_id, Grant.role == role, User.disabled_at.is_(None), User.id != but)
            if but
            else select(User)
            .join(Grant, Grant.user_id == User.id)
            .where(Grant.unit_id == unit_id, Grant.role == role, User.disabled_at.is_(None))
        )
    )


def tell(session: Session, notice: Notice, users: Sequence[User], about: Broadcast, now: datetime) -> int:
    """Queue a notice about a broadcast, in its mode. Returns how many deliveries; 0 when nobody can be reached."""
    return send(session, notice, users, unit_id=about.unit_id, mode=about.mode, incident_id=about.incident_id, now=now)


def send(
    session: Session,
    notice: Notice,
    users: Sequence[User],
    *,
    unit_id: uuid.UUID,
    mode: Mode,
    incident_id: uuid.UUID | None,
    now: datetime,
    but_account: uuid.UUID | None = None,
) -> int:
    """Queue a notice to users' own phones and mailboxes through the unit's accounts of `mode`."""
    accounts: dict[str, Account] = {}
    for account in session.scalars(
        select(Account)
        .where(Account.unit_id == unit_id, Account.mode == mode, Account.active, Account.paused_reason.is_(None))
        .order_by(only_fallback(), Account.key)
    ):
        medium = FACTS[account.channel].medium
        if medium != "wall" and account.id != but_account:
            accounts.setdefault(medium, account)
    rows = session.execute(
        select(Destination.medium, Destination.address, Person.id, Person.language)
        .join(Person, Person.id == Destination.person_id)
        .where(Person.id.in_([user.person_id for user in users if user.person_id]), Destination.consent)
    ).all()
    wanted = {
        (accounts[row.medium].id, row.address): (accounts[row.medium], row) for row in rows if row.medium in accounts
    }
    if not wanted:
        return 0
    broadcast = Broadcast(
        incident_id=incident_id,
        unit_id=unit_id,
        mode=mode,
        purpose=Purpose.NOTICE,
        state=BroadcastState.RELEASED,
        playbook="",
        message=notice.kind,
        phase="initial",
        authority="single",
        authority_reason="the system's own words",
        digest="0" * 64,
        expires_at=now + KEEP,
        priority=0,
        released_at=now,
        leaves_at=now,
    )
    broadcast.texts = [
        _text(channel, language, notice, mode)
        for channel in sorted({account.channel for account in accounts.values()})
        for language in LANGUAGES
    ]
    session.add(broadcast)
    session.flush()
    texts = {(text.channel, text.language): text.id for text in broadcast.texts}
    moves = Moves()
    for account, row in wanted.values():
        language = row.language if row.language in LANGUAGES else "nb"
        session.add(
            Delivery(
                id=new_id(),
                broadcast_id=broadcast.id,
                mode=mode,
                account_id=account.id,
                person_id=row.id,
                address=row.address,
                language=language,
                text_id=texts[account.channel, language],
                state=DeliveryState.QUEUED,
                priority=0,
                due_at=now,
            )
        )
        moves.add(broadcast.id, account.id, DeliveryState.QUEUED)
    session.flush()
    moves.write(session)
    wake(session, mode, {account.id for account, _ in wanted.values()})
    return len(wanted)


def _text(channel: str, language: Language, notice: Notice, mode: Mode) -> BroadcastText:
    rendered = Rendered(notice.titles[language], notice.texts[language])
    if mode is Mode.DRILL:
        rendered = as_drill(rendered, language, FACTS[channel].form)
    return BroadcastText(channel=channel, language=language, title=rendered.title, text=rendered.text)
