"""How I am reached: a member of staff's own phones and mailboxes, quiet hours, absences and PIN.

What may be changed stands in oncall/own_details.py, how an address is proven in oncall/proving.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from crisis import passwords
from crisis.console.acting import acting
from crisis.console.guard import signed_in
from crisis.console.here import actor, runtime
from crisis.console.own import demand_password
from crisis.console.rotas import local_moment
from crisis.console.wording import refusal
from crisis.models import Person, Unit, utcnow
from crisis.oncall import own_details, pins, proving
from crisis.settings import UnitSettings
from crisis.states import NotAllowed

pages = Blueprint("own_ways", __name__, url_prefix="/me/ways")


@pages.get("/")
@signed_in
def show() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        person = own_details.mine(session, actor())
        if person is None:
            return render_template("console/own_ways.html", person=None)
        now = utcnow()
        return render_template(
            "console/own_ways.html",
            person=person,
            rows=[(row, proving.shown(row), proving.waiting(session, row, now)) for row in person.destinations],
            ways={
                medium: set(proving.ways_to_prove(session, person.unit_id, medium)) for medium in ("phone", "mailbox")
            },
            away=own_details.absences(session, person, now),
            home=session.get_one(Unit, person.unit_id).name,
            pin=pins.set_by(session, person.id) is not None and person.pin is not None,
        )


@pages.post("/add")
@signed_in
def add() -> ResponseReturnValue:
    form = request.form
    return _done(
        lambda session: own_details.add_reach(session, actor(), form.get("medium", ""), form.get("address", "")),
        gettext("It is in the list, tried last. Prove it with a code."),
    )


@pages.post("/<uuid:destination_id>/remove")
@signed_in
def remove(destination_id: uuid.UUID) -> ResponseReturnValue:
    return _done(
        lambda session: own_details.remove_reach(session, actor(), destination_id), gettext("It is taken away.")
    )


@pages.post("/<uuid:destination_id>/up")
@signed_in
def up(destination_id: uuid.UUID) -> ResponseReturnValue:
    return _done(lambda session: own_details.move_up(session, actor(), destination_id), gettext("It is tried earlier."))


@pages.post("/<uuid:destination_id>/code")
@signed_in
def send_code(destination_id: uuid.UUID) -> ResponseReturnValue:
    def act(session: Session) -> None:
        row = own_details.reach(own_details.demand(session, actor()), destination_id)
        proving.send_code(session, actor(), row, request.form.get("way", ""), utcnow())

    return _done(act, gettext("A code is on its way. Type it here within ten minutes."))


@pages.post("/<uuid:destination_id>/prove")
@signed_in
def prove(destination_id: uuid.UUID) -> ResponseReturnValue:
    def act(session: Session) -> bool:
        row = own_details.reach(own_details.demand(session, actor()), destination_id)
        codes = runtime().personal.codes
        return proving.prove(session, actor(), row, request.form.get("code", ""), codes, utcnow())

    return _done(
        act, gettext("It is verified."), gettext("That is not the code we sent. Look again; nothing is changed.")
    )


@pages.post("/quiet")
@signed_in
def quiet() -> ResponseReturnValue:
    form = request.form
    return _done(
        lambda session: own_details.set_quiet(session, actor(), form.get("quiet_from", ""), form.get("quiet_to", "")),
        gettext("Your quiet hours are saved."),
    )


@pages.post("/absent")
@signed_in
def absent() -> ResponseReturnValue:
    form = request.form

    def act(session: Session) -> None:
        zone = _settings(session, own_details.demand(session, actor())).tz
        starts, ends = local_moment(form.get("starts", ""), zone), local_moment(form.get("ends", ""), zone)
        own_details.be_absent(session, actor(), starts, ends, form.get("reason", ""))

    return _done(act, gettext("The absence is noted."))


@pages.post("/absent/<uuid:absence_id>/end")
@signed_in
def end_absence(absence_id: uuid.UUID) -> ResponseReturnValue:
    return _done(
        lambda session: own_details.end_absence(session, actor(), absence_id), gettext("The absence is taken away.")
    )


@pages.post("/pin")
@signed_in
def set_pin() -> ResponseReturnValue:
    """Set it, or take it away. The password is asked for, because a PIN may say yes to a broadcast."""
    form = request.form
    try:
        demand_password(form.get("password", ""))
        remove_it = form.get("do") == "remove"
        digest = "" if remove_it else passwords.hashed(pins.checked(form.get("pin", ""), form.get("again", "")))
    except NotAllowed as error:
        flash(refusal(error), "bad")
        return redirect(url_for("own_ways.show"))

    def act(session: Session) -> None:
        person = own_details.demand(session, actor())
        if remove_it:
            pins.forget(session, actor(), person)
        else:
            pins.store(session, actor(), person, digest)

    return _done(act, gettext("The PIN is taken away.") if remove_it else gettext("Your PIN is set."))


def _settings(session: Session, person: Person) -> UnitSettings:
    return runtime().settings.unit(session.get_one(Unit, person.unit_id).key)


def _done(act: Callable[[Session], object], said: str, otherwise: str = "") -> ResponseReturnValue:
    """Do it, say so, and show the page again; `otherwise` is said where the act answers False."""
    with acting() as session:
        good = act(session) is not False
        flash(said if good else otherwise, "good" if good else "bad")
    return redirect(url_for("own_ways.show"))
