"""What webhooks tell is stored before it is answered: together where only one may write, and each by its own merit."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import NoResultFound

from crisis.channels.base import HookEvents, Receipt
from crisis.console.keeping import Keeping
from crisis.db import Database
from crisis.models import Account, Delivery
from crisis.states import DeliveryState
from tests.sending.world import Provider, world
from tests.stories.town import eventually
from tests.triage.hall import Hall


@pytest.fixture
def hall(database: Database) -> Hall:
    return Hall(database)


def together(hall: Hall, accounts: Sequence[str]) -> list[type[BaseException] | None]:
    """One text to each, all while somebody else is stored; gives what each thread got."""
    keeping, got = Keeping(hall.database), dict.fromkeys(range(len(accounts)))  # type: ignore[var-annotated]
    told = [HookEvents(inbounds=[hall.said(f"Hva skjer ved inngang {at}?")]) for at in range(len(accounts))]

    def keep(at: int) -> None:
        try:
            keeping.keep(accounts[at], told[at])
        except NoResultFound as error:
            got[at] = type(error)

    threads = [threading.Thread(target=keep, args=(at,)) for at in range(len(accounts))]
    with keeping._writing:  # somebody is storing
        for thread in threads:
            thread.start()
        eventually(lambda: len(keeping._waiting) == len(accounts))
    for thread in threads:
        thread.join()
    return list(got.values())


def test_those_that_wait_are_stored_in_one_transaction(hall: Hall) -> None:
    commits: list[object] = []
    event.listen(hall.database.engine, "commit", commits.append)
    assert together(hall, ["x-ous-live", "x-ous-live", "sms-dep-live", "x-ous-drill", "x-ous-live"]) == [None] * 5
    assert len(hall.rows()) == 5
    assert len(commits) == 1


def test_one_that_cannot_be_stored_takes_no_other_with_it(hall: Hall) -> None:
    accounts = ["x-ous-live", "nobody", "x-ous-live", "sms-dep-live"]
    assert together(hall, accounts) == [None, NoResultFound, None, None]
    assert len(hall.rows()) == 3


def test_receipts_that_wait_go_together_and_alone_when_a_sender_holds_one_of_them(database: Database) -> None:
    here = world(database)
    here.release(["+4740000001", "+4740000002", "+4740000003"])
    here.drain(Provider())
    with database.reading() as session:
        account = session.get_one(Account, here.account_id).key
    said = [Receipt(one.provider_id or "", "delivered", "delivered") for one in here.deliveries()]
    keeping, commits = Keeping(database), []
    event.listen(database.engine, "commit", lambda _connection: commits.append(1))

    def tell() -> list[threading.Thread]:
        threads = [threading.Thread(target=keeping.keep, args=(account, HookEvents(receipts=[one]))) for one in said]
        with keeping._writing:
            for count, thread in enumerate(threads, 1):
                thread.start()
                eventually(lambda count=count: len(keeping._waiting) == count)  # in this order
        return threads

    if not database.is_sqlite:
        held = select(Delivery.id).where(Delivery.provider_id == said[1].provider_id).with_for_update()
        with database.engine.connect() as sender:
            sender.execute(held)
            threads = tell()
            eventually(lambda: here.states().get(DeliveryState.DELIVERED, 0) == 1)  # the next waits for the sender
        for thread in threads:
            thread.join()
        assert here.states() == {DeliveryState.DELIVERED: 3} == here.counted()
    commits.clear()
    for thread in tell():
        thread.join()
    assert here.states() == {DeliveryState.DELIVERED: 3} == here.counted()
    assert len(commits) == 1


def test_what_is_told_twice_at_once_is_stored_once(hall: Hall) -> None:
    keeping, same = Keeping(hall.database), HookEvents(inbounds=[hall.said("Er det trygt å reise hjem?")])
    threads = [threading.Thread(target=keeping.keep, args=("x-ous-live", same)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hall.rows()) == 1
