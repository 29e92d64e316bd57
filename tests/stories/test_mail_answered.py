"""A mail that somebody writes back is read by IMAP and answered on the same thread, on real processes."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from crisis.models import Delivery
from crisis.states import InboundState, Mode
from tests.stories.proof import prove
from tests.stories.test_answers import ASKED, answer, heard, somebody_in_triage, state
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow


def often(source: str) -> str:
    return source.replace('imap_tls = "none"\npoll_seconds = 10', 'imap_tls = "none"\npoll_seconds = 5')


def mails(here: Town, to: str) -> list[dict[str, Any]]:
    """What this mailbox has got, oldest first, with its headers by name."""
    found = [one for one in here.simulator.state("mails")["mails"] if one["to"] == to]
    return [{**one, "headers": dict(one["headers"])} for one in found]


@pytest.mark.parametrize("mode", list(Mode))
def test_answered_on_the_thread_it_came_on(tmp_path: Path, database_url: str, mode: Mode) -> None:
    account = "email-ous" if mode is Mode.LIVE else "email-ous-drill"
    with town(tmp_path, database_url=database_url, edit=often) as here:
        here.populate(2, channels=("mailbox",))
        actor = somebody_in_triage(here)
        here.start(f"sender-{mode}", "clock", "listener")
        eventually(lambda: here.cursor(account) is not None)
        incident = here.open(mode)
        here.settled(here.release(incident, channels=("email",)), channel="email")
        ours = mails(here, "p1@ous.example")[0]
        here.answer_mail(ours["number"], ASKED)
        row = heard(here, "email")
        with here.runtime.database.reading() as session:
            delivery = session.get_one(Delivery, row.delivery_id)
            assert delivery.provider_id == ours["message_id"]
        assert (row.author, row.private, row.incident_id, row.mode) == ("p1@ous.example", True, incident, mode)
        assert row.text == ASKED
        broadcast, words = answer(here, actor, row.id, incident)
        assert set(here.settled(broadcast)) <= {"accepted", "delivered"}
        _, theirs = mails(here, "p1@ous.example")
        assert theirs["headers"]["In-Reply-To"] == row.provider_id
        assert theirs["headers"]["References"].split() == [ours["message_id"], row.provider_id]
        assert theirs["subject"].removeprefix("Re: ") == ours["subject"]
        assert theirs["subject"] != ours["subject"]
        assert words in theirs["text"].replace("\r\n", "\n")
        assert ("ØVELSE" in theirs["subject"]) == (mode is Mode.DRILL)
        assert "List-Unsubscribe" not in theirs["headers"], "an answer to one person is no bulk mail"
        assert len(mails(here, "p2@ous.example")) == 1, "nobody else gets it"
        assert state(here, row.id) is InboundState.ANSWERED
        prove(here, broadcast)


def test_a_mail_that_nobody_asked_for_is_answered_too_and_machines_are_not(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url, edit=often) as here:
        actor = somebody_in_triage(here)
        here.start("sender-live", "clock", "listener")
        eventually(lambda: here.cursor("email-ous") is not None)
        incident = here.open(Mode.LIVE)
        here.settled(here.release(incident, channels=("x",)), channel="x")
        machine = written(
            "fravaer@annet.example", "Fraværende", "Jeg er på ferie.", **{"Auto-Submitted": "auto-replied"}
        )
        mailboxes = here.simulator.internet.mailboxes
        mailboxes.come_back("ous@mail.example", machine)
        mailboxes.come_back("ous@mail.example", written("bror@annet.example", "Er broren min hos dere?", ASKED))
        row = heard(here, "email")
        assert (row.author, row.text) == ("bror@annet.example", f"Er broren min hos dere?\n{ASKED}")
        assert here.inbound() == [row.text]
        broadcast, _ = answer(here, actor, row.id, incident)
        here.settled(broadcast)
        (sent,) = mails(here, "bror@annet.example")
        assert sent["headers"]["In-Reply-To"] == sent["headers"]["References"] == row.provider_id
        prove(here, broadcast)


def written(sender: str, subject: str, text: str, **headers: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"Ola Nordmann <{sender}>", "varsling@ous.example", subject
    mail["Message-ID"] = f"<{abs(hash(text + sender))}@annet.example>"
    for name, value in headers.items():
        mail[name] = value
    mail.set_content(text)
    return mail.as_bytes()
