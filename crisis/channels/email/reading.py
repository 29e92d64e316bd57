"""What a mail to us says: a bounce, an answer from a machine, or a person. Pure; bytes in, one of three out.

Attachments are never opened, nothing is fetched, and what comes out is plain text of bounded length.
"""

from __future__ import annotations

import re
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import parseaddr
from html.parser import HTMLParser

from crisis.channels.base import Inbound, Receipt
from crisis.channels.text.unmarked import without_marked_sections

LONGEST_TEXT = 20_000
_MESSAGE_ID = re.compile(r"<[^<>\s@]{1,200}@[^<>\s@]{1,200}>")
_FROM = re.compile(r"^From:[^\r\n]{0,200}?([\w.+-]{1,64}@[\w.-]{1,190})", re.IGNORECASE | re.MULTILINE)
_MACHINES = frozenset({"bulk", "junk", "list", "auto_reply"})  # Precedence, as mail programs have long used it


def read(raw: bytes, *, name: str, at: datetime, own: str) -> Receipt | Inbound | None:
    """None for a machine's answer and for mail from ourselves. `name` stands in where a mail has no Message-ID.

    `own` is our address: its domain tells our messages from others'.
    """
    try:
        return _read(raw, name, at, own)
    except Exception:  # noqa: BLE001 - the library gives up on some mails in many ways; none may stop those behind it
        return _as_it_came(raw, name, at, own)


def _read(raw: bytes, name: str, at: datetime, own: str) -> Receipt | Inbound | None:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)  # noqa: S101 - what this policy makes
    domain = own.rpartition("@")[2].lower()
    if mail.get_content_type() == "multipart/report":
        return _bounce(mail, domain)
    sender_name, sender = parseaddr(header(mail, "From"))
    if _automatic(mail) or not sender or sender.lower() == own.lower():
        return None
    subject, text = header(mail, "Subject"), text_of(mail)
    answers = [one for one in _ids(mail, "In-Reply-To") + _ids(mail, "References")[::-1] if _ours(one, domain)]
    return Inbound(
        provider_id=next(iter(_ids(mail, "Message-ID")), name),
        author=sender.lower()[:254],
        author_name=sender_name[:120],
        text=(text if answers or not subject else f"{subject}\n{text}").strip()[:LONGEST_TEXT],
        at=at,
        in_reply_to=answers[0] if answers else None,
        kind="mail",
        private=True,
    )


def _as_it_came(raw: bytes, name: str, at: datetime, own: str) -> Inbound | None:
    """A mail that can't be taken apart, for a person to look at; None without a sender."""
    words = raw[:LONGEST_TEXT].decode("utf-8", "replace")
    sender = next(iter(_FROM.findall(words)), "").lower()
    if not sender or sender == own.lower():
        return None
    return Inbound(name, sender[:254], words, at, kind="mail", private=True)


def _bounce(mail: EmailMessage, domain: str) -> Receipt | None:
    """RFC 3464: what became of one of our messages. None when it is not about one of ours."""
    about: Message | None = None
    original = ""
    for part in mail.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status" and isinstance(part.get_payload(), list):
            blocks = [block for block in part.get_payload() if isinstance(block, Message)]
            about = about or next((block for block in blocks if block.get("Action")), None)
        elif kind in {"message/rfc822", "text/rfc822-headers"} and not original:
            inside = part.get_payload()
            source = inside[0] if isinstance(inside, list) else message_from_bytes(str(inside).encode())
            original = next(iter(_ids(source, "Message-ID")), "") if isinstance(source, Message) else ""
    if about is None or not _ours(original, domain):
        return None
    action, status = str(about["Action"]).strip().lower(), str(about.get("Status", "")).strip()
    reason = " ".join(str(about.get("Diagnostic-Code", "")).partition(";")[2].split())[:300]
    return Receipt(
        provider_id=original,
        word=action[:40],
        means="failed" if action == "failed" else "delivered" if action == "delivered" else "unknown",
        code=status[:20],
        say=reason,
    )


def _automatic(mail: EmailMessage) -> bool:
    """Does it come from a machine? RFC 3834, 5, and the older ways to say so."""
    submitted = header(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    if submitted not in {"", "no"} or header(mail, "Precedence").strip().lower() in _MACHINES:
        return True
    if any(mail.get(name) is not None for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Reply")):
        return True
    return header(mail, "Return-Path").strip() == "<>"


def text_of(mail: EmailMessage) -> str:
    """The words of a mail, plain."""
    part = mail.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        words = str(part.get_content())
    except (LookupError, ValueError):  # an unknown or broken encoding
        return ""
    return _plain(words) if part.get_content_subtype() == "html" else words


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        _ = attrs
        self._silent += tag in {"script", "style"}
        if tag in {"br", "p", "div", "li", "tr"}:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in {"script", "style"}))

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)


def _plain(markup: str) -> str:
    reader = _Words()
    reader.feed(without_marked_sections(markup))
    return re.sub(r"\n\s*\n+", "\n\n", "".join(reader.words)).strip()


def header(mail: Message, name: str) -> str:
    """One header as text; empty where there is none or it is broken."""
    try:
        return str(mail.get(name) or "")
    except (ValueError, IndexError, AttributeError, TypeError):  # the library gives up on some broken headers
        return ""


def _ids(mail: Message, name: str) -> list[str]:
    return _MESSAGE_ID.findall(header(mail, name))


def _ours(message_id: str, domain: str) -> bool:
    return message_id.lower().endswith(f"@{domain}>")
