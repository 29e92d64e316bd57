"""Mail to us: bounces become receipts, machines are dropped, people are heard; over a real line, once each."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from crisis.channels.base import Inbound, Misconfigured, Polls, Receipt, Unreachable
from crisis.channels.email.adapter import Email
from crisis.channels.email.imap import LARGEST
from crisis.channels.email.options import Options
from crisis.channels.email.reading import LONGEST_TEXT, read
from crisis.settings import SecretRef
from tests.channels import contract
from tests.channels.imap_server import imap
from tests.channels.stub import closed_port

pytestmark = pytest.mark.asyncio

OWN = "varsling@ous.example"
ID = "<01936f3e-7c2a@ous.example>"
AT = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
PASSWORD = "postboks-hemmelig"

PERSON = f"""From: Kari Nordmann <Kari@example.org>
To: {OWN}
Subject: Re: Mange skadde
Message-ID: <a1@example.org>
In-Reply-To: {ID}
References: <older@ous.example> {ID}
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<p>Er moren min der?<script>alert(1)</script></p>
--b
Content-Type: application/octet-stream
Content-Disposition: attachment; filename=virus.exe

MZ
--b--
"""
BOUNCE = f"""From: MAILER-DAEMON@mx.example
To: {OWN}
Subject: Undelivered
Return-Path: <>
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

It did not work.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; nobody@example.org
Action: ACTION
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 No such mailbox

--b
Content-Type: ORIGINAL

Message-ID: {ID}
Subject: Mange skadde

