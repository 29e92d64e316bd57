"""What each public account shows this minute against what was approved, and saying that it is all right as it stands."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from crisis.broadcasts import live_now as domain
from crisis.channels.base import Shows
from crisis.channels.registry import KINDS
from crisis.console.guard import enter, may
from crisis.console.here import actor, fragment, runtime, unit
from crisis.models import Account, ShownPost, utcnow
from crisis.states import Role, Standing

pages = Blueprint("live_now", __name__, url_prefix="/accounts/live-now")

TELLING = frozenset(
    name for name, kind in KINDS.items() if isinstance(kind.open, type) and issubclass(kind.open, Shows)
)


@pages.get("/")
@may()
def show() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return render_template("console/live_now.html", section="accounts", **_seen(session))


@pages.get("/piece")
@may()
def piece() -> ResponseReturnValue:
    """The accounts alone, renewed."""
    with runtime().database.reading() as session:
        return fragment("console/live_now_piece.html", **_seen(session))


@pages.post("/look")
@may()
def look() -> ResponseReturnValue:
    with runtime().database.writing() as session:
        domain.ask(session, actor(), unit().id, utcnow())
    flash(gettext("The accounts are being looked at; this page renews itself."), "good")
    return redirect(url_for("live_now.show"))


@pages.post("/accept")
@may(Role.OFFICER)
def accept() -> ResponseReturnValue:
    try:
        ids = [uuid.UUID(one) for one in request.form.getlist("post")]
    except ValueError:
        abort(400)
    with runtime().database.writing() as session:
        for one in ids:
            post = session.get(ShownPost, one) or abort(404)
            enter(session.get_one(Account, post.account_id).unit_id)
            domain.accept(session, actor(), post, utcnow())
    return redirect(url_for("live_now.show"))


def _seen(session: Session) -> dict[str, Any]:
    rows = [one for one in domain.board(session, unit().id, TELLING) if one.tells or one.posts]
    return {"rows": rows, "Standing": Standing, "alarming": domain.ALARMING}
