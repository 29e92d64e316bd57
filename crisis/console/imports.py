"""Pages for a whole file of people: upload, look at what it would do, say yes; and the way out again.

Nothing is imported before the yes; the file waits on the server, not in the page. Its rules stand in oncall.
"""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from crisis import audit
from crisis.console.guard import may
from crisis.console.here import actor, runtime, signed_in_visitor, unit
from crisis.console.staging import Staging
from crisis.console.wording import refusal
from crisis.models import utcnow
from crisis.oncall import people_csv, people_import
from crisis.states import NotAllowed, Role

pages = Blueprint("imports", __name__, url_prefix="/people")


@pages.get("/import")
@may(Role.ADMINISTRATOR)
def upload() -> ResponseReturnValue:
    return render_template("console/people/import.html", columns=people_csv.COLUMNS, error="")


@pages.post("/import")
@may(Role.ADMINISTRATOR)
def look() -> ResponseReturnValue:
    """Keep the file and show what it would do."""
    file = request.files.get("file")
    raw = file.read() if file else b""
    try:
        people_csv.read(raw)
    except NotAllowed as error:
        return render_template("console/people/import.html", columns=people_csv.COLUMNS, error=refusal(error)), 422
    token = _staging().keep(raw, signed_in_visitor().user_id, unit().id)
    return redirect(url_for("imports.dry_run", token=token))


@pages.get("/import/<token>")
@may(Role.ADMINISTRATOR)
def dry_run(token: str) -> ResponseReturnValue:
    raw = _staging().find(token, signed_in_visitor().user_id, unit().id)
    if raw is None:
        return _gone()
    parsed = people_csv.read(raw)
    with runtime().database.reading() as session:
        plan = people_import.plan(session, unit().id, parsed.rows)
    return render_template("console/people/dry_run.html", parsed=parsed, plan=plan, token=token)


@pages.post("/import/<token>")
@may(Role.ADMINISTRATOR)
def apply(token: str) -> ResponseReturnValue:
    where = token, signed_in_visitor().user_id, unit().id
    raw = _staging().find(*where)
    if raw is None:
        return _gone()
    parsed = people_csv.read(raw)  # before the transaction: nobody waits for the reading
    with runtime().database.writing() as session:
        done = people_import.apply(session, actor(), unit().id, parsed.rows)
    _staging().drop(*where)
    counts = {"new": len(done.new), "changed": len(done.changed), "left": parsed.bad}
    flash(gettext("Imported: %(new)d new, %(changed)d changed, %(left)d lines left out.", **counts), "good")
    return redirect(url_for("people.index"))


@pages.get("/export.csv")
@may(Role.ADMINISTRATOR)
def export() -> ResponseReturnValue:
    """Everybody, for the same import again. Recorded: it is a list of people's private numbers."""
    with runtime().database.writing() as session:
        everybody = [details for _, details in people_import.everybody(session, unit().id)]
        counts = {"persons": len(everybody)}
        audit.record(session, actor(), "people.exported", f"unit:{unit().id}", unit_id=unit().id, details=counts)
    response = Response(stream_with_context(people_csv.write(everybody)), mimetype="text/csv")
    name = f"people-{unit().key}-{utcnow():%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _staging() -> Staging:
    return Staging(runtime().settings.data_dir / "imports")


def _gone() -> ResponseReturnValue:
    flash(gettext("That file is no longer here; nothing was imported. Upload it again."), "warn")
    return redirect(url_for("imports.upload"))
