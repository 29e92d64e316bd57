"""The deliberate act: the page that says what is about to happen, the release, asking a second person, taking back.

Live and drill never share a button; what may be released is decided in broadcasts/. The second press of a double press
lands on the board, and what changed since it was read is not sent.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from crisis.broadcasts import notice, submit
from crisis.broadcasts import release as letting_go
from crisis.broadcasts.freeze import NotReady, Read
from crisis.broadcasts.preview import preview
from crisis.console import found
from crisis.console.broadcasts import page
from crisis.console.found import Found
from crisis.console.guard import may
from crisis.console.here import actor, runtime
from crisis.console.incidents import is_over
from crisis.console.wording import refusal
from crisis.models import utcnow
from crisis.states import BroadcastState, Mode, NotAllowed, Role

pages = Blueprint("release", __name__)


@pages.get("/broadcasts/<uuid:broadcast_id>/release")
@may(Role.OFFICER)
def show(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        this = found.broadcast(session, broadcast_id)
        seen = preview(session, this.broadcast, runtime().settings, this.playbook, utcnow())
        if is_over(this.broadcast) or this.broadcast.state is BroadcastState.REJECTED:
            return redirect(url_for("broadcasts.show", broadcast_id=broadcast_id))
        if not seen.ready:
            flash(gettext("This cannot be released yet. What is missing stands in red."), "warn")
            return redirect(url_for("broadcasts.show", broadcast_id=broadcast_id))
        approvers = notice.users_with(session, this.broadcast.unit_id, Role.APPROVER, but=None)
        return render_template("console/broadcast_release.html", approvers=approvers, **page(session, this, seen))


@pages.post("/broadcasts/<uuid:broadcast_id>/release")
@may(Role.OFFICER)
def let_go(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            fresh = _release(session, found.broadcast(session, broadcast_id, lock=True))
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
        back = "broadcasts.show" if isinstance(refused, NotReady) else "release.show"
        return redirect(url_for(back, broadcast_id=broadcast_id))
    if not fresh:
        flash(gettext("This was released already. Nothing was sent twice."), "warn")
    return redirect(url_for("board.show", broadcast_id=broadcast_id))


@pages.post("/broadcasts/<uuid:broadcast_id>/submit")
@may(Role.OFFICER)
def ask(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            this = found.broadcast(session, broadcast_id, lock=True)
            parts = (runtime().settings, this.playbook, utcnow())
            submit.submit(session, actor(), this.broadcast, *parts, read=what_was_read())
        flash(gettext("A second person has been asked. You are told here when they have answered."), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
    return redirect(url_for("broadcasts.show", broadcast_id=broadcast_id))


@pages.post("/broadcasts/<uuid:broadcast_id>/withdraw")
@may(Role.OFFICER)
def take_back(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            submit.withdraw(session, actor(), found.broadcast(session, broadcast_id, lock=True).broadcast)
        flash(gettext("It is a draft again. Nothing was sent."), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    return redirect(url_for("broadcasts.show", broadcast_id=broadcast_id))


def _release(session: Session, this: Found) -> bool:
    """False when somebody, perhaps the same finger, has released it already."""
    if is_over(this.broadcast):
        return False
    deliberate(this.broadcast.mode)
    parts, glass = (runtime().settings, this.playbook, utcnow()), request.form.get("break_glass")
    letting_go.release(session, actor(), this.broadcast, *parts, break_glass=glass, read=what_was_read())
    return True


def deliberate(mode: Mode) -> None:
    """Raise `NotAllowed` unless it was meant: what is real needs a sentence ticked besides the press; a form sent by accident has none."""
    if mode is Mode.LIVE and request.form.get("read") != "yes":
        raise NotAllowed("tick the sentence above the red button first; nothing was sent")


def what_was_read() -> Read:
    """What the page showed. Without it nothing matches, so nothing is sent."""
    try:
        at = datetime.fromisoformat(request.form.get("read_at", ""))
    except ValueError:
        at = utcnow()
    return Read(request.form.get("digest", ""), at if at.tzinfo else utcnow())
