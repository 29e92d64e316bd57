"""LinkedIn: the contract, little text, what it asks, comments and answers, tokens, hooks, and what it does when cut."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from crisis.channels.base import (
    Accepted,
    BadSignature,
    Busy,
    Health,
    Hook,
    Misconfigured,
    Rejected,
    SendError,
    Uncertain,
    Unreachable,
)
from crisis.channels.errors import accepted_body, answer
from crisis.channels.linkedin.adapter import LinkedIn, Options
from crisis.channels.linkedin.words import as_written, little_text, refusal
from crisis.settings import SecretRef
from tests.channels import contract
from tests.channels.contract import OUT
from tests.channels.pictures import film, picture
from tests.channels.specs import samples, spec
from tests.channels.stub import Reply, Request, closed_port, serving

pytestmark = pytest.mark.asyncio

SECRET, TOKEN, REFRESH = "li-client-secret", "linkedin-access-token", "linkedin-refresh-token"
ORGANISATION = "urn:li:organization:4242"
SHARE = "urn:li:share:7141138937766391808"
SHARE_ESCAPED = "urn%3Ali%3Ashare%3A7141138937766391808"
COMMENT = "urn:li:comment:(urn:li:activity:7094637247890620418,7094977717598625792)"
MADE = Reply(201, "", {"x-restli-id": SHARE})
DUPLICATE = Reply(
    422,
    {
        "message": f"BadRequestResponseException: Content is a duplicate of {SHARE}",
        "errorDetails": {"inputErrors": [{"description": "Duplicate post is detected", "code": "DUPLICATE_POST"}]},
        "status": 422,
    },
)
POSTED = Accepted(SHARE, f"https://www.linkedin.com/feed/update/{SHARE}")
ANSWER = replace(OUT, text="Ring 22 00 00 00.", reply_to=COMMENT, phase="answer")


@pytest.fixture
def open_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> contract.Open:
    monkeypatch.setenv("LI_TOKEN", TOKEN)
    monkeypatch.setenv("LI_SECRET", SECRET)

    def open_at(url: str, **more: Any) -> LinkedIn:
        given: dict[str, Any] = {
            "organization": "4242",
            "access_token": SecretRef(env="LI_TOKEN"),
            "client_secret": SecretRef(env="LI_SECRET"),
        }
        options = Options(base_url=url, auth_url=url, connect_seconds=0.5, read_seconds=0.4, **(given | more))
        return LinkedIn(contract.opening(options, tmp_path))

    return open_at


@pytest.fixture
def renewing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LI_REFRESH", REFRESH)
    monkeypatch.setenv("LI_SECRET", SECRET)

    def open_at(url: str, notes: contract.MemoryNotes | None = None) -> LinkedIn:
        options = Options(
            organization="4242",
            refresh_token=SecretRef(env="LI_REFRESH"),
            client_id="app-1",
            client_secret=SecretRef(env="LI_SECRET"),
            base_url=url,
            auth_url=url,
            connect_seconds=0.5,
            read_seconds=0.4,
        )
        return LinkedIn(contract.opening(options, tmp_path, notes=notes or contract.MemoryNotes()))

    return open_at


def post(text: str, at: datetime, urn: str = SHARE, **more: Any) -> dict[str, Any]:
    milliseconds = int(at.timestamp() * 1000)
    return {
        "id": urn,
        "author": ORGANISATION,
        "commentary": little_text(text),
        "createdAt": milliseconds,
        "publishedAt": milliseconds,
        "lastModifiedAt": milliseconds,
        "lifecycleState": "PUBLISHED",
        **more,
    }


def posts(*them: dict[str, Any]) -> Reply:
    return Reply(200, {"elements": list(them), "paging": {"start": 0, "count": 100, "links": []}})


def notification(action: str = "COMMENT", owner: str = "urn:li:person:abc", **more: Any) -> dict[str, Any]:
    return {
        "notificationId": 5603453321,
        "organizationalEntity": ORGANISATION,
        "action": action,
        "sourcePost": "urn:li:activity:7094637247890620418",
        "decoratedSourcePost": {"entity": SHARE, "owner": ORGANISATION, "text": "x", "mediaCategory": "NONE"},
        "generatedActivity": "urn:li:comment:(activity:7094637247890620418,7094977717598625792)",
        "decoratedGeneratedActivity": {"comment": {"owner": owner, "text": "Er mor der?", "entity": COMMENT}},
        "lastModifiedAt": 1691574506310,
        **more,
    }


@contract.table
async def test_keeps_the_contract(case: contract.Case, open_at: contract.Open) -> None:
    await contract.keeps(case, open_at, OUT)


@contract.table
async def test_keeps_the_contract_for_comments(case: contract.Case, open_at: contract.Open) -> None:
    await contract.keeps(case, open_at, replace(ANSWER, reply_to=SHARE))


async def test_accepts_what_has_no_body(open_at: contract.Open) -> None:
    await contract.accepted(open_at, OUT, MADE, POSTED)


@pytest.mark.parametrize("sample", samples("linkedin"), ids=lambda sample: sample["name"])
async def test_reads_the_recorded_answers(sample: dict[str, Any]) -> None:
    expected = {"duplicate": Rejected, "permanent": Rejected, "retry_next_day": Busy}[sample["class"]]
    reply = Reply(sample["http_status"], sample["body"], sample["headers"])
    with pytest.raises(expected) as caught:
        accepted_body(answer(reply.status, reply.headers, reply.text), refusal)
    assert (caught.value.code == "duplicate") == (sample["class"] == "duplicate")  # type: ignore[attr-defined]


# -- what it asks ----------------------------------------------------------------------------------------------------


async def test_asks_as_documented(open_at: contract.Open) -> None:
    async with serving(MADE, Reply(200, post(OUT.text, contract.now()))) as stub:
        assert await open_at(stub.url).send(OUT) == POSTED
    made, look = stub.requests
    assert (made.method, made.path) == ("POST", "/rest/posts")
    assert made.headers["LinkedIn-Version"] == "202607"
    assert made.headers["X-Restli-Protocol-Version"] == "2.0.0"
    assert made.headers["Authorization"] == f"Bearer {TOKEN}"
    assert made.json["author"] == ORGANISATION
    assert as_written(made.json["commentary"]) == OUT.text
    assert "content" not in made.json
    assert look.method == "GET"


async def test_a_window_that_a_post_used_up_is_told(open_at: contract.Open) -> None:
    last = Reply(201, "", {"x-restli-id": SHARE, "ratelimit-remaining": "0", "ratelimit-reset": "40"})
    async with serving(last, Reply(200, post(OUT.text, contract.now()))) as stub:
        assert await open_at(stub.url).send(OUT) == replace(POSTED, wait=40.0)


async def test_a_post_that_was_cut_is_taken_down(open_at: contract.Open) -> None:
    shown = Reply(200, post(OUT.text[:20], contract.now()))
    async with serving(MADE, shown, Reply(204)) as stub:
        with pytest.raises(Rejected) as caught:
            await open_at(stub.url).send(OUT)
    assert caught.value.code == "cut"
    assert stub.requests[2].method == "DELETE"


@pytest.mark.parametrize("look", [Reply(404, {}), Reply(500, "x"), Reply(200, {}), Reply(manner="reset")])
async def test_a_post_that_cannot_be_read_back_stands(open_at: contract.Open, look: Reply) -> None:
    async with serving(MADE, look) as stub:
        assert await open_at(stub.url).send(OUT) == POSTED
        assert [request.method for request in stub.requests].count("POST") == 1


async def test_pictures_go_up_first_with_their_words(open_at: contract.Open, tmp_path: Path) -> None:
    begun = 0

    def reply(request: Request) -> Reply:
        nonlocal begun
        if request.path == "/rest/images":
            begun += 1
            return Reply(200, {"value": {"uploadUrl": f"{stub.url}/up/{begun}", "image": f"urn:li:image:{begun}"}})
        return Reply(201, "") if request.method == "PUT" else MADE if request.method == "POST" else Reply(404, {})

    async with serving() as stub:
        stub.answer = reply
        channel = open_at(stub.url)
        await channel.send(replace(OUT, media=[picture(tmp_path, alt="Kart over Oslo S")]))
        await channel.send(replace(OUT, media=[picture(tmp_path), picture(tmp_path, "to.jpg", alt="")]))
    put = next(request for request in stub.requests if request.method == "PUT")
    assert (put.path, put.body) == ("/up/1", b"\xff\xd8\xff picture")
    single, several = (r.json["content"] for r in stub.requests if r.path == "/rest/posts" and r.method == "POST")
    assert single == {"media": {"id": "urn:li:image:1", "altText": "Kart over Oslo S"}}
    assert several == {
        "multiImage": {"images": [{"id": "urn:li:image:2", "altText": "Kart"}, {"id": "urn:li:image:3"}]}
    }


@pytest.mark.parametrize("reply", [Reply(500, "x"), Reply(manner="silent"), Reply(200, {"odd": 1})])
async def test_a_picture_that_stays_behind_is_safe_to_repeat(
    open_at: contract.Open, tmp_path: Path, reply: Reply
) -> None:
    async with serving(reply) as stub:
        with pytest.raises(Unreachable):
            await open_at(stub.url).send(replace(OUT, media=[picture(tmp_path)]))
        assert [request.path for request in stub.requests] == ["/rest/images"]


async def test_film_is_refused_before_anything_leaves(open_at: contract.Open, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="film"):
        await open_at(closed_port()).send(replace(OUT, media=[film(tmp_path)]))


async def test_follow_ups_are_posts_and_answers_are_comments(open_at: contract.Open) -> None:
    parent = "urn:li:comment:(urn:li:activity:7094637247890620418,1)"
    said = Reply(201, {"commentUrn": "urn:li:comment:(urn:li:activity:7094637247890620418,99)", "id": "99"})
    async with serving(MADE, Reply(404, {}), Reply(200, {"id": "2", "parentComment": parent}), said) as stub:
        channel = open_at(stub.url)
        assert await channel.send(replace(OUT, reply_to=SHARE, phase="correction")) == POSTED
        found = await channel.send(ANSWER)
    assert found.provider_id == "urn:li:comment:(urn:li:activity:7094637247890620418,99)"
    assert stub.requests[0].path == "/rest/posts"
    assert stub.requests[3].json == {
        "actor": ORGANISATION,
        "object": "urn:li:activity:7094637247890620418",
        "parentComment": parent,
        "message": {"text": ANSWER.text},
    }


async def test_a_comment_too_long_is_refused_before_it_leaves(open_at: contract.Open) -> None:
    with pytest.raises(Rejected, match="1250"):
        await open_at(closed_port()).send(replace(ANSWER, text="x" * 1251))


@pytest.mark.parametrize(
    ("attempt", "posted", "ours"),
    [(-30, -29, True), (-30, -7200, False), (None, -10, False)],
    ids=["by our earlier attempt", "hours ago", "never tried"],
)
async def test_duplicate_is_ours_only_when_it_is_new(
    open_at: contract.Open, attempt: int | None, posted: int, *, ours: bool
) -> None:
    seen = Reply(200, post(OUT.text, contract.now() + timedelta(seconds=posted)))
    out = OUT if attempt is None else replace(OUT, first_attempt_at=contract.now() + timedelta(seconds=attempt))
    async with serving(DUPLICATE, seen) as stub:
        channel = open_at(stub.url)
        if ours:
            assert await channel.send(out) == POSTED
        else:
            with pytest.raises(Rejected) as caught:
                await channel.send(out)
            assert caught.value.code == "duplicate"


async def test_a_ghost_duplicate_stays_refused(open_at: contract.Open) -> None:
    async with serving(DUPLICATE, Reply(404, {})) as stub:
        with pytest.raises(Rejected):
            await open_at(stub.url).send(replace(OUT, first_attempt_at=contract.now()))


async def test_find_reads_the_page(open_at: contract.Open) -> None:
    at = contract.now()
    out = replace(OUT, text="Ring 113 (nå) #blod", first_attempt_at=at)
    other = post("noe annet", at, "urn:li:share:1")
    old = post(out.text, at - timedelta(hours=2), "urn:li:share:2")
    async with serving(posts(other, post(out.text, at)), posts(other, old)) as stub:
        channel = open_at(stub.url)
        assert await channel.find(out) == POSTED  # type: ignore[attr-defined]
        assert await channel.find(out) is None  # type: ignore[attr-defined]
        with pytest.raises(Uncertain):
            await channel.find(OUT)  # type: ignore[attr-defined]
    assert stub.requests[0].query["author"] == ORGANISATION
    assert stub.requests[0].headers["X-RestLi-Method"] == "FINDER"


async def test_find_reads_the_comments_for_an_answer(open_at: contract.Open) -> None:
    at = contract.now()
    mine = {
        "actor": ORGANISATION,
        "commentUrn": COMMENT,
        "created": {"time": int(at.timestamp() * 1000)},
        "message": {"text": ANSWER.text},
    }
    stranger = mine | {"actor": "urn:li:person:abc"}
    out = replace(ANSWER, reply_to=SHARE, first_attempt_at=at)
    async with serving(Reply(200, {"elements": [stranger, mine]}), Reply(200, {"elements": [stranger]})) as stub:
        channel = open_at(stub.url)
        found = await channel.find(out)  # type: ignore[attr-defined]
        assert found.provider_id == COMMENT
        assert await channel.find(out) is None  # type: ignore[attr-defined]


async def test_edit_and_delete_posts_and_comments(open_at: contract.Open) -> None:
    async with serving(Reply(204)) as stub:
        channel: Any = open_at(stub.url)
        assert await channel.edit(SHARE, replace(OUT, text="Rettet (nå)")) == POSTED
        await channel.edit(COMMENT, ANSWER)
        await channel.delete(SHARE)
        await channel.delete(COMMENT)
    changed, comment, gone, comment_gone = stub.requests
    assert changed.headers["X-RestLi-Method"] == comment.headers["X-RestLi-Method"] == "PARTIAL_UPDATE"
    assert changed.json == {"patch": {"$set": {"commentary": r"Rettet \(nå\)"}}}
    assert comment.json == {"patch": {"message": {"$set": {"text": ANSWER.text}}}}
    assert gone.path == f"/rest/posts/{SHARE}"
    assert comment_gone.query == {"actor": ORGANISATION}
    assert comment_gone.path.endswith("/comments/7094977717598625792")


async def test_deleting_what_is_gone_is_success(open_at: contract.Open) -> None:
    async with serving(Reply(404, {})) as stub:
        await open_at(stub.url).delete(SHARE)  # type: ignore[attr-defined]


async def test_shown_tells_text_and_edits(open_at: contract.Open) -> None:
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    edited = post("Rettet", at, lifecycleStateInfo={"isEditedByAuthor": True})
    draft = post("Utkast", at, "urn:li:share:3", lifecycleState="DRAFT")
    old = post("Gammelt", at - timedelta(days=2), "urn:li:share:4")
    async with serving(posts(edited, draft, old)) as stub:
        shown = await open_at(stub.url).shown(at - timedelta(hours=1))  # type: ignore[attr-defined]
    assert [(one.provider_id, one.text, one.edited_at) for one in shown] == [(SHARE, "Rettet", at)]


async def test_addresses_keep_their_escaped_colons(open_at: contract.Open) -> None:
    """Rest.li tells an escaped colon from a bare one, and client libraries like to change one into the other."""
    async with serving(Reply(204)) as stub:
        await open_at(stub.url).delete(SHARE)  # type: ignore[attr-defined]
        assert stub.requests[0].raw_path == f"/rest/posts/{SHARE_ESCAPED}"


# -- comments --------------------------------------------------------------------------------------------------------


async def test_polls_from_now_and_then_since_then(open_at: contract.Open) -> None:
    told = [
        notification(),
        notification("LIKE"),
        notification("ADMIN_COMMENT"),
        notification(owner=ORGANISATION),
        notification("COMMENT_DELETE", lastModifiedAt=1691574506311),
    ]
    async with serving(Reply(200, {"elements": told})) as stub:
        channel: Any = open_at(stub.url)
        first = await channel.poll(None)
        assert not stub.requests
        later = await channel.poll(first.cursor)
    assert json.loads(later.cursor)["since"] >= json.loads(first.cursor)["since"]
    assert [(one.provider_id, one.text, one.deleted) for one in later.inbounds] == [
        (COMMENT, "Er mor der?", False),
        (COMMENT, "Er mor der?", True),
    ]
    assert later.inbounds[0].root == later.inbounds[0].in_reply_to == SHARE
    assert f"start:{json.loads(first.cursor)['since']}" in stub.requests[0].query["timeRange"]


async def test_hooks_by_the_published_vectors(open_at: contract.Open) -> None:
    vectors = [one for one in spec("webhooks/signature-vectors.json")["vectors"] if one["provider"] == "linkedin"]
    challenge = next(one for one in vectors if "query" in one)
    signed = next(one for one in vectors if "body" in one)
    channel: Any = open_at("http://127.0.0.1:1")
    url = f"https://crisis.example.org/hooks/x/inbound?{urlencode(challenge['query'])}"
    told = channel.read_hook(Hook("GET", url, {}, b""))
    assert json.loads(told.answer) == challenge["expect_response"]
    assert told.content_type == "application/json"
    body = signed["body"].encode()
    assert not channel.read_hook(Hook("POST", url, signed["headers"], body)).inbounds
    for changed in (body + b" ", b""):
        with pytest.raises(BadSignature):
            channel.read_hook(Hook("POST", url, signed["headers"], changed))


async def test_a_challenge_never_signs_a_notification(open_at: contract.Open) -> None:
    forged = urlencode({"challengeCode": 'hmacsha256={"notifications":[]}'})
    with pytest.raises(BadSignature):
        open_at("http://127.0.0.1:1").read_hook(Hook("GET", f"https://x/?{forged}", {}, b""))  # type: ignore[attr-defined]


async def test_a_hook_and_a_poll_tell_the_same(open_at: contract.Open) -> None:
    import hashlib
    import hmac

    other = notification(organizationalEntity="urn:li:organization:1")
    body = json.dumps({"type": "x", "notifications": [notification(), other]}).encode()
    proof = hmac.new(SECRET.encode(), b"hmacsha256=" + body, hashlib.sha256).hexdigest()
    async with serving(Reply(200, {"elements": [notification()]})) as stub:
        channel: Any = open_at(stub.url)
        hooked = channel.read_hook(Hook("POST", "https://x/", {"X-Li-Signature": proof}, body)).inbounds
        polled = (await channel.poll('{"since": 1}')).inbounds
    assert list(hooked) == list(polled)


# -- tokens ----------------------------------------------------------------------------------------------------------

RENEWED = Reply(
    200,
    {
        "access_token": "fresh-access-token",
        "expires_in": 5184000,
        "refresh_token": REFRESH,
        "refresh_token_expires_in": 31536000,
        "scope": "w_organization_social r_organization_social",
    },
)


async def test_a_token_is_renewed_once_and_kept(renewing: Any) -> None:
    notes = contract.MemoryNotes()
    async with serving(RENEWED, MADE, Reply(404, {}), MADE, Reply(404, {}), MADE) as stub:
        channel = renewing(stub.url, notes)
        await channel.send(OUT)
        await channel.send(OUT)
        await renewing(stub.url, notes).send(OUT)
    asked = [request for request in stub.requests if request.path == "/oauth/v2/accessToken"]
    assert len(asked) == 1
    assert asked[0].form == {
        "grant_type": "refresh_token",
        "refresh_token": REFRESH,
        "client_id": "app-1",
        "client_secret": SECRET,
    }
    assert stub.requests[1].headers["Authorization"] == "Bearer fresh-access-token"


async def test_a_new_grant_in_the_settings_wins_over_the_kept_one(renewing: Any, monkeypatch: Any) -> None:
    notes = contract.MemoryNotes()
    async with serving(RENEWED, MADE, Reply(404, {}), RENEWED, MADE) as stub:
        await renewing(stub.url, notes).send(OUT)
        monkeypatch.setenv("LI_REFRESH", "another-refresh-token")
        await renewing(stub.url, notes).send(OUT)
        assert stub.requests[3].form["refresh_token"] == "another-refresh-token"


@pytest.mark.parametrize(
    ("reply", "means"),
    [
        (Reply(400, {"error": "invalid_request", "error_description": "The token has been revoked"}), Misconfigured),
        (Reply(401, {"error": "invalid_client"}), Misconfigured),
        (Reply(429, {}), Busy),
        (Reply(500, "x"), Unreachable),
        (Reply(200, {"odd": 1}), Unreachable),
        (Reply(manner="silent"), Unreachable),
        (Reply(manner="reset"), Unreachable),
    ],
)
async def test_a_token_that_cannot_be_renewed_means_nothing_left(
    renewing: Any, reply: Reply, means: type[SendError]
) -> None:
    async with serving(reply) as stub:
        with pytest.raises(means):
            await renewing(stub.url).send(OUT)
        assert [request.path for request in stub.requests] == ["/oauth/v2/accessToken"]


async def test_a_refused_token_is_not_used_again_and_the_send_not_repeated(renewing: Any) -> None:
    async with serving(RENEWED, Reply(401, {"message": "revoked"}), RENEWED, MADE) as stub:
        channel = renewing(stub.url)
        with pytest.raises(Misconfigured):
            await channel.send(OUT)
        assert [request.path for request in stub.requests] == ["/oauth/v2/accessToken", "/rest/posts"]
        await channel.send(OUT)
        assert stub.requests[2].path == "/oauth/v2/accessToken"


def acls(role: str) -> Reply:
    return Reply(200, {"elements": [{"role": role, "organization": ORGANISATION, "state": "APPROVED"}]})


def inspected(**more: Any) -> Reply:
    told = {"active": True, "status": "active", "scope": "w_organization_social,r_organization_social", **more}
    return Reply(200, told)


@pytest.mark.parametrize(
    ("introspection", "roles", "ok", "says"),
    [
        (inspected(), acls("ADMINISTRATOR"), True, "ADMINISTRATOR"),
        (inspected(), acls("ANALYST"), False, "may not post"),
        (inspected(), Reply(200, {"elements": []}), False, "may not post"),
        (inspected(scope="r_organization_social"), acls("ADMINISTRATOR"), False, "lacks w_organization_social"),
        (inspected(active=False, status="expired"), acls("ADMINISTRATOR"), False, "expired"),
        (inspected(), Reply(426, {"message": "version"}), False, "version"),
    ],
)
async def test_check(renewing: Any, introspection: Reply, roles: Reply, *, ok: bool, says: str) -> None:
    async with serving(RENEWED, introspection, roles) as stub:
        health: Health = await renewing(stub.url).check()
    assert health.ok is ok
    assert says in health.say
    if ok:
        assert health.expires_at is not None
        assert health.expires_at > contract.now() + timedelta(days=360)


@pytest.mark.parametrize(
    "reply", [MADE, Reply(401, {}), Reply(500, "x"), Reply(manner="silent"), Reply(manner="reset")]
)
async def test_no_secret_shows(reply: Reply, renewing: Any, caplog: pytest.LogCaptureFixture) -> None:
    secrets = [REFRESH, SECRET, "fresh-access-token"]
    async with serving(RENEWED, reply) as stub:
        channel = renewing(stub.url)
        await contract.no_secret_shows(secrets, caplog, lambda: channel.send(OUT))
        assert not [request for request in stub.requests if any(s in str(request.query) for s in secrets)]
    channel = renewing(closed_port())
    await contract.no_secret_shows(secrets, caplog, lambda: channel.send(OUT))


async def test_options_name_what_is_missing() -> None:
    with pytest.raises(ValueError, match="give refresh_token"):
        Options(organization="1")
    with pytest.raises(ValueError, match="client_id"):
        Options(organization="1", refresh_token=SecretRef(env="A"))
