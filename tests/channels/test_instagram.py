"""Instagram: two steps and never twice, the contract at the step that everybody sees, quota, comments, webhooks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crisis.channels.base import Accepted, BadSignature, Budget, Busy, Rejected, SendError, Uncertain, Unreachable
from crisis.channels.meta import containers
from crisis.channels.meta.instagram import COMMENT, HOSTS, MEDIA, Instagram, Options
from tests.channels import contract
from tests.channels.graph_scene import (
    DONE,
    EXPIRED,
    GONE,
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

ME = "178"
URL = "https://www.instagram.com/p/abc/"
BOX, MADE = Reply(200, {"id": "c1"}), Reply(200, {"id": "900"})
LINK = Reply(200, {"id": "900", "permalink": URL})
POSTED = Accepted("900", URL)


def status(word: str) -> Reply:
    return Reply(200, {"id": "c1", "status_code": word})


def quota(used: int, total: int = 50) -> Reply:
    return Reply(200, {"data": [{"quota_usage": used, "config": {"quota_total": total, "quota_duration": 86400}}]})


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "WAITS", (0.0, 0.0))


@pytest.fixture
def notes() -> contract.MemoryNotes:
    return contract.MemoryNotes()


@pytest.fixture
def open_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: contract.MemoryNotes) -> Any:
    refs: dict[str, Any] = secrets(monkeypatch)

    def open_at(url: str, **more: Any) -> Instagram:
        given = {"base_url": f"{url}/v26.0", "connect_seconds": 0.5, "read_seconds": 0.4, **refs, **more}
        return Instagram(contract.opening(Options(user_id=ME, handle="oslo.sykehus", **given), tmp_path, notes=notes))

    return open_at


@pytest.fixture
def out(tmp_path: Path) -> Any:
    return replace(contract.OUT, media=(attachment(tmp_path),), first_attempt_at=contract.now())


def network(**answers: Reply | list[Reply]) -> Any:
    """A network that answers by the last word of the address; `write_` for what changes something."""

    def reply(request: Request) -> Reply:
        word = request.path.rsplit("/", 1)[1]
        name = f"write_{word}" if request.method == "POST" else f"read_{word}"
        given = answers.get(name, answers.get("rest"))
        assert given is not None, f"{name} was not expected"
        return (given.pop(0) if len(given) > 1 else given[0]) if isinstance(given, list) else given

    return reply


@contract.table
async def test_keeps_the_contract_when_it_publishes(case: contract.Case, open_at: Any, out: Any) -> None:
    """The container is made and ready; then what everybody sees goes wrong."""
    if case.reply is None:
        await contract.keeps(case, open_at, out)
        return
    async with serving() as stub:
        stub.answer = network(
            write_media=BOX, read_c1=status("FINISHED"), write_media_publish=case.reply, rest=case.reply
        )
        error = await contract.refused(open_at(stub.url), out)
        assert type(error) is case.means, error.say
        assert len([one for one in stub.requests if one.path.endswith("media_publish")]) == 1
    assert error.say
    assert "<" not in error.say
    assert (error.retry_after is None) == (case.wait is None)


@contract.table
async def test_a_container_shows_nobody_anything_so_making_it_is_never_in_doubt(
    case: contract.Case, open_at: Any, out: Any
) -> None:
    if case.reply is None:
        return
    async with serving(case.reply) as stub:
        error = await contract.refused(open_at(stub.url), out)
    assert type(error) is (Unreachable if case.means is Uncertain else case.means)


async def test_publishes_in_two_steps(open_at: Any, out: Any, notes: contract.MemoryNotes) -> None:
    async with serving() as stub:
        steps = [status("IN_PROGRESS"), status("FINISHED")]
        stub.answer = network(write_media=BOX, read_c1=steps, write_media_publish=MADE, read_900=LINK)
        assert await open_at(stub.url).send(out) == POSTED
    make, *_, publish, _ = stub.requests
    assert make.path == "/v26.0/178/media"
    assert make.form["image_url"] == out.media[0].url
    assert (make.form["caption"], make.form["alt_text"]) == (out.text, out.media[0].alt)
    assert publish.form["creation_id"] == "c1"
    assert set(make.form) <= known_parameters("IGUser", "POST", "media")
    assert set(publish.form) <= known_parameters("IGUser", "POST", "media_publish")
    assert notes.read(f"container:{out.delivery_id}") == "c1"
    keeps_the_token_private(stub.requests, "/v26.0")


async def test_a_row_of_pictures_and_a_film(open_at: Any, out: Any, tmp_path: Path) -> None:
    row = replace(out, media=(attachment(tmp_path, "a.jpg"), attachment(tmp_path, "b.jpg")))
    film = replace(out, media=(attachment(tmp_path, "f.mp4", "film"),), delivery_id="other")
    async with serving() as stub:
        stub.answer = network(write_media=BOX, read_c1=status("FINISHED"), write_media_publish=MADE, read_900=LINK)
        channel = open_at(stub.url)
        await channel.send(row)
        await channel.send(film)
    made = [request.form for request in stub.requests if request.path.endswith("/media")]
    assert [one.get("is_carousel_item") for one in made] == ["true", "true", None, None]
    assert (made[2]["media_type"], made[2]["children"], made[2]["caption"]) == ("CAROUSEL", "c1,c1", out.text)
    assert (made[3]["media_type"], "alt_text" in made[3]) == ("REELS", False)
    for form in made:
        assert set(form) <= known_parameters("IGUser", "POST", "media")


async def test_there_is_no_post_without_a_picture(open_at: Any) -> None:
    with pytest.raises(Rejected, match="add one"):
        await open_at(closed_port()).send(contract.OUT)


@pytest.mark.parametrize("lost", [Reply(manner="silent"), Reply(503, "oops"), Reply(manner="reset"), Reply(200, "")])
async def test_a_repeat_after_a_lost_answer_never_publishes_twice(open_at: Any, out: Any, lost: Reply) -> None:
    """It was published although nobody heard: the repeat asks the container and finds the post in the feed."""
    feed = rows({"id": "900", "caption": out.text, "timestamp": contract.now().isoformat(), "permalink": URL})
    async with serving() as stub:
        steps = [status("FINISHED"), status("PUBLISHED")]
        stub.answer = network(write_media=BOX, read_c1=steps, write_media_publish=lost, read_media=feed)
        with pytest.raises(Uncertain):
            await open_at(stub.url).send(out)
        assert await open_at(stub.url).find(out) == POSTED
        assert await open_at(stub.url).send(replace(out, reference="again.2")) == POSTED
    assert len([one for one in stub.requests if one.path.endswith("media_publish")]) == 1
    assert len([one for one in stub.requests if one.path.endswith("/media") and one.method == "POST"]) == 1


async def test_published_and_not_shown_yet_stays_in_doubt(open_at: Any, out: Any, notes: contract.MemoryNotes) -> None:
    notes.write(f"container:{out.delivery_id}", "c1")
    async with serving() as stub:
        stub.answer = network(read_c1=status("PUBLISHED"), read_media=rows())
        for act in ("find", "send"):
            with pytest.raises(Uncertain, match="published"):
                await getattr(open_at(stub.url), act)(out)
    assert not [one for one in stub.requests if one.method == "POST"]


async def test_a_container_that_waits_is_published_and_not_made_again(
    open_at: Any, out: Any, notes: contract.MemoryNotes
) -> None:
    notes.write(f"container:{out.delivery_id}", "c1")
    async with serving() as stub:
        stub.answer = network(read_c1=status("FINISHED"), write_media_publish=MADE, read_900=LINK)
        assert await open_at(stub.url).find(out) is None
        assert await open_at(stub.url).send(out) == POSTED


@pytest.mark.parametrize("word", ["EXPIRED", "ERROR"])
async def test_a_dead_container_is_made_anew(open_at: Any, out: Any, notes: contract.MemoryNotes, word: str) -> None:
    notes.write(f"container:{out.delivery_id}", "c1")
    async with serving() as stub:
        stub.answer = network(
            read_c1=status(word), write_media=Reply(200, {"id": "c2"}), read_c2=status("FINISHED"),
            write_media_publish=MADE, read_900=LINK,
        )  # fmt: skip
        assert await open_at(stub.url).send(out) == POSTED
    assert notes.read(f"container:{out.delivery_id}") == "c2"


async def test_a_publication_that_overtakes_the_repeat_is_seen(
    open_at: Any, out: Any, notes: contract.MemoryNotes
) -> None:
    notes.write(f"container:{out.delivery_id}", "c1")
    async with serving() as stub:
        steps = [status("FINISHED"), status("FINISHED"), status("PUBLISHED")]
        stub.answer = network(read_c1=steps, write_media_publish=REFUSED)
        with pytest.raises(Uncertain, match="earlier attempt"):
            await open_at(stub.url).send(out)


async def test_a_picture_that_takes_long_makes_the_account_wait_and_one_that_fails_is_said(
    open_at: Any, out: Any
) -> None:
    async with serving() as stub:
        stub.answer = network(write_media=BOX, read_c1=status("IN_PROGRESS"))
        with pytest.raises(Busy, match="preparing"):
            await open_at(stub.url).send(out)
        stub.answer = network(write_media=BOX, read_c1=status("ERROR"))
        with pytest.raises(Rejected, match="picture"):
            await open_at(stub.url).send(replace(out, delivery_id="other"))


@pytest.mark.parametrize(("used", "means"), [(50, Busy), (3, Rejected)])
async def test_a_refusal_for_the_quota_is_about_the_day_and_not_the_text(
    open_at: Any, out: Any, used: int, means: type[SendError]
) -> None:
    async with serving() as stub:
        stub.answer = network(
            write_media=BOX, read_c1=status("FINISHED"), write_media_publish=REFUSED,
            read_content_publishing_limit=quota(used),
        )  # fmt: skip
        with pytest.raises(means):
            await open_at(stub.url).send(out)


async def test_a_correction_also_stands_under_the_wrong_post(open_at: Any, out: Any) -> None:
    async with serving() as stub:
        stub.answer = network(
            write_media=BOX, read_c1=status("FINISHED"), write_media_publish=MADE, read_900=LINK, write_comments=REFUSED
        )
        assert await open_at(stub.url).send(replace(out, phase="correction", reply_to="800")) == POSTED
    [comment] = [one for one in stub.requests if one.path == "/v26.0/800/comments"]
    assert comment.form["message"] == out.text
    assert set(comment.form) <= known_parameters("IGMedia", "POST", "comments")


async def test_an_answer_is_a_reply_and_is_found_as_one(open_at: Any) -> None:
    now = contract.now()
    answer = replace(contract.OUT, phase="answer", reply_to="55", first_attempt_at=now)
    echo = {"id": "1", "text": answer.text, "timestamp": now.isoformat(), "username": "ola"}
    own = echo | {"id": "2", "username": "Oslo.Sykehus"}
    async with serving() as stub:
        stub.answer = network(write_replies=Reply(200, {"id": "56"}), read_replies=[rows(echo), rows(echo, own)])
        channel = open_at(stub.url)
        assert (await channel.send(answer)).provider_id == "56"
        assert await channel.find(answer) is None
        assert await channel.find(answer) == Accepted("2")
    assert set(stub.requests[0].form) <= known_parameters("IGComment", "POST", "replies")


async def test_delete_says_what_to_do_when_it_may_not(open_at: Any) -> None:
    async with serving(DONE, GONE, REFUSED) as stub:
        channel = open_at(stub.url)
        await channel.delete("900")
        await channel.delete("900")
        with pytest.raises(Rejected, match="in the app"):
            await channel.delete("900")
    assert {one.method for one in stub.requests} == {"DELETE"}


async def test_hides_and_shows(open_at: Any) -> None:
    now = contract.now()
    row = {"id": "900", "caption": "Ring 113", "timestamp": now.isoformat(), "permalink": URL}
    async with serving() as stub:
        stub.answer = network(write_55=DONE, read_media=rows(row, row | {"timestamp": "2020-01-01T00:00:00+0000"}))
        await open_at(stub.url).hide("55")
        shown = await open_at(stub.url).shown(now - timedelta(hours=1))
    assert stub.requests[0].form["hide"] == "true"
    assert set(stub.requests[0].form) <= known_parameters("IGComment", "POST")
    assert [(one.provider_id, one.text, one.url) for one in shown] == [("900", "Ring 113", URL)]
    assert set(MEDIA.split(",")) <= known_fields("IGMedia")
    assert set(COMMENT.split(",")) <= known_fields("IGComment")


@pytest.mark.parametrize(
    ("me", "ok", "say"),
    [({"username": "oslo.sykehus"}, True, "oslo.sykehus"), ({"username": "noenandre"}, False, "noenandre")],
)
async def test_check(open_at: Any, me: dict[str, str], ok: bool, say: str) -> None:
    token = Reply(200, {"data": {"is_valid": True, "scopes": ["instagram_basic", "instagram_content_publish"]}})
    async with serving() as stub:
        stub.answer = network(read_178=Reply(200, me), read_content_publishing_limit=quota(3), write_debug_token=token)
        health = await open_at(stub.url).check()
    assert health.ok is ok
    assert say in health.say
    assert health.budget == (Budget(3, 50, "posts") if ok else None)


async def test_a_token_of_the_own_login_is_renewed(open_at: Any) -> None:
    renewed = Reply(200, {"access_token": "newer", "expires_in": 5_184_000})
    async with serving() as stub:
        stub.answer = network(
            read_refresh_access_token=renewed, read_178=Reply(200, {"username": "oslo.sykehus"}),
            read_content_publishing_limit=quota(0),
        )  # fmt: skip
        health = await open_at(stub.url, login="instagram").check()
    assert health.ok
    assert health.expires_at is None, "it renews itself"
    assert stub.requests[0].query == {"grant_type": "ig_refresh_token"}
    assert "appsecret_proof" not in stub.requests[-1].query
    assert HOSTS["instagram"].startswith("https://graph.instagram.com/")


async def test_check_says_what_is_wrong(open_at: Any) -> None:
    async with serving(EXPIRED) as stub:
        assert "sign in again" in (await open_at(stub.url).check()).say


async def test_poll_reads_comments_only_where_their_number_has_changed(open_at: Any) -> None:
    now = contract.now()

    def media(count: int) -> Reply:
        return rows(
            {"id": "900", "caption": "a", "timestamp": now.isoformat(), "comments_count": count},
            {"id": "901", "caption": "b", "timestamp": now.isoformat(), "comments_count": 2},
        )

    reply = {"id": "72", "text": "Takk", "timestamp": now.isoformat(), "username": "per"}
    said = {
        "id": "71",
        "text": "Er det trygt?",
        "timestamp": now.isoformat(),
        "username": "kari",
        "replies": {"data": [reply]},
    }
    own = said | {"id": "70", "username": "oslo.sykehus", "replies": {}}
    old = said | {"id": "69", "timestamp": "2020-01-01T00:00:00+0000", "replies": {}}
    tag = {"id": "500", "caption": "Hei", "timestamp": now.isoformat(), "username": "ola", "permalink": URL}
    async with serving() as stub:
        stub.answer = network(read_media=[media(0), media(1)], read_comments=rows(said, own, old), read_tags=rows(tag))
        channel = open_at(stub.url)
        first = await channel.poll(None)
        polled = await channel.poll(first.cursor)
    assert first.inbounds == ()
    assert [(one.provider_id, one.author, one.kind) for one in polled.inbounds] == [
        ("71", "kari", "comment"),
        ("72", "per", "comment"),
        ("500", "ola", "mention"),
    ]
    assert (polled.inbounds[1].in_reply_to, polled.inbounds[1].root) == ("71", "900")
    assert [one.path for one in stub.requests if one.path.endswith("comments")] == ["/v26.0/900/comments"]
    assert json.loads(str(polled.cursor))["counts"] == {"900": 1, "901": 2}


async def test_webhooks_say_what_was_said(open_at: Any) -> None:
    channel = open_at("http://127.0.0.1:1")
    value = {"id": "71", "text": "Hjelp!", "from": {"id": "5", "username": "kari"}, "media": {"id": "900"}}

    def read(field: str = "comments", whose: str = ME, **more: Any) -> list[Any]:
        change = {"field": field, "value": value | more}
        body = {"object": "instagram", "entry": [{"id": whose, "time": 1_763_000_000, "changes": [change]}]}
        return list(channel.read_hook(hook(body)).inbounds)

    [one] = read()
    assert (one.provider_id, one.author, one.text, one.root, one.in_reply_to) == ("71", "kari", "Hjelp!", "900", "900")
    assert one.at.timestamp() == 1_763_000_000
    assert read(**{"from": {"username": "oslo.sykehus"}}) == read(field="story_insights") == read(whose="9") == []
    assert read(id=None) == []
    assert read(media=7, **{"from": 7})[0].author == ""
    with pytest.raises(BadSignature):
        channel.read_hook(hook({}, secret="another"))
    assert channel.read_hook(handshake()).answer == "1158201444"


@pytest.mark.parametrize("reply", [EXPIRED, Reply(500, "x"), Reply(manner="silent"), Reply(manner="reset")])
async def test_no_secret_shows(reply: Reply, open_at: Any, out: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        await contract.no_secret_shows(SECRETS, caplog, lambda: channel.send(out))
        keeps_the_token_private(stub.requests)
    channel = open_at(closed_port())
    await contract.no_secret_shows(SECRETS, caplog, lambda: channel.send(out))
