"""What accounts show against what was approved: each way to differ is seen, kept, told, and accepted by a person only."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from crisis.actor import Actor
from crisis.broadcasts import live_now
from crisis.broadcasts.manners import put_down
from crisis.broadcasts.standing import Expected, compare
from crisis.channels.base import Shown
from crisis.db import Database
from crisis.models import Account, Delivery, ShownPost
from crisis.states import NotAllowed, Role, Standing
from tests.sending.test_amend import WALL, Network
from tests.sending.world import World, world

NOW = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=2)
OURS = Expected("1", uuid.uuid4(), "Ring 113. https://ous.no", NOW - timedelta(hours=1))


def shown(text: str = OURS.text, provider_id: str = "1") -> Shown:
    return Shown(provider_id, text, NOW - timedelta(hours=1))


@pytest.mark.parametrize(
    ("expected", "there", "words"),
    [
        ([OURS], [shown()], {Standing.PRESENT}),
        ([OURS], [shown("Ring  113.\nous.no/")], {Standing.PRESENT}),  # as networks set it
        ([OURS], [shown("Ring 112.")], {Standing.CHANGED}),
        ([OURS], [], {Standing.MISSING}),
        ([OURS], [shown(), shown("Kjøp nå!", "9")], {Standing.PRESENT, Standing.STRANGER}),
        ([replace(OURS, gone=True)], [shown()], {Standing.STILL_THERE}),
        ([replace(OURS, gone=True)], [], set()),
        ([replace(OURS, at=NOW)], [], set()),  # a list may be behind
        ([replace(OURS, at=SINCE - timedelta(minutes=1))], [], set()),  # older than what was asked for
        ([replace(OURS, under=True)], [], set()),  # not every network lists answers
        ([OURS, replace(OURS, text="Rettelse")], [shown("Rettelse")], {Standing.PRESENT}),  # changed in place
    ],
)
def test_how_a_post_stands(expected: Sequence[Expected], there: Sequence[Shown], words: set[Standing]) -> None:
    assert {one.word for one in compare(expected, there, frozenset(), SINCE, NOW)} == words


def test_an_answer_that_was_listed_once_is_missed() -> None:
    found = compare([replace(OURS, under=True)], [], frozenset({"1"}), SINCE, NOW)
    assert [one.word for one in found] == [Standing.MISSING]


@pytest.fixture
def town(database: Database) -> World:
    return world(database)


def posted(town: World) -> Delivery:
    town.release(["wall"])
    town.drain(Network(WALL))
    town.clock.forward(minutes=10)
    return town.deliveries()[0]


def look(town: World, *there: Shown) -> list[ShownPost]:
    def store(session):  # type: ignore[no-untyped-def]
        account = session.get_one(Account, town.account_id)
        now = town.clock()
        live_now.store(session, account, there, live_now.since(account, now), now)

    town.write(store)
    with town.database.reading() as session:
        return list(session.scalars(select(ShownPost).order_by(ShownPost.provider_id)))


def alarms(town: World) -> list[tuple[Standing, int]]:
    with town.database.reading() as session:
        return [(one.word, one.count) for one in live_now.alarms(session, [town.unit_id])]


def test_an_accepted_post_asks_again_when_it_changes_again(town: World) -> None:
    ours = posted(town)
    text = "ØVELSE hei ØVELSE"
    assert look(town, Shown(str(ours.provider_id), text, town.clock()))[0].word is Standing.PRESENT
    assert alarms(town) == []
    (row,) = look(town, Shown(str(ours.provider_id), "hei", town.clock()))
    assert alarms(town) == [(Standing.CHANGED, 1)]
    officer = Actor(None, "Kari", frozenset({(town.unit_id, Role.OFFICER)}))
    with pytest.raises(NotAllowed):
        town.write(
            lambda session: live_now.accept(
                session, Actor(None, "Dag", frozenset()), session.get_one(ShownPost, row.id), town.clock()
            )
        )
    town.write(lambda session: live_now.accept(session, officer, session.get_one(ShownPost, row.id), town.clock()))
    look(town, Shown(str(ours.provider_id), "hei", town.clock()))
    assert alarms(town) == []
    look(town, Shown(str(ours.provider_id), "hallo", town.clock()))
    assert alarms(town) == [(Standing.CHANGED, 1)]
    look(town)
    assert alarms(town) == [(Standing.MISSING, 1)]


def test_what_was_taken_down_and_is_still_there_is_told(town: World) -> None:
    ours = posted(town)
    town.write(
        lambda session: put_down(session, session.get_one(Delivery, ours.id), None, "x", town.clock(), after_id=None)
    )
    town.drain(Network(WALL))
    look(town, Shown(str(ours.provider_id), "ØVELSE hei ØVELSE", town.clock()))
    assert alarms(town) == [(Standing.STILL_THERE, 1)]
    look(town)
    assert alarms(town) == []


def taken(town: World) -> bool:
    found = town.write(lambda session: live_now.take(session, [town.account_id], town.clock()))
    return found == [town.account_id]


def test_one_listener_looks_on_time_and_at_once_when_asked(town: World) -> None:
    posted(town)
    assert taken(town)
    assert not taken(town)
    town.clock.forward(minutes=6)
    assert taken(town)
    town.clock.forward(seconds=2)
    town.write(
        lambda session: live_now.ask(
            session, Actor(None, "Per", frozenset({(town.unit_id, Role.VIEWER)})), town.unit_id, town.clock()
        )
    )
    assert taken(town)
    assert not taken(town)


def test_where_reading_is_billed_looks_are_few_and_end_at_half_the_budget(town: World) -> None:
    posted(town)

    def used(count: int) -> None:
        def write(session):  # type: ignore[no-untyped-def]
            account = session.get_one(Account, town.account_id)
            account.budget_used, account.budget_limit = count, 100

        town.write(write)

    used(10)
    assert taken(town)
    town.clock.forward(minutes=30)
    assert not taken(town)
    town.clock.forward(minutes=31)
    assert taken(town)
    used(50)
    town.clock.forward(hours=3)
    assert not taken(town)
    town.write(
        lambda session: live_now.ask(
            session, Actor(None, "Per", frozenset({(town.unit_id, Role.VIEWER)})), town.unit_id, town.clock()
        )
    )
    assert taken(town)  # a person may spend it


def test_nobody_asks_for_another_unit(town: World) -> None:
    with pytest.raises(NotAllowed):
        town.write(lambda session: live_now.ask(session, Actor(None, "Dag", frozenset()), town.unit_id, town.clock()))
