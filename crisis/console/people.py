"""Pages about people: the list, one person, and groups. What is a right number or name stands in oncall/people.py."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.console.acting import acting
from crisis.console.guard import enter, may
from crisis.console.here import actor, runtime, unit
from crisis.console.lists import Pager, asked_page
from crisis.console.rotas import local_moment
from crisis.console.wording import refusal, told
from crisis.models import Absence, AddressCode, Destination, Group, Person, utcnow
from crisis.oncall import groups as unit_groups
from crisis.oncall import people, proving, rota_plan
from crisis.oncall.people import Details, NotFilledIn
from crisis.states import NotAllowed, Role

pages = Blueprint("people", __name__, url_prefix="/people")
EMPTY_LINES = 2  # places for further destinations in the form


@pages.get("/")
@may(Role.ADMINISTRATOR, Role.OFFICER)
def index() -> ResponseReturnValue:
    words, group = request.args.get("q", ""), request.args.get("group", "")
    with runtime().database.reading() as session:
        found = people.search(session, unit().id, words, group, asked_page())
        groups = unit_groups.groups_of(session, unit().id)
        pager = Pager(found.number, found.pages)
        return render_template(
            "console/people/index.html",
            found=found,
            groups=groups,
            pager=pager,
            q=words,
            group=group,
            shown_phone=people.shown_phone,
        )


@pages.get("/new")
@may(Role.ADMINISTRATOR)
def new() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return _form(session, None, {"language": unit().settings.language})


@pages.post("/new")
@may(Role.ADMINISTRATOR)
def create() -> ResponseReturnValue:
    return _save(None)


@pages.get("/<uuid:person_id>")
@may(Role.ADMINISTRATOR, Role.OFFICER)
def show(person_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return _form(session, _person(session, person_id), {})


@pages.post("/<uuid:person_id>")
@may(Role.ADMINISTRATOR)
def change(person_id: uuid.UUID) -> ResponseReturnValue:
    return _save(person_id)


@pages.post("/<uuid:person_id>/remove")
@may(Role.ADMINISTRATOR)
def remove(person_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        person = _person(session, person_id)
        name = person.name
        people.remove(session, actor(), person)
    flash(gettext("%(name)s is removed.", name=name), "good")
    return redirect(url_for("people.index"))


@pages.post("/<uuid:person_id>/absent")
@may(Role.ADMINISTRATOR, Role.OFFICER)
def absent(person_id: uuid.UUID) -> ResponseReturnValue:
    form, zone = request.form, unit().settings.tz
    with acting() as session:
        person = _person(session, person_id)
        starts, ends = local_moment(form.get("starts", ""), zone), local_moment(form.get("ends", ""), zone)
        rota_plan.be_absent(session, actor(), person, starts, ends, form.get("reason", ""))
        flash(gettext("The absence is noted."), "good")
    return redirect(url_for("people.show", person_id=person_id))


@pages.post("/<uuid:person_id>/absent/<uuid:absence_id>/end")
@may(Role.ADMINISTRATOR, Role.OFFICER)
def end_absence(person_id: uuid.UUID, absence_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        person, row = _person(session, person_id), session.get(Absence, absence_id)
        if row is None or row.person_id != person.id:
            abort(404)
        rota_plan.remove_absence(session, actor(), row)
    flash(gettext("The absence is taken away."), "good")
    return redirect(url_for("people.show", person_id=person_id))


@pages.post("/<uuid:person_id>/ways/<uuid:destination_id>/code")
@may(Role.ADMINISTRATOR, Role.OFFICER)
def send_code(person_id: uuid.UUID, destination_id: uuid.UUID) -> ResponseReturnValue:
    """They read the code out to whoever sits here."""

    def act(session: Session, row: Destination) -> None:
        proving.send_code(session, actor(), row, request.form.get("way", ""), utcnow())

    return _prove(person_id, destination_id, act, gettext("A code is on its way. Ask them to read it to you."))


@pages.post("/<uuid:person_id>/ways/<uuid:destination_id>/prove")
@may(Role.ADMINISTRATOR, Role.OFFICER)
def prove(person_id: uuid.UUID, destination_id: uuid.UUID) -> ResponseReturnValue:
    def act(session: Session, row: Destination) -> bool:
        codes = runtime().personal.codes
        return proving.prove(session, actor(), row, request.form.get("code", ""), codes, utcnow())

    return _prove(person_id, destination_id, act, gettext("It is verified."))


def _prove(
    person_id: uuid.UUID, destination_id: uuid.UUID, act: Callable[[Session, Destination], object], said: str
) -> ResponseReturnValue:
    with acting() as session:
        person, row = _person(session, person_id), session.get(Destination, destination_id)
        if row is None or row.person_id != person.id:
            abort(404)
        good = act(session, row) is not False
        otherwise = gettext("That is not the code we sent. Look again; nothing is changed.")
        flash(said if good else otherwise, "good" if good else "bad")
    return redirect(url_for("people.show", person_id=person_id))


@pages.get("/groups")
@may(Role.ADMINISTRATOR, Role.OFFICER)
def groups() -> ResponseReturnValue:
    return _groups()


@pages.post("/groups")
@may(Role.ADMINISTRATOR)
def create_group() -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            unit_groups.create_group(
                session, actor(), unit().id, request.form.get("key", ""), request.form.get("name", "")
            )
    except NotAllowed as error:
        return _groups(refusal(error)), 422
    flash(gettext("The group is there."), "good")
    return redirect(url_for("people.groups"))


@pages.post("/groups/<uuid:group_id>")
@may(Role.ADMINISTRATOR)
def rename_group(group_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        group = session.get(Group, group_id)
        if group is None or group.unit_id != unit().id:
            abort(404)
        unit_groups.rename_group(session, actor(), group, request.form.get("name", ""))
    flash(gettext("The group has its new name."), "good")
    return redirect(url_for("people.groups"))


def _person(session: Session, person_id: uuid.UUID) -> Person:
    person = session.get(Person, person_id)
    if person is None:
        abort(404)
    enter(person.unit_id)
    return person


def _save(person_id: uuid.UUID | None) -> ResponseReturnValue:
    form = request.form
    lines = list(zip(form.getlist("medium"), form.getlist("address"), form.getlist("consent"), strict=False))
    reaches = [(medium if medium in people.MEDIA else "phone", address, yes == "yes") for medium, address, yes in lines]
    try:
        wanted = people.check(form, frozenset(form.getlist("groups")), reaches)
        with runtime().database.writing() as session:
            person = _person(session, person_id) if person_id else None
            saved = people.save(session, actor(), unit().id, person, wanted)
            flash(gettext("%(name)s is saved.", name=saved.name), "good")
            return redirect(url_for("people.show", person_id=saved.id))
    except NotFilledIn as error:
        typed = form.to_dict() | {"reaches": reaches, "groups": set(form.getlist("groups"))}
        with runtime().database.reading() as session:
            person = _person(session, person_id) if person_id else None
            return _form(session, person, typed, error.fields), 422


def _form(
    session: Session, person: Person | None, typed: Mapping[str, Any], wrong: Mapping[str, str] | None = None
) -> str:
    said = dict(typed) if typed or person is None else _typed(people.details_of(person))
    said.setdefault("groups", set())
    said["reaches"] = [*said.get("reaches", ()), *([("phone", "", True), ("mailbox", "", True)][:EMPTY_LINES])]
    return render_template(
        "console/people/person.html",
        person=person,
        said=said,
        wrong={field: told(say) for field, say in (wrong or {}).items()},
        groups=unit_groups.groups_of(session, unit().id),
        editable=Role.ADMINISTRATOR in unit().roles,
        away=_away(session, person),
        proofs=[] if person is None else _proofs(session, person),
        ways={medium: set(proving.ways_to_prove(session, unit().id, medium)) for medium in people.MEDIA},
    )


def _proofs(session: Session, person: Person) -> list[tuple[Destination, str, AddressCode | None]]:
    now = utcnow()
    return [(row, proving.shown(row), proving.waiting(session, row, now)) for row in person.destinations]


def _away(session: Session, person: Person | None) -> Sequence[Absence]:
    """The person's absences that are not over."""
    if person is None:
        return ()
    wanted = select(Absence).where(Absence.person_id == person.id, Absence.ends > utcnow())
    return session.scalars(wanted.order_by(Absence.starts)).all()


def _typed(details: Details) -> dict[str, Any]:
    """A person as the form would have sent them."""
    return {
        "reference": details.reference,
        "name": details.name,
        "language": details.language,
        "skills": ", ".join(details.skills),
        "sites": ", ".join(details.sites),
        "quiet_from": details.quiet[0] if details.quiet else "",
        "quiet_to": details.quiet[1] if details.quiet else "",
        "groups": details.groups,
        "reaches": [
            (one.medium, people.shown_phone(one.address) if one.medium == "phone" else one.address, one.consent)
            for one in details.reaches
        ],
    }


def _groups(error: str = "") -> str:
    with runtime().database.reading() as session:
        rows = unit_groups.groups_of(session, unit().id)
        typed = request.form if error else {}
        editable = Role.ADMINISTRATOR in unit().roles
        return render_template("console/people/groups.html", rows=rows, error=error, typed=typed, editable=editable)
