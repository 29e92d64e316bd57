"""Connections to a mail server: kept, asked whether they still live, used again, renewed before the server is tired of them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import aiosmtplib

from crisis.channels.base import Misconfigured, SendError
from crisis.channels.email.options import PORTS, Options, tls_context
from crisis.channels.email.smtp_replies import lost, replied

FRESH_SECONDS = 10.0  # a connection idle for longer is asked with NOOP whether it still lives


@dataclass(slots=True)
class Line:
    """One connection to the server, with what is needed to know when to renew it."""

    client: aiosmtplib.SMTP
    used_at: float
    sent: int = 0


class Lines:
    """The connections of one account. Belongs to the event loop that first uses them."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._password = options.password.reveal() if options.password else None
        self._tls = tls_context(options, options.tls)
        self._idle: list[Line] = []

    async def take(self) -> Line:
        """A living connection: the one used last, else a new one."""
        while self._idle:
            line = self._idle.pop()
            if not line.client.is_connected:
                continue
            if time.monotonic() - line.used_at < FRESH_SECONDS or await _lives(line):
                return line
        return await self.connect()

    def put_back(self, line: Line, *, keep: bool) -> None:
        line.sent += 1
        line.used_at = time.monotonic()
        if keep and line.client.is_connected and line.sent < self._options.messages_per_connection:
            self._idle.append(line)
        else:
            line.client.close()

    async def connect(self) -> Line:
        options = self._options
        client = aiosmtplib.SMTP(
            hostname=options.host,
            port=options.port or PORTS[options.tls],
            local_hostname=options.helo_name,
            timeout=options.read_seconds,
            use_tls=options.tls == "tls",
            start_tls=False,  # asked for below, so that a server without it is told apart from one that is away
            tls_context=self._tls,
        )
        try:
            await client.connect(timeout=options.connect_seconds)
            if options.tls == "starttls":
                await self._starttls(client)
            if options.username is not None and self._password is not None:
                await self._login(client, options.username, self._password)
        except SendError:
            client.close()
            raise
        except aiosmtplib.SMTPResponseException as error:
            client.close()
            raise replied(error.code, str(error.message), "connect") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            cause = error.__cause__ or error
            raise lost("connect", f"no connection to {options.host} ({type(cause).__name__})") from None
        return Line(client, time.monotonic())

    async def _starttls(self, client: aiosmtplib.SMTP) -> None:
        await client.ehlo()
        if not client.supports_extension("starttls"):
            raise Misconfigured(
                f"{self._options.host} offers no STARTTLS, and nothing is sent in the clear", code="tls"
            )
        await client.starttls(timeout=self._options.connect_seconds)

    async def _login(self, client: aiosmtplib.SMTP, username: str, password: str) -> None:
        await client.ehlo()
        if not client.supports_extension("auth"):
            raise Misconfigured(f"{self._options.host} does not let anybody sign in", code="auth")
        await client.login(username, password)

    async def close(self) -> None:
        while self._idle:
            line = self._idle.pop()
            try:
                await line.client.quit(timeout=1)
            except (aiosmtplib.SMTPException, OSError):
                pass  # it is being closed anyway
            finally:
                line.client.close()


async def _lives(line: Line) -> bool:
    try:
        await line.client.noop(timeout=2)
    except (aiosmtplib.SMTPException, OSError):
        line.client.close()
        return False
    return True


async def reset(line: Line) -> bool:
    """After a refusal the connection is good for the next person, if the server agrees to forget this one."""
    try:
        await line.client.rset(timeout=2)
    except (aiosmtplib.SMTPException, OSError):
        return False
    return True
