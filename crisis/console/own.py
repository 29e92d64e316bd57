"""A user's own sign-in: a new password, and the list of browsers that are signed in."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select

from crisis import audit, throttle
from crisis.console import identity
from crisis.console.guard import signed_in
from crisis.console.here import actor, runtime, signed_in_visitor
from crisis.console.wording import refusal
from crisis.models import SignIn, User, utcnow
from crisis.states import NotAllowed

pages = Blueprint("own", __name__, url_prefix="/me")


@pages.get("/")
@signed_in
def show() -> ResponseReturnValue:
    return _page()


@pages.post("/password")
@signed_in
def change_password() -> ResponseReturnValue:
    form, here = request.form, signed_in_visitor()
    try:
        renewed = _new_hash(form)
    except NotAllowed as error:
        return _page(refusal(error)), 422
    with runtime().database.writing() as session:
        session.get_one(User, actor().user_id).password_hash = renewed
        identity.end_all(session, here.user_id, but=here.token_hash)
        audit.record(session, actor(), "user.password_changed", f"user:{here.user_id}")
    flash(gettext("Your password is changed, and every other browser is signed out."), "good")
    return redirect(url_for("own.show"))


def _new_hash(form: Mapping[str, str]) -> str:
    """Raises `NotAllowed` when the old password is wrong or the new one will not do."""
    demand_password(form.get("old", ""))
    if form.get("password") != form.get("again"):
        raise NotAllowed("The two passwords are not the same. Type them again.")
    return identity.hash_password(form.get("password", ""))


def demand_password(typed: str) -> None:
    """Raises `NotAllowed` unless it is the password of whoever is signed in. Guessing is slowed as at sign-in."""
    keys, now = [f"login:{signed_in_visitor().login}"], utcnow()
    with runtime().database.reading() as session:
        if throttle.wait_seconds(session, keys, now):
            raise NotAllowed("Wait a minute and try again.")
        right = identity.password_right(session.get_one(User, actor().user_id), typed)
    if not right:
        with runtime().database.writing() as session:
            throttle.failed(session, keys, now)
        raise NotAllowed("The password you have now is not right.")


def _page(error: str = "") -> str:
    with runtime().database.reading() as session:
        rows = session.scalars(
            select(SignIn)
            .where(SignIn.user_id == actor().user_id, SignIn.totp_at.is_not(None))
            .order_by(SignIn.seen_at.desc())
        ).all()
        return render_template("console/own.html", error=error, rows=rows)
