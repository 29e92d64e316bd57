"""Keeps the mail that was accepted, and says what a message lacks.

A mail is taken apart once, with the standard library's modern rules; only what people read is kept.
"""

import itertools
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from crisis.simulator.ledger import now

KEPT_MAILS = 20_000
LONGEST_PART = 200_000


class Lacking(ValueError):
    """The mail is not fit to be sent; the text says what it lacks."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One accepted mail, for one recipient."""

    number: int
    at: str
    to: str
    sender: str
    header_from: str
    subject: str
    message_id: str
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    secure: bool
    login: str
    """The name used in AUTH, if any."""


class Mailboxes:
    """All accepted mail, oldest first, and by mailbox."""

    def __init__(self) -> None:
        """Start empty."""
        self._numbers = itertools.count(1)
        self.clear()

    def clear(self) -> None:
        """Forget every mail."""
        self.mails: deque[Mail] = deque(maxlen=KEPT_MAILS)
        self._inboxes: dict[str, list[tuple[datetime, bytes]]] = {}  # by login: what came back

    def store(self, raw: bytes, sender: str, recipients: list[str], *, secure: bool, login: str) -> Mail:
        """Check and keep one mail. Raises Lacking."""
        message = message_from_bytes(raw, policy=policy.default)
        if not isinstance(message, EmailMessage):
            raise Lacking("cannot be read as a mail")
        missing = [name for name in ("From", "Date", "Message-ID") if not str(message.get(name) or "").strip()]
        if missing:
            raise Lacking("missing " + ", ".join(missing))
        addresses = [address.addr_spec for header in message.get_all("To", []) for address in header.addresses]
        if len(addresses) != 1:
            raise Lacking(f"To names {len(addresses)} addresses instead of one")
        if len(recipients) != 1:
            raise Lacking(f"the envelope has {len(recipients)} recipients instead of one")
        if addresses[0].lower() != recipients[0].lower():
            raise Lacking(f"To says {addresses[0]} but the envelope says {recipients[0]}")
        mail = Mail(
            number=next(self._numbers),
            at=now(),
            to=recipients[0],
            sender=sender,
            header_from=str(message["From"]),
            subject=str(message.get("Subject", "")),
            message_id=str(message["Message-ID"]).strip(),
            headers=tuple((name, str(value)) for name, value in message.items()),
            text=_part(message, "plain"),
            html=_part(message, "html"),
            secure=secure,
            login=login,
        )
        self.mails.append(mail)
        return mail

    def find(self, number: int) -> Mail | None:
        """The mail with this number, while it is kept."""
        return next((mail for mail in reversed(self.mails) if mail.number == number), None)

    def come_back(self, login: str, raw: bytes) -> None:
        """Put a mail where this login reads."""
        inbox = self._inboxes.setdefault(login, [])
        if len(inbox) < KEPT_MAILS:
            inbox.append((datetime.now(UTC), raw))

    def inbox(self, login: str) -> list[tuple[datetime, bytes]]:
        """Everything that came back to this login, oldest first; its number is its place."""
        return self._inboxes.get(login, [])

    def newest_first(self, search: str = "") -> dict[str, list[Mail]]:
        """Mail by mailbox; the mailbox with the newest mail comes first."""
        boxes: dict[str, list[Mail]] = {}
        for mail in reversed(self.mails):
            if not search or search in mail.to.lower() or search in mail.subject.lower():
                boxes.setdefault(mail.to, []).append(mail)
        return boxes

    def snapshot(self) -> list[dict[str, Any]]:
        """Plain values for the state view."""
        return [asdict(mail) for mail in self.mails]


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())[:LONGEST_PART]
    except (LookupError, UnicodeDecodeError):
        return "(this part cannot be decoded)"
