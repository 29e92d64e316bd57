"""What the system tells its own users: an approval waits, the glass was broken, an account stopped.

A notice is a broadcast like any other, so it is sent, retried and shown by the same code; its words are ours, fixed
here, and it goes only to users' own phones and mailboxes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.channels.registry import FACTS
from crisis.kept.catalogues import catalogue
from crisis.kept.recognise import retold
from crisis.models import (
    Account,
    Broadcast,
    BroadcastText,
    Delivery,
    Destination,
    Grant,
    Person,
    PlannedPost,
    User,
    new_id,
)
from crisis.playbooks.fill import Rendered, as_drill
from crisis.queues import wake
from crisis.sending.fallback import Switched, only_fallback
from crisis.sending.tally import Moves
from crisis.settings import LANGUAGES, Language, Settings
from crisis.states import BroadcastState, DeliveryState, Mode, Purpose, Role

KEEP = timedelta(hours=12)  # an older notice helps nobody


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice in the three languages."""

    kind: str
    texts: Mapping[Language, str]
    titles: Mapping[Language, str]


def approval_wanted(broadcast: Broadcast, who: str, settings: Settings) -> Notice:
    """Somebody has submitted a broadcast and a second person must read it."""
    url = f"{settings.console.public_url}/approvals"
    titles: dict[Language, str] = {
        "nb": "Godkjenning venter på deg",
        "nn": "Godkjenning ventar på deg",
        "en": "An approval is waiting for you",
    }
    title = broadcast.incident.title if broadcast.incident else ""
    texts: dict[Language, str] = {
        "nb": f"{who} ber om godkjenning av en melding om {title}. Les og svar: {url}",
        "nn": f"{who} bed om godkjenning av ei melding om {title}. Les og svar: {url}",
        "en": f"{who} asks for approval of a message about {title}. Read and answer: {url}",
    }
    return Notice("approval_wanted", texts, titles)


def planned_wanted(post: PlannedPost, who: str, settings: Settings) -> Notice:
    """Somebody has planned a post for calm times, and it waits for a yes."""
    assert post.at is not None  # noqa: S101 - what waits for a yes has a time
    url = f"{settings.console.public_url}/approvals"
    at = post.at.astimezone(settings.unit(post.unit.key).tz)
    titles: dict[Language, str] = {
        "nb": "Et planlagt innlegg venter på et ja",
        "nn": "Eit planlagt innlegg ventar på eit ja",
        "en": "A planned post waits for a yes",
    }
    texts: dict[Language, str] = {
        "nb": f"{who} har planlagt innlegget «{post.title}» {at:%d.%m. kl. %H:%M}. Les og svar før det: {url}",
        "nn": f"{who} har planlagt innlegget «{post.title}» {at:%d.%m. kl. %H:%M}. Les og svar før det: {url}",
        "en": f"{who} has planned the post '{post.title}' for {at:%Y-%m-%d %H:%M}. Read and answer before then: {url}",
    }
    return Notice("planned_wanted", texts, titles)


def glass_broken(broadcast: Broadcast, who: str, reason: str) -> Notice:
    """Somebody released without a second person; everybody with the right is told."""
    title = broadcast.incident.title if broadcast.incident else ""
    titles: dict[Language, str] = {
        "nb": "Nødutløser brukt",
        "nn": "Naudutløysar brukt",
        "en": "Glass broken",
    }
    texts: dict[Language, str] = {
        "nb": f"{who} sendte en melding om {title} uten andre person. Grunn: {reason}",
        "nn": f"{who} sende ei melding om {title} utan andre person. Grunn: {reason}",
        "en": f"{who} released a message about {title} without a second person. Reason: {reason}",
    }
    return Notice("glass_broken", texts, titles)


def account_stopped(account: Account, settings: Settings) -> Notice:
    """An account paused itself and a person must act."""
    url = f"{settings.console.public_url}/accounts"
    titles: dict[Language, str] = {
        "nb": f"Kontoen {account.key} er stanset",
        "nn": f"Kontoen {account.key} er stansa",
        "en": f"Account {account.key} has stopped",
    }
    reason = account.paused_reason or ""
    texts: dict[Language, str] = {
        "nb": f"Kontoen {account.key} sender ikke: {_told('nb', reason)}. Se {url}",
        "nn": f"Kontoen {account.key} sender ikkje: {_told('nn', reason)}. Sjå {url}",
        "en": f"Account {account.key} sends nothing: {reason}. See {url}",
    }
    return Notice("account_stopped", texts, titles)