--b--
"""


def seen(raw: str) -> Receipt | Inbound | None:
    return read(raw.replace("\n", "\r\n").encode(), name="7:1", at=AT, own=OWN)


def bounce(action: str = "failed", original: str = "message/rfc822") -> str:
    return BOUNCE.replace("ACTION", action).replace("ORIGINAL", original)


async def test_a_person_is_heard_and_nothing_is_opened() -> None:
    said = seen(PERSON)
    assert isinstance(said, Inbound)
    assert (said.author, said.author_name, said.in_reply_to) == ("kari@example.org", "Kari Nordmann", ID)
    assert (said.provider_id, said.kind, said.private, said.at) == ("<a1@example.org>", "mail", True, AT)
    assert said.text == "Er moren min der?"


async def test_a_letter_out_of_the_blue_keeps_its_subject() -> None:
    said = seen("From: ola@example.org\nSubject: Hjelp\n\nJeg er i kjelleren.\n")
    assert isinstance(said, Inbound)
    assert said.text == "Hjelp\nJeg er i kjelleren."
    assert said.provider_id == "7:1", "no Message-ID: its number in the mailbox stands in"
    assert said.in_reply_to is None


@pytest.mark.parametrize("original", ["message/rfc822", "text/rfc822-headers"])
@pytest.mark.parametrize(
    ("action", "means"), [("failed", "failed"), ("delayed", "unknown"), ("delivered", "delivered"), ("odd", "unknown")]
)
async def test_a_bounce_is_a_receipt(action: str, means: str, original: str) -> None:
    told = seen(bounce(action, original))
    assert isinstance(told, Receipt)
    assert (told.provider_id, told.word, told.means, told.code) == (ID, action, means, "5.1.1")
    assert told.say == "550 5.1.1 No such mailbox"


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; x=1",
        "X-Autoreply: yes",
        "X-Autorespond: out of office",
        "Precedence: bulk",
        "Precedence: auto_reply",
        "Return-Path: <>",
    ],
)
async def test_machines_are_dropped(header: str) -> None:
    assert seen(f"{header}\n{PERSON}") is None
    assert isinstance(seen(f"Auto-Submitted: no\n{PERSON}"), Inbound)


@pytest.mark.parametrize(
    "raw",
    [
        PERSON.replace("Kari@example.org", OWN),
        bounce().replace(ID, "<x@other.example>"),
        "",
        "no header at all",
        "From: \n\n",
        bounce().replace("Action:", "Odd:"),
    ],
    ids=["ourselves", "not our message", "empty", "no header", "nobody", "no action"],
)
async def test_what_says_nothing_to_us(raw: str) -> None:
    assert seen(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        "From: a@b.no\nContent-Type: text/plain; charset=nonsense\n\nhei",
        "From: a@b.no\nContent-Type: multipart/mixed; boundary=b\n\n--b\n--b\n--b",
        "From: a@b.no\nSubject: =?utf-8?B?!!!?=\nMessage-ID: <<<>>>\n\nhei",
        "From: a@b.no\n\n" + "x" * 100_000,
        "From: a@b.no\nContent-Type: text/html\n\n" + "<p>" * 30_000,
    ],
)
async def test_broken_and_huge_mail_is_bounded(raw: str) -> None:
    said = seen(raw)
    assert isinstance(said, Inbound)
    assert len(said.text) <= LONGEST_TEXT


NESTED = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3000))


@pytest.mark.parametrize(
    "raw",
    [
        "From: Ola <ola@example.org>\nContent-Type: text/html\n\n<p>Hjelp</p><![if !mso]><![foo[ x ]]> oss",
        f"From: Ola <ola@example.org>\nSubject: Hjelp oss\n{NESTED}\nHjelp oss",
    ],
    ids=["marked sections", "a thousand parts in each other"],
)
async def test_what_the_library_gives_up_on_is_still_heard(raw: str) -> None:
    """One such mail would keep every later one from us: the cursor moves when all have been read."""
    said = seen(raw)
    assert isinstance(said, Inbound)
    assert said.author == "ola@example.org"
    assert "Hjelp" in said.text
    assert "oss" in said.text


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAP_TEST", PASSWORD)


def account(tmp_path: Path, port: int, **changed: Any) -> Email:
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "tls": "none",
        "sender": f"Oslo sykehus <{OWN}>",
        "imap_host": "127.0.0.1",
        "imap_port": port,
        "imap_tls": "none",
        "imap_username": "varsling",
        "imap_password": SecretRef(env="IMAP_TEST"),
        "read_seconds": 2,
    }
    return Email(contract.opening(Options(**{**given, **changed}), tmp_path))


async def test_over_a_real_line_each_mail_comes_once(tmp_path: Path) -> None:
    with imap(PASSWORD) as box:
        email = account(tmp_path, box.port)
        assert isinstance(email, Polls)
        box.put(PERSON)
        first = await email.poll(None)
        assert (first.cursor, first.inbounds, first.receipts) == ("7:1", [], []), "it starts from now"
        box.put(PERSON.replace("<a1@", "<a2@"))
        box.put(bounce())
        box.put(f"Auto-Submitted: auto-replied\n{PERSON}")
        found = await email.poll(first.cursor)
        assert [one.provider_id for one in found.inbounds] == ["<a2@example.org>"]
        assert [one.provider_id for one in found.receipts] == [ID]
        assert found.dropped == 1
        assert found.inbounds[0].at == AT
        again = await email.poll(found.cursor)
        assert (again.cursor, again.inbounds, again.dropped) == ("7:4", [], 0), "n:* names the last one, which is old"
        box.renumber()
        anew = await email.poll(again.cursor)
        assert anew.cursor == "8:4"
        assert {one.provider_id for one in anew.inbounds} == {"<a1@example.org>", "<a2@example.org>"}
    said = " ".join(box.asked).upper()
    assert "EXAMINE" in said, "read only"
    assert "STORE" not in said
    assert f"BODY.PEEK[]<0.{LARGEST}>" in said


async def test_trouble_on_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unreachable):
        await account(tmp_path, int(closed_port().rpartition(":")[2])).poll(None)
    with imap("something else") as box:
        with pytest.raises(Misconfigured) as caught:
            await account(tmp_path, box.port).poll("7:1")
        assert PASSWORD not in str(caught.value)


async def test_an_account_without_a_mailbox_hears_nothing(tmp_path: Path) -> None:
    found = await account(tmp_path, 1, imap_host=None).poll("x")
    assert (found.cursor, found.inbounds) == ("x", ())


@pytest.mark.parametrize(
    "changed",
    [{"imap_host": "mail.example.org"}, {"imap_username": None}, {"imap_password": None}, {"imap_folder": 'a"b'}],
)
async def test_options_refuse(changed: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        account(tmp_path, 1, **changed)
