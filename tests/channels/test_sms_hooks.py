"""What Twilio tells us: who may, what its words mean, and STOP and START."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from crisis.channels.base import BadSignature, Hook, HookEvents
from crisis.channels.twilio.sms import Options, Sms
from crisis.channels.twilio.sms_words import STATUSES, consent
from crisis.settings import SecretRef
from tests.channels import contract
from tests.channels.specs import FOLDER, spec

TOKEN = "12345"
STATUS = "https://crisis.example.org/hooks/sms-ous/status?attempt=d1.2"
INBOUND = "https://crisis.example.org/hooks/sms-ous/inbound"
HAS_VECTORS = (FOLDER / "webhooks" / "signature-vectors.json").is_file()


@pytest.fixture
def channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sms:
    monkeypatch.setenv("TWILIO_TEST_TOKEN", TOKEN)
    token = SecretRef(env="TWILIO_TEST_TOKEN")
    options = Options(account_sid="AC" + "0" * 32, auth_token=token, shared_key=token, from_number="Sykehus")
    return Sms(contract.opening(options, tmp_path))


def hook(url: str, signature: str | None = None, **form: str) -> Hook:
    proof = RequestValidator(TOKEN).compute_signature(url, form) if signature is None else signature
    return Hook("POST", url, {"X-Twilio-Signature": proof}, b"", tuple(form.items()))


def vectors() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = spec("webhooks/signature-vectors.json")["vectors"] if HAS_VECTORS else []
    return [vector for vector in found if vector["provider"] == "twilio"]


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector["description"][:40])
def test_published_signatures(vector: dict[str, Any], channel: Sms) -> None:
    form = tuple((vector["params"] or {}).items())
    given = Hook("POST", vector["url"], vector["headers"], (vector["body"] or "").encode(), form)
    if vector["expect"] == "accept":
        assert isinstance(channel.read_hook(given), HookEvents)
    else:
        with pytest.raises(BadSignature):
            channel.read_hook(given)


@pytest.mark.parametrize("signature", ["", "x", "æøå", "RSOYDt4T1cUTdK1PDd93/VVr8B8="])
def test_what_is_not_proven_is_not_read(signature: str, channel: Sms) -> None:
    with pytest.raises(BadSignature):
        channel.read_hook(hook(STATUS, signature, MessageSid="SM1", MessageStatus="delivered"))


def test_header_names_in_any_case_and_no_header_at_all(channel: Sms) -> None:
    good = hook(STATUS, MessageSid="SM1", MessageStatus="sent")
    lower = Hook("POST", STATUS, {"x-twilio-signature": good.headers["X-Twilio-Signature"]}, b"", good.form)
    assert channel.read_hook(lower).receipts
    with pytest.raises(BadSignature):
        channel.read_hook(Hook("POST", STATUS, {}, b"", good.form))


def test_an_algorithm_we_hold_no_secret_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_TEST_TOKEN", TOKEN)
    token = SecretRef(env="TWILIO_TEST_TOKEN")
    plain = Sms(contract.opening(Options(account_sid="AC" + "0" * 32, auth_token=token, from_number="X12"), tmp_path))
    for algorithm in ("HMAC_SHA256", "HMAC_MD5"):
        proof = RequestValidator(TOKEN).compute_signature(STATUS, {}, "HMAC_SHA256")
        headers = {"X-Twilio-Signature": proof, "X-Twilio-Webhooks-Signature-Settings": f"key=k,algorithm={algorithm}"}
        with pytest.raises(BadSignature):
            plain.read_hook(Hook("POST", STATUS, headers, b"", ()))


@pytest.mark.parametrize(("word", "means"), [*STATUSES.items(), ("partially_delivered", "unknown"), ("", "unknown")])
def test_every_status(word: str, means: str, channel: Sms) -> None:
    (receipt,) = channel.read_hook(hook(STATUS, MessageSid="SM1", MessageStatus=word, Extra="new")).receipts
    assert (receipt.word, receipt.means, receipt.provider_id, receipt.reference) == (word, means, "SM1", "d1.2")


def test_our_statuses_are_those_of_the_specification() -> None:
    api = spec("twilio/api_v2010.trimmed.json")
    known = set(api["components"]["schemas"]["message_enum_status"]["enum"])
    assert set(STATUSES) <= known
    assert known - set(STATUSES) == {"partially_delivered", "receiving", "received"}


def test_why_it_failed(channel: Sms) -> None:
    fields = {"MessageSid": "SM1", "MessageStatus": "undelivered"}
    (off,) = channel.read_hook(hook(STATUS, **fields, ErrorCode="30003")).receipts
    assert (off.means, off.code, off.say, off.opted_out) == (
        "failed",
        "30003",
        "the phone is off or out of reach",
        False,
    )
    (out,) = channel.read_hook(hook(STATUS, **fields, ErrorCode="21610")).receipts
    assert out.opted_out
    (new,) = channel.read_hook(hook(STATUS, **fields, ErrorCode="39999")).receipts
    assert (new.code, new.say) == ("39999", "")


def test_inbound(channel: Sms) -> None:
    fields = {
        "MessageSid": "SM2",
        "From": "+4790000001",
        "To": "+4759440000",
        "Body": "Hvor er mor? 🚨",
        "NumMedia": "0",
    }
    events = channel.read_hook(hook(INBOUND, **fields))
    (said,) = events.inbounds
    assert (said.provider_id, said.author, said.text, said.consent) == ("SM2", "+4790000001", "Hvor er mor? 🚨", None)
    assert (events.answer, events.content_type) == ("<Response/>", "text/xml")
    (picture,) = channel.read_hook(hook(INBOUND, **{**fields, "Body": "", "NumMedia": "2"})).inbounds
    assert picture.text == "[+2 media]"


def test_anything_else_is_proven_and_ignored(channel: Sms) -> None:
    assert channel.read_hook(hook("https://crisis.example.org/hooks/sms-ous/other", MessageSid="SM1")) == HookEvents()
    assert channel.read_hook(hook(STATUS, MessageStatus="sent")) == HookEvents()


@pytest.mark.parametrize(
    ("text", "type_", "expected"),
    [
        ("STOP", "", "stop"),
        (" stopp! ", "", "stop"),
        ("Avslutt.", "", "stop"),
        ("«STOP»", "STOP", "stop"),
        ("END", "", "stop"),
        ("Stopp den bussen", "", None),
        ("ikke STOP", "", None),
        ("START", "", "start"),
        ("unstop", "", "start"),
        ("yes", "", None),
        ("yes", "START", "start"),
        ("hjelp", "HELP", None),
        ("", "", None),
    ],
)
def test_consent(text: str, type_: str, expected: str | None) -> None:
    assert consent(text, type_) == expected
