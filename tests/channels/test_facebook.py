"""Facebook: the contract, what it asks of the Graph API, finding, changing, taking away, listening."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crisis.channels.base import Accepted, BadSignature, Rejected, SendError, Uncertain, Unreachable
from crisis.channels.meta.facebook import FACTS, POST, Facebook, Options
from tests.channels import contract
from tests.channels.contract import OUT
from tests.channels.graph_scene import (
    DONE,
    EXPIRED,
    FULL,
    GONE,
    NO_RIGHT,
    REFUSED,
    SECRETS,
    attachment,
    handshake,
    hook,
    keeps_the_token_private,
    known_fields,
    known_parameters,
    rows,
    secrets,
)
from tests.channels.stub import Reply, Request, closed_port, serving

pytestmark = pytest.mark.asyncio

PAGE = "77"
URL = "https://www.facebook.com/77/posts/9"
MADE = Reply(200, {"id": "77_9"})
LINK = Reply(200, {"id": "77_9", "permalink_url": URL})
DUPLICATE = Reply(400, {"error": {"message": "(#506) Duplicate status message", "code": 506}})
POSTED = Accepted("77_9", URL)
ANSWER = replace(OUT, phase="answer", reply_to="9_4")


@pytest.fixture
def open_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    refs: dict[str, Any] = secrets(monkeypatch)

    def open_at(url: str) -> Facebook:
        options = Options(page_id=PAGE, base_url=f"{url}/v26.0", connect_seconds=0.5, read_seconds=0.4, **refs)
        return Facebook(contract.opening(options, tmp_path))

    return open_at


def post(text: str, at: Any, number: str = "77_9", **more: Any) -> dict[str, Any]:
    return {"id": number, "message": text, "created_time": at.isoformat(), "permalink_url": URL, **more}


def comment(text: str, at: Any, author: str, number: str = "9_5") -> dict[str, Any]:
    sender = {"id": author, "name": "Kari"}
    return {"id": number, "message": text, "created_time": at.isoformat(), "from": sender, "parent": {"id": "9_4"}}


@contract.table
async def test_keeps_the_contract(case: contract.Case, open_at: contract.Open) -> None:
    await contract.keeps(case, open_at, OUT)


async def test_posts_and_gives_the_address(open_at: Any) -> None:
    async with serving(MADE, LINK) as stub:
        assert await open_at(stub.url).send(OUT) == POSTED
    first, second = stub.requests
    assert (first.method, first.path) == ("POST", "/v26.0/77/feed")
    assert first.form["message"] == OUT.text
    assert set(first.form) <= known_parameters("Page", "POST", "feed")
    assert (second.path, second.query["fields"]) == ("/v26.0/77_9", "permalink_url")
    keeps_the_token_private(stub.requests, "/v26.0")


async def test_a_post_without_its_address_is_still_out(open_at: Any) -> None:
    async with serving(MADE, Reply(500, "oops")) as stub:
        assert await open_at(stub.url).send(OUT) == Accepted("77_9", None)


async def test_an_error_inside_a_success_is_no_success(open_at: Any) -> None:
    async with serving(Reply(200, REFUSED.body)) as stub:
        with pytest.raises(Rejected):
            await open_at(stub.url).send(OUT)


async def test_says_when_the_limit_is_used_up(open_at: Any) -> None:
    used = {"X-App-Usage": '{"call_count":100,"total_time":1}'}
    async with serving(MADE, Reply(200, LINK.body, used)) as stub:
        assert (await open_at(stub.url).send(OUT)).wait == 60


async def test_an_answer_is_a_comment_and_an_update_a_post(open_at: Any) -> None:
    async with serving(Reply(200, {"id": "9_8"})) as stub:
        channel = open_at(stub.url)
        await channel.send(ANSWER)
        await channel.send(replace(OUT, phase="update", reply_to="77_1"))
    writes = [request for request in stub.requests if request.method == "POST"]
    assert [request.path for request in writes] == ["/v26.0/9_4/comments", "/v26.0/77/feed"]
    assert set(writes[0].form) <= known_parameters("Comment", "POST", "comments")


async def test_pictures_go_up_unseen_with_their_words_and_then_out(open_at: Any, tmp_path: Path) -> None:
    pictures = (attachment(tmp_path, "a.jpg"), attachment(tmp_path, "b.jpg"))
    async with serving(Reply(200, {"id": "p1"}), Reply(200, {"id": "p2"}), MADE, LINK) as stub:
        assert await open_at(stub.url).send(replace(OUT, media=pictures)) == POSTED
    first, _, feed, _ = stub.requests
    assert first.path == "/v26.0/77/photos"
    for part in (b'name="published"', b"false", b'name="source"', b"Inngangen", b"\xff\xd8\xff\xe0"):
        assert part in first.body
    # The file itself stands beside the parameters, so the schema does not list it.
    assert {"published", "alt_text_custom"} <= known_parameters("Page", "POST", "photos")
    assert json.loads(feed.form["attached_media"]) == [{"media_fbid": "p1"}, {"media_fbid": "p2"}]


async def test_a_picture_that_may_or_may_not_be_up_is_no_doubt_about_the_post(open_at: Any, tmp_path: Path) -> None:
    async with serving(Reply(503, "oops")) as stub:
        with pytest.raises(Unreachable, match="nothing was posted"):
            await open_at(stub.url).send(replace(OUT, media=(attachment(tmp_path),)))


async def test_a_film_is_fetched_by_facebook(open_at: Any, tmp_path: Path) -> None:
    film = attachment(tmp_path, "a.mp4", "film")
    async with serving(Reply(200, {"id": "501"})) as stub:
        assert (await open_at(stub.url).send(replace(OUT, media=(film,)))).provider_id == "501"
    sent = stub.requests[0]
    assert (sent.path, sent.form["file_url"], sent.form["description"]) == ("/v26.0/77/videos", film.url, OUT.text)
    assert set(sent.form) - {"file_url"} <= known_parameters("Page", "POST", "videos")


@pytest.mark.parametrize(("first", "posted", "found"), [(-30, -29, True), (-30, -7200, False), (None, -10, False)])
async def test_duplicate_is_ours_only_when_it_is_new(
    open_at: Any, first: int | None, posted: int, *, found: bool
) -> None:
    at = None if first is None else contract.now() + timedelta(seconds=first)
    wall = rows(post(OUT.text, contract.now() + timedelta(seconds=posted)))
    async with serving() as stub:
        stub.answer = lambda request: DUPLICATE if request.method == "POST" else wall
        channel = open_at(stub.url)
        if found:
            assert await channel.send(replace(OUT, first_attempt_at=at)) == POSTED
        else:
            with pytest.raises(Rejected, match="Duplicate"):
                await channel.send(replace(OUT, first_attempt_at=at))


async def test_find_reads_every_page_until_it_is_too_old(open_at: Any) -> None:
    now = contract.now()
    out = replace(OUT, text="Ring 113.\n\nKom ikke hit.", first_attempt_at=now)
    other, old = post("noe annet", now, "77_1"), post(out.text, now - timedelta(hours=3), "77_0")
    seen = post("Ring 113.\nKom ikke hit. ", now)
    async with serving(rows(other, more="A"), rows(seen), rows(old, more="B")) as stub:
        channel = open_at(stub.url)
        assert await channel.find(out) == POSTED
        assert await channel.find(out) is None
    assert stub.requests[1].query["after"] == "A"
    assert len(stub.requests) == 3
    assert {*POST.split(",")} <= known_fields("PagePost")
    with pytest.raises(Uncertain):
        await open_at(stub.url).find(OUT)


async def test_find_of_an_answer_is_not_fooled_by_an_echo(open_at: Any) -> None:
    now = contract.now()
    out = replace(ANSWER, first_attempt_at=now)
    echo, own = comment(out.text, now, "4711", "9_6"), comment(out.text, now, PAGE, "9_7")
    async with serving(rows(echo), rows(own, echo)) as stub:
        channel = open_at(stub.url)
        assert await channel.find(out) is None
        found = await channel.find(out)
    assert found is not None
    assert found.provider_id == "9_7"
    assert stub.requests[0].path == "/v26.0/9_4/comments"
    assert set(stub.requests[0].query) <= known_parameters("Comment", "GET", "comments")


@pytest.mark.parametrize("reply", [Reply(503, "oops"), FULL, EXPIRED, rows({"odd": 1})])
async def test_find_says_when_it_could_not_look(open_at: Any, reply: Reply) -> None:
    async with serving(reply) as stub:
        with pytest.raises(SendError):
            await open_at(stub.url).find(replace(OUT, first_attempt_at=contract.now()))


async def test_edits_a_post_and_the_words_of_a_film(open_at: Any) -> None:
    async with serving(DONE) as stub:
        channel = open_at(stub.url)
        assert (await channel.edit("77_9", replace(OUT, text="Rettet."))).provider_id == "77_9"
        await channel.edit("501", replace(OUT, text="Rettet."))
    writes = [request for request in stub.requests if request.method == "POST"]
    assert writes[0].form["message"] == writes[1].form["description"] == "Rettet."
    assert set(writes[0].form) <= known_parameters("PagePost", "POST")
    assert set(writes[1].form) <= known_parameters("AdVideo", "POST")
    assert FACTS.edits is not None


@pytest.mark.parametrize("reply", [DONE, GONE, Reply(404, {})])
async def test_delete(open_at: Any, reply: Reply) -> None:
    async with serving(reply) as stub:
        await open_at(stub.url).delete("77_9")
        assert (stub.requests[0].method, stub.requests[0].path) == ("DELETE", "/v26.0/77_9")


async def test_a_delete_that_is_refused_is_no_success(open_at: Any) -> None:
    async with serving(REFUSED) as stub:
        with pytest.raises(Rejected):
            await open_at(stub.url).delete("77_9")


async def test_hides_a_comment(open_at: Any) -> None:
    async with serving(DONE) as stub:
        await open_at(stub.url).hide("9_5")
    assert stub.requests[0].form["is_hidden"] == "true"
    assert set(stub.requests[0].form) <= known_parameters("Comment", "POST")


async def test_shows_what_stands_on_the_page(open_at: Any) -> None:
    now = contract.now()
    async with serving(rows(post("Ring 113", now), post("gammelt", now - timedelta(days=2), "77_1"))) as stub:
        shown = await open_at(stub.url).shown(now - timedelta(hours=1))
    assert [(one.provider_id, one.text, one.url) for one in shown] == [("77_9", "Ring 113", URL)]


async def test_check_reads_rights_and_end_of_the_token(open_at: Any) -> None:
    page = Reply(200, {"id": PAGE, "name": "Oslo sykehus", "is_published": True})
    rights = ["pages_manage_posts", "pages_read_engagement"]

    def told(**data: Any) -> Reply:
        return Reply(200, {"data": data})

    async with serving() as stub:
        answers = iter(
            [
                told(is_valid=True, scopes=rights, expires_at=1_800_000_000, data_access_expires_at=0),
                told(is_valid=True, scopes=rights[:1], expires_at=0),
                told(is_valid=False),
                REFUSED,
            ]
        )
        stub.answer = lambda request: next(answers) if request.path.endswith("debug_token") else page
        channel = open_at(stub.url)
        good, lacking, dead, silent = [await channel.check() for _ in range(4)]
    assert good.ok
    assert good.expires_at is not None
    assert good.expires_at.timestamp() == 1_800_000_000
    assert "comments" in good.details["pages_manage_engagement"]
    assert (lacking.ok, dead.ok, silent.ok) == (False, False, True)
    assert "pages_read_engagement" in lacking.say
    asked = next(request for request in stub.requests if request.path.endswith("debug_token"))
    assert (asked.method, asked.form["input_token"]) == ("POST", SECRETS[0])
    keeps_the_token_private(stub.requests)


@pytest.mark.parametrize("reply", [EXPIRED, NO_RIGHT, Reply(200, {"id": PAGE, "is_published": False})])
async def test_check_says_what_is_wrong(open_at: Any, reply: Reply) -> None:
    async with serving(reply) as stub:
        health = await open_at(stub.url).check()
    assert not health.ok
    assert health.say


async def test_poll_brings_what_others_said_since(open_at: Any) -> None:
    now = contract.now()
    wall = [
        post("oss", now - timedelta(hours=1), updated_time=now.isoformat()),
        post("stille", now - timedelta(hours=2), "77_2"),
    ]
    said = [comment("Er det trygt?", now, "4711"), comment("Ja.", now, PAGE, "9_6")]
    old = comment("i fjor", now - timedelta(days=2), "4711", "9_1")
    tagged = post("Hei @Oslo sykehus", now, "88_1") | {"from": {"id": "88", "name": "Ola"}}

    def reply(request: Request) -> Reply:
        match request.path.rsplit("/", 1)[1]:
            case "published_posts":
                return rows(*wall)
            case "comments":
                assert request.path == "/v26.0/77_9/comments", "a post that has not stirred is not asked about"
                return rows(*said, old)
            case "tagged":
                return rows(tagged)
        raise AssertionError(request.path)

    async with serving() as stub:
        stub.answer = reply
        channel = open_at(stub.url)
        first = await channel.poll(None)
        assert first.inbounds == ()
        polled = await channel.poll(first.cursor)
    assert [(one.provider_id, one.kind, one.author_name) for one in polled.inbounds] == [
        ("9_5", "comment", "Kari"),
        ("88_1", "mention", "Ola"),
    ]
    assert (polled.inbounds[0].in_reply_to, polled.inbounds[0].root) == ("9_4", "77_9")
    assert json.loads(str(polled.cursor))["since"] > json.loads(str(first.cursor))["since"]


async def test_poll_leaves_the_last_calls_to_posting(open_at: Any) -> None:
    crowded = {"X-App-Usage": '{"call_count":85}'}
    async with serving(Reply(200, {"id": "77_9"}, crowded)) as stub:
        channel = open_at(stub.url)
        cursor = (await channel.poll(None)).cursor
        await channel.send(OUT)
        before = len(stub.requests)
        assert (await channel.poll(cursor)).cursor == cursor
        assert len(stub.requests) == before


def feed(**value: Any) -> dict[str, Any]:
    given = {
        "item": "comment",
        "verb": "add",
        "comment_id": "9_5",
        "post_id": "77_9",
        "parent_id": "77_9",
        "message": "Hjelp!",
    }
    given |= {"from": {"id": "4711", "name": "Kari"}, "created_time": 1_763_000_000, **value}
    return {
        "object": "page",
        "entry": [{"id": PAGE, "time": 1_763_000_001, "changes": [{"field": "feed", "value": given}]}],
    }


async def test_webhooks_say_what_was_said(open_at: Any) -> None:
    channel = open_at("http://127.0.0.1:1")

    def read(body: Any) -> list[Any]:
        return list(channel.read_hook(hook(body)).inbounds)

    [one] = read(feed())
    assert (one.provider_id, one.text, one.author, one.author_name) == ("9_5", "Hjelp!", "4711", "Kari")
    assert (one.root, one.in_reply_to, one.at.timestamp()) == ("77_9", "77_9", 1_763_000_000)
    assert [(e.edited, e.deleted) for v in ("edited", "remove") for e in read(feed(verb=v))] == [
        (True, False),
        (False, True),
    ]
    assert read(feed(item="status", comment_id=None))[0].kind == "mention"
    for silent in (
        feed(**{"from": {"id": PAGE}}),
        feed(verb="hide"),
        feed(item="reaction"),
        feed(item="comment", comment_id=None),
        {"object": "page", "entry": [{"id": "78", "changes": feed()["entry"][0]["changes"]}]},
        {"object": "user", "entry": feed()["entry"]},
    ):
        assert read(silent) == []
    assert len(read(feed(created_time="odd"))) == 1
    with pytest.raises(BadSignature):
        channel.read_hook(hook(feed(), secret="another"))
    assert channel.read_hook(handshake()).answer == "1158201444"


@pytest.mark.parametrize("reply", [MADE, EXPIRED, Reply(500, "x"), Reply(manner="silent"), Reply(manner="reset")])
async def test_no_secret_shows(reply: Reply, open_at: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        await contract.no_secret_shows(SECRETS, caplog, lambda: channel.send(OUT))
        keeps_the_token_private(stub.requests)
    channel = open_at(closed_port())
    await contract.no_secret_shows(SECRETS, caplog, lambda: channel.send(OUT))
