"""YouTube: the contract, an upload that survives every cut, what it asks, comments, quota and rights."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from crisis.channels.base import Accepted, Busy, Misconfigured, Outgoing, Rejected, SendError, Uncertain
from crisis.channels.errors import accepted_body, answer
from crisis.channels.tokens import Token
from crisis.channels.youtube.adapter import Options, YouTube
from crisis.channels.youtube.upload import STEP
from crisis.channels.youtube.words import refusal, shortened, until_midnight
from crisis.settings import SecretRef
from tests.channels import contract
from tests.channels.contract import OUT
from tests.channels.discovery import complaints
from tests.channels.pictures import film, picture
from tests.channels.specs import samples, spec
from tests.channels.stub import Reply, Request, closed_port, serving

pytestmark = pytest.mark.asyncio

REFRESH, SECRET, ACCESS = "yt-refresh-token", "yt-client-secret", "yt-access-token"
CHANNEL = "UC" + "a" * 22
VIDEO = "dQw4w9WgXcQ"
POSTED = Accepted(VIDEO, f"https://www.youtube.com/watch?v={VIDEO}")
DONE = Reply(201, {"id": VIDEO, "snippet": {}})
COMMENT = "UgzDemoDemoDemoDemo4AaABAg"
ANSWER = replace(OUT, text="Ring 22 00 00 00.", reply_to=COMMENT, phase="answer")


@pytest.fixture
def notes() -> contract.MemoryNotes:
    """As after an earlier call: the token still holds."""
    kept = contract.MemoryNotes()
    seed = sha256(REFRESH.encode()).hexdigest()[:16]
    kept.write("token", Token(seed, ACCESS, datetime.now(UTC) + timedelta(hours=1), REFRESH).written())
    return kept


@pytest.fixture
def open_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: contract.MemoryNotes) -> contract.Open:
    monkeypatch.setenv("YT_REFRESH", REFRESH)
    monkeypatch.setenv("YT_SECRET", SECRET)

    def open_at(url: str, **more: Any) -> YouTube:
        options = Options(
            channel_id=CHANNEL,
            client_id="app",
            client_secret=SecretRef(env="YT_SECRET"),
            refresh_token=SecretRef(env="YT_REFRESH"),
            rights_cleared=True,
            base_url=url,
            token_url=f"{url}/token",
            connect_seconds=0.5,
            read_seconds=0.4,
        )
        return YouTube(contract.opening(options, tmp_path, notes=notes, **more))

    return open_at


@pytest.fixture
def out(tmp_path: Path) -> Outgoing:
    return replace(OUT, media=[film(tmp_path)])


def begun(url: str) -> Reply:
    return Reply(200, "", {"Location": f"{url}/session/1?upload_id=abc%3A1"})


@contract.table
async def test_keeps_the_contract(case: contract.Case, open_at: contract.Open, out: Outgoing) -> None:
    await contract.keeps(case, open_at, out)


@contract.table
async def test_keeps_the_contract_for_comments(case: contract.Case, open_at: contract.Open) -> None:
    await contract.keeps(case, open_at, ANSWER)


@pytest.mark.parametrize("sample", samples("youtube"), ids=lambda sample: sample["name"])
async def test_reads_the_recorded_answers(sample: dict[str, Any]) -> None:
    expected = {"retry_next_day": Busy, "retry_backoff": Busy, "operator": Misconfigured}[sample["class"]]
    reply = Reply(sample["http_status"], sample["body"], sample["headers"])
    with pytest.raises(expected) as caught:
        accepted_body(answer(reply.status, reply.headers, reply.text), refusal)
    error: Any = caught.value
    assert (error.retry_after is not None) == (sample["class"] == "retry_next_day")
    assert "{" not in error.say


async def test_the_quota_begins_anew_at_midnight_on_the_west_coast() -> None:
    assert until_midnight(datetime(2026, 11, 22, 7, 59, tzinfo=UTC)) == 60
    assert until_midnight(datetime(2026, 11, 22, 8, 0, tzinfo=UTC)) == 24 * 3600


async def test_a_title_is_shortened_and_stays_an_exercise() -> None:
    assert shortened("x" * 100) == "x" * 100
    long = shortened("ØVELSE - " + "Mange skadde " * 12 + "- ØVELSE")
    assert len(long) <= 100
    assert long.startswith("ØVELSE - ")
    assert long.endswith("ØVELSE")


# -- the film --------------------------------------------------------------------------------------------------------


async def test_a_film_goes_up_once_with_its_words(open_at: contract.Open, out: Outgoing) -> None:
    async with serving() as stub:
        stub.replies = [begun(stub.url), DONE]
        assert await open_at(stub.url).send(out) == POSTED
    first, part = stub.requests
    assert complaints(spec("youtube/youtube.v3.discovery.json"), first) == []
    assert first.json["snippet"]["title"] == out.title
    assert first.json["snippet"]["description"] == out.text
    assert first.json["status"] == {"privacyStatus": "private", "selfDeclaredMadeForKids": False}, (
        "a drill stays inside"
    )
    assert first.headers["X-Upload-Content-Length"] == str(out.media[0].size)
    assert part.raw_path == "/session/1?upload_id=abc%3A1"
    assert part.body == out.media[0].path.read_bytes()
    assert part.headers["Content-Range"] == f"bytes 0-{len(part.body) - 1}/{len(part.body)}"
    assert part.headers["Authorization"] == f"Bearer {ACCESS}"


async def test_a_live_film_is_for_everybody(open_at: Any, out: Outgoing) -> None:
    async with serving() as stub:
        stub.replies = [begun(stub.url), DONE]
        await open_at(stub.url, mode="live").send(out)
    assert stub.requests[0].json["status"]["privacyStatus"] == "public"


class Resumable:
    """A server of the protocol: keeps what came, and does with each part what the test says."""

    def __init__(self, size: int, *manners: str) -> None:
        self.size, self.manners, self.data, self.begun = size, list(manners), b"", 0
        self.url = ""

    def answer(self, request: Request) -> Reply:
        if request.method == "POST":
            self.begun += 1
            return begun(self.url)
        if request.headers["Content-Range"].startswith("bytes */"):
            return self._there()
        first = int(request.headers["Content-Range"].split()[1].split("-")[0])
        assert first == len(self.data), "no byte twice and none left out"
        manner = self.manners.pop(0) if self.manners else "whole"
        if manner == "nothing kept":
            return Reply(manner="silent")
        self.data += request.body
        return self._there() if manner == "whole" else Reply(manner="silent")

    def _there(self) -> Reply:
        if len(self.data) == self.size:
            return DONE
        return Reply(308, "", {"Range": f"bytes=0-{len(self.data) - 1}"} if self.data else {})


@pytest.mark.parametrize(
    ("manners", "whole"),
    [(("nothing kept",), False), (("whole", "answer lost"), False), (("whole", "whole", "answer lost"), True)],
    ids=["first part lost", "an answer lost on the way", "the last answer lost"],
)
async def test_a_cut_upload_goes_on_where_it_was(
    open_at: contract.Open, tmp_path: Path, manners: tuple[str, ...], *, whole: bool
) -> None:
    data = bytes(range(256)) * 1024 * 2 + b"end"
    out = replace(OUT, media=[film(tmp_path, data=data)], first_attempt_at=contract.now())
    server = Resumable(len(data), *manners)
    async with serving() as stub:
        stub.answer, server.url = server.answer, stub.url
        first: Any = open_at(stub.url)
        first._uploads._part = STEP
        with pytest.raises(Uncertain):
            await first.send(out)
        await first.close()
        again: Any = open_at(stub.url)  # another process, which knows only the notes
        again._uploads._part = STEP
        found = await again.find(out) if whole else None
        if not whole:
            stub.answer = lambda request: (
                Reply(200, {"items": []}) if request.path.startswith("/youtube") else server.answer(request)
            )
            assert await again.find(out) is None
        assert await again.send(out) == POSTED
        assert found in (None, POSTED)
        assert server.begun == 1
        assert server.data == data


async def test_an_upload_longer_than_one_attempt_says_how_far_it_is(
    open_at: contract.Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crisis.channels.youtube.upload.SLICE_SECONDS", -1)
    data = b"x" * (2 * STEP)
    server = Resumable(len(data))
    async with serving() as stub:
        stub.answer, server.url = server.answer, stub.url
        channel: Any = open_at(stub.url)
        channel._uploads._part = STEP
        with pytest.raises(Busy, match="50 of 100 parts") as caught:
            await channel.send(replace(OUT, media=[film(tmp_path, data=data)]))
        assert caught.value.retry_after == 0
        assert await channel.send(replace(OUT, media=[film(tmp_path, data=data)])) == POSTED
    assert server.begun == 1


async def test_an_upload_whose_state_is_unknown_is_never_begun_again(
    open_at: contract.Open, out: Outgoing, notes: contract.MemoryNotes
) -> None:
    async with serving(Reply(503, "x")) as stub:
        notes.write(f"upload:{out.delivery_id}", f"{stub.url}/session/1")
        with pytest.raises(Uncertain):
            await open_at(stub.url).send(out)
        assert [request.method for request in stub.requests] == ["PUT"]


async def test_an_upload_google_has_forgotten_begins_anew(
    open_at: contract.Open, out: Outgoing, notes: contract.MemoryNotes
) -> None:
    async with serving() as stub:
        notes.write(f"upload:{out.delivery_id}", f"{stub.url}/session/0")
        stub.replies = [Reply(404, ""), begun(stub.url), DONE]
        assert await open_at(stub.url).send(out) == POSTED
        assert notes.read(f"upload:{out.delivery_id}") == f"{stub.url}/session/1?upload_id=abc%3A1"


@pytest.mark.parametrize("text", ["a < b", "a > b"])
async def test_what_youtube_cannot_show_is_refused_before_anything_leaves(
    open_at: contract.Open, tmp_path: Path, text: str
) -> None:
    channel = open_at(closed_port())
    with pytest.raises(Rejected, match="in words"):
        await channel.send(replace(OUT, text=text, media=[film(tmp_path)]))
    for media in ([], [picture(tmp_path)], [film(tmp_path), film(tmp_path, "to.mp4")]):
        with pytest.raises(Rejected, match="attach a film"):
            await channel.send(replace(OUT, media=media))


async def test_rights_must_be_ticked(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = SecretRef(env="X")
    given: dict[str, Any] = {"channel_id": CHANNEL, "client_id": "a", "client_secret": secret, "refresh_token": secret}
    with pytest.raises(ValueError, match="consent and rights"):
        Options(rights_cleared=False, **given)
    with pytest.raises(ValueError, match="rights_cleared"):
        Options(**given)


# -- looking, changing, hiding -----------------------------------------------------------------------------------------


def video(text: str, at: datetime, number: str = VIDEO, privacy: str = "private") -> dict[str, Any]:
    snippet = {"title": "x", "description": text, "publishedAt": at.isoformat(), "channelId": CHANNEL}
    return {"id": number, "snippet": snippet, "status": {"privacyStatus": privacy}}


def uploads(*them: dict[str, Any]) -> tuple[Reply, Reply]:
    listed = [{"contentDetails": {"videoId": one["id"]}} for one in them]
    return Reply(200, {"items": listed}), Reply(200, {"items": list(them)})


async def test_find_looks_at_our_newest_films(open_at: contract.Open, out: Outgoing) -> None:
    at = contract.now()
    out = replace(out, first_attempt_at=at)
    old = video(out.text, at - timedelta(hours=2), "oldoldoldol")
    async with serving(*uploads(video("noe annet", at, "otherother1"), video(out.text, at)), *uploads(old)) as stub:
        channel: Any = open_at(stub.url)
        assert await channel.find(out) == POSTED
        assert await channel.find(out) is None
    api = spec("youtube/youtube.v3.discovery.json")
    assert [complaints(api, request) for request in stub.requests] == [[]] * 4
    assert stub.requests[0].query["playlistId"] == "UU" + "a" * 22


def thread(comment: dict[str, Any], *answers: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": comment["id"],
        "snippet": {"videoId": VIDEO, "topLevelComment": comment},
        "replies": {"comments": list(answers)},
    }


def said(text: str, at: datetime, number: str, author: str = "UCkari", **more: Any) -> dict[str, Any]:
    told = {
        "textOriginal": text,
        "authorDisplayName": "Kari",
        "authorChannelId": {"value": author},
        "publishedAt": at.isoformat(),
        "updatedAt": at.isoformat(),
        **more,
    }
    return {"id": number, "snippet": told}


async def test_find_looks_for_an_answer_where_it_should_stand(open_at: contract.Open) -> None:
    at = contract.now()
    answered = replace(ANSWER, first_attempt_at=at)
    mine, stranger = said(ANSWER.text, at, "c.1", CHANNEL), said(ANSWER.text, at, "c.2")
    follow = replace(OUT, reply_to=VIDEO, phase="update", first_attempt_at=at)
    top = thread(said(follow.text, at, COMMENT, CHANNEL))
    async with serving(
        Reply(200, {"items": [stranger, mine]}), Reply(200, {"items": [stranger]}), Reply(200, {"items": [top]})
    ) as stub:
        channel: Any = open_at(stub.url)
        assert (await channel.find(answered)).provider_id == "c.1"
        assert await channel.find(answered) is None
        assert (await channel.find(follow)).provider_id == COMMENT
    api = spec("youtube/youtube.v3.discovery.json")
    assert [complaints(api, request) for request in stub.requests] == [[]] * 3


async def test_comments_edits_deletes_and_hiding_as_the_document_has_them(
    open_at: contract.Open, out: Outgoing
) -> None:
    api = spec("youtube/youtube.v3.discovery.json")

    def reply(request: Request) -> Reply:
        if request.method == "DELETE" or "setModeration" in request.path:
            return Reply(204)
        return Reply(200, {"id": VIDEO if "videos" in request.path else COMMENT, "snippet": {"videoId": VIDEO}})

    async with serving() as stub:
        stub.answer = reply
        channel: Any = open_at(stub.url)
        follow = await channel.send(replace(OUT, reply_to=VIDEO, phase="update"))
        await channel.send(replace(ANSWER, reply_to=f"{COMMENT}.inner"))
        assert await channel.edit(VIDEO, out) == POSTED
        await channel.edit(COMMENT, ANSWER)
        await channel.delete(VIDEO)
        await channel.delete(COMMENT)
        await channel.hide(COMMENT)
        await channel.check()
    assert [complaints(api, request) for request in stub.requests] == [[]] * 8
    assert follow == Accepted(COMMENT, f"https://www.youtube.com/watch?v={VIDEO}&lc={COMMENT}")
    assert stub.requests[1].json["snippet"]["parentId"] == COMMENT
    assert [request.path for request in stub.requests[4:6]] == ["/youtube/v3/videos", "/youtube/v3/comments"]
    assert stub.requests[6].query["moderationStatus"] == "rejected"


async def test_deleting_what_is_gone_is_success(open_at: contract.Open) -> None:
    async with serving(Reply(404, {"error": {"code": 404, "message": "videoNotFound"}})) as stub:
        await open_at(stub.url).delete(VIDEO)  # type: ignore[attr-defined]


async def test_shown_is_what_the_public_sees(open_at: contract.Open) -> None:
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    async with serving(*uploads(video("Film", at), video("Kladd", at, "unlistedfil", "unlisted"))) as stub:
        shown = await open_at(stub.url).shown(at)  # type: ignore[attr-defined]
    assert [(one.provider_id, one.text) for one in shown] == [(VIDEO, "Film")]


async def test_polls_tell_each_comment_once_and_each_change(open_at: contract.Open) -> None:
    at = contract.now() + timedelta(seconds=5)
    first = said("Er mor der?", at, COMMENT)
    changed = said("Er mor der nå?", at, COMMENT, updatedAt=(at + timedelta(minutes=1)).isoformat())
    inner = said("Ja!", at + timedelta(seconds=1), f"{COMMENT}.2", parentId=COMMENT)
    ours = said("Ring oss", at, f"{COMMENT}.3", CHANNEL, parentId=COMMENT)
    old = thread(said("Gammel", at - timedelta(days=1), "old"))
    pages = [[old], [thread(first), old], [thread(first, inner, ours)], [thread(changed, inner)]]
    async with serving(*(Reply(200, {"items": page}) for page in pages)) as stub:
        channel: Any = open_at(stub.url)
        told, cursor = [], None
        for _ in pages:
            polled = await channel.poll(cursor)
            cursor = polled.cursor
            told.append([(one.text, one.edited) for one in polled.inbounds])
    assert told == [[], [("Er mor der?", False)], [("Ja!", False)], [("Er mor der nå?", True)]]
    assert json.loads(cursor or "")["known"]
    assert complaints(spec("youtube/youtube.v3.discovery.json"), stub.requests[0]) == []


async def test_check_knows_whose_grant_it_is(open_at: contract.Open) -> None:
    mine = Reply(200, {"items": [{"id": CHANNEL, "snippet": {"title": "OUS"}}]})
    other = Reply(200, {"items": [{"id": "UCother", "snippet": {"title": "x"}}]})
    async with serving(
        mine, other, Reply(403, {"error": {"message": "no", "errors": [{"reason": "forbidden"}]}})
    ) as stub:
        channel: Any = open_at(stub.url)
        assert (await channel.check()).ok
        assert "UCother" in (await channel.check()).say
        assert not (await channel.check()).ok


@pytest.mark.parametrize(
    "reply", [DONE, Reply(401, {}), Reply(500, "x"), Reply(manner="silent"), Reply(manner="reset")]
)
async def test_no_secret_shows(
    reply: Reply, open_at: contract.Open, out: Outgoing, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = [REFRESH, SECRET, ACCESS]
    async with serving(reply) as stub:
        channel = open_at(stub.url)
        await contract.no_secret_shows(secrets, caplog, lambda: channel.send(out))
        assert not [request for request in stub.requests if any(one in request.raw_path for one in secrets)]


async def test_a_grant_that_is_over_pauses_the_account(
    open_at: contract.Open, out: Outgoing, notes: contract.MemoryNotes
) -> None:
    notes.forget("token")
    async with serving(
        Reply(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
    ) as stub:
        error: SendError = await contract.refused(open_at(stub.url), out)
    assert isinstance(error, Misconfigured)
    assert "revoked" in error.say
