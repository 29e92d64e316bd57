"""The pages of rotas: who is on call in the coming weeks, making and changing a rota, calendars in and out.

What a rota means stands in oncall/rota.py, who may change it in oncall/rota_plan.py.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.console.acting import acting
from crisis.console.guard import enter, may, public
from crisis.console.here import actor, runtime, unit
from crisis.console.wording import refusal
from crisis.models import Person, Rota, RotaChange, RotaSwap, utcnow
from crisis.oncall import own_details, roster, rota_ical, rota_import, rota_plan, rota_watch, swaps
from crisis.oncall.rota import shifts
from crisis.oncall.rota_plan import Wanted
from crisis.states import NotAllowed, Role

pages = Blueprint("rotas", __name__, url_prefix="/rotas")
WEEKS = 6
FEED_BACK, FEED_AHEAD = timedelta(days=7), timedelta(days=180)
TURN_PLACES = 4  # empty places in the form beyond those filled in


@pages.get("/")
@may()
def index() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        now, mine = utcnow(), [unit().id]
        return render_template(
            "console/rotas/index.html",
            section="rotas",
            duties=roster.duties(session, mine, now),
            troubles=rota_watch.troubles(session, mine, now),
            overlaps=rota_watch.overlaps(session, mine, now),
        )


@pages.get("/new")
@may(Role.ADMINISTRATOR)
def new() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return _form(session, None)


@pages.post("/new")
@may(Role.ADMINISTRATOR)
def create() -> ResponseReturnValue:
    return _save(None)


@pages.get("/<uuid:rota_id>")
@may()
def show(rota_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        rota, now = _rota(session, rota_id), utcnow()
        planned = shifts(roster.plan_of(rota), now, now + timedelta(weeks=WEEKS))
        coming = [one for one in rota.changes if one.ends > now]
        return render_template(
            "console/rotas/rota.html",
            section="rotas",
            rota=rota,
            planned=planned,
            names=roster.names_of(session, [one.person for one in planned]),
            troubles=[one for one in rota_watch.troubles(session, [rota.unit_id], now) if one.rota_id == rota.id],
            coming=coming,
            people=_people(session),
            offered=swaps.offered(session, rota.id, now),
            me=own_details.mine(session, actor()),
            may_change=bool(unit().roles & {Role.OFFICER, Role.ADMINISTRATOR}),
            administrator=Role.ADMINISTRATOR in unit().roles,
            zone=rota.zone,
        )


@pages.get("/<uuid:rota_id>/edit")
@may(Role.ADMINISTRATOR)
def edit(rota_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return _form(session, _rota(session, rota_id))


@pages.post("/<uuid:rota_id>/edit")
@may(Role.ADMINISTRATOR)
def change(rota_id: uuid.UUID) -> ResponseReturnValue:
    return _save(rota_id)


@pages.post("/<uuid:rota_id>/stand-in")
@may(Role.OFFICER, Role.ADMINISTRATOR)
def stand_in(rota_id: uuid.UUID) -> ResponseReturnValue:
    form = request.form
    with acting() as session:
        rota = _rota(session, rota_id)
        zone = ZoneInfo(rota.zone)
        person = _stands_in(form.get("person", ""))
        starts, ends = local_moment(form.get("starts", ""), zone), local_moment(form.get("ends", ""), zone)
        rota_plan.stand_in(session, actor(), rota, person, starts, ends, form.get("reason", ""), utcnow())
        flash(gettext("The change is made."), "good")
    return redirect(url_for("rotas.show", rota_id=rota_id))


@pages.post("/<uuid:rota_id>/swap")
@may()
def offer_swap(rota_id: uuid.UUID) -> ResponseReturnValue:
    form = request.form
    with acting() as session:
        rota = _rota(session, rota_id)
        zone, taker = ZoneInfo(rota.zone), _stands_in(form.get("taker", ""))
        given = local_moment(form.get("starts", ""), zone), local_moment(form.get("ends", ""), zone)
        back = None
        if form.get("back_starts") or form.get("back_ends"):
            back = local_moment(form.get("back_starts", ""), zone), local_moment(form.get("back_ends", ""), zone)
        settings, reason = runtime().settings, form.get("reason", "")
        swaps.offer(session, actor(), rota, taker, given, back, reason, settings, utcnow())
        flash(gettext("It is offered. The duty stays yours until they say yes."), "good")
    return redirect(url_for("rotas.show", rota_id=rota_id))


@pages.post("/swaps/<uuid:swap_id>/<any(accept, decline, withdraw):what>")
@may()
def answer_swap(swap_id: uuid.UUID, what: str) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        row = session.get(RotaSwap, swap_id) or abort(404)
        enter(row.rota.unit_id)
        rota_id = row.rota_id
    said = {
        "accept": gettext("The duty is yours for that time."),
        "decline": gettext("They get to know that you can't."),
        "withdraw": gettext("The offer is taken back."),
    }
    with acting() as session:
        match what:
            case "accept":
                swaps.accept(session, actor(), swap_id, runtime().settings, utcnow())
            case "decline":
                swaps.decline(session, actor(), swap_id, runtime().settings, utcnow())
            case _:
                swaps.withdraw(session, actor(), swap_id, utcnow())
        flash(said[what], "good")
    return redirect(url_for("rotas.show", rota_id=rota_id))


@pages.post("/changes/<uuid:change_id>/undo")
@may(Role.OFFICER, Role.ADMINISTRATOR)
def undo(change_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        row = session.get(RotaChange, change_id) or abort(404)
        enter(row.rota.unit_id)
        rota_id = row.rota_id
        rota_plan.undo(session, actor(), row)
    flash(gettext("The change is taken away."), "good")
    return redirect(url_for("rotas.show", rota_id=rota_id))


@pages.post("/<uuid:rota_id>/import")
@may(Role.ADMINISTRATOR)
def take_in(rota_id: uuid.UUID) -> ResponseReturnValue:
    sent = request.files.get("file")
    raw = sent.read(rota_ical.LARGEST + 1) if sent else b""
    with acting() as session:
        done = rota_import.lay_in(session, actor(), _rota(session, rota_id), raw, utcnow())
        flash(gettext("New: %(new)d, changed: %(changed)d, removed: %(removed)d.", **done), "good")
    return redirect(url_for("rotas.show", rota_id=rota_id))


@pages.post("/<uuid:rota_id>/feed")
@may(Role.OFFICER, Role.ADMINISTRATOR)
def renew_feed(rota_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        rota = _rota(session, rota_id)
        token, name = rota_plan.new_feed(session, actor(), rota), rota.name
    address = f"{runtime().settings.console.public_url}/rotas/{rota_id}/feed/{token}.ics"
    # Shown on this page only, never redirected to: the address is a secret, and histories keep addresses.
    return render_template("console/rotas/feed.html", section="rotas", address=address, name=name, rota_id=rota_id)


@pages.get("/<uuid:rota_id>/feed/<token>.ics")
@public
def feed(rota_id: uuid.UUID, token: str) -> ResponseReturnValue:
    """The secret in the address stands in the guard's place; a wrong one and an unknown rota look alike."""
    now = utcnow()
    with runtime().database.reading() as session:
        rota = session.get(Rota, rota_id)
        given = hashlib.sha256(token.encode()).hexdigest()
        if rota is None or rota.feed_token is None or not hmac.compare_digest(given, rota.feed_token):
            abort(404)
        day = now.astimezone(ZoneInfo(rota.zone)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        planned = shifts(roster.plan_of(rota), day - FEED_BACK, day + FEED_AHEAD)
        names = roster.names_of(session, [one.person for one in planned])
        body = rota_ical.write(rota.id, rota.name, planned, names, gettext("nobody"))
    response = Response(body, content_type="text/calendar; charset=utf-8")
    response.add_etag()
    return response.make_conditional(request)


def _rota(session: Session, rota_id: uuid.UUID) -> Rota:
    rota = session.get(Rota, rota_id)
    if rota is None:
        abort(404)
    enter(rota.unit_id)
    return rota


def _people(session: Session) -> list[tuple[str, str]]:
    rows = session.execute(select(Person.id, Person.name).where(Person.unit_id == unit().id).order_by(Person.name))
    return [(str(row.id), row.name) for row in rows]


def _save(rota_id: uuid.UUID | None) -> ResponseReturnValue:
    form = request.form
    try:
        begins, length = _first_day(form.get("begins", ""), form.get("length", ""))
        wanted = Wanted(
            form.get("name", ""),
            form.get("every", ""),
            length,
            form.get("handover", ""),
            begins,
            [one for told in form.getlist("turns") if (one := _id(told))],
            [one for told in form.getlist("holiday_turns") if (one := _id(told))],
            zone=unit().settings.zone,
        )
        with runtime().database.writing() as session:
            rota = _rota(session, rota_id) if rota_id else None
            saved = rota_plan.save(session, actor(), unit().id, rota, form.get("key", ""), wanted)
            return redirect(url_for("rotas.show", rota_id=saved.id))
    except NotAllowed as error:
        with runtime().database.reading() as session:
            return _form(session, _rota(session, rota_id) if rota_id else None, refusal(error)), 422


def _form(session: Session, rota: Rota | None, error: str = "") -> str:
    typed = request.form
    turns = (
        typed.getlist("turns")
        if error
        else [str(one.person_id) for one in rota.turns if not one.holiday]
        if rota
        else []
    )
    away = (
        typed.getlist("holiday_turns")
        if error
        else [str(one.person_id) for one in rota.turns if one.holiday]
        if rota
        else []
    )
    said = {
        "name": rota.name if rota else "",
        "key": rota.key if rota else "",
        "every": rota.every if rota else "week",
        "length": rota.length if rota else 1,
        "handover": rota.handover if rota else "08:00",
        "begins": rota.begins.isoformat() if rota else utcnow().date().isoformat(),
    }
    if error:
        said |= typed.to_dict()
    return render_template(
        "console/rotas/form.html",
        section="rotas",
        rota=rota,
        said=said,
        turns=[*turns, *[""] * TURN_PLACES],
        holiday_turns=[*away, *[""] * 2],
        people=[("", "–"), *_people(session)],
        error=error,
    )


def _id(told: str) -> uuid.UUID | None:
    """Raises `NotAllowed` for what is neither empty nor an id."""
    try:
        return uuid.UUID(told) if told else None
    except ValueError:
        raise NotAllowed("somebody in the rota is not in this unit; choose again") from None


def _stands_in(told: str) -> uuid.UUID | None:
    """Nobody must be said: a choice left alone would make a hole. Raises `NotAllowed`."""
    if not told:
        raise NotAllowed("choose who stands in, or nobody")
    return None if told == "nobody" else _id(told)


def _first_day(begins: str, length: str) -> tuple[date, int]:
    """Raises `NotAllowed`."""
    try:
        return date.fromisoformat(begins), int(length)
    except ValueError:
        raise NotAllowed("write the first day as a date and the length as a number") from None


def local_moment(told: str, zone: ZoneInfo) -> datetime:
    """A local time as browsers write it. Raises `NotAllowed`."""
    try:
        return datetime.fromisoformat(told).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):  # the year 1 has no beginning in UTC
        raise NotAllowed("fill in from when and until when") from None
