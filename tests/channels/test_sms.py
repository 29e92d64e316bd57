"""SMS: the contract, what it asks of Twilio, Twilio's numbers, and how it finds a lost message."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from crisis.channels.base import (
    Accepted,
    Busy,
    Checks,
    LooksUp,
    Misconfigured,
    Probes,
    ReadsHooks,
    Rejected,
    SendError,
    Uncertain,
)
from crisis.channels.errors import accepted_body, answer
from crisis.channels.twilio.options import TWILIO
from crisis.channels.twilio.sms import FACTS, Options, Sms
from crisis.channels.twilio.sms_words import refusal
from crisis.settings import SecretRef
from tests.channels import contract
from tests.channels.specs import samples, spec
from tests.channels.stub import Reply, serving

pytestmark = pytest.mark.asyncio

ACCOUNT = "AC" + "0" * 32
TOKEN, KEY_SECRET = "auth-token-1", "api-key-secret-2"
SID = "SM" + "1" * 32
BEGAN = contract.now()  # the messages below are dated from when this file was read
OUT = replace(contract.OUT, address="+4790000001")
MADE = Reply(201, {"sid": SID, "status": "queued", "num_segments": "1"})


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_TEST_TOKEN", TOKEN)
    monkeypatch.setenv("TWILIO_TEST_KEY", KEY_SECRET)
    monkeypatch.setenv("TWILIO_EDGE", "dublin")  # must not bend where an account of ours sends to


def options(url: str, **changed: Any) -> Options:
    given: dict[str, Any] = {
        "account_sid": ACCOUNT,
        "auth_token": SecretRef(env="TWILIO_TEST_TOKEN"),
        "from_number": "+4759440000",
        "base_url": url,
        "connect_seconds": 0.5,
        "read_seconds": 0.4,
    }
    return Options(**{**given, **changed})


@pytest.fixture
def open_at(tmp_path: Path) -> contract.Open:
    return lambda url: Sms(contract.opening(options(url), tmp_path))


def listed(*messages: dict[str, Any]) -> Reply:
    return Reply(200, {"messages": list(messages), "page": 0, "next_page_uri": None, "uri": "/x"})


def message(body: str, seconds: float, sid: str = SID, direction: str = "outbound-api") -> dict[str, Any]:
    at = format_datetime(contract.now() + timedelta(seconds=seconds))
    return {"sid": sid, "body": body, "date_created": at, "date_sent": None, "direction": direction, "status": "queued"}


@contract.table
async def test_keeps_the_contract(case: contract.Case, open_at: contract.Open) -> None:
    await contract.keeps(case, open_at, OUT)


async def test_accepts_and_counts_parts(open_at: contract.Open) -> None:
    await contract.accepted(open_at, OUT, MADE, Accepted(SID, parts=1))
    unknown = Reply(201, {"sid": SID, "num_segments": "0"})  # what a messaging service says at first
    await contract.accepted(open_at, replace(OUT, text="a" * 161), unknown, Accepted(SID, parts=2))


async def test_offers_what_it_says(open_at: contract.Open) -> None:
    channel = open_at(TWILIO)
    for ability in (LooksUp, Checks, ReadsHooks):
        assert isinstance(channel, ability)
    assert FACTS.receipts
    assert not FACTS.public


async def test_asks_what_the_specification_allows(tmp_path: Path) -> None:
    api = spec("twilio/api_v2010.trimmed.json")
    operation = api["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["post"]
    known = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    out = replace(OUT, expires_at=contract.now() + timedelta(hours=1))
    more = {
        "validity_minutes": 30,
        "smart_encoded": True,
        "risk_check": "disable",
        "api_key_sid": "SK" + "2" * 32,
        "api_key_secret": SecretRef(env="TWILIO_TEST_KEY"),
    }
    async with serving(MADE) as stub:
        channel = Sms(contract.opening(options(stub.url, **more), tmp_path))
        await channel.send(out)
        await channel.close()
    request = stub.requests[0]
    assert (request.method, request.path) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    assert set(request.form) <= set(known)
    callback = request.form.pop("StatusCallback")
    assert callback == f"https://crisis.example.org/hooks/test-account/status?attempt={OUT.reference}#rc=3&rp=all"
    assert request.form == {
        "To": OUT.address,
        "From": "+4759440000",
        "Body": OUT.text,
        "ValidityPeriod": "1800",
        "SmartEncoded": "true",
        "RiskCheck": "disable",
        "StatusCallback": callback,
    }


@pytest.mark.parametrize(
    ("minutes", "life", "expected"),
    [(None, None, None), (10, None, "600"), (None, timedelta(days=3), "36000"), (600, timedelta(seconds=90), "89")],
)
async def test_validity_is_the_life_of_the_statement(
    minutes: int | None, life: timedelta | None, expected: str | None, tmp_path: Path
) -> None:
    out = replace(OUT, expires_at=contract.now() + life if life else None)
    async with serving(MADE) as stub:
        channel = Sms(contract.opening(options(stub.url, validity_minutes=minutes), tmp_path))
        await channel.send(out)
        await channel.close()
    assert stub.requests[0].form.get("ValidityPeriod") == expected


async def test_too_old_never_leaves(open_at: contract.Open) -> None:
    async with serving(MADE) as stub:
        with pytest.raises(Rejected) as caught:
            await open_at(stub.url).send(replace(OUT, expires_at=contract.now()))
    assert caught.value.code == "expired"
    assert not stub.requests


async def test_a_real_twilio_is_never_told_a_local_address(tmp_path: Path) -> None:
    for public, base, told in (
        ("http://127.0.0.1:8080", TWILIO, False),
        ("http://localhost:8080", TWILIO, False),
        ("https://crisis.example.org", TWILIO, True),
        ("http://127.0.0.1:8080", "http://127.0.0.1:9", True),
    ):
        channel = Sms(contract.opening(options(base), tmp_path, public_url=public))
        assert bool(channel._twilio.hooks) is told


@pytest.mark.parametrize(
    ("code", "status", "means", "opted_out"),
    [
        (21610, 400, Rejected, True),
        (21211, 400, Rejected, False),
        (21614, 400, Rejected, False),
        (21617, 400, Rejected, False),
        (21999, 400, Rejected, False),
        (21408, 400, Rejected, False),  # one foreign number must not silence everybody else
        (21606, 400, Misconfigured, False),
        (30034, 400, Misconfigured, False),
        (21609, 400, Misconfigured, False),
        (20003, 401, Misconfigured, False),
        (20404, 404, Misconfigured, False),
        (99999, 403, Misconfigured, False),
        (20429, 429, Busy, False),
        (99999, 429, Busy, False),
        (21611, 400, Busy, False),
        (20500, 500, Uncertain, False),
    ],
)
async def test_numbers(code: int, status: int, means: type[SendError], *, opted_out: bool) -> None:
    given = Reply(status, {"code": code, "message": "No", "status": status})
    with pytest.raises(means) as caught:
        accepted_body(answer(given.status, given.headers, given.text), refusal)
    assert caught.value.opted_out is opted_out
    assert "No" in caught.value.say


@pytest.mark.parametrize("sample", samples("twilio"), ids=lambda sample: sample["name"][:40])
async def test_reads_the_recorded_answers(sample: dict[str, Any], open_at: contract.Open) -> None:
    expected = {
        "opted_out": Rejected,
        "permanent_recipient": Rejected,
        "permanent": Rejected,
        "operator": Misconfigured,
        "auth": Misconfigured,
        "retry_backoff": Busy,
    }[sample["class"]]
    if sample["body"].get("code") == 21408:
        expected = Rejected  # where we differ on purpose: one foreign number must not silence everybody else
    async with serving(Reply(sample["http_status"], sample["body"], sample["headers"])) as stub:
        assert type(await contract.refused(open_at(stub.url), OUT)) is expected


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ([], None),
        ([message(OUT.text, 1)], SID),
        ([message(f"Sent from your Twilio trial account - {OUT.text}", 1)], SID),
        ([message(OUT.text.replace(" ", "  "), 1)], SID),
        ([message(OUT.text, -7200)], None),
        ([message("noe annet", 1)], None),
        ([message(OUT.text, 1, direction="inbound")], None),
        ([message("noe annet", 2), message(OUT.text, 1), message(OUT.text, -7200)], SID),
    ],
    ids=["nothing", "there", "trial account", "blanks", "hours ago", "other words", "theirs", "among others"],
)
async def test_find(messages: list[dict[str, Any]], found: str | None, open_at: contract.Open) -> None:
    out = replace(OUT, first_attempt_at=BEGAN)
    async with serving(listed(*messages)) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, LooksUp)
        assert await channel.find(out) == (Accepted(found) if found else None)
        await channel.close()
    assert stub.requests[0].query["To"] == OUT.address
    assert not [name for name in stub.requests[0].query if name.startswith("DateSent")]


async def test_find_does_not_guess(open_at: contract.Open, tmp_path: Path) -> None:
    out = replace(OUT, first_attempt_at=BEGAN)
    many = [message("noe annet", 1, sid=f"SM{n:032}") for n in range(200)]
    two, wordless = listed(message(OUT.text, 1), message(OUT.text, 2, sid="SM2")), listed(message("", 1))
    for reply in (two, listed(*many), wordless, Reply(200, {"odd": 1})):
        async with serving(reply) as stub:
            channel = open_at(stub.url)
            assert isinstance(channel, LooksUp)
            with pytest.raises(Uncertain):
                await channel.find(out)
            with pytest.raises(Uncertain):
                await channel.find(OUT)
            await channel.close()
    curly = message("\u201eRing 113\u201d \u2013 na", 1)
    async with serving(listed(curly)) as stub:
        smart = Sms(contract.opening(options(stub.url, smart_encoded=True), tmp_path))
        assert await smart.find(replace(out, text='"Ring 113" - na')) == Accepted(SID)
        await smart.close()


async def test_one_session_and_bounded_connections(open_at: contract.Open) -> None:
    async with serving(MADE) as stub:
        channel = open_at(stub.url)
        await asyncio.gather(*(channel.send(OUT) for _ in range(200)))
        connector = channel._twilio.http._session.connector  # type: ignore[attr-defined]
        assert connector.limit == FACTS.concurrency
        await channel.close()
    assert len(stub.requests) == 200


async def test_check(open_at: contract.Open) -> None:
    async with serving(listed(), Reply(401, {"code": 20003, "message": "Authenticate"})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, Checks)
        assert (await channel.check()).ok
        bad = await channel.check()
        assert not bad.ok
        assert "Authenticate" in bad.say
        assert stub.requests[0].method == "GET"
        await channel.close()


@pytest.mark.parametrize(
    "changed",
    [
        {"from_number": None},
        {"messaging_service_sid": "MG" + "0" * 32},
        {"api_key_sid": "SK" + "0" * 32},
        {"account_sid": "x"},
        {"colour": "red"},
    ],
)
async def test_options_refuse(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        options(TWILIO, **changed)


@pytest.mark.parametrize(
    "reply", [MADE, Reply(401, {}), Reply(500, "x"), Reply(manner="silent"), Reply(manner="reset")]
)
async def test_no_secret_shows(reply: Reply, open_at: contract.Open, caplog: pytest.LogCaptureFixture) -> None:
    basic = "QUMwMDAw"  # how the account's name and token begin in a Basic header
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        await contract.no_secret_shows([TOKEN, basic, OUT.address], caplog, lambda: channel.send(OUT))
        assert basic in stub.requests[0].headers["Authorization"]
        await channel.close()


NUMBERS = {"page": 0, "page_size": 50, "next_page_uri": None, "uri": "/", "incoming_phone_numbers": []}


@pytest.mark.parametrize(
    ("balance", "numbers", "ok", "says"),
    [
        (Reply(200, {"balance": "99.10", "currency": "USD"}), [{"sms": True}], True, "keys are alive"),
        (Reply(200, {"balance": "19.99", "currency": "USD"}), [{"sms": True}], False, "the balance is low: 19.99 USD"),
        (Reply(200, {"balance": "99", "currency": "USD"}), [{"sms": False}], False, "has no sms"),
        (Reply(200, {"balance": "99", "currency": "USD"}), [], False, "not this account's any more"),
        (Reply(401, {"code": 20003, "message": "Authenticate"}), [{"sms": True}], True, "keys are alive"),
    ],
)
async def test_the_nightly_look_minds_money_and_the_number(
    balance: Reply, numbers: list[dict[str, bool]], ok: bool, says: str, open_at: contract.Open
) -> None:
    rows = [
        {"sid": "PN" + "1" * 32, "phone_number": "+4759440000", "capabilities": {"voice": True, **able}}
        for able in numbers
    ]
    async with serving(listed(), balance, Reply(200, {**NUMBERS, "incoming_phone_numbers": rows})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, Probes)
        found = await channel.probe()
        await channel.close()
    assert (found.ok, says in found.say) == (ok, True), found
    assert {request.method for request in stub.requests} == {"GET"}, "nothing is sent"
