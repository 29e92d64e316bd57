"""What the telephone says around an approved text, in each language, and Twilio's words about a call.

Nothing here is part of a statement: who calls, the menu, and what follows a key. Sentences are short, because they are
heard at night, once, and on a bad line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from crisis.channels.base import Receipt

Means = Literal["accepted", "delivered", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One language. What follows a key is said by whoever knows what the key means."""

    exercise: str
    caller: str  # {organisation}
    menus: Mapping[str, str]  # by what is asked: "call_out", "alert"
    minutes: str
    pin: str
    unanswered: str  # nobody pressed a key; a voicemail hears this, too
    call_back: str
    yes: str
    taken: str
    no: str
    later: str  # {minutes}
    again: str  # a key that means nothing here
    pin_wrong: str
    enough: str
    reserve: str
    nothing_open: str
    not_yours: str
    broken: str
    goodbye: str


WORDS: Mapping[str, Spoken] = {
    "nb": Spoken(
        exercise="Dette er en øvelse.",
        caller="Her er {organisation}.",
        menus={
            "call_out": "Trykk 1 for ja, jeg kommer. Trykk 2 for nei. Trykk 3 for ja, men senere. "
            "Trykk 9 for å høre meldingen en gang til.",
            "alert": "Trykk 1 for ja, jeg tar det. Trykk 2 for nei. Trykk 3 for ja, men senere. "
            "Trykk 9 for å høre meldingen en gang til.",
        },
        minutes="Om hvor mange minutter? Tast tallet og avslutt med firkant.",
        pin="Tast PIN-koden din og avslutt med firkant.",
        unanswered="Vi har ikke fått svar fra deg.",
        call_back="Ring tilbake til dette nummeret for å svare.",
        yes="Takk. Vi har notert at du kommer.",
        taken="Takk. Vi har notert at du tar det.",
        no="Takk. Vi har notert nei.",
        later="Takk. Vi har notert ja, om {minutes} minutter.",
        again="Det tallet kan ikke brukes her.",
        pin_wrong="PIN-koden er feil.",
        enough="Takk, nok folk har meldt seg. Du trenger ikke å komme.",
        reserve="Takk. Nok folk har meldt seg, så du står i reserve. Vent på ny beskjed.",
        nothing_open="Vi venter ikke på svar fra dette nummeret nå.",
        not_yours="Denne samtalen kan ikke besvares.",
        broken="Svaret ble ikke lagret. Ring tilbake om litt.",
        goodbye="Ha det.",
    ),
    "nn": Spoken(
        exercise="Dette er ei øving.",
        caller="Her er {organisation}.",
        menus={
            "call_out": "Trykk 1 for ja, eg kjem. Trykk 2 for nei. Trykk 3 for ja, men seinare. "
            "Trykk 9 for å høyre meldinga ein gong til.",
            "alert": "Trykk 1 for ja, eg tek det. Trykk 2 for nei. Trykk 3 for ja, men seinare. "
            "Trykk 9 for å høyre meldinga ein gong til.",
        },
        minutes="Om kor mange minutt? Tast talet og avslutt med firkant.",
        pin="Tast PIN-koden din og avslutt med firkant.",
        unanswered="Vi har ikkje fått svar frå deg.",
        call_back="Ring tilbake til dette nummeret for å svare.",
        yes="Takk. Vi har notert at du kjem.",
        taken="Takk. Vi har notert at du tek det.",
        no="Takk. Vi har notert nei.",
        later="Takk. Vi har notert ja, om {minutes} minutt.",
        again="Det talet kan ikkje brukast her.",
        pin_wrong="PIN-koden er feil.",
        enough="Takk, nok folk har meldt seg. Du treng ikkje å kome.",
        reserve="Takk. Nok folk har meldt seg, så du står i reserve. Vent på ny beskjed.",
        nothing_open="Vi ventar ikkje på svar frå dette nummeret no.",
        not_yours="Denne samtalen kan ikkje svarast på.",
        broken="Svaret vart ikkje lagra. Ring tilbake om litt.",
        goodbye="Ha det.",
    ),
    "en": Spoken(
        exercise="This is an exercise.",
        caller="This is {organisation}.",
        menus={
            "call_out": "Press 1 for yes, I am coming. Press 2 for no. Press 3 for yes, but later. "
            "Press 9 to hear the message again.",
            "alert": "Press 1 for yes, I take it. Press 2 for no. Press 3 for yes, but later. "
            "Press 9 to hear the message again.",
        },
        minutes="In how many minutes? Key the number, then press hash.",
        pin="Key your PIN, then press hash.",
        unanswered="We have no answer from you.",
        call_back="Call this number back to answer.",
        yes="Thank you. We have noted that you are coming.",
        taken="Thank you. We have noted that you take it.",
        no="Thank you. We have noted no.",
        later="Thank you. We have noted yes, in {minutes} minutes.",
        again="That key means nothing here.",
        pin_wrong="The PIN is wrong.",
        enough="Thank you, enough people have come. You need not come.",
        reserve="Thank you. Enough people have come, so you are in reserve. Wait for word from us.",
        nothing_open="We are waiting for no answer from this number.",
        not_yours="This call cannot be answered.",
        broken="Your answer was not kept. Please call back in a moment.",
        goodbye="Goodbye.",
    ),
}

# Twilio docs, Call resource, status values; a callback also says "initiated", which is "queued" left behind.
STATUSES: Mapping[str, Means] = {
    "queued": "accepted",
    "initiated": "accepted",
    "ringing": "accepted",
    "in-progress": "accepted",
    "completed": "delivered",  # somebody or something took it; only a key proves a person
    "busy": "failed",
    "no-answer": "failed",
    "canceled": "failed",
    "failed": "failed",
}
SAYS: Mapping[str, str] = {
    "busy": "the line was busy",
    "no-answer": "nobody picked up",
    "canceled": "the call was taken back before it rang",
    "failed": "the call could not be put through",
}
MACHINES = ("machine", "fax")  # how AnsweredBy begins when it was no person (Twilio docs, answering machine detection)


def words(language: str) -> Spoken:
    """What is said in `language`; English where it is none of ours."""
    return WORDS.get(language, WORDS["en"])


def is_machine(answered_by: str) -> bool:
    return answered_by.startswith(MACHINES)


def receipt(fields: Mapping[str, str], reference: str | None) -> Receipt:
    """A status callback of a call. A failure's code is Twilio's own word, so that "busy" is told from "no-answer"."""
    word, answered_by = fields.get("CallStatus", ""), fields.get("AnsweredBy", "")
    means = STATUSES.get(word, "unknown")
    machine = word == "completed" and is_machine(answered_by)
    return Receipt(
        provider_id=fields["CallSid"],
        word=word,
        means=means,
        reference=reference,
        code=word if means == "failed" else answered_by if machine else "",
        say="a machine took the call" if machine else SAYS.get(word, ""),
    )
