"""The queue of what people say: worst first, who is on what, and the moves that need no page of their own.

Every rule stands in triage/queue.py; here it is asked and shown. Buttons stand in the renewed piece and belong to one
form outside it, so that renewing never changes a token under a finger.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from sqlalchemy.orm import Session

from crisis.console.found import moment
from crisis.console.guard import enter, may
from crisis.console.here import actor, fragment, runtime, unit
from crisis.console.triage_words import lane_words
from crisis.console.wording import refusal, said
from crisis.models import InboundRow, utcnow
from crisis.states import InboundState, Mode, NotAllowed, Role
from crisis.triage import arrivals, queue, spikes, views
from crisis.triage.views import Filters

pages = Blueprint("triage", __name__)
UNDONE_BY_REOPENING = frozenset({"close", "snooze"})


@pages.get("/triage")
@may()
def index() -> ResponseReturnValue:
    now = utcnow()
    with runtime().database.reading() as session:
        seen = _seen(session, now)
        where = (unit().id, _mode())
        more = {
            "choices": views.choices(session, *where),
            "saved": views.saved(session, actor(), unit().id),
            "idle": views.idle_count(session, *where),
            "older": views.OLDER,
            "done": _done(session),
        }
        return render_template("console/triage.html", **seen, **more)


@pages.get("/triage/piece")
@may()
def piece() -> ResponseReturnValue:
    """The part that is renewed. Somebody who does something on the page keeps what they have taken."""
    now = utcnow()
    if request.headers.get("X-Active") and Role.TRIAGER in unit().roles:
        with runtime().database.writing() as session:
            queue.renew_all(session, actor(), unit().id, _mode(), now)
    with runtime().database.reading() as session:
        return fragment("console/triage_piece.html", **_seen(session, now))


@pages.post("/triage/next")
@may(Role.TRIAGER)
def next_one() -> ResponseReturnValue:
    """The worst that nobody is on, in this view."""
    now, filters = utcnow(), Filters.read(request.form)
    with runtime().database.writing() as session:
        found = views.first_free(session, actor(), unit().id, _mode(), filters, now)
        row = queue.next_one(session, actor(), found, now)
        taken = row.id if row else None
    if taken is None:
        flash(gettext("Nothing waits here that nobody is on."), "good")
        return redirect(_back())
    return redirect(url_for("inbound.show", inbound_id=taken))


@pages.post("/triage/do")
@may(Role.TRIAGER)
def act() -> ResponseReturnValue:
    """One move on one row: `do` is "claim <id>", "back <id>", "close <id> <reason>", "snooze <id> <minutes>" ..."""
    what, _, rest = request.form.get("do", "").partition(" ")
    told, _, more = rest.partition(" ")
    try:
        inbound_id = uuid.UUID(told)
    except ValueError:
        abort(400)
    try:
        with runtime().database.writing() as session:
            row = session.get(InboundRow, inbound_id) or abort(404)
            enter(row.unit_id)
            _move(session, what, inbound_id, more, utcnow())
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
        return redirect(_back())
    if what == "claim":
        return redirect(url_for("inbound.show", inbound_id=inbound_id))
    return redirect(_back(done=inbound_id if what in UNDONE_BY_REOPENING else None))


@pages.post("/triage/idle")
@may(Role.TRIAGER)
def close_idle() -> ResponseReturnValue:
    """Close thanks and noise together, or open again what was closed so a moment ago."""
    now, undo = utcnow(), request.form.get("undo", "")
    with runtime().database.writing() as session:
        if undo:
            count = queue.undo(session, actor(), unit().id, _mode(), moment(undo))
            flash(ngettext("%(num)d waits again.", "%(num)d wait again.", count), "good")
            return redirect(_back())
        count = queue.close_idle(session, actor(), unit().id, _mode(), now)
    flash(ngettext("%(num)d closed.", "%(num)d closed.", count), "good")
    return redirect(_back(closed=now.isoformat() if count else None))


@pages.post("/triage/views")
@may()
def save_view() -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            if forget := request.form.get("forget", ""):
                views.forget(session, actor(), uuid.UUID(forget))
            else:
                views.save(session, actor(), unit().id, request.form.get("name", ""), Filters.read(request.form))
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    except ValueError:
        abort(400)
    return redirect(_back())


def _move(session: Session, what: str, inbound_id: uuid.UUID, more: str, now: datetime) -> None:
    who = actor()
    match what:
        case "claim":
            queue.claim(session, who, inbound_id, now)
        case "back":
            queue.give_back(session, who, inbound_id)
        case "close":
            queue.close(session, who, inbound_id, more, now)
        case "reopen":
            queue.reopen(session, who, inbound_id)
        case "snooze" if more.isdigit() and len(more) < 5:
            queue.snooze(session, who, inbound_id, now + timedelta(minutes=int(more)), now)
        case _:
            abort(400)


def _done(session: Session) -> InboundRow | None:
    """What this person has just put away; one key brings it back."""
    try:
        row = session.get(InboundRow, uuid.UUID(request.args.get("done", "")))
    except ValueError:
        return None
    put_away = row is not None and row.state in (InboundState.CLOSED, InboundState.SNOOZED)
    return row if row is not None and put_away and row.unit_id == unit().id else None


def _mode() -> Mode:
    return Mode.DRILL if request.values.get("mode") == Mode.DRILL else Mode.LIVE


def _back(**more: Any) -> str:
    values: dict[str, Any] = {"mode": _mode().value, **Filters.read(request.form).kept(), **more}
    return url_for("triage.index", **values)


def _seen(session: Session, now: datetime) -> dict[str, Any]:
    filters, number = Filters.read(request.args), max(1, min(request.args.get("page", 1, int), 200))
    here, mode = unit(), _mode()
    targets = {lane: here.settings.triage.target(lane) for lane in lane_words()}
    page = views.page(session, actor(), here.id, mode, filters, now, number)
    return {
        "section": "triage",
        "mode": mode,
        "now": now,
        "filters": filters,
        "number": number,
        "page": page,
        "lost": arrivals.lost(session, [item.row.id for item in page.items]),
        "lanes": views.lanes(session, here.id, mode),
        "lane_words": lane_words(),
        "targets": targets,
        "minutes": lambda at: max(0, int((now - at).total_seconds() // 60)),
        "why": lambda row: [said(one["words"], one["facts"]) for one in row.reasons[:4]],
        "spikes": [one for one in spikes.seen(session, [here.id], now) if one.mode is mode],
        "unread": views.unread(session),
        "can": Role.TRIAGER in here.roles,
        "reasons": queue.REASONS,
        "many": views.MANY,
    }
