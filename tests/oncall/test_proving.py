"""A code goes to a phone or mailbox and comes back; and the PIN nobody else knows."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import passwords
from crisis.actor import SYSTEM
from crisis.models import (
    AddressCode,
    Ask,
    AuditRow,
    BroadcastText,
    Delivery,
    Destination,
    Person,
    Reply,
    User,
    new_id,
)
from crisis.oncall import alerts, answering, asking, own_details, pins, proving
from crisis.oncall.answering import Said
from crisis.sending import claim
from crisis.states import Mode, NotAllowed
from tests.broadcasts.scene import Scene
from tests.oncall.scene import person_id

NOW = datetime.now(UTC)


def reach_of(scene: Scene, who: str = "kari", medium: str = "phone") -> uuid.UUID:
    with scene.runtime.database.reading() as session:
        return session.scalars(
            select(Destination.id).where(
                Destination.person_id == person_id(scene, f"own-{who}"), Destination.medium == medium
            )
        ).one()


def send(scene: Scene, row_id: uuid.UUID, now: datetime = NOW, way: str = "text") -> uuid.UUID:
    """The delivery that carries the code."""
    with scene.runtime.database.writing() as session:
        return proving.send_code(
            session, scene.actor("kari"), session.get_one(Destination, row_id), way, now
        ).delivery_id


def typed(scene: Scene, row_id: uuid.UUID, code: str, now: datetime = NOW) -> bool:
    with scene.runtime.database.writing() as session:
        row, codes = session.get_one(Destination, row_id), scene.runtime.personal.codes
        return proving.prove(session, scene.actor("kari"), row, code, codes, now)


def verified(scene: Scene, row_id: uuid.UUID) -> bool:
    with scene.runtime.database.reading() as session:
        return session.get_one(Destination, row_id).verified_at is not None


def test_the_code_leaves_in_the_message_and_proves_the_phone(scene: Scene) -> None:
    row_id = reach_of(scene)
    delivery_id = send(scene, row_id)
    code = scene.runtime.personal.codes.code(delivery_id)
    with scene.runtime.database.writing() as session:
        delivery = session.get_one(Delivery, delivery_id)
        frozen = session.get_one(BroadcastText, delivery.text_id).text
        (out,) = claim.claim(session, delivery.account_id, 10, NOW, personal=scene.runtime.personal)
    assert code in out.out.text
    assert code not in frozen, "no table holds the code"
    assert len(code) == 6
    assert typed(scene, row_id, f"{code[:3]} {code[3:]}")
    assert verified(scene, row_id)
    with pytest.raises(NotAllowed):
        typed(scene, row_id, code)  # good once


def test_five_wrong_ones_and_the_right_one_is_good_no_more(scene: Scene) -> None:
    row_id = reach_of(scene)
    code = scene.runtime.personal.codes.code(send(scene, row_id))
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for _ in range(proving.MOST_TRIES):
        assert not typed(scene, row_id, wrong)
    with pytest.raises(NotAllowed):
        typed(scene, row_id, code)
    assert not verified(scene, row_id)


def test_an_old_code_a_replaced_code_and_somebody_elses_prove_nothing(scene: Scene) -> None:
    row_id, codes = reach_of(scene), scene.runtime.personal.codes
    first = codes.code(send(scene, row_id))
    later = NOW + proving.APART + timedelta(seconds=1)
    second = codes.code(send(scene, row_id, later))
    assert not typed(scene, row_id, first, later)
    other = codes.code(send(scene, reach_of(scene, "anne"), later))
    assert not typed(scene, row_id, other, later)
    with pytest.raises(NotAllowed):
        typed(scene, row_id, second, later + proving.GOOD_FOR + timedelta(seconds=1))
    assert not verified(scene, row_id)


def test_a_phone_is_not_flooded_with_codes(scene: Scene) -> None:
    row_id, now = reach_of(scene), NOW
    send(scene, row_id, now)
    with pytest.raises(NotAllowed):
        send(scene, row_id, now + timedelta(seconds=59))
    for _ in range(proving.MOST_AN_HOUR - 1):
        now += timedelta(seconds=61)
        send(scene, row_id, now)
    with pytest.raises(NotAllowed):
        send(scene, row_id, now + timedelta(seconds=61))
    send(scene, row_id, NOW + timedelta(hours=1, seconds=1))
    with scene.runtime.database.reading() as session:
        assert len(session.scalars(select(AddressCode)).all()) == proving.MOST_AN_HOUR + 1


def test_no_account_for_a_call_is_said(scene: Scene) -> None:
    with pytest.raises(NotAllowed, match="no account can send a code"):
        send(scene, reach_of(scene), way="call")


def test_a_new_address_is_unverified_and_a_verified_one_is_tried_first(scene: Scene) -> None:
    with scene.runtime.database.writing() as session:
        added = own_details.add_reach(session, scene.actor("kari"), "phone", "90 00 00 77").id
    accounts = {}
    with scene.runtime.database.reading() as session:
        accounts = asking.speaking_accounts(session, scene.units["ous"], Mode.LIVE)
        kari = person_id(scene, "own-kari")
        before = [address for _, address, _ in asking.ways_of(session, [kari], accounts, ["sms"])[kari]]
    assert before == ["+4790000001", "+4790000077"]
    assert typed(scene, added, scene.runtime.personal.codes.code(send(scene, added)))
    with scene.runtime.database.reading() as session:
        after = [address for _, address, _ in asking.ways_of(session, [kari], accounts, ["sms"])[kari]]
    assert after == ["+4790000077", "+4790000001"]


def test_own_ways_are_ordered_removed_and_never_all_gone(scene: Scene) -> None:
    with scene.runtime.database.writing() as session:
        actor = scene.actor("kari")
        added = own_details.add_reach(session, actor, "mailbox", "kari@example.org").id
    with scene.runtime.database.writing() as session:
        own_details.move_up(session, scene.actor("kari"), added)
    with scene.runtime.database.reading() as session:
        person = session.get_one(Person, person_id(scene, "own-kari"))
        assert [one.address for one in person.destinations] == ["kari@example.org", "+4790000001"]
        first = person.destinations[1].id
    with scene.runtime.database.writing() as session:
        own_details.remove_reach(session, scene.actor("kari"), first)
    with pytest.raises(NotAllowed, match="last way"), scene.runtime.database.writing() as session:
        own_details.remove_reach(session, scene.actor("kari"), added)
    with pytest.raises(NotAllowed), scene.runtime.database.writing() as session:
        own_details.remove_reach(session, scene.actor("kari"), reach_of(scene, "anne"))


@pytest.mark.parametrize("bad", ["123", "123456789", "12a4", "0000", "1234", "4321", "", "١٢٣٤"])
def test_a_pin_that_will_not_do(bad: str) -> None:
    with pytest.raises(NotAllowed):
        pins.checked(bad, bad)


def a_pin(scene: Scene, who: str, pin: str) -> None:
    with scene.runtime.database.writing() as session:
        person = session.get_one(Person, person_id(scene, f"own-{who}"))
        pins.store(session, scene.actor(who), person, passwords.hashed(pins.checked(pin, pin)))


def test_only_the_person_sets_the_pin_and_it_does_not_survive_another_user(scene: Scene) -> None:
    a_pin(scene, "anne", "2580")
    with scene.runtime.database.reading() as session:
        person = session.get_one(Person, person_id(scene, "own-anne"))
        with pytest.raises(NotAllowed):
            pins.store(session, scene.actor("kari"), person, passwords.hashed("9999"))
    with scene.runtime.database.writing() as session:
        anne = person_id(scene, "own-anne")
        found = pins.set_by(session, anne)
        assert found is not None
        assert found.id == scene.users["anne"]
        # Somebody ties Kari to Anne's person: Anne's PIN is not Kari's.
        session.get_one(User, scene.users["anne"]).person_id = None
        session.get_one(User, scene.users["kari"]).person_id = anne
        session.flush()
        assert pins.set_by(session, anne) is None
        assert "2580" not in str(session.scalars(select(AuditRow.details)).all())


def test_wrong_pins_are_counted_over_a_day_and_then_none_is_right(scene: Scene) -> None:
    a_pin(scene, "anne", "2580")
    asks = []
    with scene.runtime.database.writing() as session:
        for number in range(3):
            alert_id = opened_in(session, scene, f"disk-{number}")
            ask = Ask(id=new_id(), alert_id=alert_id, person_id=person_id(scene, "own-anne"))
            session.add(ask)
            asks.append(ask.id)
    with scene.runtime.database.writing() as session:
        one = session.get_one(Ask, asks[0])
        assert answering.right_pin(session, one, "2580", "c:0", NOW)
        for number in range(pins.MOST_WRONG):
            assert not answering.right_pin(session, one, "1111", f"c:{number}", NOW)
        assert not answering.right_pin(session, one, "2580", "c:x", NOW), "five wrong ones of one asked person"
        two = session.get_one(Ask, asks[1])
        assert answering.right_pin(session, two, "2580", "d:0", NOW)
        for number in range(pins.MOST_WRONG):
            answering.keep(session, two.id, Said("wrong_pin", "pin", f"d:{number}"), NOW)
        three = session.get_one(Ask, asks[2])
        assert not answering.right_pin(session, three, "2580", "e:0", NOW), "ten wrong ones in a day"
        assert answering.right_pin(session, three, "2580", "e:1", NOW + timedelta(days=1, seconds=1))
        assert session.scalars(select(Reply.raw)).all().count("1111") == 0, "what was keyed is kept nowhere"


def opened_in(session: Session, scene: Scene, key: str) -> uuid.UUID:
    alert, _ = alerts.open_alert(
        session, SYSTEM, scene.units["ous"], Mode.LIVE, alerts.Opening(key=key, title="T"), NOW
    )
    return alert.id
