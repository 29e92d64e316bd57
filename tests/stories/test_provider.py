"""What providers and the way to them do to us: nobody gets it twice, nobody is forgotten, and others never wait."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import Account, Broadcast, Delivery, Destination, Grant, Person, User
from crisis.sending.pause import resume
from crisis.states import Mode, Purpose, Role
from tests.stories.proof import history, outcomes, prove, with_lines
from tests.stories.town import SLOTS, Town, eventually, free_port, town

pytestmark = pytest.mark.slow
SHORT = "connect_seconds = 1\nread_seconds = 1"
TROUBLE = ("hang", "hang_after", "500_before", "500_after", "reset_before", "reset_after", "cut_off", "html")
TAKEN = {"hang_after", "500_after", "reset_after", "cut_off"}  # the provider has it, and we do not know


def texts(here: Town, **more: object) -> uuid.UUID:
    return here.release(here.open(Mode.LIVE), channels=("sms",), **more)  # type: ignore[arg-type]


def mails(here: Town) -> Counter[str]:
    return Counter(mail["to"] for mail in here.simulator.state("mails")["mails"])


def account(here: Town, key: str) -> Account:
    with here.runtime.database.reading() as session:
        return session.scalars(select(Account).where(Account.key == key)).one()


def accounts(here: Town) -> list[Account]:
    with here.runtime.database.reading() as session:
        return list(session.scalars(select(Account)))


def test_sms_every_lost_answer_is_found_out_by_the_list(tmp_path: Path, database_url: str) -> None:
    """No console runs, so no receipt ever comes: the list of messages alone must tell."""
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous=SHORT)) as here:
        phones = here.populate(len(TROUBLE) + 2)
        for kind, phone in zip((*TROUBLE, "429"), phones, strict=False):
            here.simulator.fault("twilio", kind, times=1, seconds=1, match=phone)
        here.start("sender-live", "clock")
        broadcast = texts(here)
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)
        for kind, phone in zip(TROUBLE, phones, strict=False):
            told = outcomes(here, broadcast, phone)
            assert told[0] == "send uncertain", kind
            assert told[-1] == ("look1 accepted" if kind in TAKEN else "send accepted"), kind
        assert outcomes(here, broadcast, phones[len(TROUBLE)]) == ["send busy", "send accepted"]


def test_x_every_lost_answer_is_found_out_on_the_wall(tmp_path: Path, database_url: str) -> None:
    """A post carries a link, which X gives back as t.co: it is recognised all the same."""
    with town(tmp_path, database_url=database_url, edit=with_lines(x_ous=SHORT)) as here:
        here.start("sender-live", "clock")
        for number, kind in enumerate(TROUBLE):
            here.simulator.fault("x", kind, times=1)
            place = f"Torg {number}"
            broadcast = here.release(here.open(Mode.LIVE, place), channels=("x",), slots={**SLOTS, "place": place})
            assert here.found_out(broadcast) == {"accepted": 1}, kind
            said = [post["text"] for post in here.simulator.state("posts")["posts"] if place in post["text"]]
            assert len(said) == 1, kind
            assert "http" in said[0]
            told = outcomes(here, broadcast, "wall")
            assert told[0] == "send uncertain", kind
            assert told[-1] == ("look1 accepted" if kind in TAKEN else "send accepted"), kind
            prove(here, broadcast)


NETWORKS = ("facebook", "threads", "linkedin", "mastodon", "bluesky", "wordpress")


@pytest.mark.parametrize("kind", ["reset_after", "500_after", "500_before"])
def test_an_answer_lost_on_any_network_is_found_out_and_said_once(tmp_path: Path, database_url: str, kind: str) -> None:
    """By the key where there is one, by the container where there are two steps, by the wall elsewhere."""
    quick = {f"{name}_ous": SHORT for name in NETWORKS if name != "wordpress"}
    with town(tmp_path, database_url=database_url, edit=with_lines(**quick)) as here:
        for name in NETWORKS:
            here.simulator.fault(name, kind, times=1)
        here.start("sender-live", "clock")
        broadcast = here.release(here.open(Mode.LIVE), channels=NETWORKS)
        states = here.found_out(broadcast)
        assert set(states) == {"accepted"}
        prove(here, broadcast)
        channels = {row.id: row.channel for row in accounts(here)}
        wanted = Counter(channels[delivery.account_id] for delivery in history(here, broadcast))
        seen = here.simulator.state("networks")["networks"]
        assert {name: sum(one["ours"] for one in seen[name]) for name in NETWORKS} == dict(wanted)
        doubted = {channels[one.account_id] for one, told in history(here, broadcast).items() if len(told) > 1}
        assert doubted == set(NETWORKS)


def test_a_mail_that_may_have_left_is_repeated_and_the_record_says_so(tmp_path: Path, database_url: str) -> None:
    """Before DATA nothing is in doubt; after it nobody can look, so the account's policy repeats: at least once."""
    kinds = ("reset_before", "hang", "reset_after", "hang_after", "450", "451", "550", "421")
    with town(tmp_path, database_url=database_url, edit=with_lines(email_ous=SHORT)) as here:
        here.populate(len(kinds) + 1, channels=("mailbox",))
        boxes = [f"p{number}@ous.example" for number in range(1, len(kinds) + 2)]
        for kind, box in zip(kinds, boxes, strict=False):
            here.simulator.fault("smtp", kind, times=1, match=box)
        here.start("sender-live", "clock")
        broadcast = here.release(here.open(Mode.LIVE), channels=("email",))
        assert here.found_out(broadcast) == {"accepted": len(boxes) - 1, "failed": 1}
        got = mails(here)
        expected = dict.fromkeys(boxes, 1) | {boxes[kinds.index("reset_after")]: 2, boxes[kinds.index("hang_after")]: 2}
        assert got == {box: count for box, count in expected.items() if box != boxes[kinds.index("550")]}
        assert outcomes(here, broadcast, boxes[2]) == [
            "send uncertain", "look1 uncertain", "look2 uncertain", "send accepted",
        ]  # fmt: skip
        ids = {mail["message_id"] for mail in here.simulator.state("mails")["mails"] if boxes[2] == mail["to"]}
        assert len(ids) == 1  # mailboxes that merge equal Message-IDs show it once
        prove(here, broadcast)


