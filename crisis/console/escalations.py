"""The page of escalations: who is asked in which order. What an escalation means stands in oncall/escalation_plan.py."""

from __future__ import annotations

import uuid
from typing import cast

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.console.guard import enter, may
from crisis.console.here import actor, runtime, unit
from crisis.console.wording import refusal
from crisis.models import Escalation, EscalationStep, Group, Person, Rota
from crisis.oncall import escalation_plan
from crisis.oncall.escalation_plan import Kind, Step
from crisis.sentence import N_
from crisis.states import EscalationPurpose, NotAllowed, Role

pages = Blueprint("escalations", __name__, url_prefix="/escalations")
CHOSEN = {
    "alert": N_("Alerts: somebody must take it"),
    "approval": N_("Approvals: a second person must read a broadcast"),
}
EMPTY = 3  # places for further steps in a form


@pages.get("/")
@may(Role.ADMINISTRATOR)
def index() -> ResponseReturnValue:
    return _page()


@pages.post("/")
@may(Role.ADMINISTRATOR)
def create() -> ResponseReturnValue:
    return _save(None)


@pages.post("/<uuid:escalation_id>")
@may(Role.ADMINISTRATOR)
def change(escalation_id: uuid.UUID) -> ResponseReturnValue:
    return _save(escalation_id)


@pages.post("/<uuid:escalation_id>/remove")
@may(Role.ADMINISTRATOR)
def remove(escalation_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        escalation_plan.remove(session, actor(), _escalation(session, escalation_id))
    flash(gettext("The escalation is removed."), "good")
    return redirect(url_for("escalations.index"))


def _escalation(session: Session, escalation_id: uuid.UUID) -> Escalation:
    found = session.get(Escalation, escalation_id)
    if found is None:
        abort(404)
    enter(found.unit_id)
    return found


def _save(escalation_id: uuid.UUID | None) -> ResponseReturnValue:
    form = request.form
    try:
        with runtime().database.writing() as session:
            escalation_plan.save(
                session,
                actor(),
                unit().id,
                _escalation(session, escalation_id) if escalation_id else None,
                key=form.get("key", ""),
                name=form.get("name", ""),
                purpose=_purpose(form.get("purpose", "alert")),
                override_quiet=form.get("override_quiet") == "yes",
                repeats=_number(form.get("repeats", "")),
                steps=[
                    _step(target, wait)
                    for target, wait in zip(form.getlist("target"), form.getlist("minutes"), strict=False)
                    if target
                ],
            )
    except NotAllowed as error:
        return _page(refusal(error)), 422
    flash(gettext("The escalation is saved."), "good")
    return redirect(url_for("escalations.index"))


def _step(target: str, minutes: str) -> Step:
    kind, _, told = target.partition(":")
    refused = NotAllowed("a step names somebody who is not in this unit; choose again")
    if kind not in ("person", "rota", "group"):
        raise refused
    try:
        return Step(cast("Kind", kind), uuid.UUID(told), _number(minutes) * 60)
    except ValueError:
        raise refused from None


def _purpose(told: str) -> EscalationPurpose:
    if told not in CHOSEN:
        raise NotAllowed("choose what the escalation is for")
    return EscalationPurpose(told)


def _number(told: str) -> int:
    if not (told.isascii() and told.isdigit() and len(told) < 6):
        raise NotAllowed("write minutes and repeats as whole numbers")
    return int(told)


def _page(error: str = "") -> str:
    with runtime().database.reading() as session:
        rows = escalation_plan.escalations_of(session, unit().id)
        targets = [("", "–")]
        for kind, table, word in (
            ("rota", Rota, gettext("Rota")),
            ("group", Group, gettext("Group")),
            ("person", Person, gettext("Person")),
        ):
            found = session.execute(select(table.id, table.name).where(table.unit_id == unit().id).order_by(table.name))
            targets += [(f"{kind}:{row.id}", f"{word}: {row.name}") for row in found]
        return render_template(
            "console/escalations.html",
            section="rotas",
            error=error,
            targets=targets,
            purposes=[(key, gettext(words)) for key, words in CHOSEN.items()],
            shown=[(row, [_told(step) for step in row.steps] + [("", 5)] * EMPTY) for row in rows],
            empty=[("", 5)] * EMPTY,
        )


def _told(step: EscalationStep) -> tuple[str, int]:
    kind = "rota" if step.rota_id else "group" if step.group_id else "person"
    return f"{kind}:{getattr(step, f'{kind}_id')}", step.wait_seconds // 60
