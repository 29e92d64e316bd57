"""The silent test of every way out: due once a day, run by one listener, kept as rows, loud when a way failed."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crisis.channels.base import Health, Misconfigured
from crisis.models import Account, Broadcast, Delivery, LinkTest, TestedWay
from crisis.sending import link_test
from crisis.states import NotAllowed, Role
from tests.broadcasts.scene import Scene, a_scene
from workers.testing import Testing

# 03:29 and 03:31 on the clock in Oslo.
BEFORE, AFTER = datetime(2026, 3, 10, 2, 29, tzinfo=UTC), datetime(2026, 3, 10, 2, 31, tzinfo=UTC)


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[Scene]:
    with a_scene(tmp_path, database_url) as made:
        yield made


def planned(scene: Scene, now: datetime) -> list[uuid.UUID]:
    with scene.runtime.database.writing() as session:
        link_test.plan(session, scene.settings, now)
        return list(link_test.take(session, now))


def test_it_is_due_once_a_day_by_the_units_own_clock(scene: Scene) -> None:
    assert planned(scene, BEFORE) == []
    assert len(planned(scene, AFTER)) == 2  # two units
    assert planned(scene, AFTER + timedelta(minutes=5)) == []
    assert len(planned(scene, AFTER + timedelta(days=1))) == 2


def test_of_several_listeners_one_runs_it(scene: Scene) -> None:
    with scene.runtime.database.writing() as session:
        link_test.plan(session, scene.settings, AFTER)
    taken: list[uuid.UUID] = []

    def listener() -> None:
        with scene.runtime.database.writing() as session:
            taken.extend(link_test.take(session, AFTER))

    threads = [threading.Thread(target=listener) for _ in range(5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(taken) == len(set(taken)) == 2


def test_a_test_whose_listener_died_is_ended_and_said(scene: Scene) -> None:
    units = list(scene.units.values())
    planned(scene, AFTER)
    late = AFTER + link_test.LONGEST + timedelta(seconds=1)
    with scene.runtime.database.reading() as session:
        assert not link_test.unfinished(session, units, AFTER)
        assert link_test.unfinished(session, units, late)
    with scene.runtime.database.writing() as session:
        link_test.take(session, late)
        assert not link_test.unfinished(session, units, late)
        assert set(session.scalars(select(LinkTest.ended_at))) == {late}


def test_asked_for_by_hand_one_at_a_time_and_not_for_ever(scene: Scene) -> None:
    unit = scene.units["ous"]

    def wish(who: str) -> uuid.UUID:
        with scene.runtime.database.writing() as session:
            return link_test.wish(session, scene.actor(who), unit, scene.settings, AFTER).id

    with pytest.raises(NotAllowed):
        wish("vidar")
    for _ in range(link_test.MOST_A_DAY):
        made = wish("kari")
        with pytest.raises(NotAllowed, match="on its way"):
            wish("kari")
        with scene.runtime.database.writing() as session:
            assert made in link_test.take(session, AFTER)
            link_test.end(session, made, AFTER)
    with pytest.raises(NotAllowed, match="enough for today"):
        wish("kari")


class Well:
    async def check(self) -> Health:
        return Health(ok=True, say="keys are alive")


class Looked:
    async def probe(self) -> Health:
        return Health(ok=False, say="the balance is low: 3 USD", details={"balance": "3 USD"})


class Refused:
    async def probe(self) -> Health:
        raise Misconfigured("wrong keys")


class Broken:
    async def check(self) -> Health:
        raise ZeroDivisionError


class Mute:
    """Nothing can be asked."""


def test_every_way_gets_its_result_and_administrators_hear_what_failed(scene: Scene) -> None:
    scene.user("ada", Role.ADMINISTRATOR, phone="+4790000009")
    kinds: dict[str, Any] = {
        "sms-live": Looked(), "x-live": Refused(), "page-live": Mute(), "email-live": Broken(),
        "sms-drill": Well(), "x-drill": Well(), "email-drill": Refused(),
    }  # fmt: skip
    with scene.runtime.database.reading() as session:
        channels = {row.id: kinds[row.key] for row in session.scalars(select(Account)) if row.key in kinds}
    with scene.runtime.database.writing() as session:
        asked = link_test.wish(session, scene.actor("kari"), scene.units["ous"], scene.settings, datetime.now(UTC)).id
    testing = Testing(scene.runtime, channels)
    assert asked in testing._take()
    asyncio.run(testing._test(asked))
    with scene.runtime.database.reading() as session:
        rows = session.execute(
            select(Account.key, TestedWay.ok, TestedWay.say)
            .join(Account, Account.id == TestedWay.account_id)
            .where(TestedWay.test_id == asked)
        )
        found = {row.key: (row.ok, row.say) for row in rows}
        assert found["sms-live"] == (False, "the balance is low: 3 USD")
        assert found["x-live"] == (False, "wrong keys")
        assert found["page-live"] == (None, "")
        assert found["email-live"] == (False, "the look failed: ZeroDivisionError")
        assert found["sms-drill"] == (True, "keys are alive")
        assert found["page-drill"][0] is False, "an account that could not be opened is no working way"
        failed = [one.account for one in link_test.failed(session, [scene.units["ous"]])]
        assert failed == ["email-live", "sms-live", "x-live", "email-drill", "page-drill"]
        told = session.scalars(select(Delivery.address).join(Broadcast).where(Broadcast.message == "ways_failed")).all()
        assert told == ["+4790000009"]
        assert (
            session.scalars(select(Delivery.id).join(Broadcast).where(Broadcast.message != "ways_failed")).all() == []
        )
