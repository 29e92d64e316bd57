"""Receipts come early, late, twice, out of order and for strangers; only a step forward changes anything."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from crisis.channels.base import Receipt
from crisis.db import Database
from crisis.models import Account, Delivery, OptOut, ReceiptRow
from crisis.sending import receipts
from crisis.sending.claim import claim
from crisis.states import DeliveryState
from tests.sending.world import Provider, World, world

PHONE = "+4740000001"


@pytest.fixture
def here(database: Database) -> World:
    return world(database)


def apply(here: World, *said: Receipt) -> int:
    with here.database.writing() as session:
        account = session.get_one(Account, here.account_id)
        return receipts.apply(session, account, said, here.clock())


def sent(here: World) -> Delivery:
    here.release([PHONE])
    here.drain(Provider())
    return here.deliveries()[0]


def test_delivered_by_the_providers_id(here: World) -> None:
    delivery = sent(here)
    assert apply(here, Receipt(delivery.provider_id or "", "delivered", "delivered")) == 1
    assert here.states() == {DeliveryState.DELIVERED: 1} == here.counted()


def test_the_same_twice_is_one_row_and_one_step(here: World) -> None:
    delivery = sent(here)
    said = Receipt(delivery.provider_id or "", "delivered", "delivered")
    assert [apply(here, said), apply(here, said)] == [1, 0]
    with here.database.reading() as session:
        assert len(session.scalars(select(ReceiptRow)).all()) == 1
    assert here.states() == here.counted()


def test_out_of_order_never_steps_back(here: World) -> None:
    delivery = sent(here)
    for word, means in (("delivered", "delivered"), ("sent", "accepted"), ("failed", "failed")):
        apply(here, Receipt(delivery.provider_id or "", word, means))
    assert here.states() == {DeliveryState.DELIVERED: 1} == here.counted()
    with here.database.reading() as session:
        assert len(session.scalars(select(ReceiptRow)).all()) == 3  # all are kept


def test_early_before_our_own_record(here: World) -> None:
    """The provider calls back before its own answer reached us: the reference leads to the delivery."""

    def call_back(out: object) -> None:
        apply(here, Receipt("SM1", "delivered", "delivered", reference=out.reference))  # type: ignore[attr-defined]

    here.release([PHONE])
    here.drain(Provider(during=call_back))
    assert here.states() == {DeliveryState.DELIVERED: 1} == here.counted()
    assert here.deliveries()[0].provider_id == "SM1"


def test_who_is_not_patient_waits_for_nobody(here: World) -> None:
    """Many go together only as long as none of them is held: two who hold many would wait for each other."""
    if here.database.is_sqlite:
        pytest.skip("there only one writes at a time")
    delivery = sent(here)
    said = Receipt(delivery.provider_id or "", "delivered", "delivered")
    held = select(Delivery.id).where(Delivery.id == delivery.id).with_for_update()
    with here.database.engine.connect() as somebody, here.database.reading() as session:
        somebody.execute(held)
        account = session.get_one(Account, here.account_id)
        with pytest.raises(OperationalError, match="could not obtain lock"):
            receipts.apply(session, account, [said], here.clock(), patient=False)
    assert apply(here, said) == 1


def test_a_receipt_settles_what_was_uncertain(here: World) -> None:
    here.release([PHONE])
    with here.database.writing() as session:
        taken = claim(session, here.account_id, 1, here.clock())
    here.clock.forward(seconds=91)
    from crisis.sending import sweep

    here.write(lambda session: sweep.lost_claims(session, here.clock()))
    apply(here, Receipt("SM1", "sent", "accepted", reference=taken[0].out.reference))
    assert here.states() == {DeliveryState.ACCEPTED: 1} == here.counted()
    provider = Provider()
    here.clock.forward(hours=1)
    here.drain(provider)
    assert provider.said == []  # nobody gets it twice


def test_a_failure_of_an_earlier_attempt_says_nothing_about_the_repeat(here: World) -> None:
    delivery = sent(here)
    apply(here, Receipt("SM-old", "failed", "failed", reference=f"{delivery.id.hex}.0"))
    assert here.states() == {DeliveryState.ACCEPTED: 1}


@pytest.mark.parametrize(
    "said",
    [
        Receipt("SM-unknown", "delivered", "delivered"),
        Receipt("SM-unknown", "delivered", "delivered", reference="not-an-id.1"),
        Receipt("SM-unknown", "delivered", "delivered", reference="00000000000000000000000000000000.1"),
    ],
)
def test_for_strangers_it_is_kept_and_changes_nothing(here: World, said: Receipt) -> None:
    sent(here)
    assert apply(here, said) == 0
    assert here.states() == {DeliveryState.ACCEPTED: 1} == here.counted()
    with here.database.reading() as session:
        assert session.scalars(select(ReceiptRow)).one().delivery_id is None


def test_unknown_words_are_kept_and_change_nothing(here: World) -> None:
    delivery = sent(here)
    assert apply(here, Receipt(delivery.provider_id or "", "teleported", "unknown")) == 0
    assert here.states() == {DeliveryState.ACCEPTED: 1}


def test_failed_because_they_said_stop_is_remembered(here: World) -> None:
    delivery = sent(here)
    said = Receipt(delivery.provider_id or "", "failed", "failed", code="21610", say="stop", opted_out=True)
    apply(here, said)
    assert here.states() == {DeliveryState.FAILED: 1} == here.counted()
    with here.database.reading() as session:
        assert session.scalars(select(OptOut.address)).one() == PHONE
