"""WhatsApp: the contract, what carries the approved text, what free text may do, and a pretend Twilio that is strict."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from twilio.request_validator import RequestValidator

from crisis.channels.base import Accepted, Checks, Hook, LooksUp, Misconfigured, ReadsHooks, Rejected, Uncertain
from crisis.channels.twilio.whatsapp import FACTS, LONGEST_BODY, ROOM, Options, WhatsApp, measure
from crisis.settings import SecretRef
from crisis.simulator.server import Simulator
from tests.channels import contract
from tests.channels.specs import spec
from tests.channels.stub import Reply, serving
from tests.channels.test_sms import message as listed_message

pytestmark = pytest.mark.asyncio

ACCOUNT, SID = "AC" + "1" * 32, "MM" + "1" * 32
TOKEN, KEY_SECRET = "ous-auth-token", "ous-api-secret"
NB, EN = "HX" + "1" * 31 + "0", "HX" + "1" * 31 + "2"
BODY = "Melding til deg: {{1}} Svar STOPP hvis du ikke vil ha flere."
PHONE = "+4790000001"
OUT = replace(contract.OUT, address=PHONE)
MADE = Reply(201, {"sid": SID, "status": "queued", "num_segments": "1"})
LISTED = Reply(200, {"messages": [], "page": 0, "next_page_uri": None, "uri": "/x"})


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSAPP_TEST_TOKEN", TOKEN)
    monkeypatch.setenv("WHATSAPP_TEST_KEY", KEY_SECRET)


def options(url: str, **changed: Any) -> Options:
    given: dict[str, Any] = {
        "account_sid": ACCOUNT,
        "auth_token": SecretRef(env="WHATSAPP_TEST_TOKEN"),
        "from_number": "+15005551100",
        "base_url": url,
        "templates": {
            "nb": {"sid": NB, "body": BODY},
            "en": {"sid": EN, "body": "A message for you: {{1}} Answer STOP to get no more."},
        },
        "connect_seconds": 0.5,
        "read_seconds": 0.4,
    }
    return Options(**{**given, **changed})


@pytest.fixture
def open_at(tmp_path: Path) -> contract.Open:
    return lambda url: WhatsApp(contract.opening(options(url), tmp_path))


@contract.table
async def test_keeps_the_contract(case: contract.Case, open_at: contract.Open) -> None:
    await contract.keeps(case, open_at, OUT)


async def test_offers_what_it_says(open_at: contract.Open) -> None:
    channel = open_at("http://127.0.0.1:1")
    for ability in (LooksUp, Checks, ReadsHooks):
        assert isinstance(channel, ability)
    assert FACTS.receipts
    assert not FACTS.public


async def test_a_statement_goes_whole_into_its_template(open_at: contract.Open) -> None:
    api = spec("twilio/api_v2010.trimmed.json")
    operation = api["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["post"]
    known = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    async with serving(MADE) as stub:
        channel = open_at(stub.url)
        for phase in ("initial", "update", "correction", "all_clear"):
            assert await channel.send(replace(OUT, phase=phase)) == Accepted(SID)
        await channel.close()
    for request in stub.requests:
        form = request.form
        assert set(form) <= set(known)
        assert (form["To"], form["From"]) == (f"whatsapp:{PHONE}", "whatsapp:+15005551100")
        assert form["ContentSid"] == NB
        assert json.loads(form["ContentVariables"]) == {"1": OUT.text}
        assert "Body" not in form
        assert f"attempt={OUT.reference}" in form["StatusCallback"]


async def test_an_answer_is_free_text(open_at: contract.Open) -> None:
    async with serving(MADE) as stub:
        channel = open_at(stub.url)
        await channel.send(replace(OUT, phase="answer"))
        await channel.close()
    assert stub.requests[0].form["Body"] == OUT.text
    assert "ContentSid" not in stub.requests[0].form


@pytest.mark.parametrize("changed", [{"language": "nn"}, {"text": "To\nlinjer"}], ids=["no template", "line break"])
async def test_what_no_template_can_carry_never_leaves(changed: dict[str, str], open_at: contract.Open) -> None:
    async with serving(MADE) as stub:
        channel = open_at(stub.url)
        with pytest.raises(Rejected):
            await channel.send(replace(OUT, **changed))  # type: ignore[arg-type]
        await channel.close()
        assert not stub.requests


@pytest.mark.parametrize(
    ("code", "means"), [(63016, Rejected), (63033, Rejected), (63007, Misconfigured), (63042, Misconfigured)]
)
async def test_numbers(code: int, means: type[Exception], open_at: contract.Open) -> None:
    async with serving(Reply(400, {"code": code, "message": "No", "status": 400})) as stub:
        error = await contract.refused(open_at(stub.url), OUT)
    assert type(error) is means
    assert error.code == str(code)
    if code == 63016:
        assert "24 hours" in error.say


async def test_measure() -> None:
    assert measure("x" * ROOM).over == 0
    assert measure("x" * (ROOM + 1)).over == 1
    assert measure("to\nlinjer").over > 0
    assert "line breaks" in measure("to\nlinjer").note
    longest = options("http://x", templates={"nb": {"sid": NB, "body": "x" * 124 + "{{1}}"}})
    assert len(longest.templates["nb"].around("x" * ROOM)) == LONGEST_BODY


@pytest.mark.parametrize(
    "templates",
    [
        {},
        {"nb": {"sid": "HX1", "body": "{{1}}"}},
        {"nb": {"sid": NB, "body": "no place"}},
        {"nb": {"sid": NB, "body": "{{1}} and {{2}}"}},
        {"nb": {"sid": NB, "body": "{{1}} and {{1}}"}},
        {"nb": {"sid": NB, "body": "x" * 125 + "{{1}}"}},
    ],
)
async def test_options_refuse(templates: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        options("http://127.0.0.1:1", templates=templates)


async def test_options_want_one_sender() -> None:
    with pytest.raises(ValidationError, match="one sender"):
        options("http://127.0.0.1:1", messaging_service_sid="MG" + "0" * 32)


@pytest.mark.parametrize(
    ("body", "found"),
    [(BODY.replace("{{1}}", OUT.text), SID), (OUT.text, SID), ("Melding til deg: noe annet", None)],
    ids=["as the person reads it", "bare", "other words"],
)
async def test_find(body: str, found: str | None, open_at: contract.Open) -> None:
    listed = Reply(200, {**LISTED.body, "messages": [listed_message(body, 1, sid=SID)]})
    async with serving(listed) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, LooksUp)
        assert await channel.find(replace(OUT, first_attempt_at=contract.now())) == (Accepted(found) if found else None)
        with pytest.raises(Uncertain):
            await channel.find(OUT)
        await channel.close()
    assert stub.requests[0].query["To"] == f"whatsapp:{PHONE}"


def content(**changed: Any) -> Reply:
    return Reply(200, {"sid": NB, "language": "nb", "types": {"twilio/text": {"body": BODY}}, **changed})


def approval(status: str) -> Reply:
    return Reply(200, {"sid": NB, "whatsapp": {"status": status}})


@pytest.mark.parametrize(
    ("about", "approved", "says"),
    [
        (content(), approval("approved"), ""),
        (content(), approval("pending"), "pending"),
        (content(), Reply(200, {"sid": NB, "whatsapp": None}), "unsubmitted"),
        (content(types={"twilio/text": {"body": BODY + "!"}}), approval("approved"), "not those in crisis.toml"),
        (content(types={"twilio/card": {"body": BODY}}), approval("approved"), "not those in crisis.toml"),
        (content(language="pl"), approval("approved"), "pl"),
        (Reply(404, {"code": 20404, "message": "Not found"}), approval("approved"), "Not found"),
    ],
)
async def test_check_compares_the_templates(about: Reply, approved: Reply, says: str, tmp_path: Path) -> None:
    async with serving(LISTED, about, approved) as stub:
        channel = WhatsApp(contract.opening(options(stub.url), tmp_path, languages=("nb",)))
        health = await channel.check()
        await channel.close()
    assert health.ok is not bool(says)
    assert says in health.say


async def test_a_person_writes(open_at: contract.Open) -> None:
    channel = open_at("http://127.0.0.1:1")
    assert isinstance(channel, ReadsHooks)
    url = "https://crisis.example.org/hooks/test-account/inbound"
    form = {"MessageSid": SID, "From": f"whatsapp:{PHONE}", "Body": "Stopp.", "ProfileName": "Kari", "NumMedia": "0"}
    proof = {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, form)}
    (said,) = channel.read_hook(Hook("POST", url, proof, b"", tuple(form.items()))).inbounds
    assert (said.author, said.author_name, said.consent, said.kind) == (PHONE, "Kari", "stop", "message")


async def test_a_pretend_twilio_that_knows_the_rules(tmp_path: Path) -> None:
    """Statement, free text out of time, a person who writes, free text in time, looking it up again, templates checked."""
    with Simulator.start(delay=0.02) as simulator:
        async with serving(Reply(200, "")) as hooks:
            channel = WhatsApp(contract.opening(options(simulator.url), tmp_path, public_url=hooks.url))
            first = replace(OUT, first_attempt_at=contract.now())
            assert (await channel.check()).ok
            taken = await channel.send(first)
            assert await channel.find(first) == Accepted(taken.provider_id)
            late = await channel.send(replace(OUT, phase="answer", text="Vi ringer deg."))
            told = {}
            for _ in range(100):
                told = {one["sid"]: one for one in simulator.state("messages")["messages"]}
                if told[taken.provider_id]["status"] == "read" and told[late.provider_id]["status"] == "failed":
                    break
                await asyncio.sleep(0.02)
            assert told[taken.provider_id]["body"] == BODY.replace("{{1}}", OUT.text)
            assert told[taken.provider_id]["status"] == "read"
            assert told[late.provider_id]["error_code"] == 63016
            await asyncio.to_thread(simulator.say, f"whatsapp:{PHONE}", "Er jeg trygg?")
            timely = await channel.send(replace(OUT, phase="answer", text="Ja, du er trygg."))
            for _ in range(100):
                told = {one["sid"]: one for one in simulator.state("messages")["messages"]}
                if told[timely.provider_id]["status"] == "read":
                    break
                await asyncio.sleep(0.02)
            assert told[timely.provider_id]["status"] == "read"
            await channel.close()


@pytest.mark.parametrize("reply", [MADE, Reply(401, {}), Reply(500, "x"), Reply(manner="reset")])
async def test_no_secret_shows(reply: Reply, open_at: contract.Open, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        await contract.no_secret_shows([TOKEN, PHONE], caplog, lambda: channel.send(OUT))
        await channel.close()
