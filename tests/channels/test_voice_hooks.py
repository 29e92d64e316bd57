"""What Twilio tells us about calls: who may, what its words mean, and what the phone is told next."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from twilio.request_validator import RequestValidator

from crisis.channels.base import BadSignature, Hook, HookEvents, Press, Speech
from crisis.channels.twilio.voice import Options, Voice
from crisis.channels.twilio.voice_words import STATUSES
from crisis.settings import SecretRef
from tests.channels import contract
from tests.channels.specs import spec

TOKEN = "12345"
HERE = "https://crisis.example.org/hooks/test-account"
CALL = {"CallSid": "CA1", "From": "+4759440000", "To": "+4790000001", "Direction": "outbound-api"}


@pytest.fixture
def channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Voice:
    monkeypatch.setenv("TWILIO_TEST_TOKEN", TOKEN)
    options = Options(
        account_sid="AC" + "0" * 32, auth_token=SecretRef(env="TWILIO_TEST_TOKEN"), from_number="+4759440000"
    )
    return Voice(contract.opening(options, tmp_path))


def hook(path: str, signature: str | None = None, **form: str) -> Hook:
    url, form = f"{HERE}/{path}", {**CALL, **form}
    proof = RequestValidator(TOKEN).compute_signature(url, form) if signature is None else signature
    return Hook("POST", url, {"X-Twilio-Signature": proof}, b"", tuple(form.items()))


@pytest.mark.parametrize("kind", ["status", "voice", "machine", "inbound", "other"])
@pytest.mark.parametrize("signature", ["", "x", "æøå", "RSOYDt4T1cUTdK1PDd93/VVr8B8="])
def test_what_is_not_proven_is_not_read(kind: str, signature: str, channel: Voice) -> None:
    with pytest.raises(BadSignature):
        channel.read_hook(hook(f"{kind}?attempt=d1.1&step=menu", signature, Digits="1", CallStatus="completed"))


@pytest.mark.parametrize(
    "changed", [{"Digits": "2"}, {"To": "+4790000002"}, {"CallSid": "CA2"}, {"From": "+4790000009"}]
)
def test_a_signed_key_cannot_be_bent_into_another(changed: dict[str, str], channel: Voice) -> None:
    good = hook("voice?attempt=d1.1&step=menu", Digits="1")
    bent = Hook("POST", good.url, good.headers, b"", tuple({**dict(good.form), **changed}.items()))
    with pytest.raises(BadSignature):
        channel.read_hook(bent)
    for url in (f"{HERE}/voice?attempt=d2.1&step=menu", f"{HERE}/voice?attempt=d1.1&step=menu-proven"):
        with pytest.raises(BadSignature):
            channel.read_hook(Hook("POST", url, good.headers, b"", good.form))


@pytest.mark.parametrize(("word", "means"), [*STATUSES.items(), ("teleported", "unknown"), ("", "unknown")])
def test_every_status(word: str, means: str, channel: Voice) -> None:
    (receipt,) = channel.read_hook(hook("status?attempt=d1.2", CallStatus=word, SequenceNumber="3")).receipts
    assert (receipt.word, receipt.means, receipt.provider_id, receipt.reference) == (word, means, "CA1", "d1.2")
    assert receipt.code == (word if means == "failed" else "")


def test_our_statuses_are_those_of_the_specification() -> None:
    known = set(spec("twilio/api_v2010.trimmed.json")["components"]["schemas"]["call_enum_status"]["enum"])
    assert known | {"initiated"} == set(STATUSES)


@pytest.mark.parametrize(
    ("by", "code"), [("human", ""), ("unknown", ""), ("machine_start", "machine_start"), ("fax", "fax")]
)
def test_a_completed_call_says_whether_a_machine_took_it(by: str, code: str, channel: Voice) -> None:
    (receipt,) = channel.read_hook(hook("status?attempt=d1.2", CallStatus="completed", AnsweredBy=by)).receipts
    assert (receipt.means, receipt.code) == ("delivered", code)


@pytest.mark.parametrize(
    ("path", "form", "expected"),
    [
        ("voice?attempt=d1.1&step=menu", {"Digits": "1"}, Press("CA1", "digits", "d1.1", "+4790000001", "1", "menu")),
        ("voice?attempt=d1.1&step=minutes", {"Digits": ""}, Press("CA1", "none", "d1.1", "+4790000001", "", "minutes")),
        ("voice?attempt=d1.1&step=menu", {}, Press("CA1", "none", "d1.1", "+4790000001", "", "menu")),
        ("voice?step=menu", {"Digits": "1"}, Press("CA1", "digits", None, "+4790000001", "1", "menu")),
        ("machine?attempt=d1.1", {"AnsweredBy": "machine_start"}, Press("CA1", "machine", "d1.1", "+4790000001")),
        ("machine?attempt=d1.1", {"AnsweredBy": "human"}, Press("CA1", "answered", "d1.1", "+4790000001")),
        ("machine?attempt=d1.1", {"AnsweredBy": "unknown"}, Press("CA1", "answered", "d1.1", "+4790000001")),
        (
            "inbound",
            {"Direction": "inbound", "From": "+4790000009", "To": "+4759440000"},
            Press("CA1", "incoming", None, "+4790000009"),
        ),
        (
            "voice?step=menu",
            {"Direction": "inbound", "From": "+4790000009", "To": "+4759440000", "Digits": "2"},
            Press("CA1", "digits", None, "+4790000009", "2", "menu"),
        ),
    ],
)
def test_what_happened_on_the_phone(path: str, form: dict[str, str], expected: Press, channel: Voice) -> None:
    events = channel.read_hook(hook(path, **form))
    assert events.presses == (expected,)
    assert (events.answer, events.content_type) == ("<Response/>", "text/xml")


def test_anything_else_is_proven_and_ignored(channel: Voice) -> None:
    for one in (hook("other"), hook("machine?attempt=d1.1"), hook("status", CallSid="")):
        assert channel.read_hook(one) == HookEvents()


def test_what_is_said_next_waits_for_keys_or_ends(channel: Voice) -> None:
    asked = hook("voice?attempt=d1.1&step=menu", Digits="3")
    press = Press("CA1", "digits", "d1.1", "+4790000001", "3", "menu")
    root = ET.fromstring(channel.speech(asked, press, Speech(["Om hvor mange?"], "nb", "minutes", 4)))
    gather = root.find("Gather")
    assert gather is not None
    assert gather.attrib["numDigits"] == "4"
    assert gather.attrib["actionOnEmptyResult"] == "true", "silence after a key is told, too"
    assert gather.attrib["action"].startswith(f"{HERE}/voice?attempt=d1.1&step=minutes")
    assert gather[0].attrib["language"] == "nb-NO"
    ended = ET.fromstring(channel.speech(asked, press, Speech(["Takk <3"], "en")))
    assert [one.tag for one in ended] == ["Say", "Hangup"]
    assert ended[0].text == "Takk <3"
    caller = Press("CA1", "incoming", None, "+4790000009")
    assert "attempt=" not in channel.speech(asked, caller, Speech(["Hei"], "nb", "menu"))
