"""E-mail over SMTP submission: one message for each person, over a few connections that are kept and reused.

How a message looks is in `mail.py`, what a server's reply means in `smtp_replies.py`; this file carries it there.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Literal

import aiosmtplib
from pydantic import Field, field_validator, model_validator

from crisis.channels.base import (
    Accepted,
    Facts,
    Health,
    Inbound,
    MediaFacts,
    Misconfigured,
    Outgoing,
    Polled,
    Receipt,
    Rejected,
    SendError,
)
from crisis.channels.email.alarms import AlarmAddress, Alarms
from crisis.channels.email.imap import Mailbox
from crisis.channels.email.mail import mailbox, message_id, render_mail
from crisis.channels.email.reading import read
from crisis.channels.email.smtp_replies import Stage, lost, replied
from crisis.channels.opening import Opening
from crisis.channels.text.counting import plain
from crisis.hosts import own_machine
from crisis.settings import Frozen, SecretRef, SettingsError

FACTS = Facts(
    name="email",
    label="E-mail",
    form="full",
    medium="mailbox",
    public=False,
    repeat_safe=False,  # servers do not merge equal messages
    threads=True,
    receipts=False,  # bounces come by mail, later
    pace=20,  # a careful relay; hosted mailboxes allow far less a day
    concurrency=4,
    measure=plain(20_000),  # our own bound: more than a crisis statement should ever be
    media=MediaFacts(  # a mail carries links, since pictures inside would double the time 20,000 mails take
        pictures=10,
        picture_types=frozenset({"image/jpeg", "image/png"}),
        picture_side=1600,
        films=3,
        film_types=frozenset({"video/mp4"}),
        alt_length=1000,
        mixed=True,
    ),
)
PORTS = {"starttls": 587, "tls": 465, "none": 25}  # RFC 6409, RFC 8314, RFC 5321
IMAP_PORTS = {"starttls": 143, "tls": 993, "none": 143}  # RFC 9051; RFC 8314
FRESH_SECONDS = 10.0  # a connection idle for longer is asked with NOOP whether it still lives
TLS_WORDS = {"starttls": "STARTTLS", "tls": "TLS", "none": "no TLS"}


class Options(Frozen):
    """The keys of an e-mail account in crisis.toml."""

    host: str = Field(min_length=1, description="the mail server that takes our messages")
    port: int | None = Field(default=None, ge=1, le=65535, description="587 for starttls, 465 for tls, 25 for none")
    tls: Literal["starttls", "tls", "none"] = Field(default="starttls", description="how the line is encrypted")
    ca_file: Path | None = Field(default=None, description="certificates to trust besides the system's")
    verify: bool = Field(default=True, description="false only for a server on this machine")
    username: str | None = Field(default=None, description="sign in as")
    password: SecretRef | None = Field(default=None, description="sign in with")
    sender: str = Field(description="From, as in 'Oslo sykehus <varsling@example.org>'; its domain names our messages")
    helo_name: str | None = Field(default=None, description="how this machine introduces itself; its own name if empty")
    connections: int = Field(default=FACTS.concurrency, ge=1, le=20, description="kept open at most")
    messages_per_connection: int = Field(default=100, ge=1, le=10_000, description="before it is renewed")
    imap_host: str | None = Field(default=None, min_length=1, description="where answers and bounces arrive")
    imap_port: int | None = Field(default=None, ge=1, le=65535, description="993 for tls, 143 for starttls and none")
    imap_tls: Literal["starttls", "tls", "none"] = Field(default="tls", description="how that line is encrypted")
    imap_username: str | None = Field(default=None, description="sign in there as; username if empty")
    imap_password: SecretRef | None = Field(default=None, description="sign in there with; password if empty")
    imap_folder: str = Field(default="INBOX", pattern=r'^[^"\\\r\n]{1,100}$', description="the folder that is read")
    poll_seconds: float = Field(default=60, ge=5, le=3600, description="between looks into that folder")
    alarms: tuple[AlarmAddress, ...] = Field(
        default=(), description="addresses in that mailbox where services raise alarms"
    )
    connect_seconds: float = Field(default=10, gt=0, le=60, description="longest wait for a connection")
    read_seconds: float = Field(default=30, gt=0, le=600, description="longest wait for a reply")

    @field_validator("sender")
    @classmethod
    def _sender_is_an_address(cls, value: str) -> str:
        as_address(value)
        return value

    @model_validator(mode="after")
    def _safe_line(self) -> Options:
        if self.alarms and self.imap_host is None:
            msg = "alarms arrive in a mailbox; give imap_host, or take them out"
            raise ValueError(msg)
        if (self.username is None) != (self.password is None):
            msg = "username and password belong together; give both or neither"
            raise ValueError(msg)
        if self.imap_host is not None:
            if not (self.imap_username or self.username) or not (self.imap_password or self.password):
                msg = "imap_host needs imap_username and imap_password, or username and password"
                raise ValueError(msg)
            if not own_machine(self.imap_host) and (self.imap_tls == "none" or not self.verify):
                msg = 'a password must not travel unencrypted; set imap_tls = "tls" or "starttls"'
                raise ValueError(msg)
        if not own_machine(self.host) and not self.verify:
            msg = "verify = false is for a server on this machine only; give its certificate as ca_file"
            raise ValueError(msg)
        if not own_machine(self.host) and self.tls == "none" and self.password is not None:
            msg = 'a password must not travel unencrypted; set tls = "starttls" or "tls"'
            raise ValueError(msg)
        return self


def as_address(text: str) -> Address:
    """`Name <address>` taken apart. Raises `ValueError` with a remedy."""
    name, address = parseaddr(text if text.isprintable() else "")
    try:
        return Address(display_name=name, addr_spec=mailbox(address))
    except ValueError:
        msg = "write it as 'Name <name@example.org>'"
        raise ValueError(msg) from None


@dataclass(slots=True)
class _Line:
    """One connection to the server, with what is needed to know when to renew it."""

    client: aiosmtplib.SMTP
    used_at: float
    sent: int = 0


class Email:
    """One open e-mail account. It belongs to the event loop that first sends with it."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        self._options = options
        self._sender = as_address(options.sender)
        self._password = options.password.reveal() if options.password else None
        self._tls = _tls(options, options.tls)
        self.poll_seconds = options.poll_seconds
        self._mailbox = _mailbox(options)
        self._alarms = Alarms.of(options.alarms)
        self._free = asyncio.Semaphore(options.connections)
        self._idle: list[_Line] = []

    async def send(self, out: Outgoing) -> Accepted:
        """Hand one message to the server. From DATA on a broken line is `Uncertain`, before it `Unreachable`."""
        try:
            receiver = mailbox(out.address)
            message = render_mail(out, self._sender, datetime.now(UTC)).as_bytes()
        except ValueError as error:
            raise Rejected(str(error), code="address") from None
        async with self._free:
            line = await self._take()
            keep = False
            stage: Stage = "sender"
            try:
                await line.client.mail(self._sender.addr_spec)
                stage = "receiver"
                await line.client.rcpt(receiver)
                stage = "data"
                await line.client.data(message)
                keep = True
            except aiosmtplib.SMTPResponseException as error:
                keep = await _reset(line)
                raise replied(error.code, str(error.message), stage) from None
            except (aiosmtplib.SMTPException, OSError) as error:
                raise lost(stage, f"the mail server went silent ({type(error).__name__})") from None
            finally:
                self._put_back(line, keep=keep)
        return Accepted(message_id(out.delivery_id, self._sender))

    async def check(self) -> Health:
        """Connect, sign in, NOOP."""
        try:
            line = await self._connect()
        except SendError as error:
            return Health(ok=False, say=error.say)
        try:
            await line.client.noop()
            await line.client.quit()
        except (aiosmtplib.SMTPException, OSError) as error:
            return Health(ok=False, say=f"the mail server went silent ({type(error).__name__})")
        finally:
            line.client.close()
        return Health(ok=True, say=f"{self._options.host} takes our messages, {TLS_WORDS[self._options.tls]}")

    async def poll(self, cursor: str | None) -> Polled:
        """Bounces as receipts, people's mail as inbound; machines' answers are dropped and counted.

        An account that reads no mailbox has nothing new, ever.
        """
        if self._mailbox is None:
            return Polled(cursor)
        return await asyncio.to_thread(self._poll, self._mailbox, cursor)  # a mail may be made to be slow to read

    def _poll(self, mailbox: Mailbox, cursor: str | None) -> Polled:
        reached, letters = mailbox.read(cursor)
        validity = reached.partition(":")[0]
        own = self._sender.addr_spec
        reports = [self._alarms.read(one.raw, name=f"{validity}:{one.uid}", at=one.at) for one in letters]
        seen = [
            read(one.raw, name=f"{validity}:{one.uid}", at=one.at, own=own)
            for one, report in zip(letters, reports, strict=True)
            if report is None
        ]
        return Polled(
            reached,
            inbounds=[one for one in seen if isinstance(one, Inbound)],
            receipts=[one for one in seen if isinstance(one, Receipt)],
            dropped=sum(one is None for one in seen),
            reports=[one for one in reports if one is not None],
        )

    async def close(self) -> None:
        while self._idle:
            line = self._idle.pop()
            try:
                await line.client.quit(timeout=1)
            except (aiosmtplib.SMTPException, OSError):
                pass  # it is being closed anyway
            finally:
                line.client.close()

    async def _take(self) -> _Line:
        """A living connection: the one used last, else a new one."""
        while self._idle:
            line = self._idle.pop()
            if not line.client.is_connected:
                continue
            if time.monotonic() - line.used_at < FRESH_SECONDS or await _lives(line):
                return line
        return await self._connect()

    def _put_back(self, line: _Line, *, keep: bool) -> None:
        line.sent += 1
        line.used_at = time.monotonic()
        if keep and line.client.is_connected and line.sent < self._options.messages_per_connection:
            self._idle.append(line)
        else:
            line.client.close()

    async def _connect(self) -> _Line:
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
        return _Line(client, time.monotonic())

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


