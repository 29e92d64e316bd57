"""Calls: the contract, what Twilio is asked for, what the phone says, and how a lost call is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import pytest
from pydantic import ValidationError

from crisis.channels.base import (
    Accepted,
    Busy,
    Checks,
    LooksUp,
    Misconfigured,
    Outgoing,
    ReadsHooks,
    Rejected,
    SendError,
    Speaks,
    Uncertain,
)
from crisis.channels.twilio.options import TWILIO
from crisis.channels.twilio.twiml import LONGEST
from crisis.channels.twilio.voice import FACTS, Options, Voice
from crisis.channels.twilio.voice_words import WORDS
from crisis.settings import SecretRef
from tests.channels import contract
from tests.channels.specs import spec
from tests.channels.stub import Reply, serving

pytestmark = pytest.mark.asyncio

ACCOUNT = "AC" + "0" * 32
SID = "CA" + "1" * 32
BEGAN = contract.now()  # the messages below are dated from when this file was read
OURS = "+4759440000"
OUT = replace(contract.OUT, address="+4790000001", text="Mange er skadd. Møt på Ullevål kl. 14.00.")
ASK = replace(OUT, asks="call_out")
MADE = Reply(201, {"sid": SID, "status": "queued"})


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_TEST_TOKEN", "auth-token-1")


def options(url: str, **changed: Any) -> Options:
    given: dict[str, Any] = {
        "account_sid": ACCOUNT,
        "auth_token": SecretRef(env="TWILIO_TEST_TOKEN"),
        "from_number": OURS,
        "base_url": url,
        "connect_seconds": 0.5,
        "read_seconds": 0.4,
    }
    return Options(**{**given, **changed})


@pytest.fixture
def open_at(tmp_path: Path) -> contract.Open:
    return lambda url: Voice(contract.opening(options(url), tmp_path))


@pytest.fixture
def voice(tmp_path: Path) -> Voice:
    return Voice(contract.opening(options(TWILIO), tmp_path))


def heard(markup: str) -> str:
    return " ".join(one.text or "" for one in ET.fromstring(markup).iter("Say"))


def call(seconds: float, sid: str = SID, direction: str = "outbound-api") -> dict[str, Any]:
    at = format_datetime(contract.now() + timedelta(seconds=seconds))
    return {"sid": sid, "date_created": at, "start_time": None, "direction": direction, "status": "queued"}


def listed(*calls: dict[str, Any]) -> Reply:
    return Reply(200, {"calls": list(calls), "page": 0, "next_page_uri": None, "uri": "/x"})


@contract.table
async def test_keeps_the_contract(case: contract.Case, open_at: contract.Open) -> None:
    await contract.keeps(case, open_at, ASK)


async def test_accepts(open_at: contract.Open) -> None:
    await contract.accepted(open_at, OUT, MADE, Accepted(SID))


async def test_offers_what_it_says(voice: Voice) -> None:
    for ability in (LooksUp, Checks, ReadsHooks, Speaks):
        assert isinstance(voice, ability)
    assert FACTS.form == "voice"


async def test_asks_what_the_specification_allows(open_at: contract.Open) -> None:
    api = spec("twilio/api_v2010.trimmed.json")
    operation = api["paths"]["/2010-04-01/Accounts/{AccountSid}/Calls.json"]["post"]
    known = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    async with serving(MADE) as stub:
        channel = open_at(stub.url)
        await channel.send(ASK)
        await channel.close()
    request = stub.requests[0]
    assert (request.method, request.path) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json")
    form = parse_qs(request.body.decode())
    assert set(form) <= set(known)
    assert form.pop("StatusCallbackEvent") == ["ringing", "answered", "completed"]
    (markup,) = form.pop("Twiml")
    assert "Url" not in form, "Twilio ignores Twiml when it is given an address"
    assert len(markup) <= LONGEST
    here = "https://crisis.example.org/hooks/test-account"
    assert {name: value[0] for name, value in form.items()} == {
        "To": OUT.address,
        "From": OURS,
        "Timeout": "30",
        "MachineDetection": "Enable",
        "AsyncAmd": "true",
        "AsyncAmdStatusCallback": f"{here}/machine?attempt={OUT.reference}#rc=3&rp=all",
        "StatusCallback": f"{here}/status?attempt={OUT.reference}#rc=3&rp=all",
    }


@pytest.mark.parametrize(("language", "locale"), [("nb", "nb-NO"), ("nn", "nb-NO"), ("en", "en-GB"), ("xx", "en-GB")])
async def test_what_the_phone_says(voice: Voice, language: str, locale: str) -> None:
    words = WORDS.get(language, WORDS["en"])
    root = ET.fromstring(voice.prompt(replace(ASK, language=language)))
    said = list(root.iter("Say"))
    assert {one.attrib["language"] for one in said} == {locale}
    first, last = said[0].text or "", said[-1].text
    assert first.startswith(words.exercise)
    assert "Oslo sykehus" in first
    assert last == words.exercise
    gather = root.find("Gather")
    assert gather is not None
    assert [one.attrib.get("loop", "1") for one in gather] == ["1", "2", "1"], "who calls, the text twice, the menu"
    assert gather[2].text == words.menus["call_out"]
    assert gather.attrib["numDigits"] == "1"
    assert gather.attrib["action"].startswith(
        f"https://crisis.example.org/hooks/test-account/voice?attempt={OUT.reference}"
    )
    assert "step=menu" in gather.attrib["action"]
    assert "actionOnEmptyResult" not in gather.attrib, "without a key the call ends without our web server"
    assert [one.tag for one in root][-1] == "Hangup"
    after = root[list(root).index(gather) + 1 :]
    assert after[0].text == gather[1].text, "what a voicemail keeps"


async def test_live_says_nothing_of_an_exercise(voice: Voice) -> None:
    for out in (OUT, ASK):
        assert WORDS["nb"].exercise not in heard(voice.prompt(replace(out, mode="live")))


async def test_a_statement_waits_for_no_key(voice: Voice) -> None:
    markup = voice.prompt(OUT)
    assert "Gather" not in markup
    assert heard(markup).count("Mange er skadd") == 1
    assert 'loop="2"' in markup


@pytest.mark.parametrize("asks", ["call_out", "alert"])
async def test_a_pin_comes_before_the_menu(voice: Voice, asks: Any) -> None:
    markup = voice.prompt(replace(ASK, asks=asks, needs_pin=True))
    assert "step=pin" in markup
    assert WORDS["nb"].pin in heard(markup)
    assert WORDS["nb"].menus[asks] not in heard(markup)
    assert WORDS["nb"].menus[asks] in heard(voice.prompt(replace(ASK, asks=asks)))


async def test_nothing_in_a_text_is_markup(voice: Voice) -> None:
    evil = '</Say><Redirect>https://evil.example</Redirect> "A" & B \x0b\x00 <Say>'
    root = ET.fromstring(voice.prompt(replace(ASK, text=evil, organisation="<Dial>")))
    assert {one.tag for one in root.iter()} == {"Response", "Pause", "Gather", "Say", "Hangup"}
    assert "evil.example" in heard(voice.prompt(replace(ASK, text=evil)))


@pytest.mark.parametrize("length", [1, 700, 1500])
async def test_every_text_that_is_measured_as_fitting_fits(voice: Voice, length: int) -> None:
    for letter in ("a", "&", "<", "æ", "12 "):
        text = (letter * length)[:length]
        if FACTS.measure(text).over:
            continue
        for language in WORDS:
            out = replace(ASK, text=text, language=language, organisation="Ø" * 40)
            assert len(voice.prompt(out)) <= LONGEST


async def test_a_text_that_cannot_be_said_is_refused_before_it_leaves(open_at: contract.Open) -> None:
    async with serving(MADE) as stub:
        with pytest.raises(Rejected) as caught:
            await open_at(stub.url).send(replace(ASK, text="a" * 4000))
        assert caught.value.code == "too_long"
        with pytest.raises(Rejected):
            await open_at(stub.url).send(replace(ASK, expires_at=contract.now()))
    assert not stub.requests


async def test_a_question_nobody_could_answer_is_not_asked(tmp_path: Path) -> None:
    here = "http://127.0.0.1:8080"
    channel = Voice(contract.opening(options(TWILIO), tmp_path, public_url=here))
    with pytest.raises(Misconfigured):
        channel.prompt(ASK)
    assert "Mange er skadd" in heard(channel.prompt(OUT)), "a statement needs no address"


@pytest.mark.parametrize(
    ("code", "status", "means"),
    [
        (21211, 400, Rejected),
        (21214, 400, Rejected),
        (21215, 400, Rejected),  # one foreign number must not silence everybody else
        (21216, 400, Rejected),
        (21217, 400, Rejected),
        (21210, 400, Misconfigured),
        (21212, 400, Misconfigured),
        (21205, 400, Misconfigured),
        (20003, 401, Misconfigured),
        (10004, 429, Busy),
        (20429, 429, Busy),
        (20500, 500, Uncertain),
    ],
)
async def test_numbers(code: int, status: int, means: type[SendError], open_at: contract.Open) -> None:
    async with serving(Reply(status, {"code": code, "message": "No", "status": status})) as stub:
        assert type(await contract.refused(open_at(stub.url), OUT)) is means


@pytest.mark.parametrize(
    ("calls", "found"),
    [
        ([], None),
        ([call(1)], SID),
        ([call(-7200)], None),
        ([call(1, direction="inbound")], None),
        ([call(1, direction="inbound"), call(2)], SID),
    ],
    ids=["nothing", "there", "hours ago", "theirs", "among others"],
)
async def test_find(calls: list[dict[str, Any]], found: str | None, open_at: contract.Open) -> None:
    out = replace(OUT, first_attempt_at=BEGAN)
    async with serving(listed(*calls)) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, LooksUp)
        assert await channel.find(out) == (Accepted(found) if found else None)
        await channel.close()
    assert stub.requests[0].path.endswith("/Calls.json")
    assert stub.requests[0].query["To"] == OUT.address
    assert not [name for name in stub.requests[0].query if name.startswith("StartTime")]


async def test_find_does_not_guess(open_at: contract.Open) -> None:
    out = replace(OUT, first_attempt_at=BEGAN)
    for reply in (listed(call(1), call(2, sid="CA2")), Reply(200, {"odd": 1})):
        async with serving(reply) as stub:
            channel = open_at(stub.url)
            assert isinstance(channel, LooksUp)
            for asked in (out, OUT):
                with pytest.raises(Uncertain):
                    await channel.find(asked)
            await channel.close()


async def test_a_call_known_to_be_another_attempts_is_not_taken_for_ours(open_at: contract.Open) -> None:
    other: Outgoing = replace(OUT, reference="another.1", delivery_id="another")
    async with serving(MADE, listed(call(1))) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, LooksUp)
        await channel.send(other)
        assert await channel.find(replace(OUT, first_attempt_at=contract.now())) is None
        assert await channel.find(replace(other, first_attempt_at=contract.now())) == Accepted(SID)
        await channel.close()


async def test_check_lists_calls(open_at: contract.Open) -> None:
    async with serving(listed(), Reply(401, {"code": 20003, "message": "Authenticate"})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, Checks)
        assert (await channel.check()).ok
        assert not (await channel.check()).ok
        assert stub.requests[0].path.endswith("/Calls.json")
        await channel.close()


@pytest.mark.parametrize(
    "changed",
    [
        {"from_number": "OUS"},
        {"from_number": None},
        {"ring_seconds": 0},
        {"validity_minutes": 5},
        {"voices": {"xx": "A"}},
    ],
)
async def test_options_refuse(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        options(TWILIO, **changed)


@pytest.mark.parametrize("reply", [MADE, Reply(401, {}), Reply(500, "x"), Reply(manner="reset")])
async def test_no_secret_shows(reply: Reply, open_at: contract.Open, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        await contract.no_secret_shows(["auth-token-1", OUT.address], caplog, lambda: channel.send(OUT))
        await channel.close()
