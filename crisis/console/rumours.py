"""Rumours: gathering the wordings of one claim, writing down what we know, and opening the statement that answers it.

Every rule stands in triage/rumours.py. A draft opened here is released on the pages of any other broadcast.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.broadcasts.compose import loosely
from crisis.broadcasts.incidents import known_words
from crisis.console import found
from crisis.console.guard import enter, may
from crisis.console.here import actor, runtime, unit
from crisis.console.wording import refusal
from crisis.models import Broadcast, InboundRow, Incident, Rumour, User, utcnow
from crisis.playbooks.playbook import Playbook
from crisis.states import Mode, NotAllowed, Purpose, Role
from crisis.triage import rumours, settling

pages = Blueprint("rumours", __name__)


@pages.get("/rumours")
@may()
def index() -> ResponseReturnValue:
    mode = Mode.DRILL if request.args.get("mode") == Mode.DRILL else Mode.LIVE
    with runtime().database.reading() as session:
        told = rumours.of_unit(session, unit().id, mode)
        return render_template("console/rumours/index.html", section="triage", mode=mode, told=told)


@pages.get("/triage/<uuid:inbound_id>/rumour")
@may(Role.TRIAGER)
def choose(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """Is it one we know of? Else it begins one, with what may say the same beside it."""
    with runtime().database.reading() as session:
        row = _inbound(session, inbound_id)
        if row.rumour_id is not None:
            return redirect(url_for("rumours.show", rumour_id=row.rumour_id))
        incidents = _open_incidents(session, row)
        alike = rumours.alike(session, row.unit_id, row.mode, [row.text])
        return render_template(
            "console/rumours/choose.html",
            section="triage",
            mode=row.mode,
            row=row,
            incidents=incidents,
            known=[told for one in incidents for told in rumours.of_incident(session, one.id)],
            alike=[one for one in alike if one.row.id != row.id],
            longest=rumours.LONGEST_CLAIM,
        )


@pages.post("/triage/<uuid:inbound_id>/rumour")
@may(Role.TRIAGER)
def begin(inbound_id: uuid.UUID) -> ResponseReturnValue:
    form, more = request.form, _ids(request.form.getlist("with"))
    try:
        with runtime().database.writing() as session:
            row = _inbound(session, inbound_id)
            if form.get("rumour"):
                rumour = _rumour(session, _id(form["rumour"]), lock=True)
                rumours.add(session, actor(), rumour, [row.id, *more])
            else:
                incident = _incident(session, row, form.get("incident", ""))
                rumour = rumours.start(session, actor(), incident, form.get("claim", ""), [row.id, *more], utcnow())
            made = rumour.id
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
        return redirect(url_for("rumours.choose", inbound_id=inbound_id))
    return redirect(url_for("rumours.show", rumour_id=made))


@pages.get("/rumours/<uuid:rumour_id>")
@may()
def show(rumour_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        rumour = _rumour(session, rumour_id)
        rows = rumours.wordings(session, rumour)
        texts = [rumour.claim, *(row.text for row in rows[:20])]
        incident = session.get_one(Incident, rumour.incident_id)
        return render_template(
            "console/rumours/rumour.html",
            section="triage",
            mode=rumour.mode,
            rumour=rumour,
            told=rumours.told(session, rumour),
            rows=rows,
            alike=rumours.alike(session, rumour.unit_id, rumour.mode, texts),
            incident=incident,
            decided_by=session.scalar(select(User.name).where(User.id == rumour.decided_by)),
            answers=[(one, _headline(one)) for one in rumours.answers(session, rumour)],
            ways=_ways(session, rumour, incident) if incident.closed_at is None else [],
            can=Role.TRIAGER in unit().roles,
            longest=rumours.LONGEST_SOURCE,
            closed=request.args.get("closed", ""),
        )


@pages.post("/rumours/<uuid:rumour_id>/wordings")
@may(Role.TRIAGER)
def gather(rumour_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        rumour = _rumour(session, rumour_id, lock=True)
        if out := request.form.get("out"):
            rumours.take_out(session, actor(), rumour, _id(out))
        else:
            rumours.add(session, actor(), rumour, _ids(request.form.getlist("with")))
    return redirect(url_for("rumours.show", rumour_id=rumour_id))


@pages.post("/rumours/<uuid:rumour_id>/verdict")
@may(Role.TRIAGER)
def judge(rumour_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            rumour = _rumour(session, rumour_id, lock=True)
            verdict, source = request.form.get("verdict", ""), request.form.get("source", "")
            rumours.judge(session, actor(), rumour, verdict, source, utcnow())
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    return redirect(url_for("rumours.show", rumour_id=rumour_id))


@pages.post("/rumours/<uuid:rumour_id>/draft")
@may(Role.OFFICER)
def open_draft(rumour_id: uuid.UUID) -> ResponseReturnValue:
    """One press: `way` is "<playbook>:<message>", and the draft opens filled in."""
    try:
        with runtime().database.writing() as session:
            rumour = _rumour(session, rumour_id, lock=True)
            incident = session.get_one(Incident, rumour.incident_id)
            way = _way(session, rumour, incident, request.form.get("way", ""))
            made = rumours.draft_answer(session, actor(), rumour, incident, way.playbook, way.message, way.follows).id
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
        return redirect(url_for("rumours.show", rumour_id=rumour_id))
    return redirect(url_for("broadcasts.show", broadcast_id=made))


@pages.post("/rumours/<uuid:rumour_id>/settle")
@may(Role.TRIAGER)
def settle(rumour_id: uuid.UUID) -> ResponseReturnValue:
    """Close every wording together, or open again what was closed so a moment ago."""
    now, undo, closed = utcnow(), request.form.get("undo", ""), None
    try:
        with runtime().database.writing() as session:
            rumour = _rumour(session, rumour_id, lock=True)
            if undo:
                count = settling.undo(session, actor(), rumour, found.moment(undo))
                flash(ngettext("%(num)d waits again.", "%(num)d wait again.", count), "good")
            else:
                count = settling.settle(session, actor(), rumour, now)
                flash(ngettext("%(num)d is closed.", "%(num)d are closed.", count), "good")
                closed = now.isoformat() if count else None
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    return redirect(url_for("rumours.show", rumour_id=rumour_id, closed=closed))


@dataclass(frozen=True, slots=True)
class Way:
    """A message that may answer a rumour: one of the playbook about false information, or a follow-up of what was said."""

    playbook: Playbook
    message: str
    title: str
    phase: str
    follows: Broadcast | None

    @property
    def key(self) -> str:
        return f"{self.playbook.id}:{self.message}"


def _ways(session: Session, rumour: Rumour, incident: Incident) -> list[Way]:
    """What is true first when the rumour is false; else what was said last, brought up to date."""
    spoken, ways, follow_ups = found.spoken(), [], []
    truth = found.playbook(unit().settings.triage.rumour_playbook)
    if truth is not None and truth.kind == unit().settings.kind:
        known = known_words(session, runtime().settings, incident, truth, spoken)
        for key, message in truth.messages.items():
            if message.phase == "initial":
                ways.append(Way(truth, key, loosely(message.title.in_(spoken), known), "initial", None))
    playbook = found.playbook(incident.playbook)
    last = session.scalars(
        select(Broadcast)
        .where(
            Broadcast.incident_id == incident.id,
            Broadcast.purpose == Purpose.STATEMENT,
            Broadcast.playbook == incident.playbook,
            Broadcast.released_at.is_not(None),
        )
        .order_by(Broadcast.released_at.desc())
    ).first()
    if playbook is not None and last is not None:
        known = known_words(session, runtime().settings, incident, playbook, spoken)
        for key, message in playbook.messages.items():
            if message.phase in ("update", "correction"):
                title = loosely(message.title.in_(spoken), known)
                follow_ups.append(Way(playbook, key, title, message.phase, last))
    return [*follow_ups, *ways] if rumour.verdict == "true" else [*ways, *follow_ups]


def _way(session: Session, rumour: Rumour, incident: Incident, key: str) -> Way:
    for one in _ways(session, rumour, incident):
        if one.key == key:
            return one
    raise NotAllowed("the playbook no longer has this message")


def _headline(broadcast: Broadcast) -> str:
    from crisis.console.incidents import headline  # noqa: PLC0415 - a page beside this one, loaded when asked

    return headline(broadcast, {})


def _rumour(session: Session, rumour_id: uuid.UUID, *, lock: bool = False) -> Rumour:
    row = session.get(Rumour, rumour_id, with_for_update=lock or None) or abort(404)
    enter(row.unit_id)
    return row


def _inbound(session: Session, inbound_id: uuid.UUID) -> InboundRow:
    row = session.get(InboundRow, inbound_id) or abort(404)
    enter(row.unit_id)
    return row


def _open_incidents(session: Session, row: InboundRow) -> Sequence[Incident]:
    """Where a rumour said in this row may belong: its own incident first."""
    some = session.scalars(
        select(Incident)
        .where(Incident.unit_id == row.unit_id, Incident.mode == row.mode, Incident.closed_at.is_(None))
        .order_by(Incident.opened_at.desc())
    ).all()
    return sorted(some, key=lambda one: one.id != row.incident_id)


def _incident(session: Session, row: InboundRow, told: str) -> Incident:
    open_ones = _open_incidents(session, row)
    if not open_ones:
        raise NotAllowed("No incident is open. A rumour belongs to one; an officer opens it.")
    return next((one for one in open_ones if str(one.id) == told), open_ones[0])


def _ids(told: Sequence[str]) -> list[uuid.UUID]:
    return [_id(one) for one in told[:500]]


def _id(told: str) -> uuid.UUID:
    try:
        return uuid.UUID(told)
    except ValueError:
        abort(400)
