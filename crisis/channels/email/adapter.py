"""E-mail over SMTP submission: one message for each person, over a few connections that are kept and reused.

How a message looks is in `mail.py`, what a server's reply means in `smtp_replies.py`, the connections are in `lines.py` and an
account's keys in `options.py`; this file carries a message there and says what comes back.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import aiosmtplib

from crisis.channels.base import (
    Accepted,
    Facts,
    Health,
    Inbound,
    MediaFacts,
    Outgoing,
    Polled,
    Receipt,
    Rejected,
    SendError,
)
from crisis.channels.email.alarms import Alarms
from crisis.channels.email.imap import Mailbox
from crisis.channels.email.lines import Lines, reset
from crisis.channels.email.mail import mailbox, message_id, render_mail
from crisis.channels.email.options import CONNECTIONS, Options, as_address, mailbox_of
from crisis.channels.email.reading import read
from crisis.channels.email.smtp_replies import Stage, lost, replied
from crisis.channels.opening import Opening
from crisis.channels.text.counting import plain

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
    concurrency=CONNECTIONS,
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
TLS_WORDS = {"starttls": "STARTTLS", "tls": "TLS", "none": "no TLS"}


class Email:
    """One open e-mail account. It belongs to the event loop that first sends with it."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        self._options = options
        self._sender = as_address(options.sender)
        self._lines = Lines(options)
        self.poll_seconds = options.poll_seconds
        self._mailbox = mailbox_of(options)
        self._alarms = Alarms.of(options.alarms)
        self._free = asyncio.Semaphore(options.connections)

    async def send(self, out: Outgoing) -> Accepted:
        """Hand one message to the server. From DATA on a broken line is `Uncertain`, before it `Unreachable`."""
        try:
            receiver = mailbox(out.address)
            message = render_mail(out, self._sender, datetime.now(UTC)).as_bytes()
        except ValueError as error:
            raise Rejected(str(error), code="address") from None
        async with self._free:
            line = await self._lines.take()
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
                keep = await reset(line)
                raise replied(error.code, str(error.message), stage) from None
            except (aiosmtplib.SMTPException, OSError) as error:
                raise lost(stage, f"the mail server went silent ({type(error).__name__})") from None
            finally:
                self._lines.put_back(line, keep=keep)
        return Accepted(message_id(out.delivery_id, self._sender))

    async def check(self) -> Health:
        """Connect, sign in, NOOP."""
        try:
            line = await self._lines.connect()
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
        await self._lines.close()
