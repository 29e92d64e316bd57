"""The first page: what is happening now, and whether the machine is healthy. Renewed every two seconds."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from crisis.console import happening, health
from crisis.console.guard import signed_in
from crisis.console.here import actor, fragment, runtime, signed_in_visitor
from crisis.console.triage_words import lane_words
from crisis.models import utcnow
from crisis.triage import views

pages = Blueprint("first", __name__)


@pages.get("/")
@signed_in
def show() -> ResponseReturnValue:
    return render_template("console/first.html", section="first", **_seen())


@pages.get("/now")
@signed_in
def now() -> ResponseReturnValue:
    """The part of the first page that is renewed."""
    return fragment("console/first_now.html", **_seen())


def _seen() -> dict[str, Any]:
    parts, units = runtime(), signed_in_visitor().units
    redis = parts.wakeups.alive() if parts.settings.redis_url else None
    shelf = parts.playbooks.shelf()
    with parts.database.reading() as session:
        return {
            "happening": happening.look(session, actor(), utcnow()),
            "health": health.look(session, units, shelf, utcnow(), redis=redis, settings=parts.settings),
            "several": len(units) > 1,
            "lane_words": lane_words(),
            "targets": {one.id: one.settings.triage for one in units},
            "minutes": lambda at: max(0, int((utcnow() - at).total_seconds() // 60)),
            "many": views.MANY,
            "lately": (utcnow() - happening.NEWS).date(),
        }
