"""The pretend Twilio, spoken to by Twilio's own client: sending, refusals, callbacks, answers from phones."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from crisis.simulator.accounts import SmsAccount
from crisis.simulator.server import Simulator
from crisis.simulator.sms import rules, segments
from crisis.simulator.sms.signature import sign
from tests.simulator.conftest import Hook

PHONE = "+15005559001"
Post = Callable[..., requests.Response]


def test_sent_then_delivered_with_good_signatures(twilio: Client, sms_account: SmsAccount, hook: Hook) -> None:
    url = f"{hook.url}/hooks/sms?attempt=a%20b&n=1"
    message = twilio.messages.create(
        to=PHONE, from_=sms_account.numbers[0], body="Åpent – 🚑", status_callback=f"{url}#rc=3&rp=all"
    )
    assert message.status == "queued"
    assert hook.statuses(2) == ["sent", "delivered"]
    validator = RequestValidator(sms_account.auth_token)
    for path, form, signature in hook.got:
        assert hook.url + path == url
        assert validator.validate(url, form, signature)
        assert not validator.validate(url, {**form, "MessageStatus": "failed"}, signature)
        assert form["MessageSid"] == message.sid
        assert form["AccountSid"] == sms_account.sid
    assert twilio.messages(message.sid).fetch().status == "delivered"


def test_a_messaging_service_picks_a_number_later(twilio: Client, sms_account: SmsAccount, hook: Hook) -> None:
    service = next(iter(sms_account.services))
    message = twilio.messages.create(to=PHONE, messaging_service_sid=service, body="Hi", status_callback=hook.url)
    assert (message.status, message.from_, message.num_segments) == ("accepted", None, "0")
    assert hook.wait(2)[0]["From"] in sms_account.numbers
    assert twilio.messages(message.sid).fetch().num_segments == "1"


@pytest.mark.parametrize(("phone", "code"), [("+15005553003", "30003"), ("+15005553006", "30006")])
def test_unreachable_phones(twilio: Client, sms_account: SmsAccount, hook: Hook, phone: str, code: str) -> None:
    twilio.messages.create(to=phone, from_=sms_account.numbers[0], body="Hi", status_callback=hook.url)
    assert hook.statuses(2) == ["sent", "undelivered"]
    assert hook.wait(2)[1]["ErrorCode"] == code


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"To": None}, 400, 21604),
        ({"To": "91234567"}, 400, 21211),
        ({"To": "+0123456789"}, 400, 21211),
        ({"To": "whatsapp:+15005559001"}, 400, 63007),
        ({"From": None}, 400, 21603),
        ({"From": "+15005559999"}, 400, 21606),
        ({"From": "SOMEBODY"}, 400, 21212),
        ({"From": None, "MessagingServiceSid": "MG" + "9" * 32}, 404, 20404),
        ({"Body": None}, 400, 21602),
        ({"Body": "  "}, 400, 21602),
        ({"Body": "x" * 1601}, 400, 21617),
        ({"Colour": "red"}, 400, 20001),
        ({"Body": ["one", "two"]}, 400, 20001),
        ({"StatusCallback": "not a url"}, 400, 21609),
        ({"ValidityPeriod": "0"}, 400, 20001),
        ({"ValidityPeriod": "36001"}, 400, 20001),
        ({"RiskCheck": "maybe"}, 400, 20001),
        ({"SmartEncoded": "perhaps"}, 400, 20001),
        ({"ScheduleType": "fixed", "SendAt": "2030-01-01T00:00:00Z"}, 400, 20001),
        *[({"To": to}, 400, code) for to, code in rules.MAGIC_TO.items()],
        *[({"From": sender}, 400, code) for sender, code in rules.MAGIC_FROM.items()],
    ],
)
def test_refusals(simulator: Simulator, post_text: Post, form: dict[str, Any], status: int, code: int) -> None:
    answer = post_text(**form)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["more_info"].endswith(str(code))
    state = simulator.state("refused", "messages")
    assert [one["code"] for one in state["refused"]] == [code]
    assert state["messages"] == []


def test_the_magic_sender_is_good(post_text: Post) -> None:
    assert post_text(From=rules.MAGIC_GOOD_FROM).status_code == 201


def test_the_magic_numbers_are_the_published_ones(specs: Path) -> None:
    published = json.loads((specs / "twilio/magic-numbers.json").read_text("utf-8"))["messages"]
    assert {to: code for to, code in published["to"].items() if to[0] == "+"} == rules.MAGIC_TO
    assert {
        f: code for f, code in published["from"].items() if isinstance(code, int) and f[0] == "+"
    } == rules.MAGIC_FROM


def test_the_parameters_are_the_published_ones(specs: Path) -> None:
    whole = json.loads((specs / "twilio/api_v2010.trimmed.json").read_text("utf-8"))
    create = whole["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["post"]
    form = create["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    assert rules.PARAMETERS - {"MessageIntent"} == set(form)


def test_answers_keep_to_the_contract(
    simulator: Simulator, post_text: Post, sms_account: SmsAccount, specs: Path
) -> None:
    whole = json.loads((specs / "twilio/api_v2010.trimmed.json").read_text("utf-8"))
    _accept_null(whole)
    create = whole["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]
    listed = create["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    message = {"$ref": "#/components/schemas/api.v2010.account.message"}
    service = next(iter(sms_account.services))
    answers = [
        post_text(),
        post_text(From=None, MessagingServiceSid=service),
        post_text(MediaUrl="https://example.org/a.png"),
    ]
    for answer in answers:
        assert answer.status_code == 201
        jsonschema.validate(answer.json(), {**message, "components": whole["components"]})
    page = requests.get(
        f"{simulator.url}/twilio/2010-04-01/Accounts/{sms_account.sid}/Messages.json",
        auth=(sms_account.sid, sms_account.auth_token),
        timeout=5,
    )
    jsonschema.validate(page.json(), {**listed, "components": whole["components"]})
    assert len(page.json()["messages"]) == 3


def _accept_null(node: Any) -> None:
    """OpenAPI 3.0 says `nullable`; JSON Schema says it with a second type."""
    if isinstance(node, dict):
        if node.get("nullable") and isinstance(node.get("type"), str):
            node["type"] = [node["type"], "null"]
        for value in node.values():
            _accept_null(value)
    elif isinstance(node, list):
        for value in node:
            _accept_null(value)


def test_credentials(simulator: Simulator, twilio: Client, sms_account: SmsAccount) -> None:
    assert twilio.balance.fetch().currency == "USD"
    assert twilio.api.v2010.accounts(sms_account.sid).fetch().status == "active"
    with_key = Client(sms_account.api_key, sms_account.api_secret, sms_account.sid)
    with_key.api.base_url = f"{simulator.url}/twilio"
    assert with_key.messages.create(to=PHONE, from_=sms_account.numbers[0], body="Hi").sid
    wrong = Client(sms_account.sid, "wrong")
    wrong.api.base_url = f"{simulator.url}/twilio"
    with pytest.raises(TwilioRestException) as caught:
        wrong.messages.create(to=PHONE, from_=sms_account.numbers[0], body="Hi")
    assert (caught.value.status, caught.value.code) == (401, 20003)


def test_finding_a_message_again(twilio: Client, sms_account: SmsAccount) -> None:
    for number in range(5):
        twilio.messages.create(to=PHONE, from_=sms_account.numbers[0], body=f"Text {number}")
    twilio.messages.create(to="+15005559002", from_=sms_account.numbers[0], body="Other")
    now = datetime.now(UTC)
    found = twilio.messages.list(to=PHONE, date_sent_after=now - timedelta(minutes=1))
    assert [message.body for message in found] == [f"Text {number}" for number in range(4, -1, -1)]
    assert twilio.messages.list(to=PHONE, date_sent_after=now + timedelta(days=1)) == []
    assert len(list(twilio.messages.stream(to=PHONE, page_size=2))) == 5
    assert twilio.messages.list(to="+15005559003") == []


def test_scheduled_can_be_cancelled_and_records_redacted(twilio: Client, sms_account: SmsAccount) -> None:
    service = next(iter(sms_account.services))
    later = datetime.now(UTC) + timedelta(hours=1)
    planned = twilio.messages.create(
        to=PHONE, messaging_service_sid=service, body="Later", schedule_type="fixed", send_at=later
    )
    assert planned.status == "scheduled"
    assert planned.update(status="canceled").status == "canceled"
    assert planned.update(body="").body == ""
    assert planned.delete()
    with pytest.raises(TwilioRestException, match=r"20404|not found"):
        twilio.messages(planned.sid).fetch()


def test_stop_start_and_inbound(simulator: Simulator, twilio: Client, sms_account: SmsAccount, hook: Hook) -> None:
    simulator.internet.inbound.template = f"{hook.url}/in/{{account}}/{{number}}"
    service = next(iter(sms_account.services))
    twilio.messages.create(to=PHONE, messaging_service_sid=service, body="Hi")
    assert simulator.say(PHONE, "Where do I go? æ", to=service) == 204
    path, form, signature = hook.got[-1]
    assert path == f"/in/ous/{form['To'][1:]}"
    assert RequestValidator(sms_account.auth_token).validate(hook.url + path, form, signature)
    assert (form["From"], form["Body"], form["NumMedia"]) == (PHONE, "Where do I go? æ", "0")
    assert "OptOutType" not in form
    assert twilio.messages.list(to=form["To"])[0].direction == "inbound"
    simulator.say(PHONE, " stop ")
    assert hook.got[-1][1]["OptOutType"] == "STOP"
    with pytest.raises(TwilioRestException) as caught:
        twilio.messages.create(to=PHONE, messaging_service_sid=service, body="Again")
    assert caught.value.code == 21610
    simulator.say(PHONE, "START")
    assert twilio.messages.create(to=PHONE, messaging_service_sid=service, body="Again").sid


def test_who_cannot_say(simulator: Simulator) -> None:
    for phone, given in [
        (PHONE, {"text": "Hi"}),
        ("123", {"text": "Hi"}),
        (PHONE, {"text": "Hi", "to": "+15005559999"}),
    ]:
        answer = requests.post(f"{simulator.url}/control/phones/{phone}/say", json=given, timeout=5)
        assert answer.status_code == 400
        assert answer.json()["error"]


def test_nobody_answers_the_callback(simulator: Simulator, post_text: Post) -> None:
    post_text(StatusCallback="http://127.0.0.1:1/nobody")
    until = time.monotonic() + 5
    while len(simulator.state("webhooks")["webhooks"]) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert [one["answer"] for one in simulator.state("webhooks")["webhooks"]] == [None, None]
    assert simulator.state("messages")["messages"][0]["status"] == "delivered"


@pytest.mark.parametrize(
    ("tuning", "answers", "calls"),
    [
        ("", [500], 2),
        ("#rc=3&rp=all", [500, 404], 4),
        ("#rc=2&rp=5xx", [503], 3),
        ("#rc=2&rp=4xx", [503], 2),
        ("#rc=0", [], 2),
    ],
)
def test_callbacks_are_repeated_as_the_address_asks(
    post_text: Post, hook: Hook, tuning: str, answers: list[int], calls: int
) -> None:
    hook.answers.extend(answers)
    post_text(StatusCallback=hook.url + tuning)
    forms = hook.wait(calls)
    time.sleep(0.15)
    assert len(hook.got) == calls
    assert [form["MessageStatus"] for form in forms] == ["sent"] * (calls - 1) + ["delivered"]


def test_part_counts(specs: Path) -> None:
    for vector in json.loads((specs / "sms/segment-vectors.json").read_text("utf-8"))["vectors"]:
        assert segments.count(vector["body"]) == vector["segments"], vector["description"]


def test_published_signatures(specs: Path) -> None:
    for vector in json.loads((specs / "webhooks/signature-vectors.json").read_text("utf-8"))["vectors"]:
        if vector["provider"] == "twilio" and vector["algorithm"] == "HMAC_SHA1" and vector["expect"] == "accept":
            assert (
                sign(vector["secret"], vector["url"], vector["params"] or {}) == vector["headers"]["X-Twilio-Signature"]
            )
