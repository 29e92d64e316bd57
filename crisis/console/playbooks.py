"""Pages about playbooks: which there are, what each says, how it stands, signing it off, and the paper edition."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, cast

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from crisis.channels.registry import FACTS
from crisis.console import language, signing, standings
from crisis.console.guard import may
from crisis.console.here import actor, runtime, unit
from crisis.console.standings import MessageStanding
from crisis.console.triage_words import answer_lanes
from crisis.console.wording import refusal
from crisis.models import utcnow
from crisis.playbooks import paper as paper_edition
from crisis.playbooks.digest import ANSWERS, changes, content
from crisis.playbooks.fit import measured
from crisis.settings import Language
from crisis.states import NotAllowed, Role

pages = Blueprint("playbooks", __name__, url_prefix="/playbooks")


@pages.get("/")
@may()
def index() -> ResponseReturnValue:
    shelf = runtime().playbooks.shelf()
    with runtime().database.reading() as session:
        known = standings.of_unit(session, unit().id, unit().settings.kind, shelf, _now())
        return render_template("console/playbooks/index.html", known=known, shelf=shelf, today=_now().date())


@pages.get("/paper")
@may()
def paper() -> ResponseReturnValue:
    """One printable page. It carries its own style, which our policy forbids elsewhere, so it has a policy of its own."""
    mine = [book for book in runtime().playbooks.shelf().playbooks.values() if book.kind == unit().settings.kind]
    words = cast("Language", language.current())
    response = make_response(paper_edition.edition(mine, unit().name, _now().date(), words))
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    )
    return response


@pages.get("/<playbook_id>")
@may()
def show(playbook_id: str) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        messages = _messages(session, playbook_id)
        playbook = messages[0].playbook
        found = signing.findings(runtime().playbooks.shelf(), playbook, FACTS, _now().date())
        sizes: dict[tuple[str, str], list[Any]] = {}
        for one in measured(playbook, FACTS):
            sizes.setdefault((one.message, one.language), []).append(one)
        return render_template(
            "console/playbooks/playbook.html",
            playbook=playbook,
            messages=messages,
            found=found,
            sizes=sizes,
            answer_lanes=answer_lanes(),
        )


@pages.get("/<playbook_id>/<message>/sign-off")
@may(Role.APPROVER)
def read(playbook_id: str, message: str) -> ResponseReturnValue:
    return _sign_page(playbook_id, message)


@pages.post("/<playbook_id>/<message>/sign-off")
@may(Role.APPROVER)
def sign(playbook_id: str, message: str) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            one = _message(session, playbook_id, message)
            found = signing.findings(runtime().playbooks.shelf(), one.playbook, FACTS, _now().date())
            signing.sign(
                session, actor(), unit().id, one.playbook, message,
                read=request.form.get("digest", ""), until=_day(request.form.get("until", "")),
                now=_now(), zone=unit().settings.tz, found=found,
            )  # fmt: skip
    except NotAllowed as error:
        return _sign_page(playbook_id, message, refusal(error)), 422
    if message == ANSWERS:
        flash(gettext("Signed. One person in triage may now give these answers."), "good")
    else:
        flash(gettext("Signed. One duty officer may now release this message with only its slots filled in."), "good")
    return redirect(url_for("playbooks.show", playbook_id=playbook_id))


@pages.post("/<playbook_id>/<message>/revoke")
@may(Role.APPROVER)
def revoke(playbook_id: str, message: str) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        signing.revoke(session, actor(), unit().id, playbook_id, message, now=utcnow())
    flash(gettext("The sign-off is taken back. This message needs a second person from now on."), "warn")
    return redirect(url_for("playbooks.show", playbook_id=playbook_id))


def _now() -> datetime:
    """Now, in the unit's zone: a playbook's days are days there."""
    return utcnow().astimezone(unit().settings.tz)


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise NotAllowed("Choose the day the sign-off ends.") from None


def _messages(session: Session, playbook_id: str) -> list[MessageStanding]:
    shelf = runtime().playbooks.shelf()
    known = standings.of_unit(session, unit().id, unit().settings.kind, shelf, _now())
    return known.get(playbook_id) or abort(404)


def _message(session: Session, playbook_id: str, message: str) -> MessageStanding:
    return next((one for one in _messages(session, playbook_id) if one.key == message), None) or abort(404)


def _sign_page(playbook_id: str, message: str, error: str = "") -> str:
    with runtime().database.reading() as session:
        one = _message(session, playbook_id, message)
        now_content = content(one.playbook, message)
        return render_template(
            "console/playbooks/sign_off.html",
            one=one,
            answer_lanes=answer_lanes(),
            error=error,
            content=now_content,
            changed=changes(one.sign_off.content, now_content) if one.sign_off else [],
            found=[
                finding
                for finding in signing.findings(runtime().playbooks.shelf(), one.playbook, FACTS, _now().date())
                if finding.message in ("", message)
            ],
            last_day=signing.last_day(one.playbook, _now().date()),
            until=request.form.get("until") or signing.last_day(one.playbook, _now().date()),
        )
