"""Filling in a call-out: who is needed, by which ways, and what they hear; a new one, or one being prepared.

Nobody is asked here. What may be asked for is decided in oncall/callout_plan.py.
"""

from __future__ import annotations

import uuid

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from crisis.console import callout_form, found
from crisis.console.callout_form import Shown
from crisis.console.callouts import this
from crisis.console.guard import may
from crisis.console.here import actor, runtime, unit
from crisis.console.wording import refusal
from crisis.models import CallOut, Incident, utcnow
from crisis.oncall import callout_plan, callout_preview, own_need
from crisis.playbooks.playbook import Playbook
from crisis.states import BroadcastState, NotAllowed, Role

pages = Blueprint("callout_edit", __name__)


@pages.get("/incidents/<uuid:incident_id>/call-outs/new")
@may(Role.OFFICER)
def new(incident_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        incident = found.incident(session, incident_id)
        message = request.args.get("message", own_need.NEED)
        try:
            playbook = of_message(incident, message)
        except NotAllowed as refused:
            flash(refusal(refused), "warn")
            return redirect(url_for("incidents.show", incident_id=incident_id))
        usable = [account.channel for account in callout_plan.speaking(session, incident)]
        groups = [key for key, *_ in callout_preview.groups_of(session, incident.unit_id)]
        shown = callout_form.fresh(incident, playbook, message, usable, groups)
        return _form(session, incident, playbook, message, shown)


@pages.post("/incidents/<uuid:incident_id>/call-outs")
@may(Role.OFFICER)
def create(incident_id: uuid.UUID) -> ResponseReturnValue:
    message = request.form.get("message", "")
    try:
        with runtime().database.writing() as session:
            incident = found.incident(session, incident_id)
            playbook = of_message(incident, message)
            made = callout_plan.plan(session, actor(), incident, playbook, message, _wanted(message))
            return redirect(url_for("callouts.show", call_out_id=made.id))
    except NotAllowed as refused:
        with runtime().database.reading() as session:
            incident = found.incident(session, incident_id)
            try:
                playbook = of_message(incident, message)
            except NotAllowed:
                flash(refusal(refused), "bad")
                return redirect(url_for("incidents.show", incident_id=incident_id))
            wrong, shown = refusal(refused), callout_form.again(request.form)
            return _form(session, incident, playbook, message, shown, wrong), 422


@pages.get("/call-outs/<uuid:call_out_id>/edit")
@may(Role.OFFICER)
def edit(call_out_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        here = this(session, call_out_id)
        if here.broadcast.state is not BroadcastState.DRAFT or here.playbook is None:
            return redirect(url_for("callouts.show", call_out_id=call_out_id))
        shown = callout_form.planned(here.call_out, here.broadcast, unit().settings.tz)
        return _form(session, here.incident, here.playbook, here.broadcast.message, shown, of=here.call_out)


@pages.post("/call-outs/<uuid:call_out_id>")
@may(Role.OFFICER)
def save(call_out_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            here = this(session, call_out_id, lock=True)
            callout_plan.change(session, actor(), here.call_out, _wanted(here.broadcast.message), here.playbook)
    except NotAllowed as refused:
        with runtime().database.reading() as session:
            here = this(session, call_out_id)
            if here.playbook is None or here.broadcast.state is not BroadcastState.DRAFT:
                flash(refusal(refused), "bad")
                return redirect(url_for("callouts.show", call_out_id=call_out_id))
            shown, wrong = callout_form.again(request.form), refusal(refused)
            return _form(
                session, here.incident, here.playbook, here.broadcast.message, shown, wrong, of=here.call_out
            ), 422
    return redirect(url_for("callouts.show", call_out_id=call_out_id))


def of_message(incident: Incident, message: str) -> Playbook:
    """The playbook that holds a message with which people are called in. Raises `NotAllowed`."""
    playbook = own_need.PLAYBOOK if message == own_need.NEED else found.playbook(incident.playbook)
    if playbook is None or message not in playbook.messages:
        raise NotAllowed("the playbook no longer has this message")
    if playbook.messages[message].phase != "call_out":
        raise NotAllowed("this message speaks to the public; choose one that calls people in")
    return playbook


def _wanted(message: str) -> callout_plan.Wanted:
    return callout_form.wanted(request.form, message, unit().settings.tz, utcnow())


def _form(
    session: Session,
    incident: Incident,
    playbook: Playbook,
    message: str,
    shown: Shown,
    wrong: str = "",
    of: CallOut | None = None,
) -> str:
    return render_template(
        "console/callouts/form.html",
        section="callouts",
        mode=incident.mode,
        incident=incident,
        of=of,
        message=message,
        own=message == own_need.NEED,
        longest=own_need.LONGEST,
        slots={} if message == own_need.NEED else playbook.slots_of(message),
        headline=playbook.messages[message].title.in_(found.spoken()),
        shown=shown,
        wrong=wrong,
        spoken=found.spoken(),
        skills=callout_preview.skills_of(session, incident.unit_id),
        groups=callout_preview.groups_of(session, incident.unit_id),
        sites=callout_preview.sites_of(session, incident.unit_id),
        usable=callout_plan.speaking(session, incident),
        zone=unit().settings.tz,
        now=utcnow(),
    )
