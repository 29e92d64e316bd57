"""The words of notices in the three languages: what the system tells its own users, fixed here."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crisis.kept.catalogues import catalogue
from crisis.kept.recognise import retold
from crisis.models import (
    Account,
    Broadcast,
    PlannedPost,
)
from crisis.sending.fallback import Switched
from crisis.settings import Language, Settings


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
