"""Flickr: the contract, signatures, our own tag, comments, refusals that come with status 200."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from oauthlib.oauth1 import Client as Signer

from crisis.channels.base import Accepted, Busy, Misconfigured, Outgoing, Rejected, SendError, Uncertain
from crisis.channels.flickr.adapter import Flickr, Options
from crisis.channels.flickr.words import as_written, description, machine_tag, refusal, uploaded
from crisis.settings import SecretRef
from tests.channels import contract
from tests.channels.contract import OUT
from tests.channels.pictures import film, picture
from tests.channels.specs import samples, spec
from tests.channels.stub import Reply, Request, closed_port, serving

pytestmark = pytest.mark.asyncio

SECRETS = ["flickr-consumer-key", "flickr-consumer-secret", "flickr-access-token", "flickr-access-token-secret"]
OWN = "12037949754@N01"
UP = Reply(200, '<?xml version="1.0" encoding="utf-8" ?>\n<rsp stat="ok">\n<photoid>2733</photoid>\n</rsp>')
POSTED = Accepted("2733", f"https://www.flickr.com/photos/{OWN}/2733")
COMMENT = "6065-2733-72057594077818641"
ANSWER = replace(OUT, text="Ring 22 00 00 00.", reply_to=COMMENT, phase="answer")
OK = Reply(200, {"stat": "ok"})


@pytest.fixture
def open_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> contract.Open:
    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    for name, secret in zip(names, SECRETS, strict=True):
        monkeypatch.setenv(f"F_{name.upper()}", secret)
    refs: dict[str, Any] = {name: SecretRef(env=f"F_{name.upper()}") for name in names}

    def open_at(url: str, **more: Any) -> Flickr:
        options = Options(user_id=OWN, base_url=url, upload_url=url, connect_seconds=0.5, read_seconds=0.4, **refs)
        return Flickr(contract.opening(options, tmp_path, **more))

    return open_at


@pytest.fixture
def out(tmp_path: Path) -> Outgoing:
    return replace(OUT, media=[picture(tmp_path, alt="Kart over Oslo S")])


def fits(request: Request) -> list[str]:
    """What Flickr's own description of the method does not know of this call."""
    given = request.query or request.form
    told = spec("flickr/method-info.json")[given["method"]]["arguments"]["argument"]
    known = {one["name"] for one in told} | {"method", "format", "nojsoncallback"}
    needed = {one["name"] for one in told if not int(one["optional"])} - {"api_key", "oauth_token"}  # in the signature
    return sorted((set(given) - known) | (needed - set(given)))


@contract.table
async def test_keeps_the_contract(case: contract.Case, open_at: contract.Open, out: Outgoing) -> None:
    await contract.keeps(case, open_at, out)


@contract.table
async def test_keeps_the_contract_for_comments(case: contract.Case, open_at: contract.Open) -> None:
    await contract.keeps(case, open_at, ANSWER)


async def test_accepts(open_at: contract.Open, out: Outgoing) -> None:
    await contract.accepted(open_at, out, UP, POSTED)


@pytest.mark.parametrize("sample", samples("flickr"), ids=lambda sample: sample["name"])
async def test_reads_the_recorded_answers(open_at: contract.Open, sample: dict[str, Any]) -> None:
    expected = {"retry_backoff": Busy, "ambiguous": Uncertain, "permanent": Rejected, "auth": Misconfigured}
    async with serving(Reply(sample["http_status"], sample["body"])) as stub:
        error = await contract.refused(open_at(stub.url), ANSWER)
    assert type(error) is expected[sample["class"]]


@pytest.mark.parametrize(
    ("code", "means"), [("3", Uncertain), ("4", Rejected), ("5", Rejected), ("6", Misconfigured), ("98", Misconfigured)]
)
async def test_refused_uploads(open_at: contract.Open, out: Outgoing, code: str, means: type[SendError]) -> None:
    reply = Reply(200, f'<rsp stat="fail"><err code="{code}" msg="It &amp; that"/></rsp>')
    async with serving(reply) as stub:
        error = await contract.refused(open_at(stub.url), out)
    assert type(error) is means
    assert error.say == f"Flickr {code}: It & that"


async def test_every_documented_refusal_has_a_meaning() -> None:
    for method in spec("flickr/method-info.json").values():
        for one in method["errors"]["error"]:
            assert isinstance(refusal(str(one["code"]), one["message"]), SendError)
    with pytest.raises(Uncertain):
        uploaded('<rsp stat="ok"><pho')


async def test_comments_too_fast_wait(open_at: contract.Open) -> None:
    async with serving(Reply(200, {"stat": "fail", "code": 9, "message": "too fast"})) as stub:
        assert isinstance(await contract.refused(open_at(stub.url), ANSWER), Busy)


