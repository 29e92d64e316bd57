"""The board of a call-out that runs: who comes, who can't, who was not reached, and what an officer can do about it.

Renewed more often than once a second; unchanged it costs neither bytes nor rendering.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.console import language
from crisis.console.callouts import This, frame, this
from crisis.console.guard import may
from crisis.console.here import actor, runtime
from crisis.console.release import what_was_read
from crisis.console.wording import refusal
from crisis.models import Ask, Broadcast, CallOut, Reply, utcnow
from crisis.oncall import (
    answering,
    callout,
    callout_board,
    callout_preview,
    callout_report,
    coming_words,
    filling,
    own_need,
)
from crisis.oncall.reply_words import LONGEST_WAIT
from crisis.states import CallOutState, NotAllowed, Role

pages = Blueprint("callout_board", __name__, url_prefix="/call-outs/<uuid:call_out_id>")
MOST_SHOWN = 60  # names in a list on the board; the report has all
MOST_FOUND = 100
ASKS = (CallOutState.OPEN, CallOutState.EXHAUSTED)


@pages.get("/board")
@may(Role.OFFICER)
def show(call_out_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        here = this(session, call_out_id)
        if here.call_out.state is CallOutState.PLANNED:
            return redirect(url_for("callouts.show", call_out_id=call_out_id))
        return render_template("console/callouts/board.html", **_seen(session, here))


@pages.get("/board/piece")
@may(Role.OFFICER)
def piece(call_out_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        here = this(session, call_out_id)
        response = make_response("")
        left = _seconds_left(here.broadcast, utcnow()) > 0
        response.set_etag(f"{callout_board.version(session, here.call_out)}{left:d}{language.current()}")
        if response.make_conditional(request).status_code != 304:
            response.set_data(render_template("console/callouts/board_piece.html", **_seen(session, here)))
        return response


@pages.get("/report")
@may(Role.OFFICER)
def report(call_out_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        here = this(session, call_out_id)
        if here.call_out.state is CallOutState.PLANNED:
            return redirect(url_for("callouts.show", call_out_id=call_out_id))
        told = callout_report.report(session, here.call_out)
        return render_template("console/callouts/report.html", report=told, now=utcnow(), **frame(here))


@pages.post("/cancel")
@may(Role.OFFICER)
def cancel(call_out_id: uuid.UUID) -> ResponseReturnValue:
    """Everybody who was asked or is coming is told that they need not."""

    def act(session: Session, held: CallOut) -> str:
        callout.cancel(session, actor(), held, request.form.get("reason", ""), utcnow())
        return str(gettext("The call-out is cancelled. Those who were asked are told that they need not come."))

    return _act(call_out_id, act)


@pages.post("/finish")
@may(Role.OFFICER)
def finish(call_out_id: uuid.UUID) -> ResponseReturnValue:
    def act(session: Session, held: CallOut) -> str:
        callout.finish(session, actor(), held, utcnow())
        return str(gettext("The call-out is ended. Those who come keep coming."))

    return _act(call_out_id, act, to="callout_board.report")


@pages.post("/widen")
@may(Role.OFFICER)
def widen(call_out_id: uuid.UUID) -> ResponseReturnValue:
    def act(session: Session, held: CallOut) -> str:
        count = callout.widen_now(session, actor(), held, utcnow())
        if not count:
            return str(gettext("There is nobody left to ask. Add people by hand."))
        return str(ngettext("%(num)d more is asked now.", "%(num)d more are asked now.", count))

    return _act(call_out_id, act)


@pages.get("/people")
@may(Role.OFFICER)
def people(call_out_id: uuid.UUID) -> ResponseReturnValue:
    """Whom to add: everybody of the unit who is not asked yet, found by a name or a skill."""
    wanted = " ".join(request.args.get("search", "").split()).casefold()
    with runtime().database.reading() as session:
        here = this(session, call_out_id)
        fitting = callout_preview.addable(session, here.call_out, wanted)
        shown = fitting[:MOST_FOUND]
        values = {
            "people": shown,
            "groups": callout_preview.groups_by_person(session, [one.id for one in shown]),
            "count": len(fitting),
            "search": request.args.get("search", ""),
        }
        return render_template("console/callouts/people.html", **values, **frame(here))


@pages.post("/people")
@may(Role.OFFICER)
def add(call_out_id: uuid.UUID) -> ResponseReturnValue:
    def act(session: Session, held: CallOut) -> str:
        ids = [_id(one) for one in request.form.getlist("person")]
        if not ids:
            raise NotAllowed("tick whom to ask")
        parts = runtime()
        count = callout.add(session, actor(), held, ids, parts.settings, parts.answers, utcnow())
        return str(ngettext("%(num)d more is asked now.", "%(num)d more are asked now.", count))

    return _act(call_out_id, act)


@pages.get("/asks/<uuid:ask_id>")
@may(Role.OFFICER)
def person(call_out_id: uuid.UUID, ask_id: uuid.UUID) -> ResponseReturnValue:
    """One asked person: everything they have said, and a place for what they said by mouth."""
    with runtime().database.reading() as session:
        here = this(session, call_out_id)
        one = callout_board.one(session, here.call_out, ask_id) or abort(404)
        told = session.scalars(select(Reply).where(Reply.ask_id == ask_id).order_by(Reply.at, Reply.id)).all()
        shown = {"one": one, "replies": told, "claim": callout_board.claim}
        return render_template("console/callouts/person.html", **shown, **frame(here))


@pages.post("/asks/<uuid:ask_id>/settle")
@may(Role.OFFICER)
def settle(call_out_id: uuid.UUID, ask_id: uuid.UUID) -> ResponseReturnValue:
    """What an unclear answer means, or what somebody said by mouth."""
    word, typed = request.form.get("answer", ""), request.form.get("minutes", "").strip()

    def act(session: Session, held: CallOut) -> str:
        ask = session.get(Ask, ask_id)
        if ask is None or ask.call_out_id != held.id:
            abort(404)
        minutes = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 6 else 0
        if word == "later" and not 0 < minutes <= LONGEST_WAIT:
            raise NotAllowed("write the minutes as a number between 1 and %(most)d", most=LONGEST_WAIT)
        answering.settle(session, actor(), ask, word, minutes if word == "later" else None, utcnow())
        return str(gettext("Noted. The person is told where they stand."))

    return _act(call_out_id, act)


@pages.post("/words")
@may(Role.OFFICER)
def write(call_out_id: uuid.UUID) -> ResponseReturnValue:
    """Words of one's own to those who come; a second person reads them first."""

    def act(session: Session, held: CallOut) -> str:
        coming_words.ask(session, actor(), held, request.form, runtime().settings, utcnow())
        return str(gettext("A second person has been asked. You are told here when they have answered."))

    return _act(call_out_id, act)


