"""/metrics: what it says, to whom, and what it says when something is away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, update

from crisis.console import create_app
from crisis.models import AuditRow
from crisis.runtime import Runtime
from crisis.sending import pulse
from crisis.settings import SecretRef
from tests.operations.conftest import Busy

LABELS = {"account": "sms-busy", "mode": "live"}


def samples(client: FlaskClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.content_type.startswith("text/plain")
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


def value(found: Any, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_what_it_says(client: FlaskClient, at_work: Busy) -> None:
    with at_work.database.writing() as session:
        from crisis.models import utcnow

        pulse.beat(session, "sender-live@here:1", "sender-live", utcnow())
    found = samples(client)
    assert value(found, "crisis_database_up") == 1
    assert value(found, "crisis_deliveries_unfinished", **LABELS, state="queued") == 10
    assert value(found, "crisis_deliveries_unfinished", account="sms-dep-live", mode="live", state="queued") == 0
    assert value(found, "crisis_deliveries_day", **LABELS, state="accepted") == 20
    assert 39 < value(found, "crisis_oldest_due_seconds", **LABELS) < 60
    assert value(found, "crisis_uncertain_waiting", **LABELS) == 1
    assert value(found, "crisis_account_paused", account="sms-ous-live", mode="live") == 1
    assert value(found, "crisis_account_paused", **LABELS) == 0
    assert ("crisis_account_healthy", frozenset(LABELS.items())) not in found  # nobody has looked yet
    assert value(found, "crisis_attempts_recent", **LABELS, kind="send", outcome="accepted") == 20
    assert value(found, "crisis_release_to_accepted_seconds_bucket", **LABELS, le="30.0") == 0
    assert value(found, "crisis_release_to_accepted_seconds_bucket", **LABELS, le="+Inf") == 20
    assert value(found, "crisis_processes_alive", kind="sender-live") == 1
    assert value(found, "crisis_processes_alive", kind="listener") == 0
    assert 0 <= value(found, "crisis_heartbeat_age_seconds", kind="sender-live") < 10
    assert value(found, "crisis_playbooks", state="readable") == 1
    assert value(found, "crisis_playbooks", state="broken") == 0
    assert value(found, "crisis_audit_end_whole") == 1
    assert not [name for name, _ in found if name == "crisis_redis_up"]  # none is configured


def test_a_broken_playbook_and_a_silent_redis_are_told(runtime: Runtime) -> None:
    (runtime.settings.playbooks_dir / "half.toml").write_text("title =")
    told = runtime.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    client = create_app(changed(runtime, told)).test_client()
    found = samples(client)
    assert value(found, "crisis_playbooks", state="broken") == 1
    assert value(found, "crisis_redis_up") == 0


def test_a_database_that_is_away_is_told(runtime: Runtime, client: FlaskClient) -> None:
    runtime.database.close()
    path = Path(runtime.database.url.removeprefix("sqlite:///"))
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    found = samples(client)
    assert value(found, "crisis_database_up") == 0
    assert value(found, "crisis_playbooks", state="readable") == 1
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize("spoil", ["last_row_gone", "last_row_changed"])
def test_a_record_that_was_cut_or_changed_at_its_end_is_told(runtime: Runtime, client: FlaskClient, spoil: str) -> None:
    from crisis import audit
    from crisis.actor import SYSTEM

    with runtime.database.writing() as session:
        audit.record(session, SYSTEM, "one", "thing")
        audit.record(session, SYSTEM, "two", "thing")
    assert value(samples(client), "crisis_audit_end_whole") == 1
    with runtime.database.writing() as session:
        if spoil == "last_row_gone":
            session.execute(delete(AuditRow).where(AuditRow.act == "two"))
        else:
            session.execute(update(AuditRow).where(AuditRow.act == "two").values(who="nobody"))
    assert value(samples(client), "crisis_audit_end_whole") == 0


@pytest.mark.parametrize(
    ("given", "status"),
    [(None, 401), ("Bearer wrong", 401), ("Basic the-right-one", 401), ("Bearer ", 401), ("Bearer the-right-one", 200)],
)
def test_a_token_is_asked_for_when_there_is_one(
    runtime: Runtime, tmp_path: Path, given: str | None, status: int
) -> None:
    (tmp_path / "token").write_text("the-right-one\n")
    client = create_app(with_token(runtime, SecretRef(file=tmp_path / "token"))).test_client()
    answer = client.get("/metrics", headers={"Authorization": given} if given else {})
    assert answer.status_code == status
    assert ("crisis_database_up" in answer.text) == (status == 200)


def test_a_token_that_cannot_be_read_lets_nobody_in(runtime: Runtime, tmp_path: Path) -> None:
    client = create_app(with_token(runtime, SecretRef(file=tmp_path / "gone"))).test_client()
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 503


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.7", {}, 401),
        ("", {}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}, 401),
    ],
)
def test_without_a_token_only_this_machine_may_ask(
    app: Flask, address: str, headers: dict[str, str], status: int
) -> None:
    answer = app.test_client().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status


def test_an_older_database_is_not_ready_and_a_newer_one_is(
    runtime: Runtime, client: FlaskClient, monkeypatch: Any
) -> None:
    from crisis.console import probes

    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(probes.migrations, "current", lambda _database: "0001")
    monkeypatch.setattr(probes, "_too_old", lambda: frozenset({"0001"}))
    assert client.get("/readyz").status_code == 503
    monkeypatch.setattr(probes.migrations, "current", lambda _database: "from tomorrow")
    assert client.get("/readyz").status_code == 200


def with_token(runtime: Runtime, token: SecretRef) -> Runtime:
    console = runtime.settings.console.model_copy(update={"metrics_token": token})
    return changed(runtime, runtime.settings.model_copy(update={"console": console}))


def changed(runtime: Runtime, settings: Any) -> Runtime:
    from dataclasses import replace

    from crisis.queues import Wakeups

    return replace(runtime, settings=settings, wakeups=Wakeups(settings.redis_url))
