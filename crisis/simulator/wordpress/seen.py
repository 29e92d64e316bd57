"""Articles and comments of the pretend sites as the town square shows them."""

import html
import re

from crisis.simulator.network import Picture, Seen
from crisis.simulator.wordpress.site import OWN_ID, Article, Comment, Site

_MARKS = re.compile(r"<[^>]+>")
_IMAGE = re.compile(r'<img src="([^"]*)" alt="([^"]*)"')


def words_of(content: str) -> str:
    return html.unescape(_MARKS.sub("", re.sub(r"</p>\s*", "\n\n", content))).strip()


def article_seen(site: Site, one: Article) -> Seen:
    front = site.files.get(one.featured)
    pictures = (
        [Picture("picture", f"/wordpress/{site.name}/wp-content/{front.id}/{front.name}", front.alt)] if front else []
    )
    pictures += [Picture("picture", html.unescape(url), html.unescape(alt)) for url, alt in _IMAGE.findall(one.content)]
    return Seen(
        id=f"{site.name}/{one.id}",
        account=site.name,
        author=site.username,
        title=one.title,
        text=words_of(one.content),
        at=one.at.isoformat(timespec="milliseconds"),
        url=f"/wordpress/{site.name}/{one.slug}/",
        pictures=pictures,
        edited=one.changed > one.at,
        deleted=one.status == "trash",
        details={"status": one.status, "slug": one.slug},
    )


def comment_seen(site: Site, one: Comment) -> Seen:
    return Seen(
        id=f"{site.name}/comment-{one.id}",
        account=site.name,
        author=one.author,
        text=words_of(one.content),
        at=one.at.isoformat(timespec="milliseconds"),
        reply_to=f"{site.name}/comment-{one.parent}" if one.parent else f"{site.name}/{one.post}",
        deleted=one.status == "trash",
        hidden=one.status == "hold",
        ours=one.author_id == OWN_ID,
    )