def _mailbox(options: Options) -> Mailbox | None:
    secret = options.imap_password or options.password
    if options.imap_host is None or secret is None:
        return None
    return Mailbox(
        host=options.imap_host,
        port=options.imap_port or IMAP_PORTS[options.imap_tls],
        tls=options.imap_tls,
        context=_tls(options, options.imap_tls),
        username=options.imap_username or options.username or "",
        password=secret.reveal(),
        folder=options.imap_folder,
        seconds=options.read_seconds,
    )


def _tls(options: Options, how: str) -> ssl.SSLContext | None:
    if how == "none":
        return None
    context = ssl.create_default_context()
    if options.ca_file:
        try:
            context.load_verify_locations(options.ca_file)
        except OSError as error:
            raise SettingsError([f"ca_file {options.ca_file}: {error.strerror or 'holds no certificate'}"]) from None
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _lives(line: _Line) -> bool:
    try:
        await line.client.noop(timeout=2)
    except (aiosmtplib.SMTPException, OSError):
        line.client.close()
        return False
    return True


async def _reset(line: _Line) -> bool:
    """After a refusal the connection is good for the next person, if the server agrees to forget this one."""
    try:
        await line.client.rset(timeout=2)
    except (aiosmtplib.SMTPException, OSError):
        return False
    return True
