"""Call-outs on real processes and pretend telephones: filled and stopped, exhausted and said, killed and carried on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import Ask, Delivery
from crisis.states import AskState, CallOutState
from tests.stories.proof import prove, with_lines
from tests.stories.staff import FAST_LINE, Ward
from tests.stories.town import eventually, town

pytestmark = pytest.mark.slow
EVERYTHING = ("console", "sender-live", "clock")


def test_a_filled_quota_stops_the_calls(tmp_path: Path, database_url: str) -> None:
    """Thirty stand in line and the line takes three a second: when four have said yes, no more phones ring."""
    with town(tmp_path, database_url=database_url, edit=with_lines(voice_ous="pace = 3")) as here:
        ward = Ward(here)
        phones = ward.nurses(30)
        ward.crowd(shares={"yes": 3, "no": 1, "later": 1}, after=[0, 4], thinks=[0, 8])
        here.start(*EVERYTHING)
        ward.start(4, surplus=750, widen_seconds=60)
        eventually(lambda: ward.state() is CallOutState.FILLED, within=60)
        assert ward.coming() == 4
        here.settled(ward.broadcast_id)
        rang = ward.calls()
        assert set(rang) < set(phones), "somebody is left who was never called"
        assert set(rang.values()) == {1}
        assert here.states(ward.broadcast_id)["cancelled"] == 30 - len(rang)
        assert not ward.asks()[AskState.RINGING]
        assert ward.recorded("call_out.filled") == 1
        prove(here, ward.broadcast_id)


def test_everybody_ignores_it_and_somebody_is_told(tmp_path: Path, database_url: str) -> None:
    """Each phone rings as often as allowed, not once more; then the officers hear that too few come."""
    with town(tmp_path, database_url=database_url, edit=FAST_LINE) as here:
        ward = Ward(here)
        phones, officer = ward.nurses(4), ward.officer_phone()
        ward.crowd(shares={"ignore": 1})
        here.start(*EVERYTHING)
        ward.start(2, tries=2, widen_seconds=5)
        eventually(lambda: ward.state() is CallOutState.EXHAUSTED, within=90)
        assert ward.calls() == dict.fromkeys(phones, 2)
        assert ward.asks() == {AskState.NO_ANSWER: 4}
        assert ward.coming() == ward.replies() == 0
        assert ward.recorded("call_out.exhausted") == 1
        eventually(lambda: here.phones()[officer] == 1)
        prove(here, ward.broadcast_id)


def test_a_voicemail_is_no_yes(tmp_path: Path, database_url: str) -> None:
    """Machines answer, also one that sounds like a person: nobody is counted as coming, and a text follows the call."""
    with town(tmp_path, database_url=database_url, edit=FAST_LINE) as here:
        ward = Ward(here)
        phones = ward.nurses(3)
        ward.crowd(shares={"voicemail": 1})
        ward.habit(phones[0], does="voicemail", taken_for="human")
        here.start(*EVERYTHING)
        ward.start(3, ways=("voice", "sms"), tries=2, widen_seconds=5)
        eventually(lambda: set(here.phones()) >= set(phones), within=60)
        assert ward.calls() == dict.fromkeys(phones, 1)
        assert ward.coming() == ward.replies() == 0
        assert not {AskState.YES, AskState.NO} & set(ward.asks())
        here.simulator.say(phones[1], "ja")
        eventually(lambda: ward.coming() == 1)
        assert here.phones()[phones[1]] >= 1


def test_killed_in_the_middle(tmp_path: Path, database_url: str) -> None:
    """Sender and clock die while phones ring: no phone rings twice for one try, and nobody is forgotten."""
    with town(tmp_path, database_url=database_url, edit=FAST_LINE) as here:
        ward = Ward(here)
        phones = ward.nurses(24)
        ward.crowd(shares={"yes": 1, "no": 2, "busy": 1}, after=[0, 20], thinks=[0, 20], speed=10)
        here.start(*EVERYTHING)
        ward.start(24, surplus=100, tries=2, widen_seconds=5)
        eventually(lambda: len(ward.calls()) >= 5)
        here.kill("sender-live")
        here.kill("clock")
        here.lapse()
        here.start("clock", "sender-live")

        def over() -> bool:
            here.lapse()
            here.hurry()
            return ward.state() is CallOutState.EXHAUSTED

        eventually(over, within=120, every=0.5)
        assert set(ward.calls()) == set(phones), "nobody is forgotten"
        assert not ward.calls() - ward.tries(), "a phone rang more often than it was tried"
        with here.runtime.database.reading() as session:
            rounds = Counter(
                session.execute(
                    select(Delivery.ask_id, Delivery.round).where(Delivery.broadcast_id == ward.broadcast_id)
                ).all()
            )
            busy = session.scalars(select(Ask.tries).where(Ask.state == AskState.BUSY)).all()
        assert set(rounds.values()) == {1}
        assert set(busy) == {2}
        prove(here, ward.broadcast_id)
