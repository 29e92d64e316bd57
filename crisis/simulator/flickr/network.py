"""The HTTP face of the pretend Flickr, under /flickr: the signed REST calls and the upload.

As strict as the real one: every word of a call is signed except the picture, unknown methods and arguments are refused,
and a refusal comes with status 200.
"""

import re
from collections.abc import Sequence
from html import unescape
from typing import Any, ClassVar
from urllib.parse import urlencode

from aiohttp import web

from crisis.simulator.faults import Faults
from crisis.simulator.flickr.stream import DEMO, METHODS, Photo, Remark, Stream, StreamAccount
from crisis.simulator.front import Dialect, Front, Refusal
from crisis.simulator.ledger import Ledger
from crisis.simulator.network import CannotSay, DemoAccount, Picture, Seen
from crisis.simulator.when import iso
from crisis.simulator.x.signature import Keyring, NotSigned, Signed

UPLOAD_FIELDS = {
    "title", "description", "tags", "is_public", "is_friend", "is_family", "safety_level", "content_type", "hidden", "async",
}  # fmt: skip
COMMON = {"method", "format", "nojsoncallback", "api_key"}
_TAG = re.compile(r'"([^"]*)"|(\S+)')
_LINK = re.compile(r"https?://[^\s<]+[^\s<.,;:!?)]")


