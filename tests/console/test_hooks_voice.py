"""Keys on telephones: proven or refused, answered in markup, and never taken for an answer that nobody has kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from crisis.channels.twilio import voice
from crisis.channels.twilio.voice_words import WORDS
from crisis.console import create_app
from crisis.models import ReceiptRow, Reply
from crisis.runtime import match_settings
from crisis.settings import AccountSettings, SecretRef
from tests.broadcasts.scene import PUBLIC_URL, TOKEN, Scene, a_scene

KEY = "/hooks/voice-ous/voice?attempt=01936f3e7c2a7d4e8b113f9a52c0d7e4.1&step=menu"
CALL = {"CallSid": "CA1", "From": "+4759440000", "To": "+4791000001", "Direction": "outbound-api"}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with a_scene(tmp_path) as scene:
        secret = SecretRef(file=tmp_path / "secret")
        told = voice.Options(account_sid="AC" + "0" * 32, auth_token=secret, from_number="+4759440000")
        account = AccountSettings(key="voice-ous", unit="ous", channel="voice", mode="live", options=told)
        settings = scene.settings.model_copy(update={"accounts": (*scene.settings.accounts, account)})
        with scene.runtime.database.writing() as session:
            match_settings(session, settings)
        scene.runtime = replace(scene.runtime, settings=settings)
        yield scene


@pytest.fixture
def client(scene: Scene) -> FlaskClient:
    return create_app(scene.runtime).test_client()


def post(client: FlaskClient, path: str, signature: str | None = None, **form: str) -> TestResponse:
    given = {**CALL, **form}
    proof = RequestValidator(TOKEN).compute_signature(PUBLIC_URL + path, given) if signature is None else signature
    return client.post(path, data=given, headers={"X-Twilio-Signature": proof})


def count(scene: Scene, table: type) -> int:
    with scene.runtime.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize("signature", ["", "forged", "ÆØÅ"])
@pytest.mark.parametrize(
    "path", [KEY, "/hooks/voice-ous/machine?attempt=a.1", "/hooks/voice-ous/inbound", "/hooks/voice-ous/status"]
)
def test_a_forged_one_is_refused_and_leaves_no_trace(
    client: FlaskClient, scene: Scene, path: str, signature: str
) -> None:
    answer = post(client, path, signature, Digits="1", AnsweredBy="human", CallStatus="completed")
    assert answer.status_code == 403
    assert count(scene, Reply) == count(scene, ReceiptRow) == 0


@pytest.mark.parametrize("digits", ["1", "2", "3", "7", "9", "*", "", "1" * 500])
def test_a_key_for_a_call_nobody_made_counts_for_nothing_and_is_not_thanked_for(
    client: FlaskClient, scene: Scene, digits: str
) -> None:
    answers = [post(client, KEY, Digits=digits) for _ in range(3)]
    assert {one.status_code for one in answers} == {200}
    assert len({one.text for one in answers}) == 1, "told again, it is the same"
    assert answers[0].content_type.startswith("text/xml")
    root = ET.fromstring(answers[0].text)
    said = " ".join(one.text or "" for one in root.iter("Say"))
    assert root.tag == "Response"
    assert said
    for promise in ("yes", "taken", "no", "reserve"):
        assert getattr(WORDS["nb"], promise) not in said
    assert count(scene, Reply) == 0


def test_somebody_who_was_not_asked_calls_in(client: FlaskClient) -> None:
    form = {"From": "+4799999999", "To": "+4759440000", "Direction": "inbound"}
    answer = post(client, "/hooks/voice-ous/inbound", **form)
    assert answer.status_code == 200
    assert WORDS["nb"].nothing_open in answer.text
    assert "Hangup" in answer.text


def test_a_guess_about_a_machine_changes_nothing_by_itself(client: FlaskClient, scene: Scene) -> None:
    for guess in ("machine_start", "human", "unknown"):
        answer = post(client, "/hooks/voice-ous/machine?attempt=a.1", AnsweredBy=guess)
        assert (answer.status_code, answer.text) == (200, "<Response/>")
    assert count(scene, Reply) == 0


def test_receipts_of_calls_are_kept_once(client: FlaskClient, scene: Scene) -> None:
    for word in ("ringing", "busy", "busy", "teleported"):
        assert post(client, "/hooks/voice-ous/status?attempt=zzz", CallStatus=word).status_code == 200
    assert count(scene, ReceiptRow) == 3


def test_other_accounts_have_no_telephone(client: FlaskClient) -> None:
    assert client.get("/hooks/voice-ous/voice").status_code == 405
    path = "/hooks/page-live/voice"
    assert post(client, path, Digits="1").status_code == 404
    answer = post(client, "/hooks/sms-live/voice", Digits="1")
    assert (answer.status_code, answer.text) == (200, "")
