"""The page of one inbound: everything about it, the thread around it, and what can be done about it.

Every rule stands in triage/answers.py, answering.py, queue.py and handover.py; here it is asked and shown. Fields stand
outside the renewed piece, so that renewing never takes words from under somebody's hands.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.console import inbound_seen as seen
from crisis.console.guard import may
from crisis.console.here import actor, fragment, runtime, unit
from crisis.console.wording import refusal
from crisis.models import Answer, Broadcast, Delivery, InboundRow, utcnow
from crisis.sending import resolve
from crisis.states import InboundState, Lane, NotAllowed, Role
from crisis.triage import answering, handover, queue

pages = Blueprint("inbound", __name__)


@pages.get("/triage/<uuid:inbound_id>")
@may()
def show(inbound_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return render_template("console/inbound/page.html", **seen.page(session, inbound_id))


@pages.get("/triage/<uuid:inbound_id>/piece")
@may()
def piece(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """The part that is renewed. Whoever does something on the page keeps the inbound."""
    if request.headers.get("X-Active"):
        _keep(inbound_id)
    with runtime().database.reading() as session:
        return fragment("console/inbound/piece.html", **seen.facts(session, inbound_id))


@pages.get("/triage/<uuid:inbound_id>/clock")
@may()
def clock(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """The clock of the card. Whoever reads it aloud touches nothing for minutes, and keeps the inbound all the same."""
    _keep(inbound_id)
    with runtime().database.reading() as session:
        return fragment("console/inbound/clock.html", **seen.facts(session, inbound_id))


@pages.post("/triage/<uuid:inbound_id>/answer")
@may(Role.TRIAGER)
def answer(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """Give a ready answer."""
    form, now = request.form, utcnow()
    try:
        with runtime().database.writing() as session:
            row = seen.inbound(session, inbound_id)
            if _just_answered(row):
                return redirect(_to(inbound_id))
            words = (form.get("key", ""), seen.spoken_in(form.get("language")), form.get("read", ""))
            parts = (runtime().settings, unit().key, seen.playbook_of(session, row))
            given = answering.give(session, actor(), inbound_id, *parts, *words, now)
            _tell(given, now)
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
    return redirect(_to(inbound_id))


@pages.post("/triage/<uuid:inbound_id>/write")
@may(Role.TRIAGER)
def write(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """One's own words: looked at first, exactly as they will appear, then sent."""
    form, now = request.form, utcnow()
    body, spoken = form.get("text", "").replace("\r\n", "\n"), seen.spoken_in(form.get("language"))
    if form.get("go") != "send":
        with runtime().database.reading() as session:
            return render_template("console/inbound/page.html", **seen.page(session, inbound_id, body, spoken))
    try:
        with runtime().database.writing() as session:
            row = seen.inbound(session, inbound_id)
            if _just_answered(row):
                return redirect(_to(inbound_id))
            parts = (runtime().settings, unit().key, body, spoken, form.get("read", ""))
            _tell(answering.write(session, actor(), inbound_id, *parts, now), now)
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
        with runtime().database.reading() as session:
            return render_template("console/inbound/page.html", **seen.page(session, inbound_id, body, spoken)), 422
    return redirect(_to(inbound_id))


