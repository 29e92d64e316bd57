"""What an e-mail account says in crisis.toml, what of it may not be, and the lines it leads to: SMTP out, IMAP in."""

from __future__ import annotations

import ssl
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from crisis.channels.email.alarms import AlarmAddress
from crisis.channels.email.imap import Mailbox
from crisis.channels.email.mail import mailbox
from crisis.hosts import own_machine
from crisis.settings import Frozen, SecretRef, SettingsError

CONNECTIONS = 4
PORTS = {"starttls": 587, "tls": 465, "none": 25}  # RFC 6409, RFC 8314, RFC 5321
IMAP_PORTS = {"starttls": 143, "tls": 993, "none": 143}  # RFC 9051; RFC 8314


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
    connections: int = Field(default=CONNECTIONS, ge=1, le=20, description="kept open at most")
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


def mailbox_of(options: Options) -> Mailbox | None:
    """Where answers and bounces arrive; None for an account that reads none."""
    secret = options.imap_password or options.password
    if options.imap_host is None or secret is None:
        return None
    return Mailbox(
        host=options.imap_host,
        port=options.imap_port or IMAP_PORTS[options.imap_tls],
        tls=options.imap_tls,
        context=tls_context(options, options.imap_tls),
        username=options.imap_username or options.username or "",
        password=secret.reveal(),
        folder=options.imap_folder,
        seconds=options.read_seconds,
    )


def tls_context(options: Options, how: str) -> ssl.SSLContext | None:
    """How a line is encrypted: `how` is "starttls", "tls" or "none". Raises `SettingsError` for a bad certificate file."""
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
