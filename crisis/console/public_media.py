"""Released pictures and films for the networks that fetch them by themselves: no sign-in, an address nobody guesses.

Shows what was frozen and released, and nothing else; a withdrawn one is gone from here at once.
"""

from __future__ import annotations

from flask import Blueprint, abort
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from crisis.console.guard import public
from crisis.console.here import runtime
from crisis.console.library import stored
from crisis.media.store import EXTENSIONS
from crisis.models import Broadcast, BroadcastText, FrozenMedia, MediaItem

pages = Blueprint("public_media", __name__)


@pages.get("/media/<token>.<ending>")
@public
def show(token: str, ending: str) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        found = session.execute(
            select(FrozenMedia.sha256, FrozenMedia.content_type)
            .join(BroadcastText, BroadcastText.id == FrozenMedia.text_id)
            .join(Broadcast, Broadcast.id == BroadcastText.broadcast_id)
            .outerjoin(MediaItem, MediaItem.id == FrozenMedia.item_id)
            .where(
                FrozenMedia.token == token,
                Broadcast.released_at.is_not(None),
                MediaItem.withdrawn_at.is_(None),
            )
        ).first()
    if found is None or EXTENSIONS[found.content_type] != ending:
        abort(404)
    return stored(found.sha256, ending, "public, max-age=3600")
