"""The silent tests of every way out: what the last ones found, and asking for one now. Rules stand in sending/link_test.py."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from crisis.console.acting import acting
from crisis.console.guard import may
from crisis.console.here import actor, fragment, runtime, unit
from crisis.models import LinkTest, TestedWay, utcnow
from crisis.sending import link_test
from crisis.states import Role

pages = Blueprint("link_tests", __name__, url_prefix="/accounts/tests")
SHOWN = 14  # tests: two weeks of nights


@pages.get("/")
@may()
def index() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return render_template("console/link_tests.html", section="accounts", **_seen(session))


@pages.get("/now")
@may()
def now() -> ResponseReturnValue:
    """The results alone, renewed."""
    with runtime().database.reading() as session:
        return fragment("console/link_tests_list.html", **_seen(session))


@pages.post("/")
@may(Role.OFFICER, Role.ADMINISTRATOR)
def wish() -> ResponseReturnValue:
    with acting() as session:
        link_test.wish(session, actor(), unit().id, runtime().settings, utcnow())
        flash(gettext("The test begins within seconds. Nobody gets a message from it."), "good")
    return redirect(url_for("link_tests.index"))


def _seen(session: Session) -> dict[str, object]:
    rows = session.scalars(
        select(LinkTest)
        .where(LinkTest.unit_id == unit().id)
        .options(selectinload(LinkTest.ways).selectinload(TestedWay.account))
        .order_by(LinkTest.planned_for.desc(), LinkTest.number.desc())
        .limit(SHOWN)
    ).all()
    return {
        "tests": [(row, sorted(row.ways, key=lambda way: (way.ok is not False, way.account.key))) for row in rows],
        "planned_at": unit().settings.link_test_at,
        "may_wish": bool(unit().roles & {Role.OFFICER, Role.ADMINISTRATOR}),
    }
