"""Keys on the telephone at every step: wrong ones, none, a machine, somebody else's call, the same key told twice."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from crisis import passwords
from crisis.channels.base import Press, Speech
from crisis.channels.twilio.voice_words import WORDS
from crisis.models import Account, Broadcast, CallOut, Delivery, Destination, Person, Reply
from crisis.oncall import callout_board, pins, replies
from crisis.states import AlertState, AskState, BroadcastState, CallOutState
from tests.broadcasts.scene import Scene
from tests.oncall.callouts import Night
from tests.oncall.scene import alert_now, an_escalation, later, opened, ticked

SAID = WORDS["nb"]
STRANGER = "+4799999999"


@pytest.fixture
def nurse(night: Night) -> uuid.UUID:
    """A nurse who is asked to come."""
    (made,) = night.staff("nurse")
    night.plan(("nurse", 1))
    night.release()
    night.step()
    return made


def phone_of(night: Night, person_id: uuid.UUID) -> str:
    with night.scene.runtime.database.reading() as session:
        row = select(Destination.address).where(Destination.person_id == person_id, Destination.medium == "phone")
        return session.scalars(row).one()


def press(night: Night, person_id: uuid.UUID, word: str, digits: str = "", step: str = "menu", **more: str) -> Speech:
    with night.scene.runtime.database.writing() as session:
        found = select(Delivery).where(Delivery.person_id == person_id).order_by(Delivery.id)
        delivery = session.scalars(found).first()
        assert delivery is not None
        account = session.scalars(select(Account).where(Account.key == more.get("account", "sms-live"))).one()
        reference = None if word == "incoming" else more.get("reference", f"{delivery.id.hex}.1")
        author = more.get("author", phone_of(night, person_id))
        told = Press(more.get("call", "CA1"), word, reference, author, digits, step)  # type: ignore[arg-type]
        return replies.heard(session, account, told, night.now)


def kept(night: Night) -> list[str]:
    with night.scene.runtime.database.reading() as session:
        return list(session.scalars(select(Reply.word).order_by(Reply.id)))


@pytest.mark.parametrize("digits", ["4", "0", "#", "*", "12345678901234567890"])
def test_wrong_digits_ask_again_and_count_for_nothing(night: Night, nurse: uuid.UUID, digits: str) -> None:
    said = press(night, nurse, "digits", digits)
    assert said.say[0] == SAID.again
    assert said.ask == "menu"
    assert kept(night) == []


def test_one_is_yes_once_however_often_it_is_told(night: Night, nurse: uuid.UUID) -> None:
    for _ in range(3):
        assert press(night, nurse, "digits", "1").say == [SAID.yes]
    assert kept(night) == ["yes"]
    assert night.call_out().state is CallOutState.FILLED


def test_three_and_minutes_and_bad_minutes_are_asked_for_again(night: Night, nurse: uuid.UUID) -> None:
    assert press(night, nurse, "digits", "3").ask == "minutes"
    for bad in ("0", "#", "99999", "*12*"):
        said = press(night, nurse, "digits", bad, "minutes")
        assert (said.ask == "minutes") is (bad != "*12*")
    assert kept(night) == ["begun", "later"]  # stars around a number are only how it was keyed


def test_nobody_is_taken_at_their_silence_and_a_machine_is_never_a_yes(night: Night, nurse: uuid.UUID) -> None:
    assert press(night, nurse, "none").say == [SAID.unanswered]
    assert press(night, nurse, "answered").say == []
    press(night, nurse, "machine")
    assert kept(night) == []
    assert night.ask(nurse).state is AskState.VOICEMAIL
    assert press(night, nurse, "digits", "1").say == [SAID.yes], "a key proves a person in spite of the guess"


@pytest.mark.parametrize(
    "more",
    [{"author": STRANGER}, {"reference": f"{uuid.uuid4().hex}.1"}, {"reference": "no id"}, {"account": "sms-drill"}],
)
def test_a_call_that_is_not_theirs_changes_nothing(night: Night, nurse: uuid.UUID, more: dict[str, str]) -> None:
    assert press(night, nurse, "digits", "1", **more).say == [SAID.not_yours]
    assert kept(night) == []
    assert night.ask(nurse).state is AskState.RINGING


def calls_in(night: Night, phone: str, digits: str = "", step: str = "menu", call: str = "CA9") -> Speech:
    """Somebody calls us from a phone that shows this number, and what they press."""
    with night.scene.runtime.database.writing() as session:
        account = session.scalars(select(Account).where(Account.key == "sms-live")).one()
        told = Press(call, "digits" if digits else "incoming", None, phone, digits, step)
        return replies.heard(session, account, told, night.now)


def has_a_pin(night: Night, person_id: uuid.UUID) -> None:
    with night.scene.runtime.database.writing() as session:
        session.get_one(Person, person_id).pin = passwords.hashed("2580")


def test_whoever_calls_in_hears_the_message_and_answers_with_a_pin(night: Night, nurse: uuid.UUID) -> None:
    has_a_pin(night, nurse)
    phone = phone_of(night, nurse)
    said = calls_in(night, phone)
    assert said.say[0] not in (SAID.menus["call_out"], SAID.nothing_open)
    assert said.say[-1] == SAID.menus["call_out"]
    assert len(said.say) == 2, "the message first, then the question"
    assert calls_in(night, phone, "1").ask == "pin"
    proven = calls_in(night, phone, "2580", "pin")
    assert calls_in(night, phone, "1", proven.ask).say == [SAID.yes]
    assert kept(night) == ["yes"]
    assert calls_in(night, STRANGER).say == [SAID.nothing_open]


@pytest.mark.parametrize(("digits", "claims"), [("1", "yes"), ("2", "no")])
def test_a_number_that_is_only_shown_counts_for_nothing_and_is_called_by_us(
    night: Night, nurse: uuid.UUID, digits: str, claims: str
) -> None:
    """Anybody can show a nurse's number: neither a place is filled by it, nor is she asked no more."""
    night.send()
    said = calls_in(night, phone_of(night, nurse), digits)
    assert said.say == [SAID.claimed]
    assert kept(night) == ["unproven"]
    assert night.call_out().state is CallOutState.OPEN
    with night.scene.runtime.database.reading() as session:
        (flagged,) = callout_board.board(session, session.get_one(CallOut, night.call_out_id)).unclear
    assert flagged.claims == claims
    night.step(seconds=200)
    assert night.ask(nurse).tries == 2, "she is asked on"
    assert press(night, nurse, "digits", "1").say == [SAID.yes], "on our own call the key counts"
    assert not night.ask(nurse).unclear


