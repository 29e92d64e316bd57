"""Who gets it: once each, those who said stop left out, and a follow-up exactly where the first one went."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from crisis.broadcasts import reach
from crisis.broadcasts.draft import chosen_accounts
from crisis.models import Account, Broadcast, Destination, Group, OptOut, Person
from crisis.states import DeliveryState
from tests.broadcasts.scene import Scene


def _phones(scene: Scene, broadcast_id: object) -> list[str]:
    with scene.runtime.database.reading() as session:
        row = session.get_one(Broadcast, broadcast_id)
        original = session.get(Broadcast, row.follows_id) if row.follows_id else None
        accounts = chosen_accounts(session, row)
        found = reach.receivers(session, row, accounts, original)
        # What the preview counts is what the release would queue, in every case tried here.
        heads = reach.head_count(session, row, accounts, original)
        assert heads.deliveries == Counter((one.account_id, one.language) for one in found)
        assert heads.persons == len({one.person_id for one in found if one.person_id})
        return [one.address for one in found if one.channel == "sms"]


def test_everybody_once_in_their_language(scene: Scene) -> None:
    draft = scene.drafted(scene.incident())
    with scene.runtime.database.reading() as session:
        row = session.get_one(Broadcast, draft)
        found = reach.receivers(session, row, chosen_accounts(session, row), None)
    assert len(found) == 18
    assert len({(one.account_id, one.address, one.language) for one in found}) == 18
    assert sorted(one.language for one in found if one.channel == "sms") == ["en"] * 2 + ["nb"] * 5


def test_a_shared_phone_rings_once_and_stop_is_heard(scene: Scene) -> None:
    draft = scene.drafted(scene.incident())
    with scene.runtime.database.writing() as session:
        group = session.scalars(select(Group).where(Group.key == "staff")).one()
        shared = session.scalars(
            select(Destination)
            .where(Destination.medium == "phone")
            .join(Person)
            .join(Person.groups)
            .where(Group.key == "staff")
        ).first()
        assert shared is not None
        partner = Person(unit_id=group.unit_id, reference="partner", name="Partner")
        partner.destinations = [Destination(medium="phone", address=shared.address)]
        group.persons.append(partner)
    assert len(_phones(scene, draft)) == 7
    with scene.runtime.database.writing() as session:
        account = session.scalars(select(Account).where(Account.key == "sms-live")).one()
        session.add(OptOut(account_id=account.id, address=shared.address, source="stop", since=datetime.now(UTC)))
    assert len(_phones(scene, draft)) == 6
    assert shared.address not in _phones(scene, draft)


@pytest.mark.parametrize(("message", "queued_too"), [("update", True), ("correction", False), ("all_clear", False)])
def test_a_follow_up_goes_to_exactly_those_who_got_it(scene: Scene, message: str, queued_too: bool) -> None:
    scene.sign_off()
    original = scene.released(scene.incident())
    scene.deliver("sms-live", most=2)
    scene.deliver("sms-live", most=1, state=DeliveryState.FAILED)
    scene.deliver("sms-live", most=1, state=DeliveryState.UNCERTAIN)
    rows = [row for row in scene.deliveries(original) if row.address.startswith("+")]
    states = {DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN} | ({DeliveryState.QUEUED} if queued_too else set())
    want = {row.address for row in rows if row.state in states}
    assert len(want) == (6 if queued_too else 3)
    scene.people(3)  # newcomers get no follow-up of what they never saw
    assert set(_phones(scene, scene.follow(original, message))) == want


def test_audiences_are_counted_by_the_database(scene: Scene) -> None:
    with scene.runtime.database.reading() as session:
        found = reach.on_offer(session, scene.units["ous"], ["press", "nobody"])
    assert [(one.key, one.name, one.persons) for one in found] == [
        ("press", "Press", 2),
        ("nobody", "nobody", 0),
        ("staff", "Staff", 5),
    ]
