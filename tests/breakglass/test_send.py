"""`crisis send` as typed: with no Redis, no console and no sender, the message leaves once, and only for an officer."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import pytest
from sqlalchemy import select, update

from crisis import throttle
from crisis.models import Account, AuditRow, Broadcast, Delivery, Incident, User, utcnow
from crisis.states import BroadcastState, Mode
from tests.breakglass.scene import AGAIN, DRILL, LIVE, TITLE, Vault
from tests.stories.town import eventually

WALLS = 6 + 3 + 3  # a post on each network; the page and the web site in three languages


def test_everybody_gets_it_once_with_everything_else_down(here: Vault) -> None:
    phones = here.town.populate(12, channels=("phone", "mailbox"))
    said = here.send()
    assert said.status == 0, said
    assert here.town.phones() == Counter(phones)
    seen = here.town.simulator.state("mails", "posts", "refused")
    assert (len(seen["mails"]), len(seen["posts"]), seen["refused"]) == (12, 1, [])
    (broadcast,) = here.broadcasts()
    assert here.town.states(broadcast) == here.town.counted(broadcast) == {"accepted": 12 + 12 + WALLS}
    # What was shown is what left.
    (text,) = {one["body"] for one in here.town.simulator.state("messages")["messages"] if one["to"] in phones}
    assert text in said.out.replace("\n    ", "\n")
    assert "LIVE. Real people get this." in said.out
    assert "In all 36 deliveries, to 12 persons" in said.out
    assert "All out." in said.out


def test_the_record_tells_who_where_and_from_which_machine(here: Vault) -> None:
    here.town.populate(1)
    assert here.send("--channel", "sms").status == 0
    assert {
        "incident.opened": 1,
        "broadcast.drafted": 1,
        "broadcast.released": 1,
        "broadcast.from_terminal": 1,
    }.items() <= (here.acts().items())
    with here.town.runtime.database.reading() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.act.like("broadcast.%"))).all()
        broadcast = session.scalars(select(Broadcast)).one()
    assert all(row.who.startswith("Vakt (terminal, ") and row.user_id == broadcast.released_by for row in rows)
    assert rows[-1].details["host"] == os.uname().nodename
    assert rows[-1].details["login"] == "vakt"
    assert broadcast.leaves_at == broadcast.released_at  # the phrase was the countdown


def test_a_drill_uses_drill_accounts_and_its_own_phrase(here: Vault) -> None:
    phones = here.town.populate(2)
    assert here.send(phrase=LIVE, mode="--drill").status == 1
    assert here.town.phones() == Counter()
    said = here.send(phrase=DRILL, mode="--drill")
    assert said.status == 0, said
    assert "DRILL. Only the drill accounts get this." in said.out
    assert here.town.phones() == Counter(phones)
    with here.town.runtime.database.reading() as session:
        assert set(session.scalars(select(Account.mode).join(Delivery, Delivery.account_id == Account.id))) == {
            Mode.DRILL
        }


def test_without_the_exact_phrase_nothing_leaves_and_nothing_is_left_behind(here: Vault) -> None:
    here.town.populate(2)
    for phrase in ("yes", "send live", "SEND DRILL", AGAIN, ""):
        said = here.send(phrase=phrase)
        assert said.status == 1
        assert "the phrase is 'SEND LIVE'" in said.err
    assert here.run(*here.words(), typed="").status == 1  # nobody types anything
    assert here.town.phones() == Counter()
    assert here.count(Broadcast) == 0
    with here.town.runtime.database.reading() as session:
        assert all(one.closed_at for one in session.scalars(select(Incident)))
    assert here.acts()["broadcast.discarded"] == 6


def test_the_phrase_is_asked_for_and_typed(here: Vault) -> None:
    here.town.populate(1)
    said = here.run(*here.words("--channel", "sms"), typed="SEND LIVE\n")
    assert said.status == 0, said
    assert "Type SEND LIVE to send it" in said.out


def test_only_the_officers_own_password_opens_it(here: Vault) -> None:
    here.town.populate(1)
    for password in ("guess", "", "-"):
        said = here.send(password=password)
        assert said.status == 1
        assert "the password is not that of vakt" in said.err
        assert "In all" not in said.out  # who would get it is not for everybody's eyes either
    assert here.town.phones() == Counter()
    assert here.count(Incident) == 0
    assert here.acts()["terminal.password_wrong"] == 3


def test_guessing_is_slowed_as_at_sign_in(here: Vault) -> None:
    """The count is shared with the console's; the right password waits too."""
    here.town.populate(1)
    with here.town.runtime.database.writing() as session:
        for _ in range(8):
            throttle.failed(session, ["login:vakt"], utcnow())
    said = here.send()
    assert said.status == 1
    assert "too many wrong passwords for vakt: wait" in said.err
    assert here.acts()["terminal.password_wrong"] == 0  # it was not even looked at


def test_a_one_time_password_that_has_run_out_opens_nothing(here: Vault) -> None:
    here.town.populate(1)
    with here.town.runtime.database.writing() as session:
        session.execute(update(User).where(User.login == "vakt").values(password_until=utcnow()))
    assert "the password is not that of vakt" in here.send().err
    assert here.town.phones() == Counter()


