"""Pages for administrators: who can sign in, with which roles. Who may change whom stands in rights.py."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from crisis.console import rights
from crisis.console.guard import may
from crisis.console.here import actor, runtime, unit
from crisis.console.language import role_words
from crisis.console.wording import refusal
from crisis.models import Person, User, utcnow
from crisis.oncall import people
from crisis.states import NotAllowed, Role

pages = Blueprint("users", __name__, url_prefix="/users")


@pages.get("/")
@may(Role.ADMINISTRATOR)
def index() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        users = rights.users_of(session, unit().id)
        return render_template("console/users/index.html", users=users, words=role_words())


@pages.get("/new")
@may(Role.ADMINISTRATOR)
def new() -> ResponseReturnValue:
    return _new()


@pages.post("/new")
@may(Role.ADMINISTRATOR)
def create() -> ResponseReturnValue:
    form, language = request.form, unit().settings.language
    try:
        with runtime().database.writing() as session:
            user, password = rights.create_user(
                session, actor(), form.get("name", ""), form.get("login", ""), unit().id, _roles(), language=language
            )
            return _once(user, password)
    except NotAllowed as error:
        return _new(refusal(error)), 422


@pages.post("/add")
@may(Role.ADMINISTRATOR)
def add() -> ResponseReturnValue:
    """Roles here for somebody who works in another unit already."""
    try:
        with runtime().database.writing() as session:
            user = rights.user_by_login(session, request.form.get("login", ""))
            rights.set_roles(session, actor(), user, unit().id, {Role.VIEWER})
            user_id = user.id
    except NotAllowed as error:
        return _new(refusal(error)), 422
    return redirect(url_for("users.show", user_id=user_id))


@pages.get("/<uuid:user_id>")
@may(Role.ADMINISTRATOR)
def show(user_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return _show(session, user_id)


@pages.post("/<uuid:user_id>/roles")
@may(Role.ADMINISTRATOR)
def set_roles(user_id: uuid.UUID) -> ResponseReturnValue:
    def act(session: Session, user: User) -> None:
        rights.set_roles(session, actor(), user, unit().id, _roles())

    return _change(user_id, act, gettext("The roles are saved."))


@pages.post("/<uuid:user_id>/person")
@may(Role.ADMINISTRATOR)
def tie(user_id: uuid.UUID) -> ResponseReturnValue:
    def act(session: Session, user: User) -> None:
        written = " ".join(request.form.get("person", "").split())
        person = people.by_reference(session, unit().id, written) if written else None
        rights.tie(session, actor(), user, unit().id, person)

    return _change(user_id, act, gettext("Saved."))


@pages.post("/<uuid:user_id>/disable")
@may(Role.ADMINISTRATOR)
def disable(user_id: uuid.UUID) -> ResponseReturnValue:
    def act(session: Session, user: User) -> None:
        rights.disable(session, actor(), user, unit().id)

    return _change(user_id, act, gettext("This user can no longer sign in."))


@pages.post("/<uuid:user_id>/enable")
@may(Role.ADMINISTRATOR)
def enable(user_id: uuid.UUID) -> ResponseReturnValue:
    def act(session: Session, user: User) -> None:
        rights.enable(session, actor(), user, unit().id)

    return _change(user_id, act, gettext("This user can sign in again."))


@pages.post("/<uuid:user_id>/reset")
@may(Role.ADMINISTRATOR)
def reset(user_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            user = _user(session, user_id)
            return _once(user, rights.reset_sign_in(session, actor(), user, unit().id))
    except NotAllowed as error:
        with runtime().database.reading() as session:
            return _show(session, user_id, refusal(error)), 409


def _roles() -> set[Role]:
    return {Role(word) for word in request.form.getlist("roles") if word in list(Role)}


def _user(session: Session, user_id: uuid.UUID) -> User:
    return rights.user_in(session, user_id, unit().id) or abort(404)


def _change(user_id: uuid.UUID, act: Callable[[Session, User], None], done: str) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            act(session, _user(session, user_id))
    except NotAllowed as error:
        with runtime().database.reading() as session:
            return _show(session, user_id, refusal(error)), 409
    flash(done, "good")
    with runtime().database.reading() as session:
        still_here = rights.user_in(session, user_id, unit().id)
    return redirect(url_for("users.show", user_id=user_id) if still_here else url_for("users.index"))


def _new(error: str = "") -> str:
    return render_template("console/users/new.html", error=error, typed=request.form, words=role_words())


def _show(session: Session, user_id: uuid.UUID, error: str = "") -> str:
    user = _user(session, user_id)
    held = {grant.role for grant in user.grants if grant.unit_id == unit().id}
    elsewhere = sorted({grant.unit.name for grant in user.grants if grant.unit_id != unit().id})
    return render_template(
        "console/users/user.html",
        user=user,
        held=held,
        elsewhere=elsewhere,
        person=session.get(Person, user.person_id) if user.person_id else None,
        error=error,
        words=role_words(),
        now=utcnow(),
    )


def _once(user: User, password: str) -> ResponseReturnValue:
    """The page with the one-time password: never kept, by the browser neither."""
    response = make_response(render_template("console/users/once.html", user=user, password=password))
    response.headers["Cache-Control"] = "no-store"
    return response
