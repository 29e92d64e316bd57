"""E-mail against a real SMTP server on loopback: what arrives, what each refusal and each broken line means."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from pydantic import ValidationError

from crisis.channels.base import Busy, Checks, Misconfigured, Rejected, SendError, Uncertain, Unreachable
from crisis.channels.email.adapter import FACTS, Email
from crisis.channels.email.options import Options
from crisis.settings import SecretRef, SettingsError
from tests.channels import contract
from tests.channels.stub import closed_port

pytestmark = pytest.mark.asyncio

OUT = replace(contract.OUT, address="person@example.org")
PASSWORD = "mail-password-1"
MESSAGE_ID = f"<{OUT.delivery_id}@example.org>"


@dataclass
class Server:
    """An SMTP server that keeps what it is given and says what a test tells it to say."""

    said: dict[str, str] = field(default_factory=dict)  # stage -> reply, or "drop" or "silent"
    mails: list[Envelope] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    async def _say(self, stage: str, server: SMTP) -> str:
        match self.said.get(stage, ""):
            case "drop":
                server.transport.abort()  # type: ignore[union-attr]
                return "250 OK"
            case "silent":
                await asyncio.sleep(3)
                return "250 OK"
            case reply:
                return reply or "250 OK"

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, name: str, replies: list[str]
    ) -> list[str]:
        session.host_name = name
        self.connections += 1
        await self._say("ehlo", server)
        return replies

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, sender: str, _: Any) -> str:  # noqa: N802
        envelope.mail_from = sender
        return await self._say("sender", server)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, receiver: str, _: Any) -> str:  # noqa: N802
        reply = await self._say("receiver", server)
        if reply.startswith("250"):
            envelope.rcpt_tos.append(receiver)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(envelope)
        return await self._say("data", server)


@contextmanager
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretRef]:
    monkeypatch.setenv("MAIL_TEST_PASSWORD", PASSWORD)
    yield SecretRef(env="MAIL_TEST_PASSWORD")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command: list[str | Path] = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        key,
        "-out",
        cert,
    ]
    try:
        subprocess.run([*command, *subject], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl on this machine to make a certificate with")
    return key, cert


Serve = Callable[..., Any]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    running: list[asyncio.Server] = []

    async def start(server: Server, **given: Any) -> Server:
        loop = asyncio.get_running_loop()
        made = await loop.create_server(lambda: SMTP(server, hostname="stub", loop=loop, **given), "127.0.0.1", 0)
        running.append(made)
        server.port = made.sockets[0].getsockname()[1]
        return server

    yield start
    for made in running:
        made.close()


def channel(server: Server | int, tmp_path: Path, **changed: Any) -> Email:
    port = server if isinstance(server, int) else server.port
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "sender": "Oslo sykehus <varsling@example.org>",
        "helo_name": "crisis.example.org",
        "connect_seconds": 1,
        "read_seconds": 0.4,
    }
    return Email(contract.opening(Options(**{**given, **changed}), tmp_path))


async def test_arrives_whole(serve: Serve, tmp_path: Path) -> None:
    server = await serve(Server())
    mail = channel(server, tmp_path)
    accepted = await mail.send(replace(OUT, text="Ring 113.\n.\n..Punktum foran æøå", mode="live"))
    await mail.close()
    assert accepted.provider_id == MESSAGE_ID
    (got,) = server.mails
    assert (got.mail_from, got.rcpt_tos) == ("varsling@example.org", ["person@example.org"])
    assert isinstance(got.content, bytes)
    assert f"Message-ID: {MESSAGE_ID}\r\n".encode() in got.content
    assert b"\r\n.\r\n..Punktum foran" in got.content


async def test_connections_are_reused_bounded_and_renewed(serve: Serve, tmp_path: Path) -> None:
    server = await serve(Server())
    mail = channel(server, tmp_path, connections=2, messages_per_connection=10)
    await asyncio.gather(*(mail.send(OUT) for _ in range(40)))
    assert len(server.mails) == 40
    assert 4 <= server.connections <= 6
    await mail.close()


async def test_a_refusal_costs_no_connection(serve: Serve, tmp_path: Path) -> None:
    server = await serve(Server({"receiver": "550 5.1.1 no such user"}))
    mail = channel(server, tmp_path)
    for _ in range(3):
        with pytest.raises(Rejected, match="no such user"):
            await mail.send(OUT)
    server.said.clear()
    await mail.send(OUT)
    assert server.connections == 1
    await mail.close()


async def test_a_connection_that_died_in_the_pause_is_replaced(serve: Serve, tmp_path: Path) -> None:
    server = await serve(Server())
    mail = channel(server, tmp_path)
    await mail.send(OUT)
    mail._lines._idle[0].used_at -= 60
    mail._lines._idle[0].client.transport.abort()  # type: ignore[union-attr]
    await mail.send(OUT)
    assert len(server.mails) == 2
    await mail.close()


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ({"ehlo": "silent"}, Unreachable),
        ({"sender": "drop"}, Unreachable),
        ({"receiver": "drop"}, Unreachable),
        ({"receiver": "silent"}, Unreachable),
        ({"data": "drop"}, Uncertain),
        ({"data": "silent"}, Uncertain),
        ({"sender": "550 5.7.1 not your address"}, Misconfigured),
        ({"receiver": "450 4.7.1 greylisted"}, Unreachable),
        ({"receiver": "421 4.3.2 going down"}, Busy),
        ({"data": "451 4.3.0 disk"}, Busy),
        ({"data": "554 5.6.0 bad content"}, Rejected),
    ],
    ids=str,
)
async def test_what_a_failure_means(said: dict[str, str], means: type[SendError], serve: Serve, tmp_path: Path) -> None:
    server = await serve(Server(said))
    mail = channel(server, tmp_path)
    assert type(await contract.refused(mail, OUT)) is means


async def test_nobody_listens(tmp_path: Path) -> None:
    port = int(closed_port().rsplit(":", 1)[1])
    assert type(await contract.refused(channel(port, tmp_path), OUT)) is Unreachable
    assert not (await channel(port, tmp_path).check()).ok


async def test_starttls_is_demanded_and_the_certificate_is_checked(
    serve: Serve, tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def right(_server: Any, _session: Any, _envelope: Any, _mechanism: Any, data: Any) -> AuthResult:
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    secure = await serve(Server(), tls_context=context, require_starttls=True, authenticator=right, auth_required=True)
    plain = await serve(Server())
    with secret(monkeypatch) as password:
        keys = {"tls": "starttls", "username": "crisis", "password": password, "connect_seconds": 2, "read_seconds": 2}
        good = channel(secure, tmp_path, ca_file=cert, **keys)
        assert isinstance(good, Checks)
        assert (await good.check()).ok
        await good.send(OUT)
        await good.close()
        assert secure.mails
        assert type(await contract.refused(channel(plain, tmp_path, ca_file=cert, **keys), OUT)) is Misconfigured
        assert type(await contract.refused(channel(secure, tmp_path, **keys), OUT)) is Unreachable
        trusting = channel(secure, tmp_path, verify=False, **keys)
        assert (await trusting.check()).ok
        monkeypatch.setenv("MAIL_TEST_PASSWORD", "wrong")
        bad = channel(secure, tmp_path, ca_file=cert, **keys)
        assert not (await bad.check()).ok
        assert type(await contract.refused(bad, OUT)) is Misconfigured
    assert len(secure.mails) == 1
    assert not plain.mails


async def test_no_secret_shows(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def never(*_: Any) -> AuthResult:
        return AuthResult(success=False, handled=False)

    server = await serve(Server(), authenticator=never, auth_require_tls=False)
    with secret(monkeypatch) as password:
        mail = channel(server, tmp_path, username="crisis", password=password)
    await contract.no_secret_shows([PASSWORD], caplog, lambda: mail.send(OUT))


async def test_no_address_is_refused_before_anything_leaves(tmp_path: Path) -> None:
    for address in (
        "",
        "person",
        "a@b@",
        "a@b.no\r\nBcc: all@b.no",
        "a b@c.no",
        "æ@b.no",
        "<a@b.no>",
        "a@b.no, c@d.no",
    ):
        error = await contract.refused(channel(9, tmp_path), replace(OUT, address=address))
        assert type(error) is Rejected, address


@pytest.mark.parametrize(
    "changed",
    [
        {"sender": "nobody"},
        {"sender": "A <a@b.no>\r\nBcc: c@d.no"},
        {"username": "x"},
        {"host": "mail.example.org", "verify": False},
        {"host": "mail.example.org", "username": "x", "password": SecretRef(env="X")},
        {"tls": "maybe"},
    ],
    ids=str,
)
async def test_options_refuse(changed: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        channel(9, tmp_path, **changed)


async def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ca_file"):
        channel(9, tmp_path, tls="starttls", ca_file=tmp_path / "none.pem")


async def test_facts() -> None:
    assert not FACTS.repeat_safe
    assert FACTS.measure("x" * 20_001).over == 1