class FlickrNetwork:
    """Handlers over one memory."""

    name = "flickr"
    label = "Flickr"
    demo: ClassVar[Sequence[DemoAccount]] = tuple(
        DemoAccount(one.name, {"user_id": one.nsid}, one.keys) for one in DEMO
    )

    def __init__(self, faults: Faults, ledger: Ledger) -> None:
        self._stream = Stream()
        self._keys = Keyring(DEMO)
        self._front: Front[StreamAccount] = Front(self.name, faults, ledger, _Words(), self._who, lambda one: one.name)

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        return [
            web.get("/flickr/services/rest/", self._front.handler("read", self._read)),
            web.post("/flickr/services/rest/", self._front.handler("write", self._write)),
            web.post("/flickr/services/upload/", self._front.handler("upload", self._upload)),
            web.get("/flickr/pictures/{id}", self._picture),
        ]

    def seen(self) -> Sequence[Seen]:
        photos = [_seen_photo(one) for one in self._stream.photos.values()]
        return sorted([*photos, *map(_seen_remark, self._stream.remarks.values())], key=lambda one: one.at)

    async def say(self, account: str, author: str, text: str, reply_to: str = "") -> str:
        """Comment under a picture, or under the newest one of the stream."""
        if not text.strip():
            msg = "a comment says something"
            raise CannotSay(msg)
        mine = [one for one in self._stream.photos.values() if one.owner.name == account and not one.deleted]
        remark = self._stream.remarks.get(reply_to)
        photo = (
            remark.photo if remark else self._stream.photos.get(reply_to) if reply_to else mine[-1] if mine else None
        )
        if photo is None or photo.deleted:
            msg = "there is no such picture to comment on"
            raise CannotSay(msg)
        return self._stream.remark(photo, "90001@N01", author, text).id

    def clear(self) -> None:
        self._stream.clear()

    async def _who(self, request: web.Request) -> StreamAccount:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        signed = Signed(
            method=request.method,
            url=str(request.url.with_query(None)),
            path=request.rel_url.raw_path,
            query=request.rel_url.raw_query_string,
            authorization=request.headers.get("Authorization", ""),
            form=urlencode(form),
        )
        try:
            return self._keys.account_of(signed)
        except NotSigned as reason:
            code, message = (98, "Invalid auth token") if "token" in str(reason) else (96, "Invalid signature")
            raise _fail(code, message, str(reason)) from reason

    # -- calls -----------------------------------------------------------------------------------------------------

    async def _read(self, request: web.Request, account: StreamAccount) -> web.Response:
        return self._called({name: str(value) for name, value in request.query.items()}, account, write=False)

    async def _write(self, request: web.Request, account: StreamAccount) -> web.Response:
        given = {name: str(value) for name, value in (await request.post()).items()}
        return self._called(given, account, write=True)

    def _called(self, given: dict[str, str], account: StreamAccount, *, write: bool) -> web.Response:
        method = given.get("method", "")
        if method not in METHODS:
            raise _fail(112, f'Method "{method}" not found')
        if given.get("format") != "json" or given.get("nojsoncallback") != "1":
            raise _fail(111, f'Format "{given.get("format")}" not found')
        needed, known = METHODS[method]
        if unknown := sorted(set(given) - needed - known - COMMON):
            raise _fail(1, f"unknown arguments {', '.join(unknown)}")
        if missing := sorted(needed - set(given)):
            raise _fail(1, f"Required arguments missing: {', '.join(missing)}")
        name = method.removeprefix("flickr.").replace(".", "_").lower()
        if write != (name.rpartition("_")[2][:3] in ("set", "del", "add", "edi")):
            raise _fail(1, "read with GET and write with POST here")
        body: dict[str, Any] = getattr(self, f"_{name}")(given, account)
        return web.json_response({**body, "stat": "ok"})

    def _auth_oauth_checktoken(self, _given: dict[str, str], account: StreamAccount) -> dict[str, Any]:
        user = {"nsid": account.nsid, "username": account.name, "fullname": account.title}
        return {"oauth": {"token": {"_content": account.access_token}, "perms": {"_content": "delete"}, "user": user}}

    def _people_getphotos(self, given: dict[str, str], account: StreamAccount) -> dict[str, Any]:
        if given["user_id"] not in ("me", account.nsid):
            raise _fail(2, "Unknown user")
        since = float(given.get("min_upload_date", 0))
        wanted = {"1": [True], "5": [False]}.get(given.get("privacy_filter", ""), [True, False])
        own = [one for one in self._stream.photos.values() if one.owner is account and not one.deleted]
        found = [one for one in own if int(one.at) >= since and one.public in wanted][::-1]
        return _photos([_photo(one, given.get("extras", "").split(",")) for one in found])

    def _photos_recentlyupdated(self, given: dict[str, str], account: StreamAccount) -> dict[str, Any]:
        if not given["min_date"].isdigit():
            raise _fail(2, "Not a valid date")
        own = [one for one in self._stream.photos.values() if one.owner is account and not one.deleted]
        return _photos([_photo(one, []) for one in own if int(one.changed) >= int(given["min_date"])])

    def _photos_setmeta(self, given: dict[str, str], account: StreamAccount) -> dict[str, Any]:
        photo = self._mine(given["photo_id"], account)
        if not {"title", "description"} & set(given):
            raise _fail(2, "At least one of title or description must be set")
        photo.title, photo.description = given.get("title", photo.title), given.get("description", photo.description)
        photo.edited = True
        return {}

    def _photos_delete(self, given: dict[str, str], account: StreamAccount) -> dict[str, Any]:
        self._mine(given["photo_id"], account).deleted = True
        return {}

    def _photos_comments_getlist(self, given: dict[str, str], _account: StreamAccount) -> dict[str, Any]:
        photo, since = self._there(given["photo_id"]), float(given.get("min_comment_date", 0))
        said = [one for one in self._stream.remarks.values() if one.photo is photo and not one.deleted]
        listed = [_remark(one) for one in said if int(one.at) >= since]
        return {"comments": {"photo_id": photo.id, **({"comment": listed} if listed else {})}}

    def _photos_comments_addcomment(self, given: dict[str, str], account: StreamAccount) -> dict[str, Any]:
        if not given["comment_text"].strip():
            raise _fail(8, "Blank comment.")
        made = self._stream.remark(self._there(given["photo_id"]), account.nsid, account.title, given["comment_text"])
        return {"comment": _remark(made)}

    def _photos_comments_editcomment(self, given: dict[str, str], account: StreamAccount) -> dict[str, Any]:
        remark = self._said(given["comment_id"], account)
        if not given["comment_text"].strip():
            raise _fail(8, "Blank comment.")
        remark.text, remark.edited = given["comment_text"], True
        return {}

    def _photos_comments_deletecomment(self, given: dict[str, str], account: StreamAccount) -> dict[str, Any]:
        self._said(given["comment_id"], account).deleted = True
        return {}

    async def _upload(self, request: web.Request, account: StreamAccount) -> web.Response:
        form = await request.post()
        file = form.get("photo")
        about = {name: str(value) for name, value in form.items() if name != "photo"}
        if set(about) - UPLOAD_FIELDS:
            raise _no_upload(96, "Invalid signature")  # what the real one says of a misspelt word
        if not isinstance(file, web.FileField):
            raise _no_upload(2, "No photo specified")
        data = file.file.read()
        if not data:
            raise _no_upload(4, "Filesize was zero")
        if not file.content_type.startswith(("image/", "video/")):
            raise _no_upload(5, "Filetype was not recognised")
        tags = [quoted or bare for quoted, bare in _TAG.findall(about.get("tags", ""))]
        photo = self._stream.add(account, about, tags, data, file.content_type)
        text = f'<?xml version="1.0" encoding="utf-8" ?>\n<rsp stat="ok">\n<photoid>{photo.id}</photoid>\n</rsp>\n'
        return web.Response(text=text, content_type="text/xml")

    def _there(self, number: str) -> Photo:
        photo = self._stream.photos.get(number)
        if photo is None or photo.deleted:
            raise _fail(1, "Photo not found")
        return photo

    def _mine(self, number: str, account: StreamAccount) -> Photo:
        photo = self._there(number)
        if photo.owner is not account:
            raise _fail(99, "Insufficient permissions")
        return photo

    def _said(self, number: str, account: StreamAccount) -> Remark:
        remark = self._stream.remarks.get(number)
        if remark is None or remark.deleted:
            raise _fail(2, "Comment not found.")
        if remark.author != account.nsid:
            raise _fail(99, "Insufficient permissions")
        return remark

    async def _picture(self, request: web.Request) -> web.Response:
        photo = self._stream.photos.get(request.match_info["id"])
        if photo is None:
            raise web.HTTPNotFound
        return web.Response(body=photo.data, content_type=photo.kind)


