"""Around the call-out, on real processes: proving a phone, a second person by telephone, alarms by mail, the silent test."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.broadcasts import submit
from crisis.broadcasts.release import release
from crisis.models import Account, AddressCode, Alert, Approval, Broadcast, Destination, LinkTest, TestedWay
from crisis.oncall import proving
from crisis.states import AlertState, BroadcastState, EscalationPurpose, Mode
from tests.stories.proof import prove
from tests.stories.staff import FAST_LINE, Ward
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow
ANNE, PER, PIN = "+4742000011", "+4742000012", "2580"


def code_on(here: Town, phone: str, way: str) -> str:
    """The six digits this phone has got, as its owner reads or hears them."""
    if way == "call":
        heard = re.search(r"(?:\d\D{1,3}){5}\d", Ward(here).heard(phone))
        return "".join(filter(str.isdigit, heard[0])) if heard else ""
    texts = [one["body"] for one in here.simulator.state("messages")["messages"] if one["to"] == phone]
    read = re.search(r"\b\d{6}\b", " ".join(texts))
    return read[0] if read else ""


def test_a_phone_is_proven_by_a_text_and_by_a_call(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url, edit=FAST_LINE) as here:
        ward = Ward(here)
        phones = dict(zip(("text", "call"), ward.nurses(2), strict=True))
        ward.crowd(shares={"silent": 1})
        here.start("console", "sender-live")
        actor, codes = here.officer(), here.runtime.personal.codes
        for way, phone in phones.items():
            with here.runtime.database.writing() as session:
                row = session.scalars(select(Destination).where(Destination.address == phone)).one()
                proving.send_code(session, actor, row, way, datetime.now(UTC))
            code = eventually(lambda phone=phone, way=way: code_on(here, phone, way), within=30)
            with here.runtime.database.writing() as session:
                row = session.scalars(select(Destination).where(Destination.address == phone)).one()
                wrong = f"{(int(code) + 1) % 1_000_000:06}"
                assert not proving.prove(session, actor, row, wrong, codes, datetime.now(UTC))
                assert proving.prove(session, actor, row, code, codes, datetime.now(UTC))
        with here.runtime.database.reading() as session:
            rows = session.scalars(select(Destination).where(Destination.address.in_(phones.values()))).all()
            assert all(one.verified_at for one in rows)
            assert set(session.scalars(select(AddressCode.tries))) == {1}
        assert ward.calls() == {phones["call"]: 1}
        assert here.phones() == {phones["text"]: 1}


def test_a_second_person_approves_by_telephone_and_is_told_of_a_broken_glass(tmp_path: Path, database_url: str) -> None:
    """Per keys a wrong PIN and puts the phone down; Anne hears every word, keys hers, and approves exactly that."""
    with town(tmp_path, database_url=database_url, edit=FAST_LINE) as here:
        ward = Ward(here)
        anne, _ = ward.approver("anne", ANNE, PIN), ward.approver("per", PER, PIN)
        ward.escalation(EscalationPurpose.APPROVAL, "anne", "per")
        ward.crowd(shares={"ignore": 1})
        ward.habit(PER, does="answer", keys=["1", "1111#"], puts_down="question")
        ward.habit(ANNE, does="answer", keys=["1", f"{PIN}#", "1"], after=20)
        staff = here.populate(2)
        here.start("console", "sender-live", "clock")
        waiting = here.draft(here.open(Mode.LIVE), channels=("sms",))
        now, playbook = datetime.now(UTC), here.runtime.playbooks.shelf().playbooks["mass-casualty"]
        with here.runtime.database.writing() as session:
            row = session.get_one(Broadcast, waiting)
            submit.submit(session, here.officer(), row, here.runtime.settings, playbook, now)
        eventually(lambda: state(here, waiting) is BroadcastState.APPROVED, within=60)
        with here.runtime.database.reading() as session:
            (approval,) = session.scalars(select(Approval).where(Approval.broadcast_id == waiting))
            assert approval.user_id == anne
            words = [text.text for text in session.get_one(Broadcast, waiting).texts if text.language == "nb"]
            alert = session.scalars(select(Alert).where(Alert.broadcast_id == waiting)).one()
            assert alert.state is AlertState.CLOSED
        assert words
        said = "".join(filter(str.isalpha, ward.heard(ANNE)))
        for text in words:  # a voice spells figures and units out, so only its words are compared
            first = "".join(filter(str.isalpha, re.split(r"[\d:/]", text)[0]))
            assert first in said
        assert not set(staff) & set(here.phones()), "approved is not released"
        here.let_go(waiting)
        eventually(lambda: set(staff) <= set(here.phones()))

        ward.habit(PER, does="answer", keys=["1"])
        ward.habit(ANNE, does="ignore")
        broken = here.draft(here.open(Mode.LIVE), channels=("sms",))
        with here.runtime.database.writing() as session:
            row = session.get_one(Broadcast, broken)
            release(
                session, here.officer(), row, here.runtime.settings, playbook, datetime.now(UTC),
                break_glass="nobody answers and people are in danger",
            )  # fmt: skip
        eventually(lambda: taken_by(here, broken) == "Per", within=60)
        prove(here, broken)


def state(here: Town, broadcast_id: uuid.UUID) -> BroadcastState:
    with here.runtime.database.reading() as session:
        return session.get_one(Broadcast, broadcast_id).state


def taken_by(here: Town, broadcast_id: uuid.UUID) -> str:
    with here.runtime.database.reading() as session:
        return session.scalar(select(Alert.taken_name).where(Alert.broadcast_id == broadcast_id)) or ""


def with_an_alarm_address(source: str) -> str:
    lines = '[[accounts.alarms]]\naddress = "vakt-it@ous.example"\ntoken = { env = "ALARM_TOKEN" }\n\n'
    end = '[[accounts]]\nkey = "linkedin-ous"\n'
    assert end in source
    return FAST_LINE(source).replace("poll_seconds = 10", "poll_seconds = 5").replace(end, lines + end)


def test_alarms_by_mail_open_count_and_close(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read over IMAP: opened and told by telephone, counted when it is reported again, closed by its key."""
    monkeypatch.setenv("ALARM_TOKEN", "k7hemmelig")
    with town(tmp_path, database_url=database_url, edit=with_an_alarm_address) as here:
        ward = Ward(here)
        (phone,) = ward.nurses(1)
        ward.escalation(EscalationPurpose.ALERT, "r00001")
        ward.crowd(shares={"yes": 1}, after=[0, 1], thinks=[0, 1])
        here.start("console", "sender-live", "clock", "listener")

        def mailed(subject: str, to: str = "vakt-it+k7hemmelig@ous.example") -> None:
            made = EmailMessage()
            made["From"], made["To"], made["Subject"] = "robot@sensors.example.com", to, subject
            made["Date"] = format_datetime(datetime.now(UTC))
            made.set_content("90 percent")
            here.simulator.internet.mailboxes.come_back("ous@mail.example", made.as_bytes())

        def alerts() -> list[tuple[str, str, int]]:
            with here.runtime.database.reading() as session:
                rows = session.scalars(select(Alert).order_by(Alert.opened_at)).all()
                return [(one.title, one.state.value, one.opened_again) for one in rows]

        eventually(lambda: here.cursor("email-ous") is not None)  # what lay there before it first looked stays unread
        mailed("no secret, no alarm", "vakt-it@ous.example")
        mailed("[disk-7] Disk full on db2")
        eventually(lambda: alerts() == [("Disk full on db2", "taken", 0)], within=60)
        assert ward.calls() == {phone: 1}
        mailed("[disk-7] Disk full on db2")
        eventually(lambda: alerts() == [("Disk full on db2", "taken", 1)], within=60)
        mailed("[disk-7] RESOLVED")
        eventually(lambda: alerts() == [("Disk full on db2", "closed", 1)], within=60)
        eventually(here.inbound, within=60)
        assert ward.calls() == {phone: 1}, "the second report rings nobody"


