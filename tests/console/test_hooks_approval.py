"""A second person on the telephone: hears every word, keys a PIN, and approves exactly what was heard, or nothing."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from crisis import passwords
from crisis.channels.twilio.voice_words import WORDS
from crisis.models import Account, Approval, Ask, AuditRow, Broadcast, Delivery, Grant, Person, Reply, User
from crisis.oncall import approving
from crisis.sending import claim
from crisis.states import BroadcastState, Role
from tests.broadcasts.scene import Scene
from tests.console.test_hooks_voice import client, post, scene
from tests.oncall.scene import person_id, ticked
from tests.oncall.test_approving import looked, planned, submitted

__all__ = ["client", "scene"]  # fixtures
PIN = "2580"
SAID = WORDS["nb"]


@pytest.fixture
def called(scene: Scene) -> uuid.UUID:
    """The delivery by which Anne is rung up about Kari's broadcast. She has a PIN."""
    with scene.runtime.database.writing() as session:
        anne = session.get_one(Person, person_id(scene, "own-anne"))
        anne.pin, anne.pin_by = passwords.hashed(PIN), scene.users["anne"]
    planned(scene)
    submitted(scene)
    looked(scene)
    ticked(scene, datetime.now(UTC))
    return rung(scene)


def rung(scene: Scene, who: str = "anne") -> uuid.UUID:
    with scene.runtime.database.reading() as session:
        return session.scalars(
            select(Delivery.id)
            .join(Ask, Ask.id == Delivery.ask_id)
            .join(Account, Account.id == Delivery.account_id)
            .where(Ask.person_id == person_id(scene, f"own-{who}"), Account.channel == "voice")
        ).one()


def key(client: FlaskClient, delivery: uuid.UUID, step: str, digits: str, phone: str = "+4790000002") -> ET.Element:
    path = f"/hooks/voice-ous/voice?attempt={delivery.hex}.1&step={step}"
    answer = post(client, path, Digits=digits, To=phone)
    assert answer.status_code == 200, answer.text
    return ET.fromstring(answer.text)


def heard(markup: ET.Element) -> str:
    return " ".join(one.text or "" for one in markup.iter("Say"))


def next_step(markup: ET.Element) -> str:
    gather = markup.find("Gather")
    return "" if gather is None else gather.attrib["action"].partition("step=")[2].partition("#")[0].partition("&")[0]


def state(scene: Scene) -> BroadcastState:
    with scene.runtime.database.reading() as session:
        return session.scalars(select(Broadcast.state).where(Broadcast.submitted_by.is_not(None))).one()


def test_the_call_says_who_asks_and_offers_to_hear_it(client: FlaskClient, scene: Scene, called: uuid.UUID) -> None:
    with scene.runtime.database.writing() as session:
        account = session.scalars(select(Account).where(Account.channel == "voice")).one()
        (one,) = [row for row in claim.claim(session, account.id, 10, datetime.now(UTC)) if row.delivery_id == called]
    assert one.out.asks == "approval"
    assert "Kari" in one.out.text


def test_every_word_is_heard_before_any_key_and_then_approved(
    client: FlaskClient, scene: Scene, called: uuid.UUID
) -> None:
    asked = key(client, called, "menu", "1")
    assert (heard(asked), next_step(asked)) == (SAID.pin, "pin")
    read = key(client, called, "pin", f"{PIN}#")
    before = [one.text or "" for one in read if one.tag == "Say"]  # outside of Gather: no key is taken meanwhile
    with scene.runtime.database.reading() as session:
        broadcast = session.scalars(select(Broadcast).where(Broadcast.submitted_by.is_not(None))).one()
        texts = approving.heard(broadcast)
        digest, said_by = broadcast.digest, {one.language for one in texts or ()}
        assert texts is not None
        for one in texts:
            assert any(one.text.split()[0] in line for line in before)
    assert len(before) == 1 + 2 * len(texts)
    voices = {one.attrib["language"] for one in read if one.tag == "Say"}
    assert ("en" in said_by) == ("en-GB" in voices), "each text is said in its own language"
    assert next_step(read) == f"judge-{digest}", (
        "nothing in the address that a provider may write otherwise than it signed"
    )
    done = key(client, called, f"judge-{digest}", "1")
    assert heard(done) == SAID.approved
    assert state(scene) is BroadcastState.APPROVED
    with scene.runtime.database.reading() as session:
        yes = session.scalars(select(Approval)).one()
        assert (yes.user_id, yes.digest, yes.decision) == (scene.users["anne"], digest, "yes")
        row = session.scalars(select(AuditRow).where(AuditRow.act == "broadcast.approved")).one()
        assert (row.who, row.details["way"]) == ("Anne", "telephone")
        assert PIN not in str(session.scalars(select(Reply.raw)).all())
    again = key(client, called, f"judge-{digest}", "1")
    assert SAID.approved not in heard(again), "the same key told twice approves nothing again"