@pages.post("/words/<uuid:broadcast_id>/release")
@may(Role.OFFICER)
def send(call_out_id: uuid.UUID, broadcast_id: uuid.UUID) -> ResponseReturnValue:
    def act(session: Session, held: CallOut) -> str:
        row = session.get(Broadcast, broadcast_id, with_for_update=True)
        if row is None or row.follows_id != held.broadcast_id or row.message != own_need.MESSAGE:
            abort(404)
        glass = request.form.get("break_glass")
        parts = (runtime().settings, utcnow())
        count = coming_words.let_go(session, actor(), held, row, *parts, break_glass=glass, read=what_was_read())
        return str(ngettext("%(num)d person is written to.", "%(num)d people are written to.", count))

    return _act(call_out_id, act)


def _act(
    call_out_id: uuid.UUID, act: Callable[[Session, CallOut], str], to: str = "callout_board.show"
) -> ResponseReturnValue:
    """Do it to the held call-out and say what became of it; a refusal is said and changes nothing."""
    try:
        with runtime().database.writing() as session:
            this(session, call_out_id)
            told = act(session, filling.held(session, call_out_id) or abort(404))
        flash(told, "good")
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
        to = "callout_board.show"
    return redirect(url_for(to, call_out_id=call_out_id))


def _id(told: str) -> uuid.UUID:
    try:
        return uuid.UUID(told)
    except ValueError:
        abort(400)


def _seconds_left(broadcast: Broadcast, now: datetime) -> int:
    return max(0, round((broadcast.leaves_at - now).total_seconds())) if broadcast.leaves_at else 0


def _seen(session: Session, here: This) -> dict[str, Any]:
    now = utcnow()
    return {
        **frame(here),
        "board": callout_board.board(session, here.call_out),
        "words": coming_words.waiting(session, here.call_out),
        "seconds_left": _seconds_left(here.broadcast, now),
        "asks": here.call_out.state in ASKS,
        "most": MOST_SHOWN,
        "longest": own_need.LONGEST,
        "now": now,
    }
