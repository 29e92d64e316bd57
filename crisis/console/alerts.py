"""The pages of alerts: what is open, who is being tried now, taking and closing; and opening one by hand.

What taking and closing mean stands in oncall/alerts.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.console.acting import acting
from crisis.console.guard import enter, may
from crisis.console.here import actor, fragment, runtime, unit
from crisis.models import Alert, Ask, Escalation, Person, new_id, utcnow
from crisis.oncall import alerts
from crisis.oncall.escalation_plan import escalations_of
from crisis.states import AlertState, AskState, EscalationPurpose, Mode, NotAllowed, Role

pages = Blueprint("alerts", __name__, url_prefix="/alerts")
HISTORY = 50
MOST_OPEN = 100  # on one page; a flood is closed by its keys
TAKERS = (Role.OFFICER, Role.APPROVER, Role.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class Shown:
    """An alert with whoever is being tried for it now."""

    alert: Alert
    tried: Sequence[str]
    escalation: str


@pages.get("/")
@may()
def index() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        chosen = [
            (one.key, one.name) for one in escalations_of(session, unit().id) if one.purpose is EscalationPurpose.ALERT
        ]
        return render_template("console/alerts/index.html", section="alerts", escalations=chosen, **_seen(session))


@pages.get("/now")
@may()
def now() -> ResponseReturnValue:
    """The list alone, renewed."""
    with runtime().database.reading() as session:
        return fragment("console/alerts/list.html", **_seen(session))


@pages.post("/")
@may(Role.OFFICER, Role.ADMINISTRATOR)
def create() -> ResponseReturnValue:
    form = request.form
    with acting() as session:
        told = alerts.Opening(
            key=f"by hand {new_id()}",
            title=form.get("title", ""),
            text=form.get("text", ""),
            escalation=form.get("escalation", ""),
        )
        alert, _ = alerts.open_alert(session, actor(), unit().id, _mode(form.get("mode")), told, utcnow())
        return redirect(url_for("alerts.show", alert_id=alert.id))
    return redirect(url_for("alerts.index"))


@pages.get("/<uuid:alert_id>")
@may()
def show(alert_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return render_template("console/alerts/alert.html", section="alerts", **_one(session, alert_id))


@pages.get("/<uuid:alert_id>/now")
@may()
def show_now(alert_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return fragment("console/alerts/state.html", **_one(session, alert_id))


@pages.post("/<uuid:alert_id>/take")
@may(*TAKERS)
def take(alert_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        alert = _alert(session, alert_id)
        person = alerts.person_of(session, actor().user_id)
        mine = alerts.take(session, actor(), alert, person, utcnow())
        name = alert.taken_name
    if mine:
        flash(gettext("You have taken it. Nobody else is asked, and those who were asked get to know."), "good")
    else:
        flash(gettext("%(name)s was faster and has it.", name=name), "warn")
    return redirect(url_for("alerts.show", alert_id=alert_id))


@pages.post("/<uuid:alert_id>/close")
@may(*TAKERS)
def close(alert_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        alerts.close(session, actor(), _alert(session, alert_id), request.form.get("reason", ""), utcnow())
    flash(gettext("The alert is closed."), "good")
    return redirect(url_for("alerts.show", alert_id=alert_id))


def _alert(session: Session, alert_id: uuid.UUID) -> Alert:
    alert = session.get(Alert, alert_id)
    if alert is None:
        abort(404)
    enter(alert.unit_id)
    return alert


def _seen(session: Session) -> dict[str, object]:
    mine = select(Alert).where(Alert.unit_id == unit().id)
    going = session.scalars(
        mine.where(Alert.ended_at.is_(None)).order_by(Alert.mode.desc(), Alert.opened_at.desc()).limit(MOST_OPEN)
    ).all()
    over = session.scalars(mine.where(Alert.ended_at.is_not(None)).order_by(Alert.ended_at.desc()).limit(HISTORY)).all()
    return {
        "going": [_shown(session, one) for one in going],
        "over": over,
        "may_take": bool(unit().roles & set(TAKERS)),
    }


def _one(session: Session, alert_id: uuid.UUID) -> dict[str, object]:
    alert = _alert(session, alert_id)
    asked = session.execute(
        select(Ask, Person.name)
        .join(Person, Person.id == Ask.person_id)
        .where(Ask.alert_id == alert_id)
        .order_by(Ask.wave.desc(), Person.name)
    ).all()
    return {
        "one": _shown(session, alert),
        "asked": [(ask, name, _now_tried(alert, ask)) for ask, name in asked],
        "may_take": bool(unit().roles & set(TAKERS)),
    }


def _now_tried(alert: Alert, ask: Ask) -> bool:
    return alert.state is AlertState.OPEN and ask.state is AskState.RINGING and ask.wave == alert.climbed


def _shown(session: Session, alert: Alert) -> Shown:
    """Whoever is asked in the step under way: a step passed over has asked nobody, so the last asked wave counts."""
    tried: Sequence[str] = ()
    if alert.state is AlertState.OPEN:
        tried = session.scalars(
            select(Person.name)
            .join(Ask, Ask.person_id == Person.id)
            .where(Ask.alert_id == alert.id, Ask.state == AskState.RINGING, Ask.wave == alert.climbed)
            .order_by(Person.name)
        ).all()
    escalation = session.get(Escalation, alert.escalation_id) if alert.escalation_id else None
    return Shown(alert, tried, escalation.name if escalation else "")


def _mode(told: str | None) -> Mode:
    if told not in (Mode.LIVE, Mode.DRILL):
        raise NotAllowed("choose: is this real, or an exercise?")
    return Mode(told)
