"""A picture stream on Flickr: one picture with its text, and comments under it. For showing and keeping, not for alerts.

Signed with OAuth 1.0a by oauthlib; the calls are ours. Each picture carries a tag of ours, so that one whose answer was
lost is found again.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote, urlencode

import aiohttp
from oauthlib.oauth1 import Client as Signer
from pydantic import Field

from crisis.channels.base import (
    Accepted,
    Attachment,
    Busy,
    Facts,
    Health,
    Inbound,
    MediaFacts,
    Outgoing,
    Polled,
    Rejected,
    SendError,
    Shown,
    Uncertain,
)
from crisis.channels.calling import Caller
from crisis.channels.errors import accepted_body, as_promised, failure, odd_left_out
from crisis.channels.flickr import words
from crisis.channels.opening import Opening
from crisis.channels.text.unmarked import comparable
from crisis.settings import Frozen, SecretRef

FACTS = Facts(
    name="flickr",
    label="Flickr",
    form="full",
    medium="wall",
    public=True,
    repeat_safe=False,
    threads=True,
    receipts=False,
    pace=1,  # 3,600 calls an hour and key are reported; Flickr's own documents name no number
    concurrency=1,
    measure=words.measure,
    media=MediaFacts(
        pictures=1,
        picture_types=frozenset({"image/jpeg", "image/png", "image/gif"}),  # Flickr help, formats
        picture_bytes=200 * 1024 * 1024,  # Flickr help, limits
        needed="picture",
        alt_length=0,
    ),
    edits=timedelta.max,
    deletes=True,
    headline=words.TITLE_LIMIT,
)

CLOCK_DOUBT = timedelta(minutes=1)
PAGE = "500"  # people.getPhotos, most a page
MOST_TALKED_ABOUT = 20  # pictures whose comments one poll reads
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REST = "/services/rest/"

logging.getLogger("oauthlib").setLevel(logging.WARNING)  # at DEBUG it writes the keys of every call


class Options(Frozen):
    """The keys of a Flickr account in crisis.toml."""

    user_id: str = Field(pattern=r"^\d+@N\d{2}$", description="the account's own number (NSID)")
    consumer_key: SecretRef = Field(description="the app's key")
    consumer_secret: SecretRef = Field(description="the app's secret")
    access_token: SecretRef = Field(description="what the account's owner granted, with the right to delete")
    access_token_secret: SecretRef = Field(description="its secret")
    visibility: Literal["public", "private"] | None = Field(
        default=None, description="who sees a picture; without it everybody, and in a drill nobody but the owner"
    )
    base_url: str = Field(default="https://api.flickr.com", pattern=r"^https?://\S+$", description="where the API is")
    upload_url: str = Field(
        default="https://up.flickr.com", pattern=r"^https?://\S+$", description="where pictures go up"
    )
    connect_seconds: float = Field(default=5, gt=0, le=60, description="longest wait for a connection")
    read_seconds: float = Field(default=30, gt=0, le=120, description="longest wait for an answer")
    poll_seconds: float = Field(default=300, ge=60, le=3600, description="between looks for comments")


class Flickr:
    """One account."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        self.poll_seconds = options.poll_seconds
        self._own = options.user_id
        self._public = (options.visibility or ("public" if opening.mode == "live" else "private")) == "public"
        self._caller = Caller(
            options.base_url, connect=options.connect_seconds, read=options.read_seconds, connections=2
        )
        self._upload = f"{options.upload_url.rstrip('/')}/services/upload/"
        self._signer = Signer(
            options.consumer_key.reveal(),
            client_secret=options.consumer_secret.reveal(),
            resource_owner_key=options.access_token.reveal(),
            resource_owner_secret=options.access_token_secret.reveal(),
        )

    async def send(self, out: Outgoing) -> Accepted:
        """A picture with its text; without one, a comment under what it follows or answers."""
        if not out.media and out.reply_to:
            return await self._comment(out, words.photo_of(out.reply_to))
        if [one.kind for one in out.media] != ["picture"]:
            raise Rejected("Flickr takes one picture with a text, and nothing without one; attach one", code="media")
        return self._accepted(await self._uploaded(out, out.media[0]))

    async def find(self, out: Outgoing) -> Accepted | None:
        """Look for our tag on our newest pictures, or for our words where an answer should stand."""
        if out.first_attempt_at is None:
            raise Uncertain("cannot look for a picture without the time of its first attempt")
        since = out.first_attempt_at - CLOCK_DOUBT
        with as_promised():
            if not out.media and out.reply_to:
                return await self._found_comment(out, words.photo_of(out.reply_to), since)
            for photo in await self._photos(since, extras="machine_tags"):
                if words.machine_tag(out) in str(photo.get("machine_tags", "")).lower().split():
                    return self._accepted(str(photo["id"]))
        return None

    async def edit(self, provider_id: str, out: Outgoing) -> Accepted:
        if words.is_comment(provider_id):
            said = words.escaped(out.text)
            await self._change("photos.comments.editComment", comment_id=provider_id, comment_text=said)
            return Accepted(provider_id)
        about = {"title": words.title(out), "description": words.description(out)}
        await self._change("photos.setMeta", photo_id=provider_id, **about)
        return self._accepted(provider_id)

    async def delete(self, provider_id: str) -> None:
        try:
            if words.is_comment(provider_id):
                await self._change("photos.comments.deleteComment", comment_id=provider_id)
            else:
                await self._change("photos.delete", photo_id=provider_id)
        except Rejected as error:
            if error.code not in ("1", "2"):  # the picture or the comment is gone already
                raise

    async def shown(self, since: datetime) -> Sequence[Shown]:
        """Pictures that those see who shall."""
        seen_by = {"privacy_filter": "1" if self._public else "5"}
        with as_promised():
            return [
                Shown(
                    provider_id=str(photo["id"]),
                    text=words.as_written(words.content(photo.get("description"))),
                    at=words.moment(photo["dateupload"]),
                    url=self._permalink(str(photo["id"])),
                    title=words.content(photo.get("title")),
                )
                for photo in await self._photos(since, extras="description,date_upload", **seen_by)
            ]

    async def check(self) -> Health:
        """Whose token this is and what it may do. Flickr's tokens have no end."""
        try:
            told = await self._ask("auth.oauth.checkToken")
            with as_promised():
                perms, whose = words.content(told["oauth"]["perms"]), str(told["oauth"]["user"]["nsid"])
        except SendError as error:
            return Health(ok=False, say=error.say)
        if whose != self._own:
            return Health(ok=False, say=f"these keys belong to {whose}, not to {self._own}")
        if perms not in ("write", "delete"):
            return Health(ok=False, say=f"this token may only {perms}; grant access again, with the right to delete")
        if perms == "delete":
            return Health(ok=True, say=f"signed in as {whose}")
        return Health(ok=True, say=f"signed in as {whose}; it may not delete, so nothing can be taken down")

    async def poll(self, cursor: str | None) -> Polled:
        """Comments since the cursor: Flickr names the pictures where something happened, and each is asked."""
        now = int(datetime.now(UTC).timestamp())
        if cursor is None:
            return Polled(json.dumps({"since": now}))
        with as_promised():
            since = int(json.loads(cursor)["since"])
            told = await self._ask("photos.recentlyUpdated", min_date=str(since), per_page=PAGE)
            photos = [str(photo["id"]) for photo in told["photos"]["photo"]]
            if len(photos) > MOST_TALKED_ABOUT:
                raise Uncertain(f"something happened on more than {MOST_TALKED_ABOUT} pictures; look on Flickr")
            found: list[Inbound] = []
            for photo in photos:
                said = await self._said(photo, since)
                for one in said:
                    with odd_left_out("Flickr"):
                        found += [words.inbound(one, photo)] if one["author"] != self._own else []
        later = now - int(CLOCK_DOUBT.total_seconds())  # what comes twice has the same id and is stored once
        return Polled(json.dumps({"since": max(since, later)}), inbounds=sorted(found, key=lambda one: one.at))

    async def close(self) -> None:
        await self._caller.close()

    # -- pictures and comments -------------------------------------------------------------------------------------

    async def _uploaded(self, out: Outgoing, picture: Attachment) -> str:
        about = {
            "title": words.title(out),
            "description": words.description(out),
            "tags": " ".join([f'"{words.machine_tag(out)}"', *(f'"{tag}"' for tag in out.tags)]),
            "is_public": "1" if self._public else "0",
            "is_friend": "0",
            "is_family": "0",
        }
        try:
            data = await asyncio.to_thread(picture.path.read_bytes)
        except OSError as error:
            raise Rejected(f"the picture cannot be read: {error.strerror}", code="media") from None
        form = aiohttp.FormData()
        for name, value in about.items():
            form.add_field(name, value)
        form.add_field("photo", data, filename=picture.path.name, content_type=picture.content_type)
        answer = await self._caller.answer("POST", self._upload, data=form, headers=self._proof(self._upload, about))
        if refused := failure(answer):
            raise refused
        return words.uploaded(answer.text)

    async def _comment(self, out: Outgoing, photo: str) -> Accepted:
        said = words.escaped(out.text)
        try:
            made = await self._change("photos.comments.addComment", photo_id=photo, comment_text=said)
        except Rejected as error:
            if error.code == "9":  # "User is posting comments too fast."
                raise Busy(error.say, code="9") from None
            raise
        with as_promised():
            number = str(made["comment"]["id"])
        return Accepted(number, f"{self._permalink(photo)}#comment{number.rpartition('-')[2]}")

    async def _found_comment(self, out: Outgoing, photo: str, since: datetime) -> Accepted | None:
        for one in await self._said(photo, int(since.timestamp())):
            mine = one["author"] == self._own and words.moment(one["datecreate"]) >= since
            if mine and comparable(words.inbound(one, photo).text) == comparable(out.text):
                return Accepted(str(one["id"]))
        return None

    async def _said(self, photo: str, since: int) -> Sequence[Mapping[str, Any]]:
        told = await self._ask("photos.comments.getList", photo_id=photo, min_comment_date=str(since))
        found: Sequence[Mapping[str, Any]] = (told.get("comments") or {}).get("comment") or ()
        return found

    async def _photos(self, since: datetime, **asked: str) -> Sequence[Mapping[str, Any]]:
        uploaded = {"user_id": "me", "min_upload_date": str(int(since.timestamp())), "per_page": PAGE}
        told = await self._ask("people.getPhotos", **uploaded, **asked)
        if int(told["photos"].get("pages", 1)) > 1:
            raise Uncertain(f"more than {PAGE} pictures since then; look on Flickr")
        found: Sequence[Mapping[str, Any]] = told["photos"]["photo"]
        return found

    def _permalink(self, photo: str) -> str:
        return f"https://www.flickr.com/photos/{self._own}/{photo}"

    def _accepted(self, photo: str) -> Accepted:
        return Accepted(photo, self._permalink(photo))

    # -- calls -----------------------------------------------------------------------------------------------------

    async def _ask(self, method: str, **given: str) -> dict[str, Any]:
        query = urlencode(_named(method, given), quote_via=quote)
        url = f"{self._caller.base_url}{REST}?{query}"
        _, headers, _ = self._signer.sign(url)
        return _understood(accepted_body(await self._caller.answer("GET", url, headers=headers, exact=True)))

    async def _change(self, method: str, **given: str) -> dict[str, Any]:
        """A call that writes. Many answer with nothing but that it went well."""
        form = _named(method, given)
        headers = self._proof(self._caller.base_url + REST, form)
        return _understood(accepted_body(await self._caller.answer("POST", REST, data=form, headers=headers)))

    def _proof(self, url: str, form: Mapping[str, str]) -> dict[str, str]:
        """The signature over the words of a form; a picture beside them is not signed (Flickr API docs, upload)."""
        _, headers, _ = self._signer.sign(url, "POST", urlencode(form), FORM)
        return {"Authorization": str(headers["Authorization"])}


def _named(method: str, given: Mapping[str, str]) -> dict[str, str]:
    return {"method": f"flickr.{method}", "format": "json", "nojsoncallback": "1", **given}


def _understood(body: dict[str, Any]) -> dict[str, Any]:
    """The answer, unless it is a refusal with status 200."""
    match body.get("stat"):
        case "ok":
            return body
        case "fail":
            code = str(body.get("code", ""))
            raise words.refusal(code, f"Flickr {code}: {body.get('message', '')}")
        case _:
            raise Uncertain("the answer does not say whether it went well", code="shape")