@pages.post("/triage/<uuid:inbound_id>/undo")
@may(Role.TRIAGER)
def undo(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """Take back an answer that has not left, or one that waits for a yes."""
    try:
        with runtime().database.writing() as session:
            row = _given(session, inbound_id)
            if answering.pending(session, inbound_id) is row:
                answering.withdraw(session, actor(), row, utcnow())
            else:
                answering.undo(session, actor(), row, utcnow())
        flash(gettext("Taken back. Nothing was sent."), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    return redirect(_to(inbound_id))


@pages.post("/triage/<uuid:inbound_id>/judge")
@may(Role.APPROVER)
def judge(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """The second person's yes or no to an answer that waits for it."""
    form, now = request.form, utcnow()
    try:
        with runtime().database.writing() as session:
            row = _given(session, inbound_id)
            if form.get("decision") == "yes":
                answering.approve(session, actor(), row, runtime().settings, form.get("digest", ""), now)
                _tell(row, now)
            else:
                answering.refuse(session, actor(), row, form.get("reason", ""), form.get("digest", ""), now)
                flash(gettext("Not sent. Whoever wrote it sees your reason."), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
    return redirect(_to(inbound_id))


@pages.post("/triage/<uuid:inbound_id>/found-out")
@may(Role.OFFICER)
def found_out(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """Somebody has looked whether an uncertain answer is there: it is, or it is sent again."""
    try:
        with runtime().database.writing() as session:
            row = _given(session, inbound_id)
            delivery = session.scalars(select(Delivery).where(Delivery.broadcast_id == row.id)).one()
            decide = resolve.it_is_there if request.form.get("there") == "yes" else resolve.send_again
            decide(session, actor(), delivery)
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    return redirect(_to(inbound_id))


@pages.get("/triage/<uuid:inbound_id>/card")
@may()
def card(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """The card that is read aloud to 110, 112 or 113."""
    with runtime().database.reading() as session:
        return render_template("console/inbound/card.html", **seen.page(session, inbound_id))


@pages.post("/triage/<uuid:inbound_id>/hand-over")
@may(Role.TRIAGER)
def hand_over(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """Write down who took it at 110, 112 or 113, or move it to another unit's queue."""
    form, now = request.form, utcnow()
    to, note = form.get("to", ""), form.get("note", "")
    try:
        with runtime().database.writing() as session:
            seen.inbound(session, inbound_id)
            row = queue.held(session, actor(), inbound_id)
            if to in handover.EMERGENCY:
                handover.to_emergency(session, actor(), row, to, form.get("taken_by", ""), note, now)
            else:
                handover.to_unit(session, actor(), row, to, note, now)
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
        return redirect(url_for("inbound.card", inbound_id=inbound_id))
    flash(gettext("Handed over. Who took it and when is written down."), "good")
    return redirect(_to(inbound_id) if to in handover.EMERGENCY else url_for("triage.index"))


@pages.post("/triage/<uuid:inbound_id>/sort")
@may(Role.TRIAGER)
def sort(inbound_id: uuid.UUID) -> ResponseReturnValue:
    """A person says what it is, or which incident it is about."""
    form, now = request.form, utcnow()
    try:
        with runtime().database.writing() as session:
            seen.inbound(session, inbound_id)
            if lane := form.get("lane", ""):
                queue.put_in_lane(session, actor(), inbound_id, Lane(lane), now)
            if incident := form.get("incident", ""):
                queue.put_under(session, actor(), inbound_id, uuid.UUID(incident), now)
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    except ValueError:
        abort(400)
    return redirect(_to(inbound_id))


def _keep(inbound_id: uuid.UUID) -> None:
    if Role.TRIAGER in unit().roles:
        with runtime().database.writing() as session:
            queue.renew(session, actor(), inbound_id, utcnow())


def _given(session: Session, inbound_id: uuid.UUID) -> Broadcast:
    """The answer that the form names, locked; it must be one to this inbound."""
    try:
        told = uuid.UUID(request.form.get("given", ""))
    except ValueError:
        abort(400)
    row = seen.inbound(session, inbound_id)
    answer = session.get(Answer, told)
    if answer is None or answer.inbound_id != row.id:
        abort(404)
    return session.get_one(Broadcast, told, with_for_update=True)


def _just_answered(row: InboundRow) -> bool:
    """A second press of the same finger: said calmly, and nothing is said twice."""
    if row.state is not InboundState.ANSWERED or row.settled_by != actor().user_id:
        return False
    flash(gettext("This was answered already. Nothing was sent twice."), "warn")
    return True


def _tell(given: Broadcast, now: datetime) -> None:
    if given.leaves_at is None:
        flash(gettext("A second person has been asked. It waits outside the queue until they have answered."), "good")
    elif given.leaves_at > now:
        flash(gettext("It leaves in a few seconds. You can still take it back."), "good")
    else:
        flash(gettext("Answered. It is on its way."), "good")


def _to(inbound_id: uuid.UUID) -> str:
    return url_for("inbound.show", inbound_id=inbound_id)
