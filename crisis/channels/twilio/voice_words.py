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
    menus: Mapping[str, str]  # by what is asked: "call_out", "alert", "approval"
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
    latest: str  # then the newest text that was released to whoever calls in
    claimed: str  # somebody called in without a PIN: a number shown can be faked
    not_yours: str
    broken: str
    goodbye: str
    approval: str  # {who}, {about}
    live_approval: str
    drill_approval: str
    text_of: str  # {number}, {count}, {channels}
    judge: str
    approved: str
    not_approved: str
    read_it: str


WORDS: Mapping[str, Spoken] = {
    "nb": Spoken(
        exercise="Dette er en øvelse.",
        caller="Her er {organisation}.",
        menus={
            "call_out": "Trykk 1 for ja, jeg kommer. Trykk 2 for nei. Trykk 3 for ja, men senere. "
            "Trykk 9 for å høre meldingen en gang til.",
            "alert": "Trykk 1 for ja, jeg tar det. Trykk 2 for nei. Trykk 3 for ja, men senere. "
            "Trykk 9 for å høre meldingen en gang til.",
            "approval": "Trykk 1 for å høre meldingen og bestemme. Trykk 2 hvis du ikke kan. "
            "Trykk 9 for å høre dette en gang til.",
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
        latest="Dette er det siste vi har meldt.",
        claimed="Svaret er notert, men ikke bekreftet. Svar når vi ringer deg.",
        not_yours="Denne samtalen kan ikke besvares.",
        broken="Svaret ble ikke lagret. Ring tilbake om litt.",
        goodbye="Ha det.",
        approval="{who} ber om godkjenning av en melding om {about}.",
        live_approval="Dette sendes på ordentlig.",
        drill_approval="Dette er en øvelse.",
        text_of="Tekst {number} av {count}, på {channels}.",
        judge="Trykk 1 for å godkjenne nøyaktig dette. Trykk 2 for nei. Trykk 9 for å høre det en gang til.",
        approved="Takk. Du har godkjent meldingen. Den sendes når vakthavende slipper den.",
        not_approved="Ingenting er godkjent. Meldingen er endret eller avgjort, eller du kan ikke godkjenne den.",
        read_it="Denne meldingen må leses på skjermen. Vi har notert at du tar den. Logg inn og les den nå.",
    ),
    "nn": Spoken(
        exercise="Dette er ei øving.",
        caller="Her er {organisation}.",
        menus={
            "call_out": "Trykk 1 for ja, eg kjem. Trykk 2 for nei. Trykk 3 for ja, men seinare. "
            "Trykk 9 for å høyre meldinga ein gong til.",
            "alert": "Trykk 1 for ja, eg tek det. Trykk 2 for nei. Trykk 3 for ja, men seinare. "
            "Trykk 9 for å høyre meldinga ein gong til.",
            "approval": "Trykk 1 for å høyre meldinga og avgjere. Trykk 2 om du ikkje kan. "
            "Trykk 9 for å høyre dette ein gong til.",
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
        latest="Dette er det siste vi har meldt.",
        claimed="Svaret er notert, men ikkje stadfesta. Svar når vi ringjer deg.",
        not_yours="Denne samtalen kan ikkje svarast på.",
        broken="Svaret vart ikkje lagra. Ring tilbake om litt.",
        goodbye="Ha det.",
        approval="{who} bed om godkjenning av ei melding om {about}.",
        live_approval="Dette blir sendt på ordentleg.",
        drill_approval="Dette er ei øving.",
        text_of="Tekst {number} av {count}, på {channels}.",
        judge="Trykk 1 for å godkjenne nøyaktig dette. Trykk 2 for nei. Trykk 9 for å høyre det ein gong til.",
        approved="Takk. Du har godkjent meldinga. Ho blir send når vakthavande slepp henne.",
        not_approved="Ingenting er godkjent. Meldinga er endra eller avgjord, eller du kan ikkje godkjenne henne.",
        read_it="Denne meldinga må lesast på skjermen. Vi har notert at du tek henne. Logg inn og les henne no.",
    ),
    "en": Spoken(
        exercise="This is an exercise.",
        caller="This is {organisation}.",
        menus={
            "call_out": "Press 1 for yes, I am coming. Press 2 for no. Press 3 for yes, but later. "
            "Press 9 to hear the message again.",
            "alert": "Press 1 for yes, I take it. Press 2 for no. Press 3 for yes, but later. "
            "Press 9 to hear the message again.",
            "approval": "Press 1 to hear the message and decide. Press 2 if you cannot. Press 9 to hear this again.",
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
        latest="This is the latest we have said.",
        claimed="Your answer is noted, but not confirmed. Answer when we call you.",
        not_yours="This call cannot be answered.",
        broken="Your answer was not kept. Please call back in a moment.",
        goodbye="Goodbye.",
        approval="{who} asks for approval of a message about {about}.",
        live_approval="This is for real.",
        drill_approval="This is an exercise.",
        text_of="Text {number} of {count}, on {channels}.",
        judge="Press 1 to approve exactly this. Press 2 for no. Press 9 to hear it again.",
        approved="Thank you. You have approved the message. It leaves when the duty officer releases it.",
        not_approved="Nothing is approved. The message was changed or decided, or you may not approve it.",
        read_it="This message must be read on a screen. We have noted that you take it. Sign in and read it now.",
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
