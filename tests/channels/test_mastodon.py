"""Mastodon: the contract, what it asks of an instance, how a lost post is found, and what people answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import jsonschema  # type: ignore[import-untyped]
import pytest

from crisis.channels.base import (
    AbuseKind,
    Accepted,
    Attachment,
    Busy,
    Checks,
    Deletes,
    Edits,
    LooksUp,
    Misconfigured,
    Polls,
    Rejected,
    ReportsAbuse,
    Shows,
    Uncertain,
    Unreachable,
)
from crisis.channels.errors import answer, failure
from crisis.channels.mastodon.adapter import FACTS, Mastodon, Options
from crisis.channels.mastodon.words import Limits, lacking, newest, refusal
from crisis.channels.text.graphemes import mastodon_length
from crisis.settings import SecretRef
from crisis.simulator.server import Simulator
from tests.channels import contract
from tests.channels.contract import OUT
from tests.channels.specs import samples, spec
from tests.channels.stub import Reply, Request, closed_port, serving

pytestmark = pytest.mark.asyncio

TOKEN = "token-of-the-hospital"
AT = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
LIVE = replace(OUT, mode="live")


def status(number: str = "1795", text: str = "x", **more: Any) -> dict[str, Any]:
    account = {"id": "42", "username": "OsloSykehus", "acct": "OsloSykehus", "display_name": "Oslo sykehus"}
    url = f"https://social.example/@OsloSykehus/{number}"
    base = {"id": number, "uri": f"{url}#", "url": url, "content": f"<p>{text}</p>", "created_at": AT.isoformat()}
    return {**base, "account": account, "media_attachments": [], "spoiler_text": "", **more}


MADE = Reply(200, status())
ME = Reply(200, {"id": "42", "username": "OsloSykehus", "acct": "OsloSykehus"})
POSTED = Accepted("1795", "https://social.example/@OsloSykehus/1795")


@pytest.fixture
def open_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> contract.Open:
    monkeypatch.setenv("MASTODON_TOKEN", TOKEN)

    def open_at(url: str) -> Mastodon:
        token = SecretRef(env="MASTODON_TOKEN")
        options = Options(
            handle="OsloSykehus", base_url=url, access_token=token, connect_seconds=0.5, read_seconds=0.4,
            hashtags=("oslo",),
        )  # fmt: skip
        return Mastodon(contract.opening(options, tmp_path))

    return open_at


@pytest.fixture
def picture(tmp_path: Path) -> Attachment:
    path = tmp_path / "map.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 100)
    return Attachment("picture", path, "image/png", 108, 10, 10, "Kart over Oslo S", "https://crisis.example.org/m/1")


@contract.table
async def test_keeps_the_contract(case: contract.Case, open_at: contract.Open) -> None:
    await contract.keeps(case, open_at, OUT)


async def test_accepts(open_at: contract.Open) -> None:
    await contract.accepted(open_at, OUT, MADE, POSTED)


@pytest.mark.parametrize(("remaining", "waits"), [("0", True), ("1", False)])
async def test_the_last_post_of_a_window_says_when_the_next_may_follow(
    open_at: contract.Open, remaining: str, *, waits: bool
) -> None:
    reset = datetime.fromtimestamp(contract.now().timestamp() + 600, UTC).isoformat()
    headers = {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}
    async with serving(Reply(MADE.status, MADE.body, headers)) as stub:
        accepted = await open_at(stub.url).send(OUT)
        assert (accepted.wait == pytest.approx(600, abs=5)) if waits else accepted.wait is None


async def test_offers_what_it_says(open_at: contract.Open) -> None:
    channel = open_at("http://127.0.0.1:1")
    for ability in (LooksUp, Edits, Deletes, Checks, Shows, Polls):
        assert isinstance(channel, ability)
    assert FACTS.repeat_safe
    assert FACTS.deletes_per == (30, timedelta(minutes=30))


def form(request: Request) -> dict[str, Any]:
    """The form as the JSON the specification describes: names in brackets are lists."""
    read: dict[str, Any] = {}
    for name, value in request.form.items():
        if name.endswith("[]"):
            read.setdefault(name.removesuffix("[]"), []).append(value)
        else:
            read[name] = {"True": True, "False": False, "0": False, "1": True}.get(value, value)
    return read


async def test_asks_what_the_specification_allows(open_at: contract.Open, picture: Attachment) -> None:
    api = spec("mastodon/openapi.json")
    schemas = api["components"]["schemas"]
    known = set(schemas["BaseStatus"]["properties"]) | {"status", "media_ids"}
    upload = Reply(200, {"id": "77", "type": "image", "url": "https://social.example/m/77"})
    async with serving(MADE, MADE, upload, MADE) as stub:
        channel = open_at(stub.url)
        await channel.send(OUT)
        await channel.send(replace(LIVE, reply_to="1700", phase="update"))
        await channel.send(replace(LIVE, media=[picture]))
    posts = [request for request in stub.requests if request.path == "/api/v1/statuses"]
    for request in posts:
        assert set(form(request)) <= known
        body = {"oneOf": [{"$ref": "#/components/schemas/TextStatus"}, {"$ref": "#/components/schemas/MediaStatus"}]}
        body["oneOf"] = body["oneOf"][1:] if "media_ids" in form(request) else body["oneOf"][:1]
        jsonschema.validate(form(request), {**body, "components": api["components"]})
        assert request.headers["Idempotency-Key"] == OUT.delivery_id
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert form(posts[0])["spoiler_text"] == "Dette er en øvelse. Ingenting av dette har skjedd."
    assert form(posts[1]) == {
        "status": OUT.text, "visibility": "public", "language": "nb", "sensitive": False, "in_reply_to_id": "1700",
    }  # fmt: skip
    assert form(posts[2])["media_ids"] == ["77"]
    assert b"Kart over Oslo S" in stub.requests[2].body


@pytest.mark.parametrize("sample", samples("mastodon"), ids=lambda sample: sample["name"])
async def test_reads_the_recorded_answers(sample: dict[str, Any]) -> None:
    expected = {"retry_after_reset": Busy, "retry_backoff": Busy, "permanent": Rejected}[sample["class"]]
    error = failure(answer(sample["http_status"], sample["headers"], json.dumps(sample["body"])), refusal)
    assert isinstance(error, expected)
    assert expected is not Busy or error.retry_after is not None


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("https://info.example.org/" + "a" * 80, 23),
        ("Se https://info.example.org/a. Takk", 3 + 23 + 6),
        ("info.example.org/side", 21),
        ("@ous@social.example.org hei", 8),
        ("👨‍👩‍👧‍👦🇳🇴é", 3),
        ("Blåbærsyltetøy", 14),
    ],
)
async def test_counts_as_an_instance_does(text: str, length: int) -> None:
    assert mastodon_length(text) == length


async def test_upload_is_made_once_and_waited_for(open_at: contract.Open, picture: Attachment) -> None:
    film = replace(picture, kind="film", content_type="video/mp4")
    waits = Reply(202, {"id": "77", "type": "video", "url": None})
    ready = Reply(200, {"id": "77", "type": "video", "url": "https://social.example/m/77"})
    async with serving(waits, Reply(206, waits.body), ready, Reply(500, {}), MADE) as stub:
        channel = open_at(stub.url)
        out = replace(OUT, media=[film])
        for _ in range(2):
            with pytest.raises(Busy) as caught:
                await channel.send(out)
            assert caught.value.retry_after
        with pytest.raises(Uncertain):
            await channel.send(out)
        assert await channel.send(out) == POSTED
        asked = [(request.method, request.path) for request in stub.requests]
        assert asked == [
            ("POST", "/api/v2/media"),
            ("GET", "/api/v1/media/77"),
            ("GET", "/api/v1/media/77"),
            ("POST", "/api/v1/statuses"),
            ("POST", "/api/v1/statuses"),
        ]


@pytest.mark.parametrize("reply", [Reply(500, {}), Reply(manner="silent"), Reply(200, {"odd": 1}), Reply(200, "")])
async def test_a_lost_upload_is_never_uncertain(reply: Reply, open_at: contract.Open, picture: Attachment) -> None:
    async with serving(reply) as stub:
        with pytest.raises(Unreachable):
            await open_at(stub.url).send(replace(OUT, media=[picture]))


async def test_what_the_instance_does_not_take_is_refused_in_words(open_at: contract.Open, picture: Attachment) -> None:
    limits = {
        "statuses": {"max_characters": 60, "max_media_attachments": 1},
        "media_attachments": {"image_size_limit": 9},
    }
    app = {"id": "1", "scopes": ["read", "write"]}
    async with serving(ME, Reply(200, app), Reply(200, {"configuration": limits})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, Checks)
        health = await channel.check()
        assert health.ok
        assert health.details["characters"] == "60"
        with pytest.raises(Rejected, match="60 characters"):
            await channel.send(LIVE)
        with pytest.raises(Rejected, match="1 pictures"):
            await channel.send(replace(LIVE, text="Hei", media=[picture, picture]))
        with pytest.raises(Rejected, match="at most 9 bytes"):
            await channel.send(replace(LIVE, text="Hei", media=[picture]))
        assert len(stub.requests) == 3


async def test_follow_up_stands_alone_when_its_thread_is_gone(open_at: contract.Open) -> None:
    gone = Reply(404, {"error": "The post you are trying to reply to does not appear to exist."})
    async with serving(gone, MADE) as stub:
        assert await open_at(stub.url).send(replace(OUT, reply_to="1700", phase="correction")) == POSTED
        assert "in_reply_to_id" not in stub.requests[1].form
    async with serving(gone) as stub:
        with pytest.raises(Rejected) as caught:
            await open_at(stub.url).send(replace(OUT, reply_to="1700", phase="answer"))
        assert caught.value.code == "reply_refused"


async def test_find_reads_the_wall_as_it_was_written(open_at: contract.Open) -> None:
    now = contract.now()
    out = replace(OUT, text="Ring 113 & vent.  Se https://info.example.org/abc\n\nO\u0308l", first_attempt_at=now)
    link = '<a href="#"><span class="invisible">https://</span><span>info.example.org/abc</span></a>'
    ours = status(content=f"<p>Ring 113 &amp; vent. Se {link}</p><p>Öl</p>", created_at=now.isoformat())
    other = status("1796", "noe annet", created_at=now.isoformat())
    old = status("1", created_at=(now - timedelta(hours=2)).isoformat())
    async with serving(ME, Reply(200, [other, ours]), Reply(200, [other, old]), Reply(500, {})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, LooksUp)
        assert await channel.find(out) == POSTED
        assert await channel.find(out) is None
        with pytest.raises(Uncertain):
            await channel.find(out)
        with pytest.raises(Uncertain):
            await channel.find(OUT)
        assert stub.requests[1].path == "/api/v1/accounts/42/statuses"


async def test_after_the_key_is_forgotten_a_repeat_looks_first(open_at: contract.Open) -> None:
    first = contract.now() - timedelta(hours=2)
    there = status(text=OUT.text, created_at=(first + timedelta(seconds=1)).isoformat())
    async with serving(ME, Reply(200, [there])) as stub:
        assert await open_at(stub.url).send(replace(OUT, first_attempt_at=first)) == POSTED
        assert [request.method for request in stub.requests] == ["GET", "GET"]


async def test_edit_keeps_the_pictures(open_at: contract.Open) -> None:
    old = Reply(200, status(media_attachments=[{"id": "77", "type": "image"}]))
    async with serving(old, MADE, Reply(404, {"error": "Record not found"})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, Edits)
        assert await channel.edit("1795", LIVE) == POSTED
        assert (stub.requests[1].method, stub.requests[1].path) == ("PUT", "/api/v1/statuses/1795")
        assert form(stub.requests[1])["media_ids"] == ["77"]
        with pytest.raises(Rejected):
            await channel.edit("1", LIVE)


@pytest.mark.parametrize("reply", [Reply(200, status()), Reply(404, {"error": "Record not found"}), Reply(410, "")])
async def test_delete(open_at: contract.Open, reply: Reply) -> None:
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, Deletes)
        await channel.delete("1795")
        assert (stub.requests[0].method, stub.requests[0].path) == ("DELETE", "/api/v1/statuses/1795")


@pytest.mark.parametrize("kind", get_args(AbuseKind))
async def test_reports_what_the_specification_allows(open_at: contract.Open, kind: AbuseKind) -> None:
    api = spec("mastodon/openapi.json")
    schema = api["paths"]["/api/v1/reports"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    abuse = status("1801", account={"id": "77", "acct": "sint@elsewhere.example"})
    async with serving(Reply(200, abuse), Reply(200, {"id": "1"})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, ReportsAbuse)
        await channel.report_abuse("1801", kind)
    sent = stub.requests[1]
    assert (sent.method, sent.path.rstrip("/")) == ("POST", "/api/v1/reports")
    given = form(sent)
    assert set(given) <= set(schema["properties"])
    jsonschema.validate(given, {**schema, "components": api["components"]})
    assert (given["account_id"], given["status_ids"], given["forward"]) == ("77", ["1801"], True)
    assert len(given["comment"]) <= 1_000


async def test_what_is_gone_cannot_be_reported_and_a_token_without_the_right_says_so(open_at: contract.Open) -> None:
    gone, outside = Reply(404, {"error": "Record not found"}), Reply(403, {"error": "outside the authorized scopes"})
    async with serving(gone, Reply(200, status()), outside) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, ReportsAbuse)
        with pytest.raises(Rejected, match="gone"):
            await channel.report_abuse("1801", "spam")
        with pytest.raises(Misconfigured, match="scopes"):
            await channel.report_abuse("1801", "spam")


async def test_check(open_at: contract.Open) -> None:
    other = Reply(200, {"id": "7", "username": "noenandre"})
    few = Reply(200, {"id": "1", "scopes": ["read"]})
    async with serving(other, ME, few, Reply(401, {"error": "The access token is invalid"})) as stub:
        channel = open_at(stub.url)
        assert isinstance(channel, Checks)
        assert "noenandre" in (await channel.check()).say
        assert "write:statuses" in (await channel.check()).say
        assert "invalid" in (await channel.check()).say
    assert lacking(["read", "write:statuses"]) == ["write:media"]


async def test_ids_are_older_when_shorter() -> None:
    assert newest(["99", "100", "12"], "0") == "100"


async def test_limits_that_make_no_sense_are_as_shipped() -> None:
    assert Limits.told({"configuration": {"statuses": {"max_characters": "many"}}}) == Limits()
    assert Limits.read("{broken") is None
    assert Limits.read(Limits(characters=5000).noted()) == Limits(characters=5000)


@pytest.mark.parametrize(
    "reply", [MADE, Reply(401, {}), Reply(500, "x"), Reply(manner="silent"), Reply(manner="reset")]
)
async def test_no_secret_shows(reply: Reply, open_at: contract.Open, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        await contract.no_secret_shows([TOKEN], caplog, lambda: channel.send(OUT))
        assert TOKEN in stub.requests[0].headers["Authorization"]
        assert TOKEN not in stub.requests[0].path + str(stub.requests[0].query)
    channel = open_at(closed_port())
    await contract.no_secret_shows([TOKEN], caplog, lambda: channel.send(OUT))


# ---- against the pretend instance ----------------------------------------------------------------------------------


@pytest.fixture
def town() -> Iterator[Simulator]:
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture
def channel(town: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mastodon:
    account = next(one for one in town.internet.networks["mastodon"].demo if one.name == "ous-drill")
    monkeypatch.setenv("MASTODON_TOKEN", account.secrets["access_token"])
    options = Options(
        handle=account.public["handle"],
        base_url=f"{town.url}/mastodon",
        access_token=SecretRef(env="MASTODON_TOKEN"),
        read_seconds=1,
        hashtags=("oslo",),
    )
    return Mastodon(contract.opening(options, tmp_path))


def wall(town: Simulator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = town.state("networks")["networks"]["mastodon"]
    return found


async def test_says_edits_and_takes_down(town: Simulator, channel: Mastodon, picture: Attachment) -> None:
    assert (await channel.check()).ok
    out = replace(OUT, media=[picture], first_attempt_at=contract.now())
    first = await channel.send(out)
    assert await channel.send(out) == first, "the same delivery again"
    assert await channel.find(out) == first
    second = await channel.send(replace(OUT, delivery_id="2", text="Mer snart.", reply_to=first.provider_id))
    assert [one["reply_to"] for one in wall(town)] == ["", first.provider_id]
    assert wall(town)[0]["pictures"][0]["alt"] == picture.alt
    shown = await channel.shown(out.first_attempt_at or AT)
    assert [one.text for one in shown] == ["Mer snart.", OUT.text]
    assert await channel.edit(first.provider_id, replace(OUT, text="Rettet: ring 113.")) == first
    changed = (await channel.shown(AT))[1]
    assert changed.text == "Rettet: ring 113."
    assert changed.edited_at
    assert wall(town)[0]["pictures"], "an edit keeps the pictures"
    await channel.delete(first.provider_id)
    await channel.delete(first.provider_id)
    assert [one["deleted"] for one in wall(town)] == [True, False]
    assert [one.provider_id for one in await channel.shown(AT)] == [second.provider_id]
    assert town.state("refused")["refused"][0]["code"] == 404


@pytest.mark.parametrize("kind", ["500_after", "reset_after", "cut_off", "hang_after"])
async def test_a_lost_answer_is_said_once(town: Simulator, channel: Mastodon, kind: str) -> None:
    town.fault("mastodon", kind, times=1)
    out = replace(OUT, first_attempt_at=contract.now())
    with pytest.raises(Uncertain):
        await channel.send(out)
    found = await channel.find(out)
    assert found
    assert await channel.send(out) == found
    assert len(wall(town)) == 1


async def test_reported_it_stands_with_the_moderators_and_shows_to_nobody_else(
    town: Simulator, channel: Mastodon
) -> None:
    network, ours = town.internet.networks["mastodon"], await channel.send(OUT)
    said = await network.say("", "sint@annet.example", "Dere er noen idioter", ours.provider_id)
    await channel.report_abuse(said, "harassment")
    (report,) = network.instance.reports  # type: ignore[attr-defined]
    assert (report["status_ids"], report["target_account"]["acct"], report["forwarded"]) == (
        [said],
        "sint@annet.example",
        True,
    )
    assert [one["id"] for one in wall(town) if one["reported"]] == [said]
    assert not any(one["hidden"] or one["deleted"] for one in wall(town))


async def test_thirty_deletes_and_no_more(town: Simulator, channel: Mastodon) -> None:
    made = [await channel.send(replace(OUT, delivery_id=f"{n}", text=f"Nummer {n}")) for n in range(31)]
    for one in made[:30]:
        await channel.delete(one.provider_id)
    with pytest.raises(Busy) as caught:
        await channel.delete(made[30].provider_id)
    assert caught.value.retry_after
    assert 1700 < caught.value.retry_after <= 1800


async def test_hears_mentions_answers_and_hashtags_once(town: Simulator, channel: Mastodon) -> None:
    network = town.internet.networks["mastodon"]
    ours = await channel.send(OUT)
    await network.say("", "per", "Før vi lyttet #oslo")
    begun = (await channel.poll(None)).cursor
    asked = await network.say("OUS_drill", "kari", "er det åpent?")
    answered = await network.say("", "ola@annet.example", "<b>Hjelp</b> oss & kom", ours.provider_id)
    deeper = await network.say("", "liv", "Jeg også", answered)
    tagged = await network.say("", "per", "Mye røyk #Oslo")
    found = await channel.poll(begun)
    heard = {one.provider_id: one for one in found.inbounds}
    assert set(heard) == {asked, answered, deeper, tagged}
    assert heard[answered].text == "<b>Hjelp</b> oss & kom"
    assert heard[answered].author == "ola@annet.example"
    assert heard[answered].in_reply_to == ours.provider_id
    assert (heard[asked].kind, heard[answered].kind, heard[tagged].kind) == ("mention", "reply", "hashtag")
    assert heard[deeper].root == ours.provider_id
    again = await channel.poll(found.cursor)
    assert not [one for one in again.inbounds if one.provider_id in (asked, tagged)]


async def test_no_keys_no_rights(town: Simulator, channel: Mastodon) -> None:
    town.fault("mastodon", "401", times=1)
    with pytest.raises(Misconfigured):
        await channel.send(OUT)
    town.fault("mastodon", "429", times=1, seconds=20)
    with pytest.raises(Busy) as caught:
        await channel.send(OUT)
    assert caught.value.retry_after
    assert caught.value.retry_after <= 21
    assert (await channel.send(OUT)).url
