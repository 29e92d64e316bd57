"""How the pretend instance shows accounts, statuses, media and itself in API answers, and words its errors."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from crisis.simulator.counter import Dialect, Refusal
from crisis.simulator.mastodon import words
from crisis.simulator.mastodon.instance import Author, Instance, Media, Status

SCOPES = ["read", "write"]
BYTES = {"image": 16 * 1024 * 1024, "video": 99 * 1024 * 1024}


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


class Views:
    """Everything is told as seen from `base`, the instance's own address."""

    def __init__(self, instance: Instance) -> None:
        """Show this instance."""
        self._instance = instance

    def account(self, author: Author, base: str) -> dict[str, Any]:
        address = f"{base}/@{author.acct}"
        return {
            "id": author.id,
            "username": author.acct.split("@")[0],
            "acct": author.acct,
            "display_name": author.name,
            "url": address,
            "uri": address,
            "created_at": "2020-01-01T00:00:00.000Z",
            "note": "",
            **dict.fromkeys(("avatar", "avatar_static", "header", "header_static"), f"{base}/missing.png"),
            **dict.fromkeys(("bot", "group", "indexable", "locked"), False),
            **dict.fromkeys(("followers_count", "following_count", "statuses_count"), 0),
            "emojis": [],
            "fields": [],
        }

    def me(self, author: Author, base: str) -> dict[str, Any]:
        source = {
            "note": "",
            "fields": [],
            "privacy": "public",
            "sensitive": False,
            "language": "nb",
            "follow_requests_count": 0,
            "attribution_domains": [],
            "quote_policy": "public",
        }
        role = {"id": "-99", "name": "", "permissions": "0", "color": "", "highlighted": False}
        return {**self.account(author, base), "source": source, "role": role}

    def media(self, one: Media, base: str) -> dict[str, Any]:
        address = f"{base}/media/{one.id}"
        return {
            "id": one.id,
            "type": one.kind,
            "url": address,
            "preview_url": address,
            "remote_url": None,
            "description": one.alt or None,
            "meta": {},
            "blurhash": None,
        }

    def status(self, one: Status, base: str) -> dict[str, Any]:
        parent = self._instance.statuses.get(one.reply_to or "")
        return {
            "id": one.id,
            "uri": f"{base}/users/{one.author.acct}/statuses/{one.id}",
            "url": f"{base}/@{one.author.acct}/{one.id}",
            "created_at": stamp(one.at),
            "edited_at": stamp(one.edited_at) if one.edited_at else None,
            "account": self.account(one.author, base),
            "content": words.as_html(one.text),
            "spoiler_text": one.spoiler,
            "visibility": one.visibility,
            "sensitive": one.sensitive,
            "language": one.language or None,
            "in_reply_to_id": one.reply_to,
            "in_reply_to_account_id": parent.author.id if parent else None,
            "media_attachments": [self.media(file, base) for file in one.media],
            "tags": [{"name": tag, "url": f"{base}/tags/{tag}"} for tag in words.tags(one.text)],
            "mentions": [
                {"id": f"8{number}", "username": name, "acct": f"{name}@{server}", "url": words.address(name, server)}
                for number, (name, server) in enumerate(words.elsewhere(one.text))
            ],
            "emojis": [],
            "replies_count": len(self._instance.answers(one.id)),
            "reblogs_count": 0,
            "favourites_count": 0,
            "reblog": None,
            "poll": None,
            "card": None,
        }

    def itself(self, base: str) -> dict[str, Any]:
        """`GET /api/v2/instance`, as far as clients read it."""
        return {
            "domain": base.rsplit("://", maxsplit=1)[-1].split("/", maxsplit=1)[0],
            "title": "Mastodon (pretend)",
            "version": "4.5.0",
            "configuration": {
                "urls": {"streaming": base},
                "statuses": {
                    "max_characters": words.GREATEST,
                    "max_media_attachments": 4,
                    "characters_reserved_per_url": words.LINK,
                },
                "media_attachments": {
                    "supported_mime_types": ["image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4"],
                    "description_limit": 1_500,
                    "image_size_limit": BYTES["image"],
                    "video_size_limit": BYTES["video"],
                },
                "polls": {
                    "max_options": 4,
                    "max_characters_per_option": 50,
                    "min_expiration": 300,
                    "max_expiration": 2_629_746,
                },
            },
        }


class Words(Dialect):
    """Mastodon's errors: an object with one word, "error"."""

    def refused(self, refusal: Refusal) -> web.Response:
        return web.json_response({"error": refusal.say}, status=refusal.status, headers=refusal.headers)

    def busy(self, seconds: float) -> web.Response:
        headers = limit_headers(300, 0, datetime.now(UTC) + timedelta(seconds=seconds))
        return web.json_response({"error": "Too many requests"}, status=429, headers=headers)

    def broken(self) -> web.Response:
        return web.json_response({"error": "There was a temporary problem serving your request"}, status=503)

    def unknown_keys(self) -> web.Response:
        return web.json_response({"error": "The access token is invalid"}, status=401)

    def not_allowed(self) -> web.Response:
        return web.json_response({"error": "This action is outside the authorized scopes"}, status=403)


def limit_headers(limit: int, left: int, reset: datetime) -> dict[str, str]:
    """The three headers; Reset is an ISO 8601 time."""
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(max(left, 0)),
        "X-RateLimit-Reset": stamp(reset),
    }
