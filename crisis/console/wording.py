"""Sentences of the domain in the reader's language: those that carry their facts, and those the tables keep in English.

The domain writes English, also into deliveries, accounts and the record, where it stays as it was written. Here it is
recognised and said anew. A provider's own words are nobody's to translate and pass through as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cache

from flask_babel import gettext

from crisis.broadcasts.compose import Problem
from crisis.broadcasts.freeze import NotReady
from crisis.console import language
from crisis.console.language import N_
from crisis.console.slot_words import in_words
from crisis.sentence import Sentence
from crisis.states import NotAllowed

# What the tables may hold, in the words of the domain; a test compares the two. A place holds anything.
KEPT: tuple[str, ...] = (
    # broadcasts
    N_("a test to oneself"),
    N_("the system's own words"),
    N_("stopped by an officer"),
    N_("cancelled in the countdown"),
    N_("followed by: correction"),
    N_("followed by: all_clear"),
    N_("planned for calm times"),
    # planned posts
    N_("a live incident was opened"),
    N_("its time passed before it could leave"),
    N_("the text is not what was approved"),
    # news feeds
    N_("this is no news feed, or it is broken"),
    N_("the feed declares entities of its own, which no news feed needs"),
    N_("the feed takes too long to read"),
    N_("the feed is larger than %(kb)d kB"),
    N_("the site answered HTTP %(status)d"),
    N_("the site redirects in circles"),
    N_("the site redirects to %(where)s, which is not among the feed's hosts"),
    N_("the site sends the feed packed, although it was asked not to"),
    N_("%(host)s leads into a private network"),
    # what people say
    N_("an answer to a call-out or an alert"),
    # deliveries and their attempts
    N_("found at the provider"),
    N_("safe to repeat"),
    N_("not found at the provider yet"),
    N_("looked, and it is not there"),
    N_("it cannot be looked up; a person must decide"),
    N_("it cannot be looked up; it is repeated after %(minutes)d minutes"),
    N_("repeated: missing it is worse than getting it twice"),
    N_("a person saw it there"),
    N_("a person saw that it is not there"),
    N_("the sender went away during the call"),
    N_("too old when its turn came"),
    N_("not repeated, because the broadcast was stopped; it may have left"),
    N_("not sent again, because %(why)s"),
    N_("what follows it has left"),
    N_("the broadcast was stopped"),
    N_("the receiver has said stop"),
    N_("its words could not be stored"),
    N_("a picture or film in it was withdrawn"),
    N_("the file of a picture or film is not on this machine"),
    N_("the call was cut off before an answer came"),
    N_("the look failed: %(kind)s"),
    N_("defect in the %(channel)s adapter: %(kind)s"),
    # inbound
    N_("closed together"),
    N_("nothing to do"),
    N_("known already"),
    N_("settled elsewhere"),
    N_("spam or abuse"),
    N_("the word was obeyed"),
    N_("answered in public"),
    N_("taken back before it left"),
    N_("ready answer"),
    N_("written by hand"),
    N_("written by hand, by somebody with the right"),
    N_("taken away before it was read"),
    # posts taken down
    N_("the network takes down only so many in a while; the rest follows"),
    N_("it never left"),
    N_("left standing, because the words that were to replace it were not sent"),
    N_("this channel cannot take anything down"),
    N_("replaced by: %(phase)s"),
    # what calls end in
    N_("no answer in time"),
    N_("no connection (%(kind)s)"),
    N_("no connection to %(host)s (%(kind)s)"),
    N_("the encrypted line broke (%(kind)s)"),
    N_("the answer was lost on the way (%(kind)s)"),
    N_("the answer has an unexpected shape (%(kind)s)"),
    N_("HTTP %(status)d, but the answer is cut off or not JSON"),
    N_("%(said)s; the address of this account redirects elsewhere"),
    # e-mail
    N_("%(host)s takes our messages, %(how)s"),
    N_("no TLS"),
    N_("the mail server went silent (%(kind)s)"),
    N_("%(host)s offers no STARTTLS, and nothing is sent in the clear"),
    N_("%(host)s does not let anybody sign in"),
    # the incident page
    N_("pages are written to %(folder)s"),
    N_("cannot write the pages: %(error)s"),
    N_("another process is writing the incident pages"),
    N_("this account shows %(mode)s pages only"),
    N_("the pages have no language '%(language)s'"),
    # X
    N_("signed in as @%(handle)s"),
    N_("these keys belong to @%(handle)s, not to @%(wanted)s"),
    N_("cannot look for a post without the time of its first attempt"),
    N_("more than %(num)d posts since the first attempt; look on the wall"),
    N_("X did not say whose keys these are"),
    N_("X took the call but named no post"),
    N_("X shows one film or up to four pictures, not both"),
    N_("X could not read the film; try another file"),
    N_("X is still reading the film"),
    N_("the upload broke off: %(why)s"),
    # SMS
    N_("keys are alive"),
    N_("keys are alive; no receipts, because console.public_url is this machine only"),
    N_("Twilio took the call but named no message"),
    N_("cannot look for a message without the time of its first attempt"),
    N_("%(num)d messages with this text went to this number"),
    N_("more than %(num)d messages with this number since the first attempt"),
    N_("too old to send"),
    N_("the receiver has answered STOP"),
    N_("the sender's queue overflowed, or the message grew too old in it"),
    N_("the Twilio account is suspended"),
    N_("the phone is off or out of reach"),
    N_("the phone or its carrier blocks our messages"),
    N_("the number is unknown or no longer in use"),
    N_("a landline, or a carrier that cannot be reached"),
    N_("the carrier filtered the message out"),
    N_("the carrier gives no reason"),
    N_("over the carrier's rate for this sender"),
    N_("the carrier's daily limit is used up"),
    N_("the toll-free sender is not verified"),
    N_("the US sender is not registered"),
    N_("too old before it could be sent"),
    N_("the carrier did not answer in time"),
    N_("blocked by Twilio's fraud guard"),
    N_("held back by quiet hours"),
    # calls
    N_("Twilio took the order but named no call"),
    N_("cannot look for a call without the time of its first attempt"),
    N_("%(num)d calls went to this number"),
    N_("more than %(num)d calls with this number since the first attempt"),
    N_("%(num)d characters too long to be said in a call"),
    N_("nobody could answer the call, because console.public_url is this machine only"),
    N_("the line was busy"),
    N_("nobody picked up"),
    N_("the call was taken back before it rang"),
    N_("the call could not be put through"),
    N_("a machine took the call"),
    # WhatsApp
    N_("this number is not on WhatsApp"),
    N_("WhatsApp's rules forbid this message"),
    N_("the sandbox reaches only people who joined it"),
    N_("over 24 hours since this person wrote; only an approved template reaches them now"),
    N_("WhatsApp's limit for new people a day is used up"),
    N_("this number can't get WhatsApp messages"),
    N_("WhatsApp keeps this person from getting messages of organisations"),
    N_("the receiver has blocked us"),
    N_("WhatsApp has paused the template, because people complained"),
    N_("WhatsApp has withdrawn the template, because people complained"),
    N_("a WhatsApp template takes no line breaks; write the short text as one paragraph"),
    N_("no WhatsApp template for the language %(language)s; name one in crisis.toml"),
    N_("could not read the templates: %(why)s"),
    N_("template %(language)s: its words at Twilio are not those in crisis.toml; compare the two"),
    N_("template %(language)s: Twilio has it as language %(other)s"),
    # Apprise
    N_("%(service)s did not say yes, and Apprise does not tell why; look there"),
    N_("%(service)s answered HTTP %(status)d"),
    N_("%(service)s: not tried; Apprise cannot look without sending, and tells no link"),
    # on call
    N_("somebody has taken the alert"),
    N_("the alert is closed"),
    N_("the person has said no"),
    N_("no phone or mailbox that we can reach"),
    # call-outs
    N_("absent"),
    N_("in their quiet hours"),
    N_("no phone or mailbox we can use"),
    N_("shares a phone or mailbox with somebody who is asked"),
    N_("the account could not send"),
    N_("not known whether it got there"),
    N_("another way is tried"),
    N_("the person has answered"),
    N_("enough have come"),
    N_("everybody was asked as often as allowed"),
    N_("the words are too old to be sent"),
    N_("thrown away before anybody was asked"),
    N_("done"),
    # accounts
    N_("stopped by itself: %(why)s"),
    N_("it has not got through for %(minutes)d minutes"),
    N_("the fallback has stopped"),
    N_("it can send again"),
    N_("the settings name another fallback"),
)

# Single words that are facts in sentences, as the domain writes them.
WORDS: tuple[str, ...] = (
    # units of size
    N_("characters"),
    N_("weighted characters"),
    N_("parts"),
    # what an account's budget counts
    N_("reads today"),
    # roles
    N_("viewer"),
    N_("triager"),
    N_("officer"),
    N_("approver"),
    N_("administrator"),
    # states of broadcasts and deliveries
    N_("draft"),
    N_("submitted"),
    N_("approved"),
    N_("rejected"),
    N_("planned"),
    N_("paused"),
    N_("released"),
    N_("stopped"),
    N_("closed"),
    N_("queued"),
    N_("sending"),
    N_("accepted"),
    N_("delivered"),
    N_("failed"),
    N_("uncertain"),
    N_("suppressed"),
    N_("cancelled"),
    N_("expired"),
    # states of inbound
    N_("waiting"),
    N_("claimed"),
    N_("snoozed"),
    N_("answered"),
    N_("handed_over"),
    N_("correction"),
    N_("update"),
    N_("deleting"),
    N_("gone"),
    # how an attempt ended
    N_("busy"),
    N_("unreachable"),
    N_("misconfigured"),
    N_("given_back"),
    N_("lost"),
    # the rest
    N_("live"),
    N_("drill"),
    N_("single"),
    N_("dual"),
)

_PLACE = re.compile(r"%\((\w+)\)([sdr])")


def told(text: str | None) -> str:
    """A sentence of ours in the reader's language; anything else as it is."""
    if not text:
        return ""
    if isinstance(text, Sentence):
        return said(text.words, text.facts)
    known = str(gettext(text))
    if known != text or language.current() == "en":
        return known
    for words in KEPT:
        if found := _shape(words).fullmatch(text):
            return said(words, _facts(words, found))
    return text


