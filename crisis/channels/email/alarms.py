"""Mail to the address of a service that raises alarms: is it proven, and what does it report? Pure.

Proven by a secret in the address (RFC 5233, what stands after the plus), or by a sender we know whose domain signed the
mail, as our own mail server says in the topmost Authentication-Results (RFC 8601). Anything else is ordinary mail.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr

from pydantic import Field, model_validator

from crisis.channels.base import Reported
from crisis.channels.email.reading import header, text_of
from crisis.settings import Frozen, SecretRef

RECEIVERS = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To")
LONGEST_TEXT = 4_000
_DKIM = re.compile(r"\bdkim\s*=\s*pass\b[^;]*?\bheader\.(?:d|i)\s*=\s*@?([a-z0-9.-]+)", re.IGNORECASE)


class AlarmAddress(Frozen):
    """One service's address in crisis.toml, and how its mail is proven."""

    address: str = Field(
        pattern=r"^[^\s@+]+@[^\s@]+$", description="where the service writes to, without the secret part"
    )
    escalation: str = Field(default="", max_length=40, description="key of the escalation; the unit's first if empty")
    token: SecretRef | None = Field(default=None, description="the secret part of the address, after a plus")
    senders: tuple[str, ...] = Field(default=(), description="who may write: addresses, or @domain for a whole domain")
    server: str = Field(default="", max_length=200, description="our mail server's name in Authentication-Results")

    @model_validator(mode="after")
    def _provable(self) -> AlarmAddress:
        if self.token is None and not (self.senders and self.server):
            msg = "anybody could raise an alarm here; give token, or senders and server"
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True)
class Alarms:
    """The alarm addresses of one account, with their secrets revealed."""

    places: Sequence[tuple[AlarmAddress, str]]

    @classmethod
    def of(cls, told: Sequence[AlarmAddress]) -> Alarms:
        """Raises `SettingsError` when a secret can't be read."""
        return cls([(one, one.token.reveal() if one.token else "") for one in told])

    def read(self, raw: bytes, *, name: str, at: datetime) -> Reported | None:
        """What a proven mail to one of the addresses reports; None for every other mail."""
        try:
            return self._read(raw, name, at) if self.places else None
        except Exception:  # noqa: BLE001 - as in `reading.read`: what can't be taken apart is ordinary mail
            return None

    def _read(self, raw: bytes, name: str, at: datetime) -> Reported | None:
        mail = message_from_bytes(raw, policy=policy.default)
        assert isinstance(mail, EmailMessage)  # noqa: S101 - what this policy makes
        receivers = _receivers(mail)
        for place, token in self.places:
            if _meant(place, token, receivers) or (place.address.lower() in receivers and _known(place, mail)):
                subject = " ".join(header(mail, "Subject").split())
                return Reported(
                    name, place.address.lower(), place.escalation, subject, text_of(mail)[:LONGEST_TEXT], at
                )
        return None


def _receivers(mail: EmailMessage) -> set[str]:
    told = [one for field in RECEIVERS for one in _all(mail, field)]
    return {address.lower() for _, address in getaddresses(told) if address}


def _all(mail: EmailMessage, name: str) -> list[str]:
    """Every header of this name as text; none when one is broken beyond reading."""
    try:
        return [str(one) for one in mail.get_all(name, [])]
    except (ValueError, IndexError, AttributeError, TypeError):  # as in `reading.header`
        return []


def _meant(place: AlarmAddress, token: str, receivers: set[str]) -> bool:
    """Was it written to the address with the secret in it? Compared in constant time; mail knows no large letters."""
    if not token:
        return False
    local, _, domain = place.address.lower().partition("@")
    wanted = f"{local}+{token.lower()}@{domain}".encode()
    return any(hmac.compare_digest(one.encode(), wanted) for one in receivers)


def _known(place: AlarmAddress, mail: EmailMessage) -> bool:
    """Does it come from a sender we know, and did that sender's domain sign it, by the word of our own server?"""
    if not place.senders or not place.server:
        return False
    senders = _all(mail, "From")
    address = parseaddr(senders[0])[1].lower() if len(senders) == 1 else ""
    domain = address.rpartition("@")[2]
    if not domain or not {address, f"@{domain}"} & {one.lower() for one in place.senders}:
        return False
    for result in _all(mail, "Authentication-Results")[:1]:  # ours is on top; others may be forged
        server, _, rest = result.partition(";")
        if server.split()[:1] == [place.server] or server.strip().lower() == place.server.lower():
            signed = {found.lower() for found in _DKIM.findall(rest)}
            return any(domain == one or domain.endswith(f".{one}") for one in signed if "." in one)
    return False