def test_what_never_left_waits_and_leaves_once(tmp_path: Path, database_url: str) -> None:
    """Connection refused, a name that is not known, a certificate that is not trusted."""
    closed = free_port()
    with town(tmp_path, database_url=database_url) as here:
        phones = here.populate(3, channels=("phone", "mailbox"))
        path = here.folder / "crisis.toml"
        good = path.read_text()

        def change(source: str, key: str, old: str, new: str) -> str:
            head, tail = source[: source.index(f'key = "{key}"\n')], source[source.index(f'key = "{key}"\n') :]
            return head + tail.replace(old, new, 1)

        web = here.simulator.url
        bad = change(good, "x-ous", web, "http://nobody.invalid")
        bad = change(bad, "sms-ous", web, f"http://127.0.0.1:{closed}")
        bad = change(bad, "email-ous", "verify = false", "verify = true")
        path.write_text(bad)
        here.start("sender-live", "clock")
        broadcast = here.release(here.open(Mode.LIVE))
        eventually(lambda: here.states(broadcast)["accepted"] == 3)  # the page does not wait for the others
        eventually(lambda: all(told for told in history(here, broadcast).values()))
        assert here.states(broadcast) == {"accepted": 3, "queued": 1 + 3 + 3}
        for delivery, told in history(here, broadcast).items():
            if delivery.state == "queued":
                assert {attempt.outcome for attempt in told} == {"unreachable"}
        path.write_text(good)
        assert here.stop("sender-live") == 0
        here.start("sender-live")
        assert here.found_out(broadcast) == {"accepted": 3 + 1 + 3 + 3}
        prove(here, broadcast, once=phones)
        assert set(mails(here).values()) == {1}
        assert len(here.simulator.state("posts")["posts"]) == 1


