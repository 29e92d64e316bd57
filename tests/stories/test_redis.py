"""Redis only wakes somebody up: down, hung, emptied or full of strange jobs, it costs a second and nothing else."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from crisis.queues import queue_name
from crisis.states import Mode
from tests.stories.proof import prove, with_lines
from tests.stories.servers import redis_server
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow


def release_texts(here: Town) -> uuid.UUID:
    """Released within a moment, whatever Redis does."""
    incident = here.open(Mode.LIVE)
    began = time.monotonic()
    broadcast = here.release(incident, channels=("sms",))
    assert time.monotonic() - began < 4
    return broadcast


def test_down_hung_or_empty_it_costs_a_second(tmp_path: Path, database_url: str) -> None:
    with (
        redis_server(tmp_path / "redis") as server,
        town(tmp_path, database_url=database_url, redis=server.url) as here,
    ):
        phones = here.populate(5)
        here.start("sender-live")  # no clock: the senders' own look is enough
        broadcasts = []

        server.stop()
        broadcasts.append(release_texts(here))
        assert here.settled_soon(broadcasts[-1]) == {"accepted": 5}

        server.start()
        broadcasts.append(release_texts(here))
        assert here.settled_soon(broadcasts[-1]) == {"accepted": 5}

        server.freeze()
        broadcasts.append(release_texts(here))
        assert here.settled_soon(broadcasts[-1]) == {"accepted": 5}
        server.freeze(False)

        server.stop(forget=True)
        server.start()
        broadcasts.append(release_texts(here))
        assert here.settled_soon(broadcasts[-1]) == {"accepted": 5}
        prove(here, *broadcasts, once=phones * 4)


def test_away_for_a_minute_nobody_waits_and_it_is_found_again(tmp_path: Path) -> None:
    """Whoever listens for wake-ups looks ever more rarely, but never stops looking."""
    with redis_server(tmp_path / "redis") as server, town(tmp_path, redis=server.url) as here:
        phones = here.populate(3)
        here.start("sender-live", "clock")
        server.stop()
        away = time.monotonic()
        broadcasts = []
        while time.monotonic() - away < 60:
            broadcasts.append(release_texts(here))
            assert here.settled_soon(broadcasts[-1]) == {"accepted": 3}
            time.sleep(10)
        server.start()
        queue = Queue(queue_name(Mode.LIVE), connection=redis.Redis.from_url(server.url), serializer=JSONSerializer)
        broadcasts.append(release_texts(here))
        assert here.settled_soon(broadcasts[-1]) == {"accepted": 3}
        assert here.processes["sender-live"].poll() is None
        here.runtime.wakeups.send({Mode.LIVE: here.account_ids()})
        eventually(lambda: queue.count == 0, within=120)  # wake-ups are heard again
        prove(here, *broadcasts, once=phones * len(broadcasts))


def test_emptied_in_the_middle_of_a_bulk_send(tmp_path: Path, database_url: str) -> None:
    with (
        redis_server(tmp_path / "redis") as server,
        town(tmp_path, database_url=database_url, redis=server.url, edit=with_lines(sms_ous="pace = 60")) as here,
    ):
        phones = here.populate(180)
        here.start("sender-live", "clock")
        broadcast = release_texts(here)
        eventually(lambda: here.states(broadcast)["accepted"] > 40)
        server.empty()
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        prove(here, broadcast, once=phones)


def test_told_to_stop_while_redis_hangs_it_ends(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as server, town(tmp_path, redis=server.url) as here:
        here.start("sender-live")
        server.freeze()
        began = time.monotonic()
        assert here.stop("sender-live") == 0
        assert time.monotonic() - began < 10


def test_jobs_that_are_doubled_or_foreign_do_nothing(tmp_path: Path, database_url: str) -> None:
    """The same wake-up fifty times; jobs that name other functions, in every field RQ would import one from."""
    with town(tmp_path, database_url=database_url) as here:
        phones = here.populate(5)
        here.start("sender-live")
        touched = tmp_path / "touched"
        queue = Queue(queue_name(Mode.LIVE), connection=redis.Redis.from_url(here.redis_url), serializer=JSONSerializer)
        for name in ("os.system", "subprocess.check_call", "crisis.runtime.start", "", "wake.__class__"):
            job = queue.enqueue(name or "x", args=[f"touch {touched}"])
            job.connection.hset(
                job.key, mapping={"success_callback_name": "os.system", "failure_callback_name": "os.system"}
            )
        pickled = Queue(queue_name(Mode.LIVE), connection=redis.Redis.from_url(here.redis_url))
        pickled.enqueue("os.system", f"touch {touched}")
        queue.enqueue("wake", args=[["not-an-id"]])
        broadcast = here.release(here.open(Mode.LIVE), channels=("sms",))
        for _ in range(50):
            here.runtime.wakeups.send({Mode.LIVE: here.account_ids()})
        assert here.settled_soon(broadcast) == {"accepted": 5}
        eventually(lambda: queue.count == 0)
        time.sleep(0.5)
        assert not touched.exists()
        assert here.processes["sender-live"].poll() is None
        prove(here, broadcast, once=phones)
