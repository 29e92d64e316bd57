"""Alerts from machines and by hand: who may, what is understood, and what the pages say."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from crisis.console.alert_api import signature
from crisis.models import Alert, utcnow
from crisis.oncall import reports
from crisis.settings import SecretRef
from crisis.states import AlertState, Mode, NotAllowed
from tests.console.scene import Night, a_night
from tests.oncall.scene import an_escalation, opened, ticked

KEY, TOKEN = "a key for signing", "a token to show"


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        for name, secret in (("alert-key", KEY), ("alert-token", TOKEN)):
            (tmp_path / name).write_text(secret)
        refs = {
            "alert_key": SecretRef(file=tmp_path / "alert-key"),
            "alert_token": SecretRef(file=tmp_path / "alert-token"),
        }
        ous, dep = made.scene.settings.units
        settings = made.scene.settings.model_copy(update={"units": (ous.model_copy(update=refs), dep)})
        object.__setattr__(made.scene.runtime, "settings", settings)
        yield made


def signed(client: FlaskClient, body: bytes, query: str = "unit=ous", at: int | None = None, key: str = KEY):
    stamp = str(int(time.time()) if at is None else at)
    headers = {
        "X-Crisis-Timestamp": stamp,
        "X-Crisis-Signature": f"sha256={signature(key, stamp, query.encode(), body)}",
    }
    return client.post(f"/api/alerts?{query}", data=body, headers=headers)


def shown(client: FlaskClient, body: bytes, query: str = "unit=ous", token: str = TOKEN):
    return client.post(f"/api/alerts?{query}", data=body, headers={"Authorization": f"Bearer {token}"})


def rows(night: Night) -> list[Alert]:
    with night.scene.runtime.database.reading() as session:
        found = list(session.scalars(select(Alert).order_by(Alert.opened_at)))
        session.expunge_all()
        return found


def test_a_signed_call_opens_counts_and_closes(night: Night) -> None:
    client = night.app.test_client()
    body = json.dumps({"title": "Oksygentrykket faller", "key": "o2"}).encode()
    assert signed(client, body).json["opened"] == 1
    assert signed(client, body, at=int(time.time()) - 60).json["counted"] == 1
    over = json.dumps({"key": "o2", "status": "resolved"}).encode()
    assert signed(client, over).json["closed"] == 1
    (row,) = rows(night)
    assert (row.state, row.opened_again, row.mode) == (AlertState.CLOSED, 1, Mode.LIVE)


def test_the_same_signed_call_is_obeyed_once(night: Night) -> None:
    client, at = night.app.test_client(), int(time.time())
    body = b'{"title": "t", "key": "k"}'
    signed(client, body, at=at)
    signed(client, b'{"key": "k", "status": "ok"}')
    assert signed(client, body, at=at).json == {"opened": 0, "counted": 0, "closed": 0, "repeated": True}
    assert [row.state for row in rows(night)] == [AlertState.CLOSED], "a replay opens nothing again"


def test_what_is_not_proven_is_refused_and_opens_nothing(night: Night) -> None:
    client, body = night.app.test_client(), b'{"title": "t"}'
    stamp = str(int(time.time()))
    drill = {"X-Crisis-Timestamp": stamp, "X-Crisis-Signature": signature(KEY, stamp, b"unit=ous&mode=drill", body)}
    refused = [
        client.post("/api/alerts?unit=ous", data=body),
        client.post("/api/alerts", data=body, headers={"Authorization": f"Bearer {TOKEN}"}),
        signed(client, body, key="another key"),
        signed(client, body, at=int(time.time()) - 301),
        signed(client, body, at=int(time.time()) + 302),
        signed(client, body, query="unit=dep"),
        shown(client, body, query="unit=none"),
        shown(client, body, query="unit=dep"),
        shown(client, body, token="æ"),
        client.post("/api/alerts?unit=ous", data=body, headers=drill),  # a drill's signature on a live call
        client.post("/api/alerts?unit=ous", data=body, headers={"X-Crisis-Signature": "x", "X-Crisis-Timestamp": "²"}),
    ]
    assert [one.status_code for one in refused] == [403] * len(refused)
    assert rows(night) == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"nonsense", b"{}", b'{"title": " "}', b'{"alerts": [{"labels": {}}]}', b"\xff"]
)
def test_what_cannot_be_read_is_told(night: Night, body: bytes) -> None:
    answer = shown(night.app.test_client(), body)
    assert answer.status_code == 422
    assert answer.text.strip()


def test_too_much_is_refused(night: Night) -> None:
    assert shown(night.app.test_client(), b'{"title": "' + b"x" * 300_000 + b'"}').status_code == 413
    many = {"alerts": [{"labels": {"alertname": str(n)}} for n in range(reports.MOST + 1)]}
    assert shown(night.app.test_client(), json.dumps(many).encode()).status_code == 422
    assert rows(night) == []


def test_alertmanager_is_taken_as_it_comes(night: Night) -> None:
    firing = {
        "version": "4",
        "groupKey": "{}:{}",
        "status": "firing",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "DiskFull", "instance": "db1"},
                "annotations": {"summary": "The disk is full", "description": "98 %"},
                "fingerprint": "f1",
            },
            {"status": "firing", "labels": {"alertname": "Down"}, "annotations": {}, "fingerprint": "f2"},
        ],
    }
    client = night.app.test_client()
    assert shown(client, json.dumps(firing).encode()).json["opened"] == 2
    firing["alerts"][0]["status"] = "resolved"
    assert {k: v for k, v in shown(client, json.dumps(firing).encode()).json.items() if k != "ids"} == {
        "opened": 0, "counted": 1, "closed": 1,
    }  # fmt: skip
    assert {(row.title, row.state) for row in rows(night)} == {
        ("The disk is full (db1)", AlertState.CLOSED),
        ("Down", AlertState.OPEN),
    }


@pytest.mark.parametrize(
    ("told", "key", "title", "over"),
    [
        ({"summary": "s", "id": 7}, "7", "s", False),
        ({"title": "t"}, "t", "t", False),
        ({"event_action": "resolve", "dedup_key": "d"}, "d", "d", True),
        ({"event_action": "trigger", "dedup_key": "d", "payload": {"summary": "s"}}, "d", "s", False),
        ({"alerts": [], "message": "m"}, "m", "m", False),
        ({"title": True, "name": "n"}, "n", "n", False),
    ],
)
def test_other_monitors_words(told: dict, key: str, title: str, over: bool) -> None:
    (found,) = reports.read(json.dumps(told).encode())
    assert (found.key, found.title, found.over) == (key, title, over)


def test_deep_nonsense_is_refused() -> None:
    with pytest.raises(NotAllowed):
        reports.read(b"[" * 100_000)


def test_an_alert_is_seen_taken_and_closed_in_the_console(night: Night) -> None:
    an_escalation(night.scene)
    now = utcnow()
    alert_id = opened(night.scene, now=now)
    ticked(night.scene, now)
    vidar, per = night.browser("vidar"), night.browser("per")
    page = vidar.get(f"/alerts/{alert_id}").text
    assert "Anne" in page
    assert "I take it" not in page, "a viewer sees it and takes nothing"
    assert vidar.send("/alerts/", f"/alerts/{alert_id}/take").status_code == 403
    assert "Alerts nobody has taken yet" in per.get("/").text
    assert "You have taken it" in per.follow(f"/alerts/{alert_id}", f"/alerts/{alert_id}/take")
    assert "Per was faster" in night.browser("kari").follow(f"/alerts/{alert_id}", f"/alerts/{alert_id}/take")
    assert "closed" in per.follow(f"/alerts/{alert_id}", f"/alerts/{alert_id}/close", reason="mended")
    assert night.browser("dag").get(f"/alerts/{alert_id}").status_code == 404, "another unit's"
    assert per.get(f"/alerts/{uuid.uuid4()}").status_code == 404


def test_one_is_opened_by_hand_when_somebody_has_said_which_kind(night: Night) -> None:
    kari = night.browser("kari")
    page = kari.follow("/alerts/", "/alerts/", title="Prøvealarm", mode="drill")
    assert "EXERCISE" in page
    assert [row.mode for row in rows(night)] == [Mode.DRILL]
    assert "needs a title" in kari.follow("/alerts/", "/alerts/", title=" ", mode="live")
    for mode in ("", "real"):
        assert "is this real, or an exercise?" in kari.follow("/alerts/", "/alerts/", title="Strømbrudd", mode=mode)
