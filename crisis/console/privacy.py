"""What is kept of private people: the unit's rules, what was erased, erasing one author, and what was said in an incident
as a file.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.console import found
from crisis.console.guard import may
from crisis.console.here import actor, runtime, unit
from crisis.console.triage_words import lane_words
from crisis.console.wording import refusal
from crisis.models import AuditRow, Incident, utcnow
from crisis.states import NotAllowed, Role
from crisis.triage import export, privacy

pages = Blueprint("privacy", __name__)

Export = Callable[[Session, uuid.UUID], Iterator[str]]
FORMATS: dict[str, tuple[Export, str]] = {
    "csv": (export.as_csv, "text/csv"),
    "json": (export.as_json, "application/json"),
}


@pages.get("/privacy")
@may(Role.ADMINISTRATOR, Role.APPROVER, Role.OFFICER)
def show() -> ResponseReturnValue:
    here = unit()
    with runtime().database.reading() as session:
        kept = privacy.kept(session, here.id)
        asked = session.scalars(
            select(AuditRow)
            .where(AuditRow.unit_id == here.id, AuditRow.act == "inbound.author_erased")
            .order_by(AuditRow.number.desc())
            .limit(20)
        ).all()
        incidents = session.scalars(
            select(Incident).where(Incident.unit_id == here.id).order_by(Incident.opened_at.desc()).limit(50)
        ).all()
        return render_template(
            "console/privacy.html",
            section="privacy",
            lanes=[
                (lane_words()[lane], here.settings.keeps(lane), one.count, one.erased, one.oldest)
                for lane, one in kept.items()
            ],
            evidence=(here.settings.keep_evidence_days, *privacy.evidence(session, here.id)),
            last=max((one.erased_last for one in kept.values() if one.erased_last), default=None),
            asked=asked,
            incidents=incidents,
        )


@pages.post("/privacy/erase")
@may(Role.ADMINISTRATOR)
def erase() -> ResponseReturnValue:
    """Everything one person has said, because they asked."""
    try:
        with runtime().database.writing() as session:
            author, evidence = request.form.get("author", ""), request.form.get("evidence") == "yes"
            done = privacy.erase_author(session, actor(), unit().id, author, utcnow(), evidence=evidence)
        count = done.messages
        words = ngettext("%(num)d message is erased.", "%(num)d messages are erased.", count)
        flash(words, "good" if count or evidence else "warn")
        if done.copies:
            kept = ngettext(
                "%(num)d copy stays as evidence of abuse until the unit's rule ends it.",
                "%(num)d copies stay as evidence of abuse until the unit's rule ends them.",
                done.copies,
            )
            flash(kept, "warn")
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    return redirect(url_for("privacy.show"))


@pages.get("/incidents/<uuid:incident_id>/heard.<any(csv, json):kind>")
@may(Role.ADMINISTRATOR, Role.APPROVER, Role.OFFICER)
def download(incident_id: uuid.UUID, kind: str) -> ResponseReturnValue:
    """What was said in an incident. Who took it stands in the record: it is about private people."""
    lines, type_ = FORMATS[kind]
    with runtime().database.writing() as session:
        incident = found.incident(session, incident_id)
        audit.record(
            session, actor(), "inbound.exported", f"incident:{incident.id}", unit_id=incident.unit_id,
            details={"format": kind, "mode": str(incident.mode)},
        )  # fmt: skip
        name = f"said-{incident.opened_at:%Y-%m-%d}-{incident.id.hex[-6:]}.{kind}"

    def stream() -> Iterator[str]:
        with database.reading() as session:
            yield from lines(session, incident_id)

    database = runtime().database
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(stream(), content_type=f"{type_}; charset=utf-8", headers=headers)