def credentials_end(account: Account, settings: Settings) -> Notice:
    """An account's credentials run out soon, or have."""
    assert account.expires_at is not None  # noqa: S101 - `pulse.ending` chose it by that
    url = f"{settings.console.public_url}/accounts"
    day = account.expires_at.astimezone(settings.unit(account.unit.key).tz)
    titles: dict[Language, str] = {
        "nb": f"Tilgangen til {account.key} går ut",
        "nn": f"Tilgangen til {account.key} går ut",
        "en": f"The credentials of {account.key} run out",
    }
    texts: dict[Language, str] = {
        "nb": f"Tilgangen til {account.key} går ut {day:%d.%m.%Y}. Etter det sender kontoen ikke. Forny den nå: {url}",
        "nn": f"Tilgangen til {account.key} går ut {day:%d.%m.%Y}. Etter det sender kontoen ikkje. Forny han no: {url}",
        "en": f"The credentials of {account.key} run out on {day:%Y-%m-%d}; then it sends nothing. Renew them now: {url}",
    }
    return Notice("credentials_end", texts, titles)


def ways_failed(accounts: Sequence[str], settings: Settings) -> Notice:
    """The silent test found ways out that do not work."""
    url, names = f"{settings.console.public_url}/accounts/tests/", ", ".join(accounts)[:200]
    titles: dict[Language, str] = {
        "nb": "Kontoer som ikke kan sende",
        "nn": "Kontoar som ikkje kan sende",
        "en": "Accounts that can't send",
    }
    texts: dict[Language, str] = {
        "nb": f"Prøven fant kontoer som ikke kan sende: {names}. Få det ordnet nå, mens det er rolig: {url}",
        "nn": f"Prøva fann kontoar som ikkje kan sende: {names}. Få det ordna no, medan det er roleg: {url}",
        "en": f"The test found accounts that can't send: {names}. Have it mended now, while it is calm: {url}",
    }
    return Notice("ways_failed", texts, titles)


def account_switched(switched: Switched, settings: Settings) -> Notice:
    """The messages of an account leave through its fallback, or through itself again."""
    key, other, url = switched.account.key, switched.fallback.key, f"{settings.console.public_url}/accounts"
    if switched.to == "over":
        titles: dict[Language, str] = {
            "nb": f"{other} sender for {key}",
            "nn": f"{other} sender for {key}",
            "en": f"{other} sends for {key}",
        }
        texts: dict[Language, str] = {
            "nb": f"Kontoen {key} kan ikke sende. Det som venter, går gjennom {other}: {_told('nb', switched.reason)}. Se {url}",
            "nn": f"Kontoen {key} kan ikkje sende. Det som ventar, går gjennom {other}: {_told('nn', switched.reason)}. Sjå {url}",
            "en": f"Account {key} can't send. What waits leaves through {other}: {switched.reason}. See {url}",
        }
    else:
        titles = {"nb": f"{key} sender selv igjen", "nn": f"{key} sender sjølv igjen", "en": f"{key} sends again"}
        texts = {
            "nb": f"Kontoen {key} sender selv igjen; {other} trengs ikke lenger. Se {url}",
            "nn": f"Kontoen {key} sender sjølv igjen; {other} trengst ikkje lenger. Sjå {url}",
            "en": f"Account {key} sends for itself again; {other} is no longer needed. See {url}",
        }
    return Notice(f"account_{switched.to}", texts, titles)


def too_few_come(title: str, call_out_id: uuid.UUID, lacking: int, settings: Settings) -> Notice:
    """A call-out has asked everybody, and it was not enough."""
    url = f"{settings.console.public_url}/call-outs/{call_out_id}"
    titles: dict[Language, str] = {
        "nb": "For få kommer",
        "nn": "For få kjem",
        "en": "Too few are coming",
    }
    texts: dict[Language, str] = {
        "nb": f"Innkallingen {title} mangler {lacking}, og alle er spurt. Gjør noe annet nå: {url}",
        "nn": f"Innkallinga {title} manglar {lacking}, og alle er spurde. Gjer noko anna no: {url}",
        "en": f"The call-out {title} lacks {lacking}, and everybody has been asked. Do something else now: {url}",
    }
    return Notice("too_few_come", texts, titles)


def _told(language: Language, reason: str) -> str:
    """Why, as a reader of `language` says it; a provider's words and a person's own stay as they are."""
    words = catalogue(language)
    return retold(reason, lambda one: words.get(one, one))


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
