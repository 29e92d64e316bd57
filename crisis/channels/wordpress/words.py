"""WordPress's words translated into ours: refusals, articles as shown, comments as inbound; and ours into its HTML. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from crisis.channels.base import Busy, Inbound, Misconfigured, Outgoing, Rejected, SendError, Shown
from crisis.channels.errors import Answer
from crisis.channels.text.markup import marked_up
from crisis.channels.text.unmarked import comparable, plain_text

COMMENT = "comment-"
NEEDED = ("publish_posts", "edit_published_posts", "delete_published_posts", "upload_files")
PICTURES = "<!-- pictures -->"
_FLOOD_SECONDS = 15.0  # WordPress source, comment flood filter
_LONGEST_SLUG = 60


def refusal(given: Answer) -> SendError | None:
    """WordPress's own refusals: `{code, message, data}` (REST API handbook, errors)."""
    code = str(given.body.get("code", ""))
    if code == "comment_flood":
        return Busy(given.say, code=code, retry_after=_FLOOD_SECONDS)
    if code == "rest_no_route":
        return Misconfigured(f"{given.say}; is the site's REST API switched on?", code=code)
    if given.status in (400, 403, 404, 409, 410, 501) and (
        code.startswith(("rest_upload", "comment_", "rest_comment_invalid", "rest_post_invalid"))
        or code in ("rest_already_trashed", "rest_trash_not_supported")
    ):
        return Rejected(given.say, code=code)
    return None


def slug(out: Outgoing) -> str:
    """The last part of the article's address: readable, and of this delivery alone."""
    plain = unicodedata.normalize("NFKD", out.title.lower().translate(_NORDIC)).encode("ascii", "ignore").decode()
    readable = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_SLUG].strip("-")
    return f"{readable}-{out.delivery_id.replace('-', '')[-12:]}".lstrip("-")


_NORDIC = str.maketrans({"æ": "ae", "ø": "o", "å": "a"})


def article(text: str, pictures: Iterable[tuple[str, str]] = ()) -> str:
    """The content of an article: the approved words marked up, then pictures as address and alt text."""
    figures = [Markup('<figure><img src="{}" alt="{}"></figure>').format(*one) for one in pictures]
    after = f"\n{PICTURES}\n" + "\n".join(figures) if figures else ""
    return str(marked_up(text)) + after


def pictures_of(content: str) -> str:
    """The pictures at the end of an article of ours, as they stand in it."""
    _, mark, after = content.partition(PICTURES)
    return f"\n{mark}{after}" if mark else ""


def gmt(value: Any) -> datetime:
    """A `..._gmt` time, which is written without a zone."""
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)


def same(rendered: str, text: str) -> bool:
    """Does a site's HTML say what we wrote? Sites set quotes, dashes and dots as a printer would (WordPress source,
    wptexturize).
    """
    return _typed(plain_text(rendered)) == _typed(text)


def _typed(text: str) -> str:
    return re.sub("-+", "-", comparable(text.translate(_SIGNS)))


_SIGNS = str.maketrans({**dict.fromkeys('‘’′"“”„″', "'"), **dict.fromkeys("–—", "-"), "…": "...", "×": "x"})


def shown(post: Mapping[str, Any]) -> Shown:
    """As it is kept, which is what a hand would change; what the theme and plugins put around it is the site's own."""
    at, changed = gmt(post["date_gmt"]), gmt(post["modified_gmt"])
    return Shown(
        provider_id=str(post["id"]),
        text=plain_text(str(post["content"].get("raw") or post["content"]["rendered"])),
        at=at,
        url=post.get("link"),
        edited_at=changed if changed > at else None,
        title=plain_text(str(post["title"].get("raw") or post["title"]["rendered"])),
    )


def inbound(comment: Mapping[str, Any]) -> Inbound:
    """A comment; one that waits for its approval is seen by the account only."""
    parent = int(comment.get("parent") or 0)
    root = str(comment["post"])
    name = plain_text(str(comment.get("author_name") or ""))
    return Inbound(
        provider_id=f"{COMMENT}{comment['id']}",
        author=name or "?",
        author_name=name,
        text=plain_text(str(comment["content"]["rendered"])),
        at=gmt(comment["date_gmt"]),
        in_reply_to=f"{COMMENT}{parent}" if parent else root,
        root=root,
        url=comment.get("link"),
        kind="comment",
        private=comment.get("status") == "hold",
    )
