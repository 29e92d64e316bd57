"""LinkedIn's challenge, answered at the console's address."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from pathlib import Path

import pytest

from crisis.channels.linkedin import adapter as linkedin
from crisis.console import create_app
from crisis.runtime import match_settings
from crisis.settings import AccountSettings, SecretRef
from tests.broadcasts.scene import a_scene

CODE = "890e4665-4dfe-4ab1-b689-ed553bceeed0"


def test_the_challenge_is_answered_and_nothing_else_is_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LI_A", "li-access-token")
    monkeypatch.setenv("LI_S", "li-client-secret")
    refs = {"access_token": SecretRef(env="LI_A"), "client_secret": SecretRef(env="LI_S")}
    options = linkedin.Options(organization="77", **refs)  # type: ignore[arg-type]
    account = AccountSettings(key="linkedin-dep", unit="dep", channel="linkedin", mode="live", options=options)
    with a_scene(tmp_path) as scene:
        settings = scene.settings.model_copy(update={"accounts": (*scene.settings.accounts, account)})
        with scene.runtime.database.writing() as session:
            match_settings(session, settings)
        client = create_app(replace(scene.runtime, settings=settings)).test_client()
        answer = client.get("/hooks/linkedin-dep/inbound", query_string={"challengeCode": CODE})
        proof = hmac.new(b"li-client-secret", CODE.encode(), hashlib.sha256).hexdigest()
        assert answer.json == {"challengeCode": CODE, "challengeResponse": proof}
        forged = client.get("/hooks/linkedin-dep/inbound", query_string={"challengeCode": "hmacsha256={}"})
        assert forged.status_code == 403