@pytest.mark.parametrize("pin", ["1111", "", "2581#", "abcd"])
def test_a_wrong_pin_hears_nothing_and_approves_nothing(
    client: FlaskClient, scene: Scene, called: uuid.UUID, pin: str
) -> None:
    answer = key(client, called, "pin", pin)
    assert SAID.judge not in heard(answer)
    assert state(scene) is BroadcastState.SUBMITTED


def test_changed_meanwhile_or_another_digest_is_not_approved(
    client: FlaskClient, scene: Scene, called: uuid.UUID
) -> None:
    assert heard(key(client, called, f"judge-{'0' * 64}", "1")) == SAID.not_approved
    assert state(scene) is BroadcastState.SUBMITTED


def test_whoever_lost_the_right_or_the_phone_of_somebody_else_approves_nothing(
    client: FlaskClient, scene: Scene, called: uuid.UUID
) -> None:
    with scene.runtime.database.writing() as session:
        digest = session.scalars(select(Broadcast.digest).where(Broadcast.submitted_by.is_not(None))).one()
    stranger = key(client, called, f"judge-{digest}", "1", phone="+4799999999")
    assert heard(stranger) == SAID.not_yours
    with scene.runtime.database.writing() as session:
        for grant in session.scalars(select(Grant).where(Grant.user_id == scene.users["anne"])):
            assert grant.role is Role.APPROVER
            session.delete(grant)
    assert heard(key(client, called, f"judge-{digest}", "1")) == SAID.not_approved
    assert state(scene) is BroadcastState.SUBMITTED


def test_without_a_pin_of_their_own_they_read_it_on_a_screen(
    client: FlaskClient, scene: Scene, called: uuid.UUID
) -> None:
    with scene.runtime.database.writing() as session:
        # The PIN was set by another user who was this person before.
        session.get_one(Person, person_id(scene, "own-anne")).pin_by = scene.users["per"]
    assert heard(key(client, called, "menu", "1")) == SAID.read_it
    assert state(scene) is BroadcastState.SUBMITTED


def test_two_is_no_and_nobody_is_taken_at_their_silence(client: FlaskClient, scene: Scene, called: uuid.UUID) -> None:
    assert SAID.menus["approval"] in heard(key(client, called, "menu", "7"))
    assert heard(key(client, called, "menu", "")) == SAID.unanswered
    assert heard(key(client, called, "menu", "2")) == SAID.no
    assert state(scene) is BroadcastState.SUBMITTED


def test_the_author_is_refused_even_with_the_right_and_a_pin(client: FlaskClient, scene: Scene) -> None:
    """Per wrote it after somebody had been asked in his name: the last gate is the judgement itself."""
    with scene.runtime.database.writing() as session:
        per = session.get_one(Person, person_id(scene, "own-per"))
        per.pin, per.pin_by = passwords.hashed(PIN), scene.users["per"]
    planned(scene)
    broadcast_id = submitted(scene)
    looked(scene)
    ticked(scene, datetime.now(UTC))
    delivery = rung(scene, "per")
    with scene.runtime.database.writing() as session:
        session.get_one(Broadcast, broadcast_id).created_by = scene.users["per"]
        digest = session.get_one(Broadcast, broadcast_id).digest
        assert session.get_one(User, scene.users["per"]).person_id == per.id
    assert heard(key(client, delivery, f"judge-{digest}", "1", phone="+4790000003")) == SAID.not_approved
    assert state(scene) is BroadcastState.SUBMITTED
