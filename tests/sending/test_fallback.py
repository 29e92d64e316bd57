"""A fallback speaks for an account that cannot, nobody gets it twice, and it is over when the account is well again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts.reach import Receiver
from crisis.broadcasts.release import queue
from crisis.channels.base import Accepted, Busy, Misconfigured, Receipt, Uncertain, Unreachable
from crisis.db import Database
from crisis.models import Account, AuditRow, Broadcast, Delivery, OptOut
from crisis.sending import fallback, receipts
from crisis.sending.pause import pause, resume
from crisis.settings import Settings
from crisis.states import DeliveryState, Mode, NotAllowed
from tests.sending.world import Provider, World, world

PHONES = [f"+4740000{number:03}" for number in range(12)]
AWAY = Unreachable("no connection", code="no_connection")
SOMEBODY = Actor(None, "Vakt", frozenset())
SETTINGS = Settings()  # knows no account: the usual five minutes


@dataclass
class Pair:
    """An account of a small world, and the one that speaks for it when it cannot."""

    here: World
    own_id: uuid.UUID
    other_id: uuid.UUID

    def account(self, which: uuid.UUID | None = None) -> Account:
        with self.here.database.reading() as session:
            return session.get_one(Account, which or self.own_id)

    def watch(self) -> list[str]:
        def look(session: object) -> list[str]:
            return [one.to for one in fallback.watch(session, SETTINGS, self.here.clock())]  # type: ignore[arg-type]

        return self.here.write(look)  # type: ignore[return-value]

    def change(self, do: Callable[..., object]) -> None:
        self.here.write(lambda session: do(session, session.get_one(Account, self.own_id)))

    def drain(self, provider: Provider, which: uuid.UUID | None = None, **more: float) -> int:
        self.here.account_id = which or self.own_id
        try:
            return self.here.drain(provider, **more)  # type: ignore[arg-type]
        finally:
            self.here.account_id = self.own_id

    def through(self) -> dict[str, uuid.UUID]:
        return {row.address: row.through_id for row in self.here.deliveries()}


@pytest.fixture
def pair(database: Database) -> Pair:
    here = world(database)

    def add(session: object) -> uuid.UUID:
        other = Account(
            key="sms-backup", unit_id=here.unit_id, channel="sms", mode=Mode.DRILL, languages=["nb"], active=True
        )
        session.add(other)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        session.get_one(Account, here.account_id).fallback_id = other.id  # type: ignore[attr-defined]
        return other.id

    return Pair(here, here.account_id, here.write(add))  # type: ignore[arg-type]


def test_refused_keys_hand_over_at_once_and_everybody_gets_it_once(pair: Pair) -> None:
    broadcast = pair.here.release(PHONES)
    refused, backup = Provider(answers={"*": [Misconfigured("authenticate")] * 20}), Provider()
    pair.drain(refused)
    assert pair.watch() == ["over"]
    assert pair.watch() == []
    pair.drain(backup, pair.other_id)
    assert backup.heard() == dict.fromkeys(PHONES, 1)
    assert pair.here.states(broadcast) == {DeliveryState.ACCEPTED: len(PHONES)} == pair.here.counted(broadcast)
    assert {row.account_id for row in pair.here.deliveries()} == {pair.own_id}  # still whose it was
    with pair.here.database.reading() as session:
        acts = [row.act for row in session.scalars(select(AuditRow).order_by(AuditRow.number))]
        assert acts == ["account.paused", "account.switched_over"]
        assert list(audit.verify(session)) == []


def test_a_pause_by_a_person_is_silence_until_a_person_says_otherwise(pair: Pair) -> None:
    pair.here.release(PHONES)
    pair.change(lambda session, account: pause(session, SOMEBODY, account, "wrong number in the text"))
    assert pair.watch() == []
    pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "go on", pair.here.clock()))
    assert set(pair.through().values()) == {pair.other_id}


def test_no_answer_is_waited_for_before_the_switch_and_calm_before_the_way_back(pair: Pair) -> None:
    pair.here.release(PHONES)
    dead = Provider(answers={"*": [AWAY] * 500})
    for _ in range(4):
        pair.drain(dead)
        assert pair.watch() == []
        pair.here.clock.forward(seconds=65)
    pair.drain(dead)
    pair.here.clock.forward(seconds=60)
    assert pair.watch() == ["over"]
    assert set(pair.through().values()) == {pair.other_id}
    pair.here.release(PHONES)  # straight to the fallback
    assert set(pair.through().values()) == {pair.other_id}
    pair.change(lambda _, account: setattr(account, "well_at", pair.here.clock()))
    pair.here.clock.forward(minutes=4)
    assert pair.watch() == []
    pair.here.clock.forward(minutes=1)
    assert pair.watch() == ["back"]
    assert set(pair.through().values()) == {pair.own_id}
    pair.here.clock.forward(minutes=1)
    assert pair.watch() == []  # and not over again before it has failed again


def test_one_post_that_never_gets_through_is_trouble_enough(pair: Pair) -> None:
    pair.here.release(PHONES[:1])
    dead = Provider(answers={"*": [AWAY] * 50})
    pair.drain(dead)
    pair.here.clock.forward(minutes=5)
    pair.drain(dead)
    assert pair.watch() == ["over"]


def test_one_that_is_answered_in_between_is_no_trouble(pair: Pair) -> None:
    pair.here.release(PHONES[:2])
    provider = Provider(answers={PHONES[0]: [AWAY, AWAY]})
    pair.drain(provider)
    pair.here.clock.forward(minutes=6)
    pair.drain(provider)
    assert pair.account().troubled_at is not None  # the second slice came to nothing ...
    assert pair.watch() == []  # ... but only since then


def test_trouble_with_nothing_waiting_long_switches_nothing(pair: Pair) -> None:
    pair.change(lambda _, account: setattr(account, "troubled_at", pair.here.clock() - timedelta(days=1)))
    assert pair.watch() == []
    pair.here.release(PHONES)
    assert pair.watch() == []


def test_what_may_have_left_is_never_said_elsewhere(pair: Pair) -> None:
    """Found absent and queued again, it still waits for the account that may have said it."""
    pair.here.release(PHONES[:3])
    answers = {PHONES[0]: [Uncertain("lost")], PHONES[1]: [AWAY], PHONES[2]: [Busy("later", retry_after=1)]}
    pair.drain(Provider(answers=answers))  # type: ignore[arg-type]
    again = select(Delivery).where(Delivery.address == PHONES[0])
    pair.here.write(lambda session: setattr(session.scalars(again).one(), "state", DeliveryState.QUEUED))
    pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "go on", pair.here.clock()))
    assert pair.through() == {PHONES[0]: pair.own_id, PHONES[1]: pair.other_id, PHONES[2]: pair.other_id}


def test_an_attempt_without_a_trace_counts_as_one_that_may_have_left(pair: Pair) -> None:
    pair.here.release(PHONES[:1])
    pair.here.write(lambda session: setattr(session.scalars(select(Delivery)).one(), "attempts", 1))
    pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "go on", pair.here.clock()))
    assert pair.through() == {PHONES[0]: pair.own_id}


def test_what_is_in_the_air_stays_where_it_is(pair: Pair) -> None:
    pair.here.release(PHONES[:4])
    during: list[dict[str, uuid.UUID]] = []

    def switch(_: object) -> None:
        if not during:
            pair.change(lambda s, a: fallback.switch_over(s, SOMEBODY, a, "go on", pair.here.clock()))
            during.append(pair.through())

    own = Provider(during=switch)
    pair.drain(own)
    assert set(during[0].values()) == {pair.own_id}  # claimed, all four
    assert own.heard() == dict.fromkeys(PHONES[:4], 1)
    assert pair.drain(Provider(), pair.other_id) == 0


def test_uncertain_at_the_fallback_stays_there_and_its_receipt_settles_it(pair: Pair) -> None:
    pair.here.release(PHONES[:1])
    pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "go on", pair.here.clock()))
    pair.drain(Provider(answers={"*": [Uncertain("lost")]}), pair.other_id)
    pair.change(lambda session, account: fallback.switch_back(session, SOMEBODY, account, "mended", pair.here.clock()))
    assert pair.through() == {PHONES[0]: pair.other_id}
    row = pair.here.deliveries()[0]
    receipt = Receipt("SM1", "delivered", "delivered", reference=f"{row.id.hex}.1")
    pair.here.write(lambda s: receipts.apply(s, s.get_one(Account, pair.own_id), [receipt], pair.here.clock()))
    assert pair.here.states() == {DeliveryState.UNCERTAIN: 1}  # not the account that said it
    receipt = Receipt("SM1", "delivered", "delivered", reference=f"{row.id.hex}.1", code="0")
    pair.here.write(lambda s: receipts.apply(s, s.get_one(Account, pair.other_id), [receipt], pair.here.clock()))
    assert pair.here.states() == {DeliveryState.DELIVERED: 1} == pair.here.counted()


@pytest.mark.parametrize("whom", ["own", "other"])
def test_stop_said_to_either_counts(pair: Pair, whom: str) -> None:
    pair.here.release(PHONES[:2])
    account_id = pair.own_id if whom == "own" else pair.other_id
    opt_out = OptOut(account_id=account_id, address=PHONES[0], source="stop", since=pair.here.clock())
    pair.here.write(lambda session: session.add(opt_out))
    pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "go on", pair.here.clock()))
    backup = Provider()
    pair.drain(backup, pair.other_id)
    assert backup.heard() == {PHONES[1]: 1}
    assert pair.here.states() == {DeliveryState.ACCEPTED: 1, DeliveryState.SUPPRESSED: 1} == pair.here.counted()


def test_a_broadcast_that_speaks_there_by_itself_is_not_said_there_again(pair: Pair) -> None:
    broadcast = pair.here.release(PHONES[:2])

    def twin(session: object) -> None:
        found = session.get_one(Broadcast, broadcast)  # type: ignore[attr-defined]
        queue(session, found, [Receiver(pair.other_id, "sms", PHONES[0], "nb")])  # type: ignore[arg-type]

    pair.here.write(twin)
    pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "go on", pair.here.clock()))
    backup = Provider()
    pair.drain(backup, pair.other_id)
    assert backup.heard() == {PHONES[0]: 1, PHONES[1]: 1}


@pytest.mark.parametrize(("length", "goes"), [(280, True), (281, False)])
def test_on_another_channel_only_words_that_fit_there_are_said(pair: Pair, length: int, *, goes: bool) -> None:
    broadcast = pair.here.release(PHONES[:1])

    def elsewhere(session: object) -> None:
        session.get_one(Account, pair.other_id).channel = "x"  # type: ignore[attr-defined]
        session.get_one(Broadcast, broadcast).texts[0].text = "a" * length  # type: ignore[attr-defined]

    pair.here.write(elsewhere)
    pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "go on", pair.here.clock()))
    assert pair.through() == {PHONES[0]: pair.other_id if goes else pair.own_id}


def test_a_countdown_is_not_shortened_by_the_switch(pair: Pair) -> None:
    pair.here.release(PHONES[:1], delay=timedelta(seconds=30))
    pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "go on", pair.here.clock()))
    assert pair.drain(Provider(), pair.other_id) == 0


def test_by_hand_it_stays_until_a_hand_ends_it(pair: Pair) -> None:
    pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "go on", pair.here.clock()))
    pair.change(lambda _, account: setattr(account, "well_at", pair.here.clock()))
    pair.here.clock.forward(hours=3)
    assert pair.watch() == []
    pair.change(lambda session, account: fallback.switch_back(session, SOMEBODY, account, "mended", pair.here.clock()))
    assert not fallback.is_over(pair.account())


def test_a_person_who_switches_back_is_not_overruled_by_the_same_pause(pair: Pair) -> None:
    pair.here.release(PHONES[:2])
    pair.drain(Provider(answers={"*": [Misconfigured("authenticate")] * 9}))
    assert pair.watch() == ["over"]
    pair.change(lambda session, account: fallback.switch_back(session, SOMEBODY, account, "wait", pair.here.clock()))
    pair.here.clock.forward(hours=1)
    assert pair.watch() == []
    assert set(pair.through().values()) == {pair.own_id}


def test_resumed_it_comes_back_after_a_calm(pair: Pair) -> None:
    pair.here.release(PHONES[:1])
    pair.drain(Provider(answers={"*": [Misconfigured("authenticate")] * 9}))
    assert pair.watch() == ["over"]
    pair.change(lambda session, account: resume(session, SOMEBODY, account))
    pair.change(lambda _, account: setattr(account, "well_at", pair.here.clock()))  # as resume does, by our clock
    pair.here.clock.forward(minutes=4)
    assert pair.watch() == []
    pair.here.clock.forward(minutes=2)
    assert pair.watch() == ["back"]


def test_a_fallback_that_stops_gives_back_and_takes_nothing(pair: Pair) -> None:
    pair.here.release(PHONES[:2])
    pair.drain(Provider(answers={"*": [Misconfigured("authenticate")] * 9}))
    assert pair.watch() == ["over"]
    pair.here.write(lambda session: setattr(session.get_one(Account, pair.other_id), "paused_reason", "stop"))
    assert pair.watch() == []  # neither can speak
    with pytest.raises(NotAllowed, match="cannot speak either"):
        pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "x", pair.here.clock()))
    pair.change(lambda session, account: resume(session, SOMEBODY, account))
    assert pair.watch() == ["back"]  # at once: waiting here is better than waiting there
    assert set(pair.through().values()) == {pair.own_id}


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_hand_says_why(pair: Pair, reason: str) -> None:
    with pytest.raises(NotAllowed, match="say why"):
        pair.change(lambda s, a: fallback.switch_over(s, SOMEBODY, a, reason, pair.here.clock()))
    with pytest.raises(NotAllowed, match="say why"):
        pair.change(lambda s, a: fallback.switch_back(s, SOMEBODY, a, reason, pair.here.clock()))


def test_another_fallback_in_the_settings_gives_back_what_waits(pair: Pair) -> None:
    pair.here.release(PHONES[:2])
    pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "go on", pair.here.clock()))
    pair.change(lambda session, account: fallback.name_fallback(session, account, None, pair.here.clock()))
    assert set(pair.through().values()) == {pair.own_id}
    assert pair.account().fallback_id is None
    with pytest.raises(NotAllowed, match="no fallback"):
        pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "x", pair.here.clock()))


def test_a_drill_never_falls_back_to_a_live_account(pair: Pair) -> None:
    pair.here.release(PHONES[:1])

    def betray(session: object) -> None:
        live = Account(key="sms-live", unit_id=pair.here.unit_id, channel="sms", mode=Mode.LIVE, languages=["nb"])
        session.add(live)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        session.scalars(select(Delivery)).one().through_id = live.id  # type: ignore[attr-defined]

    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError):
        pair.here.write(betray)


def test_accepted_is_what_the_fallback_says(pair: Pair, tmp_path: Path) -> None:
    pair.here.release(PHONES[:1])
    pair.change(lambda session, account: fallback.switch_over(session, SOMEBODY, account, "go on", pair.here.clock()))
    pair.drain(Provider(answers={"*": [Accepted("there", "https://backup.example/1")]}), pair.other_id)
    assert pair.here.deliveries()[0].provider_id == "there"
