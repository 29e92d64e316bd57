"""Films on a YouTube channel, and what is said under them: the Data API v3 over plain HTTP.

There are no posts by API (discovery document), so a broadcast without a film cannot be said here, except as a comment
under one of ours. A film goes up by `upload`; who may be seen in it is for people to clear before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field, field_validator

from crisis.channels.base import (
    Accepted,
    Attachment,
    Facts,
    Health,
    MediaFacts,
    Outgoing,
    Polled,
    Rejected,
    SendError,
    Shown,
    Uncertain,
)
from crisis.channels.calling import Caller
from crisis.channels.errors import as_promised, failure
from crisis.channels.opening import Opening
from crisis.channels.text.unmarked import comparable
from crisis.channels.tokens import Tokens
from crisis.channels.youtube import words
from crisis.channels.youtube.calls import Calls
from crisis.channels.youtube.comments import Comments
from crisis.channels.youtube.upload import Uploads
from crisis.settings import Frozen, SecretRef

FACTS = Facts(
    name="youtube",
    label="YouTube",
    form="full",
    medium="wall",
    public=True,
    repeat_safe=False,
    threads=True,
    receipts=False,
    pace=0.2,  # a day holds 100 films or 200 comments (YouTube API docs, quota); this only keeps them apart
    concurrency=1,
    measure=words.measure,
    media=MediaFacts(
        films=1,
        film_types=frozenset({"video/mp4", "video/quicktime", "video/webm", "video/mpeg"}),  # YouTube help, formats
        film_bytes=274_877_906_944,  # discovery document, videos.insert, maxSize
        film_seconds=12 * 3600,  # YouTube help; 15 minutes until the account is verified by phone
        needed="film",
    ),
    edits=timedelta.max,
    deletes=True,
    headline=words.TITLE_LIMIT,
)

CLOCK_DOUBT = timedelta(minutes=1)
PAGE = 50  # playlistItems.list and videos.list
MOST_PAGES = 5


class Options(Frozen):
    """The keys of a YouTube account in crisis.toml."""

    channel_id: str = Field(pattern=r"^UC[A-Za-z0-9_-]{22}$", description="the channel, UC...")
    client_id: str = Field(description="the app in the Google Cloud project")
    client_secret: SecretRef = Field(description="the app's secret")
    refresh_token: SecretRef = Field(description="what the channel's owner granted, with youtube.force-ssl")
    rights_cleared: bool = Field(
        description="true: somebody answers for it that everyone seen and every right in a film is cleared before it is used"
    )
    privacy: Literal["public", "unlisted", "private"] | None = Field(
        default=None, description="who sees a film; without it everybody, and in a drill nobody but the owner"
    )
    category: str = Field(default="25", pattern=r"^\d{1,3}$", description="YouTube's category; 25 is news and politics")
    notify_subscribers: bool = Field(default=True, description="tell subscribers of a new film")
    base_url: str = Field(
        default="https://youtube.googleapis.com", pattern=r"^https?://\S+$", description="where the API is"
    )
    token_url: str = Field(
        default="https://oauth2.googleapis.com/token", pattern=r"^https?://\S+$", description="where tokens are renewed"
    )
    connect_seconds: float = Field(default=5, gt=0, le=60, description="longest wait for a connection")
    read_seconds: float = Field(default=20, gt=0, le=120, description="longest wait for an answer")
    poll_seconds: float = Field(
        default=120, ge=30, le=3600, description="between looks for comments; each costs a unit"
    )

    @field_validator("rights_cleared")
    @classmethod
    def _ticked(cls, value: bool) -> bool:
        if not value:
            msg = "must be true: no film goes out before somebody answers for consent and rights"
            raise ValueError(msg)
        return value


class YouTube:
    """One channel."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        self.poll_seconds = options.poll_seconds
        self._own = options.channel_id
        self._privacy = options.privacy or ("public" if opening.mode == "live" else "private")
        self._category, self._notify = options.category, options.notify_subscribers
        self._caller = Caller(
            options.base_url, connect=options.connect_seconds, read=options.read_seconds, connections=4
        )
        self._tokens = Tokens(
            opening.notes,
            self._caller,
            options.token_url,
            client_id=options.client_id,
            client_secret=options.client_secret.reveal(),
            refresh_token=options.refresh_token.reveal(),
        )
        self._calls = Calls(self._caller, self._tokens)
        self._comments = Comments(self._calls, self._own)
        self._uploads = Uploads(self._caller, opening.notes, self._calls.bearer)

    async def send(self, out: Outgoing) -> Accepted:
        """A film with the text as its description; without a film, a comment under what it follows or answers."""
        if any(sign in out.text or sign in out.title for sign in "<>"):
            raise Rejected("YouTube takes no < and > in a title or a description; write it in words", code="angle")
        if not out.media and out.reply_to:
            return await self._comments.say(out, out.reply_to)
        video = await self._uploads.finish(out, _film(out), self._about(out), notify=self._notify)
        return _accepted(video)

    async def find(self, out: Outgoing) -> Accepted | None:
        """The upload itself is asked first; then our own newest films, or the comments where an answer should stand."""
        if out.first_attempt_at is None:
            raise Uncertain("cannot look for a film without the time of its first attempt")
        since, wanted = out.first_attempt_at - CLOCK_DOUBT, comparable(out.text)
        with as_promised():
            if not out.media and out.reply_to:
                return await self._comments.find(out.reply_to, since, wanted)
            if (video := await self._uploads.finished(out)) is not None:
                return _accepted(video)
            for one in await self._videos(since):
                if comparable(str(one["snippet"].get("description", ""))) == wanted:
                    return _accepted(one)
        return None

    async def edit(self, provider_id: str, out: Outgoing) -> Accepted:
        """Change the description and title, or the comment. What is not sent along would be emptied."""
        if not words.is_video(provider_id):
            changed = {"id": provider_id, "snippet": {"textOriginal": out.text}}
            await self._calls.ask("PUT", "/youtube/v3/comments?part=snippet", json=changed)
            return Accepted(provider_id)
        about = {"id": provider_id, "snippet": self._about(out)["snippet"]}
        return _accepted(await self._calls.ask("PUT", "/youtube/v3/videos?part=snippet", json=about))

    async def delete(self, provider_id: str) -> None:
        kind = "videos" if words.is_video(provider_id) else "comments"
        answer = await self._calls.answer("DELETE", f"/youtube/v3/{kind}", params={"id": provider_id})
        if answer.status != 404 and (error := failure(answer, words.refusal)):  # already gone
            raise error

    async def hide(self, provider_id: str) -> None:
        """Reject somebody's comment: only they still see it (discovery document, comments.setModerationStatus)."""
        params = {"id": provider_id, "moderationStatus": "rejected"}
        answer = await self._calls.answer("POST", "/youtube/v3/comments/setModerationStatus", params=params)
        if error := failure(answer, words.refusal):
            raise error

    async def shown(self, since: datetime) -> Sequence[Shown]:
        """Films the public can see now; one still being processed is shown as soon as it is listed."""
        with as_promised():
            return [
                Shown(
                    provider_id=str(one["id"]),
                    text=str(one["snippet"].get("description", "")),
                    at=words.moment(one["snippet"]["publishedAt"]),
                    url=words.permalink(str(one["id"])),
                    title=str(one["snippet"].get("title", "")),
                )
                for one in await self._videos(since)
                if (one.get("status") or {}).get("privacyStatus") == self._privacy
            ]

    async def check(self) -> Health:
        """Does the grant hold, and does it belong to this channel? Scopes are told by Google when a token is renewed."""
        try:
            told = await self._calls.ask(
                "GET", "/youtube/v3/channels", params={"part": "id,snippet,status", "mine": "true"}
            )
            until = await self._tokens.refresh_until()
        except SendError as error:
            return Health(ok=False, say=error.say)
        mine = {str(one.get("id")): (one.get("snippet") or {}).get("title", "") for one in told.get("items", ())}
        if self._own not in mine:
            return Health(ok=False, say=f"this grant belongs to {', '.join(mine) or 'no channel'}, not to {self._own}")
        return Health(ok=True, say=f"signed in as {mine[self._own]}", expires_at=until, details={"id": self._own})

    async def poll(self, cursor: str | None) -> Polled:
        """Comments under our films; the first poll learns where to start."""
        return await self._comments.poll(cursor)

    async def close(self) -> None:
        await self._caller.close()

    def _about(self, out: Outgoing) -> dict[str, Any]:
        return {
            "snippet": {
                "title": words.shortened(out.title or out.text.split("\n", 1)[0]),
                "description": out.text,
                "categoryId": self._category,
                "defaultLanguage": {"nb": "no", "nn": "no"}.get(out.language, out.language),
                **({"tags": list(out.tags)} if out.tags else {}),
            },
            "status": {"privacyStatus": self._privacy, "selfDeclaredMadeForKids": False},
        }

    async def _videos(self, since: datetime) -> list[Mapping[str, Any]]:
        """Our own films posted since then, newest first. The list of uploads costs a unit; a search would cost the day."""
        uploads = f"UU{self._own[2:]}"  # a channel's uploads are a playlist of the same name
        asked = {"part": "contentDetails", "playlistId": uploads, "maxResults": str(PAGE)}
        found: list[Mapping[str, Any]] = []
        for _ in range(MOST_PAGES):
            told = await self._calls.ask("GET", "/youtube/v3/playlistItems", params=asked)
            ids = ",".join(str(one["contentDetails"]["videoId"]) for one in told["items"])
            if ids:
                got = await self._calls.ask("GET", "/youtube/v3/videos", params={"part": "snippet,status", "id": ids})
                new = [one for one in got["items"] if words.moment(one["snippet"]["publishedAt"]) >= since]
                found += new
                if len(new) < len(got["items"]):
                    return found
            if not (token := told.get("nextPageToken")):
                return found
            asked["pageToken"] = str(token)
        raise Uncertain(f"more than {MOST_PAGES * PAGE} films since then; look on the channel")


def _film(out: Outgoing) -> Attachment:
    films = [one for one in out.media if one.kind == "film"]
    if len(films) != 1 or len(films) != len(out.media):
        raise Rejected("YouTube takes one film with a text, and nothing without one; attach a film", code="media")
    return films[0]


def _accepted(video: Mapping[str, Any]) -> Accepted:
    if not video.get("id"):
        raise Uncertain("YouTube took the film but named no video", code="shape")
    return Accepted(str(video["id"]), words.permalink(str(video["id"])))