def said(words: str, facts: Mapping[str, object]) -> str:
    """One of the catalogues' sentences with its facts in place; facts that are words are said anew too."""
    return (
        str(gettext(words, **{name: _fact(value) for name, value in facts.items()})) if facts else str(gettext(words))
    )


def refusal(error: NotAllowed) -> str:
    """Why something was refused: everything that stands in the way, when that is known, else the one sentence."""
    if isinstance(error, NotReady):
        listed = [located(one) for one in error.composed.problems]
        listed += [f"{name}: {in_words(bad)}" for name, bad in error.composed.slot_errors.items()]
        if listed:
            return "; ".join(listed)
    return told(error.say)


def located(problem: Problem) -> str:
    """A problem after the channel and the language it is about."""
    where = [language.channel_word(problem.channel)] if problem.channel else []
    where += [language.NAMES.get(problem.language, problem.language)] if problem.language else []
    here = said(problem.say, problem.facts)
    return f"{', '.join(where)}: {here}" if where else here


def _fact(value: object) -> object:
    if isinstance(value, str):
        return told(value)
    return language.day(value) if isinstance(value, date) else value


@cache
def _shape(words: str) -> re.Pattern[str]:
    """What a kept sentence looks like with something in its places."""
    parts, end = [], 0
    for place in _PLACE.finditer(words):
        parts += [re.escape(words[end : place.start()]), f"(?P<{place[1]}>{r'-?[0-9]+' if place[2] == 'd' else '.+'})"]
        end = place.end()
    return re.compile("".join(parts) + re.escape(words[end:]), re.DOTALL)


def _facts(words: str, found: re.Match[str]) -> dict[str, object]:
    return {place[1]: int(found[place[1]]) if place[2] == "d" else found[place[1]] for place in _PLACE.finditer(words)}