def test_wrong_pins_end_in_an_answer_that_a_person_judges(night: Night, nurse: uuid.UUID) -> None:
    has_a_pin(night, nurse)
    phone = phone_of(night, nurse)
    for number in range(pins.MOST_WRONG - 1):
        assert calls_in(night, phone, "1111", "pin", f"CA{number}").ask == "pin"
    last = calls_in(night, phone, "1111", "pin", "CAx")
    assert last.ask == f"menu{replies.UNPROVEN}"
    assert calls_in(night, phone, "1", last.ask).say == [SAID.claimed]
    assert night.ask(nurse).unclear


def test_an_alert_is_not_taken_by_a_number_that_is_only_shown(scene: Scene) -> None:
    an_escalation(scene)
    now = datetime.now(UTC)
    alert_id = opened(scene, now=now)
    ticked(scene, now)
    with scene.runtime.database.writing() as session:
        account = session.scalars(select(Account).where(Account.key == "sms-live")).one()
        for digits in ("1", "2"):
            told = Press("CA1", "digits", None, "+4790000002", digits, "menu")
            assert replies.heard(session, account, told, now).say == [SAID.claimed]
    assert alert_now(scene, alert_id).state is AlertState.OPEN
    assert ticked(scene, later(now, 1)) == 1, "the next step comes all the same"


def test_callers_hear_the_latest_that_was_released_to_them(night: Night, nurse: uuid.UUID) -> None:
    """Also those who are asked nothing, and after the call-out is over; never what was stopped, or for others."""
    scene = night.scene
    scene.people(2)
    with scene.runtime.database.reading() as session:
        asked = select(Destination.address).join(Person, Person.id == Destination.person_id)
        phone = session.scalars(asked.where(Person.reference == "staff-2", Destination.medium == "phone")).one()
        incident_id = session.get_one(CallOut, night.call_out_id).incident_id
    assert calls_in(night, phone).say == [SAID.nothing_open]
    broadcast_id = scene.drafted(incident_id)
    scene.release(broadcast_id)
    night.now = datetime.now(UTC) + timedelta(seconds=30)
    first, news, last = calls_in(night, phone).say
    assert (first, last) == (SAID.latest, SAID.nothing_open)
    assert "Oslo S" in news
    assert SAID.latest not in calls_in(night, phone_of(night, nurse)).say, (
        "it went to the staff, and she is not of them"
    )
    with scene.runtime.database.writing() as session:
        session.get_one(Broadcast, broadcast_id).state = BroadcastState.STOPPED
    assert calls_in(night, phone).say == [SAID.nothing_open]


def test_a_pin_is_demanded_where_the_call_out_says_so(night: Night) -> None:
    (nurse,) = night.staff("nurse")
    with night.scene.runtime.database.writing() as session:
        session.get_one(Person, nurse).pin = passwords.hashed("2580")
    night.plan(("nurse", 1), needs_pin=True)
    night.release()
    night.step()
    assert press(night, nurse, "digits", "1").ask == "pin"
    assert press(night, nurse, "digits", "1111#", "pin").say[0] == SAID.pin_wrong
    proven = press(night, nurse, "digits", "2580#", "pin")
    assert proven.ask == f"menu{replies.PROVEN}"
    assert kept(night) == ["wrong_pin"]
    with night.scene.runtime.database.reading() as session:
        (wrong,) = session.scalars(select(Reply)).all()
        assert "1111" not in f"{wrong.reference} {wrong.raw}"
    press(night, nurse, "digits", "1111#", "pin")
    assert kept(night) == ["wrong_pin"], "told twice, counted once"
    assert press(night, nurse, "digits", "1", proven.ask).say == [SAID.yes]
