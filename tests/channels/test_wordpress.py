"""WordPress: the contract, articles found by their own address, safe HTML, pictures, and comments."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.base import (
    Accepted,
    Attachment,
    Busy,
    Checks,
    Deletes,
    Edits,
    Hides,
    LooksUp,
    Misconfigured,
    Polls,
    Rejected,
    SendError,
    Shows,
    Uncertain,
    Unreachable,
)
from crisis.channels.errors import answer, failure
from crisis.channels.text.unmarked import comparable, plain_text
from crisis.channels.wordpress.adapter import FACTS, Options, WordPress
from crisis.channels.wordpress.words import article, refusal, slug
from crisis.settings import SecretRef
from crisis.simulator.server import Simulator
from crisis.simulator.wordpress import WordPress as Stand
from tests.channels import contract
from tests.channels.contract import OUT
from tests.channels.specs import FOLDER, samples
from tests.channels.stub import Reply, closed_port, serving

PASSWORD = "abcd efgh ijkl mnop qrst uvwx"
MADE = Reply(201, {"id": 17, "link": "https://www.example.org/mange-skadde/", "slug": slug(OUT), "status": "publish"})
POSTED = Accepted("17", "https://www.example.org/mange-skadde/")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def made_at(url: str, tmp_path: Path, username: str = "crisis", seconds: float = 0.4) -> WordPress:
    options = Options(
        username=username,
        base_url=url,
        application_password=SecretRef(env="WORDPRESS_PASSWORD"),
        connect_seconds=0.5,
        read_seconds=seconds,
    )
    return WordPress(contract.opening(options, tmp_path))


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORDPRESS_PASSWORD", PASSWORD)


@pytest.fixture
def open_at(tmp_path: Path) -> contract.Open:
    return lambda url: made_at(url, tmp_path)


@pytest.fixture
def picture(tmp_path: Path) -> Attachment:
    path = tmp_path / "map.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 100)
    alt = 'Kart over "Oslo S" <inngang>'
    return Attachment("picture", path, "image/png", 108, 40, 30, alt, "https://crisis.example.org/m/1")


@contract.table
@pytest.mark.asyncio
async def test_keeps_the_contract(case: contract.Case, open_at: contract.Open) -> None:
    await contract.keeps(case, open_at, OUT)


@pytest.mark.asyncio
async def test_accepts(open_at: contract.Open) -> None:
    await contract.accepted(open_at, OUT, MADE, POSTED)


def test_offers_what_it_says(open_at: contract.Open) -> None:
    channel = open_at("http://127.0.0.1:1")
    for ability in (LooksUp, Edits, Deletes, Checks, Shows, Polls, Hides):
        assert isinstance(channel, ability)
    assert not FACTS.repeat_safe
    assert not FACTS.threads


@pytest.mark.asyncio
async def test_asks_for_an_article_under_its_own_address(open_at: contract.Open) -> None:
    text = "Ring 113 & vent.\n\n- Ta <b>klærne</b> av\n- Skyll\n\nhttps://info.example.org/a"
    async with serving(MADE) as stub:
        await open_at(stub.url).send(replace(OUT, text=text))
    request = stub.requests[0]
    assert (request.method, request.path) == ("POST", "/wp-json/wp/v2/posts")
    assert request.headers["Authorization"] == f"Basic {b64encode(f'crisis:{PASSWORD}'.encode()).decode()}"
    assert set(request.json) == {"title", "content", "slug", "status"}
    assert request.json["status"] == "publish"
    assert request.json["slug"] == f"mange-skadde-ved-oslo-s-{OUT.delivery_id[-12:]}"
    assert "Ta &lt;b&gt;klærne&lt;/b&gt; av" in request.json["content"]
    assert '<a href="https://info.example.org/a">' in request.json["content"]


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))))
def test_what_was_approved_comes_back_and_nothing_is_markup(text: str) -> None:
    made = article(text)
    assert "<script" not in made.lower()
    assert comparable(plain_text(made)) == comparable(text)


@pytest.mark.parametrize(
    ("title", "begins"),
    [("Røyk på Ålgård!", "royk-pa-algard-"), ("", ""), ("字" * 20, ""), ("a " * 200, "a-a-a-")],
)
def test_addresses_are_readable_and_of_one_delivery(title: str, begins: str) -> None:
    made = slug(replace(OUT, title=title))
    assert made.startswith(begins)
    assert made.endswith(OUT.delivery_id[-12:])
    assert len(made) <= 80


@pytest.mark.parametrize("sample", samples("wordpress"), ids=lambda sample: sample["name"])
def test_reads_the_recorded_answers(sample: dict[str, Any]) -> None:
    expected: dict[str, type[SendError]] = {"auth": Misconfigured, "permanent": Rejected}
    error = failure(answer(sample["http_status"], sample["headers"], json.dumps(sample["body"])), refusal)
    assert type(error) is expected[sample["class"]]


@pytest.mark.parametrize(
    ("status", "code", "means"),
    [
        (404, "rest_no_route", Misconfigured),
        (400, "comment_flood", Busy),
        (403, "rest_cannot_publish", Misconfigured),
        (400, "rest_upload_unknown_error", Rejected),
        (409, "comment_duplicate", Rejected),
        (500, "internal_server_error", Uncertain),
    ],
)
def test_reads_its_codes(status: int, code: str, means: type[SendError]) -> None:
    body = {"code": code, "message": "Sorry.", "data": {"status": status}}
    assert type(failure(answer(status, {}, json.dumps(body)), refusal)) is means


@pytest.mark.asyncio
async def test_find_looks_by_address_and_says_when_it_could_not(open_at: contract.Open) -> None:
    found = [{"id": 17, "link": POSTED.url, "slug": slug(OUT)}]
    async with serving(Reply(200, found), Reply(200, []), Reply(503, "<html>"), Reply(200, {"odd": 1})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, LooksUp)
        assert await channel.find(OUT) == POSTED
        assert await channel.find(OUT) is None
        for _ in range(2):
            with pytest.raises(Uncertain):
                await channel.find(OUT)
        assert stub.requests[0].query == {"slug": slug(OUT), "status": "any", "context": "edit"}
        await channel.close()


@pytest.mark.parametrize("reply", [Reply(500, {}), Reply(manner="silent"), Reply(201, {"odd": 1}), Reply(201, "")])
@pytest.mark.asyncio
async def test_a_lost_upload_is_never_uncertain(reply: Reply, open_at: contract.Open, picture: Attachment) -> None:
    async with serving(reply) as stub:
        with pytest.raises(Unreachable):
            await open_at(stub.url).send(replace(OUT, media=[picture]))


@pytest.mark.asyncio
async def test_delete_where_the_site_has_no_trash(open_at: contract.Open) -> None:
    no_trash = Reply(501, {"code": "rest_trash_not_supported", "message": "no", "data": {"status": 501}})
    async with serving(no_trash, Reply(200, {"deleted": True})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, Deletes)
        await channel.delete("17")
        assert stub.requests[1].query == {"force": "true"}
        await channel.close()


@pytest.mark.asyncio
async def test_check_names_missing_rights(open_at: contract.Open) -> None:
    few = Reply(200, {"id": 2, "username": "crisis", "capabilities": {"read": True}})
    async with serving(few, Reply(401, {"code": "incorrect_password", "message": "no"})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, Checks)
        assert "publish_posts" in (await channel.check()).say
        assert not (await channel.check()).ok
        await channel.close()


@pytest.mark.parametrize(
    "reply", [MADE, Reply(401, {}), Reply(500, "x"), Reply(manner="silent"), Reply(manner="reset")]
)
@pytest.mark.asyncio
async def test_no_secret_shows(reply: Reply, open_at: contract.Open, caplog: pytest.LogCaptureFixture) -> None:
    secrets = [PASSWORD, b64encode(f"crisis:{PASSWORD}".encode()).decode()]
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        await contract.no_secret_shows(secrets, caplog, lambda: channel.send(OUT))
        await channel.close()
    channel = open_at(closed_port())
    await contract.no_secret_shows(secrets, caplog, lambda: channel.send(OUT))
    await channel.close()


# ---- against the pretend site --------------------------------------------------------------------------------------


@pytest.fixture
def town() -> Iterator[Simulator]:
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture
def channel(town: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WordPress:
    account = next(one for one in Stand.demo if one.name == "ous-drill")
    monkeypatch.setenv("WORDPRESS_PASSWORD", account.secrets["application_password"])
    return made_at(f"{town.url}/wordpress/ous-drill", tmp_path, account.public["username"], seconds=1)


def stand(town: Simulator) -> Stand:
    network = town.internet.networks["wordpress"]
    assert isinstance(network, Stand)
    return network


def wall(town: Simulator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = town.state("networks")["networks"]["wordpress"]
    return found


@pytest.mark.asyncio
async def test_publishes_edits_and_takes_down(town: Simulator, channel: WordPress, picture: Attachment) -> None:
    assert (await channel.check()).ok
    out = replace(OUT, media=[picture, replace(picture, alt="Nummer to")])
    first = await channel.send(out)
    assert await channel.find(out) == first
    assert [one["alt"] for one in wall(town)[0]["pictures"]] == [picture.alt, "Nummer to"]
    assert comparable((await channel.shown(LONG_AGO))[0].text) == comparable(OUT.text)
    assert await channel.edit(first.provider_id, replace(OUT, title="Rettet", text="Ring 113.")) == first
    seen = wall(town)[0]
    assert (seen["title"], seen["text"]) == ("Rettet", "Ring 113.")
    assert len(seen["pictures"]) == 2, "an edit keeps the pictures"
    await channel.delete(first.provider_id)
    await channel.delete(first.provider_id)
    assert wall(town)[0]["deleted"]
    assert not await channel.shown(LONG_AGO)
    assert await channel.find(out) is None
    await channel.close()


@pytest.mark.asyncio
async def test_a_repeat_that_should_not_have_been_undoes_itself(town: Simulator, channel: WordPress) -> None:
    first = await channel.send(OUT)
    assert await channel.send(OUT) == first
    assert len(wall(town)) == 1
    await channel.close()


@pytest.mark.parametrize("kind", ["500_after", "reset_after", "cut_off", "hang_after"])
@pytest.mark.asyncio
async def test_a_lost_answer_is_found(town: Simulator, channel: WordPress, kind: str) -> None:
    town.fault("wordpress", kind, times=1)
    with pytest.raises(Uncertain):
        await channel.send(OUT)
    assert await channel.find(OUT)
    assert len(wall(town)) == 1
    await channel.close()


@pytest.mark.asyncio
async def test_hears_answers_and_hides_comments(town: Simulator, channel: WordPress) -> None:
    site, ours = stand(town), await channel.send(OUT)
    await site.say("ous-drill", "per", "Før vi lyttet")
    begun = (await channel.poll(None)).cursor
    said = await site.say("", "kari", "Hvor er <b>mannen</b> min?", f"ous-drill/{ours.provider_id}")
    found = await channel.poll(begun)
    assert [(one.author, one.text, one.root) for one in found.inbounds] == [
        ("kari", "Hvor er <b>mannen</b> min?", ours.provider_id)
    ]
    heard = found.inbounds[0]
    assert heard.provider_id == said.split("/")[1]
    reply = replace(OUT, text="Ring 22 59 13 00.", reply_to=heard.provider_id, phase="answer")
    answered = await channel.send(reply)
    assert await channel.find(reply) == answered
    with pytest.raises(Rejected) as caught:
        await channel.send(reply)
    assert caught.value.code == "comment_duplicate"
    assert not (await channel.poll(found.cursor)).inbounds, "our own answers are not heard"
    await channel.hide(heard.provider_id)
    assert [one["hidden"] for one in wall(town)] == [False, False, True, False]
    again = await channel.poll(found.cursor)
    assert [one.private for one in again.inbounds] == [True], "seen once more, under the same id, and kept once"
    await channel.delete(answered.provider_id)
    await channel.delete(answered.provider_id)
    await channel.close()


@pytest.mark.asyncio
async def test_answers_are_as_the_schemas_say(town: Simulator, channel: WordPress) -> None:
    if not (FOLDER / "wordpress" / "schemas").is_dir():
        pytest.skip("no specifications")
    ours = await channel.send(OUT)
    await stand(town).say("ous-drill", "kari", "Hei", f"ous-drill/{ours.provider_id}")
    await channel.close()
    auth = ("ous-drill-crisis", "ous-drill wordpress password")
    for kind, path in (("post", "posts"), ("comment", "comments")):
        schema = json.loads((FOLDER / "wordpress" / "schemas" / "rest-api" / f"{kind}.json").read_text())
        url = f"{town.url}/wordpress/ous-drill/wp-json/wp/v2/{path}"
        one = (await asyncio.to_thread(requests.get, url, auth=auth, timeout=5)).json()[0]
        assert set(schema["required"]) <= set(one)
        assert set(one) <= set(schema["properties"])
        for name, rule in schema["properties"].items():
            if name in one and isinstance(rule.get("type"), str):
                jsonschema.validate(one[name], {"type": rule["type"]})