@pytest.mark.parametrize("kind", ["401", "403"])
def test_refused_keys_or_rights_pause_one_account_alone_and_administrators_hear_once(
    tmp_path: Path, database_url: str, kind: str
) -> None:
    with town(tmp_path, database_url=database_url) as here:
        phones = here.populate(12, channels=("phone", "mailbox"))
        with here.runtime.database.writing() as session:
            user = session.scalars(select(User).where(User.login == "vakt")).one()
            unit_id = account(here, "sms-ous").unit_id
            person = Person(unit_id=unit_id, reference="adm", name="Administrator", language="nb")
            person.destinations.append(Destination(medium="mailbox", address="adm@ous.example"))
            session.add(person)
            session.flush()
            user.person_id = person.id
            session.add(Grant(user_id=user.id, unit_id=unit_id, role=Role.ADMINISTRATOR))
        here.simulator.fault("twilio", kind)
        here.start("sender-live", "clock")
        broadcast = here.release(here.open(Mode.LIVE))
        eventually(lambda: here.states(broadcast)["accepted"] == 3 + 1 + 12)
        eventually(lambda: mails(here)["adm@ous.example"])
        assert "stopped by itself" in (account(here, "sms-ous").paused_reason or "")
        assert here.states(broadcast, "sms") == {"queued": 12}
        assert here.simulator.state("requests")["requests"]["twilio create"] <= 12
        here.simulator.clear_faults()
        with here.runtime.database.writing() as session:
            resume(session, here.officer(), session.scalars(select(Account).where(Account.key == "sms-ous")).one())
        assert here.found_out(broadcast) == {"accepted": 3 + 1 + 12 + 12}
        prove(here, broadcast, once=phones)
        with here.runtime.database.reading() as session:
            notices = select(Delivery).join(Broadcast, Broadcast.id == Delivery.broadcast_id)
            assert len(session.scalars(notices.where(Broadcast.purpose == Purpose.NOTICE)).all()) == 1
        assert mails(here)["adm@ous.example"] == 1


@pytest.mark.parametrize(("kind", "asked"), [("429", 2.0), ("429_bare", 0.5)])
def test_a_provider_that_wants_quiet_gets_it_and_nobody_else_waits(
    tmp_path: Path, database_url: str, kind: str, asked: float
) -> None:
    """With a wait the account is quiet as long as was asked for, without one for a growing pause of our own."""
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous="pace = 20")) as here:
        phones = here.populate(40)
        here.simulator.fault("twilio", kind, times=4, seconds=asked)
        here.start("sender-live", "clock")
        broadcast = texts(here)
        eventually(lambda: account(here, "sms-ous").busy_streak)
        mine = here.release(here.open(Mode.LIVE, "Andre"), channels=("page",))
        assert here.settled_soon(mine) == {"accepted": 3}
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)
        calls = [attempt for told in history(here, broadcast).values() for attempt in told]
        assert {attempt.outcome for attempt in calls} == {"busy", "accepted"}
        heard = min(attempt.ended_at for attempt in calls if attempt.outcome == "busy")
        afterwards = [attempt.started_at for attempt in calls if attempt.started_at > heard]
        assert min(afterwards) - heard >= timedelta(seconds=asked - 0.1)


@pytest.mark.parametrize("kind", ["500_before", "reset_before"])
def test_an_outage_burns_few_messages_and_everybody_gets_it_afterwards(
    tmp_path: Path, database_url: str, kind: str
) -> None:
    """A provider that is down is asked now and then with one message, not fed the whole queue."""
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous=f"pace = 100\n{SHORT}")) as here:
        phones = here.populate(300)
        here.simulator.fault("twilio", kind)
        here.start("sender-live", "clock")
        broadcast = texts(here)
        eventually(lambda: account(here, "sms-ous").busy_streak >= 3)
        assert here.states(broadcast)["queued"] >= 200
        assert account(here, "sms-ous").paused_reason is None
        mine = here.release(here.open(Mode.LIVE, "Andre"), channels=("page",))
        assert here.settled_soon(mine) == {"accepted": 3}  # others never wait
        here.simulator.clear_faults()
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)


def test_a_call_that_never_ends_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The read timeout is long, the answer never comes: the drain does not wait for ever."""
    from crisis.sending import drain

    monkeypatch.setattr(drain, "LONGEST_CALL", 1.0)
    import asyncio

    from crisis.sending.desk import Desk

    with town(tmp_path, edit=with_lines(sms_ous="connect_seconds = 1\nread_seconds = 30")) as here:
        here.populate(2)
        broadcast = texts(here)
        here.simulator.fault("twilio", "hang")

        async def work() -> None:
            told = next(one for one in here.runtime.settings.accounts if one.key == "sms-ous")
            channel = here.runtime.open_channel(told)
            await drain.Drain(
                Desk(here.runtime.database, "me"),
                channel,
                account(here, "sms-ous").id,
                pace=10,
                repeat_after=timedelta(minutes=10),
            ).run(5)
            await channel.close()

        asyncio.run(asyncio.wait_for(work(), 20))
        assert here.states(broadcast) == {"uncertain": 2}
        prove(here, broadcast)
