"""An account split among sender processes: every phone once, the pace of the whole held, and the shard of a dead one taken over."""

from __future__ import annotations

import uuid
from bisect import bisect_left
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import Account, Attempt, Delivery, ShardRow
from crisis.states import Mode
from tests.stories.proof import prove, with_lines
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow
SENDERS = ("sender-live", "sender-live-2", "sender-live-3")


def holders(here: Town) -> set[str]:
    with here.runtime.database.reading() as session:
        return {owner for owner in session.scalars(select(ShardRow.lease_owner)) if owner}


def most_in_a_second(here: Town, broadcast: uuid.UUID) -> int:
    with here.runtime.database.reading() as session:
        asked = select(Attempt.started_at).join(Delivery).where(Delivery.broadcast_id == broadcast)
        began = sorted(session.scalars(asked))
    return max(bisect_left(began, moment + timedelta(seconds=1)) - at for at, moment in enumerate(began))


def test_three_senders_share_one_account_and_its_pace(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous="pace = 60\nshards = 3")) as here:
        phones = here.populate(480)
        for process in (*SENDERS, "clock"):  # one after another: three at once take long to start on two cores
            here.start(process)
        broadcast = here.release(here.open(Mode.LIVE), channels=("sms",))
        eventually(lambda: len(holders(here)) == 3)
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)
        assert most_in_a_second(here, broadcast) <= 2 * 60 + 3  # the burst and a second of the whole account's pace


def test_the_shard_of_a_killed_sender_is_taken_over(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous="pace = 60\nshards = 2")) as here:
        phones = here.populate(360)
        here.start("sender-live", "sender-live-2", "clock")
        broadcast = here.release(here.open(Mode.LIVE), channels=("sms",))
        eventually(lambda: len(holders(here)) == 2)
        here.kill("sender-live")
        here.lapse()
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)


def test_a_429_to_one_shard_is_heard_by_both_and_nobody_gets_it_twice(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous="pace = 60\nshards = 2")) as here:
        phones = here.populate(240)
        here.start("sender-live", "sender-live-2", "clock")
        here.simulator.fault("twilio", "429", times=1, seconds=6, match=phones[7])
        broadcast = here.release(here.open(Mode.LIVE), channels=("sms",))
        eventually(lambda: _quiet(here))
        eventually(lambda: not holders(here))  # both have left it
        assert here.states(broadcast)["queued"] > 0
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)


def _quiet(here: Town) -> bool:
    with here.runtime.database.reading() as session:
        return session.scalars(select(Account.busy_streak).where(Account.key == "sms-ous")).one() > 0
