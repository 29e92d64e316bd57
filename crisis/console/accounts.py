"""The page of a unit's accounts: how each is, and pausing or resuming one. What pausing means stands in sending."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.broadcasts import suggestions
from crisis.console.guard import enter, may
from crisis.console.here import actor, fragment, runtime, unit
from crisis.console.wording import refusal
from crisis.models import Account, utcnow
from crisis.sending import fallback
from crisis.sending.pause import pause as pause_account
from crisis.sending.pause import resume as resume_account
from crisis.sending.pulse import ENDS_SOON
from crisis.states import NotAllowed, Role

pages = Blueprint("accounts", __name__, url_prefix="/accounts")


@pages.get("/")
@may()
def index() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return render_template("console/accounts.html", **_seen(session))


@pages.get("/health")
@may()
def health() -> ResponseReturnValue:
    """The table alone, renewed."""
    with runtime().database.reading() as session:
        return fragment("console/accounts_table.html", **_seen(session))


@pages.get("/<uuid:account_id>/pause")
@may(Role.OFFICER, Role.ADMINISTRATOR)
def ask(account_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return render_template("console/account_pause.html", account=_account(session, account_id), error="")


@pages.post("/<uuid:account_id>/pause")
@may(Role.OFFICER, Role.ADMINISTRATOR)
def pause(account_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            pause_account(session, actor(), _account(session, account_id), request.form.get("reason", ""))
    except NotAllowed as error:
        with runtime().database.reading() as session:
            account = _account(session, account_id)
            return render_template("console/account_pause.html", account=account, error=refusal(error)), 422
    flash(gettext("The account is paused. Nothing leaves from it until somebody resumes it."), "warn")
    return redirect(url_for("accounts.index"))


@pages.post("/<uuid:account_id>/resume")
@may(Role.OFFICER, Role.ADMINISTRATOR)
def resume(account_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        resume_account(session, actor(), _account(session, account_id))
    flash(gettext("The account speaks again. What waited leaves now, unless it has grown too old."), "good")
    return redirect(url_for("accounts.index"))


@pages.get("/<uuid:account_id>/fallback")
@may(Role.OFFICER, Role.ADMINISTRATOR)
def ask_switch(account_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return _switch_page(session, account_id, "")


@pages.post("/<uuid:account_id>/fallback")
@may(Role.OFFICER, Role.ADMINISTRATOR)
def switch(account_id: uuid.UUID) -> ResponseReturnValue:
    turn = fallback.switch_back if request.form.get("to") == "back" else fallback.switch_over
    try:
        with runtime().database.writing() as session:
            moved = turn(session, actor(), _account(session, account_id), request.form.get("reason", ""), utcnow())
    except NotAllowed as error:
        with runtime().database.reading() as session:
            return _switch_page(session, account_id, refusal(error)), 422
    flash(gettext("Switched. %(count)d messages that had not left go along.", count=moved), "good")
    return redirect(url_for("accounts.index"))


def _switch_page(session: Session, account_id: uuid.UUID, error: str) -> str:
    account = _account(session, account_id)
    if account.fallback is None:
        abort(404)
    return render_template("console/account_switch.html", account=account, error=error)


def _seen(session: Session) -> dict[str, Any]:
    mine = select(Account).where(Account.unit_id == unit().id, Account.active)
    rows = list(session.scalars(mine.order_by(Account.mode.desc(), Account.key)))
    feeds = suggestions.health(session, runtime().settings, [unit().id])
    return {"rows": rows, "feeds": feeds, "now": utcnow(), "soon": utcnow() + ENDS_SOON}


def _account(session: Session, account_id: uuid.UUID) -> Account:
    account = session.get(Account, account_id)
    if account is None or not account.active:
        abort(404)
    enter(account.unit_id)
    return account
