"""The IMAP side of the pretend mail server: each login reads what was answered to it, and what came back undelivered.

As much of RFC 3501 as a reader of mail needs. Nothing is ever marked or deleted.
"""

import asyncio
import re

from crisis.simulator.accounts import MailLogin
from crisis.simulator.ledger import Ledger
from crisis.simulator.mail.mailboxes import Mailboxes

VALIDITY = 20261122
LONGEST_LINE = 8_192
_SINCE = re.compile(r"UID (\d+):\*")
_FETCH = re.compile(r"FETCH (\d+) .*<0\.(\d+)>")


class Reader:
    """One conversation."""

    def __init__(self, mailboxes: Mailboxes, logins: tuple[MailLogin, ...], ledger: Ledger) -> None:
        """Let these people in."""
        self._mailboxes, self._ledger = mailboxes, ledger
        self._logins = {login.username: login.password for login in logins}
        self._whose = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the other side has had enough."""
        try:
            writer.write(b"* OK [CAPABILITY IMAP4rev1] Crisis simulator\r\n")
            while line := await reader.readline():
                tag, _, words = line.decode("utf-8", "replace").strip().partition(" ")
                writer.write(b"".join(self._answer(tag, words)))
                await writer.drain()
                if words.upper().startswith("LOGOUT"):
                    break
        except (ConnectionError, ValueError):  # it hung up, or sent a line without an end
            pass
        finally:
            writer.close()

    def _answer(self, tag: str, words: str) -> list[bytes]:
        name = words.upper()
        done = f"{tag} OK done\r\n".encode()
        if name.startswith("LOGIN "):
            return [self._login(tag, words)]
        if name.startswith(("CAPABILITY", "NOOP", "LOGOUT")):
            return [b"* CAPABILITY IMAP4rev1\r\n" if name == "CAPABILITY" else b"", done]
        if not self._whose:
            return [f"{tag} NO sign in first\r\n".encode()]
        inbox = self._mailboxes.inbox(self._whose)
        if name.startswith(("SELECT", "EXAMINE")):
            told = (f"{len(inbox)} EXISTS", f"OK [UIDVALIDITY {VALIDITY}] ok", f"OK [UIDNEXT {len(inbox) + 1}] ok")
            return [*(f"* {one}\r\n".encode() for one in told), done]
        if name.startswith("UID SEARCH"):
            asked = _SINCE.search(name)
            start = int(asked[1]) if asked else 1
            # The last mail always belongs to n:*, also when its number is smaller (RFC 3501, 6.4.8).
            fits = [number for number in range(1, len(inbox) + 1) if number >= start] or [len(inbox)] * bool(inbox)
            return [f"* SEARCH {' '.join(map(str, fits))}".rstrip().encode() + b"\r\n", done]
        if (asked := _FETCH.search(name)) and 1 <= int(asked[1]) <= len(inbox):
            at, raw = inbox[int(asked[1]) - 1]
            raw = raw[: int(asked[2])]
            moment = at.strftime("%d-%b-%Y %H:%M:%S +0000")
            head = f'* {asked[1]} FETCH (UID {asked[1]} INTERNALDATE "{moment}" BODY[]<0> {{{len(raw)}}}\r\n'
            return [head.encode(), raw, b")\r\n", done]
        return [f"{tag} BAD this simulator does not play {words.split(' ', maxsplit=1)[0][:20]}\r\n".encode()]

    def _login(self, tag: str, words: str) -> bytes:
        self._ledger.count("imap", "login")
        given = [one.strip('"') for one in words.split(" ")[1:3]]
        if len(given) == 2 and self._logins.get(given[0]) == given[1]:
            self._whose = given[0]
            return f"{tag} OK done\r\n".encode()
        self._ledger.refuse("imap", "login", 535, f"wrong name or password for {given[:1]}")
        return f"{tag} NO [AUTHENTICATIONFAILED] Wrong name or password\r\n".encode()
