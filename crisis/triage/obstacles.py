"""What a network does not let us answer, said before anybody types, with the way round it.

Pure: a table over the channel's facts and one inbound. What the database knows (STOP, another unit's account) is asked in
`answers`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from crisis.channels.base import Facts
from crisis.sentence import Sentence

WINDOW = timedelta(hours=24)
_MARGIN = timedelta(minutes=1)  # what is begun must still arrive inside the window
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_NOBODY_READS = re.compile(
    r"(?:^|[._+-])(?:no|do[._-]?not|donot|ikke)[._-]?(?:reply|svar)|^mailer-daemon$|^postmaster$"
)


class Asking(Protocol):
    """What is read of an inbound."""

    @property
    def kind(self) -> str: ...
    @property
    def author(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def in_reply_to(self) -> str | None: ...
    @property
    def root(self) -> str | None: ...
    @property
    def private(self) -> bool: ...
    @property
    def repost(self) -> bool: ...
    @property
    def deleted_at(self) -> datetime | None: ...
    @property
    def erased_at(self) -> datetime | None: ...


def may_answer(facts: Facts, inbound: Asking, now: datetime, heard_at: datetime | None = None) -> Sentence | None:
    """None: it may be answered. Else why not, and what to do instead. `heard_at`: when its author last wrote to us."""
    for rule in (_everywhere, _RULES.get(facts.name, _nothing_special)):
        if (why := rule(facts, inbound, now, heard_at or inbound.at)) is not None:
            return why
    return None


def _everywhere(facts: Facts, inbound: Asking, _now: datetime, _heard_at: datetime) -> Sentence | None:
    if inbound.erased_at is not None:
        return Sentence("Its text and author are erased by the unit's rule, so there is nobody to answer.")
    if facts.medium == "wall" and inbound.deleted_at is not None:
        return Sentence(
            "Its author took it away, and nothing can hang under it. If it still matters, say it in an update to everybody."
        )
    if inbound.repost:
        return Sentence("It passes on somebody else's words. Answer the one who wrote them.")
    if facts.medium == "wall" and inbound.private and facts.name != "wordpress":
        return Sentence(
            "It was written to us alone, and an answer from here would be public. Answer it in the network's own app."
        )
    return None


def _nothing_special(_facts: Facts, _inbound: Asking, _now: datetime, _heard_at: datetime) -> Sentence | None:
    return None


def _x(_facts: Facts, inbound: Asking, _now: datetime, _heard_at: datetime) -> Sentence | None:
    """Self-serve accounts may reply only where the author mentioned or quoted them (X API docs, changes of 2026)."""
    if inbound.kind == "hashtag":
        return Sentence(
            "X lets us answer only those who named or quoted us, and this one did not."
            " Say it in an update under the same hashtag, or answer in the X app."
        )
    return None


def _within_a_day(_facts: Facts, inbound: Asking, now: datetime, heard_at: datetime) -> Sentence | None:
    """Free text only within 24 hours of the person's last message (Twilio docs, WhatsApp; Meta docs, messaging)."""
    if inbound.kind != "message" or now <= heard_at + WINDOW - _MARGIN:
        return None
    return Sentence(
        "More than 24 hours have passed since they wrote, and the network takes no free text after that."
        " Call them or send a text message, or wait until they write again."
    )


def _instagram(facts: Facts, inbound: Asking, now: datetime, heard_at: datetime) -> Sentence | None:
    """Replies hang under a comment on our own post, not under an answer to one (Instagram API docs, comment replies)."""
    if inbound.kind == "mention":
        return Sentence("Instagram lets us answer comments under our own posts only. Answer it in the Instagram app.")
    if inbound.kind == "comment" and inbound.in_reply_to and inbound.root and inbound.in_reply_to != inbound.root:
        return Sentence(
            "Instagram hangs nothing under an answer to a comment. Answer the comment it stands under, or use the app."
        )
    return _within_a_day(facts, inbound, now, heard_at)


def _phone(_facts: Facts, inbound: Asking, _now: datetime, _heard_at: datetime) -> Sentence | None:
    if _NUMBER.fullmatch(inbound.author):
        return None
    return Sentence("The sender is no phone number that takes messages. If you know who it is, call them.")


def _whatsapp(facts: Facts, inbound: Asking, now: datetime, heard_at: datetime) -> Sentence | None:
    return _phone(facts, inbound, now, heard_at) or _within_a_day(facts, inbound, now, heard_at)


def _email(_facts: Facts, inbound: Asking, _now: datetime, _heard_at: datetime) -> Sentence | None:
    if "@" not in inbound.author[1:] or _NOBODY_READS.search(inbound.author.partition("@")[0].lower()):
        return Sentence("Nobody reads mail to this address. Look in the text for another way to reach them.")
    return None


def _wordpress(_facts: Facts, inbound: Asking, _now: datetime, _heard_at: datetime) -> Sentence | None:
    if inbound.private:
        return Sentence("The comment waits to be let through in WordPress. Let it through there first, then answer it.")
    return None


def _silent(_facts: Facts, _inbound: Asking, _now: datetime, _heard_at: datetime) -> Sentence | None:
    return Sentence("Nobody can be answered on this channel. Use another way to reach them.")


Rule = Callable[[Facts, Asking, datetime, datetime], Sentence | None]
_RULES: dict[str, Rule] = {
    "x": _x,
    "facebook": _within_a_day,
    "instagram": _instagram,
    "sms": _phone,
    "whatsapp": _whatsapp,
    "email": _email,
    "wordpress": _wordpress,
    "page": _silent,
    "voice": _silent,
    "apprise": _silent,
}
