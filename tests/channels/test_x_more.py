"""X beyond a text: pictures and film, hiding, what is shown, listening, and reads that are counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from crisis.channels.base import Attachment, Hides, Polls, Rejected, Shows, Unreachable
from crisis.channels.x.adapter import Options, X
from crisis.channels.x.listening import LONGEST_QUERY, cursors, query
from crisis.settings import SecretRef
from crisis.simulator.server import Simulator
from crisis.simulator.x.wall import Wall
from tests.channels import contract
from tests.channels.contract import OUT
from tests.channels.specs import spec
from tests.channels.stub import Reply, Request, serving

pytestmark = pytest.mark.asyncio

NAMES = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
KEYS = dict(
    zip(
        NAMES,
        ("ous-consumer-key", "ous-consumer-secret", "1001-ous-access-token", "ous-access-token-secret"),
        strict=True,
    )
)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, secret in KEYS.items():
        monkeypatch.setenv(f"X_{name.upper()}", secret)


def channel(url: str, tmp_path: Path, **changed: Any) -> X:
    refs: dict[str, Any] = {name: SecretRef(env=f"X_{name.upper()}") for name in NAMES}
    options = Options(handle="OUS_demo", base_url=url, connect_seconds=2, read_seconds=5, **refs, **changed)
    return X(contract.opening(options, tmp_path))


@pytest.fixture
def town() -> Iterator[Simulator]:
    with Simulator.start() as simulator:
        yield simulator


def picture(tmp_path: Path, name: str = "a.jpg", alt: str = "Kart over inngangen", **more: Any) -> Attachment:
    path = tmp_path / name
    path.write_bytes(b"\xff\xd8" + b"x" * 2000)
    given = {"kind": "picture", "content_type": "image/jpeg", "width": 800, "height": 600, "url": "https://e.x/1"}
    return Attachment(path=path, size=2002, alt=alt, **{**given, **more})  # type: ignore[arg-type]


def film(tmp_path: Path, size: int = 9_000_000) -> Attachment:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"y" * size)
    return replace(picture(tmp_path), kind="film", path=path, size=size, content_type="video/mp4", seconds=20)


async def test_pictures_go_up_with_their_alt_text(town: Simulator, tmp_path: Path) -> None:
    x = channel(town.url, tmp_path)
    out = replace(
        OUT, media=(picture(tmp_path), picture(tmp_path, "b.jpg", "Blå buss")), first_attempt_at=contract.now()
    )
    posted = await x.send(out)
    (post,) = town.state("posts")["posts"]
    assert [one["alt"] for one in post["pictures"]] == ["Kart over inngangen", "Blå buss"]
    assert await x.find(out) == posted, "the link X adds for the picture is not part of the words"
    assert [one.text for one in await x.shown(contract.now() - timedelta(minutes=1))] == [OUT.text]
    await x.close()


async def test_a_film_goes_up_in_parts(town: Simulator, tmp_path: Path) -> None:
    x = channel(town.url, tmp_path)
    await x.send(replace(OUT, media=(film(tmp_path),)))
    (post,) = town.state("posts")["posts"]
    assert post["pictures"] == [{"film": True, "alt": "", "size": 9_000_000}]
    assert not town.state("refused")["refused"]
    await x.close()


async def test_an_upload_that_breaks_off_said_nothing_and_is_not_repeated_whole(tmp_path: Path) -> None:
    made = {"data": {"id": "71", "media_key": "3_71"}}
    up: list[str] = []

    def answer(request: Request) -> Reply:
        up.append(request.path)
        if request.path == "/2/tweets":
            return Reply(201, {"data": {"id": "9", "text": "x"}})
        if request.path == "/2/media/upload" and up.count("/2/media/upload") == 2:
            return Reply(503, {})
        return Reply(200, made)

    async with serving() as stub:
        stub.answer = answer
        x = channel(stub.url, tmp_path)
        out = replace(OUT, media=(picture(tmp_path, alt=""), picture(tmp_path, "b.jpg", alt="")))
        with pytest.raises(Unreachable, match="upload"):
            await x.send(out)
        assert (await x.send(out)).provider_id == "9"
        assert up == ["/2/media/upload"] * 3 + ["/2/tweets"], "the first picture went up once"
        assert stub.requests[-1].json["media"] == {"media_ids": ["71", "71"]}
        await x.close()


async def test_what_x_cannot_show_together_never_leaves(tmp_path: Path) -> None:
    async with serving(Reply(500, {})) as stub:
        x = channel(stub.url, tmp_path)
        for media in ((film(tmp_path, 10), picture(tmp_path)), tuple(picture(tmp_path) for _ in range(5))):
            with pytest.raises(Rejected):
                await x.send(replace(OUT, media=media))
        assert not stub.requests
        await x.close()


async def test_media_calls_are_those_of_the_specification(tmp_path: Path) -> None:
    api = spec("x/openapi.json")

    def answer(request: Request) -> Reply:
        if request.path == "/2/tweets":
            return Reply(201, {"data": {"id": "9", "text": "x"}})
        return Reply(200, {"data": {"id": "71", "media_key": "3_71", "hidden": True}})

    async with serving() as stub:
        stub.answer = answer
        x = channel(stub.url, tmp_path)
        await x.send(replace(OUT, media=(picture(tmp_path),)))
        await x.send(replace(OUT, delivery_id="another", media=(film(tmp_path, 5_000_000),)))
        await x.hide("55")
        await x.close()
    paths = [request.path.replace("71", "{id}").replace("55", "{tweet_id}") for request in stub.requests]
    assert paths == [
        "/2/media/upload",
        "/2/media/metadata",
        "/2/tweets",
        "/2/media/upload/initialize",
        "/2/media/upload/{id}/append",
        "/2/media/upload/{id}/append",
        "/2/media/upload/{id}/finalize",
        "/2/media/upload",
        "/2/tweets",
        "/2/tweets/{tweet_id}/hidden",
    ]
    for request, path in zip(stub.requests, paths, strict=True):
        operation = api["paths"][path][request.method.lower()]
        kind = request.headers.get("Content-Type", "").partition(";")[0]
        contents = operation.get("requestBody", {}).get("content", {})
        if kind == "application/json":
            schema = contents[kind]["schema"]
            jsonschema.validate(request.json, {**schema, "components": api["components"]})
        elif kind:
            assert kind in contents
        assert set(request.query) <= {one["name"] for one in operation.get("parameters", ()) if "name" in one}


async def test_it_hides_an_answer_and_nothing_else(town: Simulator, tmp_path: Path) -> None:
    x = channel(town.url, tmp_path)
    assert isinstance(x, Hides)
    posted = await x.send(OUT)
    wall: Wall = town.internet.wall
    rude = wall.add(wall.passer_by("rude"), "noe stygt", posted.provider_id)
    await x.hide(rude.id)
    await x.hide(rude.id)
    assert rude.hidden
    await x.close()


async def test_it_hears_mentions_hashtags_and_answers_deep_in_our_threads(town: Simulator, tmp_path: Path) -> None:
    x = channel(town.url, tmp_path, hashtags=("OsloS",))
    assert isinstance(x, Polls)
    assert isinstance(x, Shows)
    wall: Wall = town.internet.wall
    wall.add(wall.passer_by("early"), "@OUS_demo before we listened")
    posted = await x.send(OUT)
    first = await x.poll(None)
    assert not first.inbounds
    anna, ola = wall.passer_by("anna"), wall.passer_by("ola")
    named = wall.add(anna, "@OUS_demo er moren min der?")
    tagged = wall.add(ola, "Røyk ved #OsloS")
    answer = wall.add(anna, "takk", posted.provider_id)
    deep = wall.add(ola, "jeg er også der", answer.id)
    wall.add(ola, "noe helt annet")
    found = await x.poll(first.cursor)
    assert [(one.provider_id, one.kind, one.author) for one in found.inbounds] == [
        (named.id, "mention", "anna"),
        (tagged.id, "hashtag", "ola"),
        (answer.id, "reply", "anna"),
        (deep.id, "reply", "ola"),
    ]
    assert {one.root for one in found.inbounds if one.kind == "reply"} == {posted.provider_id}
    again = await x.poll(found.cursor)
    assert not again.inbounds
    health = await x.check()
    assert health.budget
    assert health.budget.used >= 5
    await x.close()


async def test_a_used_up_budget_reads_nothing_and_loses_nothing(town: Simulator, tmp_path: Path) -> None:
    x = channel(town.url, tmp_path, reads_per_day=100)
    first = await x.poll(None)
    wall: Wall = town.internet.wall
    for number in range(96):
        wall.add(wall.passer_by("anna"), f"@OUS_demo nummer {number}")
    found = await x.poll(first.cursor)
    assert len(found.inbounds) == 96
    late = wall.add(wall.passer_by("anna"), "@OUS_demo hjelp")
    stuck = await x.poll(found.cursor)
    assert (stuck.inbounds, cursors(stuck.cursor)) == ([], cursors(found.cursor))
    x._notes.forget("reads")  # the next day
    assert [one.provider_id for one in (await x.poll(stuck.cursor)).inbounds] == [late.id]
    await x.close()


async def test_a_search_cursor_older_than_a_week_does_not_stop_the_mentions(town: Simulator, tmp_path: Path) -> None:
    x = channel(town.url, tmp_path, hashtags=("OsloS",))
    wall: Wall = town.internet.wall
    named = wall.add(wall.passer_by("anna"), "@OUS_demo hei")
    found = await x.poll(json.dumps({"mentions": "1", "search": "1"}))
    assert [one.provider_id for one in found.inbounds] == [named.id]
    assert "search" not in cursors(found.cursor)
    await x.close()


async def test_cursors_of_before_are_understood() -> None:
    assert cursors(None) == {}
    assert cursors("1795") == {"mentions": "1795"}
    assert cursors('{"mentions": "7", "search": "8"}') == {"mentions": "7", "search": "8"}


async def test_the_search_never_grows_too_long() -> None:
    many = [str(10**18 + number) for number in range(40)]
    asked = query("OUS_demo", ["OsloS", "ØvelseNord"], many)
    assert len(asked) <= LONGEST_QUERY
    assert "#OsloS" in asked
    assert many[0] in asked
    assert query("OUS_demo", [], []) == ""


async def test_a_post_is_changed_in_place_and_known_by_its_first_version(town: Simulator, tmp_path: Path) -> None:
    x = channel(town.url, tmp_path)
    out = replace(OUT, first_attempt_at=contract.now())
    first = await x.send(out)
    second = replace(out, text="Rettelse: ring 116 117. https://helsenorge.no", phase="correction")
    changed = await x.edit(first.provider_id, second)
    assert changed.provider_id == first.provider_id
    assert changed.url != first.url, "X gives each version an address of its own"
    again = await x.edit(first.provider_id, second)
    assert (again.provider_id, again.url) == (changed.provider_id, changed.url), "said already, so nothing is sent"
    third = await x.edit(first.provider_id, replace(out, text="Rettelse 2: ring 113."))
    assert third.provider_id == first.provider_id
    since = contract.now() - timedelta(minutes=1)
    assert [(one.provider_id, one.text) for one in await x.shown(since)] == [
        (first.provider_id, "Rettelse 2: ring 113.")
    ]
    assert town.state("requests")["requests"]["x post"] == 3
    reply = await x.send(replace(OUT, text="Mer kommer.", reply_to=first.provider_id, phase="update"))
    assert town.state("posts")["posts"][1]["reply_to"] == first.provider_id
    await x.delete(first.provider_id)
    assert [one.provider_id for one in await x.shown(since)] == [reply.provider_id]
    assert not town.state("refused")["refused"]
    await x.close()


@pytest.mark.parametrize(
    ("post", "code"),
    [
        ({"edit_controls": {"is_edit_eligible": False, "edits_remaining": 5}}, "edit_over"),
        ({"edit_controls": {"is_edit_eligible": True, "edits_remaining": 0}}, "edit_over"),
        ({"edit_controls": {"editable_until": "2020-01-01T00:00:00.000Z"}}, "edit_over"),
        ({}, "edit_refused"),
    ],
)
async def test_where_x_says_no_to_a_change_only_this_post_is_meant(tmp_path: Path, post: Any, code: str) -> None:
    """`Misconfigured` would pause the account, which still speaks."""

    def answer(request: Request) -> Reply:
        if request.method == "GET":
            return Reply(200, {"data": {"id": "7", "text": "Feil", "edit_history_tweet_ids": ["7"], **post}})
        return Reply(403, {"detail": "You are not permitted to perform this action.", "status": 403})

    async with serving(Reply(200)) as stub:
        stub.answer = answer
        x = channel(stub.url, tmp_path)
        with pytest.raises(Rejected) as refused:
            await x.edit("7", replace(OUT, text="Riktig"))
        assert refused.value.code == code
        assert [one.json for one in stub.requests if one.method == "POST"] == (
            [{"text": "Riktig", "edit_options": {"previous_post_id": "7"}}] if code == "edit_refused" else []
        )
        await x.close()


async def test_a_change_and_the_question_before_it_are_in_the_specification(tmp_path: Path) -> None:
    api = spec("x/openapi.json")
    body = api["paths"]["/2/tweets"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    fields = api["components"]["parameters"]["PostFieldsParameter"]["schema"]["items"]["enum"]

    def answer(request: Request) -> Reply:
        return Reply(200 if request.method == "GET" else 201, {"data": {"id": "7", "text": "Feil"}})

    async with serving() as stub:
        stub.answer = answer
        x = channel(stub.url, tmp_path)
        await x.edit("7", replace(OUT, text="Riktig"))
        await x.close()
    question, change = stub.requests
    assert question.path == "/2/tweets/7"
    assert set(question.query["tweet.fields"].split(",")) <= set(fields)
    jsonschema.validate(change.json, {**body, "components": api["components"]})
    assert set(api["components"]["schemas"]["PostEditControls"]["properties"]) >= {"is_edit_eligible", "editable_until"}
