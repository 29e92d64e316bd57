"""The messages and phones of the pretend Twilio: numbering, status, opt-outs and conversations, in bounded memory.

Looking up by SID or by phone never walks over all messages, so that twenty thousand of them stay fast.
"""

import itertools
import secrets
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from crisis.simulator.accounts import SmsAccount
from crisis.simulator.sms import rules, segments

KEPT_MESSAGES = 60_000
API_VERSION = "2010-04-01"


@dataclass(slots=True, eq=False)
class Message:
    """One text, either way. `sender` is empty until a messaging service chose a number."""

    sid: str
    account: SmsAccount
    to: str
    sender: str
    body: str
    direction: str
    status: str
    service: str = ""
    callback: str = ""
    media: tuple[str, ...] = ()
    error: int | None = None
    segments: int = 0
    created: float = field(default_factory=time.time)
    updated: float = 0.0
    sent: float | None = None

    @property
    def phone(self) -> str:
        """The phone of the pretend public at the other end."""
        return self.sender if self.direction == "inbound" else self.to

    def resource(self) -> dict[str, Any]:
        """The message as the API shows it."""
        uri = f"/{API_VERSION}/Accounts/{self.account.sid}/Messages/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account.sid,
            "api_version": API_VERSION,
            "body": self.body,
            "date_created": formatdate(self.created),
            "date_sent": formatdate(self.sent) if self.sent else None,
            "date_updated": formatdate(self.updated or self.created),
            "direction": self.direction,
            "error_code": self.error,
            "error_message": rules.MESSAGES.get(self.error, "Unknown error") if self.error else None,
            "from": self.sender or None,
            "messaging_service_sid": self.service or None,
            "num_media": str(len(self.media)),
            "num_segments": str(self.segments),
            "price": None,
            "price_unit": "USD",
            "status": self.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.to,
            "uri": f"{uri}.json",
        }


class Carrier:
    """All texts and phones."""

    def __init__(self) -> None:
        """Start with no texts."""
        self._numbers = itertools.count(secrets.randbits(127))
        self.clear()

    def clear(self) -> None:
        """Forget every text, phone and opt-out; SIDs are never given out again."""
        self.messages: dict[str, Message] = {}
        self.phones: dict[str, deque[Message]] = {}
        """The texts of each phone, oldest first; a phone moves to the end when it gets or writes one."""
        self.opted_out: set[tuple[str, str]] = set()
        """Pairs of (our number or service SID, their phone)."""
        self.accepted = 0

    def accept(self, account: SmsAccount, order: rules.Order) -> Message:
        """Take an order in. Raises Refusal 21610 for a phone that opted out."""
        if self.opted_out and (order.service or order.sender, order.to) in self.opted_out:
            raise rules.Refusal(21610)
        parts = segments.count(order.body)
        message = Message(
            sid=self._sid("MM" if order.media else "SM"),
            account=account,
            to=order.to,
            sender=order.sender,
            body=order.body,
            direction="outbound-api",
            status="scheduled" if order.scheduled else "accepted" if order.service else "queued",
            service=order.service,
            callback=order.callback,
            media=order.media,
            segments=0 if order.service and not order.sender else parts,
        )
        self.accepted += 1
        self._keep(message)
        return message

    def move(self, message: Message, status: str, error: int | None = None) -> None:
        """Change a status; the first move away from the queue picks the number and counts the parts."""
        message.status, message.error, message.updated = status, error, time.time()
        if message.sent is None:
            message.sent = message.updated
            message.segments = segments.count(message.body)
            if not message.sender:
                pool = message.account.services[message.service]
                message.sender = pool[int(message.to.rpartition("+")[2]) % len(pool)] if pool else ""

    def hear(self, account: SmsAccount, phone: str, number: str, text: str, service: str) -> Message:
        """Store a text a phone wrote to one of our numbers."""
        message = Message(
            sid=self._sid("SM"),
            account=account,
            to=number,
            sender=phone,
            body=text,
            direction="inbound",
            status="received",
            service=service,
            segments=segments.count(text),
            sent=time.time(),
        )
        self._keep(message)
        return message

    def forget(self, message: Message) -> None:
        """Remove one record, as DELETE does."""
        self.messages.pop(message.sid, None)
        talk = self.phones.get(message.phone)
        if talk is not None and message in talk:
            talk.remove(message)
            if not talk:
                del self.phones[message.phone]

    def find(self, to: str, sender: str) -> Iterable[Message]:
        """Texts newest first, narrowed to one phone where the question allows."""
        for phone in (to, sender):
            if phone in self.phones:
                return list(reversed(self.phones[phone]))
        return reversed(self.messages.values())

    def _keep(self, message: Message) -> None:
        self.messages[message.sid] = message
        talk = self.phones.pop(message.phone, None)
        if talk is None:
            talk = deque()
        talk.append(message)
        self.phones[message.phone] = talk
        while len(self.messages) > KEPT_MESSAGES:
            self.forget(next(iter(self.messages.values())))

    def _sid(self, kind: str) -> str:
        return f"{kind}{next(self._numbers):032x}"
