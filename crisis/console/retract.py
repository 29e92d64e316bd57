"""Taking back what was said: one page that shows what each network still allows, and two ways from there.

A correction is a draft that is approved and released as any other; taking down without words needs a reason.
"""

from __future__ import annotations

import uuid

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext

from crisis.broadcasts import retract as domain
from crisis.console import found
from crisis.console.board import follow_ups
from crisis.console.guard import may
from crisis.console.here import actor, fragment, runtime
from crisis.console.incidents import headline, is_over
from crisis.console.wording import refusal
from crisis.models import utcnow
from crisis.states import Manner, NotAllowed, Role

pages = Blueprint("retract", __name__)


@pages.get("/broadcasts/<uuid:broadcast_id>/retract")
@may(Role.OFFICER)
def show(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        this, now = found.sent(session, broadcast_id), utcnow()
        if not is_over(this.broadcast):
            return redirect(url_for("board.show", broadcast_id=broadcast_id))
        going_on = this.incident is not None and this.incident.closed_at is None
        follows = follow_ups(this.playbook, this.broadcast) if going_on else []
        return render_template(
            "console/retract.html",
            section="calendar" if this.post else "incidents",
            mode="" if this.post else this.broadcast.mode,
            post=this.post,
            broadcast=this.broadcast,
            incident=this.incident,
            title=this.post.title if this.post else headline(this.broadcast, {}),
            choices=domain.choices(session, runtime().settings, this.broadcast, now),
            corrections=[(phase, key) for phase, key in follows if phase != "all_clear"],
            Manner=Manner,
            now=now,
        )


@pages.get("/broadcasts/<uuid:broadcast_id>/retract/progress")
@may()
def progress(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    """How far the taking down is: a part of the board that is renewed."""
    with runtime().database.reading() as session:
        this = found.sent(session, broadcast_id)
        down = domain.progress(session, this.broadcast, utcnow())
        return fragment("console/retract_progress.html", down=down)


@pages.post("/broadcasts/<uuid:broadcast_id>/retract/correct")
@may(Role.OFFICER)
def correct(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    chosen = {name.removeprefix("manner-"): word for name, word in request.form.items() if name.startswith("manner-")}
    with runtime().database.writing() as session:
        this = found.broadcast(session, broadcast_id)
        if this.playbook is None:
            raise NotAllowed("the playbook of this incident cannot be read; an administrator must mend its file")
        message = request.form.get("message", "")
        made = domain.correct(session, actor(), this.broadcast, this.incident, this.playbook, message, chosen)
    return redirect(url_for("broadcasts.show", broadcast_id=made.id))


@pages.post("/broadcasts/<uuid:broadcast_id>/retract/down")
@may(Role.OFFICER)
def take_down(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    accounts, reason = request.form.getlist("account"), request.form.get("reason", "")
    try:
        with runtime().database.writing() as session:
            this = found.sent(session, broadcast_id, lock=True)
            count = domain.take_down(session, actor(), this.broadcast, accounts, reason, utcnow())
        said = ngettext("%(num)d post is being taken down.", "%(num)d posts are being taken down.", count)
        flash(said, "good")
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
        return redirect(url_for("retract.show", broadcast_id=broadcast_id))
    return redirect(url_for("board.show", broadcast_id=broadcast_id))
