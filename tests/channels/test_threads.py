"""Threads: two steps and never twice, threads that break and go on, quota, replies, webhooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crisis.channels.base import Accepted, BadSignature, Budget, Busy, Misconfigured, Rejected, Uncertain, Unreachable
from crisis.channels.meta import containers
from crisis.channels.meta.threads import FACTS, POST, REPLY, Options, Threads
from crisis.channels.text.counting import threads_size
from tests.channels import contract
from tests.channels.graph_scene import (
    DONE,
    EVERYWHERE,
    EXPIRED,
    GONE,
    NO_RIGHT,
    REFUSED,
    SECRETS,
    attachment,
    handshake,
    hook,
    keeps_the_token_private,
    rows,
    secrets,
)
from tests.channels.specs import spec
from tests.channels.stub import Reply, closed_port, serving
from tests.channels.test_instagram import network

ME = "631"
URL = "https://www.threads.net/@oslo.sykehus/post/abc"
BOX, MADE = Reply(200, {"id": "c1"}), Reply(200, {"id": "900"})
LINK = Reply(200, {"id": "900", "permalink": URL})
POSTED = Accepted("900", URL)
OUT = replace(contract.OUT, first_attempt_at=contract.now())
FULL_DAY = Reply(
    200,
    {
        "data": [
            {
                f"{part}{name}": value
                for part in ("", "reply_")
                for name, value in (("quota_usage", 250), ("config", {"quota_total": 250}))
            }
        ]
    },
)


def status(word: str) -> Reply:
    return Reply(200, {"id": "c1", "status": word})


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "WAITS", (0.0, 0.0))


@pytest.fixture
def notes() -> contract.MemoryNotes:
    return contract.MemoryNotes()


@pytest.fixture
def open_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: contract.MemoryNotes) -> Any:
    refs: dict[str, Any] = secrets(monkeypatch)

    def open_at(url: str) -> Threads:
        options = Options(
            user_id=ME, handle="oslo.sykehus", base_url=f"{url}/v1.0", connect_seconds=0.5, read_seconds=0.4, **refs
        )
        return Threads(contract.opening(options, tmp_path, notes=notes))

    return open_at


def allowed(method: str, path: str) -> set[str]:
    """Every parameter that the published collection of calls shows for this address."""
    found: set[str] = set()

    def walk(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for item in items:
            yield from walk(item["item"]) if "item" in item else [item["request"]]

    for request in walk(spec("meta/threads.postman_collection.json")["item"]):
        address = request["url"]["raw"].split("?")[0].replace("{{api_host}}/", "").rstrip("/")
        if request["method"] == method and address == path:
            found |= {one["key"] for one in request["url"].get("query", ())}
    assert found, f"{method} {path} is not in the collection"
    return found | EVERYWHERE


def fields_of(variable: str) -> str:
    return str(
        next(one["value"] for one in spec("meta/threads.postman_collection.json")["variable"] if one["key"] == variable)
    )


@contract.table
@pytest.mark.asyncio
async def test_keeps_the_contract_when_it_publishes(case: contract.Case, open_at: Any) -> None:
    await contract.keeps(case, open_at, OUT, before=[BOX])


@pytest.mark.asyncio
async def test_making_a_container_is_never_in_doubt(open_at: Any) -> None:
    for lost in (Reply(503, "oops"), Reply(manner="silent"), Reply(200, {"odd": 1})):
        async with serving(lost) as stub:
            with pytest.raises(Unreachable, match="nothing was published"):
                await open_at(stub.url).send(OUT)


@pytest.mark.asyncio
async def test_publishes_text_in_two_steps(open_at: Any, notes: contract.MemoryNotes) -> None:
    async with serving(BOX, MADE, LINK) as stub:
        assert await open_at(stub.url).send(OUT) == POSTED
    make, publish, _ = stub.requests
    assert (make.path, make.form) == ("/v1.0/631/threads", {"media_type": "TEXT", "text": OUT.text})
    assert (publish.path, publish.form) == ("/v1.0/631/threads_publish", {"creation_id": "c1"})
    assert notes.read(f"container:{OUT.delivery_id}") == "c1"
    keeps_the_token_private(stub.requests, "/v1.0")


@pytest.mark.asyncio
async def test_asks_what_the_collection_shows(open_at: Any, tmp_path: Path) -> None:
    picture, film = attachment(tmp_path), attachment(tmp_path, "f.mp4", "film")
    async with serving() as stub:
        stub.answer = network(
            write_threads=BOX,
            read_c1=status("FINISHED"),
            write_threads_publish=MADE,
            read_900=LINK,
            write_manage_reply=DONE,
        )
        channel = open_at(stub.url)
        for number, media in enumerate([(picture,), (film,), (picture, film)]):
            await channel.send(replace(OUT, delivery_id=f"d{number}", media=media, reply_to="800"))
        await channel.hide("55")
    made = [one.form for one in stub.requests if one.path.endswith("/threads")]
    assert [one["media_type"] for one in made] == ["IMAGE", "VIDEO", "IMAGE", "VIDEO", "CAROUSEL"]
    assert [one.get("reply_to_id") for one in made] == ["800", "800", None, None, "800"]
    assert all(set(one) <= allowed("POST", "me/threads") for one in made)
    assert set(stub.requests[-1].form) <= allowed("POST", "{{reply_thread_id}}/manage_reply")
    assert set(POST.split(",")) <= set(fields_of("fields_threads").split(","))
    assert set(REPLY.split(",")) <= set(fields_of("fields_replies").split(","))


@pytest.mark.asyncio
@pytest.mark.parametrize("lost", [Reply(manner="silent"), Reply(503, "oops"), Reply(manner="reset"), Reply(200, "")])
async def test_a_repeat_after_a_lost_answer_never_publishes_twice(open_at: Any, lost: Reply) -> None:
    mine = rows({"id": "900", "text": OUT.text, "timestamp": contract.now().isoformat(), "permalink": URL})
    async with serving() as stub:
        stub.answer = network(
            write_threads=BOX,
            read_c1=status("PUBLISHED"),
            write_threads_publish=lost,
            read_threads=mine,
            read_replies=rows(),
        )
        with pytest.raises(Uncertain):
            await open_at(stub.url).send(OUT)
        assert await open_at(stub.url).find(OUT) == POSTED
        assert await open_at(stub.url).send(OUT) == POSTED
    assert len([one for one in stub.requests if one.path.endswith("threads_publish")]) == 1


@pytest.mark.asyncio
async def test_finds_without_a_container_and_says_when_it_is_not_there(open_at: Any) -> None:
    now = contract.now()
    reply = {"id": "901", "text": OUT.text, "timestamp": now.isoformat(), "permalink": URL}
    old = reply | {"id": "1", "timestamp": (now - timedelta(hours=3)).isoformat()}
    async with serving() as stub:
        stub.answer = network(read_threads=rows(old), read_replies=[rows(reply), rows()])
        assert await open_at(stub.url).find(OUT) == Accepted("901", URL)
        assert await open_at(stub.url).find(OUT) is None
    with pytest.raises(Uncertain):
        await open_at("http://127.0.0.1:1").find(contract.OUT)


@pytest.mark.asyncio
async def test_a_follow_up_whose_first_post_is_gone_stands_alone_and_an_answer_does_not(open_at: Any) -> None:
    async with serving() as stub:
        stub.answer = network(
            write_threads=[GONE, BOX], write_threads_publish=MADE, read_900=LINK,
            read_threads_publishing_limit=Reply(500, "oops"),
        )  # fmt: skip
        assert await open_at(stub.url).send(replace(OUT, phase="correction", reply_to="800")) == POSTED
        made = [one.form.get("reply_to_id") for one in stub.requests if one.path.endswith("/threads")]
        assert made == ["800", None]
        stub.answer = network(write_threads=GONE, read_threads_publishing_limit=Reply(500, "oops"))
        with pytest.raises(Rejected) as caught:
            await open_at(stub.url).send(replace(OUT, delivery_id="d2", phase="answer", reply_to="800"))
    assert caught.value.code == "reply_refused"


@pytest.mark.asyncio
async def test_a_refusal_for_the_quota_is_about_the_day_and_not_the_text(open_at: Any) -> None:
    async with serving() as stub:
        stub.answer = network(write_threads=REFUSED, read_threads_publishing_limit=FULL_DAY)
        for reply_to in (None, "800"):
            with pytest.raises(Busy, match="250 of 250"):
                await open_at(stub.url).send(replace(OUT, reply_to=reply_to))
    assert [one.query["fields"] for one in stub.requests if one.method == "GET"] == [
        "quota_usage,config",
        "reply_quota_usage,reply_config",
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("reply", [Reply(200, {"success": True, "deleted_id": "900"}), GONE])
async def test_delete(open_at: Any, reply: Reply) -> None:
    async with serving(reply) as stub:
        await open_at(stub.url).delete("900")
        assert (stub.requests[0].method, stub.requests[0].path) == ("DELETE", "/v1.0/900")
    assert FACTS.deletes_per == (100, timedelta(hours=24))


@pytest.mark.asyncio
async def test_a_delete_without_the_right_is_no_success(open_at: Any) -> None:
    async with serving(NO_RIGHT) as stub:
        with pytest.raises(Misconfigured):
            await open_at(stub.url).delete("900")


@pytest.mark.asyncio
async def test_shows_posts_and_our_replies_newest_first(open_at: Any) -> None:
    now = contract.now()
    first = {"id": "900", "text": "en", "timestamp": (now - timedelta(minutes=5)).isoformat(), "permalink": URL}
    second = {"id": "901", "text": "to", "timestamp": now.isoformat()}
    async with serving() as stub:
        stub.answer = network(read_threads=rows(first), read_replies=rows(second))
        shown = await open_at(stub.url).shown(now - timedelta(hours=1))
    assert [(one.provider_id, one.text) for one in shown] == [("901", "to"), ("900", "en")]


@pytest.mark.asyncio
@pytest.mark.parametrize(("handle", "ok"), [("Oslo.Sykehus", True), ("noenandre", False)])
async def test_check_renews_reads_the_quota(open_at: Any, handle: str, *, ok: bool) -> None:
    async with serving() as stub:
        stub.answer = network(
            read_refresh_access_token=Reply(200, {"access_token": "newer", "expires_in": 5_184_000}),
            read_631=Reply(200, {"username": handle}), read_threads_publishing_limit=FULL_DAY,
        )  # fmt: skip
        health = await open_at(stub.url).check()
    assert health.ok is ok
    if ok:
        assert health.budget == Budget(250, 250, "posts")
        assert health.expires_at is None, "it renews itself"


@pytest.mark.asyncio
async def test_check_says_what_is_wrong(open_at: Any) -> None:
    async with serving(EXPIRED) as stub:
        assert "sign in again" in (await open_at(stub.url).check()).say


@pytest.mark.asyncio
async def test_poll_brings_replies_and_mentions_since(open_at: Any) -> None:
    now = contract.now()
    posts = [{"id": "900", "text": "a", "timestamp": now.isoformat(), "has_replies": True}]
    posts += [{"id": "901", "text": "b", "timestamp": now.isoformat(), "has_replies": False}]
    said = {"id": "71", "text": "Er det trygt?", "timestamp": now.isoformat(), "username": "kari"}
    said |= {"replied_to": {"id": "900"}, "root_post": {"id": "900"}}
    own = said | {"id": "72", "username": "oslo.sykehus"}
    old = said | {"id": "70", "timestamp": "2020-01-01T00:00:00+0000"}
    named = {"id": "500", "text": "@oslo.sykehus hei", "timestamp": now.isoformat(), "username": "ola"}
    async with serving() as stub:
        stub.answer = network(
            read_refresh_access_token=REFUSED, read_threads=rows(*posts), read_conversation=rows(said, own, old),
            read_mentions=[rows(named), NO_RIGHT],
        )  # fmt: skip
        channel = open_at(stub.url)
        first = await channel.poll(None)
        polled = await channel.poll(first.cursor)
        without = await channel.poll(first.cursor)
    assert first.inbounds == ()
    assert [(one.provider_id, one.kind, one.root) for one in polled.inbounds] == [
        ("71", "reply", "900"),
        ("500", "mention", None),
    ]
    assert [one.provider_id for one in without.inbounds] == ["71"]
    asked = [one for one in stub.requests if one.path.endswith("conversation")]
    assert {one.path for one in asked} == {"/v1.0/900/conversation"}
    assert set(asked[0].query) <= allowed("GET", "{{thread_id}}/conversation")
    assert "since" in json.loads(str(polled.cursor))


def test_webhooks_say_what_was_said(open_at: Any) -> None:
    channel = open_at("http://127.0.0.1:1")
    value = {"id": "71", "username": "kari", "text": "Hjelp!", "timestamp": "2026-11-22T03:12:00+0000"}
    value |= {"replied_to": {"id": "900"}, "root_post": {"id": "900", "owner_id": ME}, "permalink": URL}

    def read(field: str = "replies", whose: str = ME, **more: Any) -> list[Any]:
        body = {
            "topic": "moderate",
            "target_id": whose,
            "time": 1_763_000_000,
            "values": {"field": field, "value": {**value, **more}},
        }
        return list(channel.read_hook(hook(body)).inbounds)

    [one] = read()
    assert (one.provider_id, one.author, one.kind, one.root, one.url) == ("71", "kari", "reply", "900", URL)
    assert read("mentions")[0].kind == "mention"
    assert read("publish") == read(username="oslo.sykehus") == read(id=None) == []
    assert read(whose="9", root_post={"id": "1", "owner_id": "9"}) == []
    assert read(timestamp="odd", replied_to=7)[0].text == "Hjelp!"
    with pytest.raises(BadSignature):
        channel.read_hook(hook({}, secret="another"))
    assert channel.read_hook(handshake()).answer == "1158201444"


@pytest.mark.parametrize(
    ("text", "used"),
    [("", 0), ("Ring 113", 8), ("Øl", 2), ("🚨", 4), ("🇳🇴 nå", 8 + 3), ("👩🏽‍🚒", 15), ("a" * 501, 501)],
)
def test_an_emoji_costs_its_bytes(text: str, used: int) -> None:
    size = threads_size(text)
    assert (size.used, size.limit, size.over) == (used, 500, max(0, used - 500))


@pytest.mark.asyncio
@pytest.mark.parametrize("reply", [EXPIRED, Reply(500, "x"), Reply(manner="silent"), Reply(manner="reset")])
async def test_no_secret_shows(reply: Reply, open_at: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        await contract.no_secret_shows(SECRETS, caplog, lambda: channel.send(OUT))
        keeps_the_token_private(stub.requests)
    channel = open_at(closed_port())
    await contract.no_secret_shows(SECRETS, caplog, lambda: channel.send(OUT))
