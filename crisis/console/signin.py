"""The pages of signing in: password, one-time code, first enrolment, sign-out, language and choice of unit.

What a right password or code is stands in identity.py, how long to wait in throttle.py.
"""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from sqlalchemy.orm import Session

from crisis import audit, throttle
from crisis.console import enrolment, identity
from crisis.console.guard import half_signed_in, public, read_visitor, signed_in
from crisis.console.here import Visitor, local_path, runtime, signed_in_visitor
from crisis.console.wording import refusal
from crisis.models import User, utcnow
from crisis.settings import LANGUAGES
from crisis.states import NotAllowed

pages = Blueprint("signin", __name__)


@pages.get("/sign-in")
@public
def password() -> ResponseReturnValue:
    return render_template("console/signin/password.html", login="", error="")


@pages.post("/sign-in")
@public
def check_password() -> ResponseReturnValue:
    login, secret = request.form.get("login", ""), request.form.get("password", "")
    keys = [f"login:{identity.normal_login(login)}", f"address:{_address()}"]
    _refuse_while_waiting(keys)
    try:
        with runtime().database.reading() as db:
            proven = identity.prove(db, login, secret, utcnow())
    except NotAllowed as error:
        return render_template("console/signin/password.html", login=login, error=refusal(error)), 401
    if proven is None:
        with runtime().database.writing() as db:
            throttle.failed(db, keys, utcnow())
        wrong = gettext("Login or password is wrong.")
        return render_template("console/signin/password.html", login=login, error=wrong), 401
    with runtime().database.writing() as db:
        token = identity.begin(db, proven, _address(), utcnow())
    return _with_token(redirect(url_for("signin.code")), token)


@pages.get("/sign-in/code")
@half_signed_in
def code() -> ResponseReturnValue:
    if signed_in_visitor().complete:
        return redirect("/")
    if not signed_in_visitor().enrolled:
        return redirect(url_for("signin.enrol"))
    return render_template("console/signin/code.html", error="")


@pages.post("/sign-in/code")
@half_signed_in
def check_code() -> ResponseReturnValue:
    half, keys = signed_in_visitor(), _code_keys()
    _refuse_while_waiting(keys)
    with runtime().database.writing() as db:
        user = db.get_one(User, half.user_id)
        if identity.spend_code(db, user, runtime().seal, request.form.get("code", ""), utcnow()):
            token = _signed_in(db, half, keys)
        else:
            token = ""
            throttle.failed(db, keys, utcnow())
    if token:
        return _onward(half, token)
    wrong = gettext("That code is not right. Wait for the next one in the app and try again.")
    return render_template("console/signin/code.html", error=wrong), 401


@pages.get("/sign-in/enrol")
@half_signed_in
def enrol() -> ResponseReturnValue:
    if signed_in_visitor().enrolled:
        return redirect(url_for("signin.code"))
    return render_template("console/signin/enrol.html", error="", **enrolment.shown(signed_in_visitor().login))


@pages.post("/sign-in/enrol")
@half_signed_in
def finish_enrol() -> ResponseReturnValue:
    half, keys = signed_in_visitor(), _code_keys()
    if half.enrolled:
        return redirect(url_for("signin.code"))
    _refuse_while_waiting(keys)
    try:
        wanted = enrolment.read(request.form)
        with runtime().database.writing() as db:
            enrolment.finish(db, half.user_id, wanted, utcnow())
            token = _signed_in(db, half, keys)
    except NotAllowed as error:
        with runtime().database.writing() as db:
            throttle.failed(db, keys, utcnow())
        return render_template("console/signin/enrol.html", error=refusal(error), **enrolment.shown(half.login)), 422
    return _onward(half, token)


@pages.post("/sign-out")
@half_signed_in
def sign_out() -> ResponseReturnValue:
    everywhere = "everywhere" in request.form
    with runtime().database.writing() as db:
        identity.end(db, signed_in_visitor().token_hash)
        if everywhere:
            identity.end_all(db, signed_in_visitor().user_id)
        audit.record(
            db,
            signed_in_visitor().actor,
            "sign_in.ended",
            f"user:{signed_in_visitor().user_id}",
            details={"everywhere": everywhere},
        )
    session.clear()
    flash(gettext("You are signed out."), "good")
    response = make_response(redirect(url_for("signin.password")))
    response.delete_cookie(
        identity.cookie_name(current_app.config), secure=bool(current_app.config["SESSION_COOKIE_SECURE"])
    )
    response.headers["Clear-Site-Data"] = '"cache"'  # the next person at this machine can't go back to our pages
    return response


@pages.post("/language")
@public
def choose_language() -> ResponseReturnValue:
    wanted = request.form.get("language", "")
    if wanted not in LANGUAGES:
        abort(400)
    session["language"] = wanted
    if who := read_visitor():
        with runtime().database.writing() as db:
            db.get_one(User, who.user_id).language = wanted
    return redirect(local_path(request.form.get("back")))


@pages.post("/unit")
@signed_in
def choose_unit() -> ResponseReturnValue:
    wanted = request.form.get("unit", "")
    if wanted not in {unit.key for unit in signed_in_visitor().units}:
        abort(404)
    session["unit"] = wanted
    return redirect(url_for("first.show"))  # what was open may not exist in the other unit


def _address() -> str:
    return request.remote_addr or "unknown"


def _refuse_while_waiting(keys: list[str]) -> None:
    with runtime().database.reading() as db:
        seconds = throttle.wait_seconds(db, keys, utcnow())
    if seconds > 0:
        wait = ngettext("Wait %(num)d second and try again.", "Wait %(num)d seconds and try again.", seconds)
        abort(429, description=wait)


def _code_keys() -> list[str]:
    return [f"code:{signed_in_visitor().login}", f"address:{_address()}"]


def _signed_in(db: Session, who: Visitor, keys: list[str]) -> str:
    """Both steps are done: a new token, the failures forgotten, the act recorded."""
    token = identity.complete(db, who.token_hash, who.user_id, _address(), utcnow())
    throttle.succeeded(db, [key for key in (*keys, f"login:{who.login}") if not key.startswith("address:")])
    audit.record(db, who.actor, "sign_in.begun", f"user:{who.user_id}", details={"address": _address()})
    return token


def _onward(who: Visitor, token: str) -> Response:
    """Start a clean session and go where they were going."""
    path, same = local_path(session.get("next")), session.get("user") == str(who.user_id)
    # The same person coming back keeps the form token, so that a text typed before the sign-in ran out can be sent.
    kept = {key: session[key] for key in ("csrf_token", "unit") if same and key in session}
    session.clear()
    session.update(kept, user=str(who.user_id))
    return _with_token(redirect(path), token)


def _with_token(response: object, token: str) -> Response:
    made = make_response(response)
    made.set_cookie(
        identity.cookie_name(current_app.config),
        token,
        httponly=True,
        samesite="Lax",
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
        path="/",
    )
    return made
