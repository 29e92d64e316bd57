"""The few words of our own that the public reads around an approved text, in each language, and how a time is written.

Nothing here is part of a statement: these are labels, banners and footers, the same for every incident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime


@dataclass(frozen=True, slots=True)
class Words:
    """One language."""

    name: str  # of the language, in itself
    phases: Mapping[str, str]
    exercise: str
    exercise_says: str
    updated: str
    corrected: str  # stands on the entry that was wrong; ends where a link to the correction follows
    correction_link: str
    withdrawn: str
    over: str
    rumours: str  # over what is true about what people say
    ongoing: str
    ended: str
    nothing_ongoing: str
    all_incidents: str
    languages: str
    about: str  # the page's description for search engines and link previews
    why: str  # why somebody gets this e-mail
    unsubscribe: str
    clock: str  # how Babel writes a time
    home_time: str  # the name of Norwegian time

    def phase(self, key: str) -> str:
        return self.phases.get(key, self.phases["initial"])


WORDS: Mapping[str, Words] = {
    "nb": Words(
        name="Bokmål",
        phases={
            "initial": "Melding",
            "update": "Oppdatering",
            "correction": "Rettelse",
            "all_clear": "Avslutning",
        },
        exercise="ØVELSE",
        exercise_says="Dette er en øvelse. Ingenting av dette har skjedd.",
        updated="Sist oppdatert",
        corrected="Denne meldingen var feil og er rettet",
        correction_link="Les rettelsen",
        withdrawn="Denne meldingen er trukket tilbake.",
        over="Hendelsen er avsluttet.",
        rumours="Rykter: dette stemmer",
        ongoing="Pågående hendelser",
        ended="Avsluttede hendelser",
        nothing_ongoing="Ingen pågående hendelser.",
        all_incidents="Alle hendelser",
        languages="Språk",
        about="Informasjon fra {organisation} om en pågående hendelse.",
        why="Du får denne e-posten fordi adressen din står på varslingslisten til {organisation}.",
        unsubscribe="Meld meg av",
        clock="d. MMMM y 'kl.'\u00a0HH.mm",
        home_time="norsk tid",
    ),
    "nn": Words(
        name="Nynorsk",
        phases={
            "initial": "Melding",
            "update": "Oppdatering",
            "correction": "Retting",
            "all_clear": "Avslutning",
        },
        exercise="ØVING",
        exercise_says="Dette er ei øving. Ingenting av dette har hendt.",
        updated="Sist oppdatert",
        corrected="Denne meldinga var feil og er retta",
        correction_link="Les rettinga",
        withdrawn="Denne meldinga er trekt tilbake.",
        over="Hendinga er avslutta.",
        rumours="Rykte: dette stemmer",
        ongoing="Pågåande hendingar",
        ended="Avslutta hendingar",
        nothing_ongoing="Ingen pågåande hendingar.",
        all_incidents="Alle hendingar",
        languages="Språk",
        about="Informasjon frå {organisation} om ei pågåande hending.",
        why="Du får denne e-posten fordi adressa di står på varslingslista til {organisation}.",
        unsubscribe="Meld meg av",
        clock="d. MMMM y 'kl.'\u00a0HH.mm",
        home_time="norsk tid",
    ),
    "en": Words(
        name="English",
        phases={
            "initial": "Message",
            "update": "Update",
            "correction": "Correction",
            "all_clear": "All clear",
        },
        exercise="EXERCISE",
        exercise_says="This is an exercise. None of this has happened.",
        updated="Last updated",
        corrected="This message was wrong and has been corrected",
        correction_link="Read the correction",
        withdrawn="This message has been withdrawn.",
        over="This incident is over.",
        rumours="Rumours: what is true",
        ongoing="Ongoing incidents",
        ended="Past incidents",
        nothing_ongoing="No ongoing incidents.",
        all_incidents="All incidents",
        languages="Language",
        about="Information from {organisation} about an ongoing incident.",
        why="You get this e-mail because your address is on the notification list of {organisation}.",
        unsubscribe="Unsubscribe",
        clock="d MMMM y 'at' HH:mm",
        home_time="Norwegian time",
    ),
}


def time_in_words(at: datetime, language: str, zone: ZoneInfo) -> str:
    """A time with its date and its zone, as people write it: "22. november 2026 kl. 14.05 norsk tid", never broken inside the clock."""
    words, local = WORDS[language], at.astimezone(zone)
    name = words.home_time if zone.key == "Europe/Oslo" else local.tzname()
    return f"{format_datetime(local, words.clock, locale=language)} {name}"
