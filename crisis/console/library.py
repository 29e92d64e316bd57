"""The unit's media library: taking a picture or film in, describing it, recording rights and consent, withdrawing it.

What may be used is decided in media/library.py, what a file really is in media/incoming.py.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from crisis.console.guard import enter, large_body, may
from crisis.console.here import actor, runtime, unit
from crisis.console.incidents import headline
from crisis.console.wording import refusal
from crisis.media import incoming, library
from crisis.media.store import EXTENSIONS, Kept
from crisis.models import MediaItem, User, utcnow
from crisis.settings import LANGUAGES
from crisis.states import NotAllowed

pages = Blueprint("library", __name__, url_prefix="/library")


@pages.get("/")
@may()
def index() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        shown = [(item, library.why_not(item)) for item in library.items(session, unit().id)]
        return render_template("console/library/index.html", shown=shown, editable=_editable())


@pages.get("/new")
@may(*library.EDITORS)
def new() -> ResponseReturnValue:
    return _new_form()


@pages.post("/new")
@may(*library.EDITORS)
@large_body(incoming.largest)
def add() -> ResponseReturnValue:
    """The file is read and made safe before the database is asked; a row is written when it is on disk."""
    sent, form = request.files.get("file"), request.form
    try:
        kept = _taken(sent)
        with runtime().database.writing() as session:
            item = library.add(session, actor(), unit().id, kept, form.get("key", ""), form.get("title", ""), utcnow())
    except NotAllowed as refused:
        return _new_form(refusal(refused)), 422
    flash(
        gettext("It is in the library. Say what it shows and by what right it is published: then it can be used."),
        "good",
    )
    return redirect(url_for("library.show", item_id=item.id))


@pages.get("/<uuid:item_id>")
@may()
def show(item_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return _page(session, _item(session, item_id))


@pages.post("/<uuid:item_id>/<any(words, rights, consent, withdraw):what>")
@may(*library.EDITORS)
def change(item_id: uuid.UUID, what: str) -> ResponseReturnValue:
    form, now = request.form, utcnow()
    try:
        with runtime().database.writing() as session:
            item = _item(session, item_id, lock=True)
            match what:
                case "words":
                    alt = {str(language): form.get(f"alt-{language}", "") for language in LANGUAGES}
                    library.describe(session, actor(), item, form.get("title", ""), alt, now)
                case "rights":
                    told = (form.get("owner", ""), form.get("source", ""), form.get("licence", ""))
                    library.record_rights(session, actor(), item, *told, now)
                case "consent":
                    library.record_consent(session, actor(), item, form.get("consent", ""), now)
                case _:
                    library.withdraw(session, actor(), item, form.get("reason", ""), now)
    except NotAllowed as refused:
        with runtime().database.reading() as session:
            return _page(session, _item(session, item_id), {what: refusal(refused)}), 422
    flash(gettext("It is recorded."), "good")
    return redirect(url_for("library.show", item_id=item_id))


@pages.get("/files/<sha256>.<ending>")
@may()
def file(sha256: str, ending: str) -> ResponseReturnValue:
    """A file of the store, for the pages of those who are signed in: who can name it has seen it."""
    return stored(sha256, ending, "private, max-age=86400, immutable")


def stored(sha256: str, ending: str, caching: str) -> Response:
    """A file by its content, of the type we wrote it in; 404 for anything else."""
    types = {word: content_type for content_type, word in EXTENSIONS.items()}
    if ending not in types or len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        abort(404)
    path = runtime().media.path(sha256, types[ending])
    if not path.exists():
        abort(404)
    response = send_file(path.resolve(), mimetype=types[ending], conditional=True, etag=sha256)
    response.headers["Cache-Control"] = caching
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _editable() -> bool:
    return bool(unit().roles & set(library.EDITORS))


def _taken(sent: FileStorage | None) -> Kept:
    if sent is None or not sent.filename:
        raise NotAllowed("choose a file")
    sent.stream.flush()
    return incoming.take(runtime().media, runtime().settings, Path(str(getattr(sent.stream, "name", ""))))


def _new_form(error: str = "") -> str:
    told = runtime().settings
    return render_template(
        "console/library/new.html",
        error=error,
        picture_most=told.media_picture_megabytes,
        film_most=told.media_film_megabytes,
    )


def _item(session: Session, item_id: uuid.UUID, *, lock: bool = False) -> MediaItem:
    item = session.get(MediaItem, item_id, with_for_update=lock or None) or abort(404)
    enter(item.unit_id)
    return item


def _page(session: Session, item: MediaItem, wrong: dict[str, str] | None = None) -> str:
    who: dict[str, Any] = {
        name: user.name
        for name, user_id in (("added", item.added_by), ("rights", item.rights_by), ("consent", item.consent_by))
        if user_id and (user := session.get(User, user_id))
    }
    return render_template(
        "console/library/item.html",
        item=item,
        why=library.why_not(item),
        uses=[(row, headline(row, {})) for row in library.uses(session, item)],
        who=who,
        wrong=wrong or {},
        editable=_editable() and item.withdrawn_at is None,
        most_alt=library.LONGEST_ALT,
        ending=EXTENSIONS[item.content_type],
    )
