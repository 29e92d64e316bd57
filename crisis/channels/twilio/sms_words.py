"""Twilio's words and numbers translated into ours: refusals, statuses, carrier errors, and STOP and START.

Tables and pure functions; a number or word that is not here is passed on as it came and never guessed at.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from crisis.channels.base import Busy, Inbound, Misconfigured, Receipt, Rejected, SendError
from crisis.channels.errors import Answer

Means = Literal["accepted", "delivered", "failed", "unknown"]
Consent = Literal["stop", "start"]

# Twilio docs, error and warning dictionary. What is not named here and comes with a 4xx concerns one text or number:
# so does 21408, a country we may not send to, because one foreign number must not silence everybody else.
OPTED_OUT = frozenset({21610})
BUSY = frozenset(
    {20429, 21611, 30001, 30022, 30023, 30027}  # too many calls; the sender's queue or daily room is full
    | {63017, 63018, 63038}  # the same of WhatsApp: too fast, or the day's room for new people is used up
    | {10004}  # too many calls at once
)
MISCONFIGURED = frozenset(
    {10001, 20003, 20005, 20006, 20008, 20403, 20404}  # account or keys: not active, not allowed, not found
    | {21212, 21601, 21603, 21606, 21607, 21616, 21657}  # the sender, or where it may send to
    | {21609, 21624}  # our own callback address or validity
    | {21205, 21210, 21213, 21218, 21234, 21263}  # calls: our addresses, the number we ring from, machine detection
    | {21701, 21702, 21703, 21704, 21705, 21708, 21709, 21713, 21715, 21717}  # the messaging service
    | {30002, 30032, 30033, 30034, 30035}  # suspended, or a US sender that is not registered
    | {63001, 63002, 63007, 63008, 63020, 63051}  # WhatsApp: the sender is unknown, not set up or locked
    | {63027, 63028, 63040, 63041, 63042}  # WhatsApp: a template is missing, paused or not what we think it is
)
_BY_STATUS = frozenset({401, 402, 403, 407, 408, 429})  # these statuses say enough when the number is not known

# Twilio docs, Message resource, status values. "sent" may be the last word where a carrier gives no receipt.
STATUSES: Mapping[str, Means] = {
    "accepted": "accepted",
    "scheduled": "accepted",
    "queued": "accepted",
    "sending": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}

# What a callback's ErrorCode means to the person who looks; Twilio docs, error and warning dictionary.
CARRIER_SAYS: Mapping[str, str] = {
    "21610": "the receiver has answered STOP",
    "30001": "the sender's queue overflowed, or the message grew too old in it",
    "30002": "the Twilio account is suspended",
    "30003": "the phone is off or out of reach",
    "30004": "the phone or its carrier blocks our messages",
    "30005": "the number is unknown or no longer in use",
    "30006": "a landline, or a carrier that cannot be reached",
    "30007": "the carrier filtered the message out",
    "30008": "the carrier gives no reason",
    "30022": "over the carrier's rate for this sender",
    "30023": "the carrier's daily limit is used up",
    "30032": "the toll-free sender is not verified",
    "30034": "the US sender is not registered",
    "30036": "too old before it could be sent",
    "30410": "the carrier did not answer in time",
    "30450": "blocked by Twilio's fraud guard",
    "30610": "held back by quiet hours",
    "63003": "this number is not on WhatsApp",
    "63013": "WhatsApp's rules forbid this message",
    "63015": "the sandbox reaches only people who joined it",
    "63016": "over 24 hours since this person wrote; only an approved template reaches them now",
    "63018": "WhatsApp's limit for new people a day is used up",
    "63024": "this number can't get WhatsApp messages",
    "63032": "WhatsApp keeps this person from getting messages of organisations",
    "63033": "the receiver has blocked us",
    "63041": "WhatsApp has paused the template, because people complained",
    "63042": "WhatsApp has withdrawn the template, because people complained",
}

OURS_SAY_MORE = frozenset({63016})  # where what to do about it matters more than Twilio's words

# Twilio docs, opt-out keywords, and the Norwegian words people use. A whole message only: "stop kampen" is no opt-out.
# YES also opts in at Twilio, but here it answers call-outs; it counts only when Twilio says so in OptOutType.
WORDS: Mapping[str, Consent] = {
    **dict.fromkeys(("stop", "stopp", "avslutt", "stopall", "unsubscribe", "cancel", "end", "quit"), "stop"),
    **dict.fromkeys(("revoke", "optout"), "stop"),
    **dict.fromkeys(("start", "unstop"), "start"),
}


def refusal(given: Answer) -> SendError | None:
    """What Twilio's own number says about a call that did not succeed."""
    number = given.body.get("code")
    if not isinstance(number, int):
        return None
    code = str(number)
    say = f"{CARRIER_SAYS[code]} (Twilio {number})" if number in OURS_SAY_MORE else f"{given.say} (Twilio {number})"
    if number in OPTED_OUT:
        return Rejected(say, code=code, opted_out=True)
    if number in BUSY:
        return Busy(say, code=code, retry_after=given.retry_after)
    if number in MISCONFIGURED:
        return Misconfigured(say, code=code)
    if 400 <= given.status < 500 and given.status not in _BY_STATUS:
        return Rejected(say, code=code)
    return None


def consent(text: str, opt_out_type: str) -> Consent | None:
    """STOP or START: what Twilio's own opt-out handling says, else our words, else nothing."""
    match opt_out_type.upper():
        case "STOP":
            return "stop"
        case "START":
            return "start"
        case _:
            return WORDS.get(text.strip().strip("\"'.!").strip().casefold())


def receipt(fields: Mapping[str, str], query: Mapping[str, list[str]]) -> Receipt:
    """A status callback. The attempt is named in the query, which our own address carried out and Twilio signed."""
    word, code = fields.get("MessageStatus", ""), fields.get("ErrorCode", "")
    return Receipt(
        provider_id=fields["MessageSid"],
        word=word,
        means=STATUSES.get(word, "unknown"),
        reference=query.get("attempt", [""])[0] or None,
        code=code,
        say=fields.get("ErrorMessage") or CARRIER_SAYS.get(code, ""),
        opted_out=code.isdecimal() and int(code) in OPTED_OUT,
    )


def inbound(fields: Mapping[str, str], at: datetime) -> Inbound:
    """A text from a person. Twilio does not say when it was written, so `at` is when it reached us."""
    text, media = fields.get("Body", ""), fields.get("NumMedia", "")
    return Inbound(
        provider_id=fields["MessageSid"],
        author=fields.get("From", "").removeprefix("whatsapp:"),
        # Pictures are not fetched; that there was one matters to whoever reads it.
        text=text if media in ("", "0") else f"{text} [+{media} media]".strip(),
        at=at,
        consent=consent(text, fields.get("OptOutType", "")),
        kind="message",
        author_name=fields.get("ProfileName", ""),  # WhatsApp only
        private=True,
    )
