"""Keys on the telephone at every step: wrong ones, none, a machine, somebody else's call, the same key told twice."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select

from crisis import passwords
from crisis.channels.base import Press, Speech
from crisis.channels.twilio.voice_words import WORDS
from crisis.models import Account, Delivery, Destination, Person, Reply
from crisis.oncall import replies
from crisis.states import AskState, CallOutState
from tests.oncall.callouts import Night

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
    assert kept(night) == ["later"]  # stars around a number are only how it was keyed


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


def test_whoever_calls_in_hears_the_message_and_answers(night: Night, nurse: uuid.UUID) -> None:
    said = press(night, nurse, "incoming")
    assert said.say[0] not in (SAID.menus["call_out"], SAID.nothing_open)
    assert said.say[-1] == SAID.menus["call_out"]
    assert len(said.say) == 2, "the message first, then the question"
    with night.scene.runtime.database.writing() as session:
        account = session.scalars(select(Account).where(Account.key == "sms-live")).one()
        told = Press("CA9", "digits", None, phone_of(night, nurse), "1", "menu")
        assert replies.heard(session, account, told, night.now).say == [SAID.yes]
    assert press(night, nurse, "incoming", author=STRANGER).say == [SAID.nothing_open]


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
    assert press(night, nurse, "digits", "1", proven.ask).say == [SAID.yes]
