"""Bad input around calling people: each has a result that an officer sees on a page, and the call-out goes on."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select
from twilio.request_validator import RequestValidator

from crisis.channels.twilio import voice
from crisis.console import create_app
from crisis.models import Ask, Delivery, Destination, ListeningCount, Person, Rota
from crisis.oncall import filling
from crisis.runtime import match_settings
from crisis.settings import AccountSettings, SecretRef
from crisis.states import AskState, CallOutState, Role
from tests.broadcasts.scene import PUBLIC_URL, TOKEN, a_scene
from tests.console.scene import Browser, Night
from tests.console.test_callouts import WORDS, planned, row, staff
from tests.oncall.scene import a_rota

WEEKLY = "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTART:20260105T080000\r\nDTEND:20260106T080000\r\n{rule}SUMMARY:Kari\r\nEND:VEVENT\r\n"


@dataclass
class Ward:
    """A night with a telephone account; one nurse is rung up by a released call-out."""

    night: Night
    call_out_id: uuid.UUID

    @property
    def board(self) -> str:
        return self.night.browser("kari").get(f"/call-outs/{self.call_out_id}/board").text

    def rung(self) -> tuple[uuid.UUID, uuid.UUID, str]:
        """The ask, the delivery and the phone of whoever was rung first."""
        with self.night.scene.runtime.database.reading() as session:
            found = session.execute(
                select(Ask.id, Delivery.id, Delivery.address)
                .join(Delivery, Delivery.ask_id == Ask.id)
                .where(Ask.call_out_id == self.call_out_id)
                .order_by(Ask.position)
            ).first()
            assert found is not None
            return found[0], found[1], found[2]

    def key(self, digits: str, *, phone: str = "", signed: bool = True, call: str = "CA1") -> int:
        """A key of the call to the first one, as Twilio tells it; the status of our answer."""
        _, delivery, address = self.rung()
        path = f"/hooks/voice-ous/voice?attempt={delivery.hex}.1&step=menu"
        form = {"CallSid": call, "From": "+4759440000", "To": phone or address, "Direction": "outbound-api"}
        form["Digits"] = digits
        proof = RequestValidator(TOKEN).compute_signature(PUBLIC_URL + path, form) if signed else "forged"
        client = self.night.app.test_client()
        return client.post(path, data=form, headers={"X-Twilio-Signature": proof}).status_code

    def person(self) -> str:
        """The page about the one who was rung."""
        ask = self.rung()[0]
        return self.night.browser("kari").get(f"/call-outs/{self.call_out_id}/asks/{ask}").text


@pytest.fixture
def night(tmp_path: Path, database_url: str) -> Iterator[Night]:
    with a_scene(tmp_path, database_url) as scene:
        secret = SecretRef(file=tmp_path / "secret")
        told = voice.Options(account_sid="AC" + "0" * 32, auth_token=secret, from_number="+4759440000")
        account = AccountSettings(key="voice-ous", unit="ous", channel="voice", mode="live", options=told)
        settings = scene.settings.model_copy(update={"accounts": (*scene.settings.accounts, account)})
        with scene.runtime.database.writing() as session:
            match_settings(session, settings)
        scene.runtime = replace(scene.runtime, settings=settings)
        scene.user("ada", Role.ADMINISTRATOR)
        scene.sign_off("call_out")
        made = Night(scene, create_app(scene.runtime))
        staff(made, "nurse", 3)
        yield made


@pytest.fixture
def ward(night: Night) -> Ward:
    kari = night.browser("kari")
    made = planned(night, kari, ("nurse", 1), way=["voice"])
    kari.send(f"/call-outs/{made}", f"/call-outs/{made}/release", read="yes")
    assert row(night, made).state is CallOutState.OPEN
    return Ward(night, made)


@pytest.mark.parametrize("digits", ["7", "0", "*", "#", "5" * 20])
def test_wrong_digits_are_no_answer(ward: Ward, digits: str) -> None:
    assert ward.key(digits) == 200
    assert "Nothing yet." in ward.person()
    assert "0 of 1" in ward.board
    assert ward.key("1") == 200
    assert row(ward.night, ward.call_out_id).state is CallOutState.FILLED


def test_a_callback_for_somebody_elses_call_answers_for_nobody(ward: Ward) -> None:
    assert ward.key("1", phone="+4799999999") == 200
    assert "Nothing yet." in ward.person()
    assert row(ward.night, ward.call_out_id).state is CallOutState.OPEN


def test_a_forged_callback_is_refused_and_counted(ward: Ward) -> None:
    assert ward.key("1", signed=False) == 403
    assert "Nothing yet." in ward.person()
    with ward.night.scene.runtime.database.reading() as session:
        assert session.scalars(select(ListeningCount.count).where(ListeningCount.what == "forged")).all() == [1]


def test_a_replayed_callback_counts_once(ward: Ward) -> None:
    """The key of a yes told again after the no that followed it: the latest of what was said stays the latest."""
    assert ward.key("1") == 200
    assert ward.key("2", call="CA2") == 200
    assert ward.key("1") == 200
    page = ward.person()
    assert page.count("Comes</b>") == 1
    with ward.night.scene.runtime.database.reading() as session:
        assert session.get_one(Ask, ward.rung()[0]).state is AskState.NO
    assert row(ward.night, ward.call_out_id).state is CallOutState.OPEN


def test_a_person_with_no_destination_is_named_and_the_others_are_asked(night: Night) -> None:
    with night.scene.runtime.database.writing() as session:
        nobody = Person(unit_id=night.scene.units["ous"], reference="none", name="Siri Uten", skills=["nurse"])
        session.add(nobody)
        first = session.scalars(select(Person).where(Person.skills.is_not(None), Person.name.like("Nurse%"))).first()
        assert first is not None
        first.destinations[0].verified_at = night.scene.now
    kari = night.browser("kari")
    made = planned(night, kari, ("nurse", 4), way=["voice"])
    html = kari.get(f"/call-outs/{made}").text
    unable = html.partition('id="unable"')[2]
    assert "no phone or mailbox we can use (1)" in unable
    assert "Siri Uten" in unable
    assert "(1 verified)" in html
    assert "2 have never proven a phone or mailbox" in html
    kari.send(f"/call-outs/{made}", f"/call-outs/{made}/release", read="yes")
    assert row(night, made).state is CallOutState.OPEN


def test_whoever_loses_their_last_way_meanwhile_is_shown_as_not_reached(ward: Ward) -> None:
    scene = ward.night.scene
    ask = ward.rung()[0]
    with scene.runtime.database.writing() as session:
        person = session.get_one(Person, session.get_one(Ask, ask).person_id)
        session.delete(session.scalars(select(Destination).where(Destination.person_id == person.id)).one())
        name = person.name
        session.get_one(Ask, ask).tries = 0
        session.get_one(Ask, ask).state = AskState.WAITING
    with scene.runtime.database.writing() as session:
        call_out = filling.held(session, ward.call_out_id)
        assert call_out is not None
        call_out.due_at = scene.now
    kari = ward.night.browser("kari")
    kari.send(f"/call-outs/{ward.call_out_id}/board", f"/call-outs/{ward.call_out_id}/widen")
    assert name in ward.board
    assert "no phone or mailbox we can use" in ward.board


def imported(ada: Browser, rota_id: uuid.UUID, rule: str) -> str:
    events = WEEKLY.format(uid="a", rule=rule)
    raw = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{events}END:VCALENDAR\r\n".encode()
    return ada.follow(f"/rotas/{rota_id}", f"/rotas/{rota_id}/import", file=(io.BytesIO(raw), "x.ics"))


def test_a_calendar_that_repeats_for_ever_is_followed_for_a_while_or_refused(night: Night) -> None:
    rota_id, ada = a_rota(night.scene, "own-anne"), night.browser("ada")
    assert "repeats in a way that is no rota" in imported(ada, rota_id, "RRULE:FREQ=SECONDLY\r\n")
    page = imported(ada, rota_id, "RRULE:FREQ=WEEKLY\r\n")
    with night.scene.runtime.database.reading() as session:
        count = len(session.get_one(Rota, rota_id).changes)
    assert 50 < count < 70, "four hundred days of weeks"
    assert f"New: {count}," in page
    assert "Kari" in page


def test_two_rotas_that_overlap_are_both_named(night: Night) -> None:
    a_rota(night.scene, "own-anne", key="leader")
    a_rota(night.scene, "own-anne", key="surgery")
    page = night.browser("ada").get("/rotas/").text
    shown = page.partition("Two duties at once")[2]
    assert "Anne" in shown
    assert "Leader + Surgery" in shown


def test_anybody_without_a_group_would_call_the_press_in(night: Night) -> None:
    """The unit's list also holds press and residents: a need without a skill names a group."""
    kari, incident = night.browser("kari"), night.scene.incident()
    form = {"message": "call_out", "title": "Alle", "skill": "", "number": "3", "by": "", **WORDS}
    page = f"/incidents/{incident}/call-outs/new?message=call_out"
    refused = kari.send(page, f"/incidents/{incident}/call-outs", **form)
    assert refused.status_code == 422
    assert "press and residents" in refused.text
    assert kari.send(page, f"/incidents/{incident}/call-outs", **form, group="staff").status_code == 302


def test_adding_by_hand_shows_staff_first_and_every_group(ward: Ward) -> None:
    html = ward.night.browser("kari").get(f"/call-outs/{ward.call_out_id}/people").text
    assert html.index("Nurse ") < html.index("press-"), "those with the skill that is needed come first"
    assert "· Press</span>" in html
