"""X: the contract, what it asks of X, how it finds a lost post, and what it does when a thread is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from oauthlib.oauth1 import SIGNATURE_TYPE_AUTH_HEADER
from oauthlib.oauth1 import Client as Signer

from crisis.channels.base import Accepted, Busy, Checks, Deletes, LooksUp, Misconfigured, Rejected, Uncertain
from crisis.channels.errors import accepted_body, answer
from crisis.channels.x.adapter import FACTS, Options, X
from crisis.channels.x.words import refusal
from crisis.settings import SecretRef
from tests.channels import contract
from tests.channels.contract import OUT
from tests.channels.specs import samples, spec
from tests.channels.stub import Reply, Request, closed_port, serving

pytestmark = pytest.mark.asyncio

SECRETS = ["consumer-key-1", "consumer-secret-2", "access-token-3", "access-token-secret-4"]
MADE = Reply(201, {"data": {"id": "1795", "text": "x", "edit_history_tweet_ids": ["1795"]}})
ME = Reply(200, {"data": {"id": "42", "name": "Oslo sykehus", "username": "OsloSykehus"}})
DUPLICATE = Reply(403, {"detail": "You are not allowed to create a Tweet with duplicate content.", "status": 403})
FORBIDDEN = Reply(403, {"detail": "You are not permitted to perform this action.", "status": 403})
POSTED = Accepted("1795", "https://x.com/OsloSykehus/status/1795")


@pytest.fixture
def open_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> contract.Open:
    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    for name, secret in zip(names, SECRETS, strict=True):
        monkeypatch.setenv(f"X_{name.upper()}", secret)
    refs: dict[str, Any] = {name: SecretRef(env=f"X_{name.upper()}") for name in names}

    def open_at(url: str) -> X:
        options = Options(handle="OsloSykehus", base_url=url, connect_seconds=0.5, read_seconds=0.4, **refs)
        return X(contract.opening(options, tmp_path))

    return open_at


def timeline(*posts: dict[str, Any], more: str | None = None) -> Reply:
    return Reply(
        200, {"data": list(posts), "meta": {"result_count": len(posts), **({"next_token": more} if more else {})}}
    )


def post(text: str, at: Any, number: str = "1795", **more: Any) -> dict[str, Any]:
    return {"id": number, "text": text, "edit_history_tweet_ids": [number], "created_at": at.isoformat(), **more}


@contract.table
async def test_keeps_the_contract(case: contract.Case, open_at: contract.Open) -> None:
    await contract.keeps(case, open_at, OUT)


async def test_accepts(open_at: contract.Open) -> None:
    await contract.accepted(open_at, OUT, MADE, POSTED)


async def test_offers_what_it_says(open_at: contract.Open) -> None:
    channel = open_at("http://127.0.0.1:1")
    assert isinstance(channel, LooksUp)
    assert isinstance(channel, Deletes)
    assert isinstance(channel, Checks)
    assert FACTS.public
    assert not FACTS.repeat_safe


async def test_asks_what_the_specification_allows(open_at: contract.Open) -> None:
    api = spec("x/openapi.json")
    body = api["paths"]["/2/tweets"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    async with serving(MADE) as stub:
        channel = open_at(stub.url)
        await channel.send(OUT)
        await channel.send(replace(OUT, reply_to="1700", phase="update"))
    for request in stub.requests:
        assert (request.method, request.path) == ("POST", "/2/tweets")
        jsonschema.validate(request.json, {**body, "components": api["components"]})
    assert stub.requests[0].json == {"text": OUT.text}
    assert stub.requests[1].json["reply"] == {"in_reply_to_tweet_id": "1700"}


async def test_signs_the_address_it_calls(open_at: contract.Open) -> None:
    async with serving(MADE) as stub:
        await open_at(stub.url).send(OUT)
    sent = stub.requests[0].headers["Authorization"]
    part = dict(item.split("=", 1) for item in sent.removeprefix("OAuth ").replace('"', "").split(", "))
    signer = Signer(
        *SECRETS,
        signature_type=SIGNATURE_TYPE_AUTH_HEADER,
        nonce=part["oauth_nonce"],
        timestamp=part["oauth_timestamp"],
    )
    _, headers, _ = signer.sign(f"{stub.url}/2/tweets", http_method="POST")
    assert part["oauth_signature"] in headers["Authorization"]


@pytest.mark.parametrize("sample", samples("x"), ids=lambda sample: sample["name"])
async def test_reads_the_recorded_answers(sample: dict[str, Any]) -> None:
    expected = {
        "duplicate": Rejected,
        "retry_after_reset": Busy,
        "operator": Misconfigured,
        "permanent": Rejected,
        "auth": Misconfigured,
        "ambiguous": Uncertain,
    }[sample["class"]]
    reply = Reply(sample["http_status"], sample["body"], sample["headers"])
    with pytest.raises(expected):
        accepted_body(answer(reply.status, reply.headers, reply.text), refusal)


@pytest.mark.parametrize(
    ("first_attempt", "posted", "found"),
    [(-30, -29, True), (-30, -7200, False), (-1, -50, True), (None, -10, False)],
    ids=["by our earlier attempt", "hours ago", "clocks differ", "never tried"],
)
async def test_duplicate_is_ours_only_when_it_is_new(
    open_at: contract.Open, first_attempt: int | None, posted: int, *, found: bool
) -> None:
    out = (
        OUT
        if first_attempt is None
        else replace(OUT, first_attempt_at=contract.now() + timedelta(seconds=first_attempt))
    )
    wall = timeline(post(OUT.text, contract.now() + timedelta(seconds=posted)))

    def reply(request: Request) -> Reply:
        return DUPLICATE if request.method == "POST" else ME if request.path.endswith("/me") else wall

    async with serving() as stub:
        stub.answer = reply
        channel = open_at(stub.url)
        if found:
            assert await channel.send(out) == POSTED
        else:
            with pytest.raises(Rejected, match="duplicate content"):
                await channel.send(out)


@pytest.mark.parametrize(("remaining", "waits"), [("0", True), ("1", False)])
async def test_the_last_post_of_a_window_says_when_the_next_may_follow(
    open_at: contract.Open, remaining: str, *, waits: bool
) -> None:
    reset = str(int(contract.now().timestamp()) + 600)
    headers = {"x-rate-limit-remaining": remaining, "x-rate-limit-reset": reset}
    async with serving(Reply(MADE.status, MADE.body, headers)) as stub:
        accepted = await open_at(stub.url).send(OUT)
        assert (accepted.wait == pytest.approx(600, abs=5)) if waits else accepted.wait is None


async def test_find_reads_the_wall_as_it_was_written(open_at: contract.Open) -> None:
    at = contract.now()
    out = replace(OUT, text="Ring 113 & vent.  Se http://info.example.org/a\nO\u0308l", first_attempt_at=at)
    seen = "Ring 113 &amp; vent. Se https://t.co/abc Öl"
    links = {"urls": [{"url": "https://t.co/abc", "expanded_url": "http://info.example.org/a"}]}
    wall = [timeline(post("noe annet", at, "1"), more="t2"), timeline(post(seen, at, entities=links))]
    async with serving(ME, *wall) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, LooksUp)
        assert await channel.find(out) == POSTED
    look = stub.requests[1]
    assert look.path == "/2/users/42/tweets"
    assert look.query["start_time"].endswith("Z")
    assert stub.requests[2].query["pagination_token"] == "t2"


async def test_find_says_when_it_is_not_there_and_when_it_could_not_look(open_at: contract.Open) -> None:
    out = replace(OUT, first_attempt_at=contract.now())
    async with serving(
        ME, timeline(post("noe annet", contract.now())), Reply(200, {"meta": {"result_count": 0}})
    ) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, LooksUp)
        assert await channel.find(out) is None
        assert await channel.find(out) is None
        with pytest.raises(Uncertain):
            await channel.find(OUT)
    async with serving(ME, timeline(post("noe annet", contract.now()), more="again")) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, LooksUp)
        with pytest.raises(Uncertain, match="look on the wall"):
            await channel.find(out)
    async with serving(ME, Reply(200, {"data": [{"odd": 1}]})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, LooksUp)
        with pytest.raises(Uncertain, match="shape"):
            await channel.find(out)


async def test_follow_up_refused_as_a_reply_stands_alone(open_at: contract.Open) -> None:
    async with serving(FORBIDDEN, MADE) as stub:
        assert await open_at(stub.url).send(replace(OUT, reply_to="1700", phase="correction")) == replace(
            POSTED, calls=2
        )
        assert "reply" not in stub.requests[1].json
        assert len(stub.requests) == 2


async def test_refused_answer_to_a_person_does_not_pause_the_account(open_at: contract.Open) -> None:
    async with serving(FORBIDDEN) as stub:
        with pytest.raises(Rejected) as caught:
            await open_at(stub.url).send(replace(OUT, reply_to="1700", phase="answer"))
        assert caught.value.code == "reply_refused"
        assert len(stub.requests) == 1


async def test_rights_that_are_really_missing_still_show(open_at: contract.Open) -> None:
    async with serving(FORBIDDEN) as stub:
        with pytest.raises(Misconfigured):
            await open_at(stub.url).send(replace(OUT, reply_to="1700", phase="update"))


@pytest.mark.parametrize("reply", [Reply(200, {"data": {"deleted": True}}), Reply(404, {"title": "Not Found Error"})])
async def test_delete(open_at: contract.Open, reply: Reply) -> None:
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, Deletes)
        await channel.delete("1795")
        assert (stub.requests[0].method, stub.requests[0].path) == ("DELETE", "/2/tweets/1795")


async def test_check(open_at: contract.Open) -> None:
    other = Reply(200, {"data": {"id": "7", "name": "x", "username": "noenandre"}})
    async with serving(ME, other, Reply(401, {})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, Checks)
        assert (await channel.check()).ok
        assert "noenandre" in (await channel.check()).say
        assert not (await channel.check()).ok


@pytest.mark.parametrize(
    "reply", [MADE, Reply(401, {}), Reply(500, "x"), Reply(manner="silent"), Reply(manner="reset")]
)
async def test_no_secret_shows(reply: Reply, open_at: contract.Open, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        await contract.no_secret_shows(SECRETS, caplog, lambda: channel.send(OUT))
        assert SECRETS[0] in stub.requests[0].headers["Authorization"]
    channel = open_at(closed_port())
    await contract.no_secret_shows(SECRETS, caplog, lambda: channel.send(OUT))


async def test_the_same_answer_to_somebody_else_is_not_this_one(open_at: contract.Open) -> None:
    at = contract.now()
    theirs = post(OUT.text, at, referenced_tweets=[{"type": "replied_to", "id": "77"}])
    out = replace(OUT, phase="answer", first_attempt_at=at)
    async with serving(ME, timeline(theirs), timeline(theirs)) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, LooksUp)
        assert await channel.find(replace(out, reply_to="78")) is None
        assert await channel.find(replace(out, reply_to="77")) == POSTED
