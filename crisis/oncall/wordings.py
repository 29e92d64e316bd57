"""What the on-call side of the house says to its own people, in three languages. Fixed here; nothing else is filled in
than titles, names and addresses.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from crisis.broadcasts.notice_words import Notice
from crisis.models import Alert, RotaSwap
from crisis.oncall.asking import Wording
from crisis.oncall.rota_watch import Trouble
from crisis.sending.address_codes import MARK, MARK_SPOKEN
from crisis.settings import LANGUAGES, Language, Settings

SHORT_TITLE = 100  # of an alert's title in a text or on the phone


def address_code() -> Wording:
    """The code that proves an address."""
    return Wording(
        {"nb": "Din kode", "nn": "Din kode", "en": "Your code"},
        {
            "nb": f"Koden din er {MARK}. Den gjelder i 10 minutter. Ikke gi den til andre.",
            "nn": f"Koden din er {MARK}. Han gjeld i 10 minutt. Ikkje gi han til andre.",
            "en": f"Your code is {MARK}. It is good for 10 minutes. Give it to nobody.",
        },
        {
            "nb": f"Koden din er {MARK_SPOKEN}.",
            "nn": f"Koden din er {MARK_SPOKEN}.",
            "en": f"Your code is {MARK_SPOKEN}.",
        },
    )


def ask_to_take(alert: Alert, settings: Settings, more: int = 0) -> Wording:
    """Take it, or say no. The telephone channel says itself which keys there are. `more` others come with it."""
    url = f"{settings.console.public_url}/alerts/{alert.id}"
    short = alert.title[:SHORT_TITLE]
    title: dict[Language, str] = {one: short + _more(one, more) for one in LANGUAGES}
    if more:
        url = f"{settings.console.public_url}/alerts/"
    return Wording(
        {"nb": f"Alarm: {title['nb']}", "nn": f"Alarm: {title['nn']}", "en": f"Alert: {title['en']}"},
        {
            "nb": f"ALARM: {title['nb']}. Svar 1 for å ta {'alle' if more else 'den'}, 2 for nei. Se {url}",
            "nn": f"ALARM: {title['nn']}. Svar 1 for å ta {'alle' if more else 'han'}, 2 for nei. Sjå {url}",
            "en": f"ALERT: {title['en']}. Answer 1 to take {'all' if more else 'it'}, 2 for no. See {url}",
        },
        {
            "nb": f"Alarm: {title['nb']}.",
            "nn": f"Alarm: {title['nn']}.",
            "en": f"Alert: {title['en']}.",
        },
    )


def _more(language: Language, count: int) -> str:
    said: dict[Language, str] = {"nb": f" og {count} til", "nn": f" og {count} til", "en": f" and {count} more"}
    return said[language] if count else ""


def you_have(alert: Alert, more: int) -> Wording:
    """The answer to whoever took it in writing."""
    short = alert.title[:SHORT_TITLE]
    title: dict[Language, str] = {one: short + _more(one, more) for one in LANGUAGES}
    texts: dict[Language, str] = {
        "nb": f"Takk. Du har tatt alarmen: {title['nb']}. Ingen andre blir spurt.",
        "nn": f"Takk. Du har teke alarmen: {title['nn']}. Ingen andre blir spurde.",
        "en": f"Thank you. You have taken the alert: {title['en']}. Nobody else is asked.",
    }
    return Wording({"nb": "Du har tatt den", "nn": "Du har teke han", "en": "You have taken it"}, texts, texts)


def ask_to_approve(alert: Alert, settings: Settings) -> Wording:
    """Read it and judge it; on the telephone it can be heard and judged at once, with a PIN."""
    url = f"{settings.console.public_url}/approvals/{alert.broadcast_id}"
    who, about = str(alert.details.get("who", "")), str(alert.details.get("about", ""))[:SHORT_TITLE]
    return Wording(
        {"nb": f"Godkjenning: {about}", "nn": f"Godkjenning: {about}", "en": f"Approval: {about}"},
        {
            "nb": f"{who} ber deg godkjenne en melding om {about}. Les den: {url} Svar 1 hvis du tar den, 2 hvis ikke.",
            "nn": f"{who} bed deg godkjenne ei melding om {about}. Les henne: {url} Svar 1 om du tek henne, 2 om ikkje.",
            "en": f"{who} asks you to approve a message about {about}. Read it: {url} Answer 1 if you take it, 2 if not.",
        },
        {
            "nb": f"{who} ber om godkjenning av en melding om {about}.",
            "nn": f"{who} bed om godkjenning av ei melding om {about}.",
            "en": f"{who} asks for approval of a message about {about}.",
        },
    )


def taken(alert: Alert, who: str) -> Wording:
    title = alert.title[:SHORT_TITLE]
    titles: dict[Language, str] = {"nb": f"Tatt: {title}", "nn": f"Teken: {title}", "en": f"Taken: {title}"}
    texts: dict[Language, str] = {
        "nb": f"{who} har tatt alarmen: {title}. Du trenger ikke gjøre noe.",
        "nn": f"{who} har teke alarmen: {title}. Du treng ikkje gjere noko.",
        "en": f"{who} has taken the alert: {title}. You need do nothing.",
    }
    return Wording(titles, texts, texts)


def closed(alert: Alert) -> Wording:
    title = alert.title[:SHORT_TITLE]
    titles: dict[Language, str] = {"nb": f"Over: {title}", "nn": f"Over: {title}", "en": f"Over: {title}"}
    texts: dict[Language, str] = {
        "nb": f"Alarmen er over: {title}. Du trenger ikke gjøre noe.",
        "nn": f"Alarmen er over: {title}. Du treng ikkje gjere noko.",
        "en": f"The alert is over: {title}. You need do nothing.",
    }
    return Wording(titles, texts, texts)


def nobody_took(alert: Alert, settings: Settings, more: int = 0) -> Notice:
    """Everybody was tried. Administrators must act."""
    url = f"{settings.console.public_url}/alerts/{'' if more else alert.id}"
    title = alert.title[:SHORT_TITLE] + (f" (+{more})" if more else "")
    return Notice(
        "alert_exhausted",
        {
            "nb": f"INGEN har tatt alarmen: {title}. Alle er prøvd. Ta den nå: {url}",
            "nn": f"INGEN har teke alarmen: {title}. Alle er prøvde. Ta han no: {url}",
            "en": f"NOBODY has taken the alert: {title}. Everybody was tried. Take it now: {url}",
        },
        {
            "nb": f"Ingen har tatt: {title}",
            "nn": f"Ingen har teke: {title}",
            "en": f"Nobody has taken: {title}",
        },
    )


def rota_trouble(one: Trouble, settings: Settings) -> Notice:
    """Nobody, or nobody who can come, is on call."""
    url = f"{settings.console.public_url}/rotas/{one.rota_id}"
    day = one.starts.strftime("%d.%m.%Y %H:%M UTC")
    what: dict[str, dict[Language, str]] = {
        "hole": {"nb": "Ingen har vakt", "nn": "Ingen har vakt", "en": "Nobody is on call"},
        "absent": {
            "nb": f"{one.who} har vakt, men er borte",
            "nn": f"{one.who} har vakt, men er borte",
            "en": f"{one.who} is on call and absent",
        },
        "unreachable": {
            "nb": f"{one.who} har vakt, men kan ikke nås",
            "nn": f"{one.who} har vakt, men kan ikkje nåast",
            "en": f"{one.who} is on call and can't be reached",
        },
    }
    said = what[one.kind]
    return Notice(
        "rota_trouble",
        {
            "nb": f"{one.rota}: {said['nb']} fra {day}. Se {url}",
            "nn": f"{one.rota}: {said['nn']} frå {day}. Sjå {url}",
            "en": f"{one.rota}: {said['en']} from {day}. See {url}",
        },
        {"nb": f"{one.rota}: {said['nb']}", "nn": f"{one.rota}: {said['nn']}", "en": f"{one.rota}: {said['en']}"},
    )


def swap(row: RotaSwap, what: str, settings: Settings) -> Wording:
    """A colleague offers a time of theirs, or has answered such an offer."""
    url, zone = f"{settings.console.public_url}/rotas/{row.rota_id}", ZoneInfo(row.rota.zone)
    day = f"{row.starts.astimezone(zone):%d.%m. %H:%M}"
    said: dict[str, dict[Language, str]] = {
        "offered": {
            "nb": f"{row.giver.name} ber deg ta vakten {row.rota.name} fra {day}. Svar her: {url}",
            "nn": f"{row.giver.name} bed deg ta vakta {row.rota.name} frå {day}. Svar her: {url}",
            "en": f"{row.giver.name} asks you to take the duty {row.rota.name} from {day}. Answer here: {url}",
        },
        "accepted": {
            "nb": f"{row.taker.name} tar vakten {row.rota.name} fra {day}. {url}",
            "nn": f"{row.taker.name} tek vakta {row.rota.name} frå {day}. {url}",
            "en": f"{row.taker.name} takes the duty {row.rota.name} from {day}. {url}",
        },
        "declined": {
            "nb": f"{row.taker.name} kan ikke ta vakten {row.rota.name} fra {day}. Den er fortsatt din. {url}",
            "nn": f"{row.taker.name} kan ikkje ta vakta {row.rota.name} frå {day}. Ho er framleis di. {url}",
            "en": f"{row.taker.name} can't take the duty {row.rota.name} from {day}. It is still yours. {url}",
        },
    }
    titles: dict[Language, str] = {"nb": "Bytte av vakt", "nn": "Byte av vakt", "en": "A swap of duty"}
    return Wording(titles, said[what], said[what])