def looks_at_midnight(source: str) -> str:
    return source.replace('kind = "hospital"', 'kind = "hospital"\nlink_test_at = "00:00"')


def test_every_way_out_is_looked_at_in_silence(tmp_path: Path, database_url: str) -> None:
    """The planned test finds what has stopped working and tells; nobody gets a post, a text, a call or a mail of it."""
    with town(tmp_path, database_url=database_url, edit=looks_at_midnight) as here:
        here.simulator.fault("linkedin", "403", scope="all")
        here.start("listener")
        found = eventually(lambda: looked_at(here), within=90)
        assert [key for key, ok in found.items() if ok is False] == ["linkedin-ous", "linkedin-ous-drill"]
        assert {"sms-ous", "voice-ous", "email-ous", "x-ous"} <= {key for key, ok in found.items() if ok}
        with here.runtime.database.reading() as session:
            kinds = session.scalars(select(Broadcast.message)).all()
            active = session.scalars(select(Account.key).where(Account.active, Account.key.contains("-ous"))).all()
        assert set(active) == set(found), "every way, live and exercise"
        assert set(kinds) <= {"way_failed", "link_test"}, "words to our own administrators alone"
        assert here.phones() == Counter()
        assert here.simulator.state("calls")["calls"] == []
        assert here.simulator.state("posts")["posts"] == []


def looked_at(here: Town) -> dict[str, bool | None]:
    """What the ended test of the hospital found, by account."""
    with here.runtime.database.reading() as session:
        rows = session.execute(
            select(Account.key, TestedWay.ok)
            .join(TestedWay, TestedWay.account_id == Account.id)
            .join(LinkTest, LinkTest.id == TestedWay.test_id)
            .where(LinkTest.ended_at.is_not(None), Account.key.contains("-ous"))
            .order_by(Account.key)
        ).all()
        return dict(rows)
