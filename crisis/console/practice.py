"""The page of the monthly practice call-out: planning it, and who was reached how fast. Rules stand in oncall/practice.py."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from crisis.console import chart
from crisis.console.guard import may
from crisis.console.here import actor, runtime, unit
from crisis.console.wording import refusal
from crisis.models import Practice, PracticePlan, User, utcnow
from crisis.oncall import groups, practice
from crisis.oncall.practice import Wish
from crisis.states import NotAllowed, Role

pages = Blueprint("practice", __name__, url_prefix="/practice")
FAST = "300"  # seconds: what counts as reached in time, in the chart


@pages.get("/")
@may(Role.OFFICER, Role.ADMINISTRATOR)
def index() -> ResponseReturnValue:
    return _page()


@pages.post("/")
@may(Role.OFFICER)
def plan() -> ResponseReturnValue:
    form = request.form
    playbook, _, message = form.get("message", "").partition(":")
    try:
        day = int(form.get("day", "")) if form.get("day", "").isdecimal() else 0
        wish = Wish(playbook, message, form.getlist("groups"), day, form.get("at", ""))
        shelf, now = runtime().playbooks.shelf(), utcnow()
        with runtime().database.writing() as session:
            practice.plan(session, actor(), unit().id, unit().settings, shelf, wish, now)
    except NotAllowed as error:
        return _page(refusal(error)), 422
    flash(gettext("It is planned. Staff get an exercise, marked as one, on that day."), "good")
    return redirect(url_for("practice.index"))


@pages.post("/pause")
@may(Role.OFFICER)
def pause() -> ResponseReturnValue:
    with runtime().database.writing() as session:
        row = session.get(PracticePlan, unit().id) or abort(404)
        practice.pause(session, actor(), row)
    flash(gettext("No more practice call-outs leave by themselves."), "warn")
    return redirect(url_for("practice.index"))


def _page(error: str = "") -> str:
    shelf, told = runtime().playbooks.shelf(), unit().settings
    with runtime().database.reading() as session:
        row = session.get(PracticePlan, unit().id)
        held = practice.of_unit(session, unit().id)
        return render_template(
            "console/practice.html",
            section="people",
            error=error,
            typed=request.form,
            row=row,
            planner=session.get(User, row.planned_by) if row else None,
            next=practice.next_moment(row, told, utcnow()) if row and not row.paused else None,
            choices=[
                (f"{one.id}:{key}", f"{one.title.in_(told.language)} ({key})")
                for one, key in practice.messages(shelf, told)
            ],
            groups=groups.groups_of(session, unit().id),
            held=_shown(session, held),
            bars=chart.bars([_bar(one) for one in reversed(held) if one.figures.get("asked")]),
            never=practice.never(session, held),
            may_plan=Role.OFFICER in unit().roles,
        )


def _shown(session: Session, held: Sequence[Practice]) -> list[tuple[Practice, dict[str, object]]]:
    """Each with its figures; those of one that goes on are counted now."""
    return [
        (one, one.figures or (practice.figures(session, one.call_out_id) if one.call_out_id else {})) for one in held
    ]


def _bar(one: Practice) -> tuple[str, list[tuple[str, int]], int]:
    told = one.figures
    fast = told["within"][FAST]
    return f"{one.planned_for:%m.%y}", [("fast", fast), ("slow", told["answered"] - fast)], told["asked"]
