"""The pretend calls, made by Twilio's own client: refusals, phones, keys, machines, the queue, and what webhooks are told."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml import lower_camel, voice_response

from crisis.simulator.accounts import SmsAccount
from crisis.simulator.server import Simulator
from crisis.simulator.voice import rules, twiml
from tests.simulator.conftest import Hook
from tests.simulator.test_sms import _accept_null

PHONE = "+15005559001"
SAY = "<Response><Say>Come now</Say></Response>"
Control = Callable[..., dict[str, Any]]


@pytest.fixture
def control(simulator: Simulator) -> Control:
    def post(path: str, **given: Any) -> dict[str, Any]:
        answer = requests.post(f"{simulator.url}/control/{path}", json=given, timeout=5)
        assert answer.ok, answer.text
        told: dict[str, Any] = answer.json()
        return told

    post("calls/crowd", speed=100, calls_per_second=1000)
    return post


def ask(url: str, more: str = "") -> str:
    gather = f'<Gather input="dtmf" numDigits="1" timeout="8" action="{url}/keys?attempt=a.1" method="POST"{more}>'
    return f"<Response>{gather}<Say language='nb-NO' voice='Polly.Ida-Neural' loop='2'>Kom nå</Say></Gather><Say>Bye</Say></Response>"


def wait(condition: Callable[[], Any], seconds: float = 8) -> Any:
    until = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < until:
        time.sleep(0.01)
    assert found
    return found


def ended(simulator: Simulator, count: int = 1) -> list[dict[str, Any]]:
    over = ("completed", "busy", "failed", "no-answer", "canceled")
    return wait(
        lambda: (
            len(calls := [one for one in simulator.state("calls")["calls"] if one["status"] in over]) >= count and calls
        ),
        20,
    )


def statuses(hook: Hook) -> list[str]:
    return [form["CallStatus"] for path, form, _ in list(hook.got) if path.startswith("/status")]


@pytest.fixture
def ring(twilio: Client, sms_account: SmsAccount, hook: Hook) -> Callable[..., Any]:
    def make(markup: str = SAY, to: str = PHONE, **more: Any) -> Any:
        given = {"status_callback": f"{hook.url}/status?attempt=a.1", "timeout": 20}
        given["status_callback_event"] = ["initiated", "ringing", "answered", "completed"]
        return twilio.calls.create(to=to, from_=sms_account.numbers[0], twiml=markup, **{**given, **more})

    return make


@pytest.mark.parametrize(
    ("habit", "last", "told"),
    [
        ({"does": "answer"}, "completed", ["initiated", "ringing", "in-progress", "completed"]),
        ({"does": "hang_up"}, "completed", ["initiated", "ringing", "in-progress", "completed"]),
        ({"does": "voicemail"}, "completed", ["initiated", "ringing", "in-progress", "completed"]),
        ({"does": "busy"}, "busy", ["initiated", "ringing", "busy"]),
        ({"does": "failed"}, "failed", ["initiated", "ringing", "failed"]),
        ({"does": "ignore"}, "no-answer", ["initiated", "ringing", "no-answer"]),
    ],
)
def test_every_habit_ends_as_it_should_and_is_told_in_order(
    simulator: Simulator, control: Control, ring: Any, hook: Hook, sms_account: SmsAccount,
    habit: dict[str, Any], last: str, told: list[str],
) -> None:  # fmt: skip
    control(f"phones/{PHONE}/habit", **habit)
    call = ring()
    assert call.status == "queued"
    assert ended(simulator)[0]["status"] == last
    wait(lambda: len(statuses(hook)) == len(told))
    assert statuses(hook) == told
    forms = [form for _, form, _ in hook.got]
    assert [form["SequenceNumber"] for form in forms] == [str(at) for at in range(len(told))]
    assert {form["CallSid"] for form in forms} == {call.sid}
    path, form, signature = hook.got[-1]
    assert RequestValidator(sms_account.auth_token).validate(hook.url + path, form, signature)


def test_a_key_goes_to_the_action_and_its_answer_is_followed(
    simulator: Simulator, control: Control, ring: Any, hook: Hook, sms_account: SmsAccount
) -> None:
    control(f"phones/{PHONE}/habit", does="answer", keys=["1"])
    ring(ask(hook.url))
    (call,) = ended(simulator)
    path, form, signature = wait(lambda: [one for one in hook.got if one[0].startswith("/keys")])[0]
    assert (form["Digits"], form["To"], form["Direction"]) == ("1", PHONE, "outbound-api")
    assert RequestValidator(sms_account.auth_token).validate(hook.url + path, form, signature)
    assert ["phone", "pressed 1"] in [list(one) for one in call["said"]]
    # The receiver answers 204 without markup, which a real Twilio could not follow either.
    assert [one["code"] for one in simulator.state("refused")["refused"]] == [12300]


@pytest.mark.parametrize(
    ("keys", "puts_down", "told"),
    [
        ([], "words", False),
        ([], "question", False),
        (["25"], "typing", False),
        (["1"], "key", True),
        (["1"], "confirmation", True),
    ],
)
def test_a_phone_is_put_down_at_any_moment(
    simulator: Simulator, control: Control, ring: Any, hook: Hook, keys: list[str], puts_down: str, told: bool
) -> None:
    control(f"phones/{PHONE}/habit", does="answer", keys=keys, puts_down=puts_down)
    markup = ask(hook.url)
    ring(markup.replace('numDigits="1"', 'numDigits="8"') if puts_down == "typing" else markup)
    (call,) = ended(simulator)
    assert call["status"] == "completed"
    assert bool([path for path, _, _ in hook.got if path.startswith("/keys")]) is told


@pytest.mark.parametrize("does", ["answer", "voicemail"])
def test_no_key_is_told_to_nobody_and_the_call_goes_on(
    simulator: Simulator, control: Control, ring: Any, hook: Hook, does: str
) -> None:
    control(f"phones/{PHONE}/habit", does=does)
    ring(ask(hook.url))
    (call,) = ended(simulator)
    assert [what for _, what in call["said"]] == ["Kom nå (said 2 times)", "Bye"]
    assert not [path for path, _, _ in hook.got if path.startswith("/keys")]


def test_no_key_is_told_when_that_is_asked_for(simulator: Simulator, control: Control, ring: Any, hook: Hook) -> None:
    control(f"phones/{PHONE}/habit", does="answer")
    ring(ask(hook.url, ' actionOnEmptyResult="true"'))
    ended(simulator)
    (form,) = [form for path, form, _ in hook.got if path.startswith("/keys")]
    assert form["Digits"] == ""


@pytest.mark.parametrize(
    ("habit", "guess"),
    [
        ({"does": "answer"}, "human"),
        ({"does": "voicemail"}, "machine_start"),
        ({"does": "answer", "taken_for": "machine_start"}, "machine_start"),
    ],
)
def test_machines_are_guessed_beside_the_call(
    simulator: Simulator, control: Control, ring: Any, hook: Hook, habit: dict[str, Any], guess: str
) -> None:
    control(f"phones/{PHONE}/habit", **habit)
    more = {"machine_detection": "Enable", "async_amd": "true", "async_amd_status_callback": f"{hook.url}/machine"}
    ring("<Response><Pause length='30'/><Say>Come</Say></Response>", **more)
    (call,) = ended(simulator)
    assert call["answered_by"] == guess
    assert [form["AnsweredBy"] for path, form, _ in hook.got if path == "/machine"] == [guess]


def test_a_person_takes_it_presses_and_hangs_up(simulator: Simulator, control: Control, ring: Any, hook: Hook) -> None:
    control("calls/crowd", speed=1)
    call = ring(ask(hook.url))
    where = f"{simulator.url}/control/calls/{call.sid}"
    status = lambda: simulator.state("calls")["calls"][0]["status"]  # noqa: E731
    wait(lambda: status() == "ringing")
    assert requests.post(f"{where}/answer", timeout=5).ok
    wait(lambda: status() == "in-progress" and simulator.state("calls")["calls"][0]["said"])
    assert requests.post(f"{where}/keys/2", timeout=5).ok
    assert ended(simulator)[0]["said"][-1][0] in ("phone", "line")
    assert [form["Digits"] for path, form, _ in hook.got if path.startswith("/keys")] == ["2"]
    assert requests.post(f"{where}/hang_up", timeout=5).status_code == 404, "it is over"


@pytest.mark.parametrize("moment", ["ringing", "in-progress"])
def test_hanging_up_from_our_side(
    simulator: Simulator, control: Control, ring: Any, twilio: Client, moment: str
) -> None:
    control("calls/crowd", speed=1)
    if moment == "in-progress":
        control(f"phones/{PHONE}/habit", does="answer")
    call = ring("<Response><Pause length='60'/></Response>")
    wait(lambda: simulator.state("calls")["calls"][0]["status"] == moment)
    twilio.calls(call.sid).update(status="completed" if moment == "in-progress" else "canceled")
    assert ended(simulator)[0]["status"] == ("completed" if moment == "in-progress" else "canceled")
    with pytest.raises(TwilioRestException) as caught:
        twilio.calls(call.sid).update(status="completed")
    assert caught.value.code == 21220


def test_the_queue_lets_one_call_a_second_leave(
    simulator: Simulator, control: Control, ring: Any, twilio: Client
) -> None:
    control("calls/crowd", calls_per_second=5, shares={"busy": 1}, after=[0, 0])
    made = [ring(to=f"+1500555{at:04}") for at in range(9001, 9007)]
    assert twilio.calls(made[-1].sid).fetch().status == "queued"
    twilio.calls(made[-1].sid).update(status="canceled")
    calls = {one["sid"]: one for one in ended(simulator, 6)}
    assert [calls[one.sid]["status"] for one in made] == ["busy"] * 5 + ["canceled"]


def test_a_crowd_does_the_same_every_time(simulator: Simulator, control: Control, ring: Any) -> None:
    seen = []
    for _ in range(2):
        simulator.reset()
        shares = {"yes": 4, "no": 2, "later": 1, "voicemail": 1, "ignore": 1, "busy": 1, "hang_up": 1, "failed": 1}
        control("calls/crowd", speed=1000, calls_per_second=1000, shares=shares, seed=7)
        for at in range(30):
            ring(ask("http://127.0.0.1:1"), to=f"+150055590{at:02}", status_callback=None, status_callback_event=None)
        seen.append([(one["to"], one["status"], "pressed" in str(one["said"])) for one in ended(simulator, 30)])
    assert sorted(seen[0]) == sorted(seen[1])
    assert len({status for _, status, _ in seen[0]}) >= 4


@pytest.mark.parametrize(
    "given",
    [
        {"shares": {}},
        {"shares": {"sing": 1}},
        {"shares": {"yes": -1}},
        {"shares": {"yes": 0}},
        {"shares": {"yes": 1}, "after": [2, 1]},
        {"shares": {"yes": 1}, "colour": "red"},
        {"speed": 0},
    ],
)
def test_a_script_that_cannot_be_played_is_told(simulator: Simulator, given: dict[str, Any]) -> None:
    answer = requests.post(f"{simulator.url}/control/calls/crowd", json=given, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("markup", "code"),
    [
        ("<Response><Say>", 12100),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><Response/>", 12100),
        ("<Answer/>", 12102),
        ("<Response><Shout>a</Shout></Response>", 12200),
        ("<Response><Dial>+1</Dial></Response>", 12200),
        ("<Response><Say volume='3'>a</Say></Response>", 12200),
        ("<Response><Say><Hangup/></Say></Response>", 12200),
        ("<Response><Gather><Hangup/></Gather></Response>", 13320),
        ("<Response><Gather numDigits='none'/></Response>", 13314),
        ("<Response><Gather timeout='long'/></Response>", 13313),
        ("<Response><Gather input='keys'/></Response>", 13326),
        ("<Response><Gather actionOnEmptyResult='yes'/></Response>", 13338),
        ("<Response><Say loop='two'>a</Say></Response>", 13510),
        ("<Response><Say voice='Ola'>a</Say></Response>", 13511),
        ("<Response><Say voice='Polly.Ida-Neural' language='en-GB'>a</Say></Response>", 13512),
        ("<Response><Say language='nn'>a</Say></Response>", 13512),
        ("<Response><Say> </Say></Response>", 13520),
        ("<Response><Pause length='x'/></Response>", 13910),
        ("<Response><Redirect/></Response>", 11100),
    ],
)
def test_markup_that_is_not_published_is_refused(
    simulator: Simulator, control: Control, ring: Any, markup: str, code: int
) -> None:
    control(f"phones/{PHONE}/habit", does="answer")
    ring(markup)
    (call,) = ended(simulator)
    assert [one["code"] for one in simulator.state("refused")["refused"]] == [code]
    assert "application error" in call["said"][-1][1]


def test_verbs_and_attributes_are_those_of_twilios_own_library() -> None:
    for name, attributes in twiml.ATTRIBUTES.items():
        if name == "Response":
            continue
        method = getattr(voice_response.VoiceResponse, name.lower())
        known = {lower_camel(one.rstrip("_")) for one in inspect.signature(method).parameters}
        assert attributes <= known, name
    verbs = {name for name in twiml.UNPLAYED if hasattr(voice_response, name)}
    assert verbs == twiml.UNPLAYED


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"To": None}, 400, 21201),
        ({"To": "91234567"}, 400, 21211),
        ({"From": None}, 400, 21213),
        ({"From": "+15005559999"}, 400, 21210),
        ({"Twiml": None}, 400, 21205),
        ({"Twiml": "x" * 4001}, 400, 20001),
        ({"StatusCallback": "not a url"}, 400, 21205),
        ({"StatusCallbackEvent": "ended"}, 400, 20001),
        ({"Timeout": "601"}, 400, 21208),
        ({"MachineDetection": "Maybe"}, 400, 21234),
        ({"MachineDetection": "Enable", "AsyncAmd": "true"}, 400, 21262),
        ({"Colour": "red"}, 400, 20001),
        ({"Record": "true"}, 400, 20001),
        *[({"To": to}, 400, code) for to, code in rules.MAGIC_TO.items()],
        *[({"From": sender}, 400, code) for sender, code in rules.MAGIC_FROM.items()],
    ],
)
def test_refusals(simulator: Simulator, sms_account: SmsAccount, form: dict[str, Any], status: int, code: int) -> None:
    good = {"To": PHONE, "From": sms_account.numbers[0], "Twiml": SAY}
    answer = requests.post(
        f"{simulator.url}/twilio/2010-04-01/Accounts/{sms_account.sid}/Calls.json",
        data={name: value for name, value in {**good, **form}.items() if value is not None},
        auth=(sms_account.sid, sms_account.auth_token),
        timeout=5,
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    state = simulator.state("refused", "calls")
    assert [one["code"] for one in state["refused"]] == [code]
    assert state["calls"] == []


def test_the_published_parameters_numbers_and_answers(
    simulator: Simulator, control: Control, ring: Any, sms_account: SmsAccount, specs: Path
) -> None:
    magic = json.loads((specs / "twilio/magic-numbers.json").read_text("utf-8"))["calls"]
    assert {to: code for to, code in magic["to"].items() if to[0] == "+"} == rules.MAGIC_TO
    whole = json.loads((specs / "twilio/api_v2010.trimmed.json").read_text("utf-8"))
    create = whole["paths"]["/2010-04-01/Accounts/{AccountSid}/Calls.json"]
    form = create["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    assert set(form) == rules.PARAMETERS
    control(f"phones/{PHONE}/habit", does="answer")
    ring()
    ended(simulator)
    _accept_null(whole)
    listed = create["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    page = requests.get(
        f"{simulator.url}/twilio/2010-04-01/Accounts/{sms_account.sid}/Calls.json?To=%2B15005559001",
        auth=(sms_account.sid, sms_account.auth_token),
        timeout=5,
    )
    jsonschema.validate(page.json(), {**listed, "components": whole["components"]})
    assert len(page.json()["calls"]) == 1


def test_keys_of_another_account_see_nothing(simulator: Simulator, control: Control, ring: Any) -> None:
    call, other = ring(), simulator.internet.accounts.sms[1]
    stranger = Client(other.sid, other.auth_token)
    stranger.api.base_url = f"{simulator.url}/twilio"
    assert stranger.calls.list() == []
    with pytest.raises(TwilioRestException) as caught:
        stranger.calls(call.sid).update(status="completed")
    assert caught.value.status == 404


def test_somebody_calls_us(simulator: Simulator, control: Control, hook: Hook, sms_account: SmsAccount) -> None:
    simulator.internet.inbound.template = f"{hook.url}/hooks/{{channel}}-{{account}}/inbound"
    told = control(f"phones/{PHONE}/call", to=sms_account.numbers[0])
    ended(simulator)
    path, form, signature = hook.got[0]
    assert path == "/hooks/voice-ous/inbound"
    assert (form["From"], form["Direction"], form["CallSid"]) == (PHONE, "inbound", told["sid"])
    assert RequestValidator(sms_account.auth_token).validate(hook.url + path, form, signature)


def test_the_town_square_shows_calls_and_their_buttons(simulator: Simulator, control: Control, ring: Any) -> None:
    control("calls/crowd", speed=1)
    call = ring("<Response><Say>Møt på &lt;Ullevål&gt;</Say><Pause length='20'/></Response>")
    wait(lambda: simulator.state("calls")["calls"][0]["status"] == "ringing")
    parts = lambda: requests.get(f"{simulator.url}/square/parts", timeout=5).json()["calls"]  # noqa: E731
    assert f"/control/calls/{call.sid}/answer" in parts()
    requests.post(f"{simulator.url}/control/calls/{call.sid}/answer", timeout=5)
    wait(lambda: "Møt på &lt;Ullevål&gt;" in parts())
    assert f"/control/calls/{call.sid}/keys/hash" in parts()


def test_a_thousand_calls_all_end(simulator: Simulator, control: Control, sms_account: SmsAccount, hook: Hook) -> None:
    shares = {"yes": 5, "no": 2, "voicemail": 1, "busy": 1, "ignore": 1}
    control("calls/crowd", speed=1000, calls_per_second=100, shares=shares, after=[0, 30])
    url = f"{simulator.url}/twilio/2010-04-01/Accounts/{sms_account.sid}/Calls.json"
    with requests.Session() as session:
        session.auth = (sms_account.sid, sms_account.auth_token)
        for at in range(1000):
            form = {"To": f"+4791{at:06}", "From": sms_account.numbers[0], "Twiml": ask(hook.url)}
            assert session.post(url, data=form, timeout=10).status_code == 201
    counts = [one["status"] for one in ended(simulator, 1000)]
    assert len(counts) == 1000
    assert counts.count("completed") > 600
    pressed = [form for path, form, _ in hook.got if path.startswith("/keys")]
    assert len({form["CallSid"] for form in pressed}) == len(pressed) > 500
