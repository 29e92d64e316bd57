"""What is done about abuse from the page of one inbound: hiding it, reporting it to the network. Rules: triage/abuse.py."""

from __future__ import annotations

import uuid

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from crisis.console import inbound_seen as seen
from crisis.console.acting import acting
from crisis.console.guard import may
from crisis.console.here import actor
from crisis.models import utcnow
from crisis.states import Role
from crisis.triage import abuse

pages = Blueprint("abuse", __name__)


@pages.post("/triage/<uuid:inbound_id>/hide")
@may(Role.TRIAGER)
def hide(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """The listener hides it in a moment; the page of the inbound shows what became of it."""
    with acting() as session:
        abuse.hide(session, actor(), seen.inbound(session, inbound_id).id, utcnow())
        flash(gettext("It is being hidden. The evidence is kept."), "good")
    return redirect(url_for("inbound.show", inbound_id=inbound_id))


@pages.post("/triage/<uuid:inbound_id>/report")
@may(Role.TRIAGER)
def report(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """The listener reports it in a moment, under our account's name; nobody but the moderators sees it."""
    with acting() as session:
        row = seen.inbound(session, inbound_id)
        abuse.report(session, actor(), row.id, request.form.get("kind", ""), utcnow())
        flash(gettext("It is being reported to the network. The evidence is kept."), "good")
    return redirect(url_for("inbound.show", inbound_id=inbound_id))
