"""Every kind of fault, as the client libraries feel it, and what the provider kept."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
import tweepy  # type: ignore[import-untyped]

from crisis.simulator.faults import CALLBACK_KINDS, HTTP_KINDS, SMTP_KINDS
from crisis.simulator.networks import NETWORKS
from crisis.simulator.server import Simulator
from tests.simulator.conftest import Hook

# kind -> (what requests makes of it: a status or an error, how many messages were kept)
FELT: dict[str, tuple[int | type[Exception], int]] = {
    "slow": (201, 1),
    "hang": (requests.exceptions.ReadTimeout, 0),
    "hang_after": (requests.exceptions.ReadTimeout, 1),
    "429": (429, 0),
    "429_bare": (429, 0),
    "401": (401, 0),
    "403": (403, 0),
    "500_before": (500, 0),
    "500_after": (500, 1),
    "reset_before": (requests.exceptions.ConnectionError, 0),
    "reset_after": (requests.exceptions.ConnectionError, 1),
    "cut_off": (requests.exceptions.ChunkedEncodingError, 1),
    "html": (503, 0),
}


def test_the_table_is_whole() -> None:
    assert set(FELT) == set(HTTP_KINDS)


@pytest.mark.parametrize("kind", FELT)
def test_twilio(
    simulator: Simulator, post_text: Callable[..., requests.Response], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    felt, kept = FELT[kind]
    simulator.fault("twilio", kind, times=1, seconds=0.2 if kind == "slow" else 7)
    if kind.startswith("hang"):
        patient = requests.post
        monkeypatch.setattr(requests, "post", lambda *a, **k: patient(*a, **{**k, "timeout": 0.4}))
    began = time.monotonic()
    if isinstance(felt, int):
        answer = post_text()
        assert answer.status_code == felt
        if kind.startswith("429"):
            assert answer.headers.get("Retry-After") == ("7" if kind == "429" else None)
            assert answer.json()["code"] == 20429
        if kind == "html":
            assert answer.headers["Content-Type"].startswith("text/html")
        assert kind != "slow" or time.monotonic() - began >= 0.2
    else:
        with pytest.raises(felt):
            post_text()
    state = simulator.state("messages", "refused", "faults")
    assert len(state["messages"]) == kept
    assert state["refused"] == [], "a fault is no refusal"
    assert state["faults"] == [], "used up"
    monkeypatch.undo()
    assert post_text().status_code == 201


@pytest.mark.parametrize(
    ("kind", "error", "kept"),
    [
        ("429", tweepy.TooManyRequests, 0),
        ("401", tweepy.Unauthorized, 0),
        ("403", tweepy.Forbidden, 0),
        ("500_before", tweepy.TwitterServerError, 0),
        ("500_after", tweepy.TwitterServerError, 1),
        ("html", tweepy.TwitterServerError, 0),
        ("reset_before", requests.exceptions.ConnectionError, 0),
        ("reset_after", requests.exceptions.ConnectionError, 1),
        ("cut_off", requests.exceptions.ChunkedEncodingError, 1),
    ],
)
def test_x(simulator: Simulator, x: tweepy.Client, kind: str, error: type[Exception], kept: int) -> None:
    simulator.fault("x", kind, times=1, seconds=60, match="@OUS_demo")
    with pytest.raises(error) as caught:
        x.create_tweet(text="Hello")
    if kind == "429":
        assert 55 < caught.value.reset_time - time.time() < 65  # type: ignore[attr-defined]
    assert len(simulator.state("posts")["posts"]) == kept
    x.create_tweet(text="Hello again")


def test_a_caller_who_gives_up_on_a_slow_answer_has_still_sent(
    simulator: Simulator, post_text: Callable[..., requests.Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator.fault("twilio", "slow", times=1, seconds=0.4)
    patient = requests.post
    monkeypatch.setattr(requests, "post", lambda *a, **k: patient(*a, **{**k, "timeout": 0.1}))
    with pytest.raises(requests.exceptions.ReadTimeout):
        post_text()
    time.sleep(0.6)
    assert len(simulator.state("messages")["messages"]) == 1


def test_lookups_are_spared_unless_asked(simulator: Simulator, x: tweepy.Client) -> None:
    simulator.fault("x", "401")
    assert x.get_me().data
    simulator.fault("x", "401", scope="all")
    with pytest.raises(tweepy.Unauthorized):
        x.get_me()


def test_matching_by_phone(simulator: Simulator, post_text: Callable[..., requests.Response]) -> None:
    simulator.fault("twilio", "500_before", match="+47*")
    assert post_text(To="+15005559001").status_code == 201
    assert post_text(To="+4799900001").status_code == 500
    assert post_text(To="+4799900001").status_code == 500
    simulator.clear_faults()
    assert post_text(To="+4799900001").status_code == 201


@pytest.mark.parametrize(
    ("kinds", "statuses"),
    [
        (["callbacks_duplicate"], ["sent", "sent", "delivered", "delivered"]),
        (["callbacks_out_of_order"], ["delivered", "sent"]),
        (["undelivered"], ["sent", "undelivered"]),
        (["undelivered", "callbacks_out_of_order"], ["undelivered", "sent"]),
    ],
)
def test_callbacks(
    simulator: Simulator,
    post_text: Callable[..., requests.Response],
    hook: Hook,
    kinds: list[str],
    statuses: list[str],
) -> None:
    for kind in kinds:
        simulator.fault("twilio", kind, times=1)
    sid = post_text(StatusCallback=hook.url).json()["sid"]
    assert hook.statuses(len(statuses)) == statuses
    record = simulator.state("messages")["messages"][0]
    assert (record["sid"], record["status"]) == (sid, "undelivered" if "undelivered" in kinds else "delivered")


def test_callbacks_before_the_answer(
    simulator: Simulator, post_text: Callable[..., requests.Response], hook: Hook
) -> None:
    simulator.fault("twilio", "callbacks_early", times=1)
    answer = post_text(StatusCallback=hook.url)
    assert [form["MessageStatus"] for _, form, _ in hook.got] == ["sent", "delivered"]
    assert answer.json()["status"] == "queued"


def test_no_callbacks(simulator: Simulator, post_text: Callable[..., requests.Response], hook: Hook) -> None:
    simulator.fault("twilio", "callbacks_none", times=1)
    post_text(StatusCallback=hook.url)
    time.sleep(0.3)
    assert hook.got == []
    assert simulator.state("messages")["messages"][0]["status"] == "delivered"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"provider": "fax", "kind": "slow"}, "no provider"),
        ({"provider": "x", "kind": "gremlin"}, "no fault"),
        ({"provider": "x", "kind": "undelivered"}, "no fault"),
        ({"provider": "x", "kind": "slow", "times": 0}, "times"),
        ({"provider": "x", "kind": "slow", "times": "1"}, "times"),
        ({"provider": "x", "kind": "slow", "seconds": "soon"}, "seconds"),
        ({"provider": "x", "kind": "slow", "seconds": -1}, "seconds"),
        ({"provider": "x", "kind": "slow", "colour": 1}, "unknown"),
        ({"provider": "x", "kind": "slow", "scope": "some"}, "scope"),
    ],
)
def test_a_fault_that_does_not_exist(simulator: Simulator, given: dict[str, Any], says: str) -> None:
    answer = requests.post(f"{simulator.url}/control/faults", json=given, timeout=5)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_the_control_interface(simulator: Simulator) -> None:
    url = f"{simulator.url}/control/faults"
    one = requests.post(url, json={"provider": "x", "kind": "slow", "times": 2}, timeout=5).json()
    requests.post(url, json={"provider": "smtp", "kind": "421"}, timeout=5)
    told = requests.get(url, timeout=5).json()
    assert [fault["kind"] for fault in told["active"]] == ["slow", "421"]
    known = {"x": HTTP_KINDS, "twilio": {**HTTP_KINDS, **CALLBACK_KINDS}, "smtp": SMTP_KINDS}
    assert {name: told["kinds"][name] for name in known} == known
    assert set(told["kinds"]) >= set(NETWORKS), "every network can be made to fail"
    assert requests.delete(f"{url}/{one['number']}", timeout=5).json() == {"cleared": 1}
    assert requests.delete(url, timeout=5).json() == {"cleared": 1}
    assert requests.post(url, data="provider=x&kind=slow", timeout=5).status_code == 400