def test_the_password_may_come_from_standard_input(here: Vault) -> None:
    here.town.populate(1)
    words = here.words("--channel", "sms", "--password-stdin", "--yes-i-mean-it", LIVE)
    assert here.run(*words, typed="wrong\n", password=None).status == 1
    assert here.run(*words, typed="fire hester i regnet\n", password=None).status == 0


def test_mistakes_are_words_and_not_a_traceback(here: Vault) -> None:
    here.town.populate(1)
    both = here.send("--drill")
    assert (both.status, "either --live or --drill" in both.err) == (1, True)
    slot = here.send("--slot", "place")
    assert (slot.status, "write it as name=value" in slot.err) == (1, True)
    twice = here.send("--slot", "place=Oslo")
    assert (twice.status, "is there twice" in twice.err) == (1, True)
    for said in (both, slot, twice):
        assert "nothing was sent" in said.err
        assert "Traceback" not in said.err


def test_the_same_words_again_need_another_phrase(here: Vault) -> None:
    """A script that tries again after a kill says nothing twice."""
    phones = here.town.populate(2)
    assert here.send("--channel", "sms").status == 0
    again = here.send("--channel", "sms")
    assert again.status == 1
    assert "THE SAME MESSAGE WAS RELEASED AT" in again.out
    assert here.town.phones() == Counter(phones)
    assert here.send("--channel", "sms", phrase=AGAIN).status == 0
    assert here.town.phones() == Counter(phones + phones)
    with here.town.runtime.database.reading() as session:
        assert session.scalars(select(Incident.title)).all() == [TITLE]  # the open one was used


def test_running_senders_and_the_terminal_share_the_work(here: Vault) -> None:
    phones = here.town.populate(60)
    here.town.start("sender-live", "clock")
    said = here.send()
    assert said.status == 0, said
    (broadcast,) = here.broadcasts()
    assert here.town.states(broadcast) == here.town.counted(broadcast) == {"accepted": 60 + WALLS}
    assert here.town.phones() == Counter(phones)


def test_what_was_uncertain_is_found_out_while_one_waits(here: Vault) -> None:
    phones = here.town.populate(3)
    here.town.simulator.fault("twilio", "reset_after", times=1)
    said = here.send("--channel", "sms")
    assert said.status == 0, said
    assert "1 UNCERTAIN" in said.out
    assert here.town.phones() == Counter(phones)


@pytest.mark.parametrize(("kind", "say"), [("reset_after", "1 UNCERTAIN"), ("550", "1 FAILED")])
def test_what_is_not_sure_or_failed_makes_another_exit_status(here: Vault, kind: str, say: str) -> None:
    here.town.populate(3, channels=("mailbox",))
    here.town.simulator.fault("smtp", kind, times=1)
    said = here.send("--channel", "email", "--minutes", "0.1")
    assert said.status == 3
    assert say in said.out
    assert "NOT all of it is out" in said.out


def test_an_account_without_its_secret_waits_and_the_others_speak(here: Vault) -> None:
    phones = here.town.populate(2)
    here.town.environment = here.town.environment | {"X_OUS_CONSUMER_KEY": ""}
    with here.town.runtime.database.writing() as session:
        session.execute(update(Account).where(Account.key == "page-ous").values(paused_reason="for a test"))
    said = here.send()
    assert said.status == 3
    assert "PAUSED, nothing will leave: for a test" in said.out
    assert here.town.phones() == Counter(phones)


@pytest.mark.slow
def test_ctrl_c_stops_and_leaves_the_rest_to_the_senders(here: Vault) -> None:
    phones = here.town.populate(400)
    process = here.start(*here.words("--channel", "sms", "--yes-i-mean-it", LIVE))
    eventually(here.town.phones, within=30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, (out, err)
    (broadcast,) = here.broadcasts()
    states = here.town.states(broadcast)
    assert states["queued"] > 0
    assert states["sending"] == 0
    here.town.start("sender-live")
    eventually(lambda: set(here.town.states(broadcast)) == {"accepted"}, within=90)
    assert here.town.phones() == Counter(phones)


@pytest.mark.slow
def test_killed_in_the_middle_nobody_gets_it_twice(here: Vault) -> None:
    phones = here.town.populate(300)
    process = here.start(*here.words("--channel", "sms", "--yes-i-mean-it", LIVE))
    eventually(lambda: len(here.town.phones()) > 20, within=30)
    process.kill()
    process.wait()
    time.sleep(0.2)
    here.town.lapse()
    here.town.start("sender-live", "clock")
    (broadcast,) = here.broadcasts()

    def done() -> bool:
        here.town.hurry()
        return not {"queued", "sending", "uncertain"} & set(here.town.states(broadcast))

    eventually(done, within=90, every=1)
    assert here.town.phones() == Counter(phones)
    eventually(lambda: _state(here, broadcast) is BroadcastState.CLOSED)


def _state(here: Vault, broadcast_id: object) -> BroadcastState:
    with here.town.runtime.database.reading() as session:
        return session.get_one(Broadcast, broadcast_id).state
