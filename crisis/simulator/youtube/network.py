"""The HTTP face of the pretend YouTube, under /youtube: tokens, resumable uploads, films, comments, quota.

As strict as the discovery document: no unknown parameter or field, the token in a header, parts of a film in steps of
256 KiB and in order.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from aiohttp import web

from crisis.simulator.faults import Faults
from crisis.simulator.front import Front, Refusal, allowed
from crisis.simulator.ledger import Ledger
from crisis.simulator.network import CannotSay, DemoAccount, Seen
from crisis.simulator.youtube import views
from crisis.simulator.youtube.tube import DAILY_UNITS, DAILY_UPLOADS, DEMO, Film, Said, Tube, TubeChannel, Upload, now
from crisis.simulator.youtube.words import Words, seen_comment, seen_film

STEP = 256 * 1024
_PART = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_ASKING = re.compile(r"bytes \*/(\d+|\*)")
COSTS = {"update": 50, "delete": 50, "comment": 50, "edit comment": 50, "delete comment": 50, "hide": 50}


class YouTubeNetwork:
    """Handlers over one memory."""

    name = "youtube"
    label = "YouTube"
    demo: ClassVar[Sequence[DemoAccount]] = tuple(
        DemoAccount(one.name, {"channel_id": one.id}, one.keys) for one in DEMO
    )

    def __init__(self, faults: Faults, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tube = Tube()
        self._front: Front[TubeChannel] = Front(self.name, faults, ledger, Words(), self._who, lambda one: one.name)

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        api = "/youtube/youtube/v3"
        answers = (
            ("POST", "/youtube/resumable/upload/youtube/v3/videos", "upload", self._begin),
            ("PUT", "/youtube/session/{key}", "part", self._part),
            ("GET", f"{api}/videos", "videos", self._videos),
            ("PUT", f"{api}/videos", "update", self._update),
            ("DELETE", f"{api}/videos", "delete", self._delete),
            ("GET", f"{api}/playlistItems", "uploads", self._uploads),
            ("GET", f"{api}/channels", "channels", self._channels),
            ("GET", f"{api}/commentThreads", "threads", self._threads),
            ("POST", f"{api}/commentThreads", "comment", self._thread),
            ("GET", f"{api}/comments", "comments", self._comments),
            ("POST", f"{api}/comments", "comment", self._answer),
            ("PUT", f"{api}/comments", "edit comment", self._edit_comment),
            ("DELETE", f"{api}/comments", "delete comment", self._no_comment),
            ("POST", f"{api}/comments/setModerationStatus", "hide", self._hide),
        )
        return [
            web.post("/youtube/token", self._token),
            web.get("/youtube/films/{id}", self._watch),
            *(
                web.route(method, path, self._front.handler(what, self._paid(what, work)))
                for method, path, what, work in answers
            ),
        ]

    def seen(self) -> Sequence[Seen]:
        films = [seen_film(one) for one in self._tube.films.values()]
        return sorted([*films, *map(seen_comment, self._tube.comments.values())], key=lambda one: one.at)

    async def say(self, account: str, author: str, text: str, reply_to: str = "") -> str:
        """Comment under a film or a comment; without one, under the newest film of the channel."""
        if not text.strip() or len(text) > 10_000:
            msg = "a comment has 1 to 10,000 characters"
            raise CannotSay(msg)
        parent = self._tube.comments.get(reply_to)
        mine = [one for one in self._tube.films.values() if one.owner.name == account and not one.deleted]
        film = parent.film if parent else self._tube.films.get(reply_to) if reply_to else mine[-1] if mine else None
        if film is None or film.deleted:
            msg = "there is no such film to comment on"
            raise CannotSay(msg)
        top = (parent.parent or parent.id) if parent else ""
        return self._tube.comment(film, f"UC{author[:22]:0<22}", author, text, top).id

    def clear(self) -> None:
        self._tube.clear()

    # -- keys and quota --------------------------------------------------------------------------------------------

    async def _who(self, request: web.Request) -> TubeChannel:
        if {"access_token", "oauth_token", "key"} & set(request.query):
            raise Refusal(400, "a key stands in the address")
        bearer = request.headers.get("Authorization", "")
        account = next((one for one in DEMO if bearer == f"Bearer {one.access_token}"), None)
        if account is None:
            raise views.refusal(401, "authError", "Invalid Credentials")
        return account

    async def _token(self, request: web.Request) -> web.Response:
        given = dict(parse_qsl(await request.text()))
        self._ledger.count(self.name, "token")
        account = next((one for one in DEMO if one.keys["refresh_token"] == given.get("refresh_token")), None)
        if account is None or given.get("grant_type") != "refresh_token":
            self._ledger.refuse(self.name, "token", 400, "the refresh token is not known")
            return web.json_response({"error": "invalid_grant", "error_description": "Bad Request"}, status=400)
        if (given.get("client_id"), given.get("client_secret")) != (account.client_id, account.keys["client_secret"]):
            self._ledger.refuse(self.name, "token", 401, "the app is not known", account.name)
            return web.json_response({"error": "invalid_client"}, status=401)
        scope = "https://www.googleapis.com/auth/youtube.force-ssl"
        made = {"access_token": account.access_token, "expires_in": 3599, "scope": scope, "token_type": "Bearer"}
        return web.json_response(made)

    def _paid(self, what: str, work: Any) -> Any:
        async def paying(request: web.Request, account: TubeChannel) -> web.Response:
            if what != "part":
                spent = self._tube.units.get(account.id, 0) + (0 if what == "upload" else COSTS.get(what, 1))
                if spent > DAILY_UNITS or self._tube.uploaded.get(account.id, 0) >= DAILY_UPLOADS:
                    raise views.refusal(403, "quotaExceeded", "You have exceeded your quota.", "youtube.quota")
                self._tube.units[account.id] = spent
            answer: web.Response = await work(request, account)
            return answer

        return paying

    # -- films -----------------------------------------------------------------------------------------------------

    async def _begin(self, request: web.Request, account: TubeChannel) -> web.Response:
        allowed(request.query, {"uploadType", "part", "notifySubscribers"}, "the query")
        if request.query.get("uploadType") != "resumable" or set(request.query.get("part", "").split(",")) != {
            "snippet",
            "status",
        }:
            raise views.refusal(400, "badRequest", "not a resumable upload of snippet and status")
        about = await views.body(request, {"snippet": views.SNIPPET, "status": views.STATUS})
        views.snippet(about["snippet"])
        if about["status"].get("privacyStatus") not in ("public", "unlisted", "private"):
            raise views.refusal(400, "invalidVideoMetadata", "privacyStatus")
        size, kind = (
            request.headers.get("X-Upload-Content-Length", ""),
            request.headers.get("X-Upload-Content-Type", ""),
        )
        if not size.isdigit() or not kind.startswith("video/"):
            raise views.refusal(400, "mediaBodyRequired", "no length or no kind of film")
        self._tube.uploaded[account.id] = self._tube.uploaded.get(account.id, 0) + 1
        key = self._tube.begin(account, about, kind, int(size))
        return web.Response(headers={"Location": f"{request.url.origin()}/youtube/session/{key}"})

    async def _part(self, request: web.Request, account: TubeChannel) -> web.Response:
        upload = self._tube.uploads.get(request.match_info["key"])
        if upload is None or upload.owner is not account:
            raise views.refusal(404, "notFound", "no such upload")
        given, data = request.headers.get("Content-Range", ""), await request.read()
        if _ASKING.fullmatch(given):
            return self._there(upload)
        found = _PART.fullmatch(given)
        if found is None or int(found[3]) != upload.size or int(found[2]) - int(found[1]) + 1 != len(data):
            raise views.refusal(400, "badRequest", f"Content-Range {given!r} does not fit")
        if int(found[2]) + 1 != upload.size and len(data) % STEP:
            raise views.refusal(400, "badRequest", "a part is a multiple of 256 KiB")
        if int(found[1]) > len(upload.data):
            raise views.refusal(400, "badRequest", "bytes are missing before this part")
        upload.data[int(found[1]) :] = data
        if len(upload.data) == upload.size and upload.film is None:
            self._tube.publish(upload)
        return self._there(upload)

    def _there(self, upload: Upload) -> web.Response:
        if upload.film is not None:
            return web.json_response(views.film(upload.film), status=201)
        headers = {"Range": f"bytes=0-{len(upload.data) - 1}"} if upload.data else {}
        return web.Response(status=308, headers=headers)

    async def _videos(self, request: web.Request, account: TubeChannel) -> web.Response:
        allowed(request.query, {"part", "id", "maxResults", "hl"}, "the query")
        wanted = request.query.get("id", "").split(",")
        found = [one for number in wanted if (one := self._tube.films.get(number)) and not one.deleted]
        shown = [views.film(one) for one in found if one.owner is account or one.status["privacyStatus"] != "private"]
        return views.listed(shown)

    async def _update(self, request: web.Request, account: TubeChannel) -> web.Response:
        allowed(request.query, {"part"}, "the query")
        about = await views.body(request, {"id": None, "snippet": views.SNIPPET})
        film = self._mine(str(about["id"]), account)
        views.snippet(about["snippet"])
        film.snippet, film.edited = about["snippet"], True
        return web.json_response(views.film(film))

    async def _delete(self, request: web.Request, account: TubeChannel) -> web.Response:
        allowed(request.query, {"id"}, "the query")
        self._mine(request.query.get("id", ""), account).deleted = True
        return web.Response(status=204)

    async def _uploads(self, request: web.Request, account: TubeChannel) -> web.Response:
        allowed(request.query, {"part", "playlistId", "maxResults", "pageToken"}, "the query")
        if request.query.get("playlistId") != f"UU{account.id[2:]}":
            raise views.refusal(404, "playlistNotFound", "no such playlist")
        own = [one for one in self._tube.films.values() if one.owner is account and not one.deleted][::-1]
        return views.listed([{"contentDetails": {"videoId": one.id}} for one in own][:50])

    async def _channels(self, request: web.Request, account: TubeChannel) -> web.Response:
        allowed(request.query, {"part", "mine", "id"}, "the query")
        return views.listed([{"id": account.id, "snippet": {"title": account.title}, "status": {}}])

    def _mine(self, number: str, account: TubeChannel) -> Film:
        film = self._tube.films.get(number)
        if film is None or film.deleted:
            raise views.refusal(404, "videoNotFound", "The video cannot be found.")
        if film.owner is not account:
            raise views.refusal(403, "forbidden", "Forbidden")
        return film

    async def _watch(self, request: web.Request) -> web.Response:
        film = self._tube.films.get(request.match_info["id"])
        if film is None:
            raise web.HTTPNotFound
        return web.Response(body=film.data, content_type=film.kind)

    # -- comments --------------------------------------------------------------------------------------------------

    async def _threads(self, request: web.Request, account: TubeChannel) -> web.Response:
        known = {"part", "allThreadsRelatedToChannelId", "videoId", "order", "maxResults", "pageToken", "textFormat"}
        allowed(request.query, known, "the query")
        film = request.query.get("videoId")
        if film is None and request.query.get("allThreadsRelatedToChannelId") != account.id:
            raise views.refusal(403, "forbidden", "another channel's comments")
        found = [
            views.thread(one, [two for two in self._tube.comments.values() if two.parent == one.id and not two.deleted])
            for one in reversed(self._tube.comments.values())
            if not one.parent and not one.deleted and one.status == "published" and film in (None, one.film.id)
            and one.film.owner is account
        ]  # fmt: skip
        return views.listed(found[: int(request.query.get("maxResults", 20))])

    async def _thread(self, request: web.Request, account: TubeChannel) -> web.Response:
        allowed(request.query, {"part"}, "the query")
        given = (await views.body(request, {"snippet": {"videoId", "topLevelComment", "channelId"}}))["snippet"]
        film = self._tube.films.get(str(given.get("videoId")))
        if film is None or film.deleted:
            raise views.refusal(404, "videoNotFound", "The video cannot be found.")
        text = views.text(given["topLevelComment"]["snippet"])
        made = self._tube.comment(film, account.id, account.title, text)
        return web.json_response(views.thread(made, []))

    async def _comments(self, request: web.Request, _account: TubeChannel) -> web.Response:
        allowed(request.query, {"part", "parentId", "id", "maxResults", "textFormat"}, "the query")
        parent = request.query.get("parentId")
        return views.listed(
            [views.comment(one) for one in self._tube.comments.values() if one.parent == parent and not one.deleted]
        )

    async def _answer(self, request: web.Request, account: TubeChannel) -> web.Response:
        allowed(request.query, {"part"}, "the query")
        given = (await views.body(request, {"snippet": {"parentId", "textOriginal"}}))["snippet"]
        parent = self._tube.comments.get(str(given.get("parentId")))
        if parent is None or parent.deleted or parent.parent:
            raise views.refusal(404, "parentCommentNotFound", "The parent comment was not found.")
        made = self._tube.comment(parent.film, account.id, account.title, views.text(given), parent.id)
        return web.json_response(views.comment(made))

    async def _edit_comment(self, request: web.Request, account: TubeChannel) -> web.Response:
        allowed(request.query, {"part"}, "the query")
        given = await views.body(request, {"id": None, "snippet": {"textOriginal"}})
        said = self._said(str(given["id"]))
        if said.author != account.id:
            raise views.refusal(403, "forbidden", "Forbidden")
        said.text, said.changed = views.text(given["snippet"]), now()
        return web.json_response(views.comment(said))

    async def _no_comment(self, request: web.Request, account: TubeChannel) -> web.Response:
        allowed(request.query, {"id"}, "the query")
        said = self._said(request.query.get("id", ""))
        if said.author != account.id:
            raise views.refusal(403, "forbidden", "Forbidden")
        said.deleted = True
        return web.Response(status=204)

    async def _hide(self, request: web.Request, account: TubeChannel) -> web.Response:
        allowed(request.query, {"id", "moderationStatus", "banAuthor"}, "the query")
        said = self._said(request.query.get("id", ""))
        if said.film.owner is not account or request.query.get("moderationStatus") not in (
            "heldForReview",
            "rejected",
            "published",
        ):
            raise views.refusal(403, "forbidden", "Forbidden")
        said.status = request.query["moderationStatus"]
        return web.Response(status=204)

    def _said(self, number: str) -> Said:
        said = self._tube.comments.get(number)
        if said is None or said.deleted:
            raise views.refusal(404, "commentNotFound", "The comment was not found.")
        return said
