"""Saying something on the pretend Mastodon: statuses, their media, changing and deleting them, reports of others."""

import time
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from crisis.simulator.counter import Refusal
from crisis.simulator.mastodon import words
from crisis.simulator.mastodon.asked import base_of, fields, own
from crisis.simulator.mastodon.instance import Author, Instance, Media, Status
from crisis.simulator.mastodon.views import BYTES, Views, limit_headers, stamp

DELETES, DELETE_WINDOW = 30, timedelta(minutes=30)
POST_FIELDS = frozenset(
    [
        "status",
        "media_ids",
        "in_reply_to_id",
        "sensitive",
        "spoiler_text",
        "visibility",
        "language",
        "scheduled_at",
        "poll",
        "quoted_status_id",
        "quote_approval_policy",
    ]
)
EDIT_FIELDS = frozenset(
    ["status", "media_ids", "sensitive", "spoiler_text", "language", "poll", "quote_approval_policy"]
)
REPORT_FIELDS = frozenset(["account_id", "status_ids", "comment", "forward", "category", "rule_ids", "collection_ids"])
REPORT_CATEGORIES = ("spam", "legal", "violation", "other")
VISIBILITIES = ("public", "unlisted", "private", "direct")


class Posting:
    """Handlers of one instance."""

    def __init__(self, instance: Instance, views: Views) -> None:
        self.instance, self._views = instance, views

    async def post(self, request: web.Request, author: Author) -> Any:
        key = request.headers.get("Idempotency-Key", "")
        if key and (first := self.instance.repeated(author, key)):
            return self._views.status(first, base_of(request))
        given = await fields(request, POST_FIELDS)
        for missing in ("scheduled_at", "poll", "quoted_status_id", "quote_approval_policy"):
            if missing in given:
                raise Refusal(422, "unplayed", f"This simulator does not play {missing}")
        text, spoiler, media = self._checked(given, author, fresh=True)
        visibility = given.get("visibility", "public")
        if visibility not in VISIBILITIES:
            raise Refusal(422, "invalid", "Validation failed: Visibility is not included in the list")
        reply_to = given.get("in_reply_to_id") or None
        if reply_to and self.instance.standing(reply_to) is None:
            raise Refusal(404, "missing", "The post you are trying to reply to does not appear to exist.")
        made = Status(self.instance.number(), author, text, datetime.now(UTC), spoiler, visibility)
        made.language, made.reply_to, made.media = given.get("language", ""), reply_to, media
        made.sensitive = bool(spoiler) or given.get("sensitive", "") in ("true", "1", "True", True)
        for file in media:
            file.used = True
        self.instance.add(made)
        if key:
            self.instance.keys[author.id, key] = (time.time(), made.id)
        return self._views.status(made, base_of(request))

    def _checked(self, given: dict[str, Any], author: Author, *, fresh: bool) -> tuple[str, str, list[Media]]:
        text, spoiler = str(given.get("status", "")), str(given.get("spoiler_text", ""))
        media = [self.instance.media.get(number) for number in given.get("media_ids", ())]
        if any(file is None or file.author is not author or (fresh and file.used) for file in media):
            raise Refusal(422, "media", "Validation failed: Media attachments is invalid")
        if not text.strip() and not media:
            raise Refusal(422, "blank", "Validation failed: Text can't be blank")
        if words.length(text) + words.length(spoiler) > words.GREATEST:
            say = f"Validation failed: Text character limit of {words.GREATEST} exceeded"
            raise Refusal(422, "long", say)
        files = [file for file in media if file]
        if len(files) > 4 or (len(files) > 1 and any(file.kind == "video" for file in files)):
            raise Refusal(422, "media", "Cannot attach a video to a post that already contains images, or more than 4")
        if "language" in given and not (2 <= len(given["language"]) <= 8):
            raise Refusal(422, "language", "Validation failed: Language is invalid")
        return text, spoiler, files

    async def edit(self, request: web.Request, author: Author) -> Any:
        status = own(self.instance, request, author)
        given = await fields(request, EDIT_FIELDS)
        text, spoiler, media = self._checked(given, author, fresh=False)
        if (text, spoiler, media) != (status.text, status.spoiler, status.media):
            status.text, status.spoiler, status.media = text, spoiler, media
            status.edited_at = datetime.now(UTC)
        return self._views.status(status, base_of(request))

    async def delete(self, request: web.Request, author: Author) -> Any:
        status = own(self.instance, request, author)
        now = time.time()
        recent = self.instance.deletes.setdefault(author.id, deque())
        while recent and recent[0] < now - DELETE_WINDOW.total_seconds():
            recent.popleft()
        if len(recent) >= DELETES:
            reset = datetime.fromtimestamp(recent[0], UTC) + DELETE_WINDOW
            raise Refusal(429, "limit", "Too many requests", headers=limit_headers(DELETES, 0, reset))
        recent.append(now)
        shown = {**self._views.status(status, base_of(request)), "text": status.text}
        status.deleted = True
        return shown

    async def report(self, request: web.Request, author: Author) -> Any:
        given = await fields(request, REPORT_FIELDS)
        target = self.instance.who(str(given.get("account_id", "")))
        if target is None:
            raise Refusal(404, "missing", "Record not found")
        category, comment = given.get("category", "other"), str(given.get("comment", ""))
        if category not in REPORT_CATEGORIES or len(comment) > 1_000:
            raise Refusal(
                422, "invalid", "Validation failed: Category is not included in the list, or Comment is too long"
            )
        said = [self.instance.standing(str(number)) for number in given.get("status_ids", ())]
        if any(one is None or one.author is not target for one in said):
            raise Refusal(404, "missing", "Record not found")
        made = {
            "id": str(len(self.instance.reports) + 1),
            "action_taken": False,
            "action_taken_at": None,
            "category": category,
            "comment": comment,
            "forwarded": given.get("forward", "") in ("true", "1", "True", True),
            "created_at": stamp(datetime.now(UTC)),
            "status_ids": [one.id for one in said if one],
            "rule_ids": None,
            "collection_ids": None,
            "target_account": self._views.account(target, base_of(request)),
        }
        self.instance.reports.append({**made, "by": author.acct})
        return made

    async def upload(self, request: web.Request, author: Author) -> Any:
        if not request.content_type.startswith("multipart/"):
            raise Refusal(422, "file", "Validation failed: File can't be blank")
        form = await request.post()
        if unknown := set(form) - {"file", "description", "focus", "thumbnail"}:
            raise Refusal(422, "unknown", f"Unknown fields: {', '.join(sorted(unknown))}")
        file, alt = form.get("file"), str(form.get("description", ""))
        if not isinstance(file, web.FileField):
            raise Refusal(422, "file", "Validation failed: File can't be blank")
        data = file.file.read()
        kind = file.content_type.split("/")[0]
        if kind not in BYTES or len(data) > BYTES[kind]:
            raise Refusal(422, "file", "Validation failed: File has an unknown type or is too large")
        if len(alt) > 1_500:
            raise Refusal(422, "alt", "Validation failed: Description is too long (maximum is 1500 characters)")
        made = self.instance.keep(Media(self.instance.number(), author, file.content_type, data, alt))
        return self._views.media(made, base_of(request))

    async def media(self, request: web.Request, author: Author) -> Any:
        one = self.instance.media.get(request.match_info["id"])
        if one is None or one.author is not author or one.used:
            raise Refusal(404, "missing", "Record not found")
        return self._views.media(one, base_of(request))