async def test_a_picture_goes_up_signed_tagged_and_described(open_at: contract.Open, out: Outgoing) -> None:
    out = replace(out, text="Ring 113 & vent <nå>", tags=["blod gir liv"])
    async with serving(UP) as stub:
        await open_at(stub.url).send(out)
        await open_at(stub.url, mode="live").send(out)
    request, live = stub.requests
    parts = _parts(request)
    assert request.path == "/services/upload/"
    assert parts["photo"] == out.media[0].path.read_bytes().decode("latin-1")
    assert parts["description"] == "Ring 113 &amp; vent &lt;nå&gt;\n\nBildet viser: Kart over Oslo S"
    assert parts["tags"] == f'"{machine_tag(out)}" "blod gir liv"'
    assert (parts["is_public"], _parts(live)["is_public"]) == ("0", "1"), "a drill stays inside"
    words = {name: value for name, value in parts.items() if name != "photo"}
    assert _signature(request) in _proof(f"{stub.url}/services/upload/", request, words)


def _parts(request: Request) -> dict[str, str]:
    boundary = request.headers["Content-Type"].split("boundary=")[1].encode()
    found = {}
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, _, body = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = head.decode().split('name="')[1].split('"')[0]
        found[name] = body.decode("latin-1" if name == "photo" else "utf-8")
    return found


def _fields(request: Request) -> dict[str, str]:
    return dict(
        one.split("=", 1)
        for one in request.headers["Authorization"].removeprefix("OAuth ").replace('"', "").split(", ")
    )


def _signature(request: Request) -> str:
    return _fields(request)["oauth_signature"]


def _proof(url: str, request: Request, words: dict[str, str]) -> str:
    from urllib.parse import urlencode

    given = _fields(request)
    signer = Signer(
        SECRETS[0],
        client_secret=SECRETS[1],
        resource_owner_key=SECRETS[2],
        resource_owner_secret=SECRETS[3],
        nonce=given["oauth_nonce"],
        timestamp=given["oauth_timestamp"],
    )
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return str(signer.sign(url, "POST", urlencode(words), form)[1]["Authorization"])


@pytest.mark.parametrize("language", ["nb", "nn", "en"])
async def test_a_description_reads_back_as_the_text(out: Outgoing, language: str) -> None:
    out = replace(out, text="Ring 113 & vent.\n\nSe https://example.org/a?b=1&c=2", language=language)
    linked = description(out).replace(
        "https://example.org/a?b=1&amp;c=2", '<a href="x">https://example.org/a?b=1&amp;c=2</a>'
    )
    assert as_written(linked) == out.text


async def test_pictures_are_needed_and_only_one(open_at: contract.Open, tmp_path: Path) -> None:
    channel = open_at(closed_port())
    for media in ([], [film(tmp_path)], [picture(tmp_path), picture(tmp_path, "to.jpg")]):
        with pytest.raises(Rejected, match="one picture"):
            await channel.send(replace(OUT, media=media))
    with pytest.raises(Rejected, match="no picture or comment"):
        await channel.send(replace(ANSWER, reply_to="odd"))


async def test_find_knows_our_tag_and_our_words(open_at: contract.Open, out: Outgoing) -> None:
    at = contract.now()
    out = replace(out, first_attempt_at=at)
    photos = [{"id": "1", "machine_tags": ""}, {"id": "2733", "machine_tags": f"a:b=c {machine_tag(out)}"}]

    def listed(found: list[dict[str, str]], pages: int = 1) -> Reply:
        return Reply(200, {"stat": "ok", "photos": {"pages": pages, "photo": found}})

    told = {"id": COMMENT, "datecreate": str(int(at.timestamp())), "_content": "Ring 22 00 00 00."}
    comments = Reply(
        200, {"stat": "ok", "comments": {"comment": [told | {"author": "x"}, told | {"author": OWN, "id": "a-2733-7"}]}}
    )
    nothing = Reply(200, {"stat": "ok", "comments": {"photo_id": "2733"}})
    async with serving(listed(photos), listed(photos[:1]), listed([], 2), comments, nothing) as stub:
        channel: Any = open_at(stub.url)
        assert await channel.find(out) == POSTED
        assert await channel.find(out) is None
        with pytest.raises(Uncertain, match="look on Flickr"):
            await channel.find(out)
        answer = replace(ANSWER, first_attempt_at=at)
        assert (await channel.find(answer)).provider_id == "a-2733-7"
        assert await channel.find(answer) is None
        with pytest.raises(Uncertain):
            await channel.find(OUT)
    assert [fits(request) for request in stub.requests] == [[]] * 5


