"""Senders are killed, stopped and frozen at every moment; everybody gets the message once and the record says what happened."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from crisis.sending.lease import ACCOUNT_LEASE
from crisis.states import Mode
from tests import nursery
from tests.stories.proof import outcomes, prove, with_lines
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow
SHORT = "connect_seconds = 1\nread_seconds = 3"


def creates(here: Town) -> int:
    return int(here.simulator.state("requests")["requests"].get("twilio create", 0))


def release_texts(here: Town) -> uuid.UUID:
    return here.release(here.open(Mode.LIVE), channels=("sms",))


@pytest.mark.parametrize("kind", ["hang", "hang_after", "slow"])
def test_killed_in_the_call(tmp_path: Path, database_url: str, kind: str) -> None:
    """hang: the provider took nothing. hang_after: it took it and we never heard. slow: it takes it after our death."""
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous=SHORT)) as here:
        phones = here.populate(6)
        here.start("sender-live", "clock")
        here.simulator.fault("twilio", kind, seconds=1)
        broadcast = release_texts(here)
        eventually(lambda: creates(here) == len(phones))
        here.kill("sender-live")
        here.simulator.clear_faults()
        if kind != "hang":
            eventually(lambda: sum(here.phones().values()) == len(phones))
        here.lapse()
        here.start("sender-live")
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)
        told = outcomes(here, broadcast, phones[0])
        assert told[0] == "lost uncertain"
        assert told[-1] == ("send accepted" if kind == "hang" else "look1 accepted")


def test_killed_between_the_claim_and_the_call(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url) as here:
        phones = here.populate(4)
        broadcast = release_texts(here)
        dies_after_claiming = (
            "import os, signal, pathlib\n"
            "from crisis import runtime\nfrom crisis.models import Account, utcnow\nfrom crisis.sending.claim import *\nfrom crisis.sending.lease import *\n"
            "parts = runtime.build(runtime.load(pathlib.Path(os.environ['CRISIS_SETTINGS'])))\n"
            "with parts.database.writing() as session:\n"
            "    key = session.query(Account.id).where(Account.key == 'sms-ous').scalar()\n"
            "    assert take_account(session, key, 'doomed', utcnow())\n"
            "    assert len(claim(session, key, 500, utcnow())) == 4\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        assert nursery.Process(["-c", dies_after_claiming], here.environment).wait(60) == -signal.SIGKILL
        assert here.states(broadcast) == {"sending": 4}
        here.start("sender-live", "clock")
        here.lapse()
        assert here.found_out(broadcast) == {"accepted": 4}
        prove(here, broadcast, once=phones)


def test_killed_between_batches_of_a_bulk_send(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous="pace = 150")) as here:
        phones = here.populate(400)
        here.start("sender-live", "clock")
        broadcast = release_texts(here)
        for enough in (60, 250):
            eventually(lambda enough=enough: here.hurry() or creates(here) > enough)
            here.kill("sender-live")
            here.lapse()
            here.start("sender-live")
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)


@pytest.mark.parametrize(("kind", "copies"), [("hang", 1), ("hang_after", 2)])
def test_killed_in_a_mail(tmp_path: Path, database_url: str, kind: str, copies: int) -> None:
    """hang: the server took nothing. hang_after: it took it, and nobody can look, so it comes again under its name."""
    lines = "connect_seconds = 1\nread_seconds = 30"
    with town(tmp_path, database_url=database_url, edit=with_lines(email_ous=lines)) as here:
        here.populate(3, channels=("mailbox",))
        here.start("sender-live", "clock")
        here.simulator.fault("smtp", kind)
        broadcast = here.release(here.open(Mode.LIVE), channels=("email",))
        eventually(lambda: here.simulator.state("requests")["requests"].get("smtp data", 0) == 3)
        here.kill("sender-live")
        here.simulator.clear_faults()
        here.lapse()
        here.start("sender-live")
        assert here.found_out(broadcast) == {"accepted": 3}
        mails = here.simulator.state("mails")["mails"]
        assert Counter(Counter(mail["to"] for mail in mails).values()) == {copies: 3}
        assert len({mail["message_id"] for mail in mails}) == 3  # mailboxes that merge equal ones show it once
        told = outcomes(here, broadcast, "p1@ous.example")
        assert (told[0], told[-1]) == ("lost uncertain", "send accepted")
        prove(here, broadcast)


@pytest.mark.parametrize("kind", ["slow", "hang"])
def test_told_to_stop_it_finishes_or_gives_back(tmp_path: Path, database_url: str, kind: str) -> None:
    lines = "pace = 60\nconnect_seconds = 1\nread_seconds = 60"
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous=lines)) as here:
        phones = here.populate(150)
        here.start("sender-live", "clock")
        here.simulator.fault("twilio", kind, seconds=1)
        broadcast = release_texts(here)
        eventually(lambda: creates(here) > 20)
        began = time.monotonic()
        assert here.stop("sender-live") == 0
        assert time.monotonic() - began < 10
        states = here.states(broadcast)
        assert set(states) == {"queued", "accepted" if kind == "slow" else "uncertain"}
        assert states == here.counted(broadcast)
        here.simulator.clear_faults()
        here.start("sender-live")
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)


def freeze_between_transactions(here: Town, pid: int) -> None:
    """Stop a process where it holds no lock: frozen in the middle of writing, it would keep others from writing."""
    for _ in range(60):
        os.kill(pid, signal.SIGSTOP)
        if here.runtime.database.is_sqlite:
            free = _may_write(here.runtime.database.url.removeprefix("sqlite:///"))
        else:
            free = _nobody_writes(here)
        if free:
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.03)
    raise AssertionError("never found between two transactions")


def _may_write(file: str) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=0.2, isolation_level=None)) as probe:
            probe.execute("BEGIN IMMEDIATE")
            probe.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    return True


def _nobody_writes(here: Town) -> bool:
    asked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL"
    )
    with here.runtime.database.reading() as session:
        return session.scalar(asked) == 0


def test_frozen_beyond_its_leases_it_says_nothing_more_when_it_wakes(tmp_path: Path, database_url: str) -> None:
    """A machine that slept, or a container that was paused: others have done its work meanwhile."""
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous="pace = 40")) as here:
        phones = here.populate(160)
        here.start("sender-live", "clock")
        broadcast = release_texts(here)
        eventually(lambda: creates(here) > 60)
        frozen = here.processes["sender-live"]
        freeze_between_transactions(here, frozen.pid)
        asleep = time.monotonic()
        here.lapse()
        here.start("sender-live-2")
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        time.sleep(max(0.0, asleep + ACCOUNT_LEASE.total_seconds() + 1 - time.monotonic()))  # as if the leases ran out
        os.kill(frozen.pid, signal.SIGCONT)
        time.sleep(1.5)
        assert here.stop("sender-live") == 0
        prove(here, broadcast, once=phones)


def test_two_senders_share_the_accounts_and_say_everything_once(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous="pace = 200")) as here:
        phones = here.populate(300, channels=("phone", "mailbox"))
        here.start("sender-live", "sender-live-2", "clock")
        broadcast = here.release(here.open(Mode.LIVE), channels=("sms", "email", "page"))
        assert here.found_out(broadcast) == {"accepted": 2 * len(phones) + 3}
        prove(here, broadcast, once=phones)
        mails = Counter(mail["to"] for mail in here.simulator.state("mails")["mails"])
        assert set(mails.values()) == {1}
        assert len(mails) == len(phones)
