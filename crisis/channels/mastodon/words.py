"""Mastodon's words translated into ours: refusals, limits of an instance, statuses as inbound and as shown.

Pure functions; a status is the dictionary the API gives (Mastodon API docs, entities).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from crisis.channels.base import Attachment, Busy, Inbound, Misconfigured, Rejected, SendError, Shown
from crisis.channels.errors import LONGEST_PAUSE, Answer
from crisis.channels.text.graphemes import MASTODON_LIMIT, MASTODON_URL, mastodon_length
from crisis.channels.text.unmarked import plain_text

PROCESSING_SECONDS = 5.0
NEEDED_SCOPES = ("write:statuses", "write:media", "read:accounts", "read:statuses", "read:notifications")


def refusal(given: Answer) -> SendError | None:
    """Mastodon's own refusals (Mastodon API docs; server source, the error responders)."""
    said = str(given.body.get("error", ""))
    if given.status == 429 and (wait := _until(given.headers.get("x-ratelimit-reset", ""))) is not None:
        return Busy(given.say, code="429", retry_after=wait)
    if given.status == 422 and "not finished processing" in said:
        return Busy(given.say, code="processing", retry_after=PROCESSING_SECONDS)
    if given.status == 403 and "not allowed to" in said:  # this action, not the account
        return Rejected(given.say, code="not_allowed")
    if given.status == 410:
        return Rejected(given.say, code="404")
    if given.status == 403 and "scope" in said:
        return Misconfigured(f"{given.say}; the token lacks a scope", code="scope")
    return None


def _until(moment: str) -> float | None:
    """Seconds until X-RateLimit-Reset, which is an ISO 8601 time here."""
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return min(max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()), LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one instance allows, as it says itself (Mastodon API docs, InstanceV2 configuration)."""

    characters: int = MASTODON_LIMIT
    url_characters: int = MASTODON_URL
    attachments: int = 4
    alt_characters: int = 1_500
    picture_bytes: int = 16 * 1024 * 1024
    film_bytes: int = 99 * 1024 * 1024
    poll_options: int = 4
    poll_option_characters: int = 50

    @classmethod
    def told(cls, instance: Mapping[str, Any]) -> Limits:
        """From `GET /api/v2/instance`; what an instance leaves out is as Mastodon ships."""
        configuration = instance.get("configuration") or {}
        statuses, media, polls = (configuration.get(part) or {} for part in ("statuses", "media_attachments", "polls"))
        usual = cls()

        def number(part: Mapping[str, Any], name: str, otherwise: int) -> int:
            value = part.get(name)
            return value if isinstance(value, int) and value > 0 else otherwise

        return cls(
            characters=number(statuses, "max_characters", usual.characters),
            url_characters=number(statuses, "characters_reserved_per_url", usual.url_characters),
            attachments=number(statuses, "max_media_attachments", usual.attachments),
            alt_characters=number(media, "description_limit", usual.alt_characters),
            picture_bytes=number(media, "image_size_limit", usual.picture_bytes),
            film_bytes=number(media, "video_size_limit", usual.film_bytes),
            poll_options=number(polls, "max_options", usual.poll_options),
            poll_option_characters=number(polls, "max_characters_per_option", usual.poll_option_characters),
        )

    @classmethod
    def read(cls, noted: str | None) -> Limits | None:
        """As they were noted; None when there is nothing that can be read."""
        try:
            return cls(**json.loads(noted or ""))
        except (ValueError, TypeError):
            return None

    def noted(self) -> str:
        return json.dumps(asdict(self))

    def complaint(self, text: str, spoiler: str, media: Iterable[Attachment]) -> str:
        """Why this instance would refuse the post; empty when it would not."""
        length = mastodon_length(text, self.url_characters) + mastodon_length(spoiler, self.url_characters)
        if length > self.characters:
            return f"this instance takes {self.characters} characters, the text has {length}"
        media = tuple(media)
        if len(media) > self.attachments:
            return f"this instance takes {self.attachments} pictures in a post"
        for one in media:
            most = self.film_bytes if one.kind == "film" else self.picture_bytes
            if one.size > most:
                return f"this instance takes a {one.kind} of at most {most} bytes; this one has {one.size}"
            if len(one.alt) > self.alt_characters:
                return f"this instance takes {self.alt_characters} characters of alt text; this one has {len(one.alt)}"
        return ""


def lacking(scopes: Iterable[str]) -> list[str]:
    """The scopes we need that none of `scopes` covers; "write" covers "write:statuses" (Mastodon docs, OAuth scopes)."""
    has = set(scopes)
    return [need for need in NEEDED_SCOPES if need not in has and need.split(":")[0] not in has]


def moment(value: Any) -> datetime:
    """A time of the API; the client library has often read it already."""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)


def as_written(status: Mapping[str, Any]) -> str:
    """The text as it was sent: of somebody on another server the instance shows the name alone (Mastodon API docs, Mention)."""
    names = {str(one["url"]): f"@{one['acct']}" for one in status.get("mentions") or ()}
    return plain_text(str(status.get("content", "")), names)


def shown(status: Mapping[str, Any]) -> Shown:
    edited = status.get("edited_at")
    return Shown(
        provider_id=str(status["id"]),
        text=as_written(status),
        at=moment(status["created_at"]),
        url=status.get("url"),
        edited_at=moment(edited) if edited else None,
    )


def inbound(status: Mapping[str, Any], kind: str, root: str | None = None) -> Inbound:
    """Somebody's status as we store it. A content warning stands first: it is part of what they said."""
    author = status["account"]
    warning = str(status.get("spoiler_text") or "")
    words = as_written(status)
    answers = status.get("in_reply_to_id")
    return Inbound(
        provider_id=str(status["id"]),
        author=str(author["acct"]),
        author_name=str(author.get("display_name") or ""),
        text=f"{warning}\n\n{words}" if warning else words,
        at=moment(status["created_at"]),
        language=status.get("language"),
        in_reply_to=str(answers) if answers else None,
        root=root,
        url=status.get("url"),
        kind="hashtag" if kind == "hashtag" else "reply" if answers else "mention",
        private=status.get("visibility") == "direct",
        edited=bool(status.get("edited_at")),
    )


def newest(ids: Iterable[str], otherwise: str) -> str:
    """The newest of opaque ids: longer ones are newer, then the letters decide (Mastodon API docs, pagination)."""
    return max([*ids, otherwise], key=lambda one: (len(one), one))


def named(thing: Mapping[str, Any]) -> str:
    """The id of what an answer tells of. Raises `KeyError`; the client library gives None for what was left out."""
    if not thing["id"]:
        raise KeyError("id")
    return str(thing["id"])
