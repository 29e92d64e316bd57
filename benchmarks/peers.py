"""The usual way to do it: one task per recipient in Celery or RQ, with the Twilio client, one outcome written per task.

Read by the peers' own workers: `celery -A benchmarks.peers worker`, `python -m benchmarks.peers rq`.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any

import redis
from celery import Celery
from rq import Queue, SimpleWorker
from sqlalchemy import insert, update
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from crisis.db import Database
from crisis.models import Attempt, Delivery, new_id, utcnow
from crisis.states import DeliveryState, Outcome

TEXT = "Oslo universitetssykehus: Mange er skadd ved Oslo S. Vi tar imot skadde. Neste melding kl. 04:15."


@cache
def celery(broker: str) -> Celery:
    """One for each broker: it keeps its connections, also to one that is gone."""
    made = Celery("peers", broker=broker)
    made.conf.update(
        task_ignore_result=True,
        worker_prefetch_multiplier=100,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"global_keyprefix": "celery-"},
    )
    return made


app = celery(os.environ.get("BENCH_REDIS", "redis://127.0.0.1:1/0"))  # the workers' own

_parts: dict[int, tuple[Client, Database]] = {}  # by process: neither survives a fork


def _open() -> tuple[Client, Database]:
    if os.getpid() not in _parts:
        client = Client("AC" + "1" * 32, "none", http_client=TwilioHttpClient(timeout=30))
        client.api.base_url = os.environ["BENCH_PROVIDER"]
        _parts[os.getpid()] = client, Database(os.environ["BENCH_DATABASE"], pool_size=50)
    return _parts[os.getpid()]


def deliver(delivery_id: str, address: str) -> None:
    """Send one text and write its outcome down."""
    client, database = _open()
    started_at = utcnow()
    message = client.messages.create(to=address, from_="+15005551100", body=TEXT)
    with database.writing() as session:
        session.execute(
            update(Delivery)
            .where(Delivery.id == uuid.UUID(delivery_id))
            .values(state=DeliveryState.ACCEPTED, provider_id=message.sid, attempts=1, changed_at=utcnow())
            .execution_options(synchronize_session=False)
        )
        session.connection().execute(
            insert(Attempt.__table__).values(  # type: ignore[arg-type]
                id=new_id(),
                delivery_id=uuid.UUID(delivery_id),
                number=1,
                kind="send",
                started_at=started_at,
                ended_at=utcnow(),
                outcome=Outcome.ACCEPTED,
                provider_id=message.sid,
                code="",
                say="",
            )
        )


app.task(deliver, name="deliver")


def enqueue(kind: str, rows: Sequence[tuple[str, str]]) -> None:
    """Queue one task for each row."""
    if kind == "rq":
        queue = Queue("peers", connection=redis.Redis.from_url(os.environ["BENCH_REDIS"]))
        queue.enqueue_many([Queue.prepare_data(deliver, args=row, result_ttl=0) for row in rows])
    else:
        sending = celery(os.environ["BENCH_REDIS"])
        with sending.producer_pool.acquire(block=True) as producer:
            for row in rows:
                sending.send_task("deliver", row, producer=producer)


def wait_until_up(kind: str) -> None:
    """Come back when the workers are there."""
    if kind == "rq":
        time.sleep(4)
        return
    deadline = time.monotonic() + 60
    while not celery(os.environ["BENCH_REDIS"]).control.inspect(timeout=1).ping():
        if time.monotonic() > deadline:
            raise TimeoutError("Celery's workers did not start")


def main(argv: Any) -> None:
    if argv[1:] == ["rq"]:
        connection = redis.Redis.from_url(os.environ["BENCH_REDIS"])
        SimpleWorker(["peers"], connection=connection).work(logging_level="ERROR")


if __name__ == "__main__":
    # Under its importable name, so that tasks are found again by the worker.
    from benchmarks import peers

    peers.main(sys.argv)
