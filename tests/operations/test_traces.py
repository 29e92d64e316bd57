"""One trace per broadcast: its id is the broadcast's, and every process finds it without being told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from crisis import traces
from crisis.channels.base import Accepted, Uncertain
from crisis.db import Database
from crisis.models import Account, Broadcast, utcnow
from crisis.sending import journal
from crisis.states import Mode
from tests.sending.world import Provider, world


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    traces.send_to(SimpleSpanProcessor(exporter), "test")
    yield exporter
    traces.send_to(None, "test")


def test_console_drain_and_channel_stand_in_one_trace(database: Database, spans: InMemorySpanExporter) -> None:
    small = world(database)
    broadcast_id = small.release(["+4740000000", "+4740000001"])
    with database.writing() as session:
        began = utcnow()
        journal.released(session, session.get_one(Broadcast, broadcast_id), 2, began)
        assert spans.get_finished_spans() == ()  # nothing is told before the commit
    small.drain(Provider(answers={"+4740000001": [Uncertain("read timeout")]}))
    found = spans.get_finished_spans()
    assert {span.context.trace_id for span in found} == {broadcast_id.int}
    root = next(span for span in found if span.name == "release")
    assert root.parent is None
    assert root.resource.attributes["service.name"] == "crisis-test"
    below = [span for span in found if span is not root]
    assert {span.parent.span_id for span in below} == {root.context.span_id}
    assert sorted(span.name for span in below) == ["claim", "send", "send"]
    assert {span.attributes["crisis.outcome"] for span in below if span.name == "send"} == {"accepted", "uncertain"}
    assert all(span.attributes["crisis.account"] == "sms-drill" for span in below)


def test_of_a_large_batch_some_are_told_and_all_that_went_wrong(spans: InMemorySpanExporter) -> None:
    told = [number for number in range(1, 501) if traces.worth_telling(number)]
    assert told == [*range(1, 21), 100, 200, 300, 400, 500]
    assert traces.worth_telling(77, wrong=True)


def test_off_it_does_nothing() -> None:
    assert not traces.worth_telling(1, wrong=True)
    now = utcnow()
    traces.step("claim", Broadcast(id=None).id, now, now)  # type: ignore[arg-type]


def test_it_stays_off_without_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    traces.set_up("test")
    assert traces._tracer is None


def test_it_goes_on_with_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    traces.set_up("test")
    try:
        assert traces._tracer is not None
    finally:
        traces.send_to(None, "test")


def test_the_log_tells_batches_and_names_what_went_wrong(database: Database) -> None:
    small = world(database)
    broadcast_id = small.release([f"+47400000{number:02}" for number in range(50)])
    with capture_logs() as told:
        small.drain(
            Provider(
                answers={
                    "+4740000007": [Uncertain("about +4740000007", code="timeout")],
                    "*": [Accepted("a", None)] * 50,
                }
            )
        )
    assert len([line for line in told if line["event"] == "claimed"]) == 1
    recorded = [line for line in told if line["event"] == "recorded"]
    assert 1 <= len(recorded) <= 10
    assert sum(line["outcomes"].get("send:accepted", 0) for line in recorded) == 49
    assert all(line["broadcasts"] == [str(broadcast_id)] and line["incidents"] for line in recorded)
    (wrong,) = [line for line in told if line["event"] == "delivery.went_wrong"]
    assert wrong["code"] == "timeout"
    assert wrong["delivery"]
    assert wrong["account"] == "sms-drill"
    assert "+47" not in str(told)  # people are named in the database, not in the log


def test_a_release_is_told_with_its_ids_after_the_commit(database: Database) -> None:
    small = world(database)
    broadcast_id = small.release(["+4740000000"])
    with capture_logs() as told:
        with contextlib.suppress(KeyError), database.writing() as session:
            journal.released(session, session.get_one(Broadcast, broadcast_id), 1, utcnow())
            {}["the transaction fails"]
        assert told == []
        with database.writing() as session:
            assert session.get_one(Account, small.account_id).mode is Mode.DRILL
            journal.released(session, session.get_one(Broadcast, broadcast_id), 1, utcnow() - timedelta(seconds=1))
    (line,) = told
    assert (line["event"], line["broadcast"], line["incident"]) == (
        "broadcast.released",
        broadcast_id,
        small.incident_id,
    )
