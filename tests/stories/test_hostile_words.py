"""Hostile words by every way that is asked and not told: polls of each network, texts, mail. On real processes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select, update

from crisis.models import Account, InboundRow
from crisis.states import Mode
from tests.stories.town import Town, eventually, listening_fast, town

pytestmark = pytest.mark.slow
WALLS = ("page", "x", "facebook", "instagram", "threads", "linkedin", "mastodon", "bluesky", "wordpress", "sms")
MARKUP = "<script>alert(1)</script> Er det trygt?"
TURNED = "\u202e Kom dere ut\u202c \u2066 Er det trygt?"
NAME = "sint"


def test_whatever_is_said_is_stored_as_words_and_the_next_is_read(tmp_path: Path) -> None:
    with town(tmp_path, edit=lambda source: listening_fast(often(source))) as here:
        (phone,) = here.populate(1)
        here.start("console", "sender-live", "listener")
        here.settled(here.release(here.open(Mode.LIVE), channels=WALLS))
        eventually(lambda: here.cursor("x-ous") and here.cursor("email-ous") is not None)
        said = {"x"}
        for text in (MARKUP, TURNED):
            here.post(NAME, f"@OUS_demo {text}")
            here.simulator.say(phone, text)
            for name, seen in here.simulator.state("networks")["networks"].items():
                ours = next((one for one in seen if one["ours"]), None)
                if ours and name != "apprise" and say(here, name, ours["account"], text, ours["id"]):
                    said.add(name)
        inbox = here.simulator.internet.mailboxes
        for raw in (
            lying(),
            quoting_itself(),
            b"From: \xff\xfe\r\nSubject: =?x?",
            lying("Etter de andre: er det trygt?"),
        ):
            inbox.come_back("ous@mail.example", raw)
        here.kill("listener")
        with here.runtime.database.writing() as session:
            session.execute(update(Account).values(polled_at=None))
        here.start("listener")  # it asks every network at once, instead of in some minutes
        wanted = {*said, "sms", "email"}
        eventually(lambda: {row.channel for row in rows(here) if row.understood_at} >= wanted, within=60)
        eventually(lambda: any("Etter de andre" in row.text for row in rows(here)), within=60)
        found = rows(here)
        assert {"facebook", "mastodon", "bluesky", "x"} <= said
        for name in said:
            assert any("Er det trygt?" in row.text for row in found if row.channel == name), name
        assert any("<script>alert(1)</script>" in row.text for row in found), "words stay as they were said"
        assert not any("MZ" in row.text or "evil" in row.text for row in found), "what is sent along is not opened"
        assert all(len(row.text) <= 20_000 for row in found)


def often(source: str) -> str:
    return source.replace('imap_tls = "none"\npoll_seconds = 10', 'imap_tls = "none"\npoll_seconds = 5')


def say(here: Town, network: str, account: str, text: str, reply_to: str) -> bool:
    """False where the network itself refuses such words."""
    body = json.dumps({"account": account, "author": NAME, "text": text, "reply_to": reply_to}).encode()
    asking = urllib.request.Request(
        f"{here.simulator.url}/control/networks/{network}/say", body, {"Content-Type": "application/json"}
    )
    try:
        urllib.request.urlopen(asking, timeout=10).close()
    except urllib.error.HTTPError:
        return False
    return True


def lying(text: str = f"{MARKUP} {TURNED}") -> bytes:
    """A mail with a picture that is a program, and a name that is a script."""
    mail = EmailMessage()
    mail["From"], mail["To"] = '"<script>alert(3)</script>" <sint@annet.example>', "varsling@ous.example"
    mail["Subject"], mail["Message-ID"] = "Er det trygt?", f"<{len(text)}@annet.example>"
    mail.set_content(text)
    mail.add_attachment(b"MZ\x90\x00 this program", maintype="image", subtype="png", filename="../../evil.exe")
    return mail.as_bytes()


def quoting_itself() -> bytes:
    """A mail within a mail within a mail, and so on."""
    inner = EmailMessage()
    inner["From"] = "sint@annet.example"
    inner.set_content("innerst")
    for depth in range(60):
        outer = EmailMessage()
        outer["From"], outer["Message-ID"] = "sint@annet.example", f"<d{depth}@annet.example>"
        outer.set_content("> Er det trygt?\n" * depth)
        outer.add_attachment(inner)
        inner = outer
    return inner.as_bytes()


def rows(here: Town) -> list[InboundRow]:
    with here.runtime.database.reading() as session:
        found = list(session.scalars(select(InboundRow)))
        session.expunge_all()
        return found
