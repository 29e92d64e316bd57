"""Reading a mailbox over IMAP: what is new since last time, in bounded pieces, nothing marked and nothing deleted.

The standard library's client, in a thread: it is kept with Python, and a mailbox is asked once a minute.
"""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from crisis.channels.base import Misconfigured, Uncertain, Unreachable
from crisis.channels.errors import LONGEST_SAY

LARGEST = 256 * 1024  # bytes read of one mail; what is behind is attachments
MOST = 200  # mails read in one go
AFTER_RENUMBERING = timedelta(days=3)  # how far back is read again when the server numbered anew
_NUMBER = re.compile(rb"UID (\d+)")


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail as it came. `uid` is its number in the mailbox."""

    uid: int
    at: datetime
    raw: bytes


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where our answers arrive, and how to get there."""

    host: str
    port: int
    tls: Literal["tls", "starttls", "none"]
    context: ssl.SSLContext | None
    username: str
    password: str
    folder: str
    seconds: float

    def read(self, cursor: str | None) -> tuple[str, list[Letter]]:
        """What is new since `cursor` ("<validity>:<uid>", RFC 9051, 2.3.1.1), and the new one. Blocks.

        Without a cursor it only learns where to start. Raises `SendError`.
        """
        try:
            client = self._connect()
        except (OSError, imaplib.IMAP4.error) as error:
            raise Unreachable(f"no connection to {self.host} ({type(error).__name__})", code="no_connection") from None
        try:
            return self._read(client, cursor)
        except imaplib.IMAP4.abort as error:
            raise Uncertain(f"the mail server went silent ({type(error).__name__})", code="lost") from None
        except imaplib.IMAP4.error as error:
            raise Misconfigured(f"{self.host}: {' '.join(str(error).split())[:LONGEST_SAY]}", code="imap") from None
        except OSError as error:
            raise Uncertain(f"the mail server went silent ({type(error).__name__})", code="lost") from None
        finally:
            client.shutdown()

    def _connect(self) -> imaplib.IMAP4:
        if self.tls == "tls":
            return imaplib.IMAP4_SSL(self.host, self.port, ssl_context=self.context, timeout=self.seconds)
        client = imaplib.IMAP4(self.host, self.port, timeout=self.seconds)
        if self.tls == "starttls":
            client.starttls(self.context)
        return client

    def _read(self, client: imaplib.IMAP4, cursor: str | None) -> tuple[str, list[Letter]]:
        client.login(self.username, self.password)
        _demand(client.select(f'"{self.folder}"', readonly=True), f"there is no folder {self.folder}")
        validity = _told(client, "UIDVALIDITY")
        known, _, last = (cursor or "").partition(":")
        if cursor is None:
            return f"{validity}:{max(0, _told(client, 'UIDNEXT') - 1)}", []
        start = int(last or 0)
        if known == str(validity):
            numbers = self._search(client, f"UID {start + 1}:*")
        else:  # numbered anew: what was read before is known by its Message-ID
            since = (datetime.now(UTC) - AFTER_RENUMBERING).strftime("%d-%b-%Y")
            start, numbers = 0, self._search(client, f"SINCE {since}")
        fresh = sorted(number for number in numbers if number > start)[:MOST]  # n:* gives the last one even when old
        letters = [letter for number in fresh for letter in _fetch(client, number)]
        return f"{validity}:{max([start, *fresh])}", letters

    def _search(self, client: imaplib.IMAP4, asked: str) -> list[int]:
        found = _demand(client.uid("SEARCH", *asked.split(" ")), "the search was refused")
        return [int(number) for part in found if part for number in part.split()]


def _fetch(client: imaplib.IMAP4, number: int) -> Iterator[Letter]:
    told = _demand(client.uid("FETCH", str(number), f"(UID INTERNALDATE BODY.PEEK[]<0.{LARGEST}>)"), "no mail came")
    for part in told:
        if isinstance(part, tuple) and (seen := _NUMBER.search(part[0])) and int(seen[1]) == number:
            moment = imaplib.Internaldate2tuple(part[0])
            at = datetime(*moment[:6]).astimezone(UTC) if moment else datetime.now(UTC)
            yield Letter(number, at, part[1][:LARGEST])


def _demand(answer: tuple[str, Any], otherwise: str) -> list[Any]:
    if answer[0] != "OK":
        raise imaplib.IMAP4.error(otherwise)
    found: list[Any] = answer[1]  # bytes, or pairs of them for FETCH
    return found


def _told(client: imaplib.IMAP4, name: str) -> int:
    value = client.response(name)[1]
    return int(value[-1]) if value and value[-1] else 0