async def test_comments_edits_and_deletes_as_the_methods_have_them(open_at: contract.Open, out: Outgoing) -> None:
    made = Reply(200, {"stat": "ok", "comment": {"id": "1-2733-99"}})
    async with serving(made, made, OK, OK, OK, OK) as stub:
        channel: Any = open_at(stub.url)
        assert await channel.send(ANSWER) == Accepted("1-2733-99", f"{POSTED.url}#comment99")
        await channel.send(replace(OUT, text="a < b", reply_to="2733", phase="update"))
        assert await channel.edit("2733", out) == POSTED
        await channel.edit(COMMENT, ANSWER)
        await channel.delete("2733")
        await channel.delete(COMMENT)
    assert [fits(request) for request in stub.requests] == [[]] * 6
    methods = [request.form["method"].removeprefix("flickr.photos.") for request in stub.requests]
    assert methods == [
        "comments.addComment",
        "comments.addComment",
        "setMeta",
        "comments.editComment",
        "delete",
        "comments.deleteComment",
    ]
    assert stub.requests[1].form["comment_text"] == "a &lt; b"
    assert stub.requests[2].form["description"].startswith(OUT.text[:20])


async def test_deleting_what_is_gone_is_success_and_a_missing_right_is_not(open_at: contract.Open) -> None:
    gone, right = ({"stat": "fail", "code": code, "message": "x"} for code in (1, 99))
    async with serving(Reply(200, gone), Reply(200, right)) as stub:
        channel: Any = open_at(stub.url)
        await channel.delete("2733")
        with pytest.raises(Misconfigured):
            await channel.delete("2733")


async def test_shown(open_at: contract.Open) -> None:
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    photo = {
        "id": "2733",
        "description": {"_content": "Hei &amp; h&aring;\n\nBildet viser: Kart"},
        "dateupload": str(int(at.timestamp())),
    }
    async with serving(Reply(200, {"stat": "ok", "photos": {"pages": 1, "photo": [photo]}})) as stub:
        shown = await open_at(stub.url).shown(at)  # type: ignore[attr-defined]
    assert [(one.provider_id, one.text, one.at, one.url) for one in shown] == [("2733", "Hei & hå", at, POSTED.url)]
    assert fits(stub.requests[0]) == []
    assert stub.requests[0].query["privacy_filter"] == "5", "a drill's pictures are private"


async def test_polls_only_where_something_happened(open_at: contract.Open) -> None:
    told = {
        "id": COMMENT,
        "author": "x",
        "authorname": "Kari",
        "datecreate": "1700000000",
        "_content": "Er mor &lt;der&gt;?",
    }
    ours = told | {"author": OWN}
    photos = Reply(200, {"stat": "ok", "photos": {"photo": [{"id": "2733"}]}})
    async with serving(photos, Reply(200, {"stat": "ok", "comments": {"comment": [told, ours]}})) as stub:
        channel: Any = open_at(stub.url)
        first = await channel.poll(None)
        assert not stub.requests
        polled = await channel.poll(first.cursor)
    assert [(one.provider_id, one.text, one.author_name, one.root) for one in polled.inbounds] == [
        (COMMENT, "Er mor <der>?", "Kari", "2733")
    ]
    assert json.loads(polled.cursor)["since"] >= json.loads(first.cursor)["since"]
    assert [fits(request) for request in stub.requests] == [[], []]


@pytest.mark.parametrize(
    ("perms", "nsid", "ok", "says"),
    [
        ("delete", OWN, True, "signed in"),
        ("write", OWN, True, "may not delete"),
        ("read", OWN, False, "may only read"),
        ("delete", "1@N01", False, "belong to 1@N01"),
    ],
)
async def test_check(open_at: contract.Open, perms: str, nsid: str, *, ok: bool, says: str) -> None:
    told = {"token": {"_content": "t"}, "perms": {"_content": perms}, "user": {"nsid": nsid}}
    async with serving(Reply(200, {"stat": "ok", "oauth": told})) as stub:
        health = await open_at(stub.url).check()  # type: ignore[attr-defined]
    assert health.ok is ok
    assert says in health.say
    assert fits(stub.requests[0]) == []


@pytest.mark.parametrize("reply", [UP, Reply(401, {}), Reply(500, "x"), Reply(manner="silent"), Reply(manner="reset")])
async def test_no_secret_shows(
    reply: Reply, open_at: contract.Open, out: Outgoing, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        await contract.no_secret_shows(SECRETS, caplog, lambda: channel.send(out))
        assert SECRETS[0] in stub.requests[0].headers["Authorization"]
        assert SECRETS[2] not in stub.requests[0].raw_path
    channel = open_at(closed_port())
    await contract.no_secret_shows(
        SECRETS, caplog, lambda: channel.send(replace(out, first_attempt_at=contract.now() - timedelta(1)))
    )
