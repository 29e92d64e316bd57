"""Swaps: offered by whoever has the duty, accepted by the other alone, and nothing changes before that."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from crisis.models import AuditRow, Broadcast, Delivery, Rota, RotaSwap
from crisis.oncall import roster, rota_plan, rota_watch, swaps
from crisis.states import NotAllowed
from tests.broadcasts.scene import Scene
from tests.oncall.scene import a_rota, person_id

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday after eight: Kari's week, by a rota that began on January 5th
MINE = (datetime(2026, 3, 4, 7, tzinfo=UTC), datetime(2026, 3, 5, 7, tzinfo=UTC))
THEIRS = (datetime(2026, 3, 11, 7, tzinfo=UTC), datetime(2026, 3, 12, 7, tzinfo=UTC))


@pytest.fixture
def rota_id(scene: Scene) -> uuid.UUID:
    return a_rota(scene, "own-kari", "own-anne")


def on_call(scene: Scene, rota_id: uuid.UUID, at: datetime) -> uuid.UUID | None:
    with scene.runtime.database.reading() as session:
        return roster.person_on_call(session.get_one(Rota, rota_id), at)


def offered(
    scene: Scene, rota_id: uuid.UUID, who: str = "kari", to: str = "anne", given: swaps.Stretch = MINE,
    back: swaps.Stretch | None = THEIRS,
) -> uuid.UUID:  # fmt: skip
    with scene.runtime.database.writing() as session:
        rota = session.get_one(Rota, rota_id)
        taker = person_id(scene, f"own-{to}")
        return swaps.offer(session, scene.actor(who), rota, taker, given, back, "a wedding", scene.settings, NOW).id


def answered(scene: Scene, swap_id: uuid.UUID, who: str, what: str = "accept", now: datetime = NOW) -> None:
    with scene.runtime.database.writing() as session:
        if what == "withdraw":
            swaps.withdraw(session, scene.actor(who), swap_id, now)
        else:
            getattr(swaps, what)(session, scene.actor(who), swap_id, scene.settings, now)


def test_both_times_change_hands_when_the_other_accepts(scene: Scene, rota_id: uuid.UUID) -> None:
    kari, anne = person_id(scene, "own-kari"), person_id(scene, "own-anne")
    inside, back = MINE[0] + timedelta(hours=1), THEIRS[0] + timedelta(hours=1)
    swap_id = offered(scene, rota_id)
    assert (on_call(scene, rota_id, inside), on_call(scene, rota_id, back)) == (kari, anne), "nothing has changed yet"
    answered(scene, swap_id, "anne")
    assert (on_call(scene, rota_id, inside), on_call(scene, rota_id, back)) == (anne, kari)
    assert on_call(scene, rota_id, MINE[1] + timedelta(hours=1)) == kari
    with scene.runtime.database.reading() as session:
        told = session.scalars(
            select(Delivery.address).join(Broadcast).where(Broadcast.message == "rota_swap").order_by(Delivery.id)
        ).all()
        assert told == ["+4790000002", "+4790000001"]
        acts = session.scalars(
            select(AuditRow.act).where(AuditRow.act.startswith("rota.swap")).order_by(AuditRow.number)
        )
        assert acts.all() == ["rota.swap_offered", "rota.swap_accepted"]
    with pytest.raises(NotAllowed, match="settled already"):
        answered(scene, swap_id, "anne")


@pytest.mark.parametrize(
    ("who", "what"), [("kari", "accept"), ("per", "accept"), ("anne", "withdraw"), ("per", "decline")]
)
def test_nobody_else_answers_an_offer(scene: Scene, rota_id: uuid.UUID, who: str, what: str) -> None:
    swap_id = offered(scene, rota_id)
    with pytest.raises(NotAllowed, match="not yours"):
        answered(scene, swap_id, who, what)
    with scene.runtime.database.reading() as session:
        assert session.get_one(RotaSwap, swap_id).state == "offered"


@pytest.mark.parametrize(
    ("who", "to", "given", "back"),
    [
        ("kari", "kari", MINE, None),
        ("kari", "anne", THEIRS, None),  # that time is Anne's
        ("kari", "anne", MINE, MINE),  # and this one is not
        ("per", "anne", MINE, None),
        ("kari", "dag", MINE, None),  # of another unit
        ("dag", "kari", MINE, None),
        ("kari", "anne", (MINE[1], MINE[0]), None),
        ("kari", "anne", (NOW - timedelta(hours=2), NOW + timedelta(hours=2)), None),
        ("kari", "anne", (MINE[0], MINE[0] + timedelta(days=90)), None),
    ],
)
def test_an_offer_that_will_not_do(
    scene: Scene, rota_id: uuid.UUID, who: str, to: str, given: swaps.Stretch, back: swaps.Stretch | None
) -> None:
    with pytest.raises(NotAllowed):
        offered(scene, rota_id, who, to, given, back)


def test_declined_withdrawn_or_overtaken_the_duty_stays(scene: Scene, rota_id: uuid.UUID) -> None:
    kari, inside = person_id(scene, "own-kari"), MINE[0] + timedelta(hours=1)
    answered(scene, offered(scene, rota_id), "anne", "decline")
    answered(scene, offered(scene, rota_id), "kari", "withdraw")
    assert on_call(scene, rota_id, inside) == kari
    swap_id = offered(scene, rota_id)
    with scene.runtime.database.writing() as session:  # an officer has given the time to Per meanwhile
        rota = session.get_one(Rota, rota_id)
        rota_plan.stand_in(session, scene.actor("kari"), rota, person_id(scene, "own-per"), *MINE, "ill", NOW)
    with pytest.raises(NotAllowed, match="does not have the duty"):
        answered(scene, swap_id, "anne")
    assert on_call(scene, rota_id, inside) == person_id(scene, "own-per")


def test_two_duties_at_once_are_shown(scene: Scene, rota_id: uuid.UUID) -> None:
    with scene.runtime.database.reading() as session:
        assert rota_watch.overlaps(session, [scene.units["ous"]], NOW) == []
    a_rota(scene, "own-anne", "own-kari", "own-per", key="press")
    with scene.runtime.database.reading() as session:
        found = rota_watch.overlaps(session, [scene.units["ous"]], NOW)
    assert {(one.who, one.rotas) for one in found} <= {("Kari", ("Leader", "Press")), ("Anne", ("Leader", "Press"))}
    assert found
    assert all(NOW <= one.starts < one.ends for one in found)