class _Words(Dialect):
    def refused(self, refusal: Refusal) -> web.Response:
        if isinstance(refusal.body, str):
            return web.Response(status=refusal.status, text=refusal.body, content_type="text/xml")
        return web.json_response(refusal.body, status=refusal.status)

    def busy(self, seconds: float) -> web.Response:
        return web.Response(status=429, text="Too many requests\n", headers={"Retry-After": str(int(seconds + 0.999))})

    def broken(self) -> web.Response:
        return web.Response(status=503, text="Bad, bad panda\n")

    def unknown_keys(self) -> web.Response:
        return web.Response(status=401, text="oauth_problem=token_rejected")

    def not_allowed(self) -> web.Response:
        return web.Response(status=403, text="oauth_problem=permission_denied")


def _fail(code: int, message: str, reason: str = "") -> Refusal:
    return Refusal(200, reason or f"{code}: {message}", {"stat": "fail", "code": code, "message": message})


def _no_upload(code: int, message: str) -> Refusal:
    text = (
        f'<?xml version="1.0" encoding="utf-8" ?>\n<rsp stat="fail">\n<err code="{code}" msg="{message}" />\n</rsp>\n'
    )
    return Refusal(200, f"upload {code}: {message}", text)


def _photos(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"photos": {"page": 1, "pages": 1, "perpage": 500, "total": len(found), "photo": found}}


def _photo(one: Photo, extras: list[str]) -> dict[str, Any]:
    linked = _LINK.sub(lambda found: f'<a href="{found[0]}" rel="noreferrer nofollow">{found[0]}</a>', one.description)
    more: dict[str, dict[str, Any]] = {
        "description": {"description": {"_content": linked}},
        "machine_tags": {"machine_tags": " ".join(tag for tag in one.tags if ":" in tag)},
        "date_upload": {"dateupload": str(int(one.at))},
    }
    found: dict[str, Any] = {"id": one.id, "owner": one.owner.nsid, "title": one.title, "ispublic": int(one.public)}
    for name in extras:
        found |= more.get(name, {})
    return found


def _remark(one: Remark) -> dict[str, Any]:
    link = f"https://www.flickr.com/photos/{one.photo.owner.nsid}/{one.photo.id}/#comment{one.id.rpartition('-')[2]}"
    told = {"id": one.id, "author": one.author, "authorname": one.name, "datecreate": str(int(one.at))}
    return {**told, "permalink": link, "_content": one.text}


def _seen_photo(one: Photo) -> Seen:
    return Seen(
        id=one.id,
        account=one.owner.name,
        author=one.owner.title,
        title=one.title,
        text=unescape(one.description),
        at=iso(one.at),
        url=f"https://www.flickr.com/photos/{one.owner.nsid}/{one.id}",
        pictures=[Picture("picture", f"/flickr/pictures/{one.id}", one.title)],
        edited=one.edited,
        deleted=one.deleted,
        hidden=not one.public,
        details={"tags": one.tags},
    )


def _seen_remark(one: Remark) -> Seen:
    return Seen(
        id=one.id,
        account=one.photo.owner.name,
        author=one.name,
        text=unescape(one.text),
        at=iso(one.at),
        reply_to=one.photo.id,
        edited=one.edited,
        deleted=one.deleted,
        ours=one.author == one.photo.owner.nsid,
    )
