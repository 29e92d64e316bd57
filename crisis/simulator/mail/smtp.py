"""The SMTP side of the pretend mail server: STARTTLS, AUTH, the magic recipients, and the switched-on faults.

A recipient's fault is picked when it is named (RCPT) and carried out there or after DATA.
"""

import asyncio
import logging
from weakref import WeakKeyDictionary, WeakSet

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from crisis.simulator.accounts import MailLogin
from crisis.simulator.faults import SMTP_KINDS, Fault, Faults
from crisis.simulator.ledger import Ledger
from crisis.simulator.mail.certificate import Certificate
from crisis.simulator.mail.mailboxes import Lacking, Mailboxes
from crisis.simulator.trouble import abort

MAGIC = {
    "nobody": "550 5.1.1 No such mailbox",
    "busy": "450 4.2.1 Mailbox busy, try again later",
    "policy": "550 5.7.1 Refused by policy",
}
AT_RCPT = {
    "421": "421 4.3.2 Service not available, closing",
    "450": "450 4.2.1 Mailbox busy, try again later",
    "550": "550 5.1.1 No such mailbox",
}
AFTER_DATA = {"451": "451 4.3.0 Local error, try again later", "554": "554 5.7.1 Refused"}
# aiosmtpd warns at every login about a field of its own.
logging.getLogger("mail.log").setLevel(logging.ERROR)
GREATEST_SIZE = 10 * 1024 * 1024


class Postman:
    """What aiosmtpd asks at each step of a conversation."""

    def __init__(self, mailboxes: Mailboxes, logins: tuple[MailLogin, ...], faults: Faults, ledger: Ledger) -> None:
        """Put mail into these mailboxes."""
        self._mailboxes = mailboxes
        self._logins = {login.username: login.password for login in logins}
        self._faults = faults
        self._ledger = ledger
        self._pending: WeakKeyDictionary[Session, Fault] = WeakKeyDictionary()
        self._shut_out: WeakSet[Session] = WeakSet()

    def authenticate(
        self,
        _server: SMTP,
        session: Session,
        _envelope: Envelope,
        _mechanism: str,
        given: object,
    ) -> AuthResult:
        """Check a name and password."""
        self._ledger.count("smtp", "login")
        # A client tries one mechanism after the other, so a fault refuses the whole conversation.
        fault = None if session in self._shut_out else self._faults.pick("smtp", {"535": SMTP_KINDS["535"]})
        if fault:
            self._ledger.trouble(f"smtp login: {fault.kind}")
            self._shut_out.add(session)
        if session in self._shut_out:
            return AuthResult(success=False, handled=False)
        if isinstance(given, LoginPassword):
            name, password = given.login.decode("utf-8", "replace"), given.password.decode("utf-8", "replace")
            if self._logins.get(name) == password:
                return AuthResult(success=True, auth_data=name)
            self._ledger.refuse("smtp", "login", 535, f"wrong name or password for {name!r}")
        return AuthResult(success=False, handled=False)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or refuse it."""
        self._ledger.count("smtp", "rcpt")
        fault = self._faults.pick("smtp", {kind: "" for kind in SMTP_KINDS if kind != "535"}, address)
        if fault:
            self._ledger.trouble(f"smtp {address}: {fault.kind}")
            if answer := AT_RCPT.get(fault.kind):
                if fault.kind == "421" and server.transport is not None:
                    asyncio.get_running_loop().call_later(0.05, server.transport.close)
                return answer
        local = address.rpartition("@")[0].lower()
        if answer := MAGIC.get(local):
            self._ledger.refuse("smtp", f"rcpt {address}", int(answer[:3]), answer)
            return answer
        if fault:
            self._pending[session] = fault
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a mail, unless a fault or the mail itself forbids it."""
        self._ledger.count("smtp", "data")
        fault = self._pending.pop(session, None)
        kind = fault.kind if fault else ""
        if kind in AFTER_DATA:
            return AFTER_DATA[kind]
        if kind == "reset_before":
            return _drop(server)
        if kind == "hang":
            await _never(server)
        if kind == "slow" and fault:
            await asyncio.sleep(fault.seconds)
        answer = self._store(session, envelope)
        if kind == "reset_after":
            return _drop(server)
        if kind == "hang_after":
            await _never(server)
        return answer

    def _store(self, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        login = session.auth_data if isinstance(session.auth_data, str) else ""
        try:
            mail = self._mailboxes.store(
                content, envelope.mail_from or "", envelope.rcpt_tos, secure=session.ssl is not None, login=login
            )
        except Lacking as lacking:
            self._ledger.refuse("smtp", f"data {', '.join(envelope.rcpt_tos)}", 554, str(lacking), login)
            return f"554 5.6.0 Refused: {lacking}".encode("ascii", "replace").decode()
        except Exception as error:  # noqa: BLE001 - a malformed mail must be answered, whatever the parser trips over
            self._ledger.refuse("smtp", "data", 554, f"cannot be read: {error!r}", login)
            return "554 5.6.0 Refused: the mail cannot be read"
        self._ledger.version += 1
        return f"250 2.0.0 Accepted as {mail.number}"


def protocol(postman: Postman, certificate: Certificate) -> SMTP:
    """One conversation."""
    return SMTP(
        postman,
        hostname="simulator.example",
        ident="Crisis simulator",
        data_size_limit=GREATEST_SIZE,
        enable_SMTPUTF8=True,
        tls_context=certificate.context,
        authenticator=postman.authenticate,
        auth_require_tls=True,
        loop=asyncio.get_running_loop(),
    )


def _drop(server: SMTP) -> str:
    if server.transport is not None:
        abort(server.transport)
    return "421 4.3.0 Dropped"


async def _never(server: SMTP) -> None:
    while server.transport is not None and not server.transport.is_closing():  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.1)
