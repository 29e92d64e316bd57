"""A call-out before it leaves: whom it would ask, what they hear, how long that takes, a second person, and letting it go.

Filling it in is in callout_edit.py, watching it run in callout_board.py. Who may start one, and whether its words need a second person, is decided in
oncall/callout.py and broadcasts/.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.broadcasts import notice, submit
from crisis.channels.registry import FACTS
from crisis.console import found
from crisis.console.guard import enter, may
from crisis.console.here import actor, fragment, runtime
from crisis.console.release import deliberate, what_was_read
from crisis.console.slot_words import in_words
from crisis.console.wording import refusal, said
from crisis.models import Broadcast, CallOut, Incident, utcnow
from crisis.oncall import callout, callout_board, callout_preview, own_need
from crisis.playbooks.playbook import Playbook
from crisis.states import CallOutState, NotAllowed, Role

pages = Blueprint("callouts", __name__)
MOST_OVER = 50


@dataclass(frozen=True, slots=True)
class This:
    """A call-out with its incident, its words, and the playbook they come from, when that can be read."""

    call_out: CallOut
    incident: Incident
    broadcast: Broadcast
    playbook: Playbook | None


def this(session: Session, call_out_id: uuid.UUID, *, lock: bool = False) -> This:
    """The call-out, and work in its unit from here on; 404 for somebody else's."""
    row = session.get(CallOut, call_out_id, with_for_update=lock or None) or abort(404)
    enter(row.unit_id)
    broadcast = session.get_one(Broadcast, row.broadcast_id)
    return This(row, session.get_one(Incident, row.incident_id), broadcast, book(broadcast.playbook))


def book(key: str) -> Playbook | None:
    return own_need.PLAYBOOK if key == own_need.ID else found.playbook(key)


@pages.get("/call-outs")
@may(Role.OFFICER)
def index() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        units = actor().units(Role.OFFICER)
        going_on = callout_board.standings(session, utcnow(), units=units)
        known = {one.call_out.id for one in going_on}
        rows = session.scalars(
            select(CallOut)
            .where(CallOut.unit_id.in_(units), ~callout_board.THROWN_AWAY)
            .order_by(CallOut.opened_at.desc())
            .limit(MOST_OVER)
        ).all()
        incidents = session.scalars(
            select(Incident)
            .where(Incident.unit_id.in_(units), Incident.closed_at.is_(None))
            .order_by(Incident.mode.desc(), Incident.opened_at.desc())
        ).all()
        return render_template(
            "console/callouts/index.html",
            section="callouts",
            going_on=going_on,
            over=[row for row in rows if row.id not in known],
            incidents=incidents,
        )


@pages.get("/call-outs/<uuid:call_out_id>")
@may(Role.OFFICER)
def show(call_out_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        here = this(session, call_out_id)
        if here.call_out.state is not CallOutState.PLANNED:
            return redirect(url_for("callout_board.show", call_out_id=call_out_id))
        seen = callout_preview.look(session, here.call_out, here.broadcast, runtime().settings, here.playbook, utcnow())
        return render_template(
            "console/callouts/planned.html",
            approvers=notice.users_with(session, here.call_out.unit_id, Role.APPROVER, but=None),
            seen=seen,
            said=said,
            wrong={name: in_words(bad) for name, bad in seen.words.composed.slot_errors.items()},
            labels=_labels(here),
            most=callout_preview.MOST_SHOWN,
            facts=FACTS,
            **frame(here),
        )


@pages.get("/call-outs/<uuid:call_out_id>/state")
@may(Role.OFFICER)
def state(call_out_id: uuid.UUID) -> ResponseReturnValue:
    """How it stands with the second person: renewed while somebody waits."""
    with runtime().database.reading() as session:
        return fragment("console/callouts/waiting.html", **frame(this(session, call_out_id)))


@pages.post("/call-outs/<uuid:call_out_id>/release")
@may(Role.OFFICER)
def release(call_out_id: uuid.UUID) -> ResponseReturnValue:
    """The second press of a double press lands on the board."""
    parts = runtime()
    try:
        with parts.database.writing() as session:
            here = this(session, call_out_id, lock=True)
            if here.call_out.state is CallOutState.PLANNED:
                deliberate(here.call_out.mode)
                asked = (session, actor(), here.call_out, parts.settings, here.playbook, parts.answers, utcnow())
                callout.release(*asked, break_glass=request.form.get("break_glass"), read=what_was_read())
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
        return redirect(url_for("callouts.show", call_out_id=call_out_id))
    return redirect(url_for("callout_board.show", call_out_id=call_out_id))


@pages.post("/call-outs/<uuid:call_out_id>/submit")
@may(Role.OFFICER)
def ask(call_out_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            here = this(session, call_out_id, lock=True)
            now = utcnow()
            submit.submit(
                session, actor(), here.broadcast, runtime().settings, here.playbook, now, read=what_was_read()
            )
        flash(gettext("A second person has been asked. You are told here when they have answered."), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
    return redirect(url_for("callouts.show", call_out_id=call_out_id))


@pages.post("/call-outs/<uuid:call_out_id>/withdraw")
@may(Role.OFFICER)
def take_back(call_out_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            submit.withdraw(session, actor(), this(session, call_out_id, lock=True).broadcast)
        flash(gettext("It is a draft again. Nothing was sent."), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    return redirect(url_for("callouts.show", call_out_id=call_out_id))


@pages.post("/call-outs/<uuid:call_out_id>/discard")
@may(Role.OFFICER)
def discard(call_out_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            here = this(session, call_out_id, lock=True)
            incident_id = here.incident.id
            callout.discard(session, actor(), here.call_out, utcnow())
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
        return redirect(url_for("callouts.show", call_out_id=call_out_id))
    flash(gettext("The call-out is thrown away. Nobody was asked."), "good")
    return redirect(url_for("incidents.show", incident_id=incident_id))


def frame(here: This) -> dict[str, object]:
    """What every page about one call-out shows of it."""
    return {
        "section": "callouts",
        "mode": here.call_out.mode,
        "call_out": here.call_out,
        "incident": here.incident,
        "broadcast": here.broadcast,
        "title": here.call_out.title,
    }


def _labels(here: This) -> dict[str, str]:
    if here.playbook is None or here.broadcast.message not in here.playbook.messages:
        return {}
    slots = here.playbook.slots_of(here.broadcast.message)
    return {name: slot.label.in_(found.spoken()) for name, slot in slots.items()}
