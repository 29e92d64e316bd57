"""The pretend mail server, spoken to by aiosmtplib."""

import asyncio
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

import aiosmtplib
import pytest
import requests

from crisis.channels.base import Misconfigured, Polled
from crisis.channels.email.adapter import Email
from crisis.channels.email.options import Options
from crisis.settings import SecretRef
from crisis.simulator.server import Simulator
from tests.channels.contract import opening

LOGIN = {"username": "ous@mail.example", "password": "ous-mail-password"}


def _mail(to: str = "kari@example.org", **changes: str | None) -> EmailMessage:
    mail = EmailMessage()
    headers: dict[str, str | None] = {
        "From": "OUS <alert@ous.example>",
        "To": to,
        "Date": formatdate(),
        "Message-ID": "<a1@ous.example>",
        "Subject": "Beredskap 🚨 æøå",
        **changes,
    }
    for name, value in headers.items():
        if value is not None:
            mail[name] = value
    mail.set_content("Møt på jobb.")
    mail.add_alternative("<p>Møt på <b>jobb</b>.</p>", subtype="html")
    return mail


def _send(simulator: Simulator, mail: EmailMessage, **more: object) -> str:
    options = {"start_tls": False, "timeout": 5, **more}
    _, answer = asyncio.run(
        aiosmtplib.send(mail, hostname="127.0.0.1", port=simulator.smtp_port, **options)  # type: ignore[call-overload]
    )
    return str(answer)


def test_a_mail_is_kept_with_both_parts(simulator: Simulator) -> None:
    assert "Accepted" in _send(simulator, _mail())
    kept = simulator.state("mails")["mails"][0]
    assert kept["subject"] == "Beredskap 🚨 æøå"
    assert kept["text"].strip() == "Møt på jobb."
    assert "<b>jobb</b>" in kept["html"]
    assert (kept["to"], kept["sender"], kept["message_id"]) == (
        "kari@example.org",
        "alert@ous.example",
        "<a1@ous.example>",
    )
    assert not kept["secure"]


def test_starttls_with_the_certificate_it_gives_out_and_login(simulator: Simulator) -> None:
    pem = requests.get(f"{simulator.url}/control/certificate.pem", timeout=5)
    context = ssl.create_default_context(cadata=pem.text)
    _send(simulator, _mail(), start_tls=True, tls_context=context, **LOGIN)
    kept = simulator.state("mails")["mails"][0]
    assert kept["secure"]
    assert kept["login"] == LOGIN["username"]
    with pytest.raises(aiosmtplib.SMTPAuthenticationError):
        _send(simulator, _mail(), start_tls=True, tls_context=context, username=LOGIN["username"], password="no")


@pytest.mark.parametrize(("local", "code"), [("nobody", 550), ("busy", 450), ("policy", 550)])
def test_magic_recipients(simulator: Simulator, local: str, code: int) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as caught:
        _send(simulator, _mail(f"{local}@example.org"))
    assert caught.value.recipients[0].code == code
    assert simulator.state("refused")["refused"][0]["code"] == code


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Date": None}, "missing Date"),
        ({"Message-ID": None}, "missing Message-ID"),
        ({"To": "a@example.org, b@example.org"}, "2 addresses"),
    ],
)
def test_lacking_mails(simulator: Simulator, changes: dict[str, str | None], says: str) -> None:
    with pytest.raises(aiosmtplib.SMTPDataError, match=says) as caught:
        _send(simulator, _mail(**changes), recipients=["a@example.org"])
    assert caught.value.code == 554
    assert simulator.state("mails")["mails"] == []


def test_the_envelope_must_agree(simulator: Simulator) -> None:
    for recipients in (["ola@example.org"], ["kari@example.org", "ola@example.org"]):
        with pytest.raises(aiosmtplib.SMTPDataError, match="envelope"):
            _send(simulator, _mail(), recipients=recipients)


def test_faults_at_the_recipient(simulator: Simulator) -> None:
    for kind in ("421", "450", "550"):
        simulator.fault("smtp", kind, times=1, match="kari@*")
        with pytest.raises(aiosmtplib.SMTPException) as caught:
            _send(simulator, _mail())
        assert kind in str(caught.value)
    assert simulator.state("mails", "refused") | {"version": 0, "counts": 0} == {
        "version": 0,
        "counts": 0,
        "mails": [],
        "refused": [],
    }


@pytest.mark.parametrize(("kind", "kept"), [("451", 0), ("554", 0), ("reset_before", 0), ("reset_after", 1)])
def test_faults_after_data(simulator: Simulator, kind: str, kept: int) -> None:
    simulator.fault("smtp", kind, times=1)
    with pytest.raises((aiosmtplib.SMTPException, ConnectionError)):
        _send(simulator, _mail())
    assert len(simulator.state("mails")["mails"]) == kept
    _send(simulator, _mail())


@pytest.mark.parametrize(("kind", "kept"), [("hang", 0), ("hang_after", 1)])
def test_a_hang(simulator: Simulator, kind: str, kept: int) -> None:
    simulator.fault("smtp", kind, times=1)
    with pytest.raises(aiosmtplib.SMTPException):
        _send(simulator, _mail(), timeout=0.3)
    assert len(simulator.state("mails")["mails"]) == kept


def test_a_refused_login(simulator: Simulator) -> None:
    simulator.fault("smtp", "535", times=1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(aiosmtplib.SMTPAuthenticationError):
        _send(simulator, _mail(), start_tls=True, tls_context=context, **LOGIN)


def test_what_comes_back_is_read_by_the_account_that_wrote(simulator: Simulator, tmp_path: Path) -> None:
    """A person's answer and the report of a mail server, read by our own adapter over IMAP."""
    pem = requests.get(f"{simulator.url}/control/certificate.pem", timeout=5)
    context = ssl.create_default_context(cadata=pem.text)
    _send(simulator, _mail(), start_tls=True, tls_context=context, **LOGIN)
    (sent,) = simulator.state("mails")["mails"]
    account = Email(opening(_reading(simulator, tmp_path, "ous-mail-password"), tmp_path))

    async def read(cursor: str | None) -> Polled:
        return await account.poll(cursor)

    start = asyncio.run(read(None)).cursor
    for what, given in (("answer", {"text": "Kommer om 20 minutter æøå"}), ("bounce", {})):
        path = f"{simulator.url}/control/mails/{sent['number']}/{what}"
        assert requests.post(path, json=given, timeout=5).status_code == 201
    assert requests.post(f"{simulator.url}/control/mails/99/answer", json={"text": "x"}, timeout=5).status_code == 400
    found = asyncio.run(read(start))
    (said,), (failed,) = found.inbounds, found.receipts
    assert said.text.startswith("Kommer om 20 minutter æøå")
    assert (said.author, said.in_reply_to) == ("kari@example.org", "<a1@ous.example>")
    assert (failed.means, failed.provider_id) == ("failed", "<a1@ous.example>")
    again = asyncio.run(read(found.cursor))
    assert (again.cursor, again.inbounds, again.receipts) == (found.cursor, [], [])
    other = Email(opening(_reading(simulator, tmp_path, "wrong"), tmp_path))
    with pytest.raises(Misconfigured):
        asyncio.run(other.poll(None))


def _reading(simulator: Simulator, folder: Path, password: str) -> Options:
    secret = folder / "secret"
    secret.write_text(password)
    return Options(
        host="127.0.0.1", port=simulator.smtp_port, sender="OUS <alert@ous.example>", username="ous@mail.example",
        password=SecretRef(file=secret), imap_host="127.0.0.1", imap_port=simulator.imap_port, imap_tls="none", verify=False,
    )  # fmt: skip
