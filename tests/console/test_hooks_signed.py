"""Webhooks of providers that try the address first and sign the body: answered, kept once, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from crisis.channels.meta import facebook
from crisis.console import create_app
from crisis.models import InboundRow
from crisis.runtime import match_settings
from crisis.settings import AccountSettings
from tests.broadcasts.scene import Scene, a_scene
from tests.channels.graph_scene import handshake, hook, secrets

ADDRESS = "/hooks/facebook-dep/inbound"


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    refs: dict[str, Any] = secrets(monkeypatch)
    with a_scene(tmp_path) as scene:
        told = AccountSettings(
            key="facebook-dep",
            unit="dep",
            channel="facebook",
            mode="live",
            options=facebook.Options(page_id="77", **refs),
        )
        settings = scene.settings.model_copy(update={"accounts": (*scene.settings.accounts, told)})
        with scene.runtime.database.writing() as session:
            match_settings(session, settings)
        scene.runtime = replace(scene.runtime, settings=settings)
        yield scene


@pytest.fixture
def client(scene: Scene) -> FlaskClient:
    return create_app(scene.runtime).test_client()


def told(scene: Scene) -> list[str]:
    with scene.runtime.database.reading() as session:
        return list(session.scalars(select(InboundRow.text)))


def post(client: FlaskClient, body: Any, secret: str | None = None) -> TestResponse:
    made = hook(body) if secret is None else hook(body, secret)
    return client.post(ADDRESS, data=made.body, headers=dict(made.headers), content_type="application/json")


def comment(text: str, number: str = "9_5") -> dict[str, Any]:
    value = {"item": "comment", "verb": "add", "comment_id": number, "post_id": "77_9", "message": text}
    value |= {"from": {"id": "4711", "name": "Kari"}, "created_time": 1_763_000_000}
    return {"object": "page", "entry": [{"id": "77", "time": 1, "changes": [{"field": "feed", "value": value}]}]}


def test_the_challenge_comes_back_to_those_who_know_the_word(client: FlaskClient) -> None:
    query = handshake().url.partition("?")[2]
    answer = client.get(f"{ADDRESS}?{query}")
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.content_type.startswith("text/plain")
    assert client.get(f"{ADDRESS}?{query.replace('vtoken', 'guess')}").status_code == 403
    assert client.get(ADDRESS).status_code == 403


def test_a_signed_message_is_kept_once_however_often_it_comes(client: FlaskClient, scene: Scene) -> None:
    for _ in range(3):
        assert post(client, comment("Er det trygt?")).status_code == 200
    assert told(scene) == ["Er det trygt?"]


def test_a_forged_one_leaves_no_trace(client: FlaskClient, scene: Scene) -> None:
    assert post(client, comment("Løgn"), secret="guess").status_code == 403
    assert client.post(ADDRESS, json=comment("Løgn")).status_code == 403
    assert told(scene) == []


def test_a_bundle_of_changes_is_taken_and_a_flood_is_not(client: FlaskClient, scene: Scene) -> None:
    many = comment("0")
    one = many["entry"][0]["changes"][0]
    many["entry"][0]["changes"] = [
        {**one, "value": {**one["value"], "comment_id": f"9_{n}", "message": "x" * 100}} for n in range(1000)
    ]
    assert post(client, many).status_code == 200
    assert len(told(scene)) == 1000
    assert post(client, comment("x" * 1_100_000)).status_code == 413
