"""Bluesky: the contract, records against their lexicons, facets by byte, sessions that are kept, and what people answer."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.base import (
    AbuseKind,
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
    ReportsAbuse,
    SendError,
    Shows,
    Uncertain,
    Unreachable,
)
from crisis.channels.bluesky.adapter import FACTS, Bluesky, Options
from crisis.channels.bluesky.client import Session, refusal
from crisis.channels.bluesky.listening import Listening
from crisis.channels.bluesky.records import as_written, created_at, facets, parts, post, record_key
from crisis.channels.errors import answer, failure
from crisis.channels.text.graphemes import bluesky_display, bluesky_size
from crisis.settings import SecretRef
from crisis.simulator.bluesky import Bluesky as Stand
from crisis.simulator.server import Simulator
from tests.channels import contract, lexicons
from tests.channels.contract import OUT
from tests.channels.specs import samples, spec
from tests.channels.stub import Reply, closed_port, serving

PASSWORD = "abcd-efgh-ijkl-mnop"
DID = "did:plc:abcdefghijklmnopqrstuvwx"
KEY = record_key(OUT.delivery_id)
URI = f"at://{DID}/app.bsky.feed.post/{KEY}"
CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
MADE = Reply(200, {"uri": URI, "cid": CID})
POSTED = Accepted(URI, f"https://bsky.app/profile/ous.example.org/post/{KEY}")
TOKENS = {"did": DID, "handle": "ous.example.org", "access": "access-token-1", "refresh": "refresh-token-1"}
NEW = {"did": DID, "handle": "ous.example.org", "accessJwt": "access-token-2", "refreshJwt": "refresh-token-2"}
SECRETS = [PASSWORD, "access-token-1", "refresh-token-1"]
EXPIRED = Reply(400, {"error": "ExpiredToken", "message": "Token has expired"})


def made_at(
    url: str, tmp_path: Path, handle: str = "ous.example.org", tokens: Any = TOKENS, seconds: float = 0.4
) -> Bluesky:
    notes = contract.MemoryNotes()
    if tokens:
        notes.write("session", json.dumps(tokens))
    options = Options(
        handle=handle,
        base_url=url,
        app_password=SecretRef(env="BSKY_PASSWORD"),
        connect_seconds=0.5,
        read_seconds=seconds,
        hashtags=("oslo",),
    )
    return Bluesky(contract.opening(options, tmp_path, notes=notes))


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BSKY_PASSWORD", PASSWORD)


@pytest.fixture
def open_at(tmp_path: Path) -> contract.Open:
    return lambda url: made_at(url, tmp_path)


@pytest.fixture
def picture(tmp_path: Path) -> Attachment:
    path = tmp_path / "map.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 100)
    return Attachment("picture", path, "image/png", 108, 40, 30, "Kart over Oslo S", "https://crisis.example.org/m/1")


def bare(value: dict[str, Any]) -> dict[str, Any]:
    """Without the type, which the library adds to every object."""
    return {name: one for name, one in value.items() if name != "$type"}


@contract.table
@pytest.mark.asyncio
async def test_keeps_the_contract(case: contract.Case, open_at: contract.Open) -> None:
    await contract.keeps(case, open_at, OUT)


@pytest.mark.asyncio
async def test_accepts(open_at: contract.Open) -> None:
    await contract.accepted(open_at, OUT, MADE, POSTED)


@pytest.mark.asyncio
@pytest.mark.parametrize(("remaining", "waits"), [("0", True), ("1", False)])
async def test_the_last_post_of_a_window_says_when_the_next_may_follow(
    open_at: contract.Open, remaining: str, *, waits: bool
) -> None:
    reset = str(int(contract.now().timestamp()) + 600)
    headers = {"ratelimit-remaining": remaining, "ratelimit-reset": reset}
    async with serving(Reply(MADE.status, MADE.body, headers)) as stub:
        accepted = await open_at(stub.url).send(OUT)
        assert (accepted.wait == pytest.approx(600, abs=5)) if waits else accepted.wait is None


def test_offers_what_it_says(open_at: contract.Open) -> None:
    channel = open_at("http://127.0.0.1:1")
    for ability in (LooksUp, Deletes, Checks, Shows, Polls, Hides):
        assert isinstance(channel, ability)
    assert not isinstance(channel, Edits)
    assert FACTS.edits is None
    assert FACTS.repeat_safe


@pytest.mark.asyncio
async def test_asks_what_the_lexicons_allow(open_at: contract.Open, picture: Attachment) -> None:
    blob = {"$type": "blob", "ref": {"$link": CID}, "mimeType": "image/png", "size": 108}
    parent = {"uri": "at://did:plc:zzzzzzzzzzzzzzzzzzzzzzzz/app.bsky.feed.post/3l", "cid": CID, "record": {"text": "?"}}
    text = "Å, @kari.example.org! Les https://oslo.example/æ. #oslo"
    async with serving(
        MADE,
        Reply(200, {"did": "did:plc:kari"}),
        MADE,
        Reply(200, {"blob": blob}),
        MADE,
        Reply(200, {"posts": [parent]}),
        MADE,
    ) as stub:
        channel = open_at(stub.url)
        await channel.send(OUT)
        await channel.send(replace(OUT, text=text, tags=["#trygg"]))
        await channel.send(replace(OUT, media=[picture]))
        await channel.send(replace(OUT, reply_to=parent["uri"], phase="answer"))
    written = [request for request in stub.requests if request.path == "/xrpc/com.atproto.repo.putRecord"]
    assert len(written) == 4
    for request in written:
        lexicons.check_input("com.atproto.repo.putRecord", request.json)
        lexicons.check_record("app.bsky.feed.post", request.json["record"])
        assert request.headers["Authorization"] == "Bearer access-token-1"
        assert request.json["rkey"] == KEY
    marked = written[1].json["record"]
    assert [one["features"][0]["$type"].split("#")[1] for one in marked["facets"]] == ["mention", "link", "tag"]
    assert marked["tags"] == ["trygg"]
    image = written[2].json["record"]["embed"]["images"][0]
    assert image["alt"] == picture.alt
    assert bare(image["aspectRatio"]) == {"width": 40, "height": 30}
    assert image["image"]["ref"]["$link"] == CID
    upload = next(one for one in stub.requests if one.path.endswith("uploadBlob"))
    assert upload.headers["Content-Type"] == "image/png"
    assert upload.body == picture.path.read_bytes()
    reply = written[3].json["record"]["reply"]
    assert bare(reply["root"]) == bare(reply["parent"]) == {"uri": parent["uri"], "cid": CID}


@pytest.mark.parametrize("sample", samples("bluesky"), ids=lambda sample: sample["name"])
def test_reads_the_recorded_answers(sample: dict[str, Any]) -> None:
    expected: dict[str, type[SendError]] = {
        "duplicate_probable": Uncertain, "duplicate": Rejected, "retry_after_reset": Busy, "auth_refresh": Rejected,
        "permanent": Rejected,
    }  # fmt: skip
    error = failure(answer(sample["http_status"], sample["headers"], json.dumps(sample["body"])), refusal)
    assert type(error) is expected[sample["class"]]
    assert not isinstance(error, Busy) or error.retry_after is not None


# ---- records -------------------------------------------------------------------------------------------------------


@given(
    st.text()
    | st.from_regex(r"(#\w{1,5} |@\w{1,5}\.no |https?://\w{1,4}\.no/\w{0,3}[.)]? |[æ🇳🇴 ]){0,8}", fullmatch=True)
)
def test_facets_mark_whole_characters_in_order(text: str) -> None:
    everybody = dict.fromkeys(re.findall(r"@([\w.-]+)", text.lower()), "did:plc:x")
    done = 0
    text, links = bluesky_display(text)
    for one in facets(text, links, everybody):
        start, end = one["index"]["byteStart"], one["index"]["byteEnd"]
        assert done <= start < end <= len(text.encode())
        words, feature = text.encode()[start:end].decode(), one["features"][0]
        done = end
        match feature["$type"].split("#")[1]:
            case "link":
                assert feature["uri"] == words or feature["uri"].split("://")[1].startswith(words.rstrip("…"))
            case "tag":
                assert f"#{feature['tag']}" == words
            case "mention":
                assert words.startswith("@")


def test_facets_by_byte() -> None:
    found = facets(*bluesky_display("Æ🇳🇴 #ål se https://x.no/#a, takk"), {})
    assert [(one["index"]["byteStart"], one["index"]["byteEnd"]) for one in found] == [(11, 15), (19, 34)]
    assert found[1]["features"][0]["uri"] == "https://x.no/#a"


@given(st.integers(0, 9_000_000_000_000), st.integers(0, 2**74 - 1))
def test_a_delivery_has_one_key_that_sorts_by_time(milliseconds: int, rest: int) -> None:
    made = uuid.UUID(int=(milliseconds << 80 | 7 << 76 | (rest >> 62) << 64 | 2 << 62 | rest & (2**62 - 1)))
    key = record_key(made.hex)
    assert key == record_key(str(made))
    assert re.fullmatch(r"[234567abcdefghij][234567a-z]{12}", key)
    assert key < record_key(uuid.UUID(int=made.int + (1 << 80)).hex)


def test_keys_are_as_the_vectors_say() -> None:
    vectors = spec("bluesky/syntax-vectors.json")
    tid = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
    assert all(tid.fullmatch(one) for one in vectors["tid_syntax_valid"])
    assert not any(tid.fullmatch(one) for one in vectors["tid_syntax_invalid"])
    for name in ("", "no-id-of-ours", OUT.delivery_id):
        assert tid.fullmatch(record_key(name))
    for uri in ("at://did:plc:x/app.bsky.feed.post", "http://a/b/c", "at://a/b/c/d", "", "at:///b/c"):
        with pytest.raises(ValueError, match=r".*"):
            parts(uri)


def test_the_same_delivery_makes_the_same_bytes() -> None:
    released = datetime(2026, 11, 22, 13, 0, 0, 123_456, tzinfo=UTC)
    assert created_at(replace(OUT, released_at=released)) == "2026-11-22T13:00:00.123Z"
    assert post(OUT, dids={}) == post(replace(OUT, reference="other.7"), dids={})


@pytest.mark.parametrize(
    ("text", "used", "over"),
    [("a" * 300, 300, 0), ("🇳🇴" * 301, 301, 1), ("👨‍👩‍👧‍👦" * 121, 3025, 25), ("e\u0301" * 300, 300, 0)],
)
def test_counts_graphemes_and_bytes(text: str, used: int, over: int) -> None:
    size = bluesky_size(text)
    assert (size.used, size.over) == (used, over)


def test_a_long_text_shows_links_by_their_host_and_leads_where_they_led() -> None:
    text = f"{'å' * 270} https://info.example.org/a1b2c3d4e5?x=1. Følg med: https://example.org"
    record = post(replace(OUT, text=text), dids={})
    assert record["text"] == f"{'å' * 270} info.example.org/…. Følg med: example.org"
    assert [one["features"][0]["uri"] for one in record["facets"]] == [
        "https://info.example.org/a1b2c3d4e5?x=1",
        "https://example.org",
    ]
    assert as_written(record) == text
    assert bluesky_size(text).used == len(record["text"])


@given(st.lists(st.sampled_from(["Røyk 🇳🇴 ", "https://a.no/b/c ", "#oslo ", "x" * 200, "(https://b.example/ø)"])))
def test_what_is_shown_is_what_was_written(words: list[str]) -> None:
    text = "".join(words)
    assert as_written(post(replace(OUT, text=text), dids={})) == text


# ---- sessions ------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_signs_in_once_and_keeps_the_session(tmp_path: Path) -> None:
    async with serving(Reply(200, NEW), MADE) as stub:
        channel = made_at(stub.url, tmp_path, tokens=None)
        await channel.send(OUT)
        await channel.send(OUT)
    asked = [request.path.rsplit(".", 1)[-1] for request in stub.requests]
    assert asked == ["createSession", "putRecord", "putRecord"]
    lexicons.check_input("com.atproto.server.createSession", stub.requests[0].json)
    assert "access-token-2" in str(channel._session._notes.read("session"))


@pytest.mark.asyncio
async def test_an_old_token_is_renewed_and_the_post_made_once(tmp_path: Path) -> None:
    async with serving(EXPIRED, Reply(200, NEW), MADE) as stub:
        assert await made_at(stub.url, tmp_path).send(OUT) == POSTED
        assert stub.requests[1].path.endswith("refreshSession")
        assert stub.requests[1].headers["Authorization"] == "Bearer refresh-token-1"
        assert stub.requests[2].headers["Authorization"] == "Bearer access-token-2"
    async with serving(EXPIRED, EXPIRED, Reply(200, NEW), EXPIRED) as stub:
        with pytest.raises(Misconfigured):
            await made_at(stub.url, tmp_path).send(OUT)
        assert [one.path.rsplit(".", 1)[-1] for one in stub.requests] == [
            "putRecord", "refreshSession", "createSession", "putRecord",
        ]  # fmt: skip


@pytest.mark.asyncio
async def test_another_processes_token_is_taken(tmp_path: Path) -> None:
    async with serving(MADE, EXPIRED, MADE) as stub:
        channel = made_at(stub.url, tmp_path)
        await channel.send(OUT)
        channel._session._notes.write("session", json.dumps({**TOKENS, "access": "access-token-9"}))
        await channel.send(OUT)
        assert [one.headers["Authorization"][-1] for one in stub.requests] == ["1", "1", "9"]


@pytest.mark.parametrize(
    ("reply", "means"),
    [
        (Reply(manner="silent"), Unreachable),
        (Reply(502, {"error": "UpstreamFailure"}), Unreachable),
        (Reply(401, {"error": "AuthenticationRequired", "message": "Invalid identifier or password"}), Misconfigured),
        (Reply(400, {"error": "InvalidRequest", "message": "no"}), Misconfigured),
        (Reply(429, {"error": "RateLimitExceeded"}, {"ratelimit-reset": "1000"}), Busy),
    ],
)
@pytest.mark.asyncio
async def test_a_failed_sign_in_has_said_nothing(tmp_path: Path, reply: Reply, means: type[SendError]) -> None:
    async with serving(reply) as stub:
        with pytest.raises(means):
            await made_at(stub.url, tmp_path, tokens=None).send(OUT)


@pytest.mark.parametrize(
    "reply", [MADE, Reply(401, {}), Reply(500, "x"), Reply(manner="silent"), Reply(manner="reset")]
)
@pytest.mark.asyncio
async def test_no_secret_shows(reply: Reply, open_at: contract.Open, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        await contract.no_secret_shows(SECRETS, caplog, lambda: channel.send(OUT))
        assert not any(secret in str(stub.requests[0].query) for secret in SECRETS)
    channel = open_at(closed_port())
    await contract.no_secret_shows(SECRETS, caplog, lambda: channel.send(OUT))


# ---- against the pretend network -----------------------------------------------------------------------------------


@pytest.fixture
def town() -> Iterator[Simulator]:
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture
def channel(town: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bluesky:
    account = next(one for one in Stand.demo if one.name == "ous-drill")
    monkeypatch.setenv("BSKY_PASSWORD", account.secrets["app_password"])
    return made_at(town.url, tmp_path, handle=account.public["handle"], tokens=None, seconds=1)


def stand(town: Simulator) -> Stand:
    network = town.internet.networks["bluesky"]
    assert isinstance(network, Stand)
    return network


def wall(town: Simulator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = town.state("networks")["networks"]["bluesky"]
    return found


@pytest.mark.asyncio
async def test_says_threads_and_takes_down(town: Simulator, channel: Bluesky, picture: Attachment) -> None:
    assert (await channel.check()).ok
    out = replace(OUT, media=[picture], text="Røyk i Oslo 🇳🇴. Hold deg inne: https://info.example.org/å #oslo")
    first = await channel.send(out)
    assert await channel.send(out) == first
    assert await channel.find(out) == first
    assert await channel.find(replace(out, delivery_id=uuid.UUID(int=7).hex)) is None
    second = await channel.send(
        replace(
            OUT, delivery_id=uuid.UUID(int=1 << 90).hex, text="Mer snart.", reply_to=first.provider_id, phase="update"
        )
    )
    assert [one["reply_to"] for one in wall(town)] == ["", first.provider_id]
    assert wall(town)[0]["pictures"][0]["alt"] == picture.alt
    stand(town).expire()
    shown = await channel.shown(datetime(1970, 1, 1, tzinfo=UTC))
    assert {one.text for one in shown} == {out.text, "Mer snart."}
    await channel.delete(first.provider_id)
    await channel.delete(first.provider_id)
    alone = await channel.send(
        replace(OUT, delivery_id=uuid.UUID(int=2 << 90).hex, reply_to=first.provider_id, phase="correction")
    )
    assert [one["deleted"] for one in wall(town)] == [True, False, False]
    assert wall(town)[2]["id"] == alone.provider_id
    assert not wall(town)[2]["reply_to"]
    with pytest.raises(Rejected) as caught:
        await channel.send(replace(OUT, reply_to=first.provider_id, phase="answer"))
    assert caught.value.code == "reply_refused"
    assert second.url
    assert town.state("requests")["requests"]["bluesky createSession"] == 1


@pytest.mark.parametrize("kind", ["500_after", "reset_after", "cut_off", "hang_after"])
@pytest.mark.asyncio
async def test_a_lost_answer_is_said_once(town: Simulator, channel: Bluesky, kind: str) -> None:
    await channel.check()
    town.fault("bluesky", kind, times=1)
    with pytest.raises(Uncertain):
        await channel.send(OUT)
    found = await channel.find(OUT)
    assert found
    assert await channel.send(OUT) == found
    assert len(wall(town)) == 1


@pytest.mark.asyncio
async def test_hears_and_hides(town: Simulator, channel: Bluesky) -> None:
    network, ours = stand(town), await channel.send(OUT)
    await network.say("", "per", "Før vi lyttet #oslo")
    begun = (await channel.poll(None)).cursor
    asked = await network.say("ous-drill.bsky.example", "kari", "er det åpent?")
    answered = await network.say("", "ola", "Hjelp <b>oss</b>", ours.provider_id)
    deeper = await network.say("", "liv", "Jeg også", answered)
    tagged = await network.say("", "per", "Mye røyk #Oslo")
    found = await channel.poll(begun)
    heard = {one.provider_id: one for one in found.inbounds}
    assert set(heard) >= {asked, answered, deeper, tagged}
    assert (heard[asked].kind, heard[answered].kind, heard[tagged].kind) == ("mention", "reply", "hashtag")
    assert heard[answered].in_reply_to == ours.provider_id
    assert heard[deeper].root == ours.provider_id
    assert heard[answered].text == "Hjelp <b>oss</b>"
    again = await channel.poll(found.cursor)
    newest = {heard[deeper].at, max(one.at for one in heard.values())}  # of each of the two ways we listen
    assert {one.provider_id for one in again.inbounds} <= {one for one in heard if heard[one].at in newest}
    await channel.hide(answered)
    await channel.hide(answered)
    await channel.hide(deeper)
    assert {one["id"] for one in wall(town) if one["hidden"]} == {answered, deeper}
    with pytest.raises(Rejected, match="began"):
        await channel.hide(tagged)


@pytest.mark.parametrize("odd", [{"reply": "none"}, {"langs": 7}, {"reply": {"root": "x"}}, {"reply": {"parent": "x"}}])
def test_one_odd_record_of_a_stranger_keeps_no_other_from_being_heard(odd: dict[str, Any]) -> None:
    """Whoever writes a record may put anything there; read again and again it would stop all that comes after it."""

    class Told:
        did = DID

        def read(self, _method: str, **_: Any) -> dict[str, Any]:
            records = ({"text": "Hjelp"}, {"text": "?", **odd}, {"text": "Hvor?"})
            author = {"did": "did:plc:ola", "handle": "ola.example"}
            return {
                "notifications": [
                    {
                        "uri": f"at://did:plc:ola/app.bsky.feed.post/{number}",
                        "indexedAt": f"2026-11-22T03:1{9 - number}:00.000Z",
                        "reason": "mention",
                        "author": author,
                        "record": record,
                    }
                    for number, record in enumerate(records)
                ]
            }

    listening = Listening(cast("Session", Told()), lambda uri, who: f"https://{who}/{uri}", ())
    found = listening.poll('{"told": "2026-11-22T03:10:00.000Z"}')
    assert {one.text for one in found.inbounds} == {"Hjelp", "Hvor?"}
    assert "03:19" in str(found.cursor)


@pytest.mark.asyncio
async def test_reports_what_the_specification_allows(open_at: contract.Open) -> None:
    """The lexicon of the reports is not among ours; its older transcription is."""
    api = spec("bluesky/openapi.json")
    procedure = api["paths"]["/xrpc/com.atproto.moderation.createReport"]["post"]
    schema = procedure["requestBody"]["content"]["application/json"]["schema"]
    abuse = {"uri": f"at://{DID}/app.bsky.feed.post/3kabcdefghij2", "cid": CID}
    there = Reply(200, {"uri": abuse["uri"], "cid": CID, "value": {"text": "x"}})
    taken = Reply(
        200, {"id": 1, "reasonType": "x", "subject": abuse, "reportedBy": DID, "createdAt": "2026-11-22T13:00:00Z"}
    )
    for kind in get_args(AbuseKind):
        async with serving(there, taken) as stub:
            channel = open_at(stub.url)
            assert isinstance(channel, ReportsAbuse)
            await channel.report_abuse(abuse["uri"], kind)
        sent = stub.requests[1].json
        assert stub.requests[1].path == "/xrpc/com.atproto.moderation.createReport"
        assert set(sent) <= set(schema["properties"]) | {"$type"}
        assert set(schema["required"]) <= set(sent)
        assert sent["reasonType"].replace("#", ".") in api["components"]["schemas"]
        assert bare(sent["subject"]) == abuse
        assert sent["subject"]["$type"] == "com.atproto.repo.strongRef"


@pytest.mark.asyncio
async def test_reported_once_it_stands_with_the_moderators(town: Simulator, channel: Bluesky) -> None:
    network, ours = stand(town), await channel.send(OUT)
    said = await network.say("", "sint", "Dere er noen idioter", ours.provider_id)
    await channel.report_abuse(said, "harassment")
    assert [one["id"] for one in wall(town) if one["reported"]] == [said]
    assert network.sky.reports[0]["reasonType"].endswith("reasonRude")
    network.sky.records[said].deleted = True
    with pytest.raises(Rejected, match="gone"):
        await channel.report_abuse(said, "harassment")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"text": "x" * 301}, "300 graphemes"),
        ({"colour": "red"}, "unknown colour"),
        ({"createdAt": "yesterday"}, "createdAt"),
        ({"facets": [{"index": {"byteStart": 0, "byteEnd": 1}, "features": []}]}, "splits"),
        ({"facets": [{"index": {"byteStart": 0, "byteEnd": 99}, "features": []}]}, "outside"),
        (
            {"facets": [{"index": {"byteStart": 0, "byteEnd": 2}, "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "b"}]}]},
            "not its tag",
        ),
        ({"embed": {"$type": "app.bsky.embed.images", "images": [{"image": {}, "alt": ""}]}}, "blob"),
        ({"reply": {"root": {"uri": "at://a/b/c", "cid": "x"}}}, "root and parent"),
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_the_pretend_network_keeps_to_the_lexicon(
    town: Simulator, channel: Bluesky, change: dict[str, Any], says: str
) -> None:
    record = {**post(replace(OUT, text="æ #a"), dids={}), **change}
    session = channel._session

    def write() -> None:
        import requests

        body = {"repo": session.did, "collection": "app.bsky.feed.post", "rkey": KEY, "record": record}
        token = json.loads(str(session._notes.read("session")))["access"]
        got = requests.post(
            f"{town.url}/xrpc/com.atproto.repo.putRecord",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=5,
        )
        assert got.status_code == 400
        assert says in got.json()["message"]

    await channel.check()
    write()
    assert says in town.state("refused")["refused"][0]["reason"]
    assert not wall(town)
