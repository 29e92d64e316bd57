"""One statement as an e-mail: plain text first, then the same words as HTML. Pure, so that a preview is the real thing.

Headers are set through `email.message`, which refuses line breaks, so no text or name can add a header.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formataddr
from functools import cache
from typing import Any

from jinja2 import Template
from markupsafe import Markup

from crisis.channels.base import Outgoing
from crisis.channels.text.markup import marked_up, templates
from crisis.channels.text.words import WORDS, Words

_MESSAGE_ID = re.compile(r"<[^<>\s@]+@[^<>\s@]+>")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_SAFE_ID = re.compile(r"[^A-Za-z0-9._-]")
_SAFE_LINK = re.compile(r"https?://[!-;=?-~]+")  # printable ASCII without blanks and angle brackets


class _AsWritten(EmailPolicy):
    """How headers become bytes. The standard policy turns a long identifier into encoded words, where no other program
    looks for one (RFC 2047, 5), and puts a blank into long names outside ASCII.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        match name.lower():
            case "message-id" | "in-reply-to" | "references" | "list-unsubscribe":
                folded = "\r\n ".join(str(value).split())
            case "from":
                sender: Address = value.addresses[0]
                folded = f"<{sender.addr_spec}>"
                if shown := sender.display_name:
                    ascii_name = formataddr((shown, "")).removesuffix(" <>")
                    wire = ascii_name if shown.isascii() else Header(shown, "utf-8").encode(linesep="\r\n")
                    folded = f"{wire}\r\n {folded}"
            case _:
                return super().fold_binary(name, value)
        return f"{name}: {folded}\r\n".encode("ascii")


_AS_WRITTEN = _AsWritten(linesep="\r\n")


def render_mail(out: Outgoing, sender: Address, at: datetime) -> EmailMessage:
    """The whole message as it leaves. Raises `ValueError` for a receiver that is no address."""
    mail = EmailMessage(policy=_AS_WRITTEN)
    mail["Date"] = at
    mail["From"] = sender
    mail["To"] = Address(addr_spec=mailbox(out.address))
    mail["Subject"] = subject(out)
    mail["Message-ID"] = message_id(out.delivery_id, sender)
    thread = [known for known in (*out.thread, out.reply_to or "") if _MESSAGE_ID.fullmatch(known)]
    if thread:
        mail["In-Reply-To"] = thread[-1] if not out.reply_to else out.reply_to
        mail["References"] = " ".join(dict.fromkeys(thread))
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    if link := _unsubscribe(out):  # RFC 8058, one click
        mail["List-Unsubscribe"] = f"<{link}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(_plain(out), cte="quoted-printable")
    mail.add_alternative(render_html(out), subtype="html", cte="quoted-printable")
    mail["Content-Language"] = out.language  # last, because setting the content clears its headers
    return mail


def render_html(out: Outgoing) -> str:
    """The HTML part. `out.html` is used as it is when given, since it is our own markup of the approved words."""
    return _template().render(
        out=out,
        words=_words(out),
        subject=subject(out),
        body=Markup(out.html) if out.html else marked_up(out.text),  # noqa: S704 - see the docstring
        unsubscribe=_unsubscribe(out),
    )


def subject(out: Outgoing) -> str:
    """The title on one line. A drill says so in the subject even when its title forgot to."""
    words, title = _words(out), " ".join(out.title.split()) or out.organisation
    if out.mode == "drill" and words.exercise.casefold() not in title.casefold():
        return f"{words.exercise}: {title}"
    return title


def message_id(delivery_id: str, sender: Address) -> str:
    """Our own name for the message, the same for every attempt, so that mailboxes merge a repeat into one."""
    return f"<{_SAFE_ID.sub('-', delivery_id)}@{sender.domain}>"


def mailbox(address: str) -> str:
    """The address as it travels, its domain in ASCII. Raises `ValueError` when it is none.

    Only plain names before the @ (RFC 5322, 3.2.3, dot-atom): one outside ASCII would need SMTPUTF8 on every server on
    the way, and quoted ones are used for tricks more than by people.
    """
    name, _, domain = address.strip().rpartition("@")
    try:
        wire = domain.encode("idna").decode("ascii")
    except UnicodeError:
        wire = ""
    if not _NAME.fullmatch(name) or not _DOMAIN.fullmatch(wire):
        msg = "this is no e-mail address"
        raise ValueError(msg)
    return f"{name}@{wire}"


def _unsubscribe(out: Outgoing) -> str:
    return out.unsubscribe_url if out.unsubscribe_url and _SAFE_LINK.fullmatch(out.unsubscribe_url) else ""


def _plain(out: Outgoing) -> str:
    words = _words(out)
    banner = [f"*** {words.exercise} *** {words.exercise_says}", ""] if out.mode == "drill" else []
    banner_and_text = [*banner, out.text.strip()]
    for one in out.media:
        banner_and_text += ["", f"{one.alt}\n{one.url}"]
    foot = ["", "-- ", out.organisation] if out.organisation else []
    if link := _unsubscribe(out):
        foot += ["", words.why.format(organisation=out.organisation), f"{words.unsubscribe}: {link}"]
    return "\n".join([*banner_and_text, *foot]) + "\n"


def _words(out: Outgoing) -> Words:
    return WORDS.get(out.language, WORDS["en"])


@cache
def _template() -> Template:
    return templates().get_template("email/message.html")
